//! `[survey.source.columns]`: the columns of a catalog table.

use serde::{Deserialize, Serialize};

/// Column names of the catalog table; compared without regard to case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Plate number.
    pub plate: String,
    /// Modified Julian date of the observation.
    pub mjd: String,
    /// Fibre number.
    pub fiberid: String,
    /// Redshift.
    pub z: String,
    /// Standard deviation of the redshift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_err: Option<String>,
    /// Right ascension, degrees.
    pub ra: String,
    /// Declination, degrees.
    pub dec: String,
    /// Name of the object.
    pub name: String,
    /// SDSS identifier of the object.
    pub thing_id: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            plate: "PLATE".into(),
            mjd: "MJD".into(),
            fiberid: "FIBERID".into(),
            z: "Z".into(),
            z_err: None,
            ra: "RA".into(),
            dec: "DEC".into(),
            name: "SDSS_NAME".into(),
            thing_id: "THING_ID".into(),
            level: None,
        }
    }
}

/// Column names of a DESI catalog; compared without regard to case. Absent position and ZWARN
/// columns are no fault under their usual names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DesiColumns {
    /// DESI's identifier of the target.
    pub targetid: String,
    /// Redshift.
    pub z: String,
    /// Standard deviation of the redshift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_err: Option<String>,
    /// Warnings of the redshift's fit; 0: none.
    pub zwarn: String,
    /// Right ascension, degrees.
    pub ra: String,
    /// Declination, degrees.
    pub dec: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for DesiColumns {
    fn default() -> Self {
        Self {
            targetid: "TARGETID".into(),
            z: "Z".into(),
            z_err: None,
            zwarn: "ZWARN".into(),
            ra: "TARGET_RA".into(),
            dec: "TARGET_DEC".into(),
            level: None,
        }
    }
}
