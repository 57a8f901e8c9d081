//! The report of a study: several evaluations and their pictures in one Markdown file.

use super::result::{Evaluation, Kind};
use super::table;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Reads the `evaluation.json` of a run folder (or that file itself).
///
/// # Errors
/// [`Error::Run`] if there is none, or it is of another version.
pub fn load(run: &Path) -> Result<Evaluation> {
    let path = if run.is_dir() {
        run.join("evaluation.json")
    } else {
        run.to_path_buf()
    };
    let fix = "make it: selfsi evaluate RUN --truth FILE";
    let text = std::fs::read_to_string(&path).map_err(|e| Error::run(&path, e, fix))?;
    serde_json::from_str(&text).map_err(|e| Error::run(&path, e, fix))
}

/// The report of these runs, to be written to `target`; pictures (`*.png` in the run folders) are
/// linked relative to it where possible.
///
/// # Errors
/// As [`load`].
pub fn report(runs: &[PathBuf], target: &Path) -> Result<String> {
    let evaluations = runs.iter().map(|r| load(r)).collect::<Result<Vec<_>>>()?;
    let mut out = String::from(INTRODUCTION);
    for (run, e) in runs.iter().zip(&evaluations) {
        out += &format!(
            "\n## {}: {}\n\n{}",
            e.run,
            e.regime.words(),
            table::markdown(e)
        );
        if let Some(words) = single_against_mean(e) {
            out += &format!("\n{words}\n");
        }
        for picture in pictures(run) {
            let name = picture
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            out += &format!("\n![{name}]({})\n", relative(&picture, target).display());
        }
    }
    out += "\n## In short\n\n";
    for e in &evaluations {
        let missed: Vec<&str> = e
            .bars
            .iter()
            .filter(|b| !b.met)
            .map(|b| b.text.as_str())
            .collect();
        let met = e.bars.len() - missed.len();
        out += &format!(
            "- {} ({}): {met} of {} bars met",
            e.run,
            e.regime.words(),
            e.bars.len()
        );
        out += &if missed.is_empty() {
            ".\n".to_owned()
        } else {
            format!("; not met: {}.\n", missed.join("; "))
        };
    }
    Ok(out)
}

const INTRODUCTION: &str = "# Study: restored mock quasars against their known truth

Training saw corrupted observations and the forward model, never a clean spectrum. The rows compare
the observations; the best Gaussian smoothing, its one width tuned on the truth; a Wiener filter whose
mean and covariance are learned from the observations and the known channel alone; the *oracle* linear
filters, with the true mean and covariance, which nobody has: they are the yardstick; and selfsi's
restorations. *Oracle, one draw* is the oracle's estimate plus the error that it makes for another clean
spectrum: a population with the right mean and covariance by construction, so its population distance
says how near a single restoration can be expected to come with this many spectra.

A single restoration is a *draw from the population* that is compatible with the observation, not a
least-squares estimate. It keeps the small-scale structure that a mean would wash out, and pays for it
in RMSE: a perfect posterior draw has √2 times the RMSE of the posterior mean. So a single restoration
should be judged by its distance to the clean population (sliced Wasserstein distance of the spectra and
of their log power spectra, per-pixel scatter), and the mean of draws by its RMSE.
";

/// How the single draw's RMSE compares with that of the mean of draws, where both are there.
fn single_against_mean(e: &Evaluation) -> Option<String> {
    let (draw, mean) = (e.row(Kind::Draw)?, e.row(Kind::Mean)?);
    Some(format!(
        "One draw has {:.2} times the RMSE of the mean of draws (√2 = 1.41 for exact posterior draws).",
        draw.rmse / mean.rmse
    ))
}

fn pictures(run: &Path) -> Vec<PathBuf> {
    let folder = if run.is_dir() {
        run
    } else {
        run.parent().unwrap_or(run)
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "png"))
        .collect();
    found.sort();
    found
}

/// `path` as seen from the folder of `target`; absolute where the two share no beginning.
fn relative(path: &Path, target: &Path) -> PathBuf {
    let absolute = |p: &Path| std::path::absolute(p).unwrap_or_else(|_| p.to_path_buf());
    let (path, target) = (absolute(path), absolute(target));
    let from = target.parent().unwrap_or(Path::new("/"));
    let common = path
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| "..");
    up.map(PathBuf::from)
        .chain([path.components().skip(common).collect()])
        .collect()
}
