//! The scores as a table.

use super::study::{Scores, Study};
use std::fmt::Write;

/// One row for each cloud, in Markdown; readable on a terminal as it is.
#[must_use]
pub fn markdown(study: &Study) -> String {
    let head = [
        "shape",
        "σ",
        "points",
        "sliced W2",
        "MMD² · 1000",
        "KL",
        "spacing",
        "width",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for case in &study.cases {
        for cloud in &case.clouds {
            let first = [
                case.shape.name().to_owned(),
                case.sigma.to_string(),
                cloud.name.clone(),
            ];
            rows.push(first.into_iter().chain(numbers(&cloud.scores)).collect());
        }
    }
    let plan = &study.plan;
    let mut out = aligned(&rows);
    let _ = write!(
        out,
        "\n{} observations, {} steps, seed {}. Scores against clean points that nothing was learned \
         from; the row `clean` is another sample of the same distribution: the least that finite \
         samples score. KL(truth ‖ points) in nats, by fifth neighbours. Spacing: distance to the fifth \
         neighbour; width: half-width of the arms or blobs; both divided by the truth's, and well below \
         1 where a distribution has collapsed.\n",
        plan.samples, plan.steps, plan.seed
    );
    let calibrations = calibrations(study);
    if calibrations.len() > 1 {
        let _ = write!(
            out,
            "\n{}\nDraws for single observations that nothing was learned from: how often a coordinate of \
             the truth lies within 50, 68, 90 and 95 % of them, their scatter over the error of their \
             mean, and their energy score. Exact: the posterior by importance sampling.\n",
            aligned(&calibrations)
        );
    }
    out
}

/// One row for each set of draws, below a head.
fn calibrations(study: &Study) -> Vec<Vec<String>> {
    let head = [
        "shape", "σ", "draws", "50", "68", "90", "95", "spread", "energy",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for case in &study.cases {
        let exact = ("exact", case.exact.as_ref());
        let arms = case
            .clouds
            .iter()
            .map(|c| (c.name.as_str(), c.calibration.as_ref()));
        for (name, calibration) in std::iter::once(exact).chain(arms) {
            let Some(c) = calibration else {
                continue;
            };
            let first = [
                case.shape.name().to_owned(),
                case.sigma.to_string(),
                name.to_owned(),
            ];
            let coverage = c.coverage.map(|part| format!("{:.1}", 100.0 * part));
            let rest = [format!("{:.2}", c.spread), format!("{:.3}", c.energy)];
            rows.push(first.into_iter().chain(coverage).chain(rest).collect());
        }
    }
    rows
}

/// A table in Markdown of a head and rows of as many cells.
fn aligned(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(|j| rows.iter().map(|r| r[j].chars().count()).max().unwrap_or(0))
        .collect();
    for (i, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}"));
        let _ = writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if i == 0 {
            let rule = widths.iter().map(|w| "-".repeat(*w));
            let _ = writeln!(out, "| {} |", rule.collect::<Vec<_>>().join(" | "));
        }
    }
    out
}

fn numbers(s: &Scores) -> [String; 5] {
    let width = s.width.map_or("–".to_owned(), |w| format!("{w:.2}"));
    [
        format!("{:.3}", s.sliced),
        format!("{:.2}", s.mmd2 * 1e3),
        format!("{:.3}", s.divergence),
        format!("{:.2}", s.spacing),
        width,
    ]
}
