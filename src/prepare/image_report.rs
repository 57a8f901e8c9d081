//! What the preparation of images did.

use super::report::flag_names;
use super::scale::ScaleFrom;
use super::stretched::GOOD_MIN;
use crate::data::{ImageLayout, Object, PixelScale, flag};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Examples shown of a list that may be long.
const SHOWN: usize = 5;

/// The outcome of a preparation.
#[derive(Debug, Clone, Serialize)]
pub struct ImageReport {
    pub prepared: PathBuf,
    /// CSV of every rejected row.
    pub rejected_list: PathBuf,
    pub rows: usize,
    pub used: usize,
    /// Rows per flag.
    pub rejected: BTreeMap<&'static str, usize>,
    /// Why the first rejected row was.
    #[serde(skip)]
    pub(crate) first_reason: Option<String>,
    /// [C, H, W].
    pub shape: [usize; 3],
    pub softening: Option<f64>,
    /// Per channel, of the stretched values.
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    pub scale_from: ScaleFrom,
    /// Fraction of the pixels of the used images that are masked, and that have no noise level.
    pub masked: f64,
    pub without_noise_level: f64,
    /// Numbers K and planes P that come with each image.
    pub vector: usize,
    pub planes: usize,
    /// Names that occur more than once.
    pub duplicate_names: Vec<String>,
    /// Images and arrays of folders that are none of their single images, and are not read.
    pub passed_over: Vec<PathBuf>,
    /// What was done with what stands beside the images in their files, or was not read, in words, with
    /// the number of images.
    pub notes: BTreeMap<String, usize>,
    /// Images with pixels far beyond all others, which are masked, and how many such pixels.
    pub impossible: Vec<String>,
    pub impossible_pixels: usize,
}

impl ImageReport {
    pub(crate) fn new(
        prepared: &Path,
        rejected_list: &Path,
        layout: &ImageLayout,
        from: ScaleFrom,
        rows: usize,
    ) -> Self {
        let PixelScale {
            softening,
            mean,
            std,
        } = layout.scale.clone();
        Self {
            prepared: prepared.to_path_buf(),
            rejected_list: rejected_list.to_path_buf(),
            rows,
            used: 0,
            rejected: BTreeMap::new(),
            first_reason: None,
            shape: [layout.channels, layout.height, layout.width],
            softening,
            mean,
            std,
            scale_from: from,
            masked: 0.0,
            without_noise_level: 0.0,
            vector: layout.vector,
            planes: layout.planes,
            duplicate_names: Vec::new(),
            passed_over: Vec::new(),
            notes: BTreeMap::new(),
            impossible: Vec::new(),
            impossible_pixels: 0,
        }
    }

    /// Counts one finished row and its inverse variances.
    pub(crate) fn count<'a>(&mut self, object: &Object, ivar: impl Iterator<Item = &'a f32>) {
        for name in flag_names(object.flag) {
            *self.rejected.entry(name).or_default() += 1;
        }
        if object.flag != flag::GOOD {
            self.first_reason.get_or_insert(object.reason.clone());
            return;
        }
        let (mut masked, mut unknown, mut all) = (0.0, 0.0, 0.0);
        for v in ivar {
            all += 1.0;
            masked += f64::from(u8::from(*v == 0.0));
            unknown += f64::from(u8::from(v.is_infinite()));
        }
        self.used += 1;
        // Running means over the used images.
        let weight = 1.0 / self.used as f64;
        self.masked += (masked / all - self.masked) * weight;
        self.without_noise_level += (unknown / all - self.without_noise_level) * weight;
    }

    /// The counts in one line: `UNREADABLE 12, COVERAGE 3`.
    pub(crate) fn counts(&self) -> String {
        let each = self.rejected.iter().map(|(name, n)| format!("{name} {n}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for ImageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape;
        writeln!(
            f,
            "{}: {} of {} images, {c} × {h} × {w}",
            self.prepared.display(),
            self.used,
            self.rows
        )?;
        for (_, name, meaning) in flag::MEANINGS {
            if let Some(n) = self.rejected.get(name) {
                let least = match name {
                    "COVERAGE" => format!(" (less than {GOOD_MIN} of them)"),
                    _ => String::new(),
                };
                writeln!(f, "  {n:>8}  {name:<11} {meaning}{least}")?;
            }
        }
        let from = match self.scale_from {
            ScaleFrom::Config => "from the config",
            ScaleFrom::File => "recorded in the file",
            ScaleFrom::Measured => "measured",
        };
        let list = |v: &[f64]| -> String {
            let each: Vec<String> = v.iter().map(|x| format!("{x:.6}")).collect();
            each.join(", ")
        };
        let (mean, std) = (list(&self.mean), list(&self.std));
        write!(f, "  scale ({from}): mean {mean}; std {std}")?;
        match self.softening {
            Some(s) => writeln!(f, "; of asinh(value/{s})")?,
            None => writeln!(f)?,
        }
        let per_cent = |v: f64| 100.0 * v;
        writeln!(
            f,
            "  pixels: {:.2} % masked, {:.2} % without a noise level",
            per_cent(self.masked),
            per_cent(self.without_noise_level)
        )?;
        if self.vector + self.planes > 0 {
            let (k, p) = (self.vector, self.planes);
            writeln!(f, "  corruption: {k} numbers and {p} planes per image")?;
        }
        let passed_over = self.passed_over.iter().map(|p| p.display().to_string());
        let beyond = format!(
            "images have pixels far beyond all others ({} in all, masked)",
            self.impossible_pixels
        );
        for (names, what) in [
            (&self.duplicate_names, "names occur more than once"),
            (
                &passed_over.collect(),
                "files of the folders are no single images, and are not read",
            ),
            (&self.impossible, &beyond),
        ] {
            let n = names.len();
            if n > 0 {
                let dots = if n > SHOWN { ", …" } else { "" };
                let shown = names[..n.min(SHOWN)].join(", ");
                writeln!(f, "  note: {n} {what}: {shown}{dots}")?;
            }
        }
        for (note, n) in &self.notes {
            writeln!(f, "  note: {n} images: {note}")?;
        }
        write!(f, "  rejected images: {}", self.rejected_list.display())
    }
}
