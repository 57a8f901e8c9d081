//! What every command asks of its outputs before it begins its work.

use crate::config::Config;
use crate::files::overwrite::check_output;
use crate::files::start::{Start, start};
use crate::train::check_not_of_a_run;
use crate::{Error, Result};
use std::path::Path;

const FIX: &str = "give --out another name";

/// Whether the file `out` can be written, and is neither one of `inputs`, nor a file that a run consists of,
/// nor a config: a run does not know which file its config came from.
pub(super) fn check<'a>(out: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    check_output(out, inputs, FIX)?;
    check_not_of_a_run(out)?;
    if matches!(start(out), Ok(Start::Text)) && Config::load(out, &[]).is_ok() {
        return Err(Error::output(out, "this is the config of a survey", FIX));
    }
    Ok(())
}
