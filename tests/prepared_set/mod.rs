//! A small prepared set of spectra for the tests that train on one.

use ndarray::Array2;
use selfsi::catalog::{Block, LogGrid, Object, PreparedWriter};
use selfsi::config::Config;
use std::path::Path;

/// Writes `flux` and `ivar` [N, D] of `objects` [N] to `path`, on the grid of the config `text`: no
/// line-spread function, white noise.
pub fn write(
    path: &Path,
    text: &str,
    unit: &str,
    objects: &[Object],
    flux: Array2<f32>,
    ivar: Array2<f32>,
) {
    let grid = LogGrid::new(&Config::parse(text, "test", &[]).unwrap().grid);
    let (n, d) = flux.dim();
    let mut set = PreparedWriter::create(path, &grid, n, &vec![0.0; d], unit, text).unwrap();
    let lsf = Array2::zeros((n, d));
    set.write(0, objects, &Block { flux, ivar, lsf }).unwrap();
    set.finish().unwrap();
}
