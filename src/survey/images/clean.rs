//! The clean images of a survey whose truth is known, found by the names of restored ones.

use super::ImageSource;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::ImageLayout;
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// The images `[C · H · W]` of `path` that are called `names`, of the shape of `layout`; `None` for a name
/// that there is not.
///
/// # Errors
/// [`Error::Input`] if `path` holds no images of this shape, or none of these names.
pub(crate) fn clean_images(
    path: &Path,
    layout: &ImageLayout,
    names: &[&str],
) -> Result<Vec<Option<Vec<f32>>>> {
    let image = ImageConfig {
        fit: true,
        channels: layout.channels,
        height: layout.height,
        width: layout.width,
    };
    let source = ImageSource::open(&[path.to_path_buf()], &ImageDatasets::default(), &image)?;
    // Of images of one name the first is taken.
    let numbered = source.names().iter().enumerate().rev();
    let rows: HashMap<&str, usize> = numbered.map(|(i, n)| (&**n, i)).collect();
    let found: Vec<Option<usize>> = names.iter().map(|n| rows.get(n).copied()).collect();
    if let Some(first) = names.first().filter(|_| found.iter().all(Option::is_none)) {
        return Err(Error::input(
            path,
            "",
            format!("no image is called `{first}`"),
            "clean images with the names of the restored ones",
            "give the images that `selfsi simulate` was given",
        ));
    }
    let read = |row: Option<usize>| match row {
        Some(r) => Ok(Some(source.read(r..r + 1)?.pixels.into_iter().collect())),
        None => Ok(None),
    };
    found.into_iter().map(read).collect()
}
