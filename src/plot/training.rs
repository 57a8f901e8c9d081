//! Loss, validation score and learning rate of a run.

use super::canvas::{DRAW, RESTORED, TRUTH};
use super::curves::{Curve, CurvePanel, Curves};
use crate::base::regular;
use crate::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// The curves in `metrics.jsonl` of the run folder `run`.
///
/// # Errors
/// [`Error::Run`] if there is no such file, or nothing in it.
pub fn training_curves(run: &Path) -> Result<Curves> {
    let path = run.join("metrics.jsonl");
    let fix = "give a run folder that selfsi train wrote";
    let text = regular::read_to_string(&path).map_err(|e| Error::run(&path, e, fix))?;
    // The last line may be cut short while the run is writing it.
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let curve = |keys: &[&str], colour| Curve {
        colour,
        points: lines
            .iter()
            .filter_map(|l| {
                let value = keys.iter().try_fold(l, |v, k| v.get(k))?.as_f64()?;
                Some((l.get("step")?.as_f64()?, value))
            })
            .collect(),
    };
    let panel = |y_name: &str, log_y, curves| CurvePanel {
        x_name: "training step".to_owned(),
        y_name: y_name.to_owned(),
        log_x: false,
        log_y,
        curves,
    };
    let loss = curve(&["loss"], RESTORED);
    if loss.points.is_empty() {
        return Err(Error::run(
            &path,
            "no loss has been logged yet",
            "wait for the first steps",
        ));
    }
    Ok(Curves {
        legend: vec![
            ("training loss".to_owned(), RESTORED),
            ("validation score (no truth)".to_owned(), TRUTH),
            ("learning rate".to_owned(), DRAW),
        ],
        columns: 1,
        panels: vec![
            panel("loss", true, vec![loss]),
            panel("score", true, vec![curve(&["validation", "score"], TRUTH)]),
            panel("learning rate", false, vec![curve(&["lr"], DRAW)]),
        ],
    })
}
