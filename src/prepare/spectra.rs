//! A survey of spectra → a prepared set: read, mask, regrid, normalise, select.

use super::amplitude::MeanSpectrum;
use super::carried::diagonals_on;
use super::chunks::{self, Chunk};
use super::impossible::without_impossible;
use super::noise;
use super::noise_law::NoiseLaw;
use super::noise_tally::NoiseTally;
use super::normalise::level;
use super::overlap::{check_overlap, uncovered};
use super::regrid::Regridder;
use super::report::Report;
use super::set::{Prepared, SpectraHeader};
use super::spectra_report::{Noticed, SpectraDetails};
use crate::config::{Config, NormaliseConfig, SurveySource};
use crate::data::spectrum::SDSS_STEP;
use crate::data::{Block, Carried, LogGrid, Object, RowBlock, Spectrum, flag};
use crate::survey::PixelMask;
use crate::survey::item::Item;
use crate::survey::open::open;
use crate::survey::select::{by_spectrum, reject};
use crate::survey::spectra::{Pixels, Survey, duplicates, holds_none};
use crate::{Error, Result};
use ndarray::Array2;
use rayon::prelude::*;
use std::path::Path;

/// Rows in memory at a time where nothing is written.
const EXAMINED: usize = 256;
/// Rows that the mean spectrum is learned from, about, and rows of these that are read at once.
const MEAN_FROM: usize = 4096;
const MEAN_READ: usize = 64;

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
) -> Result<Report<SpectraDetails>> {
    prepare_against(config, &config.survey.source, None, out, progress)
}

/// As [`prepare`], from another source than the config's, treated by the config's rules: what
/// restoring a new catalog needs.
///
/// Levels are against the mean spectrum of the config's own prepared set, where they are against one.
///
/// # Errors
/// As [`prepare`]; [`Error::Input`] if that set is needed and not there.
pub fn prepare_from(
    config: &Config,
    source: &SurveySource,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report<SpectraDetails>> {
    let mean = match config.normalise {
        NormaliseConfig::Amplitude { .. } => Some(mean_of_set(config)?),
        _ => None,
    };
    prepare_against(config, source, mean, out, progress)
}

/// The mean spectrum of the prepared set that the config names.
fn mean_of_set(config: &Config) -> Result<MeanSpectrum> {
    let path = &config.survey.prepared;
    let set = Prepared::open(path)?;
    let same = LogGrid::new(&config.grid).matches(&set.grid());
    match set.header().level_mean.as_ref().filter(|_| same) {
        Some(mean) => Ok(MeanSpectrum::of(mean)),
        None => Err(Error::input(
            path,
            "level_mean",
            "no mean spectrum on the grid of the config, against which levels are taken",
            "the prepared set that the run was trained on",
            "prepare it again with the run's config.toml",
        )),
    }
}

fn prepare_against(
    config: &Config,
    source: &SurveySource,
    mean: Option<MeanSpectrum>,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report<SpectraDetails>> {
    let mask = PixelMask::new(&config.survey.mask)?;
    let origin = source.first_path();
    let mut survey = open(source)?;
    check_overlap(origin, config, &survey.pixels())?;
    let grid = LogGrid::new(&config.grid);
    let carried = carried(config, &mut *survey, &grid, origin)?;
    // What the config calls noiseless is so, whatever it holds.
    let exact = matches!(source, SurveySource::Hdf5 { datasets, .. } if datasets.noiseless);
    let measured = match exact {
        true => None,
        false => noise::measured(config, &*survey, origin)?,
    };
    let law = measured.as_ref().map(|(_, law)| law);
    let mut regridder = Regridder::new(&grid, &survey.pixels());
    if let Some(law) = law {
        regridder = regridder.with_noise(law.clone());
    }
    let mean = match mean {
        None => learned(config, &*survey, &mask, &regridder, law)?,
        given => given,
    };
    let mean = mean.as_ref();
    let n = survey.len();
    let header = SpectraHeader {
        level_mean: mean.map(MeanSpectrum::values),
        carried,
        grid,
        noise_rho: regridder.noise_rho(),
        flux_unit: survey.flux_unit().to_owned(),
        specsys: survey.specsys().map(ToOwned::to_owned),
        config: config.to_toml()?,
    };
    let names = survey.names();
    let twice = duplicates(names.into_iter().filter(|n| !n.is_empty()));
    let mut details = SpectraDetails::new(&grid, survey.unmatched(), survey.beside(&mask));
    details.noise = measured.as_ref().map(|(noise, _)| noise.clone());
    chunks::write(
        &header,
        Report::new(out, n, twice, details),
        |rows| {
            let items = survey.read(rows, &mask, &config.select)?;
            if carried.sky {
                items.iter().try_for_each(has_sky)?;
            }
            Ok(items)
        },
        |_, mut items| {
            let impossible = if exact {
                Vec::new()
            } else {
                without_impossible(&mut items)
            };
            let tally = (!exact && law.is_none()).then(|| NoiseTally::of(&items));
            correct(law, &mut items);
            let ways = (&regridder, mean, carried);
            let mut chunk = chunk(config, ways, &grid, items, impossible);
            chunk.found.noise = tally;
            chunk
        },
        |report| nothing_usable(source, report),
        &mut |done| progress(done, n),
    )
}

/// Goes through a survey as [`prepare`] does, and writes nothing: `seen` receives each row as it is read,
/// `judged` what the selection says of it.
///
/// # Errors
/// As [`prepare`], save that no spectrum need pass.
pub(crate) fn examine(
    config: &Config,
    survey: &dyn Survey,
    seen: &mut dyn FnMut(&Item),
    judged: &mut dyn FnMut(&Object),
) -> Result<()> {
    let mask = PixelMask::new(&config.survey.mask)?;
    let grid = LogGrid::new(&config.grid);
    let regridder = Regridder::new(&grid, &survey.pixels());
    let mean = learned(config, survey, &mask, &regridder, None)?;
    for start in (0..survey.len()).step_by(EXAMINED) {
        let rows = start..(start + EXAMINED).min(survey.len());
        let mut items = survey.read(rows, &mask, &config.select)?;
        without_impossible(&mut items);
        items.iter().for_each(&mut *seen);
        let ways = (&regridder, mean.as_ref(), Carried::default());
        let work = |item| one(config, ways, &grid, item).0;
        let objects: Vec<Object> = items.into_par_iter().map(work).collect();
        objects.iter().for_each(&mut *judged);
    }
    Ok(())
}

/// The mean spectrum of the survey, where levels are against it: from an even part of a large one.
fn learned(
    config: &Config,
    survey: &dyn Survey,
    mask: &PixelMask,
    regridder: &Regridder,
    law: Option<&NoiseLaw>,
) -> Result<Option<MeanSpectrum>> {
    let NormaliseConfig::Amplitude { .. } = config.normalise else {
        return Ok(None);
    };
    let plain = Config {
        normalise: NormaliseConfig::None,
        ..config.clone()
    };
    let grid = LogGrid::new(&config.grid);
    let (mut flux, mut ivar) = (Vec::new(), Vec::new());
    let n = survey.len();
    let every = n.div_ceil(MEAN_FROM).max(1) * MEAN_READ;
    for start in (0..n).step_by(every) {
        let mut items = survey.read(start..(start + MEAN_READ).min(n), mask, &config.select)?;
        without_impossible(&mut items);
        correct(law, &mut items);
        let work = |item| one(&plain, (regridder, None, Carried::default()), &grid, item).1;
        let rows: Vec<Option<Block>> = items.into_par_iter().map(work).collect();
        for row in rows.into_iter().flatten() {
            flux.extend(row.flux);
            ivar.extend(row.ivar);
        }
    }
    let shape = (flux.len() / grid.pixels, grid.pixels);
    let array = |v| Array2::from_shape_vec(shape, v).unwrap_or_default();
    let (flux, ivar) = (array(flux), array(ivar));
    Ok(Some(match shape.0 {
        // Nothing is usable: the report says why.
        0 => MeanSpectrum::of(&vec![f32::NAN; grid.pixels]),
        _ => MeanSpectrum::learn(&flux, &ivar),
    }))
}

/// Corrects the inverse variances of `items` by `law`, if there is one.
fn correct(law: Option<&NoiseLaw>, items: &mut [Item]) {
    let Some(law) = law else { return };
    let spectra = items.par_iter_mut().filter_map(|i| i.spectrum.as_mut());
    spectra.for_each(|s| law.correct(s));
}

/// How spectra get to the common grid, what their levels are against, and what they bring besides.
type Ways<'a> = (&'a Regridder, Option<&'a MeanSpectrum>, Carried);

/// What the spectra of `survey` are to bring for the channel of `config`.
fn carried(
    config: &Config,
    survey: &mut dyn Survey,
    grid: &LogGrid,
    origin: &Path,
) -> Result<Carried> {
    let wanted = config.forward.carries();
    let [sky, matrix] = wanted;
    let native = survey.carry(wanted, origin)?;
    let diagonals = match (matrix, survey.pixels()) {
        (false, _) => 0,
        (true, Pixels::Sdss) => diagonals_on(grid, &[[0.0, SDSS_STEP]], native),
        (true, Pixels::Shared(pixels) | Pixels::Own(pixels)) => diagonals_on(grid, &pixels, native),
    };
    Ok(Carried { sky, diagonals })
}

/// Whether a spectrum that was read brings its sky.
fn has_sky(item: &Item) -> Result<()> {
    let lacks = |s: &&Spectrum| s.extras.sky.is_empty();
    match item.spectrum.as_ref().filter(lacks) {
        None => Ok(()),
        Some(_) => Err(holds_none(
            Path::new(&item.object.source),
            "column sky",
            "sky",
            "the sky that was subtracted, of every spectrum",
        )),
    }
}

fn chunk(
    config: &Config,
    ways: Ways<'_>,
    grid: &LogGrid,
    items: Vec<Item>,
    impossible: Vec<(String, usize)>,
) -> Chunk<SpectraDetails> {
    let read = |yes: &dyn Fn(&Item) -> bool| {
        let read = items.iter().filter(|i| i.spectrum.is_some());
        read.filter(|i| yes(i)).count()
    };
    let mut chunk = Chunk {
        objects: Vec::with_capacity(items.len()),
        block: Block::carrying(items.len(), grid.pixels, ways.2),
        found: Noticed {
            lsf: read(&|i| i.lacks_lsf),
            mask: read(&|i| i.lacks_mask),
            other_grid: read(&|i| i.other_grid),
            impossible,
            noise: None,
        },
    };
    let done: Vec<(Object, Option<Block>)> = items
        .into_par_iter()
        .map(|item| one(config, ways, grid, item))
        .collect();
    let block: &mut Block = &mut chunk.block;
    for (i, (object, row)) in done.into_iter().enumerate() {
        if let Some(row) = row {
            block.put(i, &row);
        }
        (block.norm[i], block.z[i], block.z_err[i]) = (object.norm, object.z, object.z_err);
        chunk.objects.push(object);
    }
    chunk
}

/// One spectrum on the common grid, normalised; `None` if it is rejected.
fn one(
    config: &Config,
    (regridder, mean, carried): Ways<'_>,
    grid: &LogGrid,
    item: Item,
) -> (Object, Option<Block>) {
    let mut object = item.object;
    let Some(spectrum) = item.spectrum else {
        return (object, None);
    };
    let mut row = Block::carrying(1, grid.pixels, carried);
    if grid.is_rest() && !(object.z > -1.0 && object.z.is_finite()) {
        let reason = "no redshift, which a grid of the rest frame asks for";
        object.z_grid = f64::NAN;
        reject(&mut object, flag::REDSHIFT, reason);
        return (object, None);
    }
    let z_grid = regridder.place(&spectrum, object.z, &mut row, 0);
    object.z_grid = z_grid;
    by_spectrum(
        &config.select,
        grid.frame,
        &mut object,
        row.flux.row(0),
        row.ivar.row(0),
        || uncovered(config, &spectrum, z_grid, &item.masked),
    );
    let found = match (&config.normalise, mean) {
        (NormaliseConfig::Amplitude { snr_min }, Some(mean)) => {
            mean.level(row.flux.row(0), row.ivar.row(0), *snr_min)
        }
        (other, _) => level(other, &spectrum, z_grid, item.level),
    };
    match found {
        Ok(found) => {
            object.norm = found.value;
            row.flux
                .mapv_inplace(|f| (f64::from(f) / found.value) as f32);
            row.sky
                .mapv_inplace(|s| (f64::from(s) / found.value) as f32);
            row.ivar
                .mapv_inplace(|v| (f64::from(v) * found.value * found.value) as f32);
        }
        Err(reason) => reject(&mut object, flag::LEVEL, &reason),
    }
    let usable = object.flag == flag::GOOD;
    (object, usable.then_some(row))
}

fn nothing_usable(source: &SurveySource, report: &Report<SpectraDetails>) -> Error {
    let fix = match source {
        SurveySource::Sdss { spectra, .. } if report.details.rows_without_file == report.rows => {
            format!(
                "give the folder of this catalog's spectra (survey.source.spectra is {})",
                spectra
                    .iter()
                    .map(|p| p.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        _ => "widen [select], or check the catalog, the spectra and [normalise]".to_owned(),
    };
    Error::input(
        source.first_path(),
        "",
        report.nothing_usable(),
        "at least one spectrum that passes the selection",
        fix,
    )
}
