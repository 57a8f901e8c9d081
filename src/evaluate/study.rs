//! The whole comparison: baselines and restorations, measured in the same way.

use super::channel::Channel;
use super::filter::LinearFilter;
use super::lines::line_errors;
use super::moments::Moments;
use super::population::{Band, band_rmse, rmse, scatter_ratio};
use super::power::{band_edges, band_power, log_power, power_ratio};
use super::result::{Evaluation, Kind, Row};
use super::sliced::{Slices, sliced_wasserstein, split_half};
use super::smoothing::best_smoothing;
use super::statistics::median;
use super::{bars, fill};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// The spectra that are scored, none of them seen by training; arrays [N, D] of normalised flux.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Observed, Å, [D].
    pub wavelength: Vec<f64>,
    /// Redshifts [N]; NaN where unknown.
    pub z: Vec<f64>,
    pub flux: Array2<f32>,
    /// 0 where masked.
    pub ivar: Array2<f32>,
    pub truth: Array2<f32>,
}

/// A restoration to be scored, [N, D], rows as in [`Scored`].
#[derive(Debug, Clone)]
pub struct Candidate {
    pub name: String,
    pub kind: Kind,
    pub flux: Array2<f32>,
}

/// What nobody has: the true population, from spectra other than the scored ones.
#[derive(Debug, Clone)]
pub struct TruePopulation {
    pub moments: Moments,
    /// Some of its clean spectra, [M, D] with M ≥ 1, normalised.
    pub sample: Array2<f32>,
}

/// Makes the baselines for `scored` and measures them and the `candidates`. `learned` are the
/// moments from observations and channel alone, `oracle` the true population.
///
/// # Errors
/// [`Error::Run`] (naming `run`) if nothing is left to score, or a filter has no solution.
pub fn study(
    run: &str,
    scored: &Scored,
    channel: &Channel,
    learned: &Moments,
    oracle: &TruePopulation,
    candidates: Vec<Candidate>,
    seed: u64,
) -> Result<Evaluation> {
    let (y, ivar) = (scored.flux.view(), scored.ivar.view());
    if y.nrows() < 2 || oracle.sample.nrows() == 0 {
        return Err(Error::run(
            run,
            "too few spectra have a truth (two held-out ones and one other are needed)",
            "check that --truth belongs to this run's survey",
        ));
    }
    let unsolved = || {
        Error::run(
            run,
            "a covariance is not positive definite",
            "check the noise levels (ivar) of the prepared set",
        )
    };
    let (width, smooth) = best_smoothing(y, ivar, scored.truth.view());
    let wiener = LinearFilter::new(learned, channel)
        .own_noise(y, ivar)
        .ok_or_else(unsolved)?;
    let truth_filter = LinearFilter::new(&oracle.moments, channel);
    let (best, draw) = truth_filter
        .with_draws(y, ivar, oracle.sample.view(), seed)
        .ok_or_else(unsolved)?;
    let one = truth_filter.one_for_all(y, ivar).ok_or_else(unsolved)?;
    let baseline = |name: &str, kind, flux| Candidate {
        name: name.to_owned(),
        kind,
        flux,
    };
    let mut all = vec![
        baseline("observed", Kind::Observed, fill::observed(y, ivar)),
        baseline(
            &format!("best smoothing (σ = {width:.1} px)"),
            Kind::Smoothing,
            smooth,
        ),
        baseline("Wiener, learned", Kind::Wiener, wiener),
        baseline("oracle, one filter", Kind::OracleOne, one),
        baseline("oracle, own noise", Kind::Oracle, best),
        baseline("oracle, one draw", Kind::OracleDraw, draw),
    ];
    all.extend(candidates);

    let truth = Reference::new(scored, seed);
    let mut rows: Vec<Row> = all.iter().map(|c| truth.measure(c)).collect();
    let of = |rows: &[Row], kind, f: fn(&Row) -> f64| {
        rows.iter().find(|r| r.kind == kind).map_or(f64::NAN, f)
    };
    let oracle_rmse = of(&rows, Kind::Oracle, |r| r.rmse);
    let smoothing = of(&rows, Kind::Smoothing, |r| r.distance);
    let smoothing_local = of(&rows, Kind::Smoothing, |r| r.local_distance);
    let smoothing_power = of(&rows, Kind::Smoothing, |r| r.power_distance);
    for row in &mut rows {
        row.rmse_over_oracle = row.rmse / oracle_rmse;
        row.distance_over_smoothing = row.distance / smoothing;
        row.local_distance_over_smoothing = row.local_distance / smoothing_local;
        row.power_distance_over_smoothing = row.power_distance / smoothing_power;
    }
    let snr = signal_to_noise(y, ivar);
    let regime = bars::regime(channel.sigma_pixels, snr);
    Ok(Evaluation {
        selfsi: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.to_owned(),
        regime,
        spectra: y.nrows(),
        learned_from: learned.spectra,
        oracle_from: oracle.moments.spectra,
        snr,
        blur_pixels: channel.sigma_pixels,
        smoothing_pixels: width,
        distance_floor: split_half(scored.truth.view(), Slices::Whole, seed),
        local_distance_floor: split_half(scored.truth.view(), Slices::Local, seed),
        power_distance_floor: split_half(truth.log_power.view(), Slices::Whole, seed),
        power_bands: band_edges(y.ncols()),
        bars: bars::bars(regime, &rows),
        rows,
    })
}

/// The truth, with what is measured of it once.
struct Reference<'a> {
    scored: &'a Scored,
    power: Array2<f32>,
    log_power: Array2<f32>,
    seed: u64,
}

impl<'a> Reference<'a> {
    fn new(scored: &'a Scored, seed: u64) -> Self {
        let power = band_power(scored.truth.view());
        let log_power = log_power(&power);
        Self {
            scored,
            power,
            log_power,
            seed,
        }
    }

    /// The row of `c`, its ratios to other rows still NaN.
    fn measure(&self, c: &Candidate) -> Row {
        let Scored {
            wavelength,
            z,
            truth,
            ..
        } = self.scored;
        let (x, t) = (c.flux.view(), truth.view());
        let power = band_power(x);
        Row {
            name: c.name.clone(),
            kind: c.kind,
            rmse: rmse(x, t),
            rmse_forest: band_rmse(x, t, wavelength, z, Band::Forest),
            rmse_red: band_rmse(x, t, wavelength, z, Band::Red),
            rmse_over_oracle: f64::NAN,
            distance: sliced_wasserstein(x, t, Slices::Whole, self.seed),
            distance_over_smoothing: f64::NAN,
            local_distance: sliced_wasserstein(x, t, Slices::Local, self.seed),
            local_distance_over_smoothing: f64::NAN,
            power_distance: sliced_wasserstein(
                log_power(&power).view(),
                self.log_power.view(),
                Slices::Whole,
                self.seed,
            ),
            power_distance_over_smoothing: f64::NAN,
            power_ratio: power_ratio(&power, &self.power),
            scatter_forest: scatter_ratio(x, t, wavelength, z, Band::Forest),
            scatter_red: scatter_ratio(x, t, wavelength, z, Band::Red),
            lines: line_errors(x, t, wavelength, z),
        }
    }
}

/// Median over the spectra of the median S/N per good pixel.
fn signal_to_noise(flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> f64 {
    median(flux.rows().into_iter().zip(ivar.rows()).map(|(f, iv)| {
        median(
            f.iter()
                .zip(iv)
                .filter(|(_, iv)| **iv > 0.0)
                .map(|(f, iv)| f64::from(*f) * f64::from(*iv).sqrt()),
        )
    }))
}
