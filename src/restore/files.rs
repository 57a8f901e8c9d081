//! The files of restored spectra, in the form of their survey.

use super::shard::Part;
use crate::base::output;
use crate::data::{Object, flag};
use crate::files::overwrite::check_output;
use crate::restored::{
    RestoredBlock, RestoredHeader, desi_source, path_of_target, restored_desi_path,
    restored_spec_path, write_restored_spec,
};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The file of the restored spectra of a DESI coadd file: of several jobs each writes its own.
pub(super) fn desi_path(folder: &Path, source: &Path, part: Option<Part>) -> PathBuf {
    let path = restored_desi_path(folder, source);
    part.map_or(path.clone(), |p| p.path(&path))
}

/// Before hours of work: every object has a file name, and none of them is the observation's own or
/// another's. `rest`: on a grid of the rest frame.
pub(super) fn check_paths<'a>(
    folder: &Path,
    part: Option<Part>,
    rest: bool,
    objects: impl Iterator<Item = &'a Object>,
) -> Result<()> {
    let mut coadds: HashMap<PathBuf, &Path> = HashMap::new();
    let mut specs: HashMap<PathBuf, f64> = HashMap::new();
    for o in objects.filter(|o| o.flag == flag::GOOD) {
        if let Some((source, target)) = desi_source(o) {
            let mut path = desi_path(folder, source, part);
            if rest {
                path = path_of_target(&path, target);
            }
            match coadds.get(&path) {
                None => check_output(&path, [source], "give --spectra another folder")?,
                Some(other) if *other != source => {
                    return Err(Error::output(
                        &path,
                        format!(
                            "the restored spectra of {} and {} would have the same name",
                            other.display(),
                            source.display()
                        ),
                        "restore them one by one, each into its own folder",
                    ));
                }
                Some(_) => continue,
            }
            coadds.insert(path, source);
            continue;
        }
        let path = restored_spec_path(folder, o)?;
        if let Some(other) = specs.insert(path.clone(), o.z) {
            return Err(Error::output(
                &path,
                format!(
                    "two rows name this spectrum, with redshifts {other} and {}, and would have the same file",
                    o.z
                ),
                "restore without --spectra (the restored catalog holds every row), or leave one of them out",
            ));
        }
        let place = output::place(&path)?;
        let source = Path::new(&o.source).canonicalize();
        if source.is_ok_and(|s| place.canonicalize().is_ok_and(|p| p == s)) {
            return Err(Error::output(
                &path,
                "this is the observation itself",
                "give --spectra another folder",
            ));
        }
    }
    Ok(())
}

/// Writes the file of each restored object of a batch, except those of DESI, of which a file holds many.
pub(super) fn write_spectra(
    folder: &Path,
    header: &RestoredHeader,
    objects: &[Object],
    block: &RestoredBlock,
) -> Result<()> {
    objects
        .par_iter()
        .enumerate()
        .filter(|(_, o)| o.flag == flag::GOOD && desi_source(o).is_none())
        .try_for_each(|(i, o)| {
            write_restored_spec(&restored_spec_path(folder, o)?, header, o, block, i)
        })
}
