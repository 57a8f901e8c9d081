//! What a file holds, in facts and problems: any format that this crate reads or writes.

mod catalogs;
mod desi;
mod fits;
mod folder;
mod hdf5;
mod images;
mod inspection;
mod survey;

pub use inspection::Inspection;

use crate::files::fits::read::{Fits, Hdu};
use crate::files::hdf5::read::format_of;
use crate::files::start::{Start, start};
use crate::files::version;
use crate::prepare::{ImageSet, Prepared};
use crate::survey::recognise::{FitsKind, recognise};
use crate::{Error, Result};
use std::path::Path;

/// Looks into a file, a folder of spectra or images, or the survey that a config names.
///
/// # Errors
/// [`Error::Input`] if it cannot be read, is truncated, or is of no format that we know.
pub fn inspect(path: &Path) -> Result<Inspection> {
    if path.is_dir() {
        return match folder::of_spectra(path)? {
            Some(found) => Ok(found),
            None => images::alone(path),
        };
    }
    let start = start(path).map_err(|e| {
        Error::input(
            path,
            "",
            e,
            "a file that selfsi reads",
            "give files that can be read",
        )
    })?;
    match start {
        Start::Hdf5 => of_hdf5(path),
        Start::Fits => of_fits(path),
        Start::Text if survey::is_config(path) => survey::of_config(path),
        Start::Text | Start::VoTable => catalogs::of_text(path),
        Start::Other if std::fs::metadata(path).is_ok_and(|m| m.len() == 0) => {
            let fix = "copy or download the file again";
            Err(Error::input(
                path,
                "",
                "an empty file",
                "a file that selfsi reads",
                fix,
            ))
        }
        _ => images::alone(path),
    }
}

fn of_hdf5(path: &Path) -> Result<Inspection> {
    let format = format_of(path)?.unwrap_or_default();
    if format == version::PREPARED.name() {
        return hdf5::prepared(&Prepared::open(path)?);
    }
    if format == version::PREPARED_IMAGES.name() {
        return images::prepared(&ImageSet::open(path)?);
    }
    match images::restored_or_source(path)? {
        Some(found) => Ok(found),
        None => hdf5::catalog(path),
    }
}

fn of_fits(path: &Path) -> Result<Inspection> {
    let mut file = Fits::open(path)?;
    file.check_complete()?;
    let mut hdus = Vec::new();
    for i in 0..file.hdus()? {
        let hdu = file.go(i)?;
        hdus.push((file.extname(), hdu));
    }
    let named = |name: &str| hdus.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let flat = |name: &str| {
        let is = |(n, h): &(String, Hdu)| {
            n.eq_ignore_ascii_case(name) && matches!(h, Hdu::Image(axes) if axes.len() == 2)
        };
        hdus.iter().any(is)
    };
    let ours = [
        ("restored catalog", "RESTORED"),
        ("generated catalog", "GENERATED"),
    ];
    let ours = ours.into_iter().find(|(_, image)| flat(image));
    if let (Some(kind), true) = (ours, named("CATALOG")) {
        return fits::written(path, &mut file, &hdus, kind);
    }
    match recognise(&mut file)? {
        FitsKind::Desi => desi::desi(path, &mut file, &hdus),
        FitsKind::Plate => fits::plate(path, &mut file, &hdus),
        FitsKind::Spec => fits::spec(path),
        FitsKind::SpSpec => fits::sp_spec(path, &mut file),
        FitsKind::Catalog => catalogs::of_spectra(path),
        FitsKind::Targets => catalogs::of_targets(path),
        FitsKind::Other => {
            let found = images::restored_or_source(path)?;
            Ok(found.unwrap_or_else(|| fits::other(path, &hdus)))
        }
    }
}
