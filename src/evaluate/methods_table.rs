//! The methods side by side: one row of numbers for each.

use super::calibration::{Calibration, PixelCalibration};
use super::cells::number;
use super::continuum::{ContinuumErrors, WINDOWS};
use super::methods::Method;
use super::result::{Distance, Evaluation, Row};

/// One number of a method in an evaluation; NaN where the method has none.
type Value = Box<dyn Fn(&Evaluation, &Method) -> f64>;

/// A column: its head, the numbers of a cell, and by what they are multiplied and rounded to.
pub(crate) struct Column {
    pub head: String,
    pub values: Vec<Value>,
    /// Digits behind the point; significant ones where `None`.
    pub digits: Option<usize>,
}

/// The columns, in order.
#[must_use]
pub(crate) fn columns() -> Vec<Column> {
    let mut columns = vec![
        column(
            "RMSE: all, forest, red side",
            vec![
                estimate(|r| r.rmse),
                estimate(|r| r.rmse_forest),
                estimate(|r| r.rmse_red),
            ],
            Some(3),
        ),
        column(
            "CRPS: all, forest, red side",
            ["all pixels", "forest", "red side"]
                .map(|part| calibrated(part, |p| p.crps.value))
                .into(),
            Some(3),
        ),
    ];
    for part in ["forest", "red side"] {
        let inside = (0..4).map(|k| calibrated(part, move |p| 100.0 * p.coverage[k].found.value));
        columns.push(column(
            &format!("{part}: inside 50, 68, 90, 95 %"),
            inside.collect(),
            Some(1),
        ));
    }
    columns.push(column(
        "spread / error: forest, red side",
        ["forest", "red side"]
            .map(|part| calibrated(part, |p| p.spread_over_error))
            .into(),
        Some(2),
    ));
    columns.push(column(
        "one draw's distance: whole, small scales, power",
        vec![drawn(|r| r.whole), drawn(|r| r.local), drawn(|r| r.power)],
        Some(3),
    ));
    columns.push(column(
        "CPU s",
        vec![Box::new(|_, m: &Method| m.cpu_s)],
        Some(0),
    ));
    columns
}

/// The columns of the errors relative to the unabsorbed continuum.
#[must_use]
pub(crate) fn continuum_columns() -> Vec<Column> {
    let one = |k: usize, (from, to): (f64, f64)| {
        let percentiles: [fn(&ContinuumErrors) -> f64; 3] = [|c| c.median, |c| c.p68, |c| c.p95];
        let values = percentiles
            .map(|of| estimate(move |r| r.continuum.get(k).map_or(f64::NAN, |c| 100.0 * of(c))));
        column(
            &format!("{from:.0}–{to:.0} Å: median, 68 %, 95 %"),
            values.into(),
            Some(1),
        )
    };
    let windows = WINDOWS.into_iter().enumerate();
    windows.map(|(k, window)| one(k, window)).collect()
}

fn column(head: &str, values: Vec<Value>, digits: Option<usize>) -> Column {
    Column {
        head: head.to_owned(),
        values,
        digits,
    }
}

/// The row called `name`.
fn row<'a>(e: &'a Evaluation, name: Option<&String>) -> Option<&'a Row> {
    e.rows.iter().find(|r| Some(&r.name) == name)
}

fn estimate(of: impl Fn(&Row) -> f64 + 'static) -> Value {
    Box::new(move |e, m| row(e, m.estimate.as_ref()).map_or(f64::NAN, &of))
}

fn drawn(of: impl Fn(&Row) -> Distance + 'static) -> Value {
    Box::new(move |e, m| row(e, m.draw.as_ref()).map_or(f64::NAN, |r| of(r).value))
}

fn calibrated(part: &'static str, of: impl Fn(&PixelCalibration) -> f64 + 'static) -> Value {
    Box::new(move |e, m| {
        let of_it = |c: &&Calibration| Some(&c.name) == m.calibration.as_ref();
        let pixels = e.calibration.iter().find(of_it).map(|c| c.pixels.iter());
        let part = pixels.and_then(|mut p| p.find(|p| p.part == part));
        part.map_or(f64::NAN, &of)
    })
}

/// The methods of one evaluation, in these columns; none without methods.
pub(super) fn table(e: &Evaluation, columns: &[Column]) -> Vec<Vec<String>> {
    let head = columns.iter().map(|c| c.head.clone());
    let head = std::iter::once("method".to_owned()).chain(head).collect();
    let row = |m: &Method| {
        let cells = columns.iter().map(|c| {
            let of = |value: &Value| fixed(value(e, m), c.digits);
            joined(c.values.iter().map(of))
        });
        std::iter::once(m.name.clone()).chain(cells).collect()
    };
    std::iter::once(head)
        .chain(e.methods.iter().map(row))
        .collect()
}

/// A number with so many digits behind the point; a dash where there is none.
#[must_use]
pub(crate) fn fixed(value: f64, digits: Option<usize>) -> String {
    match digits {
        Some(digits) if value.is_finite() => format!("{value:.digits$}"),
        _ => number(value),
    }
}

/// The parts of a cell; one dash where there is nothing but dashes.
#[must_use]
pub(crate) fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.iter().all(|p| p == "–") {
        return "–".to_owned();
    }
    parts.join(", ")
}
