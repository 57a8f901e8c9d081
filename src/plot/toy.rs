//! Clouds of points in the plane: one row per case, one column per kind of cloud.

use super::canvas::{DRAW, Drawn, FAINT, INK, OBSERVED, Picture, RESTORED, TRUTH, text};
use crate::lab::toy::{Case, Study};
use ndarray::Array2;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Side of a panel and the room about it, in pixels.
const SIDE: i32 = 240;
const GAP: i32 = 8;
const LEFT: i32 = 132;
const TOP: i32 = 34;
const CAPTION: i32 = 22;
/// Half of a panel's side, over the largest coordinate of the clean points.
const REACH: f32 = 1.25;

/// The clouds of a toy study.
#[derive(Debug)]
pub struct Clouds<'a> {
    /// The finished study.
    pub study: &'a Study,
}

impl Clouds<'_> {
    fn columns(&self) -> usize {
        self.study.plan.arms.len() + 2
    }

    fn corner(row: usize, column: usize) -> (i32, i32) {
        (
            LEFT + column as i32 * (SIDE + GAP),
            TOP + row as i32 * (SIDE + CAPTION + GAP),
        )
    }
}

impl Picture for Clouds<'_> {
    fn size(&self) -> (u32, u32) {
        let (x, y) = Self::corner(self.study.cases.len(), self.columns());
        (x as u32, y as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        for (row, case) in self.study.cases.iter().enumerate() {
            label(root, case, Self::corner(row, 0).1)?;
            let reach = REACH * largest(case);
            for (column, cloud) in case.clouds.iter().enumerate() {
                let (x, y) = Self::corner(row, column);
                if row == 0 {
                    let title = Text::new(title(&cloud.name), (x + 4, 8), text(20, INK));
                    root.draw(&title)?;
                }
                let colour = [TRUTH, OBSERVED, RESTORED, DRAW, INK][column.min(4)];
                panel(root, (x, y), &cloud.points, reach, colour)?;
                if column > 0 {
                    let s = &cloud.scores;
                    let width = s.width.map_or(String::new(), |w| format!(", width {w:.2}"));
                    let caption =
                        format!("KL {:.2}, spacing {:.2}{width}", s.divergence, s.spacing);
                    let at = (x + 2, y + SIDE + 3);
                    root.draw(&Text::new(caption, at, text(16, INK)))?;
                }
            }
        }
        Ok(())
    }
}

fn title(name: &str) -> String {
    match name {
        "clean" => "data".to_owned(),
        "observed" => "observations".to_owned(),
        arm => format!("restored: {arm}"),
    }
}

fn label<DB: DrawingBackend>(root: &DrawingArea<DB, Shift>, case: &Case, top: i32) -> Drawn<DB> {
    let middle = top + SIDE / 2;
    let sigma = format!("σ = {}", case.sigma);
    for (line, y) in [(case.shape.name(), middle - 20), (&sigma, middle + 2)] {
        root.draw(&Text::new(line.to_owned(), (8, y), text(18, INK)))?;
    }
    Ok(())
}

/// The largest coordinate of the clean points, the first cloud.
fn largest(case: &Case) -> f32 {
    let clean = case.clouds.first().map(|c| c.points.iter());
    clean
        .into_iter()
        .flatten()
        .fold(0.0, |most, v| v.abs().max(most))
}

/// Points beyond the panel are left out.
fn panel<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    (left, top): (i32, i32),
    points: &Array2<f32>,
    reach: f32,
    colour: RGBColor,
) -> Drawn<DB> {
    root.draw(&Rectangle::new(
        [(left, top), (left + SIDE, top + SIDE)],
        FAINT.stroke_width(1),
    ))?;
    let half = SIDE as f32 / 2.0;
    for point in points.rows() {
        let (x, y) = (point[0] / reach, -point[1] / reach);
        if x.abs() < 0.99 && y.abs() < 0.99 {
            let at = (
                left + (half * (1.0 + x)) as i32,
                top + (half * (1.0 + y)) as i32,
            );
            root.draw(&Circle::new(at, 1, colour.mix(0.6).filled()))?;
        }
    }
    Ok(())
}
