//! What the study asks of a restoration, in each of the source's two regimes.

use super::result::{Bar, Kind, Regime, Row};

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
            bars.extend(DISTANCES.map(|(what, of)| {
                Bar {
                    text: format!("{}: {what} over the best smoothing's", row.name),
                    value: of(row),
                    limit: DISTANCE,
                    met: of(row) <= DISTANCE,
                    oracle_draw: rows
                        .iter()
                        .find(|r| r.kind == Kind::OracleDraw)
                        .map_or(f64::NAN, of),
                }
            }));
        }
    }
    bars
}

type Ratio = fn(&Row) -> f64;

/// The population distances, each over the best smoothing's.
const DISTANCES: [(&str, Ratio); 3] = [
    ("population distance", |r| r.distance_over_smoothing),
    ("small-scale population distance", |r| {
        r.local_distance_over_smoothing
    }),
    ("distance of power spectra", |r| {
        r.power_distance_over_smoothing
    }),
];

/// The bars on the error of `row`, if any apply.
fn error_bars(regime: Regime, row: &Row, rows: &[Row]) -> Vec<Bar> {
    let (bases, limit): (fn(Kind) -> bool, f64) = match (regime, row.kind) {
        (Regime::LowResolution, Kind::Ode) => (Kind::is_user_baseline, ODE_OVER_ORACLE),
        (Regime::LowSnr, Kind::Mean) => (|k| k == Kind::Smoothing, MEAN_OVER_ORACLE),
        _ => return Vec::new(),
    };
    let bar = |text: String, value: f64, limit: f64, met: bool| Bar {
        text,
        value,
        limit,
        met,
        oracle_draw: f64::NAN,
    };
    let below = rows.iter().filter(|r| bases(r.kind)).map(|base| {
        let text = format!("{}: RMSE below that of {}", row.name, base.name);
        bar(text, row.rmse, base.rmse, row.rmse < base.rmse)
    });
    let ratio = row.rmse_over_oracle;
    let oracle = bar(
        format!("{}: RMSE over the oracle's", row.name),
        ratio,
        limit,
        ratio <= limit,
    );
    below.chain([oracle]).collect()
}
