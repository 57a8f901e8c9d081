//! An HDF5 catalog of spectra: which of its datasets is which, and what it does not say.

use super::draft::Table;
use crate::files::hdf5::listing::{Listed, datasets};
use crate::files::hdf5::read::{find, open, text_attribute};
use crate::survey::hdf5_units::said_unit;
use crate::{Error, Result};
use std::path::Path;

/// Names of datasets, without regard to case, by the key that names them; the first one is the default.
const NAMES: [(&str, &[&str]); 6] = [
    ("flux", &["flux"]),
    ("ivar", &["ivar", "invvar"]),
    ("loglam", &["loglam"]),
    ("z", &["z", "redshift"]),
    ("id", &["id", "name", "targetid", "specobjid"]),
    ("lsf", &["lsf", "wdisp"]),
];
const WAVE: [&str; 3] = ["wave", "wavelength", "lambda"];

/// The tables `survey.source` and `survey.source.datasets` for the file `path`, and whether it has a dataset
/// of levels.
///
/// # Errors
/// [`Error::Input`] if it cannot be read; [`Error::Config`] with what has to be given where the file does
/// not tell and nothing may be guessed, unless `given` says that it is.
pub(super) fn source(path: &Path, given: &dyn Fn(&str) -> bool) -> Result<(Vec<Table>, bool)> {
    let file = open(path)?;
    let (found, _) = datasets(&file, path);
    let named = |names: &[&str]| -> Option<&Listed> {
        let last = |d: &Listed| d.name.rsplit('/').next().map(str::to_lowercase);
        names.iter().find_map(|n| {
            if let Some(here) = found.iter().find(|d| d.name.eq_ignore_ascii_case(n)) {
                return Some(here);
            }
            // In a group, if there is no other of this name.
            let mut inside = found.iter().filter(|d| last(d).as_deref() == Some(n));
            inside.next().filter(|_| inside.next().is_none())
        })
    };
    let unknown = |key: &str| !given(&format!("survey.source.{key}"));
    let mut table = Table::new("survey.source.datasets");
    let mut missing = Vec::new();
    for (key, names) in NAMES {
        let dataset = named(names);
        let asked = unknown(&format!("datasets.{key}"));
        match dataset {
            Some(d) if d.name != names[0] || key == "lsf" => {
                let why = format!("{:?} {}", d.shape, d.kind);
                table = table.key(key, d.name.clone(), why);
            }
            None if key == "flux" && asked => missing.push("datasets.flux=NAME".to_owned()),
            None if key == "ivar" && asked && unknown("datasets.noiseless") => {
                missing.push("datasets.ivar=NAME (inverse variance)".to_owned());
            }
            _ => {}
        }
    }
    let wave = named(&WAVE).filter(|_| named(&["loglam"]).is_none());
    if let Some(wave) = wave {
        table = table.key("wave", wave.name.clone(), format!("{:?}", wave.shape));
    } else if named(&["loglam"]).is_none() && unknown("datasets.loglam") && unknown("datasets.wave")
    {
        missing.push("datasets.wave=NAME".to_owned());
    }
    let level = named(&["level"]);
    if let Some(level) = level {
        table = table.key("level", level.name.clone(), "brightness, for [normalise]");
    }

    let mut source = Table::new("survey.source").key("kind", "hdf5", "").key(
        "file",
        path.display().to_string(),
        "",
    );
    match text_attribute(&file, "wavelength").filter(|w| ["air", "vacuum"].contains(&&**w)) {
        Some(medium) => source = source.key("wavelength", medium, "as the file says"),
        None if unknown("wavelength") => missing.push("wavelength=vacuum (or air)".to_owned()),
        None => {}
    }
    let flux = named(&["flux"]).and_then(|d| find(&file, path, &d.name).ok().flatten());
    let unit = flux.as_ref().and_then(said_unit);
    match unit.or_else(|| text_attribute(&file, "flux_unit")) {
        Some(unit) => source = source.key("flux_unit", unit, "as the file says"),
        None if unknown("flux_unit") => {
            missing.push("flux_unit='1E-17 erg/cm^2/s/Ang' (or what it is)".to_owned());
        }
        None => {}
    }
    if !missing.is_empty() {
        let sets: Vec<String> = missing
            .iter()
            .map(|m| format!("--set survey.source.{m}"))
            .collect();
        let fix = format!("give {}", sets.join(", "));
        let problem = "does not say all that is needed, and selfsi does not guess it";
        return Err(Error::config(path.display(), "survey.source", problem, fix));
    }
    Ok((vec![source, table], level.is_some()))
}
