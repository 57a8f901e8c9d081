//! The files that a survey is read from.

use super::{desi_targets, sp_plate};
use crate::config::SurveySource;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Every file that reading `source` looks into, sorted: those of its folders, what lies beside single files
/// and gives their redshifts, and the catalog.
#[must_use]
pub fn inputs(source: &SurveySource) -> Vec<PathBuf> {
    let (paths, prefixes, catalog): (&[PathBuf], &[&str], _) = match source {
        SurveySource::Sdss {
            spectra, catalog, ..
        } => (
            spectra,
            &["spec-", "spPlate-", "spZbest-"],
            catalog.as_ref(),
        ),
        SurveySource::Desi {
            coadds, catalog, ..
        } => {
            let prefixes = &["coadd-", "spectra-", "redrock-", "zbest-"];
            (coadds, prefixes, catalog.as_ref())
        }
        SurveySource::Hdf5 { file, .. } => (std::slice::from_ref(file), &[], None),
        SurveySource::Images { path, .. } => (path, &[], None),
    };
    let mut files: Vec<PathBuf> = paths.iter().flat_map(|p| below(p, prefixes)).collect();
    files.extend(catalog.cloned());
    files.sort();
    files.dedup();
    files
}

/// The file `path` and what lies beside it; or the files of the folder that begin with one of `prefixes`,
/// if there are any.
fn below(path: &Path, prefixes: &[&str]) -> Vec<PathBuf> {
    if !path.is_dir() {
        let beside = [sp_plate::beside(path), desi_targets::beside(path)];
        let alone = std::iter::once(path.to_path_buf());
        return alone.chain(beside.into_iter().flatten()).collect();
    }
    let walk = WalkDir::new(path).follow_links(true).into_iter();
    let files = walk
        .filter_map(Result::ok)
        .filter(|e| !e.file_type().is_dir());
    let ours = |name: &str| prefixes.is_empty() || prefixes.iter().any(|p| name.starts_with(p));
    let files = files.filter(|e| ours(&e.file_name().to_string_lossy()));
    files.map(walkdir::DirEntry::into_path).collect()
}
