//! What the study asks of a restoration, in each of the source's two regimes.

use super::study::{Bar, Kind, Regime, Row};

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
    let mut bar = |text: String, value: f64, limit: f64| {
        bars.push(Bar {
            text,
            value,
            limit,
            met: value <= limit,
        })
    };
    for row in rows {
        match (regime, row.kind) {
            (Regime::LowResolution, Kind::Ode) => {
                for base in rows.iter().filter(|r| r.kind.is_user_baseline()) {
                    bar(
                        format!("{}: RMSE below that of {}", row.name, base.name),
                        row.rmse,
                        base.rmse,
                    );
                }
                bar(
                    format!("{}: RMSE over the oracle's", row.name),
                    row.rmse_over_oracle,
                    ODE_OVER_ORACLE,
                );
            }
            (Regime::LowSnr, Kind::Mean) => {
                for base in rows.iter().filter(|r| r.kind == Kind::Smoothing) {
                    bar(
                        format!("{}: RMSE below that of {}", row.name, base.name),
                        row.rmse,
                        base.rmse,
                    );
                }
                bar(
                    format!("{}: RMSE over the oracle's", row.name),
                    row.rmse_over_oracle,
                    MEAN_OVER_ORACLE,
                );
            }
            _ => {}
        }
        if row.kind.is_single() {
            bar(
                format!(
                    "{}: population distance over the best smoothing's",
                    row.name
                ),
                row.distance_over_smoothing,
                DISTANCE,
            );
            bar(
                format!(
                    "{}: distance of power spectra over the best smoothing's",
                    row.name
                ),
                row.power_distance_over_smoothing,
                DISTANCE,
            );
        }
    }
    bars
}
