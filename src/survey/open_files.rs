//! Files of many spectra, kept open from one spectrum to the next: opening one looks through all its
//! headers, and unpacks it where it is gzipped.

use crate::Result;
use crate::files::fits::read::Fits;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files that stay open between two readings, at most, and the bytes that they may hold unpacked: what the
/// next chunk of rows, in the order of a catalog, is likely to go on with.
const IDLE: usize = 32;
const UNPACKED: usize = 512 << 20;

/// The files that stay open; the latest is the last.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles(Mutex<Vec<(PathBuf, Fits)>>);

impl OpenFiles {
    /// What `read` makes of each of `rows`, in their order. Rows of the same file, which `file` names, are
    /// read one after the other from one handle; files are read beside each other.
    pub fn each<T: Send>(
        &self,
        rows: impl Iterator<Item = usize>,
        file: impl Fn(usize) -> Option<PathBuf>,
        read: impl Fn(usize, &mut Handle) -> T + Sync,
    ) -> Vec<T> {
        let mut groups: BTreeMap<Option<PathBuf>, Vec<(usize, usize)>> = BTreeMap::new();
        for (k, row) in rows.enumerate() {
            groups.entry(file(row)).or_default().push((k, row));
        }
        let of_file = |(path, rows): (Option<PathBuf>, Vec<(usize, usize)>)| {
            let mut handle = Handle(path.as_deref().and_then(|p| self.take(p)));
            let found: Vec<(usize, T)> = rows
                .into_iter()
                .map(|(k, row)| (k, read(row, &mut handle)))
                .collect();
            if let (Some(path), Some(fits)) = (path, handle.0) {
                self.keep(path, fits);
            }
            found
        };
        let mut found: Vec<(usize, T)> = groups.into_par_iter().flat_map_iter(of_file).collect();
        found.sort_by_key(|(k, _)| *k);
        found.into_iter().map(|(_, item)| item).collect()
    }

    fn take(&self, path: &Path) -> Option<Fits> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(p, _)| p == path)?;
        Some(idle.remove(at).1)
    }

    fn keep(&self, path: PathBuf, fits: Fits) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((path, fits));
        let unpacked =
            |idle: &[(PathBuf, Fits)]| idle.iter().map(|f| f.1.unpacked()).sum::<usize>();
        while idle.len() > IDLE || unpacked(&idle) > UNPACKED {
            idle.remove(0);
        }
    }
}

/// A file that is opened when the first of its rows is read.
#[derive(Debug)]
pub(crate) struct Handle(Option<Fits>);

impl Handle {
    /// What `read` makes of the file `path`. After an error the next row opens it anew.
    ///
    /// # Errors
    /// Those of [`Fits::open`] and of `read`.
    pub fn with<T>(&mut self, path: &Path, read: impl FnOnce(&mut Fits) -> Result<T>) -> Result<T> {
        let mut fits = match self.0.take() {
            Some(fits) => fits,
            None => Fits::open(path)?,
        };
        let found = read(&mut fits)?;
        self.0 = Some(fits);
        Ok(found)
    }
}
