//! What made a file: this program, its commit, and the libraries that it runs with.

use super::libtorch;
use std::ffi::CStr;
use std::sync::LazyLock;

/// The version in Cargo.toml.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Digits of the commit that name it in a line.
const SHORT: usize = 12;

/// The commit that this program was built from: 40 hexadecimal digits, and `-dirty` if the sources
/// differed from it. `None` if it was not built in a checkout.
#[must_use]
pub fn commit() -> Option<&'static str> {
    Some(env!("SELFSI_COMMIT")).filter(|c| !c.is_empty())
}

/// Name and version of the libraries that decide what is computed and how files are written.
#[must_use]
pub fn libraries() -> [(&'static str, String); 4] {
    let (major, minor, patch) = hdf5::library_version();
    let mut cfitsio = 0.0;
    // SAFETY: ffvers writes a number to the place that it is given; zlibVersion gives a constant text.
    let zlib = unsafe {
        fitsio_sys::ffvers(&mut cfitsio);
        CStr::from_ptr(libz_sys::zlibVersion())
    };
    let cfitsio = cfitsio_version(cfitsio);
    [
        ("libtorch", libtorch::VERSION.to_owned()),
        ("HDF5", format!("{major}.{minor}.{patch}")),
        ("cfitsio", cfitsio),
        ("zlib", zlib.to_string_lossy().into_owned()),
    ]
}

/// cfitsio tells 4.6.4 as 4.0604, and up to version 3 told 3.49 as 3.49.
fn cfitsio_version(number: f32) -> String {
    let all = (f64::from(number) * 1e4).round() as u32;
    let (major, minor, micro) = (all / 10_000, all / 100 % 100, all % 100);
    if major < 4 {
        format!("{major}.{minor}")
    } else {
        format!("{major}.{minor}.{micro}")
    }
}

/// Program, version and commit: the key CREATOR of every file.
pub(crate) static CREATOR: LazyLock<String> = LazyLock::new(|| match short_commit() {
    Some(commit) => format!("selfsi {VERSION} ({commit})"),
    None => format!("selfsi {VERSION}"),
});

/// The libraries and their versions: the key LIBVERS of every file.
pub(crate) static LIBVERS: LazyLock<String> = LazyLock::new(|| {
    let each = libraries().map(|(name, version)| format!("{name} {version}"));
    each.join(", ")
});

/// What `selfsi --version` says, after the name.
pub(crate) static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = commit().unwrap_or("none");
    let libraries = libraries().map(|(name, version)| format!("{name}: {version}"));
    format!("{VERSION}\ncommit: {commit}\n{}", libraries.join("\n"))
});

/// The commit in few digits, with its mark.
fn short_commit() -> Option<String> {
    let commit = commit()?;
    let (digits, mark) = commit.split_once('-').unwrap_or((commit, ""));
    let dash = if mark.is_empty() { "" } else { "-" };
    Some(format!("{}{dash}{mark}", digits.get(..SHORT)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest text of a FITS key.
    const FITS: usize = 68;

    #[test]
    fn creator_and_libraries_fit_into_fits_keys() {
        assert!(CREATOR.starts_with("selfsi ") && CREATOR.len() <= FITS);
        assert!(LIBVERS.len() <= FITS, "{}", *LIBVERS);
    }

    #[test]
    fn every_library_tells_a_version() {
        for (name, version) in libraries() {
            let numbers: Vec<&str> = version.split('.').collect();
            let whole = numbers.iter().all(|n| n.parse::<u32>().is_ok());
            assert!(numbers.len() >= 2 && whole, "{name} {version}");
        }
    }

    #[test]
    fn cfitsio_tells_its_version_as_one_number() {
        for (number, version) in [
            (4.0604, "4.6.4"),
            (4.02, "4.2.0"),
            (4.1, "4.10.0"),
            (3.49, "3.49"),
        ] {
            assert_eq!(cfitsio_version(number), version);
        }
    }

    #[test]
    fn the_commit_is_one_with_or_without_a_mark() {
        if let Some(commit) = commit() {
            let digits = commit.trim_end_matches("-dirty");
            assert!(digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}
