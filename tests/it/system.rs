//! What the program asks of the system that it starts on: its C library and its libtorch.

use crate::fixtures::run_folder::{failure, selfsi};
use selfsi::base::libtorch;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest glibc that the program runs with: that of RHEL 9.
const GLIBC: Version = (2, 34);
/// Newer ones have further versions of functions, which a build there takes.
const BUILT_WITH: Version = (2, 36);

type Version = (u32, u32);

/// The symbols of glibc that the program needs, by their versions.
fn symbols(program: &Path) -> Option<BTreeMap<Version, Vec<String>>> {
    let output = Command::new("objdump")
        .arg("-T")
        .arg(program)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found = BTreeMap::<Version, Vec<String>>::new();
    for line in text.lines().filter(|l| l.contains("*UND*")) {
        let Some((_, symbol)) = line.split_once("(GLIBC_") else {
            continue;
        };
        let (version, name) = symbol.split_once(')').unwrap();
        let mut parts = version.split('.').map(|p| p.parse().unwrap());
        let version = (parts.next().unwrap(), parts.next().unwrap());
        found
            .entry(version)
            .or_default()
            .push(name.trim().to_owned());
    }
    Some(found)
}

/// glibc of this machine, as `ldd` tells it.
fn here() -> Option<Version> {
    let output = Command::new("ldd").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text
        .lines()
        .next()?
        .rsplit_once(' ')?
        .1
        .trim()
        .split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[test]
fn the_program_starts_with_the_glibc_of_rhel_9() {
    let program = assert_cmd::cargo::cargo_bin("selfsi");
    let (Some(found), Some(here)) = (symbols(&program), here()) else {
        eprintln!("skipped: there is no objdump, or no glibc");
        return;
    };
    if here > BUILT_WITH {
        eprintln!("skipped: this machine's glibc {here:?} has newer functions than the wheel's");
        return;
    }
    assert!(!found.is_empty());
    let newer: Vec<_> = found.range((GLIBC.0, GLIBC.1 + 1)..).collect();
    assert!(newer.is_empty(), "{newer:?}");
}

#[test]
fn cfitsio_and_hdf5_unpack_with_one_current_zlib() {
    // Sources of HDF5 bring their own: the names of its functions would be there twice.
    let program = assert_cmd::cargo::cargo_bin("selfsi");
    let Ok(output) = Command::new("nm").arg(program).output() else {
        eprintln!("skipped: there is no nm");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let count = |name: &str| {
        let end = |l: &&str| l.split_whitespace().last() == Some(name);
        text.lines().filter(end).count()
    };
    for name in [
        "inflate",
        "deflate",
        "inflate_fast",
        "inflate_table",
        "zlibVersion",
    ] {
        assert_eq!(count(name), 1, "{name}");
    }
    let said = selfsi().arg("--version").output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let zlib = said.lines().find_map(|l| l.strip_prefix("zlib: "));
    assert!(zlib.is_some_and(|v| v >= "1.3"), "{said}");
    let cfitsio = said.lines().find_map(|l| l.strip_prefix("cfitsio: "));
    assert!(cfitsio.is_some_and(|v| v >= "4.6"), "{said}");
}

#[test]
fn the_wheel_asks_for_the_torch_that_the_program_is_built_with() {
    let series = libtorch::VERSION.rsplit_once('.').unwrap().0;
    for (file, what) in [
        ("python/pyproject.toml", format!("\"torch=={series}.*\"")),
        ("python/selfsi/program.py", format!("TORCH = \"{series}\"")),
        ("requirements/build.txt", format!("torch=={series}.")),
        ("docs/guide/install.md", format!(" torch=={series}.")),
        ("deploy/selfsi.def", format!(" torch=={series}.")),
        ("deploy/conda/meta.yaml", format!("libtorch {series}.*")),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&what), "{file}: {what}");
    }
}

/// A libtorch of another version: this one's libraries beside a version.py that says so, and the
/// folders to look for libraries in; `None` where they are on another disk.
fn another(folder: &Path, version: &str) -> Option<Vec<PathBuf>> {
    let here = libtorch::folder().unwrap();
    let lib = folder.join("lib");
    std::fs::create_dir(&lib).unwrap();
    for name in ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"] {
        std::fs::hard_link(here.join(name), lib.join(name)).ok()?;
    }
    let text = format!("__version__ = '{version}+cu130'\n");
    std::fs::write(folder.join("version.py"), text).unwrap();
    let nvidia = std::fs::read_dir(here.join("../../nvidia")).into_iter();
    let nvidia = nvidia.flatten().map(|e| e.unwrap().path().join("lib"));
    Some([lib].into_iter().chain(nvidia).collect())
}

#[test]
fn another_libtorch_is_refused_at_start_with_what_to_install() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let Some(paths) = another(folder.path(), "1.4.0") else {
        eprintln!("skipped: libtorch is on another disk than target/");
        return;
    };
    let paths = std::env::join_paths(paths).unwrap();
    let mut command = selfsi();
    command.env("LD_LIBRARY_PATH", paths);
    let said = failure(command.args(["inspect", "absent.fits"]));
    assert!(
        said.contains("lib: libtorch 1.4.0+cu130; expected"),
        "{said}"
    );
    assert!(said.contains("pip install 'torch=="), "{said}");
}
