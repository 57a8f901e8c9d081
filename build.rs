//! What the program is told of its build: the commit (SELFSI_COMMIT) and the version of libtorch
//! (SELFSI_LIBTORCH); and link arguments: libtorch's folder goes into the binary's rpath, so that it
//! starts without LD_LIBRARY_PATH; with the feature mpi, MPI's folder as well.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is compiled from, and cargo must look at: SELFSI_COMMIT tells whether it differs
/// from the commit.
const SOURCES: [&str; 6] = [
    "src",
    "build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "data/lines.toml",
    "data/sky.toml",
];

fn main() {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let commit = root.as_deref().and_then(commit).unwrap_or_default();
    println!("cargo:rustc-env=SELFSI_COMMIT={commit}");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // As torch-sys found it, which may be elsewhere than LIBTORCH says.
    let libtorch = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from);
    let version = libtorch.as_deref().and_then(libtorch_version);
    let version = version.as_deref().unwrap_or("unknown");
    println!("cargo:rustc-env=SELFSI_LIBTORCH={version}");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    if std::env::var_os("CARGO_FEATURE_MPI").is_some() {
        mpi_rpath();
    }
    // glibc's hypot by its first version, for systems with a glibc before 2.35: src/base/glibc.rs.
    if target() == "linux gnu x86_64" {
        println!("cargo:rustc-link-arg=-Wl,--wrap=hypot");
    }
}

/// Operating system, C library and processor that the program is built for.
fn target() -> String {
    let each = ["OS", "ENV", "ARCH"].map(|what| std::env::var(format!("CARGO_CFG_TARGET_{what}")));
    each.map(Result::unwrap_or_default).join(" ")
}

/// The commit of the checkout whose top is `root`, with `-dirty` where SOURCES differ from it; `None`
/// without a checkout, as in a tarball, even one that was unpacked inside another project's checkout.
fn commit(root: &Path) -> Option<String> {
    for path in SOURCES.iter().filter(|p| root.join(p).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    let git = |arguments: &[&str]| {
        // Without locks: a build must not disturb what the user does with git meanwhile.
        let mut command = Command::new("git");
        command.current_dir(root).arg("--no-optional-locks");
        let output = command.args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then_some(text)
    };
    let found = git(&["rev-parse", "--show-toplevel", "--absolute-git-dir", "HEAD"])?;
    let [top, folder, head] = found.lines().collect::<Vec<_>>().try_into().ok()?;
    if Path::new(top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // Git notes every move of HEAD in logs/HEAD. A path that does not exist would force a build each time.
    for file in ["HEAD", "logs/HEAD"].map(|f| Path::new(folder).join(f)) {
        if file.exists() {
            println!("cargo:rerun-if-changed={}", file.display());
        }
    }
    let changed = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    let mark = if changed.is_empty() { "" } else { "-dirty" };
    Some(format!("{head}{mark}"))
}

/// The version in the headers beside libtorch's folder `lib`: MAJOR.MINOR.PATCH.
fn libtorch_version(lib: &Path) -> Option<String> {
    let include = lib.parent()?.join("include/torch");
    // Where it stands now, and where it stood up to libtorch 2.8.
    ["headeronly/version.h", "csrc/api/include/torch/version.h"]
        .iter()
        .find_map(|header| {
            let path = include.join(header);
            let text = std::fs::read_to_string(&path).ok()?;
            let number = |part: &str| {
                let name = format!("#define TORCH_VERSION_{part} ");
                text.lines()
                    .find_map(|l| l.strip_prefix(&name))
                    .map(str::trim)
            };
            let parts = [number("MAJOR")?, number("MINOR")?, number("PATCH")?];
            println!("cargo:rerun-if-changed={}", path.display());
            Some(parts.join("."))
        })
}

/// The folders of MPI's libraries, where the compiler wrapper that built against them tells.
fn mpi_rpath() {
    println!("cargo:rerun-if-env-changed=MPICC");
    let mpicc = std::env::var("MPICC").unwrap_or_else(|_| "mpicc".into());
    let Ok(output) = Command::new(mpicc).arg("-show").output() else {
        return;
    };
    let words = String::from_utf8_lossy(&output.stdout);
    for folder in words
        .split_whitespace()
        .filter_map(|w| w.strip_prefix("-L"))
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
