//! Which images are scored, and their restorations.

use super::files::{self, File, read_clean};
use super::result::ImageKind;
use super::sampling::ImageRows;
use crate::Result;
use crate::data::flag::NOT_FINITE;
use crate::evaluate::catalogs::finite_rows;
use crate::evaluate::sampling::evenly;
use crate::prepare::ImageSet;
use crate::survey::ImageSource;
use ndarray::{Array2, Axis};
use std::collections::HashMap;

/// What is measured: clean images, and their restorations by every file.
pub(super) struct Scored {
    pub chosen: Chosen,
    /// [N, D], as they are shown.
    pub shown: Array2<f32>,
    pub restored: Vec<(ImageKind, String, Array2<f32>)>,
}

impl Scored {
    /// At most `most` images, complete in the truth and finite in every file.
    pub fn new(
        set: &ImageSet,
        clean: &ImageSource,
        files: &[File],
        in_truth: &HashMap<String, usize>,
        most: usize,
    ) -> Result<Self> {
        let layout = &set.header().layout;
        let mut chosen = Chosen::new(set, files, in_truth);
        chosen.thin(most);
        let shown = read_clean(clean, &chosen.truth, layout)?;
        let complete = finite_rows([&shown]);
        chosen.without_truth += shown.nrows() - complete.len();
        let shown = shown.select(Axis(0), &complete);
        chosen.keep(&complete);
        let mut restored = Vec::new();
        for file in files {
            restored.extend(files::shown(file, set, &chosen.set)?);
        }
        let finite = finite_rows(restored.iter().map(|(_, _, images)| images));
        chosen.not_finite += shown.nrows() - finite.len();
        chosen.keep(&finite);
        for (_, _, images) in &mut restored {
            *images = images.select(Axis(0), &finite);
        }
        Ok(Self {
            chosen,
            shown: shown.select(Axis(0), &finite),
            restored,
        })
    }
}

/// Which rows are scored: their places in the prepared set and in the truth.
pub(super) struct Chosen {
    pub set: Vec<usize>,
    pub truth: Vec<usize>,
    pub without_truth: usize,
    pub not_finite: usize,
}

impl Chosen {
    fn new(set: &ImageSet, files: &[File], in_truth: &HashMap<String, usize>) -> Self {
        let mut chosen = Self {
            set: Vec::new(),
            truth: Vec::new(),
            without_truth: 0,
            not_finite: 0,
        };
        let usable = set
            .objects()
            .iter()
            .enumerate()
            .filter(|(_, o)| o.flag == 0);
        for (i, object) in usable {
            let states: Option<Vec<(i32, bool)>> =
                files.iter().map(|f| f.find(&object.name)).collect();
            let Some(states) = states.filter(|s| s.iter().all(|(_, heldout)| *heldout)) else {
                continue;
            };
            let flags = states.iter().fold(0, |all, (flag, _)| all | flag);
            match in_truth.get(&object.name) {
                _ if flags & NOT_FINITE != 0 => chosen.not_finite += 1,
                _ if flags != 0 => {}
                None => chosen.without_truth += 1,
                Some(t) => {
                    chosen.set.push(i);
                    chosen.truth.push(*t);
                }
            }
        }
        chosen
    }

    /// At most `most`, evenly spread.
    fn thin(&mut self, most: usize) {
        let places: Vec<usize> = (0..self.set.len()).collect();
        self.keep(&evenly(&places, most));
    }

    /// The rows that other methods may use.
    pub fn beside(
        &self,
        set: &ImageSet,
        files: &[File],
        in_truth: &HashMap<String, usize>,
    ) -> ImageRows<'_> {
        let objects = set
            .objects()
            .iter()
            .enumerate()
            .filter(|(_, o)| o.flag == 0);
        let held_out = |name: &str| {
            files
                .iter()
                .filter_map(|f| f.find(name))
                .any(|(_, heldout)| heldout)
        };
        ImageRows {
            scored: (&self.set, &self.truth),
            training: objects
                .clone()
                .filter(|(_, o)| !held_out(&o.name))
                .map(|(i, _)| i)
                .collect(),
            in_truth: objects
                .filter_map(|(i, o)| Some((i, *in_truth.get(&o.name)?)))
                .collect(),
        }
    }

    fn keep(&mut self, places: &[usize]) {
        self.set = places.iter().map(|p| self.set[*p]).collect();
        self.truth = places.iter().map(|p| self.truth[*p]).collect();
    }
}
