//! A page to look at: one HTML file that shows restorations, needs no network and no server.
//!
//! What is shown ([`View`]) is read, only the chosen rows of it, into the page's content, which the page's
//! own script (`page/`) draws with uPlot. Pixel values are embedded as they are in the files: float32 in
//! base64.

mod choice;
mod content;
mod found;
mod html;
mod images;
mod marks;
mod numbers;
mod run;
mod spectra;

pub use choice::Choice;
pub use found::View;
pub use html::Shown;

use crate::files::overwrite::check_output;
use crate::restored::RestoredImages;
use crate::{Error, Result};
use std::path::Path;

/// Writes the page of `view` to `out`, completely or not at all.
///
/// # Errors
/// [`Error::Input`] if a file cannot be read, does not belong to the catalog or has none of the chosen
/// objects; [`Error::Output`] if the page cannot be written.
pub fn write(view: &View, out: &Path) -> Result<Shown> {
    let is_page = out.extension().is_some_and(|e| {
        let e = e.to_string_lossy().to_lowercase();
        e == "html" || e == "htm"
    });
    if !is_page {
        return Err(Error::output(
            out,
            "the extension is not .html",
            "name it e.g. view.html",
        ));
    }
    check_output(out, view.inputs(), "give --out another name")?;
    let content = if RestoredImages::is_one(&view.restored) {
        images::content(view)?
    } else {
        spectra::content(view)?
    };
    html::write(out, &content)
}
