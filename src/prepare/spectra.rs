//! A survey → a prepared set: read, mask, regrid, normalise, select; in chunks, in parallel. One
//! chunk is read while the one before it is computed and the one before that is written.

use super::impossible::mask_impossible;
use super::normalise::level;
use super::overlap::check_overlap;
use super::regrid::Regridder;
use super::report::{RejectedList, Report};
use super::set::{SetWriter, SpectraHeader};
use crate::base::ahead::ahead;
use crate::base::atomic::not_an_input;
use crate::config::{Config, SurveySource};
use crate::data::{Block, LogGrid, Object, flag};
use crate::survey::PixelMask;
use crate::survey::item::Item;
use crate::survey::open::open;
use crate::survey::select::{by_spectrum, reject};
use crate::survey::spectra::duplicates;
use crate::{Error, Result};
use ndarray::s;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::thread;

/// Rows of a chunk.
const CHUNK: usize = 256;
/// Chunks that wait between reading and computing, and between computing and writing.
const AHEAD: usize = 1;

/// Prepares the survey that `config` names and writes it to `out`, with the list of rejected
/// spectra beside it. `progress` receives (rows done, rows) after each chunk.
///
/// # Errors
/// [`Error::Input`] for an unusable catalog, folder or HDF5 file, or if no spectrum passes;
/// [`Error::Output`] if the set cannot be written. Nothing is left behind then.
pub fn prepare(
    config: &Config,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report> {
    prepare_from(config, &config.survey.source, out, progress)
}

/// As [`prepare`], from another source than the config's, treated by the config's rules: what
/// restoring a new catalog needs.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_from(
    config: &Config,
    source: &SurveySource,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report> {
    let mask = PixelMask::new(&config.survey.mask)?;
    let origin = source.first_path();
    not_an_input(out, [origin], "give survey.prepared another name")?;
    let survey = open(source)?;
    check_overlap(origin, &config.grid, &survey.pixels())?;
    let grid = LogGrid::new(&config.grid);
    let regridder = Regridder::new(&grid, &survey.pixels());
    let n = survey.len();
    let list_path = rejected_path(out);
    let mut report = Report::new(out, &list_path, &grid, n);
    let names = survey.names();
    report.duplicate_names = duplicates(names.into_iter().filter(|n| !n.is_empty()));
    let unmatched = survey.unmatched();
    report.rows_without_file = unmatched.rows;
    report.files_without_row = unmatched.files;
    report.targets_without_row = unmatched.targets;
    report.twin_files = unmatched.twins;
    report.passed_over = unmatched.passed_over;
    report.listed_twice = unmatched.listed_twice;
    let beside = survey.beside(&mask);
    (report.masked_by, report.left_out) = (beside.masked_by, beside.left_out);
    let exact = matches!(source, SurveySource::Hdf5 { datasets, .. } if datasets.noiseless);
    let header = SpectraHeader {
        grid,
        noise_rho: regridder.noise_rho(),
        flux_unit: survey.flux_unit().to_owned(),
        specsys: survey.specsys().map(ToOwned::to_owned),
        config: config.to_toml()?,
    };
    let mut writer = SetWriter::create(out, &header, n)?;
    let mut list = RejectedList::create(&list_path)?;
    progress(0, n);
    thread::scope(|scope| {
        let starts = || (0..n).step_by(CHUNK);
        let read = starts().map(|start| {
            let end = (start + CHUNK).min(n);
            survey.read(start..end, &mask, &config.select)
        });
        let work = |items: Result<Vec<Item>>| -> Result<Chunk> {
            Ok(chunk(config, &regridder, &grid, with_care(items?, exact)))
        };
        let read = ahead(scope, AHEAD, read);
        for (start, chunk) in starts().zip(ahead(scope, AHEAD, read.map(work))) {
            let chunk = chunk?;
            for (i, object) in chunk.objects.iter().enumerate() {
                report.count(object);
                if object.flag != flag::GOOD {
                    list.add(start + i, object)?;
                }
            }
            report.without_lsf += chunk.without_lsf;
            report.without_mask += chunk.without_mask;
            report.other_grid += chunk.other_grid;
            report.impossible_pixels += chunk.impossible.iter().map(|(_, n)| n).sum::<usize>();
            let names = chunk.impossible.into_iter().map(|(name, _)| name);
            report.impossible.extend(names);
            writer.write(&chunk.objects, &chunk.block)?;
            progress(start + chunk.objects.len(), n);
        }
        Ok::<(), Error>(())
    })?;
    if report.used == 0 {
        return Err(nothing_left(source, &report));
    }
    writer.finish()?;
    list.finish()?;
    Ok(report)
}

/// Rows that are ready to be written.
struct Chunk {
    objects: Vec<Object>,
    block: Block,
    without_lsf: usize,
    without_mask: usize,
    other_grid: usize,
    /// Names of the spectra with impossible pixels, with their number.
    impossible: Vec<(String, usize)>,
}

/// `items` without impossible pixels, and the names of those that had some. What the config calls
/// noiseless is `exact`: whatever it holds is so.
fn with_care(mut items: Vec<Item>, exact: bool) -> (Vec<Item>, Vec<(String, usize)>) {
    if exact {
        return (items, Vec::new());
    }
    let counted = items
        .par_iter_mut()
        .map(|item| item.spectrum.as_mut().map_or(0, mask_impossible));
    let counts: Vec<usize> = counted.collect();
    let odd = items.iter().zip(counts).filter(|(_, n)| *n > 0);
    let odd = odd.map(|(item, n)| (item.object.name.clone(), n)).collect();
    (items, odd)
}

fn chunk(
    config: &Config,
    regridder: &Regridder,
    grid: &LogGrid,
    (items, impossible): (Vec<Item>, Vec<(String, usize)>),
) -> Chunk {
    let read = |yes: &dyn Fn(&Item) -> bool| {
        let read = items.iter().filter(|i| i.spectrum.is_some());
        read.filter(|i| yes(i)).count()
    };
    let mut chunk = Chunk {
        objects: Vec::with_capacity(items.len()),
        block: Block::masked(items.len(), grid.pixels),
        without_lsf: read(&|i| i.lacks_lsf),
        without_mask: read(&|i| i.lacks_mask),
        other_grid: read(&|i| i.other_grid),
        impossible,
    };
    let done: Vec<(Object, Option<Block>)> = items
        .into_par_iter()
        .map(|item| one(config, regridder, grid, item))
        .collect();
    let block = &mut chunk.block;
    for (i, (object, row)) in done.into_iter().enumerate() {
        block.z[i] = object.z;
        if let Some(row) = row {
            block.flux.slice_mut(s![i, ..]).assign(&row.flux.row(0));
            block.ivar.slice_mut(s![i, ..]).assign(&row.ivar.row(0));
            block.lsf.slice_mut(s![i, ..]).assign(&row.lsf.row(0));
        }
        chunk.objects.push(object);
    }
    chunk
}

/// One spectrum on the common grid, normalised; `None` if it is rejected.
fn one(
    config: &Config,
    regridder: &Regridder,
    grid: &LogGrid,
    item: Item,
) -> (Object, Option<Block>) {
    let mut object = item.object;
    let Some(spectrum) = item.spectrum else {
        return (object, None);
    };
    let mut row = Block::masked(1, grid.pixels);
    regridder.regrid(&spectrum, &mut row, 0);
    by_spectrum(
        &config.select,
        &mut object,
        row.flux.row(0),
        row.ivar.row(0),
    );
    match level(&config.normalise, &spectrum, item.level) {
        Ok(found) => {
            object.norm = found.value;
            row.flux
                .mapv_inplace(|f| (f64::from(f) / found.value) as f32);
            row.ivar
                .mapv_inplace(|v| (f64::from(v) * found.value * found.value) as f32);
        }
        Err(reason) => reject(&mut object, flag::LEVEL, &reason),
    }
    let usable = object.flag == flag::GOOD;
    (object, usable.then_some(row))
}

/// PREPARED.rejected.csv.
#[must_use]
pub fn rejected_path(prepared: &Path) -> PathBuf {
    let mut name = prepared.as_os_str().to_owned();
    name.push(".rejected.csv");
    PathBuf::from(name)
}

fn nothing_left(source: &SurveySource, report: &Report) -> Error {
    let first = report.first_reason.as_deref().unwrap_or("no reason");
    let fix = match source {
        SurveySource::Sdss { spectra, .. } if report.rows_without_file == report.rows => format!(
            "give the folder of this catalog's spectra (survey.source.spectra is {})",
            spectra
                .iter()
                .map(|p| p.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        _ => "widen [select], or check the catalog, the spectra and [normalise]".to_owned(),
    };
    Error::input(
        source.first_path(),
        "",
        format!(
            "none of {} spectra is usable ({}; the first: {first})",
            report.rows,
            report.counts()
        ),
        "at least one spectrum that passes the selection",
        fix,
    )
}
