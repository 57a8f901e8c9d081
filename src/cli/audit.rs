//! `selfsi audit`.

use super::bounded::at_most;
use super::global::Global;
use super::output;
use super::progress::Progress;
use super::said::Said;
use crate::audit;
use crate::audit::{AuditJob, Auditable, audit, audit_flag, write_audit};
use crate::base::machine::quick_bf16;
use crate::config::Config;
use crate::prepare::{ImageSetHeader, SpectraHeader};
use crate::restore::{Given, Input, config_of};
use crate::train::Run;
use crate::{Error, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// Flagged objects that the terminal shows.
const SHOWN: usize = 10;
/// Fewer simulations cannot tell what is rare.
const SIMULATIONS: usize = 200;

/// Tell which restored features the data support.
///
/// Compares F(RESTORED) with the observation, object by object and feature by feature; simulations by
/// the run itself give the chance rates. Writes two tables (FITS): one with a row for each row of the
/// catalog, flagged where the observation contradicts the restoration, and one with a verdict on each
/// emission feature (of an image: each peak). The catalog is not changed.
#[derive(Debug, Args)]
pub struct Audit {
    /// Run folder that restored the catalog.
    run: PathBuf,
    /// Restored catalog, or file of restored images, that `selfsi restore` wrote.
    restored: PathBuf,
    /// INPUT of that restoration [default: the prepared set that the run was trained on].
    input: Vec<PathBuf>,
    /// --catalog of that restoration.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// FITS file to write [default: RESTORED, with .audit.fits for .fits or .h5].
    #[arg(short, long, visible_alias = "outfile")]
    out: Option<PathBuf>,
    /// Catalog of the same observations, restored by a run on the other half of the survey (train.half).
    #[arg(long, value_name = "RESTORED")]
    other: Option<PathBuf>,
    /// Probability that a right restoration is flagged.
    #[arg(long, default_value_t = 0.002)]
    alpha: f64,
    /// Largest fraction of the supported features that are not real.
    #[arg(long, default_value_t = 0.1)]
    fdr: f64,
    /// Number of simulated observations that give the chance rates.
    #[arg(long, value_name = "N", default_value_t = 500)]
    simulations: usize,
}

impl Audit {
    /// `--set` repeats what the restoration set of [transport]; its draws the catalog tells. `--seed` is
    /// the seed of the simulations.
    pub fn run(&self, global: &Global) -> Result<Said> {
        self.check()?;
        let run = Run::open_whole(&self.run)?;
        let config = config_of(&run, &global.set)?.decided(quick_bf16(global.device()?));
        if config.image.is_some() {
            self.of::<ImageSetHeader>(global, &run, &config)
        } else {
            self.of::<SpectraHeader>(global, &run, &config)
        }
    }

    /// The audit of the kind of data that the run restores.
    fn of<H: Auditable>(&self, global: &Global, run: &Run, config: &Config) -> Result<Said> {
        let catalog = H::open(&self.restored)?;
        let other = self.other.as_deref().map(H::open).transpose()?;
        let out = self.out.clone().unwrap_or_else(|| beside(&self.restored));
        let inputs = [&self.restored].into_iter().chain(&self.other);
        let inputs = inputs.chain(&self.input).chain(&self.catalog);
        let inputs = inputs.map(PathBuf::as_path).chain(config.inputs());
        output::check(&out, inputs)?;
        let given = Given {
            paths: &self.input,
            catalog: self.catalog.as_deref(),
        };
        let mut bar = Progress::new("preparing");
        let input = Input::<H>::open(config, given, &out, &mut |done, all| bar.show(done, all));
        bar.finish();
        let input = input?;
        let job = AuditJob {
            config,
            seed: global.seed.unwrap_or(config.seed),
            input: &input,
            catalog: &catalog,
            other: other.as_ref(),
            alpha: self.alpha,
            fdr: self.fdr,
            simulations: self.simulations,
            device: global.device()?,
        };
        if other.is_some() && config.train.half.is_none() {
            log::info!(
                "the run was trained on the whole survey, not on a half (train.half): --other compares two trainings, not independent data"
            );
        }
        let mut bar = Progress::new("auditing");
        let result = audit(run, &job, &mut |done, all| bar.show(done, all));
        bar.finish();
        let result = result?;
        write_audit(&out, &result.header, &result.rows, &result.features)?;
        Ok(Said::both(text(&result, &out), json(&result, &out)))
    }

    fn check(&self) -> Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(refused("--alpha", "not in (0, 1)", "give e.g. 0.002"));
        }
        if !(self.fdr > 0.0 && self.fdr < 1.0) {
            return Err(refused("--fdr", "not in (0, 1)", "give e.g. 0.1"));
        }
        if self.simulations < SIMULATIONS {
            return Err(refused(
                "--simulations",
                "too few to tell what is rare",
                &format!("give {SIMULATIONS} or more"),
            ));
        }
        at_most("selfsi audit", "--simulations", self.simulations, 1_000_000)
    }
}

fn refused(key: &str, problem: &str, fix: &str) -> Error {
    Error::config("selfsi audit", key, problem, fix)
}

/// RESTORED.fits → RESTORED.audit.fits.
fn beside(restored: &Path) -> PathBuf {
    restored.with_extension("audit.fits")
}

fn json(result: &audit::Audit, out: &Path) -> serde_json::Value {
    let flagged: Vec<_> = flagged(result)
        .map(|r| serde_json::json!({"name": r.object.name, "flag": r.flag, "reason": r.reason}))
        .collect();
    let mut json = serde_json::json!(result.summary);
    json["out"] = serde_json::json!(out);
    json["alpha"] = serde_json::json!(result.header.alpha);
    json["fdr"] = serde_json::json!(result.header.fdr);
    json["simulations"] = serde_json::json!(result.header.simulations);
    json["flagged_objects"] = serde_json::json!(flagged);
    json
}

fn flagged(result: &audit::Audit) -> impl Iterator<Item = &crate::audit::AuditRow> {
    let bits = !audit_flag::NOT_AUDITED;
    result.rows.iter().filter(move |r| r.flag & bits != 0)
}

fn text(result: &audit::Audit, out: &Path) -> String {
    let s = &result.summary;
    let mut lines = vec![
        format!(
            "{}: {} of {} rows audited",
            out.display(),
            s.audited,
            s.rows
        ),
        format!(
            "{} flagged, at most {:.1} expected by chance (chi2 {}, local {}, feature {}, draw {}, likelihood {}, redshift {})",
            s.flagged,
            s.expected_by_chance,
            s.chi2,
            s.local,
            s.feature,
            s.draw,
            s.likelihood,
            s.redshift
        ),
        format!(
            "features: {} supported by the data (at most {:.0} % of them false), {} undecided, {} contradicted",
            s.supported,
            100.0 * result.header.fdr,
            s.undecided,
            s.contradicted
        ),
    ];
    if let Some(n) = s.halves {
        lines.push(format!(
            "{n} objects that the other run restores differently"
        ));
    }
    let all = flagged(result).count();
    lines.extend(
        flagged(result)
            .take(SHOWN)
            .map(|r| format!("  {}: {}", r.object.name, r.reason)),
    );
    if all > SHOWN {
        lines.push(format!(
            "  ... and {} more: FLAG > 1 in the table",
            all - SHOWN
        ));
    }
    lines.join("\n")
}
