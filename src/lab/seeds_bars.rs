//! The bars of a run against its peers and the control, on means over evaluations.

use crate::evaluate::{Bar, Calibration, Evaluation, LEVELS, Method, PixelCalibration, Role, Row};

/// RMSE of the estimates and CRPS of the draws: over the best peer's, over the control's.
const RMSE: [f64; 2] = [0.99, 1.01];
const CRPS: [f64; 2] = [0.94, 1.05];
/// Distances of one draw to the clean population: whole spectra, small scales, power spectra.
const DISTANCES: [(&str, f64); 3] = [
    ("whole spectra", 0.02),
    ("small scales", 0.09),
    ("power", 0.25),
];
/// Coverage off what is due, in per cent; spread over error off 1.
const COVERAGE: f64 = 2.0;
const SPREAD: f64 = 0.05;
/// Median pull of any quantity of a line, and its scatter off 1.
const PULL: f64 = 0.15;
const SCATTER: f64 = 0.1;

/// A number of a method in one evaluation.
type Get<'a> = &'a dyn Fn(&Evaluation, &Method) -> Option<f64>;

/// Those that the first run of the evaluations can be held to.
pub(super) fn bars(evaluations: &[Evaluation]) -> Vec<Bar> {
    let all = Means(evaluations);
    let Some(own) = all.names(Role::Run).into_iter().next() else {
        return Vec::new();
    };
    let mut bars = Vec::new();
    let rmse = |e: &Evaluation, m: &Method| row(e, m.estimate.as_ref()).map(|r| r.rmse);
    let crps = |e: &Evaluation, m: &Method| pixels(e, m, "all pixels").map(|p| p.crps.value);
    for (what, get, limits) in [("RMSE", &rmse as Get, RMSE), ("CRPS", &crps, CRPS)] {
        let Some(value) = all.of(&own, get) else {
            continue;
        };
        for (role, limit) in [Role::Peer, Role::Control].into_iter().zip(limits) {
            let others = all.names(role).into_iter();
            let found = others.filter_map(|name| Some((all.of(&name, get)?, name)));
            if let Some((best, name)) = found.min_by(|a, b| a.0.total_cmp(&b.0)) {
                bars.push(bar(
                    format!("{what} over that of {name}"),
                    value / best,
                    limit,
                ));
            }
        }
    }
    for (k, (what, limit)) in DISTANCES.into_iter().enumerate() {
        let distance = |e: &Evaluation, m: &Method| {
            row(e, m.draw.as_ref()).map(|r| [r.whole, r.local, r.power][k].value)
        };
        let Some(value) = all.of(&own, &distance) else {
            continue;
        };
        bars.push(bar(format!("one draw's distance, {what}"), value, limit));
        let peers = all.names(Role::Peer).into_iter();
        let found = peers.filter_map(|name| Some((all.of(&name, &distance)?, name)));
        if let Some((best, name)) = found.min_by(|a, b| a.0.total_cmp(&b.0)) {
            let text = format!("one draw's distance, {what}, against that of {name}");
            bars.push(bar(text, value, best));
        }
    }
    for part in ["forest", "red side"] {
        for (k, level) in LEVELS.into_iter().enumerate() {
            let found = |e: &Evaluation, m: &Method| {
                pixels(e, m, part).map(|p| 100.0 * p.coverage[k].found.value)
            };
            if let Some(value) = all.of(&own, &found) {
                let due = 100.0 * level;
                let text = format!("{part}: per cent off {due:.0} inside {due:.0} %");
                bars.push(bar(text, (value - due).abs(), COVERAGE));
            }
        }
        let spread = |e: &Evaluation, m: &Method| pixels(e, m, part).map(|p| p.spread_over_error);
        if let Some(value) = all.of(&own, &spread) {
            bars.push(bar(
                format!("{part}: spread over error off 1"),
                (value - 1.0).abs(),
                SPREAD,
            ));
        }
    }
    bars.extend(pulls(&all, &own));
    bars
}

/// Of the measured lines.
fn pulls(all: &Means, own: &str) -> Vec<Bar> {
    let names = |e: &Evaluation| -> Option<Vec<(String, String)>> {
        let m = e.methods.iter().find(|m| m.name == own)?;
        let lines = &calibration(e, m)?.lines;
        Some(
            lines
                .iter()
                .map(|l| (l.line.clone(), l.quantity.clone()))
                .collect(),
        )
    };
    let named = all.0.first().and_then(names).unwrap_or_default();
    let mut bars = Vec::new();
    for (line, quantity) in named {
        let of = |get: fn(&crate::evaluate::LineCalibration) -> f64| {
            all.of(own, &|e: &Evaluation, m: &Method| {
                let lines = calibration(e, m)?.lines.iter();
                let mut found = lines.filter(|l| l.line == line && l.quantity == quantity);
                found.next().map(get)
            })
        };
        if let (Some(median), Some(scatter)) = (of(|l| l.pull), of(|l| l.scatter)) {
            let text = format!("{line}, {quantity}: |median pull|");
            bars.push(bar(text, median.abs(), PULL));
            let text = format!("{line}, {quantity}: scatter of pulls off 1");
            bars.push(bar(text, (scatter - 1.0).abs(), SCATTER));
        }
    }
    bars
}

/// Means over evaluations.
struct Means<'a>(&'a [Evaluation]);

impl Means<'_> {
    /// Over those that have it; `None` if none has.
    fn of(&self, name: &str, get: Get) -> Option<f64> {
        let one = |e: &Evaluation| {
            let m = e.methods.iter().find(|m| m.name == name)?;
            get(e, m).filter(|v| v.is_finite())
        };
        let values: Vec<f64> = self.0.iter().filter_map(one).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Of the methods of a role, each once.
    fn names(&self, role: Role) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for m in self
            .0
            .iter()
            .flat_map(|e| &e.methods)
            .filter(|m| m.role == role)
        {
            if !names.contains(&m.name) {
                names.push(m.name.clone());
            }
        }
        names
    }
}

fn row<'a>(e: &'a Evaluation, name: Option<&String>) -> Option<&'a Row> {
    e.rows.iter().find(|r| Some(&r.name) == name)
}

fn calibration<'a>(e: &'a Evaluation, m: &Method) -> Option<&'a Calibration> {
    e.calibration
        .iter()
        .find(|c| Some(&c.name) == m.calibration.as_ref())
}

fn pixels<'a>(e: &'a Evaluation, m: &Method, part: &str) -> Option<&'a PixelCalibration> {
    calibration(e, m)?.pixels.iter().find(|p| p.part == part)
}

fn bar(text: String, value: f64, limit: f64) -> Bar {
    Bar {
        text,
        value,
        limit,
        met: value <= limit,
        error: f64::NAN,
        oracle_draw: f64::NAN,
        attainable: f64::NAN,
    }
}
