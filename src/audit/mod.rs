//! Which restored features the data support.
//!
//! Each restored spectrum goes through the channel again: F(x̂), from repeated calls, against y. Three
//! statistics ask whether it explains y: χ² over all pixels; the strongest line-like residual; and,
//! feature by feature, whether y prefers the spectrum with the feature or without it. Their law where
//! nothing is wrong comes from simulations by the run itself. Only calls of F are used.

mod examine;
mod features;
mod halves;
mod judge;
mod observed;
mod prediction;
mod read;
mod residual;
mod simulate;
mod table;
mod verdict;

pub use examine::{CALLS, Examiner, Findings, Restorations, STATISTICS, Support};
pub use features::{Feature, features};
pub use halves::{Difference, Disagreement, Halves};
pub use judge::{Audit, Judge, Summary};
pub use observed::Observed;
pub use prediction::{Prediction, calls};
pub use read::{AuditFile, Judged, JudgedFeature};
pub use residual::{Fit, LineFilter};
pub use table::{AuditHeader, AuditRow, FeatureRow, audit_flag, write_audit};
pub use verdict::Verdicts;

use crate::base::random::{Purpose, derive};
use crate::config::Config;
use crate::data::{Object, Provenance};
use crate::forward;
use crate::prepare::SpectraHeader;
use crate::restore::{Input, Restorer, Source};
use crate::restored::Restored;
use crate::train::{Observable, Run};
use crate::{Error, Result};
use simulate::simulated;
use tch::Device;

/// One audit.
#[derive(Debug, Clone, Copy)]
pub struct AuditJob<'a> {
    /// [`crate::restore::config_of`] the run.
    pub config: &'a Config,
    /// Seed of the simulated observations.
    pub seed: u64,
    /// The observations that were restored.
    pub input: &'a Input<SpectraHeader>,
    /// What is audited.
    pub catalog: &'a Restored,
    /// The same observations restored by another run.
    pub other: Option<&'a Restored>,
    /// Probability that an object is flagged by chance, at most.
    pub alpha: f64,
    /// Part of the supported features that are not real, at most.
    pub fdr: f64,
    /// Simulated observations.
    pub simulations: usize,
    /// Where F runs.
    pub device: Device,
}

/// Audits a restored catalog of `run`. The catalog is not changed.
///
/// # Errors
/// [`Error::Input`] if the catalog was not made by the run with this config from this input;
/// [`Error::Simulator`] if F fails.
pub fn audit(
    run: &Run,
    job: AuditJob<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Audit> {
    let set = job.input.set();
    let (layout, grid) = (set.layout(), set.grid());
    let config = restored_by(run, &job)?;
    let source = Source {
        config: &config,
        seed: derive(job.seed, Purpose::Audit, 0),
        origin: job.input.origin(),
        device: job.device,
    };
    let restorer = Restorer::new(run, source, &layout)?;
    check_made(job.catalog, &restorer.made)?;
    let mut halves = job.other.map(|o| Halves::new(job.catalog, o)).transpose()?;
    let observed = Observed::new(job.catalog, set, job.device)?;
    let examiner = Examiner {
        forward: forward::build(&job.config.forward, &layout, job.device)?,
        filter: LineFilter::new(grid.pixels, job.device),
        wavelength: grid.wavelength(),
        seed: job.seed,
    };

    let (size, all) = (
        job.config.restore.objects(),
        job.simulations + observed.len(),
    );
    let mut null = Vec::with_capacity(job.simulations);
    for (round, part) in observed.rounds(job.simulations, size) {
        let (block, objects) = observed.batch(&part)?;
        null.extend(simulated(&examiner, &restorer, &block, &objects, round)?);
        progress(null.len(), all);
    }
    let judge = Judge::new(&null, (job.alpha, job.fdr), job.catalog, halves.is_some());

    let mut made = restorer.made.clone();
    made.seed = job.catalog.header().made.seed;
    made.history = job.input.origin().to_vec();
    made.history.push(format!(
        "restored by run {}; audit of {}",
        run.folder().display(),
        job.catalog.path().display()
    ));
    let header = AuditHeader {
        made,
        flux_unit: job.catalog.header().flux_unit.clone(),
        seed: job.seed,
        alpha: job.alpha,
        statistics: judge.statistics(),
        simulations: job.simulations,
        calls: CALLS,
        fdr: job.fdr,
        supported: judge.verdicts().supported,
        contradicted: judge.verdicts().contradicted,
        other_sha256: job.other.map(|o| o.header().made.run_sha256.clone()),
    };
    let mut audit = judge.begun(header);
    let every: Vec<usize> = (0..observed.len()).collect();
    let mut done = job.simulations;
    for part in every.chunks(size) {
        let (block, objects) = observed.batch(part)?;
        let x = observed.restorations(part)?;
        let z: Vec<f64> = objects.iter().map(Object::z_on_grid).collect();
        let y = block.observations(job.device);
        let mut findings = examiner.examine(&x, &y, &restorer.numbers(&objects), &z)?;
        if let Some(priors) = observed.priors(part)? {
            for (found, prior) in findings.iter_mut().zip(priors.rows()) {
                let of = |s: &mut Support| s.prior = f64::from(prior[s.feature.peak]);
                found.features.iter_mut().for_each(of);
            }
        }
        for (found, other) in findings.iter_mut().zip(restorer.other_redshifts(&y)?) {
            found.redshift = other;
        }
        for (found, row) in findings.iter().zip(part.iter().map(|k| observed.row(*k))) {
            let half = halves.as_mut().map(|h| h.of(row)).transpose()?.flatten();
            judge.judge(&mut audit, row, found, half.as_ref());
        }
        done += part.len();
        progress(done, all);
    }
    Ok(judge.finished(audit))
}

/// The config that made the catalog: how many draws, it says itself.
fn restored_by(run: &Run, job: &AuditJob<'_>) -> Result<Config> {
    let (header, mut config) = (job.catalog.header(), job.config.clone());
    let asked = config.restore.draws;
    let other = asked != run.config().restore.draws && asked != header.made.draws;
    if other && config.interpolant.makes_draws() {
        return Err(Error::config(
            "--set",
            "restore.draws",
            format!("{asked}, but the catalog holds {} draws", header.made.draws),
            "leave it out: the catalog gives the number",
        ));
    }
    config.restore.draws = header.made.draws;
    config.restore.quantiles.clone_from(&header.made.quantiles);
    Ok(config)
}

/// The catalog must be this run's, by this config.
fn check_made(catalog: &Restored, made: &Provenance) -> Result<()> {
    let header = catalog.header();
    let fix = if header.made.run_sha256 != made.run_sha256 {
        "give the run that restored it (RUNSHA), unchanged since"
    } else if header.made.config_sha256 != made.config_sha256 {
        "repeat the --set transport… of that selfsi restore"
    } else {
        return Ok(());
    };
    Err(Error::input(
        catalog.path(),
        "RUNSHA, CFGSHA",
        "it was not restored by this run and config",
        "a catalog that selfsi restore RUN wrote",
        fix,
    ))
}
