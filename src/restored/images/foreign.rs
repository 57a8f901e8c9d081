//! What is said of a file that holds no restored images.

use crate::Error;
use std::path::Path;

pub(super) fn foreign(path: &Path, place: &str, problem: String) -> Error {
    Error::input(
        path,
        place,
        problem,
        "restored images of selfsi",
        "give the file that `selfsi restore` wrote",
    )
}
