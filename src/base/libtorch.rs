//! The libtorch that the program runs with, which may be another one than it was built with: the
//! environment that the program is installed in has it.

use crate::base::regular;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The version that the program was built with, MAJOR.MINOR.PATCH; `unknown` where the build could not tell.
pub const VERSION: &str = env!("SELFSI_LIBTORCH");

/// The folder that libtorch_cpu.so was loaded from; `None` where the system does not tell.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let library = maps
        .lines()
        .filter_map(|l| l.find('/').map(|at| &l[at..]))
        .find(|p| p.ends_with("/libtorch_cpu.so"))?;
    PathBuf::from(library).parent().map(PathBuf::from)
}

/// Whether the loaded libtorch is of the version that the program was built with, but for its patch
/// level: calls of another one go astray. One that does not tell its version is taken as it is.
///
/// # Errors
/// [`Error::Input`] that names the folder, both versions and the remedy.
pub fn check() -> Result<()> {
    match folder() {
        Some(lib) => check_folder(&lib),
        None => Ok(()),
    }
}

fn check_folder(lib: &Path) -> Result<()> {
    let wanted = series(VERSION);
    match version(lib) {
        Some(found) if VERSION != "unknown" && series(&found) != wanted => Err(Error::input(
            lib,
            "",
            format!("libtorch {found}"),
            format!("libtorch {wanted}, which this selfsi was built with"),
            format!("install it where selfsi is: pip install 'torch=={wanted}.*'"),
        )),
        _ => Ok(()),
    }
}

/// MAJOR.MINOR of a version.
fn series(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').take(2).collect();
    parts.join(".")
}

/// What the files beside the folder `lib` say: version.py of the Python package, or build-version of
/// the archives for C++.
fn version(lib: &Path) -> Option<String> {
    let top = lib.parent()?;
    let text = |name: &str| {
        let bytes = regular::read(&top.join(name)).ok()?;
        String::from_utf8(bytes).ok()
    };
    let python = text("version.py").and_then(|t| {
        let line = t.lines().find_map(|l| l.strip_prefix("__version__"))?;
        line.split(['\'', '"']).nth(1).map(str::to_owned)
    });
    python.or_else(|| text("build-version").map(|t| t.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder lib of a libtorch that says its version in `file`.
    fn libtorch(file: &str, text: &str) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("lib")).unwrap();
        std::fs::write(top.path().join(file), text).unwrap();
        top
    }

    #[test]
    fn the_libtorch_of_this_test_is_the_one_it_was_built_with() {
        check().unwrap();
        #[cfg(target_os = "linux")]
        assert!(folder().unwrap().join("libtorch_cpu.so").is_file());
    }

    #[test]
    fn a_patch_of_the_same_version_serves_and_another_version_is_refused_in_one_line() {
        let series = series(VERSION);
        for (file, text) in [
            (
                "version.py",
                format!("from typing import Optional\n__version__ = '{series}.9+cu126'\n"),
            ),
            ("build-version", format!("{VERSION}+cpu\n")),
            ("README", "tells no version".to_owned()),
        ] {
            let top = libtorch(file, &text);
            check_folder(&top.path().join("lib")).unwrap();
        }
        for (file, text) in [
            ("version.py", "__version__ = '1.4.0+cu130'\ndebug = False\n"),
            ("build-version", "1.4.0\n"),
        ] {
            let top = libtorch(file, text);
            let lib = top.path().join("lib");
            let e = check_folder(&lib).unwrap_err().to_string();
            let said = [
                lib.to_str().unwrap(),
                "libtorch 1.4.0",
                &format!("pip install 'torch=={series}.*'"),
            ];
            assert!(said.iter().all(|s| e.contains(s)), "{e}");
            assert!(!e.contains('\n'), "{e}");
        }
    }
}
