//! Where an output goes, and whether it can: to be asked before the work, and again when it is written.

use super::regular;
use crate::{Error, Result};
use std::ffi::CString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Links that are followed before they count as a circle, as in Linux.
const LINKS: usize = 40;

/// The file that is written for the name `target`: behind symbolic links, which stay, even if they lead to
/// nothing yet.
///
/// # Errors
/// [`Error::Output`] if it is a folder, a FIFO, a device or a socket.
pub fn place(target: &Path) -> Result<PathBuf> {
    let refused = |e: io::Error| Error::output(target, e, "give the name of a file");
    let named = target.file_name().is_some() && !target.as_os_str().as_bytes().ends_with(b"/");
    if !named {
        let problem = "this is not a file name";
        return Err(Error::output(target, problem, "give a file name"));
    }
    // By the system: what a link of /proc says of a pipe is not its name.
    match regular::check(target) {
        Ok(()) => {}
        // What is wrong with the folder is said of the folder.
        Err(e) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&e.kind()) => {}
        Err(e) => return Err(refused(e)),
    }
    let mut place = target.to_path_buf();
    for _ in 0..LINKS {
        match fs::read_link(&place) {
            Ok(to) => place = folder_of(&place).join(to),
            // No link, or nothing there.
            Err(_) => return Ok(place),
        }
    }
    Err(refused(io::Error::from_raw_os_error(libc::ELOOP)))
}

/// Whether a file can be written for the name `target`; nothing is made.
///
/// # Errors
/// As [`place`], or if its folder cannot be written, or made where it is missing.
pub fn check(target: &Path) -> Result<PathBuf> {
    let place = place(target)?;
    check_folder(&folder_of(&place))?;
    Ok(place)
}

/// Whether files can be written into `folder`, or the folder made where it is missing; nothing is made.
///
/// # Errors
/// [`Error::Output`] if not.
pub fn check_folder(folder: &Path) -> Result<()> {
    let refused =
        |e: io::Error| Error::output(folder, e, "give a folder that can be created and written");
    let there = folder.ancestors().find(|f| f.exists() || f.is_symlink());
    let there = there.filter(|f| !f.as_os_str().is_empty());
    let there = there.unwrap_or(Path::new("."));
    if !fs::metadata(there).map_err(refused)?.is_dir() {
        let problem = format!("{} is a file, not a folder", there.display());
        return Err(refused(io::Error::new(ErrorKind::NotADirectory, problem)));
    }
    let name = CString::new(there.as_os_str().as_bytes()).map_err(|e| refused(e.into()))?;
    // SAFETY: the name ends in NUL and outlives the call.
    match unsafe { libc::access(name.as_ptr(), libc::W_OK | libc::X_OK) } {
        0 => Ok(()),
        _ => Err(refused(io::Error::last_os_error())),
    }
}

/// The folder of a file.
pub(crate) fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_to_what_is_there_or_will_be() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("far")).unwrap();
        symlink("far/b", at("a")).unwrap();
        symlink("c", at("far/b")).unwrap();
        assert_eq!(place(&at("a")).unwrap(), at("far/c"));
        fs::write(at("far/c"), "").unwrap();
        assert_eq!(place(&at("a")).unwrap(), at("far/c"));
        symlink("round", at("round")).unwrap();
        let said = place(&at("round")).unwrap_err().to_string();
        assert!(said.contains("symbolic link"), "{said}");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        symlink(root.path(), root.path().join("link")).unwrap();
        let (_read, write) = io::pipe().unwrap();
        let pipe = format!("/proc/self/fd/{}", write.as_raw_fd());
        for (path, what) in [
            #[cfg(target_os = "linux")]
            (pipe.into(), "a FIFO"),
            (root.path().to_path_buf(), "a folder"),
            (root.path().join("link"), "a folder"),
            ("/dev/null".into(), "a device"),
            ("/".into(), "not a file name"),
            ("out/".into(), "not a file name"),
        ] {
            let said = place(&path).unwrap_err().to_string();
            assert!(said.contains(what), "{said}");
        }
    }

    #[test]
    fn a_folder_that_is_missing_can_be_made_but_not_below_a_file() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        check(&root.path().join("a/b/out.fits")).unwrap();
        check(Path::new("out.fits")).unwrap();
        let said = check(&root.path().join("file/b/out.fits")).unwrap_err();
        assert!(said.to_string().contains("file, not a folder"), "{said}");
        assert!(!root.path().join("a").exists());
    }
}
