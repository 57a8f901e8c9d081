//! `[survey.mask]`: which pixels are bad.

use serde::{Deserialize, Serialize};

/// `[survey.mask]`: which pixels are bad, besides ivar ≤ 0 and NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskConfig {
    /// `and`: bad in all exposures; `or`: bad in any; `none`: ivar and NaN alone.
    pub kind: MaskKind,
    /// SPPIXMASK bit names (SDSS data model), e.g. `NOPLUG`, `BRIGHTSKY`.
    pub bits: Vec<String>,
    /// Inverse variances at or below this, in the file's units, count as masked.
    pub ivar_min: f64,
}

impl Default for MaskConfig {
    fn default() -> Self {
        let bits = [
            "NOPLUG",
            "BADTRACE",
            "BADFLAT",
            "BADARC",
            "NODATA",
            "BRIGHTSKY",
        ];
        Self {
            kind: MaskKind::And,
            bits: bits.map(String::from).to_vec(),
            ivar_min: 1e-6,
        }
    }
}

/// The mask of SDSS files that marks bad pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskKind {
    /// AND_MASK: bad in every exposure.
    And,
    /// OR_MASK: bad in any exposure.
    Or,
    /// None: ivar = 0 alone marks bad pixels.
    None,
}
