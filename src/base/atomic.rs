//! Files that are either complete or absent: written under a temporary name in the same folder,
//! synced to disk, then renamed. What a killed process left under its temporary names is removed by
//! the next one that writes into the folder.

use super::lock::{make_held, remove_if_free};
use super::machine::host;
use super::output::{folder_of, place};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Temporary files of this process, and the locks that tell others that they are being written:
/// [`abandon`] must remove them, since it runs no destructors.
static TEMPORARIES: Mutex<BTreeMap<PathBuf, File>> = Mutex::new(BTreeMap::new());
/// Folders that this process has swept: once is enough, and a folder may hold thousands of spectra.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An output file under construction. Dropped without [`Pending::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Pending {
    target: PathBuf,
    /// What is replaced: behind links, which stay.
    place: PathBuf,
    temporary: PathBuf,
}

impl Pending {
    /// Makes an empty temporary file beside `target`, and their folder if it is missing.
    ///
    /// # Errors
    /// [`Error::Output`] if `target` is there and no file, or the folder cannot be made or written.
    pub fn new(target: impl AsRef<Path>) -> Result<Self> {
        let target = target.as_ref().to_path_buf();
        let place = place(&target)?;
        let folder = folder_of(&place);
        let refused = |e: io::Error| {
            Error::output(&folder, e, "give a folder that can be created and written")
        };
        fs::create_dir_all(&folder).map_err(refused)?;
        sweep(&folder);
        // Held to the end: `abandon` finds every file that there is.
        let mut temporaries = locked(&TEMPORARIES);
        let (temporary, lock) = reserve(&place)
            .map_err(|e| Error::output(&target, e, "check free space and permissions"))?;
        temporaries.insert(temporary.clone(), lock);
        Ok(Self {
            target,
            place,
            temporary,
        })
    }

    /// The temporary name to write to: a file that is empty. Who replaces it loses its lock.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// What `open` makes of the temporary name. A library that opens a file to write makes one where
    /// there is none, thus again what [`abandon`] has just removed: neither happens during the other.
    /// `open` must not begin another file.
    pub fn open<T>(&self, open: impl FnOnce(&Path) -> T) -> T {
        let _held = locked(&TEMPORARIES);
        open(&self.temporary)
    }

    /// The file, empty, to write to.
    ///
    /// # Errors
    /// What the system says.
    pub fn empty(&self) -> io::Result<File> {
        self.open(|path| File::create(path))
    }

    /// Syncs the temporary file and renames it to its target, whose mode and group it takes over.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be synced or renamed (disk full, permissions).
    pub fn commit(self) -> Result<()> {
        let moved = File::open(&self.temporary)
            .and_then(|f| f.sync_all())
            .and_then(|()| take_over(&self.place, &self.temporary))
            .and_then(|()| fs::rename(&self.temporary, &self.place))
            .and_then(|()| File::open(folder_of(&self.place))?.sync_all());
        moved.map_err(|e| Error::output(&self.target, e, "check free space and permissions"))?;
        let mut temporaries = locked(&TEMPORARIES);
        let lock = temporaries.remove(&self.temporary);
        // A file that is itself temporary, to be read and dropped, stays locked.
        if let (Some(held), Some(lock)) = (temporaries.get_mut(&self.place), lock) {
            *held = lock;
        }
        drop(temporaries);
        log::debug!("wrote {}", self.target.display());
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // After a commit the temporary name is gone and this is a no-op.
        let lock = locked(&TEMPORARIES).remove(&self.temporary);
        if lock.is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A temporary file for `place`, which no other process has, and its lock.
fn reserve(place: &Path) -> io::Result<(PathBuf, File)> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0;
    loop {
        // Processes of two containers may have one number and one host name.
        let again = if number == 0 {
            String::new()
        } else {
            format!("-{number}")
        };
        let part = format!(".{name}.{}.{}{again}.part", host(), std::process::id());
        let path = folder_of(place).join(part);
        if let Some(lock) = make_held(&path)? {
            return Ok((path, lock));
        }
        number += 1;
    }
}

/// Gives `new` the mode and, where the system lets us, the group of the file `old`, if there is one.
fn take_over(old: &Path, new: &Path) -> io::Result<()> {
    let of = |path: &Path| -> io::Result<Option<Metadata>> {
        match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    };
    let (Some(old), Some(made)) = (of(old)?, of(new)?) else {
        return Ok(());
    };
    if old.gid() != made.gid() {
        let _ = chown(new, None, Some(old.gid()));
    }
    fs::set_permissions(new, old.permissions())
}

/// Removes every file under construction and ends the process with `code`, from whichever thread a
/// signal is handled in. A SIGKILL or a power cut still leaves a hidden `.part` file, until the next
/// process that writes into the folder.
pub fn abandon(code: i32) -> ! {
    // Held to the end: no new temporary file can be reserved meanwhile.
    let files = locked(&TEMPORARIES);
    for file in files.keys() {
        let _ = fs::remove_file(file);
    }
    // SAFETY: ends the process. Not `exit`: the handlers of HDF5 would touch files that another
    // thread is writing.
    unsafe { libc::_exit(code) }
}

/// As [`abandon`], where memory has run out: nothing is waited for, and what another thread is about to
/// reserve may be left as a `.part` file.
pub(crate) fn abandon_now(code: i32) -> ! {
    let files = TEMPORARIES.try_lock();
    for file in files.iter().flat_map(|f| f.keys()) {
        let _ = fs::remove_file(file);
    }
    // SAFETY: as in `abandon`.
    unsafe { libc::_exit(code) }
}

/// Writes `bytes` to `target`, completely or not at all.
///
/// # Errors
/// [`Error::Output`] as for [`Pending`].
pub fn write(target: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let pending = Pending::new(&target)?;
    pending
        .empty()
        .and_then(|mut f| f.write_all(bytes))
        .map_err(|e| Error::output(&target, e, "check free space and permissions"))?;
    pending.commit()
}

/// Removes from `folder` what processes of this machine were writing when they were killed: what nobody
/// holds a lock on. Not every file system carries the locks of one machine to others, so that files of
/// other machines, which their names tell, are left.
fn sweep(folder: &Path) {
    if !locked(&SWEPT).insert(folder.to_path_buf()) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_of_this_machine(&entry.file_name()) {
            remove_if_free(&entry.path());
        }
    }
}

/// Whether a file is named as the temporary ones of this machine are.
fn is_of_this_machine(name: &OsStr) -> bool {
    let hidden = name.to_str().and_then(|n| n.strip_prefix('.'));
    let parts = hidden.and_then(|n| n.strip_suffix(".part")?.rsplit_once('.'));
    parts.is_some_and(|(rest, process)| {
        let host = rest.strip_suffix(host()).is_some_and(|r| r.ends_with('.'));
        host && process.starts_with(|c: char| c.is_ascii_digit())
    })
}
