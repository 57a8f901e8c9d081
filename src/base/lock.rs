//! Locks on files. The system gives a lock back when its holder dies, however it dies, and whatever name or
//! number the holder had: a process in another container of the same machine is seen as any other.
//!
//! They reach as far as the file system carries them: docs/guide/cluster.md says where that ends.

use super::machine::host;
use super::output::check_folder;
use crate::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes the file `path` and marks it as being written, for as long as what is returned lives; `None` if
/// there is such a file.
///
/// The lock is shared, so that HDF5, which locks what it reads, may read the file meanwhile.
pub(super) fn make_held(path: &Path) -> io::Result<Option<File>> {
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path);
    let file = match made {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(None),
        other => other?,
    };
    match file.try_lock_shared() {
        // Between these lines, another process may have taken it for what a dead one left.
        Err(TryLockError::WouldBlock) => Ok(None),
        // Where there are no locks, nobody removes anything.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(is_at(&file, path)?.then_some(file)),
    }
}

/// Removes the file `path` if nobody is writing it any more.
pub(super) fn remove_if_free(path: &Path) {
    let mut options = OpenOptions::new();
    // A link, or a FIFO, of such a name is not ours.
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let Ok(file) = options.read(true).write(true).open(path) else {
        return;
    };
    if file.try_lock().is_ok() && is_at(&file, path).unwrap_or(false) {
        let _ = fs::remove_file(path);
    }
}

/// Whether `file` is still what is found at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((held.dev(), held.ino()) == (found.dev(), found.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// The name of the file that is locked in place of its folder.
pub(crate) const LOCK: &str = ".lock";

/// A folder into which no other process that asks for it writes, as long as this lives.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    file: Option<File>,
    /// The folders that were made for it, innermost first.
    made: Vec<PathBuf>,
}

impl FolderLock {
    /// Takes `folder`, which is made if it is missing. Dropped, it is free again; if nothing was written into
    /// it, it is gone if it was made here. Where the file system has no locks a warning says so.
    ///
    /// # Errors
    /// [`Error::Output`] if another process holds it, or it cannot be made or written.
    pub fn take(folder: &Path) -> Result<Self> {
        let missing = folder.ancestors().take_while(|f| !f.as_os_str().is_empty());
        let mut lock = Self {
            path: folder.join(LOCK),
            file: None,
            made: (missing.take_while(|f| !f.exists()).map(Path::to_path_buf)).collect(),
        };
        let refused = |e: io::Error| {
            Error::output(folder, e, "give a folder that can be created and written")
        };
        check_folder(folder)?;
        fs::create_dir_all(folder).map_err(refused)?;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&lock.path)
                .map_err(refused)?;
            match file.try_lock() {
                // Its holder has ended just now and removed it.
                Ok(()) if !is_at(&file, &lock.path).map_err(refused)? => continue,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder, &lock.path)),
                Err(TryLockError::Error(e)) => log::warn!(
                    "{}: this file system has no locks ({e}): see to it yourself that nothing else writes into this folder",
                    folder.display()
                ),
            }
            note_holder(&file).map_err(refused)?;
            lock.file = Some(file);
            return Ok(lock);
        }
    }
}

fn note_holder(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "process {} on {}", std::process::id(), host())
}

fn held(folder: &Path, path: &Path) -> Error {
    let holder = super::regular::read_to_string(path).unwrap_or_default();
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        known => known.to_owned(),
    };
    Error::output(
        folder,
        format!("{holder} is at work in this folder"),
        "wait for it or stop it, or give another folder",
    )
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // While it is held: nobody else has it now.
            let _ = fs::remove_file(&self.path);
            drop(file);
        }
        for folder in &self.made {
            // Refused where something was written.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_and_free_again_after() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let first = FolderLock::take(&folder).unwrap();
        let second = FolderLock::take(&folder).unwrap_err().to_string();
        let me = format!("process {} on ", std::process::id());
        assert!(second.contains(&me) && second.contains("a/b"), "{second}");
        drop(first);
        assert!(!root.path().join("a").exists(), "nothing was written");
        let third = FolderLock::take(&folder).unwrap();
        fs::write(folder.join("work"), "").unwrap();
        drop(third);
        let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn what_a_dead_process_left_is_taken_over() {
        let root = tempfile::tempdir().unwrap();
        fs::write(
            root.path().join(LOCK),
            "process 1 on a machine that is no more",
        )
        .unwrap();
        drop(FolderLock::take(root.path()).unwrap());
        assert!(root.path().exists() && !root.path().join(LOCK).exists());
    }

    #[test]
    fn a_file_is_removed_only_when_nobody_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("part");
        let held = make_held(&path).unwrap().unwrap();
        assert!(make_held(&path).unwrap().is_none(), "there is one");
        remove_if_free(&path);
        assert!(path.exists());
        held.unlock().unwrap();
        remove_if_free(&path);
        assert!(!path.exists());
    }
}
