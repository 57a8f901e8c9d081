//! The name and version of a format, which every file says of itself: FORMAT and FMTVER, in FITS keys of
//! the primary header, in HDF5 attributes in lower case. docs/reference/compatibility.md is the policy.

use crate::data::provenance::Key;

/// A format that selfsi writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versioned {
    name: &'static str,
    /// Raised when a reader of before would go wrong.
    major: u32,
    /// Raised when something is added.
    minor: u32,
}

const fn first(name: &'static str) -> Versioned {
    Versioned {
        name,
        major: 1,
        minor: 0,
    }
}

/// A restored catalog of spectra.
pub(crate) const RESTORED: Versioned = first("selfsi-restored");
/// Restored images.
pub(crate) const RESTORED_IMAGES: Versioned = first("selfsi-restored-images");
/// An audit of a restored catalog.
pub(crate) const AUDIT: Versioned = first("selfsi-audit");
/// Generated spectra or images.
pub(crate) const GENERATED: Versioned = first("selfsi-generated");

impl Versioned {
    /// What a file of this format says.
    pub fn keys(self) -> [Key; 2] {
        let version = format!("{}.{}", self.major, self.minor);
        [
            Key::text("FORMAT", self.name, "format of this file"),
            Key::text("FMTVER", &version, "its version, MAJOR.MINOR"),
        ]
    }

    /// Whether a file whose keys `get` gives as text can be read as this format; or why not. One without
    /// the keys was written before they existed.
    pub fn check(self, get: &mut dyn FnMut(&str) -> Option<String>) -> Result<(), String> {
        let (Some(name), Some(version)) = (get("FORMAT"), get("FMTVER")) else {
            return Ok(());
        };
        if name != self.name {
            return Err(format!("FORMAT = `{name}`, not `{}`", self.name));
        }
        let major = version
            .split('.')
            .next()
            .and_then(|m| m.parse::<u32>().ok());
        match major {
            Some(major) if major <= self.major => Ok(()),
            _ => Err(format!(
                "version {version} of {name}, of which this selfsi reads {}.x: use a newer selfsi",
                self.major
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RESTORED;

    fn checked(format: Option<&str>, version: Option<&str>) -> Result<(), String> {
        RESTORED.check(&mut |key| match key {
            "FORMAT" => format.map(str::to_owned),
            "FMTVER" => version.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn older_and_newer_minor_versions_are_read_and_newer_major_ones_are_refused() {
        let name = Some("selfsi-restored");
        assert_eq!(checked(None, None), Ok(()));
        for version in ["0.9", "1.0", "1.7"] {
            assert_eq!(checked(name, Some(version)), Ok(()), "{version}");
        }
        for version in ["2.0", "99.1", "new"] {
            let problem = checked(name, Some(version)).unwrap_err();
            assert!(problem.contains(version) && problem.contains("newer selfsi"));
        }
        let problem = checked(Some("selfsi-audit"), Some("1.0")).unwrap_err();
        assert!(problem.contains("selfsi-audit"), "{problem}");
    }
}
