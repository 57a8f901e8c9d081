//! The restored catalogs that lie in the folder of a run.

use super::shard::Part;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Every RUN/restored*.fits of `run` (of images also .h5), in the order of their names. The tables of
/// `selfsi audit` and the shards of a job array, which are called alike, are not among them.
#[must_use]
pub fn restored_in(run: &Path, images: bool) -> Vec<PathBuf> {
    let extensions: &[&str] = if images {
        &["fits", "fit", "h5", "hdf5"]
    } else {
        &["fits"]
    };
    let is_catalog = |path: &PathBuf| {
        let text = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, extension) = (text(path.file_stem()), text(path.extension()));
        stem.starts_with("restored")
            && extensions.contains(&&*extension)
            && !stem.ends_with(".audit")
            && !Part::is_of(&stem)
    };
    let entries = std::fs::read_dir(run).into_iter().flatten();
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    let mut found: Vec<PathBuf> = paths.filter(is_catalog).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogs_are_told_from_audits_and_shards() {
        let run = tempfile::tempdir().unwrap();
        let out = run.path().join("restored.fits");
        let shard = Part::new(2, 16).unwrap().path(&out);
        for path in [
            &out,
            &shard,
            &out.with_extension("audit.fits"),
            &out.with_file_name("restored-sde.fits"),
            &out.with_extension("h5"),
            &out.with_file_name("other.fits"),
        ] {
            std::fs::write(path, "").unwrap();
        }
        let names = |images| {
            let found = restored_in(run.path(), images);
            let names = found.iter().map(|p| p.file_name().unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["restored-sde.fits", "restored.fits"]);
        let images = ["restored-sde.fits", "restored.fits", "restored.h5"];
        assert_eq!(names(true), images);
        assert!(restored_in(&run.path().join("none"), true).is_empty());
    }
}
