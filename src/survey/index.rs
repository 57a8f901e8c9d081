//! The spectra of a folder tree, in spec and spPlate files, found in one walk.

use super::sdss;
use super::sp_plate;
use super::sp_plate::{Fibre, Key};
use crate::base::regular;
use crate::files::fits::read::Fits;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Where a spectrum is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpectrumFile {
    pub path: PathBuf,
    /// Its row and fibre, in a spPlate file.
    pub row: Option<(usize, Fibre)>,
}

/// Spectra by what the names of their files, or the plates, say.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub files: BTreeMap<Key, SpectrumFile>,
    /// Further files of the same spectra (gzipped twins, full beside lite, plates beside spec
    /// files), of which these spectra are not read.
    pub twins: Vec<PathBuf>,
    /// FITS files of the folders that are called otherwise.
    pub passed_over: Vec<PathBuf>,
    redshifts: bool,
}

impl Index {
    /// Walks the folders and takes the files among `paths`; a spec file that is named here itself
    /// may have any name. The pipeline's redshifts of plates are looked up if `redshifts`.
    ///
    /// # Errors
    /// [`Error::Input`] if a path, or a folder below it, cannot be read, or holds no spectrum.
    pub fn new(paths: &[PathBuf], redshifts: bool) -> Result<Self> {
        let mut index = Self {
            redshifts,
            ..Self::default()
        };
        for path in paths {
            if path.is_file() && name_of(path).is_some_and(sp_plate::is_plate) {
                index.add_plate(path)?;
            } else if path.is_file() {
                let name = name_of(path).and_then(key_of);
                let unknown = (-1, -1, -1 - index.files.len() as i64);
                let key = name.or_else(|| sdss::key(path)).unwrap_or(unknown);
                index.add(key, path.clone(), None);
            } else {
                if path.exists() && !path.is_dir() {
                    let fix = "check the path (survey.source.spectra)";
                    let refused =
                        |e| Error::input(path, "", e, "a folder of spectra, or a file", fix);
                    regular::check(path).map_err(refused)?;
                }
                index.walk(path)?;
            }
        }
        Ok(index)
    }

    fn walk(&mut self, folder: &Path) -> Result<()> {
        let (mut found, mut sp_spec) = (false, None);
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in walk {
            let path = match entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => entry.into_path(),
                // A link to nowhere: its row is to say so, the other spectra are not at fault.
                Err(e) if e.depth() > 0 && is_not_found(&e) => {
                    e.path().unwrap_or(folder).to_path_buf()
                }
                Err(e) => return Err(unreadable(folder, &e)),
            };
            if name_of(&path).is_some_and(sp_plate::is_plate) {
                self.add_plate(&path)?;
            } else if let Some(key) = name_of(&path).and_then(key_of) {
                self.add(key, path, None);
            } else {
                if name_of(&path).is_some_and(|n| n.starts_with("spSpec-")) {
                    sp_spec.get_or_insert(path.clone());
                }
                if name_of(&path).is_some_and(|n| is_other(n, &["spZ"])) {
                    self.passed_over.push(path);
                }
                continue;
            }
            found = true;
        }
        if found {
            return Ok(());
        }
        if let Some(path) = sp_spec {
            sdss::refuse_sp_spec(&mut Fits::open(&path)?)?;
        }
        Err(Error::input(
            folder,
            "",
            "no spec file in this folder or below",
            "files named spec-PLATE-MJD-FIBER.fits[.gz] or spPlate-PLATE-MJD.fits[.gz]",
            "check the path (survey.source.spectra)",
        ))
    }

    fn add_plate(&mut self, path: &Path) -> Result<()> {
        for (row, fibre) in sp_plate::fibres(path, self.redshifts)?
            .into_iter()
            .enumerate()
        {
            self.add(fibre.key, path.to_path_buf(), Some((row, fibre)));
        }
        Ok(())
    }

    fn add(&mut self, key: Key, path: PathBuf, row: Option<(usize, Fibre)>) {
        match self.files.entry(key) {
            Entry::Vacant(v) => _ = v.insert(SpectrumFile { path, row }),
            Entry::Occupied(_) if self.twins.last() == Some(&path) => {}
            Entry::Occupied(_) => self.twins.push(path),
        }
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// How the names of what DESI's pipeline puts beside its coadd files begin.
const BESIDE_COADDS: [&str; 8] = [
    "redrock-",
    "rrdetails-",
    "spectra-",
    "zbest-",
    "qso_",
    "emline-",
    "zmtl-",
    "tile-",
];

/// Whether a file that no rule takes is called like a FITS file: `.fits`, `.FITS`, `.fit`, ` (1).fits`,
/// `.fits.bz2`, or like a spectrum without any of these; those of the pipeline that stand beside spectra,
/// which begin with one of `beside`, are not.
fn is_other(name: &str, beside: &[&str]) -> bool {
    let plain = name.to_lowercase();
    let fits = [".fit", ".fts"].iter().any(|end| plain.contains(end));
    let bare = || !plain.contains('.');
    let spectrum = || {
        ["spec-", "spplate-", "coadd-"]
            .iter()
            .any(|p| plain.starts_with(p))
    };
    (fits || bare() && spectrum())
        && !name.starts_with('.')
        && !beside.iter().any(|b| name.starts_with(b))
}

/// The files among `paths`, and those of the folders among them that are called PREFIX*.fits[.gz],
/// at any depth, sorted: with the first of `prefixes` of which a folder has any;
/// and the FITS files of the folders that are called otherwise.
///
/// # Errors
/// [`Error::Input`] if a path cannot be read or a folder holds none.
pub(crate) fn files_called(
    prefixes: &[&str],
    paths: &[PathBuf],
) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut passed_over) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = vec![Vec::new(); prefixes.len()];
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|e| unreadable(path, &e))?;
            let name = entry.file_name().to_string_lossy();
            let stem = name.strip_suffix(".gz").unwrap_or(&name);
            let prefix = prefixes.iter().position(|p| stem.starts_with(p));
            if let Some(prefix) = prefix.filter(|_| stem.ends_with(".fits"))
                && entry.file_type().is_file()
            {
                found[prefix].push(entry.into_path());
            } else if entry.file_type().is_file() && is_other(&name, &BESIDE_COADDS) {
                passed_over.push(entry.into_path());
            }
        }
        let Some(found) = found.into_iter().find(|f| !f.is_empty()) else {
            let names: Vec<String> = prefixes.iter().map(|p| format!("{p}*.fits[.gz]")).collect();
            return Err(Error::input(
                path,
                "",
                format!("no {} in this folder or below", names.join(" or ")),
                "a folder of such files",
                "check the path, or name the files themselves",
            ));
        };
        files.extend(found);
    }
    Ok((files, passed_over))
}

fn is_not_found(e: &walkdir::Error) -> bool {
    e.io_error()
        .is_some_and(|e| e.kind() == ErrorKind::NotFound)
}

fn unreadable(folder: &Path, e: &walkdir::Error) -> Error {
    let why = e
        .io_error()
        .map_or_else(|| e.to_string(), ToString::to_string);
    Error::input(
        e.path().unwrap_or(folder),
        "",
        format!("cannot be read: {why}"),
        "a readable folder of spectra",
        "check the path (survey.source.spectra or survey.source.coadds), its permissions and links",
    )
}

/// What spec-3655-55240-0256.fits[.gz], or spec-allepoch-60130-27021598054114233.fits, says; `None` for
/// other names.
pub(crate) fn key_of(file: &str) -> Option<Key> {
    let stem = file.strip_suffix(".gz").unwrap_or(file);
    let stem = stem.strip_prefix("spec-")?.strip_suffix(".fits")?;
    let mut parts = stem.split('-');
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let first = parts.next()?;
    let plate = number(first).or_else(|| sdss::all_epochs(first))?;
    let key = (plate, number(parts.next()?)?, number(parts.next()?)?);
    parts.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_age_are_understood_and_others_are_not() {
        assert_eq!(key_of("spec-0266-51630-0001.fits"), Some((266, 51630, 1)));
        assert_eq!(
            key_of("spec-10000-57346-1000.fits.gz"),
            Some((10000, 57346, 1000))
        );
        assert_eq!(
            key_of("spec-015000-59146-04544940698.fits"),
            Some((15000, 59146, 4_544_940_698))
        );
        assert_eq!(
            key_of("spec-allepoch_lco-60130-27021598054114233.fits"),
            Some((0, 60130, 27_021_598_054_114_233))
        );
        for other in [
            "spec-allsky-1-2.fits",
            "spec-1-2.fits",
            "spPlate-3655-55240.fits",
            "spec-1-2-3-4.fits",
            "spec-a-2-3.fits",
            "spec-1-2-3.txt",
        ] {
            assert_eq!(key_of(other), None, "{other}");
        }
    }
}
