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
    let mut out = String::new();
    let widths: Vec<usize> = (0..head.len())
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
    let _ = write!(
        out,
        "\n{} observations, {} steps, seed {}. Scores against clean points that nothing was learned \
         from; the row `clean` is another sample of the same distribution: the least that finite \
         samples score. KL(truth ‖ points) in nats, by fifth neighbours. Spacing: distance to the fifth \
         neighbour; width: half-width of the arms or blobs; both divided by the truth's, and well below \
         1 where a distribution has collapsed.\n",
        plan.samples, plan.steps, plan.seed
    );
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
