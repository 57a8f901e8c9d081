//! The whole comparison: baselines and restorations, measured in the same way.

use super::bars;
use super::continuum::continuum_errors;
use super::line_errors::line_errors;
use super::population::{Band, band_rmse, mae, rmse, scatter_ratio};
use super::power::{band_edges, band_power, log_power, power_ratio};
use super::result::{Distance, Evaluation, Kind, Row};
use super::scored::Scored;
use super::sliced::{Slices, population_distance, sliced_wasserstein};
use super::smoothing::best_smoothing;
use crate::base::statistics::median;
use crate::population::Channel;
use crate::population::LinearFilter;
use crate::population::fill;
use crate::population::{Learned, Moments};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// A restoration to be scored, [N, D], rows as in [`Scored`].
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What the row is called in the table.
    pub name: String,
    /// What made it.
    pub kind: Kind,
    /// The restorations.
    pub flux: Array2<f32>,
}

/// What nobody has: the true population, from spectra other than the scored ones.
#[derive(Debug, Clone)]
pub struct TruePopulation {
    /// Mean and covariance of its clean spectra.
    pub moments: Moments,
    /// Some of its clean spectra, [M, D] with M ≥ 1, normalised; as many as are scored, or more.
    pub sample: Array2<f32>,
}

/// Makes the baselines for `scored` and measures them and the `candidates`. `known` is the channel and
/// what it and the observations tell of the population, `oracle` the population itself. Where the
/// channel has no closed form, `known` is `None` and there are no linear filters.
///
/// # Errors
/// [`Error::Run`] (naming `run`) if nothing is left to score, or a filter has no solution.
pub fn study(
    run: &str,
    scored: &Scored,
    known: Option<&(Channel, Learned)>,
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
    let (width, smooth) = best_smoothing(y, ivar, scored.own(&scored.truth).view());
    let others = Array2::from_shape_fn(y.raw_dim(), |(i, j)| {
        oracle.sample[[i % oracle.sample.nrows(), j]]
    });
    let mut all = vec![
        baseline("clean, other objects", Kind::Clean, others),
        baseline("observed", Kind::Observed, fill::observed(y, ivar)),
        baseline(
            &format!("best smoothing (σ = {width:.1} px)"),
            Kind::Smoothing,
            smooth,
        ),
    ];
    if let Some((channel, learned)) = known {
        all.extend(linear_filters(scored, channel, learned, oracle, seed).ok_or_else(unsolved)?);
    }
    all.extend(candidates);

    let truth = Reference::new(scored, seed);
    let floor = truth.floor(&all[0]);
    let mut rows: Vec<Row> = all.iter().map(|c| truth.measure(c)).collect();
    let of = |rows: &[Row], kind, f: fn(&Row) -> f64| bars::of_kind(rows, kind, f);
    let oracle_rmse = of(&rows, Kind::Oracle, |r| r.rmse);
    let smoothing = of(&rows, Kind::Smoothing, |r| r.whole.value);
    let smoothing_local = of(&rows, Kind::Smoothing, |r| r.local.value);
    let smoothing_power = of(&rows, Kind::Smoothing, |r| r.power.value);
    for row in &mut rows {
        row.rmse_over_oracle = row.rmse / oracle_rmse;
        row.whole.over_smoothing = row.whole.value / smoothing;
        row.local.over_smoothing = row.local.value / smoothing_local;
        row.power.over_smoothing = row.power.value / smoothing_power;
    }
    let snr = signal_to_noise(y, ivar);
    let blur_pixels = known.map_or(f64::NAN, |(channel, _)| channel.sigma_pixels);
    let regime = bars::regime(blur_pixels, snr);
    Ok(Evaluation {
        selfsi: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.to_owned(),
        regime,
        spectra: y.nrows(),
        learned_from: known.map_or(0, |(_, learned)| learned.moments.spectra),
        oracle_from: oracle.moments.spectra,
        snr,
        blur_pixels,
        smoothing_pixels: width,
        passed_modes: known.map_or(y.ncols(), |(_, learned)| learned.passed.ncols()),
        pixels: y.ncols(),
        floor,
        power_bands: band_edges(y.ncols()),
        bars: bars::bars(regime, &rows),
        methods: Vec::new(),
        notes: Vec::new(),
        rows,
        calibration: Vec::new(),
    })
}

fn baseline(name: &str, kind: Kind, flux: Array2<f32>) -> Candidate {
    Candidate {
        name: name.to_owned(),
        kind,
        flux,
    }
}

/// The rows that need the channel in closed form; `None` if a filter has no solution.
fn linear_filters(
    scored: &Scored,
    channel: &Channel,
    learned: &Learned,
    oracle: &TruePopulation,
    seed: u64,
) -> Option<Vec<Candidate>> {
    let (y, ivar) = (scored.flux.view(), scored.ivar.view());
    let wiener = LinearFilter::new(&learned.moments, channel).own_noise(y, ivar)?;
    let filter = LinearFilter::new(&oracle.moments, channel);
    let (best, draw) = filter.with_draws(y, ivar, oracle.sample.view(), seed)?;
    let mut all = vec![
        baseline("Wiener, learned", Kind::Wiener, wiener),
        baseline(
            "oracle, one filter",
            Kind::OracleOne,
            filter.one_for_all(y, ivar)?,
        ),
        baseline("oracle, own noise", Kind::Oracle, best),
        baseline("oracle, one draw", Kind::OracleDraw, draw),
    ];
    if learned.passed.ncols() < y.ncols() {
        let within = oracle.moments.within(&learned.passed);
        let best = LinearFilter::new(&within, channel).own_noise(y, ivar)?;
        let passed = learned.passed.mapv(|v| v as f32);
        let left = scored.truth.dot(&passed).dot(&passed.t());
        all.push(baseline(
            "oracle without the erased modes",
            Kind::OraclePassed,
            best,
        ));
        all.push(baseline(
            "truth without the erased modes",
            Kind::Passed,
            left,
        ));
    }
    Some(all)
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

    fn distance(&self, x: ArrayView2<f32>, t: ArrayView2<f32>, slices: Slices) -> Distance {
        let squared = population_distance(x, t, slices, self.seed);
        Distance {
            value: squared.root(),
            error: squared.root_error(),
            over_smoothing: f64::NAN,
        }
    }

    /// Plain distances of other clean spectra.
    fn floor(&self, others: &Candidate) -> [f64; 3] {
        let (x, t) = (others.flux.view(), self.scored.truth.view());
        let power = log_power(&band_power(x));
        [
            sliced_wasserstein(x, t, Slices::Whole, self.seed),
            sliced_wasserstein(x, t, Slices::Local, self.seed),
            sliced_wasserstein(
                power.view(),
                self.log_power.view(),
                Slices::Whole,
                self.seed,
            ),
        ]
    }

    /// The row of `c`, its ratios to other rows still NaN.
    fn measure(&self, c: &Candidate) -> Row {
        let Scored {
            wavelength,
            truth,
            continuum,
            ..
        } = self.scored;
        let z = &self.scored.z_on_grid();
        let whole = self.scored.completed(&c.flux);
        let own = [&c.flux, truth].map(|a| self.scored.own(a));
        let [x, t] = [own[0].view(), own[1].view()];
        let power = band_power(whole.view());
        Row {
            name: c.name.clone(),
            kind: c.kind,
            rmse: rmse(x, t),
            mae: mae(x, t),
            rmse_forest: band_rmse(x, t, wavelength, z, Band::Forest),
            rmse_red: band_rmse(x, t, wavelength, z, Band::Red),
            rmse_over_oracle: f64::NAN,
            whole: self.distance(whole.view(), truth.view(), Slices::Whole),
            local: self.distance(whole.view(), truth.view(), Slices::Local),
            power: self.distance(
                log_power(&power).view(),
                self.log_power.view(),
                Slices::Whole,
            ),
            power_ratio: power_ratio(&power, &self.power),
            scatter_forest: scatter_ratio(x, t, wavelength, z, Band::Forest),
            scatter_red: scatter_ratio(x, t, wavelength, z, Band::Red),
            lines: line_errors(x, t, |i| self.scored.observed(i), &self.scored.z),
            continuum: continuum.as_ref().map_or_else(Vec::new, |c| {
                continuum_errors([x, t, c.view()], wavelength, z)
            }),
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
