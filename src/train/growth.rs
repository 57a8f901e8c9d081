//! How fine the path of Φ is at a step.

use crate::config::TrainConfig;
use crate::transport::Transport;

/// Φ of the batch that is made for `step`: `full`, or a coarser path where `train.growth` says so.
pub(super) fn path(t: &TrainConfig, full: &Transport, step: u64) -> Transport {
    let Some(growth) = &t.growth else {
        return full.clone();
    };
    let span = growth.until * (t.steps - t.warm_start) as f64;
    let done = ((step - t.warm_start) as f64 / span).min(1.0);
    let (from, to) = (growth.from as f64, full.steps() as f64);
    full.with_steps((from + (to - from) * done).round() as usize)
}
