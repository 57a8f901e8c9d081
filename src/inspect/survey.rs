//! Facts of a whole survey of spectra, read as `prepare` reads it and not written.

use super::images;
use super::inspection::{Inspection, range, rounded};
use crate::Result;
use crate::base::statistics::median;
use crate::config::{Config, SurveySource};
use crate::data::{Object, flag};
use crate::prepare::{examine, flag_names};
use crate::survey::PixelMask;
use crate::survey::item::Item;
use crate::survey::open::open;
use crate::survey::spectra::{Survey, duplicates};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names shown of each problem.
const SHOWN: usize = 3;

/// Whether a file of text is a config: TOML with a table `survey`.
pub(super) fn is_config(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    toml::from_str::<toml::Table>(&text).is_ok_and(|t| t.contains_key("survey"))
}

/// Facts of the survey that a config names, selected by its rules.
pub(super) fn of_config(path: &Path) -> Result<Inspection> {
    let config = Config::load(path, &[])?;
    if let SurveySource::Images { path, .. } = &config.survey.source {
        return images::alone(path.first().map_or(Path::new(""), PathBuf::as_path));
    }
    let mut i = Inspection::new(path, "survey");
    let survey = open(&config.survey.source)?;
    sum_up(&mut i, &config, &*survey)?;
    Ok(i)
}

/// Goes through `survey` and adds what it holds.
pub(super) fn sum_up(i: &mut Inspection, config: &Config, survey: &dyn Survey) -> Result<()> {
    let mut tally = Tally::default();
    let mut judged: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    let mut used = 0;
    examine(config, survey, &mut |item| tally.add(item), &mut |object| {
        used += usize::from(object.flag == flag::GOOD);
        for name in flag_names(object.flag) {
            let (n, examples) = judged.entry(name).or_default();
            *n += 1;
            if examples.len() < SHOWN {
                examples.push(words(object));
            }
        }
    })?;
    i.fact("spectra", survey.len());
    i.fact("would_be_used", used);
    i.fact("redshift", range(tally.z.into_iter()));
    i.fact("snr_per_pixel", range(tally.snr.into_iter()));
    if let Some((low, high)) = tally.ends {
        let (low, high) = (rounded(10f64.powf(low)), rounded(10f64.powf(high)));
        i.fact("good_range", format!("{low}-{high} Å"));
    }
    i.fact("flux_unit", survey.flux_unit());
    for (name, (n, examples)) in &judged {
        let dots = if *n > examples.len() { "; …" } else { "" };
        i.problem(format!("{n} {name}: {}{dots}", examples.join("; ")));
    }
    let mut counted = |n: usize, what: &str| {
        if n > 0 {
            i.problem(format!("{n} {what}"));
        }
    };
    let names = survey.names().into_iter().filter(|n| !n.is_empty());
    let unmatched = survey.unmatched();
    counted(duplicates(names).len(), "names occur more than once");
    counted(unmatched.rows, "catalog rows have no spectrum");
    counted(unmatched.files.len(), "spec files are not in the catalog");
    counted(
        unmatched.targets,
        "targets of the files are not in the catalog",
    );
    counted(
        unmatched.twins.len(),
        "files repeat a spectrum that is read from another",
    );
    let others: Vec<String> = unmatched
        .passed_over
        .iter()
        .take(SHOWN)
        .map(|p| p.display().to_string())
        .collect();
    let dots = if unmatched.passed_over.len() > SHOWN {
        ", …"
    } else {
        ""
    };
    counted(
        unmatched.passed_over.len(),
        &format!(
            "files have other names than those of the survey, and are not looked into: {}{dots}",
            others.join(", ")
        ),
    );
    counted(
        unmatched.listed_twice.len(),
        "spectra are listed more than once, with different redshifts",
    );
    counted(tally.lacks_lsf, "spectra have no line-spread function");
    counted(
        tally.lacks_mask,
        "spectra have no mask: masked by ivar alone",
    );
    counted(
        tally.other_grid,
        "spectra lie on another native grid than the rest",
    );
    for note in unmatched.notes {
        i.problem(note);
    }
    let beside = survey.beside(&PixelMask::new(&config.survey.mask)?);
    if let Some(masked_by) = beside.masked_by {
        i.fact("mask", masked_by);
    }
    if !beside.left_out.is_empty() {
        i.fact("not_read", beside.left_out);
    }
    i.fact("looked_at", json!(tally.read));
    Ok(())
}

fn words(object: &Object) -> String {
    format!("{} ({})", object.name, object.reason)
}

/// What the spectra that are read hold.
#[derive(Default)]
struct Tally {
    read: usize,
    z: Vec<f64>,
    /// Median per good pixel of each.
    snr: Vec<f64>,
    /// Bluest and reddest edge of a good pixel, log10(λ/Å).
    ends: Option<(f64, f64)>,
    lacks_lsf: usize,
    lacks_mask: usize,
    other_grid: usize,
}

impl Tally {
    fn add(&mut self, item: &Item) {
        self.z.push(item.object.z);
        let Some(spectrum) = &item.spectrum else {
            return;
        };
        self.read += 1;
        self.lacks_lsf += usize::from(item.lacks_lsf);
        self.lacks_mask += usize::from(item.lacks_mask);
        self.other_grid += usize::from(item.other_grid);
        let pixels = spectrum.grid.pixels(spectrum.flux.len());
        let mut snr = Vec::new();
        for ([a, b], (f, v)) in pixels.iter().zip(spectrum.flux.iter().zip(&spectrum.ivar)) {
            if *v > 0.0 {
                snr.push(f64::from(*f) * f64::from(*v).sqrt());
                let (low, high) = self.ends.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
                self.ends = Some((low.min(a.min(*b)), high.max(a.max(*b))));
            }
        }
        // NaN where no pixel is good: not counted.
        self.snr.push(median(snr));
    }
}
