//! Which restored features the data support.
//!
//! Each restoration goes through the channel again: F(x̂), from repeated calls, against y. Three
//! statistics ask whether it explains y: χ² over all pixels; the strongest local residual; and,
//! feature by feature, whether y prefers the restoration with the feature or without it. Their law where
//! nothing is wrong comes from simulations by the run itself. Only calls of F are used.

mod auditable;
mod blobs;
mod examine;
mod feature;
mod halves;
mod image_sight;
mod judge;
mod line_filter;
mod lines;
mod observed;
mod place;
mod prediction;
mod read;
mod residual;
mod sight;
mod simulate;
mod spectra_sight;
mod table;
mod verdict;

pub(crate) use auditable::Auditable;
pub use judge::{Audit, Summary};
pub use place::Place;
pub use read::{AuditFile, Covered, Judged, JudgedFeature};
pub use table::{AuditHeader, AuditRow, FeatureRow, audit_flag, write_audit};

use crate::base::random::{Purpose, derive};
use crate::config::Config;
use crate::data::{Layout, Object, Provenance};
use crate::forward;
use crate::restore::{Input, Restorer, Source};
use crate::restored::restorations::Restorations;
use crate::train::{Observable, Run};
use crate::{Error, Result};
use examine::{CALLS, Examiner, Support};
use halves::Halves;
use judge::Judge;
use observed::Observed;
use simulate::simulated;
use tch::Device;

/// One audit.
pub(crate) struct AuditJob<'a, H: Auditable> {
    /// [`crate::restore::config_of`] the run.
    pub config: &'a Config,
    /// Seed of the simulated observations.
    pub seed: u64,
    /// The observations that were restored.
    pub input: &'a Input<H>,
    /// What is audited.
    pub catalog: &'a H::Catalog,
    /// The same observations restored by another run.
    pub other: Option<&'a H::Catalog>,
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
pub(crate) fn audit<H: Auditable>(
    run: &Run,
    job: &AuditJob<'_, H>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Audit> {
    let set = job.input.set();
    let layout = set.layout();
    let config = restored_by(run, job)?;
    let source = Source {
        config: &config,
        seed: derive(job.seed, Purpose::Audit, 0),
        origin: job.input.origin(),
        device: job.device,
    };
    let restorer = Restorer::new(run, source, &layout)?;
    check_made(job.catalog, &restorer.made)?;
    let halves = job.other.map(|o| Halves::new::<H>(job.catalog, o));
    let mut halves = halves.transpose()?;
    let observed = Observed::new(job.catalog, set, job.device)?;
    let examiner = Examiner {
        forward: forward::build(&job.config.forward, &layout, job.device)?,
        sight: set.header().sight(job.device),
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
    let judge = Judge::<H>::new(&null, (job.alpha, job.fdr), job.catalog, halves.is_some());

    let mut made = restorer.made.clone();
    made.seed = job.catalog.made().seed;
    made.history = job.input.origin().to_vec();
    made.history.push(format!(
        "restored by run {}; audit of {}",
        run.folder().display(),
        job.catalog.path().display()
    ));
    let header = AuditHeader {
        made,
        images: matches!(layout, Layout::Images(_)),
        unit: H::unit(job.catalog).to_owned(),
        seed: job.seed,
        alpha: job.alpha,
        statistics: judge.statistics(),
        simulations: job.simulations,
        calls: CALLS,
        fdr: job.fdr,
        supported: judge.verdicts().supported,
        contradicted: judge.verdicts().contradicted,
        other_sha256: job.other.map(|o| o.made().run_sha256.clone()),
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
fn restored_by<H: Auditable>(run: &Run, job: &AuditJob<'_, H>) -> Result<Config> {
    let (made, mut config) = (job.catalog.made(), job.config.clone());
    let asked = config.restore.draws;
    let other = asked != run.config().restore.draws && asked != made.draws;
    if other && config.interpolant.makes_draws() {
        return Err(Error::config(
            "--set",
            "restore.draws",
            format!("{asked}, but the catalog holds {} draws", made.draws),
            "leave it out: the catalog gives the number",
        ));
    }
    config.restore.draws = made.draws;
    config.restore.quantiles.clone_from(&made.quantiles);
    Ok(config)
}

/// The catalog must be this run's, by this config.
fn check_made(catalog: &impl Restorations, made: &Provenance) -> Result<()> {
    let own = catalog.made();
    let fix = if own.run_sha256 != made.run_sha256 {
        "give the run that restored it (RUNSHA), unchanged since"
    } else if own.config_sha256 != made.config_sha256 {
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
