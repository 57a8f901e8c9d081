//! Use of a trained run: observations → restored catalog, batch by batch.

mod batch;
mod given;
mod image_input;
mod images;
mod input;
mod shard;

pub use batch::Restorer;
pub use given::Given;
pub use image_input::ImageInput;
pub(crate) use images::in_units;
pub use images::{ImageJob, restore_images};
pub use input::Input;
pub use shard::Part;

use crate::catalog::{
    Block, Object, Prepared, Provenance, RestoredBlock, RestoredHeader, RestoredWriter, flag,
    is_random, restored_spec_path, write_restored_spec,
};
use crate::config::Config;
use crate::lines::{MeasuredLines, NO_LINES, over_draws};
use crate::train::Run;
use crate::{Error, Result};
use ndarray::{ArrayView3, Axis};
use rayon::prelude::*;
use shard::part_of;
use std::path::{Path, PathBuf};
use tch::Device;

/// Rows of a prepared set that are decompressed together: one chunk of the file.
const CHUNK: usize = 256;

/// Which rows of the input to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Only those kept out of training.
    pub heldout_only: bool,
    /// First row.
    pub first: usize,
    /// At most this many.
    pub count: usize,
    /// Only this part of them; `None` for all.
    pub part: Option<Part>,
}

/// One restoration.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// [`config_of`] the run.
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    pub input: &'a Input,
    pub output: &'a Output,
    pub selection: Selection,
    pub device: Device,
}

/// Where a restoration comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    /// The input, in words.
    pub origin: &'a [String],
    pub device: Device,
}

/// What is written.
#[derive(Debug, Clone)]
pub struct Output {
    /// The restored catalog (FITS).
    pub catalog: PathBuf,
    /// Folder for one SDSS spec file per restored object.
    pub spectra: Option<PathBuf>,
    /// Whether the catalog holds all the draws of the SDE.
    pub draws: bool,
}

/// Counts of one restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub rows: usize,
    pub restored: usize,
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

/// Restores the input of `job` with the trained `run`. Every selected row is in the catalog; rows
/// that cannot be restored are NaN and flagged. Memory does not grow with the input, but for its
/// table of objects.
///
/// # Errors
/// [`Error::Run`] if the run has no checkpoint, [`Error::Input`] if the selection is empty,
/// [`Error::Config`] if the draws of an ODE are asked for,
/// [`Error::Output`] if something cannot be written: then there is no catalog, and every file of a
/// single object is either complete or absent.
pub fn restore(run: &Run, job: Job<'_>, progress: &mut dyn FnMut(usize, usize)) -> Result<Summary> {
    let Job {
        config,
        input,
        output,
        device,
        ..
    } = job;
    let selected = input.select(job.selection)?;
    let size = config.restore.batch;
    let (rows, shard) = part_of(job.selection, selected, input.set().objects(), size);
    let mut objects: Vec<Object> = rows
        .iter()
        .map(|r| input.set().objects()[*r].clone())
        .collect();
    let heldout: Vec<bool> = rows.iter().map(|r| input.heldout()[*r]).collect();
    if let Some(folder) = &output.spectra {
        check_paths(folder, &objects)?;
    }
    let source = Source {
        config,
        seed: job.seed,
        origin: input.origin(),
        device,
    };
    let restorer = Restorer::new(run, source, &input.set().layout())?;
    let header = header(input, restorer.made.clone());
    if output.draws {
        check_draws(&header)?;
    }
    let wavelength = header.grid.wavelength();
    let mut writer = RestoredWriter::create(&output.catalog, &header, rows.len())?;
    if let Some(shard) = &shard {
        writer = writer.as_shard(shard)?;
    }
    if output.draws {
        writer = writer.with_draws(&header)?;
    }
    let mut restored = 0;
    for (batch, start) in rows.chunks(size).zip((0..).step_by(size)) {
        let block = read_rows(input.set(), batch)?;
        let part = &mut objects[start..start + batch.len()];
        let (result, draws) = restorer.spectra(&block, part)?;
        restored += part.iter().filter(|o| o.flag == flag::GOOD).count();
        writer.write(start, &result)?;
        writer.write_draws(start, draws.view())?;
        writer.note_lines(start, &lines(&wavelength, part, draws.view()));
        if let Some(folder) = &output.spectra {
            write_spectra(folder, &header, part, &result)?;
        }
        progress(start + batch.len(), rows.len());
    }
    writer.finish(&objects, &heldout)?;
    Ok(Summary {
        rows: rows.len(),
        restored,
    })
}

fn header(input: &Input, made: Provenance) -> RestoredHeader {
    RestoredHeader {
        grid: input.set().grid(),
        flux_unit: input.set().flux_unit().to_owned(),
        specsys: input.set().specsys(),
        interpolant: made.method,
        draws: made.draws,
        quantiles: made.quantiles,
        seed: made.seed,
        config_sha256: made.config_sha256,
        run_sha256: made.run_sha256,
        history: made.history,
    }
}

/// The spectra of `rows`, which ascend; only chunks of the file that hold one of them are read,
/// one after the other.
///
/// # Errors
/// [`Error::Input`] if the set cannot be read.
pub fn read_rows(set: &Prepared, rows: &[usize]) -> Result<Block> {
    let mut block = Block::masked(rows.len(), set.grid().pixels);
    let mut done = 0;
    for part in rows.chunk_by(|a, b| a / CHUNK == b / CHUNK) {
        let (first, last) = (part[0], part[part.len() - 1]);
        let whole = set.read(first..last + 1)?;
        for (i, row) in (done..).zip(part) {
            let from = row - first;
            block.flux.row_mut(i).assign(&whole.flux.row(from));
            block.ivar.row_mut(i).assign(&whole.ivar.row(from));
            block.lsf.row_mut(i).assign(&whole.lsf.row(from));
        }
        done += part.len();
    }
    Ok(block)
}

/// The lines of restored `objects`, measured on their draws [draws, n, D].
fn lines(wavelength: &[f64], objects: &[Object], draws: ArrayView3<f32>) -> Vec<MeasuredLines> {
    let measured = |(i, o): (usize, &Object)| {
        if o.flag == flag::GOOD {
            over_draws(wavelength, draws.index_axis(Axis(1), i), o.z)
        } else {
            NO_LINES
        }
    };
    objects.par_iter().enumerate().map(measured).collect()
}

/// The ODE has no draws to save.
fn check_draws(header: &RestoredHeader) -> Result<()> {
    if is_random(&header.interpolant) {
        return Ok(());
    }
    Err(Error::config(
        "selfsi restore",
        "--save-draws",
        "this run gives one restoration of each object, no draws",
        "leave it out, or train with [interpolant] kind = \"sde\"",
    ))
}

/// Before hours of work: every object has a file name, and none of them is the observation's own.
fn check_paths(folder: &Path, objects: &[Object]) -> Result<()> {
    for o in objects.iter().filter(|o| o.flag == flag::GOOD) {
        let path = restored_spec_path(folder, o)?;
        let source = Path::new(&o.source).canonicalize();
        if source.is_ok_and(|s| path.canonicalize().is_ok_and(|p| p == s)) {
            return Err(Error::output(
                &path,
                "this is the observation itself",
                "give --spectra another folder",
            ));
        }
    }
    Ok(())
}

fn write_spectra(
    folder: &Path,
    header: &RestoredHeader,
    objects: &[Object],
    block: &RestoredBlock,
) -> Result<()> {
    objects
        .par_iter()
        .enumerate()
        .filter(|(_, o)| o.flag == flag::GOOD)
        .try_for_each(|(i, o)| {
            write_restored_spec(&restored_spec_path(folder, o)?, header, o, block, i)
        })
}
