//! Facts of HDF5 files: prepared sets and catalogs.

use super::inspection::{Inspection, range, rounded};
use crate::Result;
use crate::base::statistics::median;
use crate::config::{AirOrVacuum, Datasets, MaskConfig};
use crate::data::{Centres, NativeGrid, flag};
use crate::files::hdf5::listing::datasets;
use crate::files::hdf5::read;
use crate::prepare::{Noise, Prepared, flag_names};
use crate::survey::hdf5_units::{in_angstroms, said_medium, said_unit, unit};
use crate::survey::select::snr as snr_of;
use crate::survey::{Hdf5Catalog, PixelMask};
use hdf5::File;
use serde_json::{Value, json};
use std::path::Path;

/// Spectra looked at for statistics, and how many are read at a time.
const LOOKED_AT: usize = 1024;
const READ: usize = 256;

/// Facts of a prepared set.
pub(crate) fn prepared(set: &Prepared) -> Result<Inspection> {
    let mut i = Inspection::new(set.path(), "prepared set");
    let grid = set.grid();
    let objects = set.objects();
    let used = objects.iter().filter(|o| o.flag == flag::GOOD);
    i.fact("spectra", objects.len());
    i.fact("used", used.clone().count());
    let mut rejected = serde_json::Map::new();
    for o in objects {
        for name in flag_names(o.flag) {
            let n = rejected.get(name).and_then(Value::as_u64).unwrap_or(0);
            rejected.insert(name.to_owned(), json!(n + 1));
        }
    }
    if !rejected.is_empty() {
        i.fact("rejected", rejected);
    }
    let edge = |k: f64| rounded(10f64.powf(grid.loglam0 + (k - 0.5) * grid.dloglam));
    i.fact("pixels", grid.pixels);
    i.fact(
        "wavelength",
        format!(
            "{}-{} Å (vacuum, log{})",
            edge(0.0),
            edge(grid.pixels as f64),
            if grid.is_rest() { ", rest frame" } else { "" }
        ),
    );
    i.fact("flux_unit", set.flux_unit());
    i.fact("redshift", range(used.clone().map(|o| o.z)));
    i.fact("norm", range(used.clone().map(|o| o.norm)));
    let rho = set.noise_rho().iter().map(|r| f64::from(*r));
    i.fact("noise_rho", range(rho));
    noise(&mut i, set)?;
    let rows: Vec<usize> = (0..objects.len())
        .filter(|r| objects[*r].flag == flag::GOOD)
        .collect();
    let (mut good, mut all, mut known, mut snr) = (0usize, 0usize, 0usize, Vec::new());
    for part in rows[..rows.len().min(LOOKED_AT)].chunks(READ) {
        let block = set.read_rows(part)?;
        for (flux, ivar) in block.flux.rows().into_iter().zip(block.ivar.rows()) {
            let here = snr_of(flux, ivar);
            good += here.len();
            snr.push(median(here));
        }
        all += block.flux.len();
        known += block.lsf.iter().filter(|l| **l > 0.0).count();
    }
    if all > 0 {
        i.fact("good_pixels", rounded(good as f64 / all as f64));
        i.fact("lsf_known", rounded(known as f64 / all as f64));
        i.fact("snr_per_pixel", range(snr.into_iter()));
    }
    if rows.is_empty() {
        i.problem("no usable spectrum");
    }
    Ok(i)
}

/// The noise against the inverse variances, where the set tells: the range over the bands of wavelength.
fn noise(i: &mut Inspection, set: &Prepared) -> Result<()> {
    let bands = Noise::read(&read::open(set.path())?, set.path())?;
    if bands.is_empty() {
        return Ok(());
    }
    let measured = set.config().parse::<toml::Table>().is_ok_and(|c| {
        let noise = c.get("survey").and_then(|s| s.get("noise"));
        noise.and_then(|n| n.as_str()) == Some("measured")
    });
    i.fact("noise_corrected", measured);
    i.fact("noise_scale", range(bands.iter().map(|b| b.scale)));
    i.fact("noise_correlation", range(bands.iter().map(|b| b.rho[0])));
    Ok(())
}

/// Facts of any other HDF5 file: its datasets, and the catalog in it if the usual names are there, as
/// `prepare` reads it.
pub(crate) fn catalog(path: &Path) -> Result<Inspection> {
    let file = read::open(path)?;
    let (found, problems) = datasets(&file, path);
    let shape = |name: &str| {
        let named = found.iter().find(|d| d.name == name);
        named.map(|d| d.shape.clone())
    };
    // What is there and cannot be read is not missing.
    let unread = |name: &str| {
        let place = format!("[dataset {name}]");
        problems.iter().any(|p| p.contains(&place))
    };
    let flux = shape("flux").filter(|s| s.len() == 2);
    let kind = match flux.is_some() || unread("flux") {
        true => "HDF5 catalog",
        false => "HDF5 file",
    };
    let mut i = Inspection::new(path, kind);
    if let Some(shape) = &flux {
        i.fact("spectra", shape[0]);
        i.fact("pixels", shape[1]);
    } else if !unread("flux") {
        i.problem("no dataset `flux` [N, n]: map the names in [survey.source.datasets]");
    }
    let grids = [("loglam", Centres::Log10), ("wave", Centres::Angstrom)];
    let grid = grids.into_iter().find(|(name, _)| shape(name).is_some());
    match grid {
        None if !unread("loglam") && !unread("wave") => i.problem("no dataset `loglam` or `wave`"),
        None => {}
        Some((name, kind)) => wavelengths(&mut i, &file, path, name, kind),
    }
    let of_grid = grid.and_then(|(name, _)| read::find(&file, path, name).ok()?);
    let medium = said_medium(&file, of_grid.as_ref()).map(|(said, _)| said);
    i.fact(
        "wavelength",
        medium.clone().map_or(Value::Null, Value::from),
    );
    i.fact(
        "flux_unit",
        read::text_attribute(&file, "flux_unit").map_or(Value::Null, Value::from),
    );
    let z = read::find(&file, path, "z").ok().flatten();
    match z.and_then(|z| z.read_raw::<f64>().ok()) {
        Some(z) => i.fact("redshift", range(z.into_iter())),
        None if unread("z") => {}
        None => i.problem("no dataset `z`"),
    }
    if shape("ivar").is_none() && !unread("ivar") {
        i.problem("no dataset `ivar`: clean spectra, not observations");
    }
    let listed: Vec<String> = found
        .iter()
        .map(|d| format!("{} {:?} {}", d.name, d.shape, d.kind))
        .collect();
    let sets = Datasets {
        wave: grid
            .filter(|g| g.1 == Centres::Angstrom)
            .map(|g| g.0.to_owned()),
        noiseless: shape("ivar").is_none() && !unread("ivar"),
        ..Datasets::default()
    };
    if flux.is_some() && grid.is_some() {
        as_prepared(&mut i, path, &sets, medium.as_deref())?;
    }
    i.fact("datasets", listed);
    for problem in problems {
        if !i.problems.contains(&problem) {
            i.problem(problem);
        }
    }
    Ok(i)
}

/// What `prepare` would say of the catalog: gaps, what masks pixels, what is not read, what is wrong.
fn as_prepared(
    i: &mut Inspection,
    path: &Path,
    sets: &Datasets,
    medium: Option<&str>,
) -> Result<()> {
    let air = medium.is_some_and(|m| m.to_lowercase().starts_with("air"));
    let medium = match air {
        true => AirOrVacuum::Air,
        false => AirOrVacuum::Vacuum,
    };
    let catalog = match Hdf5Catalog::open(path, sets, medium) {
        Ok(catalog) => catalog,
        Err(e) => {
            i.problem(e.to_string());
            return Ok(());
        }
    };
    if catalog.has_own_pixels() {
        i.fact("grids", "one for each spectrum");
    }
    i.gaps(&NativeGrid::Pixels(catalog.pixels().clone()));
    let beside = catalog.beside(&PixelMask::new(&MaskConfig::default())?);
    if let Some(masked_by) = beside.masked_by {
        i.fact("mask", masked_by);
    }
    if !beside.left_out.is_empty() {
        i.fact("not_read", beside.left_out);
    }
    Ok(())
}

/// The range of the wavelengths, those of all spectra if each has its own.
fn wavelengths(i: &mut Inspection, file: &File, path: &Path, name: &str, kind: Centres) {
    let Ok(Some(data)) = read::find(file, path, name) else {
        return;
    };
    let (Ok(values), angstroms) = (data.read_raw::<f64>(), unit(&data, path, kind, None)) else {
        return;
    };
    let known = said_unit(&data).is_some();
    let angstroms = match angstroms {
        Ok(angstroms) => angstroms,
        Err(e) => return i.problem(e.to_string()),
    };
    let in_angstroms = in_angstroms(values, kind, angstroms).into_iter();
    let centres = in_angstroms.map(|c| match kind {
        Centres::Log10 => 10f64.powf(c),
        Centres::Angstrom => c,
    });
    // Rows may be filled up with what is no wavelength.
    let centres: Vec<f64> = centres.filter(|c| c.is_finite() && *c > 0.0).collect();
    let high = centres.iter().copied().fold(0.0, f64::max);
    i.fact("wavelength_centres", range(centres.into_iter()));
    // Whatever is observed of quasars and galaxies reaches beyond 1200 Å.
    let units = [("m", 1e-4), ("um", 20.0), ("nm", 1200.0)];
    let likely = units.iter().find(|(_, below)| high < *below);
    if let (Some((unit, _)), false) = (likely, known || high == 0.0) {
        i.problem(format!(
            "wavelengths below {high:.4} Å: if they are in {unit}, say so: survey.source.datasets.wave_unit = \"{unit}\""
        ));
    }
}
