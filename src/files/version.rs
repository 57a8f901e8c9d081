//! The name and version of a format, which every file says of itself: FORMAT and FMTVER, in FITS keys of
//! the primary header, in HDF5 attributes in lower case. docs/reference/compatibility.md is the policy.

use crate::config::Frame;
use crate::data::provenance::Key;
use crate::{Error, Result};
use std::path::Path;

/// A format that selfsi writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versioned {
    name: &'static str,
    /// Raised when a reader of before would go wrong.
    major: u32,
    /// Raised when something is added.
    minor: u32,
    /// Whether files on a grid of the rest frame have the next major version: a reader of before would
    /// take their wavelengths for observed ones.
    rest: bool,
}

const fn first(name: &'static str) -> Versioned {
    Versioned {
        name,
        major: 1,
        minor: 0,
        rest: false,
    }
}

const fn framed(name: &'static str, minor: u32) -> Versioned {
    Versioned {
        minor,
        rest: true,
        ..first(name)
    }
}

const fn second(name: &'static str) -> Versioned {
    Versioned {
        minor: 1,
        ..first(name)
    }
}

/// A prepared set of spectra.
pub(crate) const PREPARED: Versioned = framed("selfsi-prepared", 0);
/// A prepared set of images. 2: noise levels of stretched values are in the unit in which the stretch is
/// linear; point-spread functions.
pub(crate) const PREPARED_IMAGES: Versioned = Versioned {
    major: 2,
    ..first("selfsi-images")
};
/// A restored catalog of spectra. 1.3: SIGMA_PRIOR, also in restored images and spectra in DESI's form; 1.4:
/// LINESMTH.
pub(crate) const RESTORED: Versioned = framed("selfsi-restored", 4);
/// One restored spectrum in the form of SDSS.
pub(crate) const RESTORED_SPEC: Versioned = first("selfsi-restored-spec");
/// Restored spectra in the form of DESI.
pub(crate) const RESTORED_COADD: Versioned = second("selfsi-restored-coadd");
/// Restored images. 1.2: measured shapes. 1.3: RA, DEC, WCS; FILTERk, PIXUNITk. 1.4: DRAWS.
pub(crate) const RESTORED_IMAGES: Versioned = Versioned {
    minor: 4,
    ..first("selfsi-restored-images")
};
/// An audit of a restored catalog. 1.2: SIGMA_PRIOR of features. 1.3: of images.
pub(crate) const AUDIT: Versioned = Versioned {
    minor: 3,
    ..first("selfsi-audit")
};
/// Generated spectra or images.
pub(crate) const GENERATED: Versioned = framed("selfsi-generated", 0);
/// Clean spectra.
pub(crate) const TRUTH: Versioned = framed("selfsi-truth", 1);
/// Clean images of galaxies.
pub(crate) const TRUTH_IMAGES: Versioned = first("selfsi-truth-images");
/// Simulated observations of spectra.
pub(crate) const SIMULATED: Versioned = framed("selfsi-simulated", 0);
/// Simulated observations of images.
pub(crate) const SIMULATED_IMAGES: Versioned = first("selfsi-simulated-images");
/// The points of the toy.
pub(crate) const TOY: Versioned = first("selfsi-toy");

const ALL: [Versioned; 13] = [
    PREPARED,
    PREPARED_IMAGES,
    RESTORED,
    RESTORED_SPEC,
    RESTORED_COADD,
    RESTORED_IMAGES,
    AUDIT,
    GENERATED,
    TRUTH,
    TRUTH_IMAGES,
    SIMULATED,
    SIMULATED_IMAGES,
    TOY,
];
/// How the names of all formats begin, of later ones, too.
pub(crate) const OURS: &str = "selfsi-";

impl Versioned {
    /// Its name, as FORMAT says it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What a file of this format says.
    pub fn keys(self) -> [Key; 2] {
        self.keys_in(Frame::Observed)
    }

    /// The same of a file of spectra on a grid of `frame`.
    pub fn keys_in(self, frame: Frame) -> [Key; 2] {
        let version = match frame {
            Frame::Rest if self.rest => format!("{}.0", self.newest()),
            _ => format!("{}.{}", self.major, self.minor),
        };
        [
            Key::text("FORMAT", self.name, "format of this file"),
            Key::text("FMTVER", &version, "its version, MAJOR.MINOR"),
        ]
    }

    /// The newest major version.
    const fn newest(self) -> u32 {
        self.major + self.rest as u32
    }

    /// Whether a file whose keys `get` gives as text is of this format; or which it is of. One without the
    /// key was written before there was one, or not by selfsi.
    pub fn check(
        self,
        get: &mut dyn FnMut(&str) -> Option<String>,
    ) -> std::result::Result<(), String> {
        match get("FORMAT") {
            Some(name) if name != self.name && name.starts_with(OURS) => {
                Err(format!("FORMAT = `{name}`, not `{}`", self.name))
            }
            _ => Ok(()),
        }
    }
}

/// Whether this selfsi can read the file `path`, whose keys `get` gives as text, whatever is to be read
/// from it: every reader of FITS and HDF5 asks on opening. A file that names no format of selfsi is not
/// judged here.
///
/// # Errors
/// [`Error::Input`] if it is of a format, or of a version of one, that came later.
pub(crate) fn check_not_newer(
    path: &Path,
    get: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<()> {
    let Some(name) = get("FORMAT").filter(|name| name.starts_with(OURS)) else {
        return Ok(());
    };
    let newer = |place: &str, problem: String, expected: &str| {
        Error::input(path, place, problem, expected, "use a newer selfsi")
    };
    let Some(known) = ALL.iter().find(|f| f.name == name) else {
        let problem = format!("`{name}`, which this selfsi does not know");
        return Err(newer("FORMAT", problem, "a format that it knows"));
    };
    let Some(version) = get("FMTVER") else {
        return Ok(());
    };
    let major = version.split('.').next().and_then(|m| m.parse().ok());
    if major.is_some_and(|m: u32| m <= known.newest()) {
        return Ok(());
    }
    let expected = format!("{}.x, which this selfsi reads", known.newest());
    Err(newer(
        "FMTVER",
        format!("version {version} of {name}"),
        &expected,
    ))
}

#[cfg(test)]
mod tests {
    use super::{RESTORED, check_not_newer};
    use std::path::Path;

    fn opened(format: Option<&str>, version: Option<&str>) -> Result<(), String> {
        let get = &mut |key: &str| match key {
            "FORMAT" => format.map(str::to_owned),
            "FMTVER" => version.map(str::to_owned),
            _ => None,
        };
        let said = check_not_newer(Path::new("a.fits"), get).map_err(|e| e.to_string());
        said.and_then(|()| RESTORED.check(get))
    }

    #[test]
    fn older_and_newer_minor_versions_are_read_and_newer_major_ones_are_refused() {
        let name = Some("selfsi-restored");
        assert_eq!(opened(None, None), Ok(()));
        assert_eq!(opened(name, None), Ok(()));
        for version in ["0.9", "1", "1.0", "1.7", "2.0"] {
            assert_eq!(opened(name, Some(version)), Ok(()), "{version}");
        }
        for version in ["3.0", "99.1", "99", "new", "-1"] {
            let problem = opened(name, Some(version)).unwrap_err();
            assert!(
                problem.contains(version) && problem.contains("newer selfsi"),
                "{problem}"
            );
        }
    }

    #[test]
    fn another_format_is_named_and_a_later_one_wants_a_newer_selfsi() {
        let problem = opened(Some("selfsi-audit"), Some("1.0")).unwrap_err();
        assert_eq!(problem, "FORMAT = `selfsi-audit`, not `selfsi-restored`");
        let problem = opened(Some("selfsi-hologram"), Some("1.0")).unwrap_err();
        assert!(problem.contains("newer selfsi"), "{problem}");
        assert_eq!(opened(Some("DESI"), Some("99")), Ok(()), "not ours");
    }
}
