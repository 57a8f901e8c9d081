//! The report of a study: several evaluations and their pictures in one Markdown file.

use super::seeds_report::over_seeds;
use crate::Result;
use crate::evaluate::cells::number;
use crate::evaluate::table;
use crate::evaluate::{Evaluation, Kind, load};
use std::path::{Path, PathBuf};

/// The report of these runs, to be written to `target`: where all were evaluated with --baselines, one table of
/// means over them; pictures (`*.png` in the run folders) are
/// linked relative to it where possible.
///
/// # Errors
/// As [`crate::evaluate::load`].
pub fn report(runs: &[PathBuf], target: &Path) -> Result<String> {
    let evaluations = runs.iter().map(|r| load(r)).collect::<Result<Vec<_>>>()?;
    if let Some(out) = over_seeds(&evaluations) {
        return Ok(out);
    }
    let mut out = String::from(INTRODUCTION);
    for (run, e) in runs.iter().zip(&evaluations) {
        out += &format!(
            "\n## {}: {}\n\n{}",
            e.run,
            e.regime.words(),
            table::markdown(e)
        );
        for words in [single_against_mean(e), what_can_be_known(e)]
            .into_iter()
            .flatten()
        {
            out += &format!("\n{words}\n");
        }
        for picture in pictures(run) {
            let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
            let caption = CAPTIONS
                .iter()
                .find(|(name, _)| *name == stem)
                .map_or(&*stem, |(_, caption)| caption);
            let link = relative(&picture, target);
            out += &format!("\n![{caption}]({})\n\n*{caption}*\n", link.display());
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

const CAPTIONS: [(&str, &str); 3] = [
    (
        "spectra-ode",
        "The same held-out objects restored by the ODE",
    ),
    (
        "spectra",
        "Held-out objects: observed, restored, true; the positions of emission lines are marked",
    ),
    (
        "population",
        "The held-out population: mean spectrum, scatter over objects, mean power spectrum",
    ),
];

const INTRODUCTION: &str = "# Study: restored mock quasars against their known truth

Training saw corrupted observations and the forward model, never a clean spectrum. All rows are of the
same held-out objects.

- *Clean, other objects*: as many clean spectra of other objects. No restoration can be expected to come
  nearer to the clean population.
- *Best smoothing*: Gaussian, its one width tuned on the truth. *Wiener, learned*: mean and covariance
  learned from the observations and the known channel alone.
- *Oracle*: the linear filter with the true mean and covariance, which nobody has: the yardstick of the
  RMSE. *One draw* of it is its estimate plus the error that it makes for another clean spectrum: a
  population with the right mean and covariance by construction.
- *Without the erased modes*: of what the channel passes so weakly that even the whole survey's covariance
  shows no significant trace, no method can learn the distribution from the survey. These rows show how
  far one comes with the rest: the truth itself (distances) and the oracle (RMSE).
- *ODE restoration*, *one SDE draw*, *mean of SDE draws*: selfsi.

**A single restoration is a draw** from the population that is compatible with the observation, not a
least-squares estimate. It keeps the small-scale structure that a mean would wash out, and pays for it
in RMSE: a perfect posterior draw has √2 times the RMSE of the posterior mean. So a single restoration
should be judged by its distance to the clean population (sliced Wasserstein distance of the spectra,
of their small-scale structure and of their log power spectra; per-pixel scatter), and the mean of draws
by its RMSE.

**The floor.** Two samples of one population are at a plain distance that is as large as what is to be
measured. The distances here are free of it: restorations are compared with the truth of the same objects,
and the square is averaged over pairs of different folds of the objects, so that what is expected for a
perfect restoration is exactly 0. What is negative in the square is shown as 0. The errors are the
jackknife's over the folds.
";

/// What the erased modes cost, and which bars cannot be met without guessing them.
fn what_can_be_known(e: &Evaluation) -> Option<String> {
    let truth = e.row(Kind::Passed)?;
    let oracle = e.row(Kind::OraclePassed)?;
    let broadest = 2.0 * e.pixels as f64 / e.passed_modes as f64;
    let mut words = format!(
        "**What the observations can teach.** The channel leaves {} of {} modes, structure of periods above about \
         {broadest:.0} px; of the others the survey shows no trace, and a restoration that shows structure there has it \
         from its network's bias, not from the data. The truth without the erased modes is at {:.2} (whole spectra), \
         {:.2} (small scales) and {:.2} (power spectra) times the best smoothing's distance to the clean population; the \
         oracle without them has {:.3} times the oracle's RMSE.",
        e.passed_modes,
        e.pixels,
        truth.whole.over_smoothing,
        truth.local.over_smoothing,
        truth.power.over_smoothing,
        oracle.rmse_over_oracle,
    );
    let beyond: Vec<String> = e
        .bars
        .iter()
        .filter(|b| b.attainable > b.limit)
        .map(|b| {
            let (limit, reached) = (number(b.limit), number(b.attainable));
            format!(
                "{} (at most {limit}; reached without the erased modes: {reached})",
                b.text
            )
        })
        .collect();
    words += &if beyond.is_empty() {
        " That leaves every bar within reach.".to_owned()
    } else {
        format!(
            " Beyond the reach of what the observations teach: {}.",
            beyond.join("; ")
        )
    };
    Some(words)
}

/// How the single draw's RMSE compares with the RMSE of the mean of draws, if both are there.
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
