//! What the sky's subtraction leaves in spectra: noise that is broad along the wavelength, of which inverse
//! variances do not tell. Fibres that looked at the empty sky show it alone.

use super::linalg::eigen;
use crate::data::Spectrum;
use ndarray::{Array1, Array2, Axis, s};

/// Width of the bands in which residues are measured, log10 of the wavelength: 2.3 %.
const BAND: f64 = 0.01;
/// Good pixels that tell a fibre's residue in a band, at least.
const PIXELS_MIN: usize = 16;
/// Bands that a smaller part of the fibres shows are left out.
const SHOWN_MIN: f64 = 0.5;
/// Fibres of which fewer say nothing of a covariance.
pub(crate) const FIBRES_MIN: usize = 20;

/// Residues r = √w σ ∘ Q z of a spectrum whose pixels have the noise σ and the width w in log10(λ): z standard normal,
/// Q on the wavelengths where the object was observed. They are in units of the noise because both go with the sky's
/// brightness; √w σ is the same of pixels of any width.
#[derive(Debug, Clone, PartialEq)]
pub struct Residues {
    /// log10(λ/Å) of the nodes, ascending, `[B]`.
    pub loglam: Vec<f64>,
    /// Q, `[B, K]`: between nodes in proportion, beyond them as at the last.
    pub modes: Array2<f64>,
}

impl Residues {
    /// √w σ Q at pixels of these log10(λ_observed/Å) and noise variances, both `[D]`, and of width w: `[D, K]`, 0
    /// where masked.
    #[must_use]
    pub fn at(&self, loglam: &[f64], variance: &Array1<f64>, width: f64) -> Array2<f64> {
        let last = self.loglam.len() - 1;
        let mut out = Array2::zeros((loglam.len(), self.modes.ncols()));
        for ((mut row, l), v) in out.rows_mut().into_iter().zip(loglam).zip(variance) {
            let above = self.loglam.partition_point(|node| node < l);
            let (low, high) = (above.saturating_sub(1), above.min(last));
            let apart = self.loglam[high] - self.loglam[low];
            let part = match apart > 0.0 {
                true => (l - self.loglam[low]) / apart,
                false => 0.0,
            };
            let sigma = (width * v.max(0.0)).sqrt();
            row.scaled_add(sigma * (1.0 - part), &self.modes.row(low));
            row.scaled_add(sigma * part, &self.modes.row(high));
        }
        out
    }

    /// Their standard deviation over the noise of a pixel of that width, in the mean over the nodes.
    #[must_use]
    pub fn scatter(&self, width: f64) -> f64 {
        let all = width * self.modes.iter().map(|q| q * q).sum::<f64>();
        (all / self.loglam.len() as f64).sqrt()
    }
}

/// Sums over sky fibres.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResidueSums {
    /// Of each fibre its bands: number, mean of f / (√w σ), and the variance that independent pixels give that.
    fibres: Vec<Vec<(i64, f64, f64)>>,
}

impl ResidueSums {
    /// Adds a fibre, unless it shows nothing.
    pub fn add(&mut self, spectrum: &Spectrum) {
        let pixels = spectrum.grid.pixels(spectrum.flux.len());
        let mut bands: Vec<(i64, Vec<[f64; 2]>)> = Vec::new();
        for ((f, v), [a, b]) in spectrum.flux.iter().zip(&spectrum.ivar).zip(pixels) {
            if *v <= 0.0 {
                continue;
            }
            let band = (0.5 * (a + b) / BAND).floor() as i64;
            let width = (b - a).abs();
            let pixel = [f64::from(*f) * (f64::from(*v) / width).sqrt(), 1.0 / width];
            match bands.last_mut() {
                Some((last, pixels)) if *last == band => pixels.push(pixel),
                _ => bands.push((band, vec![pixel])),
            }
        }
        bands.retain(|(_, pixels)| pixels.len() >= PIXELS_MIN);
        if bands.is_empty() {
            return;
        }
        let mean = |(band, pixels): (i64, Vec<[f64; 2]>)| {
            let n = pixels.len() as f64;
            let sum = |k: usize| pixels.iter().map(|p| p[k]).sum::<f64>();
            (band, sum(0) / n, sum(1) / (n * n))
        };
        self.fibres.push(bands.into_iter().map(mean).collect());
    }

    /// Fibres that show something.
    pub fn fibres(&self) -> usize {
        self.fibres.len()
    }

    /// The residues. `excess`, by log10 of the wavelength, is the variance of the mean of many pixels over that of
    /// independent ones. The modes are those whose variance stands out of what as many fibres of noise alone
    /// would show at most (Marchenko & Pastur 1967); `None` of fewer than [`FIBRES_MIN`], or if none does.
    pub fn residues(&self, excess: impl Fn(f64) -> f64) -> Option<Residues> {
        if self.fibres() < FIBRES_MIN {
            return None;
        }
        let all = || self.fibres.iter().flatten().map(|(band, ..)| *band);
        let (first, last) = (all().min()?, all().max()?);
        let shown = |band: &i64| {
            let n = all().filter(|b| b == band).count();
            n as f64 >= SHOWN_MIN * self.fibres() as f64
        };
        let bands: Vec<i64> = (first..=last).filter(shown).collect();
        let b = bands.len();
        if b == 0 {
            return None;
        }
        let (mut products, mut pairs) = (Array2::zeros((b, b)), Array2::<f64>::zeros((b, b)));
        for fibre in &self.fibres {
            let place = |(band, t, noise): &(i64, f64, f64)| {
                let at = bands.binary_search(band).ok()?;
                let middle = (*band as f64 + 0.5) * BAND;
                Some((at, *t, excess(middle) * noise))
            };
            let own: Vec<(usize, f64, f64)> = fibre.iter().filter_map(place).collect();
            for (i, t, noise) in &own {
                for (j, u, _) in &own {
                    products[[*i, *j]] += t * u;
                    pairs[[*i, *j]] += 1.0;
                }
                products[[*i, *i]] -= noise;
            }
        }
        let noise = (self.fibres.iter().flatten())
            .map(|(band, _, noise)| excess((*band as f64 + 0.5) * BAND) * noise)
            .sum::<f64>()
            / all().count() as f64;
        let covariance = products / pairs.mapv(|n: f64| n.max(1.0));
        let edge = noise * ((1.0 + (b as f64 / self.fibres() as f64).sqrt()).powi(2) - 1.0);
        let (variances, vectors) = eigen(&covariance);
        let kept = variances.iter().take_while(|v| **v > edge).count();
        let scatter = variances.slice(s![..kept]).mapv(f64::sqrt);
        (kept > 0).then(|| Residues {
            loglam: bands.iter().map(|k| (*k as f64 + 0.5) * BAND).collect(),
            modes: &vectors.slice(s![.., ..kept]) * &scatter.insert_axis(Axis(0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NativeGrid;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    const FIRST: i64 = 36000;
    const PIXELS: usize = 1200;

    /// Fibres of unit noise with a residue of standard deviation `scatter` that grows from blue to red.
    fn fibres(n: usize, scatter: f64) -> ResidueSums {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut sums = ResidueSums::default();
        for _ in 0..n {
            let level: f64 = scatter * rng.sample::<f64, _>(StandardNormal);
            let ivar: Vec<f32> = (0..PIXELS).map(|_| rng.random_range(0.5..2.0)).collect();
            let flux = ivar.iter().enumerate().map(|(i, v)| {
                let noise: f64 = rng.sample(StandardNormal);
                ((level * i as f64 / PIXELS as f64 + noise) / f64::from(*v).sqrt()) as f32
            });
            sums.add(&Spectrum {
                grid: NativeGrid::Sdss { first: FIRST },
                flux: flux.collect(),
                ivar: ivar.clone(),
                lsf: vec![],
            });
        }
        sums
    }

    #[test]
    fn residues_are_measured_where_fibres_show_them() {
        let found = fibres(200, 0.5).residues(|_| 1.0).unwrap();
        assert_eq!(found.modes.ncols(), 1);
        let variance = Array1::from(vec![4.0, 4.0, 0.0]);
        let at = |i: f64| 1e-4 * (FIRST as f64 + i);
        let modes = found.at(&[at(100.0), at(1100.0), at(1100.0)], &variance, 1e-4);
        let size = |k: usize| modes[[k, 0]].abs() / 2.0;
        assert!((size(0) - 0.5 * 100.0 / 1200.0).abs() < 0.03);
        assert!((size(1) - 0.5 * 1100.0 / 1200.0).abs() < 0.06);
        assert_eq!(modes[[2, 0]], 0.0);
        assert!((found.scatter(1e-4) - 0.5 / 3f64.sqrt()).abs() < 0.05);
        // Of a pixel four times as wide, whose noise is half as wide, they are twice as large a part.
        assert!((found.scatter(4e-4) / found.scatter(1e-4) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn noise_alone_and_few_fibres_show_none() {
        assert!(fibres(100, 0.0).residues(|_| 1.0).is_none());
        assert!(fibres(FIBRES_MIN - 1, 0.5).residues(|_| 1.0).is_none());
        // What is correlated from pixel to pixel makes means noisier, and is no residue.
        assert!(fibres(100, 0.0).residues(|_| 1.5).is_none());
    }

    #[test]
    fn beyond_the_fibres_residues_are_as_at_their_end() {
        let residues = Residues {
            loglam: vec![3.6, 3.61],
            modes: ndarray::array![[1.0], [3.0]],
        };
        let found = residues.at(&[3.5, 3.605, 3.7], &Array1::ones(3), 1.0);
        let expected = [1.0, 2.0, 3.0];
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
    }
}
