//! The table beside generated samples: a row for each, the numbers it was made from.

use crate::data::flag;

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

    pub fn texts(&self) -> [(&'static str, Vec<String>); 2] {
        let reason = |finite: &bool| {
            let words = "the sample is not finite";
            if *finite { "" } else { words }.to_owned()
        };
        let names = (1..=self.len()).map(|k| format!("GEN-{k:06}"));
        [
            ("NAME", names.collect()),
            ("REASON", self.finite.iter().map(reason).collect()),
        ]
    }

    pub fn integers(&self) -> [(&'static str, Vec<i64>); 3] {
        let state = |finite: &bool| {
            i64::from(if *finite {
                flag::GOOD
            } else {
                flag::NOT_FINITE
            })
        };
        [
            ("SEED", vec![self.seed; self.len()]),
            ("NUMBER", (1..=self.len() as i64).collect()),
            ("FLAG", self.finite.iter().map(state).collect()),
        ]
    }
}
