//! An audit, read back: what it says of objects and of their features.

use super::table::audit_flag;
use crate::files::fits::read::Fits;
use crate::files::version;
use crate::restored::restorations::Restorations;
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// An audit, open for reading: the flags of all its rows are in memory.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    fits: Fits,
    /// Of images; else of spectra.
    images: bool,
    flags: Vec<i32>,
}

/// What the audit says of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Bits of [`audit_flag`].
    pub flag: i32,
    /// The flag in words.
    pub reason: String,
    /// As [`super::AuditRow`] has them, by the names of the columns; NaN where there is none.
    pub numbers: Vec<(&'static str, f64)>,
    /// In the order of the file.
    pub features: Vec<JudgedFeature>,
}

/// The verdict on one feature of a restoration.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedFeature {
    /// A line's name in ASCII, or `peak`.
    pub name: String,
    /// SUPPORTED, UNDECIDED or CONTRADICTED.
    pub verdict: String,
    /// Where it is.
    pub covered: Covered,
    /// Of the peak above its base, in the unit of the restorations.
    pub height: f64,
    /// Chi-square without the feature less chi-square with it.
    pub delta_chi2: f64,
}

/// Where a feature is.
#[derive(Debug, Clone, PartialEq)]
pub enum Covered {
    /// Its peak and both ends, Å.
    Wavelengths([f64; 3]),
    /// In an image, all from 1.
    Pixels {
        /// Column and row of its peak.
        peak: [f64; 2],
        /// Its channel.
        channel: f64,
        /// Its first and last column.
        columns: [f64; 2],
        /// Its first and last row.
        rows: [f64; 2],
    },
}

/// Columns of AUDIT that are read, and those that only spectra and only images have.
const NUMBERS: [&str; 8] = [
    "CHI2",
    "DOF",
    "CHI2_P",
    "LOCAL_S",
    "LOCAL_P",
    "FEATURE_P",
    "HALF_RMS",
    "HALF_MAX",
];
const OF_SPECTRA: [&str; 1] = ["LOCAL_WAVE"];
const OF_IMAGES: [&str; 3] = ["LOCAL_X", "LOCAL_Y", "LOCAL_CHANNEL"];

impl AuditFile {
    /// Opens an audit, which must be of `catalog`: of the same restoration, row by row.
    ///
    /// # Errors
    /// [`Error::Input`] if it is not such a file, or is damaged.
    pub(crate) fn open(path: &Path, catalog: &impl Restorations) -> Result<Self> {
        let mut fits = Fits::open(path)?;
        fits.seek(0)?;
        let creator = fits.text_key("CREATOR").unwrap_or_default();
        let version = version::AUDIT.check(&mut |key| fits.text_key(key));
        version.map_err(|e| foreign(path, "PRIMARY", e))?;
        if !creator.starts_with("selfsi") {
            return Err(foreign(path, "PRIMARY", "CREATOR is not selfsi"));
        }
        fits.check_complete()?;
        fits.check_sums()?;
        fits.seek(0)?;
        // Before there was one of images, it did not say of what it is.
        let images = fits.text_key("CONTENT").as_deref() == Some("images");
        let made = catalog.made();
        let seed = (made.seed as i64).to_string();
        for (key, wanted) in [
            ("RUNSHA", &made.run_sha256),
            ("CFGSHA", &made.config_sha256),
            ("SEED", &seed),
        ] {
            let found = fits.text_key(key).unwrap_or_default();
            if found != *wanted {
                let problem = format!(
                    "an audit of another restoration than {}",
                    catalog.path().display()
                );
                return Err(foreign(path, key, problem));
            }
        }
        let mut file = Self {
            path: path.to_path_buf(),
            fits,
            images,
            flags: Vec::new(),
        };
        let rows = file.table("AUDIT")?;
        let names = file.texts("NAME", rows)?;
        let own = catalog.objects().iter().map(|o| &o.name);
        if !names.iter().eq(own) {
            let problem = format!("its rows are not those of {}", catalog.path().display());
            return Err(foreign(path, "AUDIT", problem));
        }
        file.flags = file
            .whole("FLAG", rows)?
            .iter()
            .map(|f| *f as i32)
            .collect();
        Ok(file)
    }

    /// Whether the audit says something against each row, [`audit_flag::NOT_AUDITED`] aside.
    pub fn flagged(&self) -> impl Iterator<Item = bool> {
        self.flags.iter().map(|f| f & !audit_flag::NOT_AUDITED != 0)
    }

    /// What it says of the rows `rows` of the catalog, in that order.
    ///
    /// # Errors
    /// [`Error::Input`] if a column is missing or cannot be read.
    pub fn read(&mut self, rows: &[usize]) -> Result<Vec<Judged>> {
        let all = self.table("AUDIT")?;
        let reasons = self.texts("REASON", all)?;
        let mut judged: Vec<Judged> = rows
            .iter()
            .map(|r| Judged {
                flag: self.flags[*r],
                reason: reasons[*r].clone(),
                numbers: Vec::new(),
                features: Vec::new(),
            })
            .collect();
        let own: &[&str] = if self.images { &OF_IMAGES } else { &OF_SPECTRA };
        for name in NUMBERS.iter().chain(own).copied() {
            let values = self.numbers(name, all)?;
            for (j, r) in judged.iter_mut().zip(rows) {
                j.numbers.push((name, values[*r]));
            }
        }
        let at: HashMap<i64, usize> = (0..).zip(rows).map(|(k, r)| (*r as i64 + 1, k)).collect();
        for (row, feature) in self.features(&at)? {
            judged[row].features.push(feature);
        }
        Ok(judged)
    }

    /// The features of the rows that `at` numbers.
    fn features(&mut self, at: &HashMap<i64, usize>) -> Result<Vec<(usize, JudgedFeature)>> {
        let images = self.images;
        let n = self.table("FEATURES")?;
        let row = self.whole("ROW", n)?;
        let (names, verdicts) = (self.texts("FEATURE", n)?, self.texts("VERDICT", n)?);
        let mut all = |names: &[&str]| {
            let each = names.iter();
            each.map(|name| self.numbers(name, n))
                .collect::<Result<Vec<_>>>()
        };
        let places = if images {
            all(&["X", "Y", "CHANNEL", "X_MIN", "X_MAX", "Y_MIN", "Y_MAX"])?
        } else {
            all(&["WAVE", "WAVE_MIN", "WAVE_MAX"])?
        };
        let real = all(&["HEIGHT", "DELTA_CHI2"])?;
        let covered = |i: usize| {
            let p = |k: usize| places[k][i];
            if images {
                Covered::Pixels {
                    peak: [p(0), p(1)],
                    channel: p(2),
                    columns: [p(3), p(4)],
                    rows: [p(5), p(6)],
                }
            } else {
                Covered::Wavelengths([p(0), p(1), p(2)])
            }
        };
        let of = |i: usize| JudgedFeature {
            name: names[i].clone(),
            verdict: verdicts[i].clone(),
            covered: covered(i),
            height: real[0][i],
            delta_chi2: real[1][i],
        };
        let chosen = (0..n).filter_map(|i| Some((*at.get(&row[i])?, of(i))));
        Ok(chosen.collect())
    }

    /// Moves to a table and gives its number of rows.
    fn table(&mut self, name: &str) -> Result<usize> {
        match self.fits.find(name)? {
            Some(_) => self.fits.rows(),
            None => Err(foreign(&self.path, name, "no HDU of this name")),
        }
    }

    fn numbers(&mut self, name: &str, rows: usize) -> Result<Vec<f64>> {
        let column = self.fits.column(name);
        let column = column.ok_or_else(|| missing(&self.path, name))?;
        self.fits.floats(&column, rows)
    }

    fn whole(&mut self, name: &str, rows: usize) -> Result<Vec<i64>> {
        let column = self.fits.column(name);
        let column = column.ok_or_else(|| missing(&self.path, name))?;
        self.fits.integers(&column, rows)
    }

    fn texts(&mut self, name: &str, rows: usize) -> Result<Vec<String>> {
        let column = self.fits.column(name);
        let column = column.ok_or_else(|| missing(&self.path, name))?;
        self.fits.texts(&column, rows)
    }
}

fn missing(path: &Path, column: &str) -> Error {
    foreign(path, column, "the column is missing")
}

fn foreign(path: &Path, place: &str, problem: impl std::fmt::Display) -> Error {
    Error::input(
        path,
        place,
        problem,
        "an audit of this catalog",
        "give the file that `selfsi audit RUN RESTORED` wrote",
    )
}
