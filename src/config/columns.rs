//! `[survey.source.columns]`: the columns of a catalog table.

use serde::{Deserialize, Serialize};

/// Column names of the catalog table; compared without regard to case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    pub plate: String,
    pub mjd: String,
    pub fiberid: String,
    pub z: String,
    pub ra: String,
    pub dec: String,
    pub name: String,
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
    pub targetid: String,
    pub z: String,
    pub zwarn: String,
    pub ra: String,
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
            zwarn: "ZWARN".into(),
            ra: "TARGET_RA".into(),
            dec: "TARGET_DEC".into(),
            level: None,
        }
    }
}
