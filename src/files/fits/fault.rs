//! Why a FITS file is not handed to cfitsio.

/// A problem in words, and what to do about it.
#[derive(Debug)]
pub(super) struct Fault {
    pub problem: String,
    pub fix: String,
}

impl Fault {
    /// Of a file that is not damaged, or where it is said how.
    pub fn unread(problem: impl Into<String>, fix: &str) -> Self {
        Self {
            problem: problem.into(),
            fix: fix.to_owned(),
        }
    }

    /// The same in HDU number `hdu`.
    pub fn in_hdu(self, hdu: usize) -> Self {
        Self {
            problem: format!("HDU {hdu}: {}", self.problem),
            ..self
        }
    }
}

/// What no whole file has.
impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Self {
            problem: format!("{problem}: damaged"),
            fix: "copy or download the file again".to_owned(),
        }
    }
}
