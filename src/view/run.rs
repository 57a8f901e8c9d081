//! The second tab: what the files of a run folder tell of its training and its evaluation.

use super::content::name_of;
use crate::base::regular;
use crate::evaluate::Evaluation;
use crate::evaluate::images::ImageEvaluation;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;

/// Points of a curve, at most.
const POINTS: usize = 2000;

/// The curves of metrics.jsonl: a name, where the value is in a line and where its error, and the unit of
/// the axis (`log`: logarithmic).
const CURVES: [(&str, &[&str], &[&str], bool); 6] = [
    ("loss", &["loss"], &[], true),
    ("learning rate", &["lr"], &[], false),
    ("validation score", &["validation", "score"], &[], true),
    (
        "drift between validations",
        &["validation", "drift"],
        &[],
        true,
    ),
    (
        "KL of F(x̂) to y, nearest neighbours",
        &["validation", "proxies", "knn", "value"],
        &["validation", "proxies", "knn", "error"],
        false,
    ),
    (
        "KL of F(x̂) to y, Gaussian",
        &["validation", "proxies", "gaussian", "value"],
        &["validation", "proxies", "gaussian", "error"],
        false,
    ),
];

/// A curve over the training steps.
#[derive(Serialize)]
struct Curve {
    name: &'static str,
    log: bool,
    /// Step, value and error of each point.
    points: Vec<(f64, f64, Option<f64>)>,
}

/// What the run in `folder` tells; `images`: restores images. An evaluation that cannot be read is left
/// out, with a warning.
///
/// # Errors
/// [`Error::Run`] if its config or its metrics cannot be read.
pub(super) fn tab(folder: &Path, images: bool) -> Result<Value> {
    let text = |name: &str| {
        let path = folder.join(name);
        regular::read_to_string(&path)
            .map_err(|e| Error::run(&path, e, "give a run folder that selfsi train wrote"))
    };
    let evaluation = if images {
        evaluation::<ImageEvaluation>(folder)
    } else {
        evaluation::<Evaluation>(folder)
    };
    Ok(json!({
        "folder": name_of(&folder.canonicalize().unwrap_or_else(|_| folder.into())),
        "config": text("config.toml")?,
        "curves": curves(&text("metrics.jsonl")?),
        "evaluation": evaluation,
    }))
}

fn curves(metrics: &str) -> Vec<Curve> {
    // The last line may be cut short while the run is writing it.
    let lines: Vec<Value> = metrics
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let number = |line: &Value, keys: &[&str]| {
        let found = keys.iter().try_fold(line, |v, k| v.get(k));
        found?.as_f64().filter(|_| !keys.is_empty())
    };
    let curve = |(name, value, error, log): (&'static str, &[&str], &[&str], bool)| {
        let points: Vec<_> = lines
            .iter()
            .filter_map(|l| Some((number(l, &["step"])?, number(l, value)?, number(l, error))))
            .collect();
        let every = points.len().div_ceil(POINTS).max(1);
        let last = points.len().saturating_sub(1);
        let kept = points.into_iter().enumerate();
        let kept = kept.filter(|(i, _)| i % every == 0 || *i == last);
        Curve {
            name,
            log,
            points: kept.map(|(_, p)| p).collect(),
        }
    };
    let all = CURVES.into_iter().map(curve);
    all.filter(|c| !c.points.is_empty()).collect()
}

/// evaluation.json of the folder, if there is one of this kind.
fn evaluation<E: DeserializeOwned + Serialize>(folder: &Path) -> Option<Value> {
    let path = folder.join("evaluation.json");
    let read = match regular::read_to_string(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return None,
        Err(e) => Err(e.to_string()),
        Ok(text) => serde_json::from_str::<E>(&text)
            .and_then(|e| serde_json::to_value(e))
            .map_err(|e| e.to_string()),
    };
    match read {
        Ok(value) => Some(value),
        Err(e) => {
            let path = path.display();
            log::warn!(
                "{path}: {e}; the page goes without it; make it again: selfsi evaluate RUN --truth FILE"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{POINTS, curves};

    #[test]
    fn long_curves_are_thinned_and_keep_their_last_point() {
        let line = |i: usize| format!("{{\"step\":{i},\"loss\":{}}}\n", 1.0 / (i + 1) as f64);
        let text: String = (0..5001).map(line).collect();
        let curves = curves(&(text + "{\"step\":9999,\"lo"));
        assert_eq!(curves.len(), 1);
        let points = &curves[0].points;
        assert!(points.len() <= POINTS + 1);
        assert_eq!(points.last().unwrap().0, 5000.0);
        assert_eq!(points[1], (3.0, 0.25, None));
    }

    #[test]
    fn validations_have_their_errors() {
        let text = r#"{"step":50,"validation":{"score":0.1,"proxies":{"knn":{"value":0.2,"floor":0,"error":0.01}}}}"#;
        let curves = curves(text);
        let names: Vec<_> = curves.iter().map(|c| c.name).collect();
        assert_eq!(
            names,
            ["validation score", "KL of F(x̂) to y, nearest neighbours"]
        );
        assert_eq!(curves[1].points, [(50.0, 0.2, Some(0.01))]);
    }
}
