//! What is known of one object besides its spectrum, and why a spectrum may be unusable.

/// Identity, position, redshift and state of one row of a catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// SDSS_NAME, the HDF5 catalog's id, or plate-mjd-fiber; unique where the catalog's names are.
    pub name: String,
    /// −1 where unknown, as the next three.
    pub plate: i64,
    /// Modified Julian date of the observation.
    pub mjd: i64,
    /// Fibre number.
    pub fiberid: i64,
    /// SDSS identifier of the object.
    pub thing_id: i64,
    /// Class of an image; −1 where unknown.
    pub label: i64,
    /// Degrees, ICRS; NaN where unknown.
    pub ra: f64,
    /// Degrees, ICRS; NaN where unknown.
    pub dec: f64,
    /// World coordinates of an image, as [`Wcs::text`](super::Wcs::text) writes them; empty where unknown.
    pub wcs: String,
    /// Redshift; NaN where unknown.
    pub z: f64,
    /// The redshift by which the spectrum was moved to the grid: a pixel of the grid was observed at its
    /// wavelength times 1 + `z_grid`. 0 on a grid of the observed frame; on one of the rest frame `z`, but
    /// for the part of a pixel that is not moved; NaN where there is no `z`.
    pub z_grid: f64,
    /// Standard deviation of `z`; NaN where unknown.
    pub z_err: f64,
    /// ln p(y | z) of its observation under the population of a run, and the probability that one of the
    /// survey is as unlikely; NaN where unknown.
    pub loglike: f64,
    /// See `loglike`.
    pub loglike_p: f64,
    /// The level by which the flux was divided: flux = norm × normalised flux.
    pub norm: f64,
    /// 0, or why the spectrum takes no part: one or more of [`flag`].
    pub flag: i32,
    /// The flag in words; empty when `flag` is 0.
    pub reason: String,
    /// File (and row) that the spectrum came from.
    pub source: String,
}

impl Default for Object {
    fn default() -> Self {
        Self {
            name: String::new(),
            plate: -1,
            mjd: -1,
            fiberid: -1,
            thing_id: -1,
            label: -1,
            ra: f64::NAN,
            dec: f64::NAN,
            wcs: String::new(),
            z: f64::NAN,
            z_grid: 0.0,
            z_err: f64::NAN,
            loglike: f64::NAN,
            loglike_p: f64::NAN,
            norm: 1.0,
            flag: flag::GOOD,
            reason: String::new(),
            source: String::new(),
        }
    }
}

/// An object whose observation is as unlikely as this under the population of the run is no such object, or
/// not at its redshift, or its noise is not what it is said to be.
const UNLIKELY: f64 = 1e-3;

impl Object {
    /// Whether its observation is so unlikely that its restoration is not to be trusted.
    #[must_use]
    pub fn is_unlikely(&self) -> bool {
        self.loglike_p < UNLIKELY
    }

    /// The redshift of the rest frame of this object against the grid: λ_rest = λ_grid / (1 + `z_on_grid`).
    #[must_use]
    pub fn z_on_grid(&self) -> f64 {
        (1.0 + self.z) / (1.0 + self.z_grid) - 1.0
    }

    /// Where the pixels of the grid at `wavelength` `[D]` were observed, Å.
    #[must_use]
    pub fn observed(&self, wavelength: &[f64]) -> Vec<f64> {
        let stretch = 1.0 + self.z_grid;
        wavelength.iter().map(|w| w * stretch).collect()
    }
}

/// Bits of [`Object::flag`].
pub mod flag {
    /// Usable.
    pub const GOOD: i32 = 0;
    /// The file is missing or unreadable.
    pub const UNREADABLE: i32 = 1;
    /// Outside the selected redshifts, or no redshift.
    pub const REDSHIFT: i32 = 2;
    /// ZWARNING is set.
    pub const ZWARNING: i32 = 4;
    /// Too few good pixels on the grid.
    pub const COVERAGE: i32 = 8;
    /// Too little signal.
    pub const SNR: i32 = 16;
    /// No significant positive level to normalise by.
    pub const LEVEL: i32 = 32;
    /// The restoration is not finite.
    pub const NOT_FINITE: i32 = 64;
    /// The reason of [`NOT_FINITE`].
    pub const NOT_FINITE_REASON: &str = "the restoration is not finite";

    /// Name and meaning of every bit, for headers and documentation.
    pub const MEANINGS: [(i32, &str, &str); 7] = [
        (UNREADABLE, "UNREADABLE", "file missing or unreadable"),
        (REDSHIFT, "REDSHIFT", "outside the selected redshifts"),
        (ZWARNING, "ZWARNING", "ZWARNING is set"),
        (COVERAGE, "COVERAGE", "too few good pixels"),
        (SNR, "SNR", "too little signal"),
        (LEVEL, "LEVEL", "no significant level to normalise by"),
        (NOT_FINITE, "NOT_FINITE", NOT_FINITE_REASON),
    ];
}
