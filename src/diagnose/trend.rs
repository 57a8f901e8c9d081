//! From a series of KL estimates to a verdict. The rules, which docs/guide/diagnose.md repeats:
//!
//! The excess is the estimate minus its floor; the noise is twice the newest one's standard error.
//! Where the mean of the last two excesses is below the noise, the run has converged.
//! Otherwise a line through ln(excess) over the later half of the validations, at least the last
//! three, gives the change over that stretch: a fall by more than a fifth contracts, a rise by
//! more than a quarter drifts, both only where the change exceeds the noise; else the run stalls.

use crate::train::Proxy;
use serde::Serialize;

/// Fewest validations for a verdict.
const FEWEST: usize = 3;
/// A change by this factor, or by its inverse, is one.
const CHANGE: f64 = 0.8;
/// Less than this, in nats, is nothing, however small the error.
const NOTHING: f64 = 1e-3;

/// What a series does, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At the floor.
    Converged,
    /// Falls, still above the floor.
    Contracts,
    /// Flat above the floor.
    Stalls,
    /// Rises.
    Drifts,
    /// Too few validations for any of these.
    TooFew,
}

/// The verdict on one series, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    /// What the estimates do, step after step.
    pub verdict: Verdict,
    /// The newest estimate above its floor, in nats.
    pub excess: f64,
    /// What is indistinguishable from 0.
    pub noise: f64,
    /// Change of ln(excess) per step over the stretch looked at; absent with too few validations
    /// and at the floor.
    pub rate: Option<f64>,
}

impl Trend {
    /// Of estimates with their steps, in order.
    #[must_use]
    pub fn of(series: &[(u64, Proxy)]) -> Self {
        let excess: Vec<f64> = series.iter().map(|(_, p)| p.value - p.floor).collect();
        let noise = series
            .last()
            .map_or(NOTHING, |(_, p)| (2.0 * p.error).max(NOTHING));
        let newest = &excess[excess.len().saturating_sub(2)..];
        let now = newest.iter().sum::<f64>() / newest.len().max(1) as f64;
        let trend = |verdict, rate| Self {
            verdict,
            excess: now,
            noise,
            rate,
        };
        if series.len() < FEWEST {
            return trend(Verdict::TooFew, None);
        }
        if now <= noise {
            return trend(Verdict::Converged, None);
        }
        let stretch = series.len() - (series.len() / 2).max(FEWEST)..series.len();
        let steps: Vec<f64> = stretch.clone().map(|i| series[i].0 as f64).collect();
        let logs: Vec<f64> = stretch.map(|i| excess[i].max(noise).ln()).collect();
        let (mean, rate) = line(&steps, &logs);
        let half = 0.5 * rate * (steps[steps.len() - 1] - steps[0]);
        let (begin, end) = ((mean - half).exp(), (mean + half).exp());
        let verdict = if (begin - end).abs() <= noise {
            Verdict::Stalls
        } else if end < CHANGE * begin {
            Verdict::Contracts
        } else if begin < CHANGE * end {
            Verdict::Drifts
        } else {
            Verdict::Stalls
        };
        trend(verdict, Some(rate))
    }

    /// Steps until the floor at the present rate.
    #[must_use]
    pub fn steps_left(&self) -> Option<f64> {
        let rate = self.rate.filter(|r| *r < 0.0)?;
        Some((self.noise / self.excess).ln() / rate)
    }
}

/// Mean of `y` and slope of the least-squares line through (x, y).
fn line(x: &[f64], y: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let variance: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
    (my, covariance / variance)
}
