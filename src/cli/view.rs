//! `selfsi view`.

use super::global::Global;
use super::output;
use super::said::Said;
use crate::view::{self, Choice};
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// Make a page to look at: restorations in one HTML file that needs no network.
///
/// The page has a table of the objects, which sorts and filters, beside a plot of the chosen one; and the
/// run (training, calibration, population) where RESTORED lies in its folder. Open it in a browser, on
/// whatever machine; it holds copies of all that it shows.
#[derive(Debug, Args)]
pub struct View {
    /// Restored catalog (FITS), restored images (FITS or HDF5), or the run folder that holds them.
    #[arg(value_name = "RESTORED|RUN")]
    path: PathBuf,
    /// Clean spectra (HDF5) or images, for studies with known truth.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Audit of the catalog [default: RESTORED.audit.fits or audit.fits beside it].
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Show at most N objects, evenly spread [default: 200, fewer if the page would exceed 15 MB].
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Show the objects in these rows, counted from 0, e.g. 0,7,20-29.
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["count", "flagged"])]
    rows: Option<String>,
    /// Show the object of this name; repeatable.
    #[arg(long = "name", value_name = "NAME", conflicts_with_all = ["count", "flagged"])]
    names: Vec<String>,
    /// Show only objects that the catalog or the audit flags.
    #[arg(long)]
    flagged: bool,
    /// Page to write [default: view.html beside RESTORED].
    #[arg(short, long, visible_alias = "outfile")]
    out: Option<PathBuf>,
}

/// Rows that --rows may name, at most.
const MOST: usize = 1_000_000;

impl View {
    pub fn run(&self, _global: &Global) -> Result<Said> {
        if self.count == Some(0) {
            return Err(refused("-n", "no objects", "give 1 or more"));
        }
        let choice = Choice {
            count: self.count,
            flagged: self.flagged,
            rows: self.rows.as_deref().map_or(Ok(Vec::new()), rows)?,
            names: self.names.clone(),
        };
        let mut page = view::View::of(&self.path)?;
        (page.truth, page.audit) = (self.truth.clone(), self.audit.clone());
        page.choice = choice;
        let beside = || page.restored.with_file_name("view.html");
        let out = self.out.clone().unwrap_or_else(beside);
        output::check(&out, [])?;
        let shown = view::write(&page, &out)?;
        let json = serde_json::json!({
            "out": out, "objects": shown.objects, "of": shown.of, "bytes": shown.bytes,
        });
        let text = format!(
            "{}: {} of {} objects, {:.1} MB",
            out.display(),
            shown.objects,
            shown.of,
            shown.bytes as f64 / 1e6
        );
        Ok(Said::both(text, json))
    }
}

fn refused(key: &str, problem: &str, fix: &str) -> Error {
    Error::config("selfsi view", key, problem, fix)
}

/// `0,7,20-29`: numbers and ranges, both ends included.
fn rows(text: &str) -> Result<Vec<usize>> {
    let bad = |part: &str| {
        let problem = format!("`{part}` is neither a row nor a range of rows");
        refused("--rows", &problem, "give e.g. 0,7,20-29")
    };
    let mut rows = Vec::new();
    for part in text.split(',').map(str::trim) {
        let number = |t: &str| t.trim().parse::<usize>().map_err(|_| bad(part));
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(bad(part));
        }
        if last - first >= MOST - rows.len().min(MOST) {
            let problem = format!("more than {MOST} rows");
            return Err(refused("--rows", &problem, "give fewer"));
        }
        rows.extend(first..=last);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn rows_are_numbers_and_ranges() {
        assert_eq!(rows("3, 0,5-7").unwrap(), [3, 0, 5, 6, 7]);
        for bad in ["", "a", "3-", "7-5", "1,,2", "-1", "0-99999999999"] {
            let e = rows(bad).unwrap_err().to_string();
            assert!(e.contains("--rows"), "{e}");
        }
    }
}
