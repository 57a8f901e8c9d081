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
mod size;
mod spectra;
mod spectra_sink;

pub use batch::Restorer;
pub use found::restored_in;
pub use given::Given;
pub(crate) use images::in_units;
pub use images_sink::ImagesOutput;
pub use input::Input;
pub use restorable::Restorable;
pub use selection::{Selection, Source};
pub use shard::Part;
pub use spectra_sink::Output;

use crate::base::ahead::ahead;
use crate::config::Config;
use crate::data::{Object, RowBlock, flag};
use crate::restored::RestoredBlock;
use crate::train::{Found, Observable, Run};
use crate::{Error, Result};
use restorable::{Batch, Sink, Task};
use selection::part_of;
use size::{Size, in_portions};
use std::borrow::Cow;
use std::ops::Range;
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Rows with a finite restoration.
    pub restored: usize,
    /// Rows that are unlikely under the run's population ([`Object::is_unlikely`]), among them.
    pub unlikely: usize,
}

impl Summary {
    fn add(&mut self, objects: &[Object]) {
        self.rows += objects.len();
        self.restored += objects.iter().filter(|o| o.flag == flag::GOOD).count();
        self.unlikely += objects.iter().filter(|o| o.is_unlikely()).count();
    }
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
    let (set, all) = (input.set(), input.set().objects());
    let selected = input.select(job.selection)?;
    let (rows, shard) = part_of(job.selection, &selected, all, config.restore.objects());
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
    let mut summary = Summary::default();
    let mut size = Size::new(
        config.restore.batch,
        restorer.needs(&set.layout()),
        job.device,
    );
    let each = size.block();
    thread::scope(|scope| {
        let blocks = ahead(scope, AHEAD, rows.chunks(each).map(|b| set.read_rows(b)));
        for (batch, block) in rows.chunks(each).zip(blocks) {
            let block = block?;
            let work = |k: Range<usize>| {
                let block = of_block(&block, &k);
                let objects = batch[k].iter().map(|r| all[*r].clone()).collect();
                portion(&restorer, set.header(), block, objects)
            };
            in_portions(batch.len(), &mut size, work, |k, made| {
                summary.add(&made.objects);
                let heldout: Vec<bool> = batch[k].iter().map(|r| input.heldout()[*r]).collect();
                sink.write(&Batch {
                    objects: &made.objects,
                    heldout: &heldout,
                    block: &made.block,
                    restored: &made.restored,
                    draws: &made.draws,
                })?;
                progress(summary.rows, rows.len());
                Ok(())
            })?;
        }
        Ok::<(), Error>(())
    })?;
    sink.finish()?;
    Ok(summary)
}

/// Rows of a block with what they were restored to.
struct Portion<'a, B: Clone> {
    block: Cow<'a, B>,
    /// Those whose restoration is not finite are flagged.
    objects: Vec<Object>,
    restored: RestoredBlock,
    /// [draws, n, D], in the units of the input.
    draws: Tensor,
}

/// Restores `objects`, whose observations are the `block`.
fn portion<'a, H: Restorable>(
    restorer: &Restorer,
    header: &H,
    block: Cow<'a, H::Block>,
    mut objects: Vec<Object>,
) -> Result<Portion<'a, H::Block>> {
    let observed = block.observations(restorer.device);
    let Found {
        mean,
        draws,
        prior,
        likely,
    } = restorer.found(&observed, &objects)?;
    for (object, likely) in objects.iter_mut().zip(likely) {
        if let Some(likely) = likely.filter(|_| object.flag == flag::GOOD) {
            (object.loglike, object.loglike_p) = (likely.loglike, likely.p);
        }
    }
    let in_units = |x: Tensor| header.in_units(&x, &objects);
    let mean = mean.filter(|_| header.is_linear());
    let (mean, draws, prior) = (mean.map(in_units), in_units(draws), prior.map(in_units));
    let (y, ivar) = header.observed(&block, &objects);
    let moments = (mean, &draws, prior.as_ref());
    let restored = restorer.moments(moments, &mut objects, y, ivar)?;
    Ok(Portion {
        block,
        objects,
        restored,
        draws,
    })
}

/// The rows `k` of `block`, of which it has all as it is.
fn of_block<'a, B: RowBlock>(block: &'a B, k: &Range<usize>) -> Cow<'a, B> {
    match k.len() == block.len() {
        true => Cow::Borrowed(block),
        false => Cow::Owned(block.select(&k.clone().collect::<Vec<_>>())),
    }
}
