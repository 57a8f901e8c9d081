//! Pictures of a file of restored images.

use super::catalog::{Choice, chosen};
use super::images::{ImageGrid, ImageRow, Shade, Stretch};
use crate::Result;
use crate::restored::RestoredImages;
use crate::survey::images::clean_images;
use std::path::Path;

/// The images of some objects of the file `path`, with those of the clean images `truth` of the
/// same names.
///
/// # Errors
/// [`crate::Error::Input`] if a file cannot be read, an object is not in it, or `truth` has none of them.
pub fn catalog_images(path: &Path, truth: Option<&Path>, choice: &Choice) -> Result<ImageGrid> {
    let file = RestoredImages::open(path)?;
    let layout = file.layout();
    let rows = chosen(path, file.objects(), file.heldout(), choice)?;
    let names: Vec<&str> = rows.iter().map(|i| &*file.objects()[*i].name).collect();
    let truth = truth.map(|t| clean_images(t, layout, &names)).transpose()?;
    let all = |name: &str| -> Result<Vec<Vec<f32>>> {
        rows.iter()
            .map(|i| Ok(file.read(name, *i..i + 1)?.into_iter().collect()))
            .collect()
    };
    let restored = all("RESTORED")?;
    // One stretch per object, so that its images can be compared.
    let softening = layout.scale.softening;
    let stretches: Vec<Stretch> = (0..rows.len())
        .map(|i| {
            let clean = truth.as_ref().and_then(|t| t[i].as_ref());
            Stretch::of(clean.unwrap_or(&restored[i]), softening)
        })
        .collect();
    let row = |label: &str, images: Vec<Option<Vec<f32>>>, stretches: &[Stretch]| ImageRow {
        label: label.to_owned(),
        panels: images
            .iter()
            .zip(stretches)
            .map(|(image, s)| Some(s.shades(image.as_ref()?, layout.channels)))
            .collect::<Vec<Option<Vec<Shade>>>>(),
    };
    let some = |images: Vec<Vec<f32>>| images.into_iter().map(Some).collect();
    let names = file.header().images();
    let has = |name: &str| names.iter().any(|n| n == name);
    let mut shown = vec![row("observed", some(all("OBSERVED")?), &stretches)];
    shown.push(row("restored", some(restored), &stretches));
    if has("DRAW") {
        shown.push(row("one draw", some(all("DRAW")?), &stretches));
    }
    let mut sigma_note = "";
    if has("SIGMA") {
        let sigma = all("SIGMA")?;
        let from_zero = |s: &Vec<f32>| Stretch {
            low: 0.0,
            ..Stretch::of(s, None)
        };
        let scales: Vec<Stretch> = sigma.iter().map(from_zero).collect();
        shown.push(row("σ of draws", some(sigma), &scales));
        sigma_note = "; σ: linear from 0 to its largest value";
    }
    let reference = if truth.is_some() {
        "truth"
    } else {
        "restored image"
    };
    if let Some(truth) = truth {
        shown.push(row("truth", truth, &stretches));
    }
    let curve = softening.map_or("linear".to_owned(), |s| format!("asinh(value/{s})"));
    let restored = if file.method().is_random() {
        format!("restored: {}", file.method().mean(file.draws()))
    } else {
        "restored: ODE".to_owned()
    };
    Ok(ImageGrid {
        height: layout.height,
        width: layout.width,
        titles: rows
            .iter()
            .map(|i| file.objects()[*i].name.clone())
            .collect(),
        rows: shown,
        notes: vec![
            restored,
            format!("{curve}, per object over the range of the {reference}{sigma_note}"),
        ],
    })
}
