//! What the study asks of a restoration, in each of the paper's two regimes.

use super::result::{Bar, Distance, Kind, Regime, Row};

/// Smoothing wider than this many pixels (σ) makes a survey one of low resolution.
const BLURRED: f64 = 10.0;
/// A median S/N per pixel below this makes it one of low S/N.
const NOISY: f64 = 5.0;
/// RMSE of the ODE restoration over the oracle's, low resolution.
const ODE_OVER_ORACLE: f64 = 1.02;
/// RMSE of the mean of SDE draws over the oracle's, low S/N.
const MEAN_OVER_ORACLE: f64 = 1.08;
/// Population distances of single restorations over the best smoothing's.
const DISTANCE: f64 = 1.0 / 3.0;

/// The regime of observations smoothed by `sigma_pixels` with a median S/N of `snr`.
#[must_use]
pub fn regime(sigma_pixels: f64, snr: f64) -> Regime {
    if sigma_pixels > BLURRED {
        Regime::LowResolution
    } else if snr < NOISY {
        Regime::LowSnr
    } else {
        Regime::Other
    }
}

/// The bars that apply to these rows.
#[must_use]
pub fn bars(regime: Regime, rows: &[Row]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for row in rows {
        bars.extend(error_bars(regime, row, rows));
        if row.kind.is_single() {
            bars.extend(DISTANCES.map(|(what, of)| distance_bar(row, rows, what, of)));
        }
    }
    bars
}

type Get = fn(&Row) -> Distance;

/// The population distances.
const DISTANCES: [(&str, Get); 3] = [
    ("population distance", |r| r.whole),
    ("small-scale population distance", |r| r.local),
    ("distance of power spectra", |r| r.power),
];

fn distance_bar(row: &Row, rows: &[Row], what: &str, of: Get) -> Bar {
    let ratio = |kind| of_kind(rows, kind, |r| of(r).over_smoothing);
    let Distance {
        value,
        error,
        over_smoothing,
    } = of(row);
    Bar {
        text: format!("{}: {what} over the best smoothing's", row.name),
        value: over_smoothing,
        limit: DISTANCE,
        met: over_smoothing <= DISTANCE,
        error: if value > 0.0 {
            error * over_smoothing / value
        } else {
            error / of_kind(rows, Kind::Smoothing, |r| of(r).value)
        },
        oracle_draw: ratio(Kind::OracleDraw),
        attainable: ratio(Kind::Passed),
    }
}

/// The bars on the error of `row`, if any apply.
fn error_bars(regime: Regime, row: &Row, rows: &[Row]) -> Vec<Bar> {
    let (bases, limit): (fn(Kind) -> bool, f64) = match (regime, row.kind) {
        (Regime::LowResolution, Kind::Ode) => (Kind::is_user_baseline, ODE_OVER_ORACLE),
        (Regime::LowSnr, Kind::Mean) => (|k| k == Kind::Smoothing, MEAN_OVER_ORACLE),
        _ => return Vec::new(),
    };
    let bar = |text: String, value: f64, limit: f64, met: bool, attainable: f64| Bar {
        text,
        value,
        limit,
        met,
        error: f64::NAN,
        oracle_draw: f64::NAN,
        attainable,
    };
    let passed = |of: fn(&Row) -> f64| of_kind(rows, Kind::OraclePassed, of);
    let below = rows.iter().filter(|r| bases(r.kind)).map(|base| {
        let text = format!("{}: lower RMSE than {}", row.name, base.name);
        let met = row.rmse < base.rmse;
        bar(text, row.rmse, base.rmse, met, passed(|r| r.rmse))
    });
    let ratio = row.rmse_over_oracle;
    // Without an oracle, there is nothing to ask.
    let oracle = (!ratio.is_nan()).then(|| {
        bar(
            format!("{}: RMSE over the oracle's", row.name),
            ratio,
            limit,
            ratio <= limit,
            passed(|r| r.rmse_over_oracle),
        )
    });
    below.chain(oracle).collect()
}

/// Of the first row of a kind; NaN if there is none.
pub(super) fn of_kind(rows: &[Row], kind: Kind, of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().find(|r| r.kind == kind).map_or(f64::NAN, of)
}
