//! Files that are either complete or absent: written under a temporary name in the same folder,
//! synced to disk, then renamed. What a killed process left under its temporary names is removed by
//! the next one that writes into the folder.

use crate::{Error, Result};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Temporary files of this process: what [`abandon`] must remove, since it runs no destructors.
static TEMPORARIES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Folders that this process has swept: once is enough, and a folder may hold thousands of spectra.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn locked(set: &Mutex<BTreeSet<PathBuf>>) -> MutexGuard<'_, BTreeSet<PathBuf>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An output file under construction. Dropped without [`Pending::commit`], it leaves nothing.
#[derive(Debug)]
pub struct Pending {
    target: PathBuf,
    temporary: PathBuf,
}

impl Pending {
    /// Reserves a temporary name beside `target`, creating its folder if it is missing.
    ///
    /// # Errors
    /// [`Error::Output`] if the folder cannot be made.
    pub fn new(target: impl AsRef<Path>) -> Result<Self> {
        let target = target.as_ref().to_path_buf();
        let folder = folder_of(&target);
        fs::create_dir_all(&folder).map_err(|e| {
            Error::output(&folder, e, "give a folder that can be created and written")
        })?;
        let name = target
            .file_name()
            .ok_or_else(|| Error::output(&target, "this is not a file name", "give a file name"))?;
        sweep(&folder);
        let temporary = folder.join(format!(
            ".{}.{}.{}.part",
            name.to_string_lossy(),
            host(),
            std::process::id()
        ));
        let _ = fs::remove_file(&temporary);
        locked(&TEMPORARIES).insert(temporary.clone());
        Ok(Self { target, temporary })
    }

    /// The temporary name to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the temporary file and renames it to its target.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be synced or renamed (disk full, permissions).
    pub fn commit(self) -> Result<()> {
        let moved = File::open(&self.temporary)
            .and_then(|f| f.sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.target))
            .and_then(|()| File::open(folder_of(&self.target))?.sync_all());
        moved.map_err(|e| Error::output(&self.target, e, "check free space and permissions"))?;
        log::debug!("wrote {}", self.target.display());
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // After a commit the temporary name is gone and this is a no-op.
        let _ = fs::remove_file(&self.temporary);
        locked(&TEMPORARIES).remove(&self.temporary);
    }
}

/// Removes every file under construction and ends the process with `code`, from whichever thread a
/// signal is handled in. A SIGKILL or a power cut still leaves a hidden `.part` file, until the next
/// process that writes into the folder.
pub fn abandon(code: i32) -> ! {
    // Held to the end: no new temporary file can be reserved meanwhile.
    let files = locked(&TEMPORARIES);
    for file in files.iter() {
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
    for file in files.iter().flat_map(|f| f.iter()) {
        let _ = fs::remove_file(file);
    }
    // SAFETY: as in `abandon`.
    unsafe { libc::_exit(code) }
}

/// Refuses an output that is one of the inputs, by whatever path; `fix` says which name to change.
///
/// # Errors
/// [`Error::Output`] if it is.
pub fn not_an_input<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    fix: &str,
) -> Result<()> {
    let Ok(target) = out.canonicalize() else {
        return Ok(());
    };
    let same = |input: &Path| input.canonicalize().is_ok_and(|i| i == target);
    if inputs.into_iter().any(same) {
        return Err(Error::output(out, "this is the input", fix));
    }
    Ok(())
}

/// Writes `bytes` to `target`, completely or not at all.
///
/// # Errors
/// [`Error::Output`] as for [`Pending`].
pub fn write(target: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let pending = Pending::new(&target)?;
    File::create(pending.path())
        .and_then(|mut f| f.write_all(bytes))
        .map_err(|e| Error::output(&target, e, "check free space and permissions"))?;
    pending.commit()
}

/// Removes from `folder` what processes of this machine that are no more were writing when they were
/// killed. What another machine writes into a shared folder is not ours to judge, hence its name.
fn sweep(folder: &Path) {
    if !locked(&SWEPT).insert(folder.to_path_buf()) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if owner(&entry.file_name()).is_some_and(|process| !lives(process)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The process of this machine that a temporary file is named for.
fn owner(name: &OsStr) -> Option<i32> {
    let hidden = name.to_str()?.strip_prefix('.')?;
    let (rest, process) = hidden.strip_suffix(".part")?.rsplit_once('.')?;
    rest.strip_suffix(host())?.strip_suffix('.')?;
    process.parse().ok().filter(|p| *p > 0)
}

fn lives(process: i32) -> bool {
    // SAFETY: signal 0 is not sent; it only asks whether there is such a process.
    let found = unsafe { libc::kill(process, 0) } == 0;
    found || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// The name of this machine.
fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let mut name = [0u8; 256];
        // SAFETY: at most the length of the buffer is written.
        unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).replace('/', "_")
    })
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
