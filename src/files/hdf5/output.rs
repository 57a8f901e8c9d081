//! HDF5 files under construction: complete or absent, and a refusal of the disk is one clear error.

use super::content::{attribute, text};
use super::driver::{self, Refusal};
use super::sound::quiet;
use crate::base::atomic::Pending;
use crate::base::program::{CREATOR, LIBVERS};
use crate::{Error, Result};
use hdf5::File;
use hdf5::file::{FileAccessBuilder, FileCreateBuilder, LibraryVersion};
use hdf5::sync::sync;
use hdf5_sys::h5f::{H5F_ACC_TRUNC, H5Fcreate, H5Fget_vfd_handle};
use hdf5_sys::h5p::{H5P_DEFAULT, H5Pset_driver};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

/// An HDF5 file under construction. Dropped without [`Output::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    // Fields are dropped in this order: HDF5 closes the file, then its temporary name is removed.
    file: File,
    refusal: Arc<Refusal>,
    pending: Pending,
}

impl Output {
    /// Starts the file that will be `target`; it says what made it.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be made.
    pub fn create(target: impl AsRef<Path>) -> Result<Self> {
        quiet();
        let target = target.as_ref().to_path_buf();
        let pending = Pending::new(&target)?;
        // HDF5 would not say as clearly why it cannot.
        pending.empty().map_err(|e| unwritable(&target, e))?;
        let (file, refusal) = pending
            .open(create)
            .map_err(|e| unwritable(&target, words(&e)))?;
        let output = Self {
            target,
            file,
            refusal,
            pending,
        };
        output.put(|file| {
            attribute(file, "creator", &text(&CREATOR))?;
            attribute(file, "libvers", &text(&LIBVERS))
        })?;
        Ok(output)
    }

    /// Writes to the file; to be called for each block, as it tells whether the disk still takes it.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk has refused something, or with what HDF5 says.
    pub fn put<T>(&self, write: impl FnOnce(&File) -> hdf5::Result<T>) -> Result<T> {
        let written = write(&self.file);
        match self.refusal.get() {
            Some(refusal) => Err(unwritable(&self.target, refusal)),
            None => written.map_err(|e| unwritable(&self.target, words(&e))),
        }
    }

    /// Completes the file and gives it its name. Every dataset of it must have been dropped.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk refuses.
    pub fn finish(self) -> Result<()> {
        self.put(File::flush)?;
        let closed = self.file.close();
        if let Some(refusal) = self.refusal.get() {
            return Err(unwritable(&self.target, refusal));
        }
        closed.map_err(|e| unwritable(&self.target, words(&e)))?;
        if Arc::strong_count(&self.refusal) > 1 {
            return Err(unwritable(&self.target, "HDF5 still holds it open"));
        }
        self.pending.commit()
    }
}

/// HDF5's own account in one short line.
pub(crate) fn words(e: &hdf5::Error) -> String {
    e.to_string().lines().next().unwrap_or_default().to_owned()
}

fn unwritable(target: &Path, problem: impl std::fmt::Display) -> Error {
    Error::output(target, problem, "check free space and permissions")
}

/// A new file at `path` on our driver, and where that notes a refusal.
fn create(path: &Path) -> hdf5::Result<(File, Arc<Refusal>)> {
    let text = path
        .to_str()
        .ok_or_else(|| format!("{path:?} is not UTF-8"))?;
    let name = CString::new(text).map_err(|e| e.to_string())?;
    // Since 1.10, which whoever reads them has, metadata carries checksums.
    let mut access = FileAccessBuilder::new();
    access.libver_bounds(LibraryVersion::V110, LibraryVersion::V110);
    let access = access.finish()?;
    // Files of the same content are the same: digests tell whether one has changed.
    let mut creation = FileCreateBuilder::new();
    creation.obj_track_times(false);
    let creation = creation.finish()?;
    sync(|| {
        // SAFETY: identifiers that live to the end of this block; under HDF5's lock, as `sync` takes it.
        unsafe {
            let driver = driver::identifier();
            if driver < 0 || H5Pset_driver(access.id(), driver, ptr::null()) < 0 {
                return Err("this HDF5 library does not accept selfsi's file driver".into());
            }
            let id = H5Fcreate(name.as_ptr(), H5F_ACC_TRUNC, creation.id(), access.id());
            if id < 0 {
                return Err("HDF5 cannot create it".into());
            }
            let file = hdf5::from_id::<File>(id)?;
            let mut handle = ptr::null_mut();
            if H5Fget_vfd_handle(id, H5P_DEFAULT, &mut handle) < 0 {
                return Err("HDF5 does not give its file driver".into());
            }
            let refusal = handle.cast_const().cast::<Refusal>();
            Arc::increment_strong_count(refusal);
            Ok((file, Arc::from_raw(refusal)))
        }
    })
}
