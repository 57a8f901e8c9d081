//! What the sky's subtraction leaves, measured on sky fibres, as part of the noise of `interpolant.kind = "sure"`.

use crate::fixtures::edited::edited;
use crate::fixtures::prepared_set::{NETWORK, UNIT, objects, survey, waves, write};
use crate::fixtures::run_folder::{failure, selfsi};
use ndarray::{Array1, Array2, array};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::config::{ForwardConfig, Frame, GridConfig};
use selfsi::data::LogGrid;
use selfsi::population::{BandMatrix, Channel, Residues, RestFilter, RestGrid};
use selfsi::population::{RestPopulation, Structure};
use std::path::Path;

const D: usize = 64;
const SIGMA: f64 = 0.5;

fn channel(grid: &LogGrid, residues: Option<Residues>) -> Channel {
    let forward = ForwardConfig::Gaussian { sigma: SIGMA };
    let channel = Channel::new(&forward, grid, &[0.0; D], &[0.0; D]).unwrap();
    channel.with_residues(residues)
}

/// From 0.5 at 4000 Å to 0.9 at 6500 Å, in the unit of flux.
fn residues() -> Residues {
    Residues {
        loglam: vec![4000f64.log10(), 6500f64.log10()],
        modes: array![[0.5], [0.9]],
    }
}

fn population(grid: RestGrid) -> RestPopulation {
    let modes = Array2::from_shape_fn((D, 1), |(j, _)| 0.2 * (j as f64 / 9.0).sin());
    let structure = Structure {
        band: BandMatrix::from_fn(D, 0, |_, _| 0.01),
        modes,
    };
    let mut factor = Array2::zeros((D, D + 1));
    factor.column_mut(0).assign(&structure.modes.column(0));
    (0..D).for_each(|j| factor[[j, j + 1]] = 0.1);
    RestPopulation {
        grid,
        mean: Array1::ones(D),
        slope: None,
        drift: None,
        factor,
        structure: Some(structure),
        scaled: true,
        shifts: vec![1.0],
        spectra: 1000,
    }
}

/// Mean square of the mean over the deviation, of `n` observations of nothing but noise and residues, divided by
/// `norm`.
fn pull(known: bool, norm: f64, n: usize) -> f64 {
    let grid = LogGrid::new(&GridConfig {
        pixels: D,
        ..GridConfig::default()
    });
    let z = 3.0;
    let rest = RestGrid::new(&grid, [z].into_iter()).unwrap();
    let quiet = channel(&grid, None);
    let filter = RestFilter::new(population(rest), channel(&grid, known.then(residues)));
    let variance = Array1::from_elem(D, SIGMA * SIGMA);
    let ivar = variance.mapv(|v| (1.0 / v) as f32);
    let modes = residues().at(grid.loglam().into_iter()) / norm;
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let one = |_| {
        let level: f64 = rng.sample(StandardNormal);
        let y = quiet.noise(&variance, &mut rng) + &modes.column(0) * level;
        let flux = y.mapv(|f| f as f32);
        let posterior = filter.posterior_of(flux.view(), ivar.view(), [z, norm]);
        let posterior = posterior.unwrap();
        let pulls = posterior.mean() / posterior.deviation();
        pulls.mapv(|t| t * t).mean().unwrap()
    };
    (0..n).map(one).sum::<f64>() / n as f64
}

#[test]
fn what_the_sky_leaves_is_zero_within_sigma_once_it_is_known() {
    for norm in [1.0, 2.0] {
        let (known, unknown) = (pull(true, norm, 150), pull(false, norm, 150));
        assert!((0.5..1.3).contains(&known), "{norm} {known}");
        assert!(unknown > 1.5 * known, "{norm} {unknown} {known}");
    }
}

#[test]
fn on_a_grid_of_the_rest_frame_residues_lie_where_the_object_was_observed() {
    let observed = LogGrid::new(&GridConfig {
        pixels: D,
        ..GridConfig::default()
    });
    let config = GridConfig {
        min: 1000.0,
        max: 1625.0,
        pixels: D,
        ..GridConfig::default()
    };
    let rest = LogGrid::new(&config).in_frame(Frame::Rest);
    let variance = Array1::from_shape_fn(D, |j| f64::from(j % 5 != 0));
    let there = channel(&observed, Some(residues())).residues(&variance, [3.0, 1.0]);
    let here = channel(&rest, Some(residues())).residues(&variance, [3.0, 2.0]) * 2.0;
    assert!((&there - &here).iter().all(|d| d.abs() < 1e-6));
    assert!(here[[5, 0]] == 0.0 && here[[6, 0]] > 0.5);
    // An object without a level has none, and whoever knows of none.
    assert_eq!(
        channel(&rest, None).residues(&variance, [3.0, 1.0]).ncols(),
        0
    );
    let lost = channel(&rest, Some(residues())).residues(&variance, [3.0, f64::NAN]);
    assert_eq!(lost.ncols(), 0);
}

/// `n` fibres of noise whose level is off by as much.
fn fibres(path: &Path, n: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let flux = Array2::from_shape_fn((n, 2500), |_| rng.sample::<f32, _>(StandardNormal));
    let levels = Array1::from_shape_fn(n, |_| rng.sample::<f32, _>(StandardNormal));
    let flux = flux + levels.insert_axis(ndarray::Axis(1));
    let file = hdf5::File::create(path).unwrap();
    let put = |name: &str, a: &Array2<f32>| {
        file.new_dataset_builder()
            .with_data(a)
            .create(name)
            .unwrap();
    };
    put("flux", &flux);
    put("ivar", &Array2::ones(flux.raw_dim()));
    let loglam = Array1::from_shape_fn(2500, |i| 3.58 + 1e-4 * i as f64);
    let data = file.new_dataset_builder().with_data(&loglam);
    data.create("loglam").unwrap();
}

#[test]
fn sky_fibres_are_read_as_the_survey_is_and_a_bad_file_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [_, noisy] = waves(200, D);
    let set = path("set.h5");
    let sky = path("sky.h5");
    let named = format!("[survey]\nsky_fibres = '{}'", sky.display());
    let text = format!(
        "{}
        [forward]
        kind = 'quasar'
        tilt = 0.0
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}
        [interpolant]
        kind = 'sure'
        [network]
        {NETWORK}
        margin = 8
        [train]
        steps = 2
        batch = 16
        heldout = 0.3
        validate_every = 2
        checkpoint_every = 2",
        survey(&set, D).replace("[survey]", &named)
    );
    let config = path("sure.toml");
    std::fs::write(&config, &text).unwrap();
    let ivar = Array2::from_elem(noisy.raw_dim(), 4.0);
    write(&set, &text, UNIT, &objects(200), noisy, ivar);
    let training = |config: &Path| {
        let mut command = selfsi();
        command.arg("train").arg(config);
        command.arg("--out").arg(path("run"));
        command
    };
    let line = failure(training(&config));
    assert!(line.contains("sky.h5"), "{line}");
    fibres(&sky, 3);
    let line = failure(training(&config));
    assert!(
        line.contains("3 sky fibres") && line.contains("20 or more"),
        "{line}"
    );
    std::fs::remove_file(&sky).unwrap();
    fibres(&sky, 40);
    let output = training(&config).assert().success().get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("sky fibres: broad residues of "), "{said}");
    let other = path("ode.toml");
    std::fs::write(&other, edited(&text, "'sure'", "'ode'")).unwrap();
    let line = failure(training(&other));
    assert!(line.contains("survey.sky_fibres"), "{line}");
}
