//! The table beside restored images.

use crate::data::Object;
use ndarray::Array2;

/// The table beside the images, one row each.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageTable {
    /// Names, flags and sources.
    pub objects: Vec<Object>,
    /// Class of each object; −1 where unknown.
    pub labels: Vec<i64>,
    /// Whether each was kept out of training.
    pub heldout: Vec<bool>,
    /// Numbers that describe each image's corruption, [N, K].
    pub vector: Array2<f32>,
}

impl ImageTable {
    /// The columns of text and of integers, in the order of the file.
    pub(crate) fn texts(&self) -> [(&'static str, Vec<&str>); 3] {
        let text = |f: fn(&Object) -> &str| self.objects.iter().map(f).collect();
        [
            ("NAME", text(|o| &o.name)),
            ("REASON", text(|o| &o.reason)),
            ("SOURCE", text(|o| &o.source)),
        ]
    }

    pub(crate) fn integers(&self) -> [(&'static str, Vec<i64>); 3] {
        let flags = self.objects.iter().map(|o| i64::from(o.flag)).collect();
        let heldout = self.heldout.iter().map(|h| i64::from(*h)).collect();
        [
            ("LABEL", self.labels.clone()),
            ("FLAG", flags),
            ("HELDOUT", heldout),
        ]
    }

    /// From what [`ImageTable::texts`] and [`ImageTable::integers`] wrote.
    pub(crate) fn assemble(
        texts: [Vec<String>; 3],
        integers: [Vec<i64>; 3],
        vector: Array2<f32>,
    ) -> Option<Self> {
        let [names, reasons, sources] = texts;
        let [labels, flags, heldout] = integers;
        let n = names.len();
        let lengths = [reasons.len(), sources.len(), labels.len(), flags.len()];
        if lengths != [n; 4] || heldout.len() != n || vector.nrows() != n {
            return None;
        }
        let text = names.into_iter().zip(reasons).zip(sources);
        let object = |(((name, reason), source), flag): (((_, _), _), i64)| Object {
            name,
            reason,
            source,
            flag: flag as i32,
            ..Object::default()
        };
        Some(Self {
            objects: text.zip(flags).map(object).collect(),
            labels,
            heldout: heldout.iter().map(|h| *h > 0).collect(),
            vector,
        })
    }
}
