//! Stacked panels of curves that share the horizontal axis.

use super::canvas::{Drawn, INK, Picture, legend, pieces, text};
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use std::ops::Range;

const WIDTH: u32 = 1400;
const PANEL: u32 = 330;
const HEADER: u32 = 50;

/// One curve.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The curve's.
    pub colour: RGBColor,
    /// Joined in this order.
    pub points: Vec<(f64, f64)>,
}

/// One panel: its own axes.
#[derive(Debug, Clone)]
pub struct CurvePanel {
    /// Quantity and unit of the abscissa.
    pub x_name: String,
    /// Quantity and unit of the ordinate.
    pub y_name: String,
    /// Whether the abscissa is logarithmic.
    pub log_x: bool,
    /// Whether the ordinate is logarithmic.
    pub log_y: bool,
    /// The later ones are drawn on top.
    pub curves: Vec<Curve>,
}

/// Panels under a common legend, row by row; those with the same quantity on an axis share its range.
#[derive(Debug, Clone)]
pub struct Curves {
    /// Names and their colours.
    pub legend: Vec<(String, RGBColor)>,
    /// Panels side by side.
    pub columns: usize,
    /// Row by row.
    pub panels: Vec<CurvePanel>,
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        let rows = self.panels.len().div_ceil(self.columns.max(1));
        (WIDTH, HEADER + PANEL * rows.max(1) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let entries: Vec<(&str, RGBColor)> =
            self.legend.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        legend(root, (100, 16), &entries)?;
        let (_, body) = root.split_vertically(HEADER);
        let columns = self.columns.max(1);
        let width = WIDTH / columns as u32;
        for (i, panel) in self.panels.iter().enumerate() {
            let corner = (width * (i % columns) as u32, PANEL * (i / columns) as u32);
            let area = body.clone().shrink(corner, (width, PANEL));
            let (x, mut y) = (self.shared_x(panel), self.shared_y(panel, panel.log_y));
            // A logarithmic axis of less than a decade would have no labels.
            let log_y = panel.log_y && y.end > 10.0 * y.start;
            if panel.log_y && !log_y {
                y = self.shared_y(panel, false);
            }
            let mut chart = ChartBuilder::on(&area);
            chart
                .margin_left(6)
                .margin_right(30)
                .margin_top(10)
                .x_label_area_size(60)
                .y_label_area_size(100);
            match (panel.log_x, log_y) {
                (false, false) => panel.on(&mut chart.build_cartesian_2d(x, y.clone())?, &y)?,
                (false, true) => {
                    panel.on(&mut chart.build_cartesian_2d(x, y.clone().log_scale())?, &y)?
                }
                (true, false) => {
                    panel.on(&mut chart.build_cartesian_2d(x.log_scale(), y.clone())?, &y)?
                }
                (true, true) => panel.on(
                    &mut chart.build_cartesian_2d(x.log_scale(), y.clone().log_scale())?,
                    &y,
                )?,
            }
        }
        Ok(())
    }
}

impl Curves {
    /// Panels with the same horizontal quantity have the same horizontal range.
    fn shared_x(&self, panel: &CurvePanel) -> Range<f64> {
        let alike = self.panels.iter().filter(|p| p.x_name == panel.x_name);
        let curves: Vec<&Curve> = alike.flat_map(|p| &p.curves).collect();
        range(&curves, |p| p.0, panel.log_x, 0.0)
    }

    /// As [`Curves::shared_x`] for the vertical quantity.
    fn shared_y(&self, panel: &CurvePanel, log: bool) -> Range<f64> {
        let alike = self.panels.iter().filter(|p| p.y_name == panel.y_name);
        let curves: Vec<&Curve> = alike.flat_map(|p| &p.curves).collect();
        range(&curves, |p| p.1, log, 0.06)
    }
}

impl CurvePanel {
    fn on<DB, X, Y>(
        &self,
        chart: &mut ChartContext<'_, DB, Cartesian2d<X, Y>>,
        y: &Range<f64>,
    ) -> Drawn<DB>
    where
        DB: DrawingBackend,
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.08))
            .x_labels(10)
            .y_labels(6)
            .axis_style(INK)
            .label_style(text(18, INK))
            .axis_desc_style(text(20, INK))
            .x_label_formatter(&|v| short(*v))
            .y_label_formatter(&|v| short(*v))
            .x_desc(self.x_name.clone())
            .y_desc(self.y_name.clone())
            .draw()?;
        for curve in &self.curves {
            let x: Vec<f64> = curve.points.iter().map(|p| p.0).collect();
            let values = curve
                .points
                .iter()
                .map(|p| (!self.log_y || p.1 > 0.0).then_some(p.1));
            for piece in pieces(&x, values, y) {
                if let [point] = piece[..] {
                    chart.draw_series([Circle::new(point, 3, curve.colour.filled())])?;
                }
                chart.draw_series(LineSeries::new(piece, curve.colour.stroke_width(2)))?;
            }
        }
        Ok(())
    }
}

/// Range of one coordinate over `curves`, with `room` (a fraction) at either end.
fn range(curves: &[&Curve], of: fn(&(f64, f64)) -> f64, log: bool, room: f64) -> Range<f64> {
    let values = curves.iter().flat_map(|c| &c.points).map(of);
    let values = values.filter(|v| v.is_finite() && (!log || *v > 0.0));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    if low > high {
        return 1.0..10.0;
    }
    if log {
        let factor = (high / low).powf(room).max(1.0 + 1e-9);
        return low / factor..high * factor;
    }
    let pad = (room * (high - low)).max(1e-9 * high.abs().max(1e-9));
    low - pad..high + pad
}

/// A tick label without needless zeros.
pub(super) fn short(v: f64) -> String {
    match v.abs() {
        0.0 => "0".to_owned(),
        a if !(1e-3..1e5).contains(&a) => format!("{v:.0e}"),
        a if a >= 100.0 => format!("{v:.0}"),
        _ => {
            let text = format!("{v:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}
