//! The study's result for people: plain text for the terminal, Markdown for files.

use super::calibration_table;
use super::cells::{aligned, number, piped, with_error};
use super::methods_table;
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
    let out = out + &methods(e, "", aligned) + &notes(e);
    match calibration_table::text(e) {
        calibration if calibration.is_empty() => out,
        calibration => format!("{out}\n{calibration}"),
    }
}

/// Everything as Markdown, under a heading.
#[must_use]
pub fn markdown(e: &Evaluation) -> String {
    let mut out = format!(
        "{}\n\n{}\n{}\n{}\n",
        summary(e),
        piped(&main_table(e)),
        piped(&power_table(e)),
        piped(&line_table(e))
    );
    if !e.bars.is_empty() {
        let mut bars = vec![
            [
                "bar",
                "value",
                "at most",
                "oracle's draw",
                "without the erased modes",
                "",
            ]
            .map(String::from)
            .to_vec(),
        ];
        for b in &e.bars {
            let mark = if b.met { "met" } else { "**not met**" };
            bars.push(vec![
                b.text.clone(),
                with_error(b.value, b.error),
                number(b.limit),
                number(b.oracle_draw),
                number(b.attainable),
                mark.to_owned(),
            ]);
        }
        out += &piped(&bars);
    }
    out + &methods(e, "\n### ", piped) + &notes(e) + &calibration_table::markdown(e)
}

/// The methods side by side, where there are any.
fn methods(e: &Evaluation, heading: &str, table: fn(&[Vec<String>]) -> String) -> String {
    if e.methods.is_empty() {
        return String::new();
    }
    let columns = methods_table::columns();
    let mut out = format!(
        "{heading}Methods side by side\n\n{}",
        table(&methods_table::table(e, &columns))
    );
    if e.rows.iter().any(|r| !r.continuum.is_empty()) {
        out += &format!(
            "\n{CONTINUUM}\n\n{}",
            table(&methods_table::table(
                e,
                &methods_table::continuum_columns()
            ))
        );
    }
    out
}

/// What the errors of the second table of methods are.
pub(crate) const CONTINUUM: &str = "Errors relative to the unabsorbed continuum, in per cent: an object's is the mean of |restored − truth| over the \
     true spectrum before absorption; so large they are at most in 50, 68 and 95 % of the objects.";

fn notes(e: &Evaluation) -> String {
    e.notes.iter().map(|n| format!("\n{n}.\n")).collect()
}

fn summary(e: &Evaluation) -> String {
    let [whole, local, power] = e.floor.map(number);
    format!(
        "{}: {} held-out spectra ({}: median S/N {:.1} per pixel, smoothing σ = {} px). Fluxes are in units of each \
         spectrum's level. {} Distances are sliced Wasserstein distances to the clean population, of whole spectra, \
         of small-scale structure and of log power spectra, ± standard error; the plain distances of as many clean \
         spectra of other objects, the floor that they are free of, are {whole}, {local}, {power}.",
        e.run,
        e.spectra,
        e.regime.words(),
        e.snr,
        if e.blur_pixels.is_finite() {
            format!("{:.1}", e.blur_pixels)
        } else {
            number(f64::NAN)
        },
        what_is_known(e),
    )
}

/// Where the linear filters come from, or why there are none.
fn what_is_known(e: &Evaluation) -> String {
    if e.learned_from == 0 {
        return "The channel has no closed form: there is no linear filter, learned or oracle, to compare with."
            .into();
    }
    format!(
        "Moments: learned from {} observations; the oracle's from {} clean spectra. The channel leaves {} of {} modes.",
        e.learned_from, e.oracle_from, e.passed_modes, e.pixels,
    )
}

fn main_table(e: &Evaluation) -> Vec<Vec<String>> {
    let mut table = vec![HEADER.map(String::from).to_vec()];
    table.extend(e.rows.iter().map(|r| {
        let distances = [r.whole, r.local, r.power].into_iter().flat_map(|d| {
            [
                with_error(d.value, d.error),
                format!("{:.2}", d.over_smoothing),
            ]
        });
        [
            r.name.clone(),
            number(r.rmse),
            number(r.rmse_forest),
            number(r.rmse_red),
            if r.rmse_over_oracle.is_finite() {
                format!("{:.3}", r.rmse_over_oracle)
            } else {
                number(f64::NAN)
            },
        ]
        .into_iter()
        .chain(distances)
        .chain([format!("{:.2}, {:.2}", r.scatter_forest, r.scatter_red)])
        .collect()
    }));
    table
}

/// Mean power over the truth's, every second band from the finest on.
fn power_table(e: &Evaluation) -> Vec<Vec<String>> {
    let bands = e.power_bands.len().saturating_sub(1);
    let shown: Vec<usize> = (0..bands)
        .filter(|b| (bands - 1 - b).is_multiple_of(2))
        .collect();
    let scale = |b: &usize| {
        let modes = (e.power_bands[*b] as f64 * e.power_bands[*b + 1] as f64).sqrt();
        format!("{} px", number(e.pixels as f64 / modes))
    };
    let header = ["power / truth's, at period".to_owned()]
        .into_iter()
        .chain(shown.iter().map(scale))
        .collect();
    let cells = |r: &Row| {
        let ratios = shown.iter().map(|b| number(r.power_ratio[*b]));
        [r.name.clone()].into_iter().chain(ratios).collect()
    };
    [header]
        .into_iter()
        .chain(e.rows.iter().map(cells))
        .collect()
}

/// Median absolute errors of the lines: height (flux) and centroid (km/s).
fn line_table(e: &Evaluation) -> Vec<Vec<String>> {
    let mut header = vec!["median |error|: height, centroid (km/s)".to_owned()];
    // Lines that these objects show.
    let measured = |i: &usize| {
        e.rows
            .iter()
            .any(|r| r.lines.get(*i).is_some_and(|l| l.height.n > 0))
    };
    let shown: Vec<usize> = (0..e.rows.first().map_or(0, |r| r.lines.len()))
        .filter(measured)
        .collect();
    if let Some(r) = e.rows.first() {
        header.extend(shown.iter().map(|i| &r.lines[*i]).map(|l| {
            format!(
                "{} (height {}, n = {})",
                l.line,
                number(l.true_height),
                l.height.n
            )
        }));
    }
    let cells = |r: &Row| {
        let lines = shown
            .iter()
            .filter_map(|i| r.lines.get(*i))
            .map(|l| format!("{}, {:.0}", number(l.height.absolute), l.centroid.absolute));
        [r.name.clone()].into_iter().chain(lines).collect()
    };
    [header]
        .into_iter()
        .chain(e.rows.iter().map(cells))
        .collect()
}
