//! What the sky's subtraction leaves in spectra: noise that is broad along the wavelength, of which inverse
//! variances do not tell. Fibres that looked at the empty sky show it alone.

use super::linalg::eigen;
use crate::data::Spectrum;
use ndarray::{Array1, Array2, Axis, concatenate, s};
use std::collections::BTreeMap;

/// Width of the bands in which residues are measured, log10 of the wavelength: 2.3 %.
const BAND: f64 = 0.01;
/// Good pixels that tell a fibre's residue in a band, at least.
const PIXELS_MIN: usize = 16;
/// Bands that a smaller part of the fibres shows are left out.
const SHOWN_MIN: f64 = 0.5;
/// Part of their variance that each band has to itself: fibres beyond those that were measured show modes of their
/// own. Half of real sky fibres in four parts, each predicted by the others, had the mean square 1.42 of what it
/// should be without it, 1.01 with it.
const OWN: f64 = 0.1;
/// Fibres of which fewer say nothing of a covariance.
pub(crate) const FIBRES_MIN: usize = 20;

/// Residues r = Q z of a spectrum: z standard normal, Q on the wavelengths where the object was observed. They are in
/// units of flux: what the sky leaves does not depend on the object in front of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Residues {
    /// log10(λ/Å) of the nodes, ascending, `[B]`.
    pub loglam: Vec<f64>,
    /// Q, `[B, K]`, in the unit of the fibres' flux: between nodes in proportion, beyond them as at the last.
    pub modes: Array2<f64>,
}

impl Residues {
    /// Q at pixels of these log10(λ_observed/Å), `[D, K]`.
    #[must_use]
    pub fn at(&self, loglam: impl ExactSizeIterator<Item = f64>) -> Array2<f64> {
        let last = self.loglam.len() - 1;
        let mut out = Array2::zeros((loglam.len(), self.modes.ncols()));
        for (mut row, l) in out.rows_mut().into_iter().zip(loglam) {
            let above = self.loglam.partition_point(|node| *node < l);
            let (low, high) = (above.saturating_sub(1), above.min(last));
            let apart = self.loglam[high] - self.loglam[low];
            let part = match apart > 0.0 {
                true => (l - self.loglam[low]) / apart,
                false => 0.0,
            };
            row.scaled_add(1.0 - part, &self.modes.row(low));
            row.scaled_add(part, &self.modes.row(high));
        }
        out
    }

    /// Their standard deviations at the nodes, `[B]`, in the unit of flux.
    #[must_use]
    pub fn scatter(&self) -> Vec<f64> {
        let modes = self.modes.rows().into_iter();
        modes.map(|q| q.dot(&q).sqrt()).collect()
    }
}

/// The largest variance that `b` bands of unit noise show in `n` fibres, in 99 cases of 100 (Johnstone 2001).
fn highest(b: usize, n: usize) -> f64 {
    let [p, m] = [b as f64, n as f64 - 1.0].map(f64::sqrt);
    let scatter = (p + m) * (1.0 / p + 1.0 / m).cbrt();
    ((p + m).powi(2) + 2.02 * scatter) / n as f64
}

/// Sums over sky fibres.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResidueSums {
    /// Of each fibre its bands: number, mean flux by inverse variance, and the variance that the noise of independent
    /// pixels gives that.
    fibres: Vec<Vec<(i64, f64, f64)>>,
}

impl ResidueSums {
    /// Adds a fibre, unless it shows nothing.
    pub fn add(&mut self, spectrum: &Spectrum) {
        let pixels = spectrum.grid.pixels(spectrum.flux.len());
        // Number, pixels, sum of ivar · flux, and of ivar.
        let mut bands: Vec<(i64, usize, f64, f64)> = Vec::new();
        let all = spectrum.flux.iter().zip(&spectrum.ivar).zip(pixels);
        for ((f, v), [a, b]) in all.filter(|((_, v), _)| **v > 0.0) {
            let band = (0.5 * (a + b) / BAND).floor() as i64;
            if bands.last().is_none_or(|last| last.0 != band) {
                bands.push((band, 0, 0.0, 0.0));
            }
            if let Some((_, n, flux, ivar)) = bands.last_mut() {
                *n += 1;
                *flux += f64::from(*v) * f64::from(*f);
                *ivar += f64::from(*v);
            }
        }
        bands.retain(|(_, n, ..)| *n >= PIXELS_MIN);
        if !bands.is_empty() {
            let mean =
                |(band, _, flux, ivar): (i64, usize, f64, f64)| (band, flux / ivar, 1.0 / ivar);
            self.fibres.push(bands.into_iter().map(mean).collect());
        }
    }

    /// Fibres that show something.
    pub fn fibres(&self) -> usize {
        self.fibres.len()
    }

    /// The residues. `excess`, by log10 of the wavelength, is the variance of the mean of many pixels over that of
    /// independent ones. In units of the usual noise of each band, the modes are those whose variance stands out of
    /// what as many fibres of noise alone would show, and a part of each band's own;
    /// `None` of fewer than [`FIBRES_MIN`], or if none does.
    pub fn residues(&self, excess: impl Fn(f64) -> f64) -> Option<Residues> {
        if self.fibres() < FIBRES_MIN {
            return None;
        }
        let bands = self.shown();
        let b = bands.len();
        if b == 0 {
            return None;
        }
        let middle = |band: i64| (band as f64 + 0.5) * BAND;
        let place = |(band, mean, noise): &(i64, f64, f64)| {
            let at = bands.binary_search(band).ok()?;
            Some((at, *mean, excess(middle(*band)) * noise))
        };
        let placed = |fibre: &Vec<_>| fibre.iter().filter_map(place).collect();
        let fibres: Vec<Vec<(usize, f64, f64)>> = self.fibres.iter().map(placed).collect();
        let (mut usual, mut pairs) = (Array1::<f64>::zeros(b), Array2::<f64>::zeros((b, b)));
        for fibre in &fibres {
            for (i, _, noise) in fibre {
                usual[*i] += noise;
                fibre.iter().for_each(|(j, ..)| pairs[[*i, *j]] += 1.0);
            }
        }
        let usual = (usual / pairs.diag()).mapv(f64::sqrt);
        let mut products = Array2::zeros((b, b));
        for fibre in &fibres {
            for (i, mean, noise) in fibre {
                for (j, other, _) in fibre {
                    products[[*i, *j]] += mean * other / (usual[*i] * usual[*j]);
                }
                products[[*i, *i]] -= noise / usual[*i].powi(2);
            }
        }
        let covariance = products / pairs.mapv(|n: f64| n.max(1.0));
        let edge = highest(b, self.fibres()) - 1.0;
        let (variances, vectors) = eigen(&covariance);
        let kept = variances.iter().take_while(|v| **v > edge).count();
        let scatter = variances
            .slice(s![..kept])
            .mapv(|v| ((1.0 - OWN) * v).sqrt());
        let broad = &vectors.slice(s![.., ..kept]) * &scatter.insert_axis(Axis(0));
        let own = covariance.diag().mapv(|v| (OWN * v.max(0.0)).sqrt());
        (kept > 0).then(|| Residues {
            loglam: bands.iter().map(|k| middle(*k)).collect(),
            modes: concatenate![Axis(1), broad, Array2::from_diag(&own)]
                * usual.insert_axis(Axis(1)),
        })
    }

    /// The bands that enough fibres show, ascending.
    fn shown(&self) -> Vec<i64> {
        let mut counts = BTreeMap::<i64, usize>::new();
        for (band, ..) in self.fibres.iter().flatten() {
            *counts.entry(*band).or_default() += 1;
        }
        let least = SHOWN_MIN * self.fibres() as f64;
        let enough = counts.into_iter().filter(|(_, n)| *n as f64 >= least);
        enough.map(|(band, _)| band).collect()
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

    /// Fibres whose noise is from 0.5 to 2, with a residue of standard deviation `scatter` at the red end that grows
    /// from the blue one.
    fn fibres(n: usize, scatter: f64) -> ResidueSums {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut sums = ResidueSums::default();
        for _ in 0..n {
            let level: f64 = scatter * rng.sample::<f64, _>(StandardNormal);
            let ivar: Vec<f32> = (0..PIXELS).map(|_| rng.random_range(0.25..4.0)).collect();
            let flux = ivar.iter().enumerate().map(|(i, v)| {
                let noise: f64 = rng.sample(StandardNormal);
                (level * i as f64 / PIXELS as f64 + noise / f64::from(*v).sqrt()) as f32
            });
            sums.add(&Spectrum {
                grid: NativeGrid::Sdss { first: FIRST },
                flux: flux.collect(),
                ivar: ivar.clone(),
                lsf: vec![],
                extras: Default::default(),
            });
        }
        sums
    }

    #[test]
    fn residues_are_measured_in_units_of_flux_whatever_the_noise() {
        let found = fibres(200, 0.5).residues(|_| 1.0).unwrap();
        let at = |i: f64| 1e-4 * (FIRST as f64 + i);
        let modes = found.at([100.0, 1100.0].map(at).into_iter());
        let size = |k: usize| modes.row(k).dot(&modes.row(k)).sqrt();
        assert!((size(0) - 0.5 * 100.0 / 1200.0).abs() < 0.03);
        assert!((size(1) - 0.5 * 1100.0 / 1200.0).abs() < 0.06);
        // One mode, and a tenth of each band's variance its own.
        let together = modes.row(0).dot(&modes.row(1)) / (size(0) * size(1));
        assert!((together - 0.9).abs() < 0.06, "{together}");
        let scatter = found.scatter();
        assert!(scatter.iter().all(|s| (0.0..0.6).contains(s)));
        assert!((scatter[6] - 0.5 * 650.0 / 1200.0).abs() < 0.04);
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
        let found = residues.at([3.5, 3.605, 3.7].into_iter());
        let near = |(a, b): (&f64, f64)| (a - b).abs() < 1e-9;
        assert!(found.iter().zip([1.0, 2.0, 3.0]).all(near));
    }
}
