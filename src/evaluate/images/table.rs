//! The evaluation of images for people: plain text for the terminal, Markdown for files.

use super::result::{ImageEvaluation, ImageRow, Statistic};
use super::shape_errors::ShapeErrors;
use crate::evaluate::calibration_table;
use crate::evaluate::cells::{aligned, number, piped, with_error};

/// What the table of shapes says.
const SHAPES: &str = "Shapes within the largest circle: what 68 % of the absolute errors do not exceed. \
Flux is relative, the half-light radius in pixels, the ellipticity that of weighted moments, both components \
together; in brackets the part of the truths within the stated error and that of a median over so few draws \
(an honest error: 68 %).";

const LOST: &str = " Lost pixels have no observation.";
const DRAWN: &str = " Flux, radius and ellipticity are those of the draws: the flux over the true one, the radius in \
pixels.";

/// Everything as plain text, aligned.
#[must_use]
pub fn text(e: &ImageEvaluation) -> String {
    let shapes = shapes(e).map(|t| format!("\n{SHAPES}\n\n{}", aligned(&t)));
    let shapes = shapes.unwrap_or_default();
    let calibration = match calibration_table::text_of(&e.calibration, &parts(e)) {
        none if none.is_empty() => none,
        some => format!("\n{some}"),
    };
    format!(
        "{}\n\n{}{shapes}{}{calibration}",
        summary(e),
        aligned(&table(e)),
        notes(e)
    )
}

/// Everything as Markdown.
#[must_use]
pub fn markdown(e: &ImageEvaluation) -> String {
    let shapes = shapes(e).map(|t| format!("\n{SHAPES}\n\n{}", piped(&t)));
    let shapes = shapes.unwrap_or_default();
    let calibration = calibration_table::markdown_of(&e.calibration, &parts(e));
    format!(
        "{}\n\n{}{shapes}{}{calibration}",
        summary(e),
        piped(&table(e)),
        notes(e)
    )
}

/// What the rows of the table of calibration are.
fn parts(e: &ImageEvaluation) -> String {
    let shapes = e.rows.iter().any(|r| r.shapes.is_some());
    format!("{LOST}{}", if shapes { DRAWN } else { "" })
}

fn summary(e: &ImageEvaluation) -> String {
    let [channels, height, width] = e.shape;
    format!(
        "{}: {} held-out images ({channels} × {height} × {width}), means over the images (medians in brackets) ± \
         standard error. Values are in {}; PSNR and SSIM take their range as {} to {}. The distance is the sliced \
         Wasserstein distance to the clean population per pixel, free of the finite sample's own. The parameters of \
         the classical methods are tuned on the truth, which flatters them.",
        e.run,
        e.images,
        e.unit,
        number(e.range.min),
        number(e.range.max),
    )
}

fn notes(e: &ImageEvaluation) -> String {
    let left_out = e.left_out.iter().map(|why| format!("Left out: {why}."));
    let truth = (e.without_truth > 0).then(|| {
        format!(
            "{} held-out images have no complete truth and do not count.",
            e.without_truth
        )
    });
    let features = e.features.map(|f| {
        format!(
            "FID: {} restored against the same {} clean images, {f} features.",
            e.images, e.images
        )
    });
    let notes = e.notes.iter().map(|n| format!("{n}."));
    left_out
        .chain(notes)
        .chain(truth)
        .chain(features)
        .chain(e.warnings().into_iter().map(|w| format!("Warning: {w}.")))
        .map(|line| format!("\n{line}\n"))
        .collect()
}

fn table(e: &ImageEvaluation) -> Vec<Vec<String>> {
    let lpips = e.rows.iter().any(|r| r.lpips.is_some());
    let fid = e.rows.iter().any(|r| r.fid.is_some());
    let optional = [(lpips, "LPIPS"), (fid, "FID")];
    let header = ["", "RMSE", "PSNR (dB)", "SSIM", "distance"]
        .into_iter()
        .chain(optional.iter().filter(|(on, _)| *on).map(|(_, name)| *name));
    let row = |r: &ImageRow| {
        let mut cells = vec![
            r.name.clone(),
            statistic(&r.rmse),
            statistic(&r.psnr),
            statistic(&r.ssim),
            with_error(r.distance, r.distance_error),
        ];
        if lpips {
            cells.push(r.lpips.as_ref().map_or("–".to_owned(), statistic));
        }
        if fid {
            cells.push(number(r.fid.unwrap_or(f64::NAN)));
        }
        cells
    };
    [header.map(String::from).collect()]
        .into_iter()
        .chain(e.rows.iter().map(row))
        .collect()
}

/// The table of shapes, where there are any.
fn shapes(e: &ImageEvaluation) -> Option<Vec<Vec<String>>> {
    let header = ["", "flux", "half-light radius", "ellipticity", "measured"];
    let mut rows = vec![header.map(String::from).to_vec()];
    let one = |name: &str, s: &ShapeErrors, inside: Option<[f64; 3]>| {
        let cell = |k: usize, v: f64| match inside {
            Some(parts) => format!("{} ({:.0} %)", number(v), 100.0 * parts[k]),
            None => number(v),
        };
        vec![
            name.to_owned(),
            cell(0, s.flux),
            cell(1, s.radius),
            cell(2, s.ellipticity),
            format!("{} of {}", s.measured, s.of),
        ]
    };
    for row in &e.rows {
        rows.push(one(&row.name, row.shapes.as_ref()?, None));
    }
    for c in &e.catalogs {
        rows.push(one(&c.name, &c.errors, Some(c.inside)));
    }
    Some(rows)
}

fn statistic(s: &Statistic) -> String {
    format!(
        "{} ({})",
        with_error(s.mean, s.mean_error),
        number(s.median)
    )
}
