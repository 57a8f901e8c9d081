//! Use of a trained run: observations → restored catalog, batch by batch.

mod batch;
mod digest;
mod files;
mod found;
mod given;
mod image_input;
mod images;
mod input;
mod selection;
mod shard;

pub use batch::Restorer;
pub(crate) use batch::mean_of;
pub use found::restored_in;
pub use given::Given;
pub use image_input::ImageInput;
pub(crate) use images::in_units;
pub use images::{ImageJob, restore_images};
pub use input::Input;
pub use selection::{Selection, Source};
pub use shard::Part;

use crate::base::ahead::ahead;
use crate::config::Config;
use crate::data::{Object, Provenance, flag};
use crate::lines::{MeasuredLines, NO_LINES, over_draws};
use crate::restored::{
    Restored, RestoredHeader, RestoredPart, RestoredWriter, desi_source, write_restored_desi,
};
use crate::train::Run;
use crate::{Error, Result};
use files::{check_paths, desi_path, write_spectra};
use ndarray::{ArrayView3, Axis};
use rayon::prelude::*;
use selection::part_of;
use std::path::{Path, PathBuf};
use std::thread;
use tch::Device;

/// Batches that are read while the network is busy.
const AHEAD: usize = 2;

/// One restoration.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// [`config_of`] the run.
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    /// What is restored.
    pub input: &'a Input,
    /// What is written.
    pub output: &'a Output,
    /// Which rows of the input.
    pub selection: Selection,
    /// Where the network runs.
    pub device: Device,
}

/// What is written.
#[derive(Debug, Clone)]
pub struct Output {
    /// The restored catalog (FITS).
    pub catalog: PathBuf,
    /// Folder for the restored spectra in the form of their survey: a spec file for each SDSS object, a
    /// file for each DESI coadd file.
    pub spectra: Option<PathBuf>,
    /// Whether the catalog holds all the draws of the SDE.
    pub draws: bool,
}

/// Counts of one restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Rows written.
    pub rows: usize,
    /// Rows with a finite restoration.
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
/// single object is either complete or absent. Files in DESI's form are written after the catalog.
pub fn restore(run: &Run, job: Job<'_>, progress: &mut dyn FnMut(usize, usize)) -> Result<Summary> {
    let Job {
        config,
        input,
        output,
        device,
        ..
    } = job;
    let selected = input.select(job.selection)?;
    let all = input.set().objects();
    if let Some(folder) = &output.spectra {
        // Other jobs write their rows into the same folder.
        check_paths(
            folder,
            job.selection.part,
            selected.iter().map(|r| &all[*r]),
        )?;
    }
    let size = config.restore.batch;
    let (rows, shard) = part_of(job.selection, selected, input.set().objects(), size);
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
    let objects = rows.iter().map(|r| &all[*r]);
    let mut writer = RestoredWriter::create(&output.catalog, &header, objects, output.draws)?;
    if let Some(shard) = &shard {
        writer = writer.as_shard(shard)?;
    }
    let mut restored = 0;
    thread::scope(|scope| {
        let batches = rows.chunks(size);
        let blocks = ahead(scope, AHEAD, batches.map(|b| input.set().read_rows(b)));
        for ((batch, start), block) in rows.chunks(size).zip((0..).step_by(size)).zip(blocks) {
            let mut objects: Vec<Object> = batch.iter().map(|r| all[*r].clone()).collect();
            let heldout: Vec<bool> = batch.iter().map(|r| input.heldout()[*r]).collect();
            let (block, draws) = restorer.spectra(&block?, &mut objects)?;
            restored += objects.iter().filter(|o| o.flag == flag::GOOD).count();
            let part = RestoredPart {
                objects: &objects,
                heldout: &heldout,
                block: &block,
                lines: &lines(&wavelength, &objects, draws.view()),
                draws: Some(draws.view()),
            };
            writer.write(start, part)?;
            if let Some(folder) = &output.spectra {
                write_spectra(folder, &header, &objects, &block)?;
            }
            progress(start + batch.len(), rows.len());
        }
        Ok::<(), Error>(())
    })?;
    writer.finish()?;
    if let Some(folder) = &output.spectra
        && rows.iter().any(|r| desi_source(&all[*r]).is_some())
    {
        let catalog = Restored::open(&output.catalog)?;
        let path = |source: &Path| desi_path(folder, source, job.selection.part);
        write_restored_desi(&catalog, &header.made.history, path)?;
    }
    Ok(Summary {
        rows: rows.len(),
        restored,
    })
}

fn header(input: &Input, made: Provenance) -> RestoredHeader {
    RestoredHeader {
        grid: input.set().grid(),
        flux_unit: input.set().flux_unit().to_owned(),
        specsys: input.set().specsys().map(ToOwned::to_owned),
        made,
    }
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
    if header.made.method.is_random() {
        return Ok(());
    }
    Err(Error::config(
        "selfsi restore",
        "--save-draws",
        "this run gives one restoration of each object, no draws",
        "leave it out, or train with [interpolant] kind = \"sde\"",
    ))
}
