//! Several evaluations of one survey, trained with other seeds, as one table: means and scatter over the
//! seeds, and the bars that the run is held to.

use super::seeds_bars::bars;
use crate::evaluate::cells::{number, piped};
use crate::evaluate::methods_table::{Column, columns, continuum_columns, fixed, joined};
use crate::evaluate::table::CONTINUUM;
use crate::evaluate::{Evaluation, Method};

/// Mean and standard deviation of a value over the evaluations that have it; NaN without any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OverSeeds {
    pub mean: f64,
    pub scatter: f64,
}

impl OverSeeds {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        let n = values.len() as f64;
        Self {
            mean: values.iter().sum::<f64>() / n,
            scatter: crate::base::statistics::standard_deviation(values.into_iter()),
        }
    }
}

/// The part of the report on these evaluations; `None` unless all of them have methods.
pub(super) fn over_seeds(evaluations: &[Evaluation]) -> Option<String> {
    if evaluations.is_empty() || evaluations.iter().any(|e| e.methods.is_empty()) {
        return None;
    }
    let names: Vec<&str> = evaluations.iter().map(|e| e.run.as_str()).collect();
    let mut out = format!(
        "# Study: what the methods reach on one survey\n\n{INTRODUCTION}\n\nEvaluations: {} ({} held-out spectra in \
         the first). Numbers are means over them, ± the standard deviation from one to the next.\n\n{}\n",
        names.join(", "),
        evaluations[0].spectra,
        piped(&table(evaluations, &columns()))
    );
    if evaluations[0].rows.iter().any(|r| !r.continuum.is_empty()) {
        out += &format!(
            "{CONTINUUM}\n\n{}\n",
            piped(&table(evaluations, &continuum_columns()))
        );
    }
    let found = bars(evaluations);
    if !found.is_empty() {
        let head = ["bar", "value", "at most", ""].map(String::from).to_vec();
        let row = |b: &crate::evaluate::Bar| {
            let mark = if b.met { "met" } else { "**not met**" };
            vec![
                b.text.clone(),
                number(b.value),
                number(b.limit),
                mark.to_owned(),
            ]
        };
        let rows = std::iter::once(head).chain(found.iter().map(row));
        out += &piped(&rows.collect::<Vec<_>>());
    }
    for (note, k) in notes(evaluations) {
        out += &format!("\n{note} ({k}).\n");
    }
    Some(out)
}

const INTRODUCTION: &str = "Peers learn from the observations alone, as selfsi does. The control has the run's network and what nobody has: \
clean spectra with observations of them. Oracles know the true mean and covariance; DPS has clean data and the \
gradient of F. CRPS and coverage are those of each method's own draws; a method without draws has none. Processor \
seconds are those of the training; of the others than selfsi, with all that is restored here.";

/// Notes of each evaluation with its name.
fn notes(evaluations: &[Evaluation]) -> impl Iterator<Item = (&str, &str)> {
    evaluations
        .iter()
        .flat_map(|e| e.notes.iter().map(|n| (n.as_str(), e.run.as_str())))
}

/// The method called `name` in `e`.
pub(super) fn method<'a>(e: &'a Evaluation, name: &str) -> Option<&'a Method> {
    e.methods.iter().find(|m| m.name == name)
}

fn table(evaluations: &[Evaluation], columns: &[Column]) -> Vec<Vec<String>> {
    let head = columns.iter().map(|c| c.head.clone());
    let head = std::iter::once("method".to_owned()).chain(head).collect();
    let row = |m: &Method| {
        let cells = columns.iter().map(|c| {
            joined(c.values.iter().map(|value| {
                let of = |e| method(e, &m.name).map_or(f64::NAN, |m| value(e, m));
                let found = OverSeeds::of(evaluations.iter().map(of));
                let mean = fixed(found.mean, c.digits);
                if found.scatter.is_finite() {
                    format!("{mean} ± {}", fixed(found.scatter, c.digits))
                } else {
                    mean
                }
            }))
        });
        std::iter::once(m.name.clone()).chain(cells).collect()
    };
    // A method that the first lacks may be in a later one.
    let mut named: Vec<&Method> = Vec::new();
    for m in evaluations.iter().flat_map(|e| &e.methods) {
        if named.iter().all(|n| n.name != m.name) {
            named.push(m);
        }
    }
    std::iter::once(head)
        .chain(named.into_iter().map(row))
        .collect()
}
