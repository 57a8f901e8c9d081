//! Progress: a bar on a terminal, plain lines otherwise (about one per tenth of the work; for another
//! program that shows them, one per hundredth).

use crate::base::messages::{PROGRESS, bars, driven};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A running display on stderr.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    part: usize,
}

impl Progress {
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        let bar = (bars() && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) =
                ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta} left")
            {
                bar.set_style(style);
            }
            bar.with_message(what)
        });
        Self { what, bar, part: 0 }
    }

    /// Shows that `done` of `total` are done.
    pub fn show(&mut self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            return;
        }
        let parts = if driven() { 100 } else { 10 };
        let part = parts * done / total.max(1);
        if part > self.part {
            self.part = part;
            log::info!(target: PROGRESS, "{}: {done}/{total}", self.what);
        }
    }

    /// Clears the bar.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
