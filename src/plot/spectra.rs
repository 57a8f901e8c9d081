//! Spectra before and after: one panel per object.

use super::canvas::{
    DRAW, Drawn, FAINT, INK, MASKED, OBSERVED, Picture, RESTORED, TRUTH, axis_name, legend, pieces,
    text,
};
use super::curves::short;
use crate::base::statistics::median;
use crate::config::Frame;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

/// Emission lines that are marked: name and vacuum rest wavelength, Å.
const MARKS: [(&str, f64); 13] = [
    ("Lyβ", 1025.72),
    ("Lyα", 1215.67),
    ("N V", 1240.81),
    ("O I", 1304.46),
    ("C II", 1335.30),
    ("Si IV", 1396.76),
    ("C IV", 1549.06),
    ("He II", 1640.42),
    ("C III]", 1908.73),
    ("Mg II", 2798.75),
    ("Hβ", 4862.68),
    ("[O III]", 5008.24),
    ("Hα", 6564.61),
];
const WIDTH: u32 = 1600;
const PANEL: u32 = 330;
const HEADER: u32 = 50;

/// One object's spectra, all `[D]` and in physical flux units; masked pixels have `good` false.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Name and redshift of the object.
    pub title: String,
    /// NaN where unknown: then no lines are marked.
    pub z: f64,
    /// The observation.
    pub observed: Vec<f32>,
    /// Whether each pixel was observed.
    pub good: Vec<bool>,
    /// The restoration.
    pub restored: Vec<f32>,
    /// Standard deviation of the draws.
    pub sigma: Option<Vec<f32>>,
    /// A single draw.
    pub draw: Option<Vec<f32>>,
    /// The clean spectrum, where it is known.
    pub truth: Option<Vec<f32>>,
}

/// Several objects on one wavelength axis.
#[derive(Debug, Clone)]
pub struct Spectra {
    /// Å in the frame of the grid, `[D]`.
    pub wavelength: Vec<f64>,
    /// What wavelengths these are.
    pub frame: Frame,
    /// Unit of every flux.
    pub flux_unit: String,
    /// What the restored curve is, e.g. `restored (ODE)`.
    pub restored_name: String,
    /// One for each object.
    pub panels: Vec<Panel>,
}

impl Picture for Spectra {
    fn size(&self) -> (u32, u32) {
        (WIDTH, HEADER + PANEL * self.panels.len().max(1) as u32 + 40)
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let mut entries = vec![
            ("observed", OBSERVED),
            (self.restored_name.as_str(), RESTORED),
        ];
        if self.panels.iter().any(|p| p.draw.is_some()) {
            entries.push(("one draw", DRAW));
        }
        if self.panels.iter().any(|p| p.truth.is_some()) {
            entries.push(("truth", TRUTH));
        }
        if self.panels.iter().any(|p| p.good.iter().any(|g| !g)) {
            entries.push(("masked", MASKED));
        }
        legend(root, (100, 16), &entries)?;
        let (_, body) = root.split_vertically(HEADER);
        for (i, panel) in self.panels.iter().enumerate() {
            let last = i + 1 == self.panels.len();
            let from = PANEL * i as u32;
            let height = PANEL + if last { 40 } else { 0 };
            let area = body.clone().shrink((0, from), (WIDTH, height));
            self.panel(&area, panel, last)?;
        }
        Ok(())
    }
}

impl Spectra {
    fn panel<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        p: &Panel,
        last: bool,
    ) -> Drawn<DB> {
        let w = &self.wavelength;
        let x_range = w[0]..w[w.len() - 1];
        let y_range = flux_range(p);
        let mut chart = ChartBuilder::on(area)
            .margin_left(6)
            .margin_right(24)
            .margin_top(6)
            .y_label_area_size(84)
            .x_label_area_size(if last { 62 } else { 24 })
            .build_cartesian_2d(x_range.clone(), y_range.clone())?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(12)
            .y_labels(6)
            .axis_style(INK)
            .label_style(text(18, INK))
            .axis_desc_style(text(20, INK))
            .x_label_formatter(&|v| format!("{v:.0}"))
            .y_label_formatter(&|v| short(*v))
            .x_desc(if last { axis_name(self.frame) } else { "" })
            .y_desc(format!("flux [{}]", self.flux_unit))
            .draw()?;

        for (from, to) in gaps(&p.good) {
            let half = 0.5 * (w[1] - w[0]);
            let corners = [
                (w[from] - half).max(x_range.start),
                (w[to] + half).min(x_range.end),
            ];
            let band = [(corners[0], y_range.start), (corners[1], y_range.end)];
            chart.draw_series([Rectangle::new(band, MASKED.mix(0.35).filled())])?;
        }
        let height = y_range.end - y_range.start;
        for (name, rest) in MARKS {
            let x = rest * (1.0 + p.z);
            if x_range.contains(&x) {
                chart.draw_series([PathElement::new(
                    vec![(x, y_range.start), (x, y_range.end)],
                    FAINT.stroke_width(1),
                )])?;
                let at = (x + 4.0, y_range.end - 0.03 * height);
                chart.draw_series([Text::new(name, at, text(17, INK))])?;
            }
        }
        let observed = p
            .observed
            .iter()
            .zip(&p.good)
            .map(|(f, g)| g.then_some(f64::from(*f)));
        for piece in pieces(w, observed, &y_range) {
            chart.draw_series(LineSeries::new(piece, OBSERVED.stroke_width(1)))?;
        }
        if let Some(sigma) = &p.sigma {
            let edge = |sign: f64| {
                p.restored
                    .iter()
                    .zip(sigma)
                    .map(move |(r, s)| Some(f64::from(*r) + sign * f64::from(*s)))
            };
            let upper = pieces(w, edge(1.0), &y_range).concat();
            let lower = pieces(w, edge(-1.0), &y_range).concat();
            let outline: Vec<_> = upper.into_iter().chain(lower.into_iter().rev()).collect();
            chart.draw_series([Polygon::new(outline, RESTORED.mix(0.22).filled())])?;
        }
        let curves = [
            (p.draw.as_ref(), DRAW, 1),
            (p.truth.as_ref(), TRUTH, 2),
            (Some(&p.restored), RESTORED, 2),
        ];
        for (flux, colour, width) in curves
            .into_iter()
            .filter_map(|(f, c, w)| f.map(|f| (f, c, w)))
        {
            for piece in pieces(w, flux.iter().map(|f| Some(f64::from(*f))), &y_range) {
                chart.draw_series(LineSeries::new(piece, colour.stroke_width(width)))?;
            }
        }
        let at = (
            x_range.end - 0.01 * (x_range.end - x_range.start),
            y_range.end - 0.10 * height,
        );
        let right = plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Top,
        );
        chart.draw_series([Text::new(p.title.clone(), at, text(20, INK).pos(right))])?;
        Ok(())
    }
}

/// Runs of masked pixels, first and last.
fn gaps(good: &[bool]) -> Vec<(usize, usize)> {
    let bad: Vec<usize> = (0..good.len()).filter(|i| !good[*i]).collect();
    bad.chunk_by(|a, b| b - a == 1)
        .map(|run| (run[0], run[run.len() - 1]))
        .collect()
}

/// All of truth and restoration, with room for labels; of the observation as much of its noise as
/// does not dwarf them.
fn flux_range(p: &Panel) -> Range<f64> {
    let curves = [Some(&p.restored), p.truth.as_ref()];
    let values = || {
        curves
            .into_iter()
            .flatten()
            .flatten()
            .map(|f| f64::from(*f))
            .filter(|f| f.is_finite())
    };
    let top = values().fold(0.0, f64::max);
    let low = values().fold(0.0, f64::min);
    let seen: Vec<f64> = p
        .observed
        .iter()
        .zip(&p.good)
        .filter(|(_, g)| **g)
        .map(|(f, _)| f64::from(*f))
        .collect();
    let centre = median(seen.iter().copied());
    let scatter = 1.4826 * median(seen.iter().map(|f| (f - centre).abs()));
    let scatter = if scatter.is_finite() { scatter } else { 0.0 };
    let reach = (centre + 2.5 * scatter).min(1.6 * top);
    let high = if top > 0.0 { top.max(reach) } else { 1.0 };
    let floor = (centre - 2.5 * scatter).max(-0.4 * high).min(0.0).min(low);
    let floor = if floor.is_finite() { floor } else { 0.0 };
    floor..high * 1.22
}
