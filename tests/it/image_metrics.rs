//! Metrics of images and classical baselines against closed forms and properties; against
//! scikit-image and scipy with SELFSI_CHECK_PYTHON.

use crate::fixtures::python::{check, python};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::{ForwardConfig, ImageConfig, LatentUse, StageConfig};
use selfsi::data::{ImageBlock, PixelScale};
use selfsi::evaluate::images::{
    DataRange, Features, Lpips, Mirrored, Response, RichardsonLucy, Smoothness, Statistic, Task,
    Told, Wiener, baselines, filter, frechet_distance, inpaint, psnr, ssim,
};
use selfsi::evaluate::rmse;
use std::path::{Path, PathBuf};

const UNIT: DataRange = DataRange { min: 0.0, max: 1.0 };

fn shape(channels: usize, height: usize, width: usize) -> ImageConfig {
    ImageConfig {
        fit: false,
        channels,
        height,
        width,
    }
}

fn normals(n: usize, d: usize, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut rng))
}

/// `f(row, column)` as one plane [1, H · W].
fn plane(height: usize, width: usize, f: impl Fn(f64, f64) -> f64) -> Array2<f32> {
    Array2::from_shape_fn((1, height * width), |(_, k)| {
        f((k / width) as f64, (k % width) as f64) as f32
    })
}

#[test]
fn psnr_is_that_of_a_known_error_and_infinite_without_one() {
    let x = Array2::from_elem((2, 64), 100f32);
    let mut y = x.clone();
    y.row_mut(0).mapv_inplace(|v| v + 5.0);
    let range = DataRange {
        min: 0.0,
        max: 255.0,
    };
    let found = psnr(y.view(), x.view(), range);
    assert!((found[0] - 20.0 * (255f64 / 5.0).log10()).abs() < 1e-9);
    assert_eq!(found[1], f64::INFINITY);
}

#[test]
fn the_data_range_is_255_for_8_bit_units_alone() {
    let of =
        |values: &[f32]| DataRange::of(ArrayView2::from_shape((1, values.len()), values).unwrap());
    assert_eq!(of(&[3.0, 201.0, 17.0]).width(), 255.0);
    assert_eq!(of(&[0.0, 16.0, 7.0]).width(), 16.0);
    assert_eq!(of(&[-1.0, 200.0]).width(), 201.0);
    assert_eq!(of(&[0.0, 200.5]).width(), 200.5);
    assert_eq!(of(&[2.0, f32::NAN, 4.0]), DataRange { min: 2.0, max: 4.0 });
}

#[test]
fn ssim_is_1_for_identical_images_symmetric_and_known_for_flat_ones() {
    let s = shape(3, 16, 20);
    let (a, b) = (normals(4, 960, 1), normals(4, 960, 2));
    let same = ssim(a.view(), a.view(), s, UNIT);
    assert!(same.iter().all(|v| (v - 1.0).abs() < 1e-12));
    let there = ssim(a.view(), b.view(), s, UNIT);
    let back = ssim(b.view(), a.view(), s, UNIT);
    for (x, y) in there.iter().zip(back) {
        assert!((x - y).abs() < 1e-12 && x.abs() < 0.2);
    }
    // Flat images: only the luminance term is left, (2ab + c)/(a² + b² + c) with c = K₁² L². An image
    // smaller than the window has it too.
    for s in [shape(1, 16, 20), shape(1, 6, 8)] {
        let flat = |v: f32| Array2::from_elem((1, s.height * s.width), v);
        let found = ssim(flat(0.5).view(), flat(0.25).view(), s, UNIT)[0];
        let expected = (2.0 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}

#[test]
fn statistics_state_mean_median_and_their_errors() {
    let values: Vec<f64> = normals(1, 10_000, 3)
        .iter()
        .map(|v| f64::from(*v))
        .collect();
    let s = Statistic::of(&values);
    assert!(s.mean.abs() < 0.04 && s.median.abs() < 0.05);
    assert!((s.mean_error - 0.01).abs() < 5e-4);
    // √(π/2) σ/√N for a normal distribution.
    assert!((s.median_error / 0.012533 - 1.0).abs() < 0.5);
    assert!(Statistic::of(&[1.0]).mean_error.is_nan());
}

/// Points of exactly the given mean and standard deviations along the axes (over n − 1).
fn gaussian(mean: [f64; 2], sd: [f64; 2]) -> Array2<f64> {
    let a = 1.5f64.sqrt();
    Array2::from_shape_fn((4, 2), |(i, j)| {
        let sign = if i % 2 == 0 { a } else { -a };
        mean[j] + if i / 2 == j { sign * sd[j] } else { 0.0 }
    })
}

#[test]
fn the_frechet_distance_of_two_gaussians_is_the_known_one() {
    let (a, b) = (
        gaussian([0.0, 1.0], [1.0, 3.0]),
        gaussian([2.0, 1.5], [2.0, 0.5]),
    );
    let known = 4.0 + 0.25 + 1.0 + 6.25;
    assert!((frechet_distance(a.view(), b.view()) - known).abs() < 1e-9);
    // The same in rotated axes, where the matrices are full.
    let (sin, cos) = 0.7f64.sin_cos();
    let turn = ndarray::array![[cos, sin], [-sin, cos]];
    let found = frechet_distance(a.dot(&turn).view(), b.dot(&turn).view());
    assert!((found - known).abs() < 1e-9);
    assert!(frechet_distance(a.view(), a.view()).abs() < 1e-9);
    // Fewer rows than features: singular matrices are no obstacle.
    let few = Array2::from_shape_fn((3, 8), |(i, j)| (i * j) as f64);
    assert!(frechet_distance(few.view(), few.view()).abs() < 1e-9);
}

#[test]
fn inpainting_reproduces_harmonic_and_cubic_functions_and_keeps_known_pixels() {
    let s = shape(1, 20, 24);
    let mut ivar = Array2::from_elem((1, 480), f32::INFINITY);
    for (i, j) in (4..15).flat_map(|i| (5..16).map(move |j| (i, j))) {
        ivar[[0, i * 24 + j]] = 0.0;
    }
    for (smoothness, truth) in [
        (
            Smoothness::Harmonic,
            plane(20, 24, |y, x| (x * x - y * y + x * y) / 100.0),
        ),
        (
            Smoothness::Biharmonic,
            plane(20, 24, |y, x| (x * x * x - y * y * x) / 1000.0),
        ),
    ] {
        let mut holed = truth.clone();
        holed.zip_mut_with(&ivar, |v, i| {
            if *i == 0.0 {
                *v = 7e3
            }
        });
        let found = inpaint(holed.view(), ivar.view(), s, smoothness);
        let worst = (&found - &truth).iter().fold(0f32, |m, d| m.max(d.abs()));
        assert!(worst < 1e-4, "{smoothness:?}: {worst}");
    }
    let nothing = inpaint(
        normals(1, 480, 1).view(),
        Array2::zeros((1, 480)).view(),
        s,
        Smoothness::Harmonic,
    );
    assert!(nothing.iter().all(|v| *v == 0.0));
}

/// Stationary Gaussian fields of unit variance and correlation length about `scale` pixels.
fn fields(n: usize, s: ImageConfig, modes: &Mirrored, scale: f64, seed: u64) -> Array2<f32> {
    let white = normals(n, s.height * s.width, seed);
    let x = filter(white.view(), s, modes, &modes.gaussian(scale));
    let level = rmse(x.view(), Array2::zeros(x.raw_dim()).view()) as f32;
    x / level
}

fn blurred(
    x: &Array2<f32>,
    s: ImageConfig,
    modes: &Mirrored,
    blur: f64,
    noise: f32,
) -> Array2<f32> {
    let stages = [StageConfig::Blur { sigma: blur }];
    let response = Response::of(&stages, modes, Told::default());
    filter(x.view(), s, modes, &response.transfer) + normals(x.nrows(), x.ncols(), 77) * noise
}

/// RMSE of the Wiener filter that knows the spectrum of [`fields`]: P · noise/(H² P + noise) summed
/// over the modes.
fn ideal(r: &Response, modes: &Mirrored, scale: f64) -> f64 {
    let shape = modes.gaussian(scale).into_iter().zip(modes.white());
    let power: Vec<f64> = shape.map(|(g, w)| g * g * w).collect();
    let square = (modes.modes() as f64).powi(2);
    let level = square / power.iter().sum::<f64>();
    let error = |k: usize| {
        let (p, h, noise) = (level * power[k], r.transfer[k], r.noise[k]);
        if p > 0.0 {
            p * noise / (h * h * p + noise)
        } else {
            0.0
        }
    };
    ((0..modes.modes()).map(error).sum::<f64>() / square).sqrt()
}

#[test]
fn the_wiener_filter_reaches_the_best_error_of_a_gaussian_field_and_beats_any_smoothing() {
    let s = shape(1, 16, 16);
    let modes = Mirrored::new(16, 16);
    let x = fields(1500, s, &modes, 1.5, 1);
    for (blur, noise) in [(None, 0.5), (Some(1.0), 0.05)] {
        let mut stages = vec![StageConfig::noise(noise)];
        if let Some(sigma) = blur {
            stages.insert(0, StageConfig::Blur { sigma });
        }
        let response = [Response::of(&stages, &modes, Told::default())];
        let y = filter(x.view(), s, &modes, &response[0].transfer)
            + normals(1500, 256, 2) * noise as f32;
        let error = |z: Array2<f32>| rmse(z.view(), x.view());
        let learned = Wiener::learn(y.view(), &response, s, &modes);
        let wiener = error(learned.apply(y.view(), &response, 0.0, s, &modes));
        let smoothing = (0..25)
            .map(|k| 0.1 * f64::from(k))
            .map(|sigma| error(filter(y.view(), s, &modes, &modes.gaussian(sigma))))
            .fold(f64::INFINITY, f64::min);
        let ideal = ideal(&response[0], &modes, 1.5);
        assert!(wiener < smoothing, "{wiener} {smoothing}");
        assert!((wiener / ideal - 1.0).abs() < 0.1, "{wiener} {ideal}");
    }
}

#[test]
fn a_blur_smooths_the_noise_of_the_stages_before_it_alone() {
    let modes = Mirrored::new(8, 8);
    let (blur, noise) = (StageConfig::Blur { sigma: 1.0 }, StageConfig::noise(0.3));
    let before = Response::of(&[noise.clone(), blur.clone()], &modes, Told::default());
    let after = Response::of(&[blur, noise], &modes, Told::default());
    for k in 0..modes.modes() {
        let h = before.transfer[k];
        assert!((before.noise[k] - h * h * after.noise[k]).abs() < 1e-9);
    }
    // White noise as it comes out of the transform.
    let n = 4000;
    let y = normals(n, 64, 5) * 0.3;
    let mut power = vec![0.0; modes.modes()];
    for row in y.axis_iter(Axis(0)) {
        let t = modes.transform(&modes.mirror(|k| f64::from(row[k])));
        power
            .iter_mut()
            .zip(t)
            .for_each(|(p, m)| *p += m.norm_sqr() / n as f64);
    }
    for (p, expected) in power.iter().zip(&after.noise) {
        assert!(
            (p - expected).abs() <= 0.15 * expected + 1e-9,
            "{p} {expected}"
        );
    }
}

#[test]
fn a_motion_kernel_has_unit_sum_and_its_mean_over_directions_is_isotropic() {
    let modes = Mirrored::new(12, 12);
    let stage = [StageConfig::Motion {
        length: 5,
        latent: LatentUse::Hidden,
    }];
    for angle in [None, Some(0.0), Some(0.4)] {
        let r = Response::of(
            &stage,
            &modes,
            Told {
                angle,
                ..Told::default()
            },
        );
        assert!((r.transfer[0] - 1.0).abs() < 1e-12);
    }
    let mean = Response::of(&stage, &modes, Told::default()).transfer;
    for (i, j) in (0..24).flat_map(|i| (0..24).map(move |j| (i, j))) {
        assert!((mean[i * 24 + j] - mean[j * 24 + i]).abs() < 1e-9);
    }
    // A horizontal line leaves the columns alone: constant along rows (modes 0, k) pass.
    let flat = Response::of(
        &stage,
        &modes,
        Told {
            angle: Some(0.0),
            ..Told::default()
        },
    )
    .transfer;
    assert!((0..24).all(|k| (flat[k] - 1.0).abs() < 1e-9));
}

#[test]
fn richardson_lucy_climbs_the_poisson_likelihood_and_sharpens_stars() {
    let modes = Mirrored::new(16, 16);
    let s = shape(1, 16, 16);
    let star = plane(16, 16, |y, x| {
        0.1 + 100.0 * f64::from((y == 5.0 && x == 6.0) || (y == 0.0 && x == 12.0))
    });
    let y = blurred(&star, s, &modes, 1.5, 0.02);
    let transfer =
        Response::of(&[StageConfig::Blur { sigma: 1.5 }], &modes, Told::default()).transfer;
    let mut lucy = RichardsonLucy::new(&modes, &transfer, |k| f64::from(y[[0, k]]));
    let mut before = lucy.log_likelihood();
    for step in 0..100 {
        lucy.step();
        let now = lucy.log_likelihood();
        assert!(
            now >= before - 1e-9 * before.abs(),
            "step {step}: {before} {now}"
        );
        before = now;
    }
    let found: Vec<f32> = lucy.pixels().map(|v| v as f32).collect();
    let found = Array2::from_shape_vec((1, 256), found).unwrap();
    assert!(found.iter().all(|v| *v >= 0.0));
    assert!(rmse(found.view(), star.view()) < 0.6 * rmse(y.view(), star.view()));
}

fn task_names(stages: Vec<StageConfig>, lost: bool, vector: usize) -> (Vec<String>, Vec<String>) {
    let s = shape(1, 12, 12);
    let modes = Mirrored::new(12, 12);
    let x = fields(40, s, &modes, 2.0, 1);
    let angle = (vector > 0).then_some(0.3 * std::f64::consts::PI);
    let transfer = Response::of(
        &stages,
        &modes,
        Told {
            angle,
            ..Told::default()
        },
    )
    .transfer;
    let y = filter(x.view(), s, &modes, &transfer) + normals(40, 144, 3) * 0.1;
    let ivar = Array2::from_shape_fn(y.raw_dim(), |(i, k)| {
        f32::from(u8::from(!lost || (i * 31 + k * 17) % 10 > 2))
    });
    let block = ImageBlock {
        pixels: &y * &ivar,
        ivar,
        vector: Array2::from_elem((40, vector), 0.3),
        planes: Array2::zeros((40, 0)),
        psf: Array2::zeros((40, 0)),
    };
    let scale = PixelScale {
        softening: None,
        mean: vec![1.0],
        std: vec![1.0],
    };
    let (rows, left_out) = baselines(&Task {
        shape: s,
        scale: &scale,
        forward: &ForwardConfig::Stages {
            stages,
            units: None,
        },
        scored: &block,
        learning: &block,
        truth: x.view(),
    });
    let observed = rmse(rows[0].images.view(), x.view());
    for row in &rows {
        assert!(row.images.iter().all(|v| v.is_finite()), "{}", row.name);
        let error = rmse(row.images.view(), x.view());
        assert!(
            error <= 1.001 * observed,
            "{}: {error} {observed}",
            row.name
        );
    }
    (rows.into_iter().map(|r| r.name).collect(), left_out)
}

#[test]
fn the_channel_decides_which_baselines_there_are() {
    let kept = LatentUse::Kept;
    let begins = |names: &[String], expected: &[&str]| {
        assert_eq!(names.len(), expected.len(), "{names:?}");
        for (name, start) in names.iter().zip(expected) {
            assert!(name.starts_with(start), "{name} {start}");
        }
    };
    let noise = StageConfig::noise(0.1);
    let (names, left) = task_names(vec![noise.clone()], false, 0);
    begins(&names, &["observed", "Gaussian smoothing", "Wiener filter"]);
    assert!(left.is_empty());
    let mask = |latent| StageConfig::mask(0.3, latent);
    let (names, _) = task_names(vec![mask(kept), noise.clone()], true, 0);
    begins(
        &names,
        &[
            "observed",
            "inpainting, harmonic",
            "inpainting, biharmonic",
            "Gaussian smoothing",
            "Wiener filter",
        ],
    );
    let (_, left) = task_names(vec![mask(LatentUse::Hidden), noise.clone()], false, 0);
    assert!(left[0].contains("mask is hidden"));
    let blur = vec![StageConfig::Blur { sigma: 0.5 }, noise.clone()];
    let (names, _) = task_names(blur, false, 0);
    begins(
        &names,
        &[
            "observed",
            "Gaussian smoothing",
            "Wiener filter",
            "Richardson–Lucy, ",
            "Richardson–Lucy over a pedestal, ",
        ],
    );
    for (latent, vector, mean) in [(kept, 1, false), (LatentUse::Hidden, 0, true)] {
        let motion = vec![StageConfig::Motion { length: 3, latent }, noise.clone()];
        let (names, _) = task_names(motion, false, vector);
        assert_eq!(names.len(), 5);
        assert_eq!(names[3].contains("mean kernel"), mean, "{names:?}");
    }
    let rays = vec![StageConfig::Rays {
        rays: 4,
        latent: kept,
    }];
    let (names, left) = task_names(rays, false, 0);
    begins(&names, &["observed", "Gaussian smoothing"]);
    assert!(left[0].contains("tomography"));
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// ReLU of the 1 × 1 convolution of tests/data/make_networks.py at one pixel of an image in `range`
/// brought to `to`.
fn layer(image: &[f32], k: usize, pixels: usize, to: [f64; 2]) -> [f64; 4] {
    std::array::from_fn(|f| {
        let sum = (0..3).map(|c| {
            let value = f64::from(image[c * pixels + k]).clamp(0.0, 1.0);
            (1.0 + (f + 2 * c) as f64).sin() * (value * (to[1] - to[0]) + to[0])
        });
        sum.sum::<f64>().max(0.0)
    })
}

#[test]
fn torchscript_networks_give_the_distances_and_features_that_their_definition_gives() {
    let s = shape(3, 5, 6);
    let (a, b) = (
        normals(70, 90, 1) * 0.3 + 0.5,
        normals(70, 90, 2) * 0.3 + 0.5,
    );
    let found = Lpips::load(&data("lpips.pt"))
        .unwrap()
        .distances(a.view(), b.view(), s, UNIT)
        .unwrap();
    let features = Features::load(&data("features.pt"))
        .unwrap()
        .of(a.view(), s, UNIT)
        .unwrap();
    assert_eq!((found.len(), features.dim()), (70, (70, 4)));
    for i in 0..70 {
        let row = |x: &Array2<f32>| x.row(i).to_vec();
        let (a, b) = (row(&a), row(&b));
        let unit = |x: &[f32], k: usize| {
            let f = layer(x, k, 30, [-1.0, 1.0]);
            let norm = f.iter().map(|v| v * v).sum::<f64>().sqrt() + 1e-10;
            f.map(|v| v / norm)
        };
        let mut distance = 0.0;
        let mut mean = [0.0; 4];
        for k in 0..30 {
            let (u, v) = (unit(&a, k), unit(&b, k));
            let at = layer(&a, k, 30, [0.0, 1.0]);
            for f in 0..4 {
                distance += (f + 1) as f64 * (u[f] - v[f]).powi(2) / 30.0;
                mean[f] += at[f] / 30.0;
            }
        }
        assert!(
            (found[i] - distance).abs() < 1e-4,
            "{} {distance}",
            found[i]
        );
        for f in 0..4 {
            assert!((features[[i, f]] - mean[f]).abs() < 1e-5);
        }
    }
}

#[test]
fn a_network_that_does_not_fit_is_refused_in_one_line() {
    let one_line = |e: selfsi::Error, part: &str| {
        let text = e.to_string();
        assert!(text.contains(part) && !text.contains('\n'), "{text}");
        assert!(
            text.contains("make_metric_networks.py") || text.contains("--fid"),
            "{text}"
        );
    };
    one_line(
        Lpips::load(&data("make_networks.py")).unwrap_err(),
        "TorchScript",
    );
    one_line(Features::load(&data("none.pt")).unwrap_err(), "none.pt");
    let x = Array2::<f32>::zeros((2, 2 * 16));
    let lpips = Lpips::load(&data("lpips.pt")).unwrap();
    // Two channels where the network takes three.
    let wrong = lpips.distances(x.view(), x.view(), shape(2, 4, 4), UNIT);
    one_line(wrong.unwrap_err(), "lpips.pt");
    let features = Features::load(&data("lpips.pt")).unwrap();
    let wrong = features.of(normals(2, 48, 1).view(), shape(3, 4, 4), UNIT);
    one_line(wrong.unwrap_err(), "lpips.pt");
}

/// Writes what was measured, for tests/python/image_metrics.py to measure again.
#[test]
fn scikit_image_scipy_and_numpy_find_the_same() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("measured.h5");
    let file = hdf5::File::create(&path).unwrap();
    for (name, s) in [("colour", shape(3, 20, 17)), ("small", shape(1, 8, 9))] {
        let d = s.channels * s.height * s.width;
        let a = normals(6, d, 4) * 0.2 + 0.5;
        let b = &a + &(normals(6, d, 5) * 0.1);
        let group = file.create_group(name).unwrap();
        let images = |key: &str, x: &Array2<f32>| {
            let size = (6, s.channels, s.height, s.width);
            let x = x.view().into_shape_with_order(size).unwrap();
            group
                .new_dataset_builder()
                .with_data(&x)
                .create(key)
                .unwrap();
        };
        images("a", &a);
        images("b", &b);
        let numbers = |key: &str, x: Vec<f64>| {
            group
                .new_dataset_builder()
                .with_data(&x)
                .create(key)
                .unwrap();
        };
        numbers("psnr", psnr(a.view(), b.view(), UNIT));
        numbers("ssim", ssim(a.view(), b.view(), s, UNIT));
        if s.channels == 3 {
            let (lpips, features) = (
                Lpips::load(&data("lpips.pt")).unwrap(),
                Features::load(&data("features.pt")).unwrap(),
            );
            let (fa, fb) = (
                features.of(a.view(), s, UNIT).unwrap(),
                features.of(b.view(), s, UNIT).unwrap(),
            );
            numbers(
                "lpips",
                lpips.distances(a.view(), b.view(), s, UNIT).unwrap(),
            );
            numbers("fid", vec![frechet_distance(fa.view(), fb.view())]);
        }
    }
    file.close().unwrap();
    check(&python, "image_metrics.py", &[path]);
}

#[test]
fn rows_do_not_depend_on_their_batch() {
    let s = shape(1, 12, 12);
    let (a, b) = (normals(9, 144, 1), normals(9, 144, 2));
    let all = ssim(a.view(), b.view(), s, UNIT);
    let part = ssim(a.slice(s![4..5, ..]), b.slice(s![4..5, ..]), s, UNIT);
    assert_eq!(all[4], part[0]);
}
