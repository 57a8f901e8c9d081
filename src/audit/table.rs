//! The audit of a restored catalog: one FITS file with a row for each object and a row for each
//! feature.

use super::place::Place;
use crate::Result;
use crate::data::Object;
use crate::data::Provenance;
use crate::data::provenance::Key;
use crate::files::fits::sheet::{Sheet, ascii};
use crate::files::fits::tables::Column;
use crate::files::version;
use crate::restored::writer::provenance;
use fitsio::tables::ColumnDataType as T;
use std::path::Path;

/// Bits of [`AuditRow::flag`].
pub mod audit_flag {
    /// There is no restoration to audit.
    pub const NOT_AUDITED: i32 = 1;
    /// χ² of F(RESTORED) against y.
    pub const CHI2: i32 = 2;
    /// A local residual of y against F(RESTORED): a line, a blob.
    pub const LOCAL: i32 = 4;
    /// y prefers the absence of a feature of RESTORED.
    pub const FEATURE: i32 = 8;
    /// As CHI2 or LOCAL, of DRAW.
    pub const DRAW: i32 = 16;
    /// The other run restores it otherwise.
    pub const HALVES: i32 = 32;

    /// The observation is unlikely under the population of the run: LOGLIKE_P of the restored catalog.
    pub const LIKELIHOOD: i32 = 64;
    /// Another redshift explains the observation better.
    pub const REDSHIFT: i32 = 128;

    /// Name and meaning of every bit, for headers and documentation.
    pub const MEANINGS: [(i32, &str, &str); 8] = [
        (NOT_AUDITED, "NOT_AUDITED", "no restoration to audit"),
        (CHI2, "CHI2", "F(RESTORED) is far from y"),
        (LOCAL, "LOCAL", "local residual of y"),
        (FEATURE, "FEATURE", "y contradicts a feature"),
        (DRAW, "DRAW", "F(DRAW) is far from y"),
        (HALVES, "HALVES", "the other run disagrees"),
        (LIKELIHOOD, "LIKELIHOOD", "unlikely under the population"),
        (REDSHIFT, "REDSHIFT", "another redshift fits better"),
    ];
}

/// What an audit says of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditHeader {
    /// Of the restored catalog; the history is the audit's.
    pub made: Provenance,
    /// Whether it is of images; else of spectra.
    pub images: bool,
    /// FITS unit string of the values.
    pub unit: String,
    /// Seed of the simulations.
    pub seed: u64,
    /// Probability that an object is flagged by chance, at most.
    pub alpha: f64,
    /// Statistics that share α.
    pub statistics: usize,
    /// Simulated observations behind the thresholds.
    pub simulations: usize,
    /// Calls of F on each spectrum.
    pub calls: u64,
    /// Part of the supported features that are not real, at most.
    pub fdr: f64,
    /// Δχ² from which a line, and any other peak, is supported; infinite where none would be.
    pub supported: [f64; 2],
    /// −Δχ² from which a feature is contradicted.
    pub contradicted: f64,
    /// SHA-256 of the other run's checkpoint.
    pub other_sha256: Option<String>,
}

/// One row of AUDIT; NaN where a quantity does not exist.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// The object, as the restored catalog has it.
    pub object: Object,
    /// Chi-square of y against F(x̂), over the good pixels.
    pub chi2: f64,
    /// Good pixels.
    pub dof: f64,
    /// Probability of a larger chi-square, from the simulations.
    pub chi2_p: f64,
    /// Strongest local residual, standard deviations; negative where y lacks what F(x̂) has.
    pub local_s: f64,
    /// Where it is.
    pub local_at: Place,
    /// Probability of a stronger one, from the simulations.
    pub local_p: f64,
    /// As `chi2`, of the draw.
    pub draw_chi2: f64,
    /// As `chi2_p`, of the draw.
    pub draw_chi2_p: f64,
    /// As `local_s`, of the draw.
    pub draw_local_s: f64,
    /// As `local_at`, of the draw.
    pub draw_local_at: Place,
    /// As `local_p`, of the draw.
    pub draw_local_p: f64,
    /// Numbers of features by verdict.
    pub supported: usize,
    /// Features that the data leave open.
    pub undecided: usize,
    /// Features that the data contradict.
    pub contradicted: usize,
    /// Probability of a feature contradicted as strongly, from the simulations.
    pub feature_p: f64,
    /// The best of the other redshifts that were tried; NaN where there is none.
    pub z_best: f64,
    /// ln p(y | Z_BEST) − ln p(y | Z).
    pub z_gain: f64,
    /// Probability of so large a gain, from the simulations.
    pub z_p: f64,
    /// Difference of the two restorations in units of their combined SIGMA.
    pub half_rms: f64,
    /// The largest such difference, with its sign.
    pub half_max: f64,
    /// Where it is.
    pub half_at: Place,
    /// Bits of [`audit_flag`].
    pub flag: i32,
    /// FLAG in words.
    pub reason: String,
}

/// One row of FEATURES.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRow {
    /// Row of AUDIT, from 0.
    pub row: usize,
    /// A line's name, or `peak`.
    pub name: &'static str,
    /// Its peak.
    pub at: Place,
    /// The corners of what it covers: blue and red end; lowest and highest column and row.
    pub extent: [Place; 2],
    /// Pixels that it covers.
    pub size: usize,
    /// Of the peak above its base, unit of the values.
    pub height: f64,
    /// Chi-square without the feature less chi-square with it.
    pub delta_chi2: f64,
    /// Standard deviations of y between the predictions with and without the feature.
    pub separation: f64,
    /// SIGMA_PRIOR at the peak, unit of the values; NaN where the catalog does not tell.
    pub sigma_prior: f64,
    /// `supported`, `undecided` or `contradicted`.
    pub verdict: &'static str,
    /// Mean difference of the two restorations over the feature, in units of their combined SIGMA.
    pub half: f64,
}

/// Rows of a table that are written together.
const PART: usize = 4096;

/// Writes an audit to `path`.
///
/// # Errors
/// [`crate::Error::Output`] if the file cannot be written: then there is none.
pub fn write_audit(
    path: &Path,
    header: &AuditHeader,
    rows: &[AuditRow],
    features: &[FeatureRow],
) -> Result<()> {
    let mut sheet = Sheet::create(path)?;
    sheet.keys(&version::AUDIT.keys())?;
    sheet.keys(&header.keys())?;
    provenance(&mut sheet, &header.made)?;
    audit_table(&mut sheet, rows, header)?;
    feature_table(&mut sheet, (rows, features), header)?;
    sheet.finish()
}

impl AuditHeader {
    fn keys(&self) -> Vec<Key> {
        let content = if self.images { "images" } else { "spectra" };
        let mut keys = vec![
            Key::text("CONTENT", content, "what was audited"),
            Key::whole("AUDSEED", self.seed as i64, "seed of the audit"),
            Key::real(
                "ALPHA",
                self.alpha,
                "probability of a false flag per object",
            ),
            Key::whole(
                "NSTAT",
                self.statistics as i64,
                "statistics that share ALPHA",
            ),
            Key::whole("NSIM", self.simulations as i64, "simulated observations"),
            Key::whole("NCALLS", self.calls as i64, "calls of F on each spectrum"),
        ];
        keys.push(Key::real(
            "FDR",
            self.fdr,
            "part of SUPPORTED that is not real",
        ));
        for (name, value, comment) in [
            (
                "SUPLINE",
                self.supported[0],
                "DELTA_CHI2 of a supported line",
            ),
            (
                "SUPPEAK",
                self.supported[1],
                "DELTA_CHI2 of a supported peak",
            ),
            (
                "CONTRA",
                self.contradicted,
                "-DELTA_CHI2 of a contradicted feature",
            ),
        ] {
            // FITS has no infinity: without the key no feature gets that verdict.
            if value.is_finite() {
                keys.push(Key::real(name, value, comment));
            }
        }
        if let Some(sha) = &self.other_sha256 {
            // SHA-256 of the other checkpoint: no room for a comment.
            keys.push(Key::text("OTHERSHA", sha, ""));
        }
        let flag = |(bit, name, meaning): &(i32, &str, &'static str)| {
            Key::text(&format!("AUDIT{bit}"), name, meaning)
        };
        keys.extend(audit_flag::MEANINGS.iter().map(flag));
        keys
    }
}

type Real<'a, R> = (&'static str, &'a str, fn(&R) -> f64);
type Whole<R> = (&'static str, fn(&R) -> i64);
type Text<'a, R> = (&'static str, &'a dyn Fn(&R) -> String);

/// The columns that only one of spectra and images has take the place of each other.
fn audit_real(images: bool) -> Vec<Real<'static, AuditRow>> {
    let place = |spectra: [Real<'static, AuditRow>; 1], of_images: [Real<'static, AuditRow>; 3]| {
        if images {
            of_images.to_vec()
        } else {
            spectra.to_vec()
        }
    };
    let mut all: Vec<Real<'static, AuditRow>> = vec![
        ("RA", "deg", |r| r.object.ra),
        ("DEC", "deg", |r| r.object.dec),
        ("Z", "", |r| r.object.z),
        ("CHI2", "", |r| r.chi2),
        ("CHI2_P", "", |r| r.chi2_p),
        ("LOCAL_S", "", |r| r.local_s),
    ];
    all.extend(place(
        [("LOCAL_WAVE", "Angstrom", |r| r.local_at.wavelength())],
        [
            ("LOCAL_X", "pixel", |r| r.local_at.pixel()[0]),
            ("LOCAL_Y", "pixel", |r| r.local_at.pixel()[1]),
            ("LOCAL_CHANNEL", "", |r| r.local_at.pixel()[2]),
        ],
    ));
    all.extend::<[Real<'static, AuditRow>; 4]>([
        ("LOCAL_P", "", |r| r.local_p),
        ("DRAW_CHI2", "", |r| r.draw_chi2),
        ("DRAW_CHI2_P", "", |r| r.draw_chi2_p),
        ("DRAW_LOCAL_S", "", |r| r.draw_local_s),
    ]);
    all.extend(place(
        [("DRAW_LOCAL_WAVE", "Angstrom", |r| {
            r.draw_local_at.wavelength()
        })],
        [
            ("DRAW_LOCAL_X", "pixel", |r| r.draw_local_at.pixel()[0]),
            ("DRAW_LOCAL_Y", "pixel", |r| r.draw_local_at.pixel()[1]),
            ("DRAW_LOCAL_CHANNEL", "", |r| r.draw_local_at.pixel()[2]),
        ],
    ));
    all.extend::<[Real<'static, AuditRow>; 9]>([
        ("DRAW_LOCAL_P", "", |r| r.draw_local_p),
        ("FEATURE_P", "", |r| r.feature_p),
        ("LOGLIKE", "", |r| r.object.loglike),
        ("LOGLIKE_P", "", |r| r.object.loglike_p),
        ("Z_BEST", "", |r| r.z_best),
        ("Z_GAIN", "", |r| r.z_gain),
        ("Z_P", "", |r| r.z_p),
        ("HALF_RMS", "", |r| r.half_rms),
        ("HALF_MAX", "", |r| r.half_max),
    ]);
    all.extend(place(
        [("HALF_WAVE", "Angstrom", |r| r.half_at.wavelength())],
        [
            ("HALF_X", "pixel", |r| r.half_at.pixel()[0]),
            ("HALF_Y", "pixel", |r| r.half_at.pixel()[1]),
            ("HALF_CHANNEL", "", |r| r.half_at.pixel()[2]),
        ],
    ));
    // Of what only spectra have there would be nothing but NaN.
    let spectral = [
        "RA",
        "DEC",
        "Z",
        "LOGLIKE",
        "LOGLIKE_P",
        "Z_BEST",
        "Z_GAIN",
        "Z_P",
    ];
    all.retain(|(name, ..)| !images || !spectral.contains(name));
    all
}

const AUDIT_WHOLE: [Whole<AuditRow>; 9] = [
    ("PLATE", |r| r.object.plate),
    ("MJD", |r| r.object.mjd),
    ("FIBERID", |r| r.object.fiberid),
    ("DOF", |r| r.dof.max(0.0) as i64),
    ("N_SUPPORTED", |r| r.supported as i64),
    ("N_UNDECIDED", |r| r.undecided as i64),
    ("N_CONTRADICTED", |r| r.contradicted as i64),
    ("RESTORED_FLAG", |r| i64::from(r.object.flag)),
    ("FLAG", |r| i64::from(r.flag)),
];

fn audit_table(sheet: &mut Sheet, rows: &[AuditRow], header: &AuditHeader) -> Result<()> {
    let texts: [Text<'_, AuditRow>; 2] = [
        ("NAME", &|r| ascii(&r.object.name)),
        ("REASON", &|r| ascii(&r.reason)),
    ];
    // Plate, MJD and fibre.
    let whole = &AUDIT_WHOLE[if header.images { 3 } else { 0 }..];
    let real = audit_real(header.images);
    table(sheet, "AUDIT", rows, &texts, whole, &real)
}

fn feature_table(
    sheet: &mut Sheet,
    (objects, rows): (&[AuditRow], &[FeatureRow]),
    header: &AuditHeader,
) -> Result<()> {
    let unit = &*header.unit;
    let texts: [Text<'_, FeatureRow>; 3] = [
        ("NAME", &|r| ascii(&objects[r.row].object.name)),
        ("FEATURE", &|r| plain(r.name)),
        ("VERDICT", &|r| r.verdict.to_owned()),
    ];
    let whole: [Whole<FeatureRow>; 1] = [("ROW", |r| r.row as i64 + 1)];
    let mut real: Vec<Real<'_, FeatureRow>> = if header.images {
        vec![
            ("X", "pixel", |r| r.at.pixel()[0]),
            ("Y", "pixel", |r| r.at.pixel()[1]),
            ("CHANNEL", "", |r| r.at.pixel()[2]),
            ("X_MIN", "pixel", |r| r.extent[0].pixel()[0]),
            ("X_MAX", "pixel", |r| r.extent[1].pixel()[0]),
            ("Y_MIN", "pixel", |r| r.extent[0].pixel()[1]),
            ("Y_MAX", "pixel", |r| r.extent[1].pixel()[1]),
            ("PIXELS", "", |r| r.size as f64),
        ]
    } else {
        vec![
            ("WAVE", "Angstrom", |r| r.at.wavelength()),
            ("WAVE_MIN", "Angstrom", |r| r.extent[0].wavelength()),
            ("WAVE_MAX", "Angstrom", |r| r.extent[1].wavelength()),
        ]
    };
    real.extend::<[Real<'_, FeatureRow>; 5]>([
        ("HEIGHT", unit, |r| r.height),
        ("DELTA_CHI2", "", |r| r.delta_chi2),
        ("SEPARATION", "", |r| r.separation),
        ("HALF", "", |r| r.half),
        ("SIGMA_PRIOR", unit, |r| r.sigma_prior),
    ]);
    table(sheet, "FEATURES", rows, &texts, &whole, &real)
}

fn table<R>(
    sheet: &mut Sheet,
    name: &str,
    rows: &[R],
    texts: &[Text<'_, R>],
    whole: &[Whole<R>],
    real: &[Real<'_, R>],
) -> Result<()> {
    let text = |(name, get): &Text<'_, R>| {
        let widths = rows.iter().map(|r| get(r).len());
        Column {
            width: widths.max().unwrap_or(0).max(1),
            ..Column::new(name, T::String)
        }
    };
    let mut columns: Vec<Column> = texts.iter().map(text).collect();
    columns.extend(whole.iter().map(|(n, _)| Column::new(n, T::LongLong)));
    columns.extend(
        real.iter()
            .map(|(n, unit, _)| Column::new(n, T::Double).unit(unit)),
    );
    sheet.table(name, &columns)?;
    for (k, part) in rows.chunks(PART).enumerate() {
        let start = k * PART;
        for (name, get) in texts {
            let values: Vec<String> = part.iter().map(get).collect();
            sheet.texts(name, start, &values)?;
        }
        for (name, get) in whole {
            let values: Vec<i64> = part.iter().map(get).collect();
            sheet.rows(name, start, &values)?;
        }
        for (name, _, get) in real {
            let values: Vec<f64> = part.iter().map(get).collect();
            sheet.rows(name, start, &values)?;
        }
    }
    Ok(())
}

/// A line's name in the letters that FITS knows.
fn plain(name: &str) -> String {
    ascii(&name.replace('α', "a"))
}
