//! Calibration of SDE draws: PIT histogram, coverage against nominal, pulls of the measured lines.

use super::canvas::{DRAW, Drawn, FAINT, INK, Picture, RESTORED, TRUTH, legend, text};
use super::curves::short;
use crate::evaluate;
use crate::evaluate::{Calibration, LineCalibration, PixelCalibration};
use crate::{Error, Result};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

const WIDTH: u32 = 1500;
const ROW: u32 = 560;
const HEADER: u32 = 90;
/// Colours of the parts of the pixels, in their order.
const COLOURS: [RGBColor; 3] = [INK, RESTORED, TRUTH];
/// Half of the range of pulls that is shown.
const PULLS: f64 = 4.0;

/// The picture of an evaluation: a row of panels for each catalog of draws.
#[derive(Debug, Clone)]
pub struct CalibrationPicture {
    /// One for each catalog of draws.
    pub calibrations: Vec<Calibration>,
}

/// Reads `evaluation.json`, or the one in a run folder.
///
/// # Errors
/// [`Error::Run`] if there is none, or it holds no calibration.
pub fn calibration_picture(evaluation: &Path) -> Result<CalibrationPicture> {
    let calibrations = evaluate::load_calibration(evaluation)?;
    let shown = |c: &Calibration| !c.pixels.is_empty() || !c.lines.is_empty();
    if calibrations.iter().any(shown) {
        return Ok(CalibrationPicture { calibrations });
    }
    Err(Error::run(
        evaluation,
        "no calibration in this evaluation",
        "selfsi restore RUN --save-draws --out RUN/restored.fits with an SDE run, then selfsi evaluate",
    ))
}

impl Picture for CalibrationPicture {
    fn size(&self) -> (u32, u32) {
        (WIDTH, ROW * self.calibrations.len().max(1) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let rows = root.split_evenly((self.calibrations.len().max(1), 1));
        let with_lines = self.calibrations.iter().any(|c| !c.lines.is_empty());
        for (c, row) in self.calibrations.iter().zip(rows) {
            let title = format!("{}{}", c.name, scores(c));
            row.draw(&Text::new(title, (60, 12), text(24, INK)))?;
            let parts = c.pixels.iter().zip(COLOURS);
            let entries: Vec<(&str, RGBColor)> = parts.map(|(p, k)| (&*p.part, k)).collect();
            legend(&row, (60, 48), &entries)?;
            let (_, body) = row.split_vertically(HEADER);
            // Images have no lines.
            let panels = body.split_evenly((1, if with_lines { 3 } else { 2 }));
            histogram(&panels[0], &c.pixels)?;
            coverage(&panels[1], &c.pixels)?;
            if with_lines {
                pulls(&panels[2], &c.lines)?;
            }
        }
        Ok(())
    }
}

/// What is said beside the name of the draws.
fn scores(c: &Calibration) -> String {
    c.pixels.first().map_or_else(
        || ": not saved; restore with --save-draws".to_owned(),
        |p| {
            format!(
                ": {} objects, CRPS {:.4}, spread / error {:.2}",
                p.objects, p.crps.value, p.spread_over_error
            )
        },
    )
}

type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Axes with their names; the horizontal one labelled from `first` on, `labels` on the vertical one.
fn axes<'a, DB: DrawingBackend>(
    area: &'a DrawingArea<DB, Shift>,
    (x, x_name, first): (Range<f64>, &str, f64),
    (y, y_name, labels): (Range<f64>, &str, usize),
) -> std::result::Result<Chart<'a, DB>, DrawingAreaErrorKind<DB::ErrorType>> {
    let mut chart = ChartBuilder::on(area)
        .margin_left(6)
        .margin_right(26)
        .margin_bottom(8)
        .x_label_area_size(56)
        .y_label_area_size(if labels > 0 { 72 } else { 10 })
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.08))
        .y_labels(labels)
        .axis_style(INK)
        .label_style(text(18, INK))
        .axis_desc_style(text(20, INK))
        .x_label_formatter(&|v| if *v < first { String::new() } else { short(*v) })
        .y_label_formatter(&|v| short(*v))
        .x_desc(x_name)
        .y_desc(y_name)
        .draw()?;
    Ok(chart)
}

fn line<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    points: Vec<(f64, f64)>,
    style: impl Into<ShapeStyle>,
) -> Drawn<DB> {
    chart.draw_series(LineSeries::new(points, style))?;
    Ok(())
}

/// A point with its error, upright.
fn point<DB: DrawingBackend>(
    chart: &mut Chart<'_, DB>,
    (x, y): (f64, f64),
    error: f64,
    colour: RGBColor,
) -> Drawn<DB> {
    line(
        chart,
        vec![(x, y - error), (x, y + error)],
        colour.stroke_width(2),
    )?;
    chart.draw_series([Circle::new((x, y), 4, colour.filled())])?;
    Ok(())
}

fn histogram<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    parts: &[PixelCalibration],
) -> Drawn<DB> {
    let bins = parts.iter().flat_map(|p| &p.pit);
    let top = bins.map(|m| m.value + m.error).fold(0.15, f64::max);
    let x = (0.0..1.0, "rank of the truth among the draws (PIT)", 0.0);
    let mut chart = axes(area, x, (0.0..1.1 * top, "fraction of pixels", 6))?;
    line(
        &mut chart,
        vec![(0.0, 0.1), (1.0, 0.1)],
        FAINT.stroke_width(3),
    )?;
    for (p, colour) in parts.iter().zip(COLOURS) {
        let width = 1.0 / p.pit.len() as f64;
        let edges = |(b, m): (usize, &evaluate::Mean)| {
            let left = b as f64 * width;
            [(left, m.value), (left + width, m.value)]
        };
        let outline = p.pit.iter().enumerate().flat_map(edges).collect();
        line(&mut chart, outline, colour.stroke_width(2))?;
        for (b, m) in p.pit.iter().enumerate() {
            point(
                &mut chart,
                ((b as f64 + 0.5) * width, m.value),
                m.error,
                colour,
            )?;
        }
    }
    Ok(())
}

fn coverage<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    parts: &[PixelCalibration],
) -> Drawn<DB> {
    let range = 0.3..1.0;
    let x = (
        range.clone(),
        "nominal coverage of the central interval",
        0.3,
    );
    let mut chart = axes(area, x, (range, "truth inside", 8))?;
    line(
        &mut chart,
        vec![(0.3, 0.3), (1.0, 1.0)],
        FAINT.stroke_width(3),
    )?;
    for (p, colour) in parts.iter().zip(COLOURS) {
        let inside = |c: &evaluate::Coverage| (c.nominal, c.found.value.clamp(0.3, 1.0));
        let points: Vec<(f64, f64)> = p.coverage.iter().map(inside).collect();
        line(&mut chart, points.clone(), colour.stroke_width(1))?;
        for (at, c) in points.into_iter().zip(&p.coverage) {
            point(&mut chart, at, c.found.error, colour)?;
        }
    }
    Ok(())
}

/// Median pull ± scatter of every quantity, beside 0 ± 1.
fn pulls<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    lines: &[LineCalibration],
) -> Drawn<DB> {
    let n = lines.len().max(1) as f64;
    let x = (
        -2.0 * PULLS..PULLS,
        "pull of measured lines: median ± scatter",
        -PULLS,
    );
    let mut chart = axes(area, x, (0.0..n, "", 0))?;
    chart.draw_series([Rectangle::new(
        [(-1.0, 0.0), (1.0, n)],
        FAINT.mix(0.4).filled(),
    )])?;
    line(
        &mut chart,
        vec![(0.0, 0.0), (0.0, n)],
        FAINT.stroke_width(2),
    )?;
    for (i, l) in lines.iter().enumerate() {
        let y = n - 0.5 - i as f64;
        let name = format!("{} {}", l.line, l.quantity);
        let at = (-1.95 * PULLS, y + 0.2 * (n / 12.0));
        chart.draw_series([Text::new(name, at, text(17, INK))])?;
        let ends = [l.pull - l.scatter, l.pull + l.scatter].map(|v| v.clamp(-PULLS, PULLS));
        line(
            &mut chart,
            ends.map(|v| (v, y)).to_vec(),
            DRAW.stroke_width(2),
        )?;
        let centre = (l.pull.clamp(-PULLS, PULLS), y);
        chart.draw_series([Circle::new(centre, 4, DRAW.filled())])?;
    }
    Ok(())
}
