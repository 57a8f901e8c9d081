//! What every command asks of its outputs before it begins its work.

use crate::Result;
use crate::files::overwrite::check_output;
use crate::train::check_not_of_a_run;
use std::path::Path;

/// Whether the file `out` can be written, and is neither one of `inputs` nor a file that a run consists of.
pub(super) fn check<'a>(out: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    check_output(out, inputs, "give --out another name")?;
    check_not_of_a_run(out)
}
