//! What the preparation of images found besides the counts per reason.

use super::report::{Details, Note};
use super::scale::ScaleFrom;
use super::stretched::GOOD_MIN;
use crate::data::{ImageBlock, ImageLayout, Object, PixelScale, flag};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Of a set of images.
#[derive(Debug, Clone, Serialize)]
pub struct ImageDetails {
    /// [C, H, W].
    pub shape: [usize; 3],
    /// Of the asinh stretch, in the file's units; `None`: no stretch.
    pub softening: Option<f64>,
    /// Per channel, of the stretched values.
    pub mean: Vec<f64>,
    /// Per channel, of the stretched values.
    pub std: Vec<f64>,
    /// Where `mean` and `std` come from.
    pub scale_from: ScaleFrom,
    /// Fraction of the pixels of the used images that are masked, and that have no noise level.
    pub masked: f64,
    /// Fraction of these pixels that have no noise level.
    pub without_noise_level: f64,
    /// Numbers K and planes P that come with each image.
    pub vector: usize,
    /// P.
    pub planes: usize,
    /// Images and arrays of folders that are none of their single images, and are not read.
    pub passed_over: Vec<PathBuf>,
    /// What was done with what stands beside the images in their files, or was not read, in words, with
    /// the number of images.
    pub beside: BTreeMap<String, usize>,
    /// Images with pixels far beyond all others, which are masked.
    pub impossible: Vec<String>,
    /// How many such pixels there are.
    pub impossible_pixels: usize,
    /// Used images so far.
    #[serde(skip)]
    used: usize,
}

/// What reading some images found: what stands beside them, and which have impossible pixels.
#[derive(Debug)]
pub struct Noticed {
    pub(super) beside: BTreeMap<String, usize>,
    pub(super) impossible: Vec<(String, usize)>,
}

impl ImageDetails {
    pub(super) fn new(layout: &ImageLayout, from: ScaleFrom, passed_over: Vec<PathBuf>) -> Self {
        let PixelScale {
            softening,
            mean,
            std,
        } = layout.scale.clone();
        Self {
            shape: [layout.channels, layout.height, layout.width],
            softening,
            mean,
            std,
            scale_from: from,
            masked: 0.0,
            without_noise_level: 0.0,
            vector: layout.vector,
            planes: layout.planes,
            passed_over,
            beside: BTreeMap::new(),
            impossible: Vec::new(),
            impossible_pixels: 0,
            used: 0,
        }
    }
}

impl Details for ImageDetails {
    type Block = ImageBlock;
    type Found = Noticed;
    const ROWS: &'static str = "images";

    fn count(&mut self, objects: &[Object], block: &ImageBlock, found: &Noticed) {
        for (what, n) in &found.beside {
            *self.beside.entry(what.clone()).or_default() += n;
        }
        for (name, n) in &found.impossible {
            self.impossible.push(name.clone());
            self.impossible_pixels += n;
        }
        let used = objects.iter().zip(block.ivar.rows());
        for (_, ivar) in used.filter(|(o, _)| o.flag == flag::GOOD) {
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
    }

    fn shape(&self) -> String {
        let [c, h, w] = self.shape;
        format!("{c} × {h} × {w}")
    }

    fn limit(&self, flag: &str) -> String {
        match flag {
            "COVERAGE" => format!(" (less than {GOOD_MIN} of them)"),
            _ => String::new(),
        }
    }

    fn lines(&self) -> Vec<String> {
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
        let stretch = self.softening.map(|s| format!("; of asinh(value/{s})"));
        let stretch = stretch.unwrap_or_default();
        let mut lines = vec![
            format!("scale ({from}): mean {mean}; std {std}{stretch}"),
            format!(
                "pixels: {:.2} % masked, {:.2} % without a noise level",
                100.0 * self.masked,
                100.0 * self.without_noise_level
            ),
        ];
        if self.vector + self.planes > 0 {
            let (k, p) = (self.vector, self.planes);
            lines.push(format!("corruption: {k} numbers and {p} planes per image"));
        }
        lines
    }

    fn notes(&self) -> Vec<Note> {
        let passed_over = "files of the folders are no single images, and are not read";
        let beyond = format!(
            "images have pixels far beyond all others ({} in all, masked)",
            self.impossible_pixels
        );
        let mut notes = vec![
            Note::with_examples(&self.passed_over, passed_over, |path| {
                path.display().to_string()
            }),
            Note::with_examples(&self.impossible, &beyond, Clone::clone),
        ];
        let beside = self.beside.iter();
        notes.extend(beside.map(|(what, n)| Note::of(*n, &format!("images: {what}"))));
        notes
    }
}
