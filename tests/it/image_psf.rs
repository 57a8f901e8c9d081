//! Point-spread functions and noise maps of each image, in the units of its file.

use crate::fixtures::cutouts::{cutout, gaussian};
use crate::fixtures::galaxies::CHANNEL_AND_NETWORK;
use crate::fixtures::image_batches::{apart, clean, layout, list, mean, pictures, rows, variance};
use crate::fixtures::run_folder::selfsi_in as selfsi;
use selfsi::config::{
    Config, ForwardConfig, LatentUse, PsfConfig, PsfFrom, StageConfig, StageUnits,
};
use selfsi::data::{ImageLayout, Layout, PixelScale, flag};
use selfsi::forward::{self, ForwardModel, Latent, Stages};
use selfsi::prepare::{ImageSet, prepare_images};
use std::path::Path;
use tch::{Device, Kind, Tensor};

fn psf(from: PsfFrom) -> PsfConfig {
    PsfConfig {
        from,
        file: None,
        fwhm: None,
        beta: None,
        pixel: None,
        latent: None,
    }
}

fn own() -> StageConfig {
    StageConfig::Psf(psf(PsfFrom::Hdu))
}

fn recorded_noise() -> StageConfig {
    let stage: ForwardConfig =
        toml::from_str("kind = 'stages'\nstages = [{ kind = 'noise', from = 'ivar' }]").unwrap();
    match stage {
        ForwardConfig::Stages { stages, .. } => stages[0].clone(),
        _ => unreachable!(),
    }
}

fn with_psf(shape: [usize; 3], side: usize) -> ImageLayout {
    ImageLayout {
        psf: side,
        ..layout(shape)
    }
}

/// Kernels of sum 1, another for each row and channel and none of them symmetric, [n, C · P · P].
fn kernels(n: i64, channels: usize, side: usize) -> Tensor {
    let one = |k: usize| {
        let at = [side as f64 / 2.0 - 0.2, side as f64 / 2.0 - 0.9];
        let mut g = gaussian(side, at, 0.8 + 0.1 * k as f64, 0.9);
        g[k % (side * side)] += 0.1;
        g.into_iter().map(|v| v as f32).collect::<Vec<_>>()
    };
    let all: Vec<f32> = (0..n as usize * channels).flat_map(one).collect();
    Tensor::from_slice(&all).view([n, -1])
}

fn observed(
    stages: &[StageConfig],
    layout: &ImageLayout,
    x: &Tensor,
    recorded: &Latent,
) -> (Tensor, Latent) {
    Stages::new(stages, layout, Device::Cpu)
        .unwrap()
        .observe(x, recorded, &rows(x.size()[0]))
        .unwrap()
}

#[test]
fn a_point_becomes_the_kernel_of_its_row_and_channel() {
    let (n, c, side) = (3i64, 2usize, 7usize);
    let x = Tensor::zeros([n, 2, 15, 20], (Kind::Float, Device::Cpu));
    let _ = x.narrow(2, 6, 1).narrow(3, 9, 1).fill_(2.0);
    let x = x.view([n, -1]);
    let recorded = Latent {
        psf: kernels(n, c, side),
        ..clean(&x)
    };
    let y = observed(&[own()], &with_psf([c, 15, 20], side), &x, &recorded).0;
    let y = y.view([n, 2, 15, 20]).narrow(2, 3, 7).narrow(3, 6, 7);
    assert!(apart(&y, &(recorded.psf.view([n, 2, 7, 7]) * 2.0)) < 1e-6);
}

#[test]
fn flux_is_kept_at_the_edges_and_noise_behind_a_psf_is_smoothed() {
    let (n, shape) = (2i64, [1usize, 12, 9]);
    let x = pictures(n, shape);
    let recorded = Latent {
        psf: kernels(n, 1, 9),
        ..clean(&x)
    };
    let layout = with_psf(shape, 9);
    let y = observed(&[own()], &layout, &x.ones_like(), &recorded).0;
    assert!(apart(&y, &x.ones_like()) < 1e-5);
    let noise = StageConfig::noise(0.5);
    let (_, latent) = observed(&[noise, own()], &layout, &x, &recorded);
    let expected = recorded
        .psf
        .square()
        .sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let inside = latent.sigma.view([n, 12, 9]).select(1, 6).narrow(1, 4, 1);
    assert!(apart(&inside, &(expected.sqrt() * 0.5)) < 1e-5);
}

#[test]
fn profiles_have_their_width_and_tell_it() {
    for (from, beta) in [(PsfFrom::Gaussian, None), (PsfFrom::Moffat, Some(2.5))] {
        let stage = PsfConfig {
            fwhm: Some([0.8, 1.2]),
            beta,
            pixel: Some(0.2),
            latent: Some(LatentUse::Redrawn),
            ..psf(from)
        };
        let n = 5i64;
        let x = Tensor::zeros([n, 41, 41], (Kind::Float, Device::Cpu));
        let _ = x.narrow(1, 20, 1).narrow(2, 20, 1).fill_(1.0);
        let layout = layout([1, 41, 41]);
        let (y, latent) = observed(
            &[StageConfig::Psf(stage.clone())],
            &layout,
            &x.view([n, -1]),
            &clean(&x.view([n, -1])),
        );
        let y = y.view([n, 41, 41]);
        for (i, fwhm) in list(&latent.vector).into_iter().enumerate() {
            assert!((0.8..=1.2).contains(&fwhm));
            let at = |r: i64| y.double_value(&[i as i64, 20, 20 + r]);
            let radius2 = (0.5 * fwhm / 0.2f64).powi(2);
            let expected = |r: f64| match beta {
                Some(b) => (1.0 + r * r / (radius2 / (2f64.powf(1.0 / b) - 1.0))).powf(-b),
                None => (-(r * r) / radius2 * std::f64::consts::LN_2).exp(),
            };
            for r in [1, 3, 6] {
                assert!((at(r) / at(0) - expected(r as f64)).abs() < 1e-5, "{r}");
            }
            assert!((y.get(i as i64).sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-5);
        }
        // A recorded width is taken as it is.
        let kept = PsfConfig {
            latent: None,
            ..stage
        };
        let recorded = Latent {
            vector: latent.vector.shallow_clone(),
            ..clean(&x.view([n, -1]))
        };
        let again = observed(
            &[StageConfig::Psf(kept)],
            &layout,
            &x.view([n, -1]),
            &recorded,
        )
        .0;
        assert!(apart(&again.view([n, 41, 41]), &y) < 1e-7);
    }
}

#[test]
fn a_psf_that_is_redrawn_is_one_of_the_surveys() {
    let (n, side) = (64i64, 5usize);
    let x = pictures(n, [1, 8, 8]);
    let bank = kernels(3, 1, side);
    let recorded = Latent {
        psf: kernels(n, 1, side),
        ..clean(&x)
    };
    let stage = StageConfig::Psf(PsfConfig {
        latent: Some(LatentUse::Redrawn),
        ..psf(PsfFrom::Hdu)
    });
    let mut f = Stages::new(&[stage], &with_psf([1, 8, 8], side), Device::Cpu).unwrap();
    f.take_psfs(&bank);
    let (_, told) = f.observe(&x, &recorded, &rows(n)).unwrap();
    let mut seen = [0; 3];
    for i in 0..n {
        let is = |k: &usize| apart(&told.psf.get(i), &bank.get(*k as i64)) == 0.0;
        seen[(0..3).find(is).unwrap()] += 1;
    }
    assert!(seen.iter().all(|k| *k > 8), "{seen:?}");
}

#[test]
fn recorded_noise_is_added_pixel_by_pixel() {
    let (n, d) = (4000i64, 6i64);
    let x = Tensor::zeros([n, d], (Kind::Float, Device::Cpu));
    let sigma = Tensor::arange(d, (Kind::Float, Device::Cpu)) * 0.3;
    let recorded = Latent {
        sigma: sigma.expand([n, d], false),
        ..clean(&x)
    };
    let (y, latent) = observed(&[recorded_noise()], &layout([1, 2, 3]), &x, &recorded);
    for j in 0..d {
        let expected = 0.3 * j as f64;
        let found = variance(&y.select(1, j)).sqrt();
        assert!(
            (found - expected).abs() < 0.03 * expected + 1e-9,
            "{j}: {found}"
        );
    }
    assert!(apart(&latent.sigma, &recorded.sigma) < 1e-6);
}

/// Values of the file stretched by asinh(v/2), mean 1, standard deviation 1.5.
fn stretched(shape: [usize; 3]) -> ImageLayout {
    ImageLayout {
        scale: PixelScale {
            softening: Some(2.0),
            mean: vec![1.0; shape[0]],
            std: vec![1.5; shape[0]],
        },
        ..layout(shape)
    }
}

#[test]
fn noise_in_the_files_units_does_not_feel_the_stretch() {
    let n = 200_000i64;
    let shape = [1usize, 2, 3];
    let layout = stretched(shape);
    // From dark to 500 times the softening; noise from a thousandth of it to ten times as much.
    let values = [0.0, -1.0, 0.5, 20.0, 300.0, 1000.0];
    let normalised: Vec<f32> = values
        .iter()
        .map(|v| layout.scale.normalise(*v, 0) as f32)
        .collect();
    let x = Tensor::from_slice(&normalised).expand([n, 6], false);
    for sigma in [0.002, 0.2, 20.0] {
        let (y, latent) = observed(&[StageConfig::noise(sigma)], &layout, &x, &clean(&x));
        for (j, value) in values.iter().enumerate() {
            let column: Vec<f64> = list(&y.select(1, j as i64))
                .iter()
                .map(|v| layout.scale.restore(*v, 0))
                .collect();
            let column = Tensor::from_slice(&column);
            let (off, scatter) = (mean(&column) - value, variance(&column).sqrt());
            // What single precision leaves of a stretched value.
            let rounding = 4e-7 * (value.hypot(2.0)) * (1.0 + value.abs().max(1.0).ln());
            assert!(
                (scatter / sigma - 1.0).abs() < 0.02 + rounding / sigma,
                "{sigma} at {value}: {scatter}"
            );
            assert!(
                off.abs() < 0.02 * sigma + rounding,
                "{sigma} at {value}: {off}"
            );
        }
        // A noise level is in the unit in which the stretch is linear, whatever the light.
        let told = latent.sigma * 1.5 * 2.0;
        assert!(apart(&(told / sigma), &x.ones_like()) < 1e-5);
    }
}

#[test]
fn recorded_noise_comes_back_in_the_files_units_from_a_stretched_set() {
    let layout = stretched([1, 1, 2]);
    let n = 100_000i64;
    let x = Tensor::from_slice(&[0.0f32, 5.0]).expand([n, 2], false);
    let sigma = Tensor::from_slice(&[0.1f32, 0.4]).expand([n, 2], false);
    let recorded = Latent {
        sigma: sigma / 3.0,
        ..clean(&x)
    };
    let (y, _) = observed(&[recorded_noise()], &layout, &x, &recorded);
    for (j, expected) in [(0, 0.1), (1, 0.4)] {
        let column: Vec<f64> = list(&y.select(1, j))
            .iter()
            .map(|v| layout.scale.restore(*v, 0))
            .collect();
        let found = variance(&Tensor::from_slice(&column)).sqrt();
        assert!((found / expected - 1.0).abs() < 0.02, "{found}");
    }
}

#[test]
fn levels_in_the_files_units_are_those_of_normalised_values_times_their_unit() {
    let shape = [2usize, 6, 6];
    let x = pictures(3, shape);
    let run = |sigma: f64, units| {
        Stages::new(
            &[StageConfig::Blur { sigma: 1.0 }, StageConfig::noise(sigma)],
            &layout(shape),
            Device::Cpu,
        )
        .unwrap()
        .in_units(units)
        .observe(&x, &clean(&x), &rows(3))
        .unwrap()
    };
    let (a, told) = run(0.1, None);
    let (b, same) = run(
        0.1 * crate::fixtures::image_batches::STD,
        Some(StageUnits::File),
    );
    assert!(apart(&a, &b) < 1e-5 && apart(&told.sigma, &same.sigma) < 1e-6);
    let (c, _) = run(0.1, Some(StageUnits::Normalised));
    assert_eq!(a, c);
}

const SIDE: usize = 12;

fn config(source: &str, more: &str) -> String {
    format!(
        "seed = 3
        [image]
        channels = 1
        height = {SIDE}
        width = {SIDE}
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'images'
        path = '{source}'
        {CHANNEL_AND_NETWORK}
        [train]
        steps = 2
        batch = 4
        heldout = 0.3
        validate_every = 2
        checkpoint_every = 2
        {more}"
    )
}

fn light(k: usize) -> Vec<f64> {
    (0..SIDE * SIDE)
        .map(|i| ((i * (k + 3)) % 17) as f64)
        .collect()
}

/// A folder `cut` of ten cutouts with their PSF and the HDU `noise`.
fn cutouts(folder: &Path, noise: &str, level: f64) {
    std::fs::create_dir(folder.join("cut")).unwrap();
    for k in 0..10 {
        let psf = gaussian(7, [3.0, 3.0], 0.8 + 0.05 * k as f64, 0.98);
        cutout(
            &folder.join(format!("cut/g{k}.fits")),
            &[
                ("", &[SIDE, SIDE], &light(k)),
                (noise, &[SIDE, SIDE], &[level; SIDE * SIDE]),
                ("PSF", &[7, 7], &psf),
            ],
        );
    }
}

#[test]
fn a_prepared_set_carries_each_images_psf_and_noise_and_is_trained_on() {
    for (noise, level) in [("IVAR", 4.0), ("VARIANCE", 0.25), ("RMS", 0.5)] {
        let folder = tempfile::tempdir().unwrap();
        cutouts(folder.path(), noise, level);
        std::fs::write(folder.path().join("c.toml"), config("cut", "")).unwrap();
        selfsi(folder.path())
            .args(["prepare", "c.toml"])
            .assert()
            .success();
        let set = ImageSet::open(folder.path().join("set.h5")).unwrap();
        assert_eq!(set.header().layout.psf, 7);
        let block = set.read(0..10).unwrap();
        let std = set.header().layout.scale.std[0];
        for k in 0..10 {
            let expected = gaussian(7, [3.0, 3.0], 0.8 + 0.05 * k as f64, 1.0);
            let psf = block.psf.row(k);
            assert!(
                psf.iter()
                    .zip(&expected)
                    .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6)
            );
            let ivar = f64::from(block.ivar[[k, 5]]) / (std * std);
            assert!((ivar - 4.0).abs() < 1e-4, "{noise}: {ivar}");
        }
        if noise == "IVAR" {
            let c = Config::load(folder.path().join("c.toml"), &[]).unwrap();
            assert!(c.network.noise_input());
            selfsi(folder.path())
                .args(["train", "c.toml", "--out", "run"])
                .assert()
                .success();
            let mut restore = selfsi(folder.path());
            restore
                .args(["restore", "run", "cut", "--out", "r.fits"])
                .assert()
                .success();
        }
    }
}

#[test]
fn what_cannot_be_a_psf_or_a_noise_map_is_one_line_that_names_file_and_hdu() {
    let flat = [1.0; SIDE * SIDE];
    let good = gaussian(7, [3.0, 3.0], 1.0, 1.0);
    let image: (&str, &[usize], &[f64]) = ("", &[SIDE, SIDE], &light(1));
    let ivar: (&str, &[usize], &[f64]) = ("IVAR", &[SIDE, SIDE], &flat);
    let large = gaussian(15, [7.0, 7.0], 1.0, 1.0);
    let loud = gaussian(7, [3.0, 3.0], 1.0, 20.0);
    let off = gaussian(7, [3.0, 4.6], 0.7, 1.0);
    let cases: [(&[_], &[&str]); 7] = [
        (
            &[image, ivar, ("PSF", &[15, 15], &large)],
            &["HDU PSF", "larger than the image"],
        ),
        (
            &[image, ivar, ("PSF", &[7, 7], &loud)],
            &["HDU PSF", "not normalised: its sum is 20"],
        ),
        (
            &[image, ivar, ("PSF", &[7, 7], &[0.0; 49])],
            &["HDU PSF", "zero everywhere"],
        ),
        (
            &[image, ivar, ("PSF", &[7, 7], &off)],
            &["HDU PSF", "off-centre"],
        ),
        (
            &[image, ivar, ("PSF", &[7, 5], &[0.1; 35])],
            &["HDU PSF", "shape [7, 5]"],
        ),
        (
            &[
                image,
                ("VARIANCE", &[SIDE, SIDE - 2], &flat[..SIDE * (SIDE - 2)]),
                ("PSF", &[7, 7], &good),
            ],
            &["HDU VARIANCE", "shape [12, 10]"],
        ),
        (&[image, ivar], &["without PSFs"]),
    ];
    for (hdus, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        cutout(&folder.path().join("bad.fits"), hdus);
        std::fs::write(folder.path().join("c.toml"), config("bad.fits", "")).unwrap();
        let mut command = selfsi(folder.path());
        let prepared = command.args(["prepare", "c.toml"]).assert();
        let assert = match words == ["without PSFs"] {
            true => {
                prepared.success();
                let c = Config::load(folder.path().join("c.toml"), &[]).unwrap();
                let layout = ImageSet::open(folder.path().join("set.h5"))
                    .unwrap()
                    .layout();
                let e = forward::build(&c.forward, &layout, Device::Cpu)
                    .err()
                    .unwrap();
                assert!(e.to_string().contains("without PSFs"), "{e}");
                continue;
            }
            false => prepared.failure(),
        };
        let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        let line = text
            .lines()
            .find(|l| l.contains("error"))
            .unwrap_or_default();
        for word in words.iter().chain(&["bad.fits"]) {
            assert!(line.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn one_bad_psf_of_a_folder_rejects_its_image_and_smaller_ones_are_padded() {
    let folder = tempfile::tempdir().unwrap();
    cutouts(folder.path(), "IVAR", 4.0);
    let at = |name: &str| folder.path().join("cut").join(name);
    let flat = [4.0; SIDE * SIDE];
    let write = |name: &str, side: usize, psf: &[f64]| {
        cutout(
            &at(name),
            &[
                ("", &[SIDE, SIDE], &light(2)),
                ("IVAR", &[SIDE, SIDE], &flat),
                ("PSF", &[side, side], psf),
            ],
        );
    };
    write("g3.fits", 7, &[0.0; 49]);
    write("g4.fits", 5, &gaussian(5, [2.0, 2.0], 0.6, 1.0));
    cutout(
        &at("g5.fits"),
        &[
            ("", &[SIDE, SIDE], &light(5)),
            ("IVAR", &[SIDE, SIDE], &flat),
        ],
    );
    let text = config(&folder.path().join("cut").display().to_string(), "");
    let c = Config::parse(&text, "c.toml", &[]).unwrap();
    let out = folder.path().join("set.h5");
    prepare_images(&c, &c.survey.source, &out, &mut |_, _| {}).unwrap();
    let set = ImageSet::open(&out).unwrap();
    for (k, o) in set.objects().iter().enumerate() {
        let bad = [3, 5].contains(&k);
        assert_eq!(
            o.flag,
            if bad { flag::UNREADABLE } else { flag::GOOD },
            "{k}: {}",
            o.reason
        );
    }
    let reason = |k: usize| &set.objects()[k].reason;
    assert!(
        reason(3).contains("g3.fits") && reason(3).contains("zero everywhere"),
        "{}",
        reason(3)
    );
    assert!(
        reason(5).contains("g5.fits") && reason(5).contains("there is none"),
        "{}",
        reason(5)
    );
    let small = set.read(4..5).unwrap().psf;
    assert!((small.sum() - 1.0).abs() < 1e-5 && small[[0, 0]] == 0.0);
    assert!(matches!(set.layout(), Layout::Images(l) if l.psf == 7));
}

#[test]
fn images_without_a_noise_map_take_the_scatter_of_their_background_if_they_are_told_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("cut")).unwrap();
    for k in 0..6 {
        let noise = list(&rows(1).child(k).normal(0, (SIDE * SIDE) as i64));
        let mut values: Vec<f64> = noise.iter().map(|v| 0.5 * v).collect();
        values[70] += 100.0;
        cutout(
            &folder.path().join(format!("cut/g{k}.fits")),
            &[("", &[SIDE, SIDE], &values)],
        );
    }
    let source = folder.path().join("cut").display().to_string();
    let text = config(&source, "").replace("{ kind = 'psf', from = 'hdu' }, ", "");
    let out = folder.path().join("set.h5");
    let prepared = |text: &str| {
        let c = Config::parse(text, "c.toml", &[]).unwrap();
        let report = prepare_images(&c, &c.survey.source, &out, &mut |_, _| {}).unwrap();
        let set = ImageSet::open(&out).unwrap();
        let std = set.header().layout.scale.std[0];
        let ivar = set
            .read(0..6)
            .unwrap()
            .ivar
            .mapv(|v| f64::from(v) / (std * std));
        (report, ivar)
    };
    let (report, ivar) = prepared(&text.replace("from = 'ivar'", "from = 'background'"));
    for k in 0..6 {
        let sigma = ivar[[k, 0]].recip().sqrt();
        assert!((sigma / 0.5 - 1.0).abs() < 0.2, "{sigma}");
    }
    assert!(
        report.to_string().contains("scatter of their background"),
        "{report}"
    );
    assert!(prepared(&text).1.iter().all(|v| v.is_infinite()));
    std::fs::write(folder.path().join("c.toml"), &text).unwrap();
    let failed = selfsi(folder.path())
        .args(["train", "c.toml", "--out", "run"])
        .assert()
        .failure();
    let said = String::from_utf8(failed.get_output().stderr.clone()).unwrap();
    assert!(
        said.contains("without a noise level") && said.contains("background"),
        "{said}"
    );
}
