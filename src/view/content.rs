//! What a page holds, as its script reads it: JSON, missing numbers as null, pixel values in base64.

use super::numbers::Numbers;
use crate::audit::{Covered, Judged};
use crate::data::{Object, Provenance};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// The rows of a catalog that are shown.
pub(super) struct Chosen {
    pub rows: Vec<usize>,
    /// How they were chosen, in words; empty where they are all.
    pub how: String,
}

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Content {
    /// `spectra` or `images`.
    pub kind: &'static str,
    pub selfsi: &'static str,
    /// Name of the file of restorations.
    pub file: String,
    pub audit_file: Option<String>,
    pub truth_file: Option<String>,
    /// Objects of the catalog.
    pub total: usize,
    pub how: String,
    pub method: &'static str,
    /// What RESTORED and DRAW are.
    pub restored: String,
    pub draw: &'static str,
    pub draws: usize,
    /// FITS unit string of the pixels; may be empty.
    pub unit: String,
    /// Of spectra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectral: Option<Spectral>,
    /// Of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pictures: Option<Pictures>,
    /// Names of the arrays of every object, in the order of `Entry::data`.
    pub arrays: Vec<String>,
    pub objects: Vec<Entry>,
    pub run: Option<Value>,
}

/// The axis of spectra and what is marked on it.
#[derive(Serialize)]
pub(super) struct Spectral {
    /// log10 Å of the first pixel, and the width of a pixel.
    pub loglam0: f64,
    pub dloglam: f64,
    pub pixels: usize,
    /// Of the observed wavelengths, as FITS names it; `None`: unknown.
    pub frame: Option<String>,
    /// Whether the axis is of rest wavelengths.
    pub rest: bool,
    /// Names and vacuum rest wavelengths, Å.
    pub marks: Vec<(&'static str, f64)>,
    /// Names of the measured lines; empty where the catalog has none.
    pub measured: Vec<&'static str>,
    /// Names and levels of the quantiles among the arrays.
    pub quantiles: Vec<(String, f64)>,
}

/// The shape of images and how they are shown.
#[derive(Serialize)]
pub(super) struct Pictures {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Of the asinh stretch; `None`: linear.
    pub softening: Option<f64>,
    /// Filter and unit of each channel, as far as they are known.
    pub bands: Vec<String>,
}

/// One object.
#[derive(Serialize)]
pub(super) struct Entry {
    /// In the catalog, from 0.
    pub row: usize,
    pub name: String,
    pub z: f64,
    /// Where the pixels of the grid were observed: at 1 + this times their wavelength.
    pub z_grid: f64,
    /// Median S/N per good pixel.
    pub snr: f64,
    pub flag: i32,
    pub reason: String,
    pub heldout: bool,
    /// What else the catalog tells of it.
    pub facts: Vec<(&'static str, Value)>,
    /// Peak, its error, centroid, its error, equivalent width, its error of every measured line.
    pub lines: Vec<[f64; 6]>,
    pub audit: Option<Judgement>,
    /// `None` where there is no value.
    pub data: Vec<Option<Numbers>>,
}

/// What the audit says of an object.
#[derive(Serialize)]
pub(super) struct Judgement {
    pub flag: i32,
    pub reason: String,
    pub numbers: Vec<(&'static str, f64)>,
    pub features: Vec<Feature>,
}

#[derive(Serialize)]
pub(super) struct Feature {
    pub name: String,
    pub verdict: String,
    #[serde(flatten)]
    pub place: Place,
    pub height: f64,
    pub delta_chi2: f64,
}

/// Where a feature is.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Place {
    Spectrum {
        /// Of the peak and of both ends, Å.
        wave: [f64; 3],
    },
    Image {
        /// Column and row of the peak, from 1.
        peak: [f64; 2],
        channel: f64,
        columns: [f64; 2],
        rows: [f64; 2],
    },
}

impl From<Judged> for Judgement {
    fn from(judged: Judged) -> Self {
        let feature = |f: crate::audit::JudgedFeature| Feature {
            name: f.name,
            verdict: f.verdict,
            place: match f.covered {
                Covered::Wavelengths(wave) => Place::Spectrum { wave },
                Covered::Pixels {
                    peak,
                    channel,
                    columns,
                    rows,
                } => Place::Image {
                    peak,
                    channel,
                    columns,
                    rows,
                },
            },
            height: f.height,
            delta_chi2: f.delta_chi2,
        };
        Self {
            flag: judged.flag,
            reason: judged.reason,
            numbers: judged.numbers,
            features: judged.features.into_iter().map(feature).collect(),
        }
    }
}

impl Content {
    /// The page of restorations in `path` made as `made`, still without objects.
    pub fn new(kind: &'static str, path: &Path, made: &Provenance, unit: &str) -> Self {
        let random = made.method.is_random();
        Self {
            kind,
            selfsi: env!("CARGO_PKG_VERSION"),
            file: name_of(path),
            audit_file: None,
            truth_file: None,
            total: 0,
            how: String::new(),
            method: made.method.name(),
            restored: if random {
                made.method.mean(made.draws)
            } else {
                "ODE restoration".into()
            },
            draw: made.method.draw(),
            draws: made.draws,
            unit: unit.to_owned(),
            spectral: None,
            pictures: None,
            arrays: Vec::new(),
            objects: Vec::new(),
            run: None,
        }
    }
}

impl Entry {
    /// Row `row` of a catalog, without its arrays.
    pub fn new(row: usize, o: &Object, heldout: bool) -> Self {
        let whole = |name, v: i64| (v >= 0).then(|| (name, Value::from(v)));
        let real = |name, v: f64| v.is_finite().then(|| (name, Value::from(v)));
        let facts = [
            real("RA", o.ra),
            real("DEC", o.dec),
            whole("PLATE", o.plate),
            whole("MJD", o.mjd),
            whole("FIBERID", o.fiberid),
            whole("THING_ID", o.thing_id),
            real("NORM", o.norm),
            (!o.source.is_empty()).then(|| ("SOURCE", Value::from(&*o.source))),
        ];
        Self {
            row,
            name: o.name.clone(),
            z: o.z,
            z_grid: o.z_grid,
            snr: f64::NAN,
            flag: o.flag,
            reason: o.reason.clone(),
            heldout,
            facts: facts.into_iter().flatten().collect(),
            lines: Vec::new(),
            audit: None,
            data: Vec::new(),
        }
    }
}

pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
