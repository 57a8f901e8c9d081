//! Mean and covariance of clean spectra in the rest frame, learned from the observations behind any blur.

use super::blur::blur_matrix;
use super::channel::Channel;
use super::learned::learn;
use super::linalg::{clip_to_psd, eigen};
use super::moments::{Moments, within};
use super::rest_em::{RATIO, Spectra};
use super::rest_erased::Erased;
use super::rest_grid::RestGrid;
use super::rest_passed::Passed;
use super::rest_population::{Amplitudes, RestPopulation, rest_grid};
use crate::Result;
use crate::config::ForwardConfig;
use crate::data::{Block, LogGrid};
use ndarray::{Array1, Array2, Axis, s};

/// Rounds of expectation maximisation: from the population of the observed frame, and each time that the erased
/// modes are given their declared variance.
const ROUNDS: [usize; 2] = [30, 5];
/// How often that is done: it goes with the mean, which is better known each time.
const DECLARED: usize = 2;
/// How many times larger than the first guess of the mean in erased waves its amplitude may be.
const FREE: f64 = 10.0;
/// Fewer waves tell of no power law.
const FEWEST: usize = 4;
/// Modes that a wide blur passes, at most: of more, a round takes too long.
const MODES: usize = 160;

/// Moments on a grid of ln λ_rest.
#[derive(Debug, Clone)]
pub struct RestMoments {
    /// The pixels, L of them.
    pub grid: RestGrid,
    /// `[L]`.
    pub mean: Array1<f64>,
    /// [L, L].
    pub covariance: Array2<f64>,
    /// Part of the spectra at each shift of the grid, `[shifts]`.
    pub shifts: Vec<f64>,
}

impl RestMoments {
    /// Of the clean spectra behind the observations `rows` on `grid` through `channel`. Where the blur
    /// leaves the local structure to be seen, as [`RestPopulation::learn`] finds them; behind a wider one
    /// by expectation maximisation from the population of the observed frame, with the part `erased` of
    /// a declared variance in the modes that the channel erases: that of the forest and of broad lines. `None`
    /// where no redshift is known, they range too widely, or a wide blur passes too many modes.
    ///
    /// # Errors
    /// The first of `rows`.
    pub fn learn<I: Iterator<Item = Result<Block>>>(
        rows: impl Fn() -> I,
        grid: &LogGrid,
        (forward, channel): (&ForwardConfig, &Channel),
        noise_rho: &[f32],
        erased: f64,
    ) -> Result<Option<Self>> {
        if RestPopulation::is_seen_through(channel) {
            let found = RestPopulation::learn(rows, grid, channel, Amplitudes::None)?;
            return Ok(found.map(|p| Self {
                covariance: p.covariance(),
                grid: p.grid,
                mean: p.mean,
                shifts: p.shifts,
            }));
        }
        let Some((rest, shifts, (count, distance))) = seen(&rows, grid)? else {
            return Ok(None);
        };
        let passed = Passed::new(channel);
        if passed.modes() > MODES {
            return Ok(None);
        }
        let (_, observed) = learn(&rows, forward, grid, noise_rho)?;
        let (mut mean, mut covariance) = spread(&observed.declared(erased), &rest, &shifts);
        let spectra = Spectra::new(rows(), &rest, &passed, (channel.sigma_pixels, count))?;
        for _ in 0..ROUNDS[0] {
            (mean, covariance) = spectra.round(&mean, &covariance);
        }
        let waves = found(channel.sigma_pixels, &covariance, spectra.information());
        let erased_waves = Erased::new(&rest, &waves, (forward, distance));
        // What the rounds made of the mean's erased waves is the observed frame's, and may be some of the truth.
        let about = waves.dot(&waves.t().dot(&mean));
        let guess = ((&mean - &about) * FREE).insert_axis(Axis(1));
        for _ in 0..DECLARED {
            let known = within(&covariance, &waves);
            let declared = erased_waves.declared(&mean, &known, erased);
            covariance = known + &declared.lines + &declared.forest;
            for _ in 0..ROUNDS[1] {
                // The forest of many spectra has no mean but what the transmission of all has.
                let scale = &covariance - &declared.forest + &guess.dot(&guess.t());
                mean = spectra.mean((&about, &scale), &mean, &covariance);
                (_, covariance) = spectra.round(&mean, &covariance);
            }
        }
        Ok(Some(Self {
            grid: rest,
            mean,
            covariance,
            shifts,
        }))
    }

    /// What they are of spectra of any redshift, on the observed grid: mean `[D]` and covariance [D, D].
    #[must_use]
    pub fn observed(&self) -> (Array1<f64>, Array2<f64>) {
        let d = self.grid.pixels;
        let (mut mean, mut second) = (Array1::zeros(d), Array2::zeros((d, d)));
        for (k, part) in self.shifts.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let m = self.mean.slice(s![k..k + d]);
            let column = m.insert_axis(Axis(1));
            let own = &self.covariance.slice(s![k..k + d, k..k + d]) + &column.dot(&column.t());
            mean.scaled_add(*part, &m);
            second.scaled_add(*part, &own);
        }
        let column = mean.view().insert_axis(Axis(1));
        second -= &column.dot(&column.t());
        (mean, second)
    }
}

/// A rest-frame grid, the part of the spectra at each shift of it, how many these are and their mean ln(1 + z).
type Seen = (RestGrid, Vec<f64>, (usize, f64));

/// Of `rows`; `None` as of [`rest_grid`].
fn seen<I: Iterator<Item = Result<Block>>>(
    rows: &impl Fn() -> I,
    grid: &LogGrid,
) -> Result<Option<Seen>> {
    let Some(rest) = rest_grid(rows, grid)? else {
        return Ok(None);
    };
    let (mut shifts, mut count, mut distance) = (vec![0.0; rest.shifts], 0, 0.0);
    for block in rows() {
        for z in &block?.z {
            if let Some(k) = rest.shift(*z) {
                shifts[k] += 1.0;
                count += 1;
                distance += z.ln_1p();
            }
        }
    }
    let all = f64::max(count as f64, 1.0);
    shifts.iter_mut().for_each(|n| *n /= all);
    Ok(Some((rest, shifts, (count, distance / all))))
}

/// Moments of the observed frame as if they were those of the rest frame, averaged over the shifts.
fn spread(observed: &Moments, rest: &RestGrid, shifts: &[f64]) -> (Array1<f64>, Array2<f64>) {
    let (l, d) = (rest.len(), rest.pixels);
    let (mut mean, mut weight) = (Array1::<f64>::zeros(l), Array1::<f64>::zeros(l));
    let (mut sum, mut pairs) = (Array2::<f64>::zeros((l, l)), Array2::<f64>::zeros((l, l)));
    // The outermost pixels are seen at few redshifts or at none: those next to them count a little.
    let least = 1e-3 / rest.shifts as f64;
    for (k, part) in shifts.iter().enumerate() {
        let part = part.max(least);
        let (row, square) = (s![k..k + d], s![k..k + d, k..k + d]);
        mean.slice_mut(row).scaled_add(part, &observed.mean);
        weight.slice_mut(row).mapv_inplace(|w| w + part);
        sum.slice_mut(square).scaled_add(part, &observed.covariance);
        pairs.slice_mut(square).mapv_inplace(|w| w + part);
    }
    let covariance = &sum / &pairs.mapv(|w| w.max(f64::MIN_POSITIVE));
    (&mean / &weight, clip_to_psd(&covariance))
}

/// The waves that rounds of learning have found behind a blur of σ `blur` pixels: the right singular vectors that
/// it weakens least, up to the first that one spectrum of this `information` (1/σ²) tells too little of, [L, K].
fn found(blur: f64, covariance: &Array2<f64>, information: f64) -> Array2<f64> {
    let matrix = blur_matrix(&vec![blur; covariance.nrows()]);
    let (squares, vectors) = eigen(&matrix.t().dot(&matrix));
    let own = (&vectors * &covariance.dot(&vectors)).sum_axis(Axis(0));
    let told = squares.iter().zip(&own).map(|(g, v)| g * v * information);
    let known = told.take_while(|ratio| *ratio >= RATIO).count();
    vectors.slice(s![.., ..known.max(FEWEST)]).to_owned()
}
