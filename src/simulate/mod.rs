//! Observations of given clean data: F run once on each row, for studies with known truth.

mod image_file;
mod images;
mod spectra;

use crate::Result;
use crate::config::Config;
use std::path::Path;
use tch::Device;

/// Reads the clean spectra or images in `clean` and writes observations of them to `out`, an HDF5
/// catalog or image set. Each row depends on (seed, its number) alone. Gives their number;
/// `progress` receives (rows done, rows).
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) if `clean` cannot be read or is of another grid or shape,
/// [`Error::Config`](crate::Error::Config) if F takes anything from observations, which there are
/// none of, [`Error::Output`](crate::Error::Output) if `out` cannot be written: then there is none.
pub fn simulate(
    config: &Config,
    clean: &Path,
    out: &Path,
    device: Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize> {
    match &config.image {
        Some(image) => images::simulate(config, image, clean, out, device, progress),
        None => spectra::simulate(config, clean, out, device, progress),
    }
}
