//! The units that the datasets of an HDF5 catalog say in their attributes.

use crate::config::Datasets;
use crate::data::Centres;
use crate::files::hdf5::read;
use crate::files::quantity::{Quantity, agree};
use crate::{Error, Result};
use hdf5::{Dataset, File, Location};
use std::path::Path;

/// Names of the attributes that say a unit, whatever their case.
const UNIT: [&str; 4] = ["units", "unit", "bunit", "tunit"];
/// As [`UNIT`], of the whole file.
const FLUX_UNIT: [&str; 2] = ["flux_unit", "flux_units"];

/// What an attribute of one of these names says, and its name.
fn said(at: &Location, names: &[&str]) -> Option<(String, String)> {
    let all = at.attr_names().unwrap_or_default();
    let mut found = all
        .into_iter()
        .filter(|a| names.contains(&&*a.to_lowercase()));
    let text = |a: String| Some((read::text_attribute(at, &a)?, a));
    let said = found.find_map(text)?;
    (!said.0.trim().is_empty()).then_some(said)
}

/// The unit that an attribute of `data` says.
pub(crate) fn said_unit(data: &Dataset) -> Option<String> {
    said(data, &UNIT).map(|(unit, _)| unit)
}

/// Whether the file says the same unit of the flux as the config, and of the inverse variance its
/// inverse square; where it says nothing it agrees. Gives notes on units that are not understood: then
/// the config's counts.
///
/// # Errors
/// [`Error::Input`] for another unit.
pub(super) fn check_flux(
    file: &File,
    path: &Path,
    datasets: &Datasets,
    config: &str,
) -> Result<Vec<String>> {
    let differs = |place: String, unit: &str| {
        Error::input(
            path,
            place,
            format!("the file says `{unit}`, the config `{config}`"),
            "the same unit in both",
            "correct survey.source.flux_unit, or the attribute if it is wrong",
        )
    };
    let flux = read::find(file, path, &datasets.flux)?;
    let of_flux = flux.and_then(|d| said(&d, &UNIT));
    let of_flux =
        of_flux.map(|(unit, name)| (unit, format!("dataset {} attribute {name}", datasets.flux)));
    let of_file = said(file, &FLUX_UNIT).map(|(unit, name)| (unit, format!("attribute {name}")));
    let mut notes = Vec::new();
    for (unit, place) in of_flux.into_iter().chain(of_file) {
        match agree(&unit, config) {
            Some(true) => {}
            Some(false) => return Err(differs(place, &unit)),
            None => notes.push(format!(
                "{place}: `{unit}` is not compared with the config's flux_unit, which counts"
            )),
        }
    }
    let ivar = match datasets.noiseless {
        true => None,
        false => read::find(file, path, &datasets.ivar)?,
    };
    let inverse = Quantity::read(config).map(|u| u.power(-2));
    if let (Some((unit, name)), Some(inverse)) = (ivar.and_then(|d| said(&d, &UNIT)), inverse)
        && Quantity::read(&unit).is_some_and(|u| u.measures_as(inverse) && !u.is(inverse))
    {
        return Err(differs(
            format!("dataset {} attribute {name}", datasets.ivar),
            &unit,
        ));
    }
    Ok(notes)
}

/// Å of the unit of the wavelengths in `data`, or in their logarithm, that its attribute says or `asked`,
/// the config's; without either they are in Å.
///
/// # Errors
/// [`Error::Input`] for a unit of the config that is no length, one of the file that is none where the
/// config has none, or two that differ.
pub(crate) fn unit(data: &Dataset, path: &Path, kind: Centres, asked: Option<&str>) -> Result<f64> {
    let name = data.name();
    let name = name.trim_start_matches('/');
    let said = said(data, &UNIT);
    let read = said
        .as_ref()
        .and_then(|(unit, _)| Quantity::of_wavelength(unit));
    let config = asked.and_then(Quantity::of_wavelength);
    let place = || match &said {
        Some((_, attribute)) => format!("dataset {name} attribute {attribute}"),
        None => format!("dataset {name}"),
    };
    let wrong = |problem: String| {
        let fix = "set survey.source.datasets.wave_unit, e.g. \"nm\", or correct the attribute";
        Error::input(
            path,
            place(),
            problem,
            "a unit of wavelength: Å, nm, µm or m",
            fix,
        )
    };
    if let (Some(asked), None) = (asked, config) {
        return Err(wrong(format!(
            "unit `{asked}` of the config is not understood"
        )));
    }
    match (read, config, &said) {
        (Some(file), Some(config), Some((unit, _))) if file != config => {
            let asked = asked.unwrap_or_default();
            Err(wrong(format!(
                "the file says `{unit}`, the config `{asked}`"
            )))
        }
        (_, Some(config), _) => Ok(config),
        (Some(file), None, _) => Ok(file),
        // "log10", "dex" and the like of a logarithm say nothing of what was measured.
        (None, None, Some((unit, _))) if kind == Centres::Angstrom => {
            Err(wrong(format!("unit `{unit}` is not understood")))
        }
        (None, None, _) => Ok(1.0),
    }
}

/// Wavelengths, or their logarithms, in a unit of `angstroms` Å as those in Å.
pub(crate) fn in_angstroms(mut values: Vec<f64>, kind: Centres, angstroms: f64) -> Vec<f64> {
    if angstroms != 1.0 {
        match kind {
            Centres::Log10 => values.iter_mut().for_each(|v| *v += angstroms.log10()),
            Centres::Angstrom => values.iter_mut().for_each(|v| *v *= angstroms),
        }
    }
    values
}

/// Whether the file says that its spectra are at rest: then they are no observations, and a grid of the rest
/// frame would move them again.
///
/// # Errors
/// [`Error::Input`] if it does.
pub(super) fn check_frame(file: &File, path: &Path) -> Result<()> {
    match said(file, &["frame"]) {
        Some((frame, name)) if frame.trim().eq_ignore_ascii_case("rest") => Err(Error::input(
            path,
            format!("attribute {name}"),
            "the spectra are in the rest frame",
            "spectra as they were observed",
            "give the observed wavelengths; [grid] frame = \"rest\" moves spectra by their redshifts",
        )),
        _ => Ok(()),
    }
}

/// Names of the attributes that say whether wavelengths are those in air or in vacuum, whatever their case.
const MEDIUM: [&str; 5] = [
    "airorvac",
    "air_or_vac",
    "air_or_vacuum",
    "medium",
    "wave_medium",
];

/// Whether wavelengths are in air or in vacuum by an attribute of the file or of their dataset, and which
/// attribute says so.
pub(crate) fn said_medium(file: &File, data: Option<&Dataset>) -> Option<(String, String)> {
    let of_file = ["wavelength"].iter().chain(&MEDIUM).copied();
    let of_file = said(file, &of_file.collect::<Vec<_>>());
    let of_data = data.and_then(|d| said(d, &MEDIUM));
    let of_data = of_data.zip(data.map(|d| d.name())).map(|((text, a), d)| {
        (
            text,
            format!("dataset {} attribute {a}", d.trim_start_matches('/')),
        )
    });
    of_file
        .map(|(text, a)| (text, format!("attribute {a}")))
        .or(of_data)
}
