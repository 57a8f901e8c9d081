//! Use of a trained run: observations → restored catalog, batch by batch.

mod batch;
mod digest;
mod files;
mod found;
mod given;
mod images;
mod images_sink;
mod input;
mod restorable;
mod selection;
mod shard;
mod spectra;
mod spectra_sink;

pub use batch::Restorer;
pub(crate) use batch::mean_of;
pub use found::restored_in;
pub use given::Given;
pub(crate) use images::in_units;
pub use input::Input;
pub use restorable::Restorable;
pub use selection::{Selection, Source};
pub use shard::Part;
pub use spectra_sink::Output;

use crate::base::ahead::ahead;
use crate::config::Config;
use crate::data::{Object, flag};
use crate::train::{Observable, Run};
use crate::{Error, Result};
use restorable::{Batch, Sink, Task};
use selection::part_of;
use std::thread;
use tch::{Device, Tensor};

/// Batches that are read while the network is busy.
const AHEAD: usize = 2;

/// One restoration.
#[derive(Debug)]
pub struct Job<'a, H: Restorable> {
    /// [`config_of`] the run.
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    /// What is restored.
    pub input: &'a Input<H>,
    /// What is to be written.
    pub output: &'a H::Output,
    /// Which rows of the input.
    pub selection: Selection,
    /// Where the network runs.
    pub device: Device,
}

/// Counts of one restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Rows with a finite restoration.
    pub restored: usize,
    /// Rows that are unlikely under the run's population ([`Object::is_unlikely`]), among them.
    pub unlikely: usize,
}

/// The config of a trained run with `--set` applied. Only how to restore may differ from training.
///
/// # Errors
/// [`Error::Config`] if anything beyond `[restore]` and `[transport]` differs.
pub fn config_of(run: &Run, overrides: &[String]) -> Result<Config> {
    let config = Config::load(run.folder().join("config.toml"), overrides)?;
    let trained = Config {
        restore: run.config().restore.clone(),
        transport: run.config().transport.clone(),
        ..config.clone()
    };
    if trained == *run.config() {
        return Ok(config);
    }
    Err(Error::config(
        "--set",
        overrides.join(" "),
        "the run was trained otherwise",
        "override keys of [restore] and [transport] alone",
    ))
}

/// Restores the input of `job` with the trained `run`. Every selected row is in what is written; rows
/// that cannot be restored are NaN and flagged. Memory does not grow with the input, but for its table of
/// objects.
///
/// # Errors
/// [`Error::Run`] if the run has no checkpoint or it does not fit the input, [`Error::Input`] if the
/// selection is empty, [`Error::Config`] if the draws of an ODE are asked for, [`Error::Output`] if
/// something cannot be written: then there is no catalog.
pub fn restore<H: Restorable>(
    run: &Run,
    job: Job<'_, H>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary> {
    let Job { config, input, .. } = job;
    let (set, all, size) = (input.set(), input.set().objects(), config.restore.batch);
    let selected = input.select(job.selection)?;
    let (rows, shard) = part_of(job.selection, &selected, all, size);
    let source = Source {
        config,
        seed: job.seed,
        origin: input.origin(),
        device: job.device,
    };
    let restorer = Restorer::new(run, source, &set.layout())?;
    let mut sink = H::sink(Task {
        set,
        selected: &selected,
        rows,
        part: job.selection.part,
        shard: shard.as_ref(),
        output: job.output,
        shapes: config.restore.shapes,
        made: &restorer.made,
    })?;
    let (mut done, mut restored, mut unlikely) = (0, 0, 0);
    thread::scope(|scope| {
        let batches = || rows.chunks(size);
        let blocks = ahead(scope, AHEAD, batches().map(|b| set.read_rows(b)));
        for (batch, block) in batches().zip(blocks) {
            let block = &block?;
            let mut objects: Vec<Object> = batch.iter().map(|r| all[*r].clone()).collect();
            let observed = block.observations(job.device);
            let (mean, draws) = restorer.draws(&observed, &objects)?;
            let about = mean
                .as_ref()
                .map_or_else(|| mean_of(&draws), Tensor::shallow_clone);
            let prior = restorer.prior_draws(&about, &observed, &objects)?;
            for (object, likely) in objects.iter_mut().zip(restorer.likely(&observed)?) {
                if let Some(likely) = likely.filter(|_| object.flag == flag::GOOD) {
                    (object.loglike, object.loglike_p) = (likely.loglike, likely.p);
                }
            }
            let in_units = |x: Tensor| set.header().in_units(&x, &objects);
            let mean = mean.filter(|_| set.header().is_linear());
            let (mean, draws, prior) = (mean.map(in_units), &in_units(draws), prior.map(in_units));
            let (y, ivar) = set.header().observed(block, &objects);
            let found = restorer.moments((mean, draws, prior.as_ref()), &mut objects, y, ivar)?;
            restored += objects.iter().filter(|o| o.flag == flag::GOOD).count();
            unlikely += objects.iter().filter(|o| o.is_unlikely()).count();
            let heldout: Vec<bool> = batch.iter().map(|r| input.heldout()[*r]).collect();
            sink.write(&Batch {
                objects: &objects,
                heldout: &heldout,
                block,
                restored: &found,
                draws,
            })?;
            done += batch.len();
            progress(done, rows.len());
        }
        Ok::<(), Error>(())
    })?;
    sink.finish()?;
    Ok(Summary {
        rows: rows.len(),
        restored,
        unlikely,
    })
}
