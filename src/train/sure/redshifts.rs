//! Other redshifts that an observation may be at: lines taken for one another, and small offsets.
//!
//! Redshifts are compared by the likelihood of the same pixels, the good ones of the observation. At each redshift
//! some of them may lie where the population says nothing: beyond its grid, or where no spectrum of the survey
//! reached. What is there is taken for a smooth spectrum ([`smooth`]), the same at every redshift: otherwise the
//! redshift that hides most of the observation, or the one whose other pixels are worst, would win.

use super::posteriors::Posteriors;
use crate::Result;
use crate::data::OtherRedshift;
use crate::population::{RestFilter, smooth};
use crate::train::host_blocks::on_host;
use crate::train::observations::Observations;
use ndarray::{Array1, ArrayView1};

/// Rest wavelengths, Å, of the lines that are taken for one another: Lyα, C IV, C III], Mg II, Hβ.
const LINES: [f64; 5] = [1215.67, 1549.06, 1908.73, 2798.75, 4862.68];
/// Offsets, km/s, to either side.
const OFFSETS: [f64; 4] = [1500.0, 3000.0, 6000.0, 10_000.0];
/// Speed of light, km/s.
const LIGHT: f64 = 299_792.458;

/// Redshifts that are not so many pixels apart are one: a spectrum lies within half a pixel of its place.
const APART: isize = 2;

/// The redshifts that one recorded as `z` may really be.
pub(super) fn others(z: f64) -> impl Iterator<Item = f64> {
    let confused = LINES.iter().flat_map(|taken_for| {
        let other = LINES.iter().filter(move |line| *line != taken_for);
        other.map(move |line| taken_for / line)
    });
    let offsets = OFFSETS.iter().flat_map(|v| [-v / LIGHT, v / LIGHT]);
    let factors = confused.chain(offsets.map(|v| 1.0 + v));
    factors
        .map(move |f| (1.0 + z) * f - 1.0)
        .filter(|z| *z > 0.0)
}

impl Posteriors {
    /// The best of the other redshifts that each observation may be at and the population knows; `None` where
    /// there is none to compare.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn other_redshifts(&self, o: &Observations) -> Result<Vec<Option<OtherRedshift>>> {
        let block = on_host(o)?;
        Ok(self.each(&block, |i, p| {
            let observation = Observation {
                filter: &self.filter,
                flux: block.flux.row(i),
                ivar: block.ivar.row(i),
                z: block.z[i],
                norm: block.norm[i],
                amplitude: p?.amplitude(),
            };
            observation.best()
        }))
    }
}

/// An observation whose redshift is in question.
struct Observation<'a> {
    filter: &'a RestFilter,
    /// `[D]` each, at the pixels of the recorded redshift.
    flux: ArrayView1<'a, f32>,
    ivar: ArrayView1<'a, f32>,
    /// The recorded redshift.
    z: f64,
    /// What the flux was divided by.
    norm: f64,
    /// The scale of a smooth spectrum.
    amplitude: f64,
}

impl Observation<'_> {
    /// The likeliest of the others of which the population knows half of the good pixels or more.
    fn best(&self) -> Option<OtherRedshift> {
        let good = self.ivar.iter().filter(|v| **v > 0.0).count();
        let (recorded, _) = self.loglike(self.z)?;
        let tried = others(self.z).filter(|z| self.pixels_to(*z).abs() >= APART);
        let found = tried.filter_map(|z| {
            let (loglike, known) = self.loglike(z)?;
            (known > 0 && 2 * known >= good).then_some(OtherRedshift {
                z,
                gain: loglike - recorded,
            })
        });
        found.max_by(|a, b| a.gain.total_cmp(&b.gain))
    }

    /// Pixels by which features lie further to the red at redshift `z` than at the recorded one, in the rest frame.
    fn pixels_to(&self, z: f64) -> isize {
        let dln = self.filter.population().grid.dln();
        ((self.z.ln_1p() - z.ln_1p()) / dln).round() as isize
    }

    /// ln p of all good pixels were the object at redshift `z`, and how many of them the population knows there;
    /// `None` of a redshift that it does not know.
    fn loglike(&self, z: f64) -> Option<(f64, usize)> {
        let grid = self.filter.population().grid;
        grid.shift(z)?;
        let by = if grid.is_rest() { self.pixels_to(z) } else { 0 };
        let mut there = moved(self.ivar, by);
        for (v, known) in there.iter_mut().zip(self.filter.known(z)) {
            *v = if known { *v } else { 0.0 };
        }
        let seen = moved(self.flux, by);
        let found = (self
            .filter
            .posterior_of(seen.view(), there.view(), [z, self.norm])?)
        .loglike();
        let kept = moved(there.view(), -by);
        let beyond = |j: usize| self.ivar[j] > 0.0 && kept[j] <= 0.0;
        let scale = self.amplitude;
        let variance = (0..kept.len()).map(|j| match beyond(j) {
            true => 1.0 / (f64::from(self.ivar[j]) * scale * scale),
            false => 0.0,
        });
        let variance: Array1<f64> = variance.collect();
        let beyond = variance.iter().filter(|v| **v > 0.0).count() as f64;
        let y = self.flux.mapv(|f| f64::from(f) / scale);
        let rest = smooth(y.view(), variance.view()) - beyond * scale.ln();
        Some((found.loglike + rest, found.pixels))
    }
}

/// A row whose pixel j is at j + `by`; 0 where there is none.
fn moved(row: ArrayView1<f32>, by: isize) -> Array1<f32> {
    let at = |j: usize| {
        let from = (j as isize).checked_sub(by)?;
        row.get(usize::try_from(from).ok()?).copied()
    };
    (0..row.len()).map(|j| at(j).unwrap_or(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ForwardConfig, Frame, GridConfig, NoiseFrom, SmoothingFrom};
    use crate::data::LogGrid;
    use crate::population::{Channel, RestGrid, RestPopulation};
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn a_line_taken_for_another_is_among_them() {
        // Mg II of an object at z = 1 taken for Lyα.
        let recorded = 2.0 * 2798.75 / 1215.67 - 1.0;
        assert!(others(recorded).any(|z| (z - 1.0).abs() < 1e-9));
        assert!(others(0.1).all(|z| z > 0.0) && others(f64::NAN).count() == 0);
    }

    const D: usize = 120;
    /// From this pixel on the survey has shown none.
    const SHOWN: usize = 112;
    /// Of [`LINES`], and how much they scatter.
    const STRENGTHS: [[f64; 2]; 5] = [[3.0, 0.8], [1.2, 0.3], [0.5, 0.1], [0.7, 0.2], [0.9, 0.3]];

    fn grid() -> LogGrid {
        LogGrid::new(&GridConfig {
            frame: Frame::Rest,
            min: 1000.0,
            max: 7000.0,
            pixels: D,
        })
    }

    /// A falling continuum of a slope that scatters, its forest, and lines whose strengths scatter.
    fn population(grid: &LogGrid) -> RestPopulation {
        let wavelength = grid.wavelength();
        let forest = |w: f64| if w < 1200.0 { 0.7 } else { 1.0 };
        let line = |w: f64, k: usize| (-0.5 * ((w / LINES[k] - 1.0) / 0.02).powi(2)).exp();
        let continuum = |w: f64| forest(w) * (w / 2000.0).powf(-0.7);
        let mean = wavelength.iter().map(|w| {
            let lines: f64 = (0..5).map(|k| STRENGTHS[k][0] * line(*w, k)).sum();
            continuum(*w) + lines
        });
        let factor = Array2::from_shape_fn((D, 6), |(e, k)| match wavelength[e] {
            _ if e >= SHOWN => 0.0,
            w if k < 5 => STRENGTHS[k][1] * line(w, k),
            w => 0.2 * (w / 2000.0).ln() * continuum(w),
        });
        RestPopulation {
            grid: RestGrid::over(grid, 0.0, 1),
            drift: None,
            mean: mean.collect(),
            slope: None,
            factor,
            structure: None,
            scaled: true,
            shifts: vec![1.0],
            spectra: 1000,
        }
    }

    fn filter() -> RestFilter {
        let grid = grid();
        let forward = ForwardConfig::Quasar {
            tilt: 0.05,
            smoothing: SmoothingFrom::Lsf,
            noise: NoiseFrom::Ivar,
        };
        let channel = Channel::new(&forward, &grid, &[0.5; D], &[0.0; D]).unwrap();
        RestFilter::new(population(&grid), channel)
    }

    /// Flux and ivar of an object at `z` seen from 3600 to 10,400 Å with `noise`, as they lie on the grid where it is
    /// recorded at another redshift; what lies beyond the grid is lost.
    fn observed(filter: &RestFilter, z: [f64; 2], noise: f64, seed: u64) -> [Array1<f32>; 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let population = filter.population();
        let mut normal = || -> f64 { rng.sample(StandardNormal) };
        let modes: Array1<f64> = (0..6).map(|_| normal()).collect();
        let clean = &population.mean + &population.factor.dot(&modes);
        let [z, recorded] = z;
        let by = ((z.ln_1p() - recorded.ln_1p()) / population.grid.dln()).round() as isize;
        let at = |j: usize| -> (f64, bool) {
            let e = j as isize - by;
            let wave = (population.grid.ln(0) + e as f64 * population.grid.dln()).exp() * (1.0 + z);
            // Beyond the grid: no light to the blue of it, a continuum to the red.
            let flux = match usize::try_from(e) {
                Ok(e) => clean.get(e).copied().unwrap_or(0.4),
                Err(_) => 0.0,
            };
            (flux, (3600.0..10_400.0).contains(&wave))
        };
        let flux = (0..D)
            .map(|j| (at(j).0 + noise * normal()) as f32)
            .collect();
        let ivar = (0..D).map(|j| if at(j).1 { noise.powi(-2) as f32 } else { 0.0 });
        [flux, ivar.collect()]
    }

    fn best(filter: &RestFilter, [flux, ivar]: &[Array1<f32>; 2], z: f64) -> Option<OtherRedshift> {
        let (flux, ivar) = (flux.view(), ivar.view());
        let amplitude = filter.posterior(flux, ivar, z)?.amplitude();
        let observation = Observation {
            filter,
            flux,
            ivar,
            z,
            norm: 1.0,
            amplitude,
        };
        observation.best()
    }

    #[test]
    fn a_line_taken_for_another_is_found_however_much_of_the_spectrum_each_redshift_shows() {
        let filter = filter();
        // Lyα, C IV, C III] and Mg II, at redshifts where parts of the spectrum lie beyond the grid, or where no
        // spectrum was.
        let confusions = [(3, 0), (0, 3), (1, 0), (0, 1), (2, 3), (3, 2)];
        let seen_line = |line: f64| (3600.0..10_400.0).contains(&line);
        let mut tried = 0;
        for (line, taken_for) in confusions {
            for (k, z) in [0.45, 0.7, 1.2, 1.9, 2.4, 2.9, 3.6].into_iter().enumerate() {
                let recorded = (1.0 + z) * LINES[line] / LINES[taken_for] - 1.0;
                if !(0.4..5.0).contains(&recorded) || !seen_line(LINES[line] * (1.0 + z)) {
                    continue;
                }
                let seen = observed(&filter, [z, recorded], 0.2, k as u64);
                let found = best(&filter, &seen, recorded).unwrap();
                let off = (found.z - z).abs() / (1.0 + z);
                assert!(
                    found.gain > 5.0 && off < 1e-3,
                    "{z} as {recorded}: {found:?}"
                );
                tried += 1;
            }
        }
        assert_eq!(tried, 23);
    }

    #[test]
    fn a_right_redshift_is_the_best() {
        let filter = filter();
        for (k, z) in [0.45, 0.8, 1.6, 2.3, 2.9, 3.6].into_iter().enumerate() {
            let seen = observed(&filter, [z, z], 0.2, k as u64);
            let found = best(&filter, &seen, z).unwrap();
            assert!(found.gain < 0.0, "{z} {found:?}");
        }
    }
}
