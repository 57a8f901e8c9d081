//! The calibration of SDE draws for people: plain text for the terminal, Markdown for files.

use super::calibration::{Calibration, LEVELS, Mean, PixelCalibration};
use super::cells::{aligned, number, piped, with_error};
use super::result::{Evaluation, Kind};

/// Of every catalog of draws, as plain text; empty where there is none.
#[must_use]
pub fn text(e: &Evaluation) -> String {
    text_of(&e.calibration, &scores_of_others(e))
}

/// The same as Markdown, with the PIT histogram.
#[must_use]
pub fn markdown(e: &Evaluation) -> String {
    markdown_of(&e.calibration, &scores_of_others(e))
}

/// Of these catalogs of draws, as plain text; `more` is what else there is to say of their scores.
pub(super) fn text_of(all: &[Calibration], more: &str) -> String {
    all.iter().map(|c| section(c, more, "", aligned)).collect()
}

/// As [`text_of`], as Markdown with the PIT histogram.
pub(super) fn markdown_of(all: &[Calibration], more: &str) -> String {
    let sections = all.iter().map(|c| section(c, more, "\n### ", piped));
    sections.collect()
}

fn section(
    c: &Calibration,
    more: &str,
    heading: &str,
    table: fn(&[Vec<String>]) -> String,
) -> String {
    let mut out = format!("{heading}Calibration: {}\n\n", c.name);
    if c.pixels.is_empty() {
        out += "The catalog does not hold the draws: selfsi restore RUN --save-draws --out RUN/restored.fits, \
                then evaluate again, for coverage, PIT and CRPS.\n\n";
    } else {
        out += &format!(
            "{}\n\n{}\n",
            explained(c, more),
            table(&pixel_table(&c.pixels))
        );
        if !heading.is_empty() {
            out += &format!("{}\n", table(&pit_table(&c.pixels)));
        }
    }
    if !c.lines.is_empty() {
        out += &format!("{}\n", table(&line_table(c)));
    }
    out
}

fn explained(c: &Calibration, more: &str) -> String {
    let m = c.draws as f64;
    let resolved = (m - 1.0) / (m + 1.0);
    let mut out = format!(
        "The truth's rank among the {} draws of each pixel; ± from the scatter over objects. PIT χ² is per bin, 1 if \
         calibrated.",
        c.draws
    );
    if LEVELS.iter().any(|l| *l > resolved + 1e-9) {
        out += &format!(
            " Intervals beyond {:.0} % end outside the draws: there the coverage is interpolated and tells little \
             (more draws: --set restore.draws=40).",
            100.0 * resolved
        );
    }
    out + more
}

/// CRPS of the estimates that the table of restorations holds, a sentence each.
fn scores_of_others(e: &Evaluation) -> String {
    let mut out = String::new();
    let point = |kind| e.row(kind).map_or(f64::NAN, |r| r.mae);
    for (what, score) in [
        ("best smoothing", point(Kind::Smoothing)),
        ("mean of the draws", point(Kind::Mean)),
        ("oracle's estimate", point(Kind::Oracle)),
    ] {
        if score.is_finite() {
            out += &format!(" CRPS of the {what} (its mean |error|): {}.", number(score));
        }
    }
    // E|N(0, σ²)| = σ√(2/π), and the CRPS of the law itself is σ/√π.
    let oracle = point(Kind::Oracle) / 2f64.sqrt();
    if oracle.is_finite() {
        out += &format!(
            " Of the oracle's posterior, if that were Gaussian: {}.",
            number(oracle)
        );
    }
    out
}

fn pixel_table(parts: &[PixelCalibration]) -> Vec<Vec<String>> {
    let levels = LEVELS.map(|l| format!("inside {:.0} %", 100.0 * l));
    let header = [String::new(), "objects".into()].into_iter().chain(levels);
    let scores = ["PIT χ²", "effective values", "CRPS", "spread / error"].map(String::from);
    let row = |p: &PixelCalibration| {
        let coverage = p.coverage.iter().map(|c| percent(c.found));
        [p.part.clone(), p.objects.to_string()]
            .into_iter()
            .chain(coverage)
            .chain([
                number(p.pit_chi2),
                format!("{:.0}", p.effective),
                with_error(p.crps.value, p.crps.error),
                number(p.spread_over_error),
            ])
            .collect()
    };
    let header = header.chain(scores).collect();
    [header].into_iter().chain(parts.iter().map(row)).collect()
}

fn pit_table(parts: &[PixelCalibration]) -> Vec<Vec<String>> {
    let bins = parts[0].pit.len();
    let edges = (0..bins).map(|b| {
        format!(
            "{:.1}–{:.1}",
            b as f64 / bins as f64,
            (b + 1) as f64 / bins as f64
        )
    });
    let header = ["PIT, %".to_owned()].into_iter().chain(edges).collect();
    let row = |p: &PixelCalibration| {
        let cells = p.pit.iter().map(|m| percent(*m));
        [p.part.clone()].into_iter().chain(cells).collect()
    };
    [header].into_iter().chain(parts.iter().map(row)).collect()
}

fn line_table(c: &Calibration) -> Vec<Vec<String>> {
    let header = [
        "measured lines",
        "objects",
        "median uncertainty",
        "median |error|",
        "median pull",
        "scatter of pulls",
        "within 1 σ (68.3 %)",
        "within 2 σ (95.4 %)",
    ];
    let rows = c.lines.iter().map(|l| {
        let unit = match l.quantity.as_str() {
            "centroid" => " km/s",
            "equivalent width" => " Å",
            _ => "",
        };
        vec![
            format!("{} {}", l.line, l.quantity),
            l.objects.to_string(),
            format!("{}{unit}", number(l.uncertainty)),
            format!("{}{unit}", number(l.error)),
            format!("{:+.2}", l.pull),
            format!("{:.2}", l.scatter),
            format!("{:.1} %", 100.0 * l.within[0]),
            format!("{:.1} %", 100.0 * l.within[1]),
        ]
    });
    [header.map(String::from).to_vec()]
        .into_iter()
        .chain(rows)
        .collect()
}

fn percent(m: Mean) -> String {
    format!("{:.1} ± {:.1}", 100.0 * m.value, 100.0 * m.error)
}
