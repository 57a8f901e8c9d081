//! The study's result for people: plain text for the terminal, Markdown for files.

use super::result::{Evaluation, Regime, Row};

/// Columns of the main table.
const HEADER: [&str; 12] = [
    "",
    "RMSE",
    "forest",
    "red side",
    "/ oracle",
    "distance",
    "/ smoothing",
    "small-scale",
    "/ smoothing",
    "power",
    "/ smoothing",
    "scatter forest, red",
];

impl Regime {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LowSnr => "low S/N",
            Self::LowResolution => "low resolution",
            Self::Other => "neither low S/N nor low resolution",
        }
    }
}

/// Everything as plain text, aligned.
#[must_use]
pub fn text(e: &Evaluation) -> String {
    let mut out = format!(
        "{}\n\n{}\n{}\n",
        summary(e),
        aligned(&main_table(e)),
        aligned(&line_table(e))
    );
    for bar in &e.bars {
        let mark = if bar.met { "met    " } else { "NOT met" };
        out += &format!(
            "{mark}  {}: {} (at most {}",
            bar.text,
            number(bar.value),
            number(bar.limit)
        );
        if bar.oracle_draw.is_finite() {
            out += &format!("; the oracle's draw: {}", number(bar.oracle_draw));
        }
        out += ")\n";
    }
    out
}

/// Everything as Markdown, under a heading.
#[must_use]
pub fn markdown(e: &Evaluation) -> String {
    let mut out = format!(
        "{}\n\n{}\n{}\n",
        summary(e),
        piped(&main_table(e)),
        piped(&line_table(e))
    );
    if !e.bars.is_empty() {
        let mut bars = vec![
            ["bar", "value", "at most", "oracle's draw", ""]
                .map(String::from)
                .to_vec(),
        ];
        for b in &e.bars {
            let mark = if b.met { "met" } else { "**not met**" };
            bars.push(vec![
                b.text.clone(),
                number(b.value),
                number(b.limit),
                number(b.oracle_draw),
                mark.to_owned(),
            ]);
        }
        out += &piped(&bars);
    }
    out
}

fn summary(e: &Evaluation) -> String {
    format!(
        "{}: {} held-out spectra ({}: median S/N {:.1} per pixel, smoothing σ = {:.1} px). Fluxes are in units of each \
         spectrum's level. Moments: learned from {} observations; the oracle's from {} clean spectra. Distances are sliced Wasserstein \
         distances to the true population, of whole spectra, of small-scale structure and of log power spectra; between two \
         halves of the truth they are {}, {}, {}.",
        e.run,
        e.spectra,
        e.regime.words(),
        e.snr,
        e.blur_pixels,
        e.learned_from,
        e.oracle_from,
        number(e.distance_floor),
        number(e.local_distance_floor),
        number(e.power_distance_floor)
    )
}

fn main_table(e: &Evaluation) -> Vec<Vec<String>> {
    let mut table = vec![HEADER.map(String::from).to_vec()];
    table.extend(e.rows.iter().map(|r| {
        vec![
            r.name.clone(),
            number(r.rmse),
            number(r.rmse_forest),
            number(r.rmse_red),
            format!("{:.3}", r.rmse_over_oracle),
            number(r.distance),
            format!("{:.2}", r.distance_over_smoothing),
            number(r.local_distance),
            format!("{:.2}", r.local_distance_over_smoothing),
            number(r.power_distance),
            format!("{:.2}", r.power_distance_over_smoothing),
            format!("{:.2}, {:.2}", r.scatter_forest, r.scatter_red),
        ]
    }));
    table
}

/// Median absolute errors of the lines: height (flux) and centroid (km/s).
fn line_table(e: &Evaluation) -> Vec<Vec<String>> {
    let mut header = vec!["median |error|: height, centroid (km/s)".to_owned()];
    if let Some(r) = e.rows.first() {
        header.extend(r.lines.iter().map(|l| {
            format!(
                "{} (height {}, n = {})",
                l.line,
                number(l.true_height),
                l.height.n
            )
        }));
    }
    let cells = |r: &Row| {
        let lines = r
            .lines
            .iter()
            .map(|l| format!("{}, {:.0}", number(l.height.absolute), l.centroid.absolute));
        [r.name.clone()].into_iter().chain(lines).collect()
    };
    [header]
        .into_iter()
        .chain(e.rows.iter().map(cells))
        .collect()
}

/// Three significant digits.
fn number(v: f64) -> String {
    if !v.is_finite() {
        return "–".to_owned();
    }
    let digits = 2 - v.abs().max(1e-12).log10().floor() as i32;
    format!("{v:.*}", digits.clamp(0, 6) as usize)
}

fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            table
                .iter()
                .map(|r| r[c].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |r: &Vec<String>| {
        let cells = r.iter().zip(&widths).enumerate().map(|(c, (cell, w))| {
            if c == 0 {
                format!("{cell:<w$}")
            } else {
                format!("{cell:>w$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    table.iter().map(line).collect()
}

fn piped(table: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (i, row) in table.iter().enumerate() {
        out += &format!("| {} |\n", row.join(" | "));
        if i == 0 {
            out += &format!("|---|{}\n", "--:|".repeat(row.len() - 1));
        }
    }
    out
}
