//! The table beside generated samples: a row for each, the numbers it was made from.

use crate::data::flag;
use crate::files::stack::{Cells, Column};

/// The rows so far; sample k, counted from 1, is in row k − 1.
#[derive(Debug, Default)]
pub(crate) struct Table {
    seed: i64,
    /// Whether each came out finite.
    finite: Vec<bool>,
}

impl Table {
    pub fn new(seed: u64) -> Self {
        Self {
            seed: seed as i64,
            finite: Vec::new(),
        }
    }

    pub fn push(&mut self, finite: bool) {
        self.finite.push(finite);
    }

    pub fn len(&self) -> usize {
        self.finite.len()
    }

    /// The columns of the file, in its order.
    pub fn columns(&self) -> Vec<Column<'static>> {
        let reason = |finite: &bool| {
            let words = "the sample is not finite";
            if *finite { "" } else { words }.to_owned()
        };
        let state = |finite: &bool| {
            i64::from(if *finite {
                flag::GOOD
            } else {
                flag::NOT_FINITE
            })
        };
        let n = self.len();
        let names = (1..=n).map(|k| format!("GEN-{k:06}"));
        let reasons = self.finite.iter().map(reason);
        let flags = self.finite.iter().map(state);
        [
            ("NAME", Cells::Texts(names.collect())),
            ("REASON", Cells::Texts(reasons.collect())),
            ("SEED", Cells::Whole(vec![self.seed; n])),
            ("NUMBER", Cells::Whole((1..=n as i64).collect())),
            ("FLAG", Cells::Whole(flags.collect())),
        ]
        .map(|(name, cells)| Column { name, cells })
        .into()
    }
}
