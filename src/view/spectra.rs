//! The content of a page of restored spectra.

use super::content::{Chosen, Content, Entry, Judgement, Spectral, name_of};
use super::found::View;
use super::marks::MARKS;
use super::numbers::Numbers;
use super::run;
use crate::data::provenance::quantile_name;
use crate::lines::{LINES, MeasuredLines, Quantity};
use crate::restored::Restored;
use crate::restored::restorations::Restorations;
use crate::survey::Truth;
use crate::survey::select::median_snr;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// Reads the chosen rows of the catalog and of what belongs to it.
pub(super) fn content(view: &View) -> Result<Content> {
    let path = &view.restored;
    let file = Restored::open(path)?;
    let header = file.header();
    let audit = view.audit_of(&file)?;
    let (audit_file, mut audit) = audit.map_or((None, None), |(p, a)| (Some(name_of(p)), Some(a)));
    let truth = view.truth.as_ref().map(|t| Truth::open(t, &header.grid));
    let truth = truth.transpose()?;

    let mut page = Content::new("spectra", path, &header.made, &header.flux_unit);
    page.arrays = file.kinds().iter().map(|k| k.name(&header.made)).collect();
    let arrays = page.arrays.len() + usize::from(truth.is_some());
    let size = arrays * Numbers::size(header.grid.pixels);
    let against: Vec<bool> = match &audit {
        Some(audit) => audit.flagged().collect(),
        None => vec![false; file.objects().len()],
    };
    let chosen = view
        .choice
        .of(path, file.objects(), against.into_iter(), size)?;
    let Chosen { rows, how } = chosen;

    let mut entries: Vec<Entry> = rows
        .iter()
        .map(|r| Entry::new(*r, &file.objects()[*r], file.heldout()[*r]))
        .collect();
    let mut measured = Vec::new();
    if let Some(lines) = file.lines()? {
        // Those that some object of the catalog shows.
        let known = |q: &Quantity| q.value.is_finite();
        let has = |i: &usize| lines.iter().any(|l| l[*i].quantities().iter().any(known));
        let shown: Vec<usize> = (0..LINES.len()).filter(has).collect();
        measured = shown.iter().map(|i| LINES[*i].name).collect();
        for (entry, row) in entries.iter_mut().zip(&rows) {
            let all = numbers(&lines[*row]);
            entry.lines = shown.iter().map(|i| all[*i]).collect();
        }
    }
    if let Some(audit) = &mut audit {
        for (entry, judged) in entries.iter_mut().zip(audit.read(&rows)?) {
            entry.audit = Some(Judgement::from(judged));
        }
    }
    let mut observed: Option<Array2<f32>> = None;
    for name in &page.arrays {
        let values = file.rows(name)?.read(&rows)?;
        add(&mut entries, &values);
        match (&**name, &observed) {
            ("OBSERVED", _) => observed = Some(values),
            ("IVAR", Some(flux)) => {
                for (entry, snr) in entries.iter_mut().zip(median_snr(flux, &values)) {
                    entry.snr = f64::from(snr);
                }
            }
            _ => {}
        }
    }
    if let (Some(truth), Some(path)) = (&truth, &view.truth) {
        add_truth(&mut entries, truth, path)?;
        page.arrays.push("TRUTH".into());
        page.truth_file = Some(name_of(path));
    }
    let quantiles = &header.made.quantiles;
    page.spectral = Some(Spectral {
        loglam0: header.grid.loglam0,
        dloglam: header.grid.dloglam,
        pixels: header.grid.pixels,
        frame: header.specsys.clone(),
        rest: header.grid.is_rest(),
        marks: MARKS.to_vec(),
        measured,
        quantiles: quantiles.iter().map(|q| (quantile_name(*q), *q)).collect(),
    });
    page.total = file.objects().len();
    page.how = how;
    page.audit_file = audit_file;
    page.objects = entries;
    page.run = view
        .run
        .as_deref()
        .map(|r| run::tab(r, false))
        .transpose()?;
    Ok(page)
}

/// Adds an array to every object.
fn add(entries: &mut [Entry], values: &Array2<f32>) {
    for (entry, values) in entries.iter_mut().zip(values.rows()) {
        entry.data.push(Numbers::of(values));
    }
}

fn add_truth(entries: &mut [Entry], truth: &Truth, path: &Path) -> Result<()> {
    let found: Vec<Option<usize>> = entries.iter().map(|e| truth.find(&e.name)).collect();
    if found.iter().all(Option::is_none) {
        let name = entries.first().map_or("", |e| &e.name);
        return Err(Error::input(
            path,
            "id",
            format!("none of the chosen objects, no `{name}`"),
            "clean spectra with the names of the restored ones",
            "give the truth of this survey",
        ));
    }
    let rows: Vec<usize> = found.iter().flatten().copied().collect();
    let clean = truth.read(&rows, &vec![1.0; rows.len()])?;
    let mut clean = clean.rows().into_iter();
    for (entry, found) in entries.iter_mut().zip(found) {
        let values = found.and_then(|_| clean.next());
        entry.data.push(values.and_then(Numbers::of));
    }
    Ok(())
}

fn numbers(lines: &MeasuredLines) -> Vec<[f64; 6]> {
    let each = lines.iter().map(|line| {
        let [peak, centroid, width] = line.quantities();
        [peak, centroid, width].map(|q| [q.value, q.error])
    });
    each.map(|q| [q[0][0], q[0][1], q[1][0], q[1][1], q[2][0], q[2][1]])
        .collect()
}
