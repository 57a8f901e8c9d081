//! Whether the true pixels lie among the draws of restored images as one more draw would.

use super::files::{File, as_shown};
use super::shape_errors::TrueShapes;
use crate::Result;
use crate::evaluate::calibration::{Calibration, Tally};
use ndarray::{Array2, ArrayView2};

/// Those with an observation, and those without.
const PARTS: [&str; 3] = ["all pixels", "seen pixels", "lost pixels"];
/// What is measured on the draws.
const SHAPES: [&str; 3] = ["flux", "half-light radius", "ellipticity"];

/// Calibration of the draws in `file` of the images `names`, whose `truth` [N, D] is as they are shown and whose
/// observations have the inverse variances `ivar` [N, D], 0 where a pixel is lost; and of the `shapes` that are
/// measured on the draws, where they are known. `None` where there are no several draws. They are read image by
/// image.
pub(super) fn calibration<'a>(
    file: &File,
    names: impl Iterator<Item = &'a String>,
    truth: ArrayView2<f32>,
    ivar: &Array2<f32>,
    shapes: Option<&TrueShapes>,
) -> Result<Option<Calibration>> {
    let Some(name) = file.name_of_draws() else {
        return Ok(None);
    };
    let mut tally = Tally::of_parts(&PARTS);
    let mut of_shapes = SHAPES.map(|part| Tally::of_parts(&[part]));
    if let Some(mut draws) = file.file.all_draws()? {
        let rows = names.filter_map(|n| file.row(n));
        for (i, ((row, truth), ivar)) in rows.zip(truth.rows()).zip(ivar.rows()).enumerate() {
            let shown = as_shown(draws.of(row)?, file.file.layout());
            let belongs = |part: usize, j: usize| match part {
                1 => ivar[j] != 0.0,
                2 => ivar[j] == 0.0,
                _ => true,
            };
            tally.add(shown.view(), truth, &belongs);
            let measured = shapes.map(|s| s.drawn(i, shown.view()));
            for (tally, (draws, truth)) in of_shapes.iter_mut().zip(measured.into_iter().flatten())
            {
                tally.add(draws.view(), truth.view(), &|_, _| true);
            }
        }
    }
    let pixels = [tally].into_iter().chain(of_shapes);
    Ok(Some(Calibration {
        name,
        draws: file.file.draws(),
        pixels: pixels.flat_map(|t| t.calibrations()).collect(),
        lines: Vec::new(),
    }))
}
