//! The content of a page of restored images.

use super::content::{Chosen, Content, Entry, Judgement, Pictures, name_of};
use super::found::View;
use super::numbers::Numbers;
use super::run;
use crate::Result;
use crate::restored::RestoredImages;
use crate::survey::images::clean_images;
use crate::survey::select::median_snr;
use ndarray::{Array2, ArrayView1};
use serde_json::Value;

/// Reads the chosen rows of the file and of what belongs to it.
pub(super) fn content(view: &View) -> Result<Content> {
    let path = &view.restored;
    let file = RestoredImages::open(path)?;
    let (header, layout) = (file.header(), file.layout());
    let audit = view.audit_of(&file)?;
    let (audit_file, mut audit) = audit.map_or((None, None), |(p, a)| (Some(name_of(p)), Some(a)));
    let mut page = Content::new("images", path, &header.made, header.bands.unit());
    page.arrays = header.images();
    let arrays = page.arrays.len() + usize::from(view.truth.is_some());
    let size = arrays * Numbers::size(layout.pixels());
    let against: Vec<bool> = match &audit {
        Some(audit) => audit.flagged().collect(),
        None => vec![false; file.objects().len()],
    };
    let against = against.into_iter();
    let chosen = view.choice.of(path, file.objects(), against, size)?;
    let Chosen { rows, how } = chosen;

    let entry = |row: &usize| {
        let mut entry = Entry::new(*row, &file.objects()[*row], file.heldout()[*row]);
        let label = file.labels()[*row];
        if label >= 0 {
            entry.facts.push(("LABEL", Value::from(label)));
        }
        entry
    };
    let mut entries: Vec<Entry> = rows.iter().map(entry).collect();
    if let Some(audit) = &mut audit {
        for (entry, judged) in entries.iter_mut().zip(audit.read(&rows)?) {
            entry.audit = Some(Judgement::from(judged));
        }
    }
    let mut observed: Option<Array2<f32>> = None;
    for name in &page.arrays {
        let values = file.rows(name)?.read(&rows)?;
        for (entry, values) in entries.iter_mut().zip(values.rows()) {
            entry.data.push(Numbers::of(values));
        }
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
    if let Some(truth) = &view.truth {
        let names: Vec<&str> = entries.iter().map(|e| &*e.name).collect();
        let clean = clean_images(truth, layout, &names)?;
        for (entry, image) in entries.iter_mut().zip(clean) {
            let values = image.and_then(|i| Numbers::of(ArrayView1::from(&i)));
            entry.data.push(values);
        }
        page.arrays.push("TRUTH".into());
        page.truth_file = Some(name_of(truth));
    }
    page.pictures = Some(Pictures {
        channels: layout.channels,
        height: layout.height,
        width: layout.width,
        softening: layout.scale.softening,
        bands: header.bands.words(),
    });
    page.audit_file = audit_file;
    page.total = file.objects().len();
    page.how = how;
    page.objects = entries;
    page.run = view.run.as_deref().map(|r| run::tab(r, true)).transpose()?;
    Ok(page)
}
