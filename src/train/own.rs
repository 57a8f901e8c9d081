//! Which files make up a run.

use crate::base::lock::LOCK;
use crate::base::output;
use crate::{Error, Result};
use std::ffi::OsStr;
use std::path::Path;

pub(super) const CONFIG: &str = "config.toml";
pub(super) const PROVENANCE: &str = "provenance.json";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const BEST: &str = "best.safetensors";
pub(super) const POPULATION: &str = "population.safetensors";
pub(super) const START: &str = "start.safetensors";
pub(super) const METRICS: &str = "metrics.jsonl";
pub(super) const EVENTS: &str = "events.out.tfevents";
pub(super) const DIFFUSION: &str = "diffusion";

/// What a training leaves besides its config and provenance, which are written before.
pub(super) const TRAINED: [&str; 5] = [CHECKPOINTS, BEST, POPULATION, START, METRICS];

/// Refuses the output `out` if it would replace a file that a run, whichever it is, consists of. Restored
/// catalogs, evaluations and pictures in its folder are none.
///
/// # Errors
/// [`Error::Output`] if it would; as [`output::place`].
pub fn check_not_of_a_run(out: &Path) -> Result<()> {
    let place = output::place(out)?;
    let folder = output::folder_of(&place);
    let folder = folder.canonicalize().unwrap_or(folder);
    let place = folder.join(place.file_name().unwrap_or_default());
    // It may lie in the run itself, in checkpoints or diffusion, or in diffusion/checkpoints.
    for (inside, run) in place.ancestors().zip(place.ancestors().skip(1)).take(3) {
        let name = inside.file_name().unwrap_or_default();
        if is_own(name) && is_run(run) {
            let problem = format!("this is a file of the run {}", run.display());
            return Err(Error::output(out, problem, "give --out another name"));
        }
    }
    Ok(())
}

fn is_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    has(CONFIG) && (has(PROVENANCE) || TRAINED.iter().any(|name| has(name)))
}

fn is_own(name: &OsStr) -> bool {
    let named = [CONFIG, PROVENANCE, DIFFUSION, LOCK].iter().chain(&TRAINED);
    let mut named = named.map(OsStr::new);
    named.any(|n| n == name) || name.to_string_lossy().starts_with(EVENTS)
}
