//! A small survey of spectra for the tests that train on one: its config, noisy waves, and a prepared
//! set of them that `selfsi prepare` never saw.
#![allow(dead_code)] // each test takes what it needs

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::Config;
use selfsi::data::{Block, LogGrid, Object};
use selfsi::prepare::PreparedWriter;
use std::path::Path;

pub const UNIT: &str = "10**-17 erg s-1 cm-2 Angstrom-1";
/// A tiny [network], but for its margin.
pub const NETWORK: &str = "channels = [4, 8]
    patch = 4
    kernel = 3
    attention = false
    embedding = 8";

/// The beginning of a config for the prepared set `set` of spectra of `pixels` pixels.
pub fn survey(set: &Path, pixels: usize) -> String {
    format!(
        "seed = 3
        [grid]
        pixels = {pixels}
        [survey]
        prepared = '{}'
        [survey.source]
        kind = 'hdf5'
        file = 'o.h5'
        wavelength = 'vacuum'
        flux_unit = '{UNIT}'",
        set.display()
    )
}

/// Waves of one period and random amplitudes, and the same under noise of standard deviation 0.5,
/// [n, d] each.
pub fn waves(n: usize, d: usize) -> [Array2<f32>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut normals =
        |d: usize| Array2::<f32>::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut rng));
    let amplitude = normals(1);
    let clean = Array2::from_shape_fn((n, d), |(i, j)| {
        1.0 + 0.3 * amplitude[[i, 0]] * (j as f32 / 9.0).sin()
    });
    let noisy = &clean + normals(d) * 0.5;
    [clean, noisy]
}

/// `n` usable objects, Q0, Q1 and so on.
pub fn objects(n: usize) -> Vec<Object> {
    let object = |i| Object {
        name: format!("Q{i}"),
        z: 3.0,
        norm: 2.0,
        ..Object::default()
    };
    (0..n).map(object).collect()
}

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
    let z = objects.iter().map(|o| o.z).collect();
    let block = Block { flux, ivar, lsf, z };
    set.write(0, objects, &block).unwrap();
    set.finish().unwrap();
}
