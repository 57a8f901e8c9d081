//! What a detector does to images: closed forms.

use crate::fixtures::image_batches::{clean, layout, mean, observe, pictures};
use crate::fixtures::run_folder::selfsi_in;
use selfsi::config::{Config, LatentUse, NoiseStage, StageConfig};
use selfsi::forward::Stages;
use tch::{Device, Kind, Tensor};

const SHAPE: [usize; 3] = [2, 12, 16];

fn seen(stages: &[StageConfig], n: i64) -> (Tensor, selfsi::forward::Latent, Tensor) {
    let x = pictures(n, SHAPE);
    let (y, latent) = observe(stages, SHAPE, &x, &clean(&x));
    (y, latent, x)
}

#[test]
fn cosmic_rays_hit_every_pixel_alike_and_in_lines() {
    let (hits, length, n) = (2.5, 5, 4000);
    let cosmic = StageConfig::Cosmic {
        hits,
        length,
        latent: LatentUse::Redrawn,
    };
    let (_, latent, _) = seen(&[cosmic], n);
    let good = latent.good.view([n, 2, 12, 16]);
    assert_eq!(
        good.select(1, 0),
        good.select(1, 1),
        "all channels of a pixel"
    );
    // Four lines through each pixel, of which all share the middle.
    let p = hits / (12.0 * 16.0);
    let kept = (1.0 - p) * (1.0 - p / 4.0f64).powi(4 * (length as i32 - 1));
    let each = good
        .select(1, 0)
        .mean_dim([0i64].as_slice(), false, Kind::Double)
        - kept;
    let error = (kept * (1.0 - kept) / n as f64).sqrt();
    assert!(mean(&each).abs() < 2.0 * error);
    assert!(each.abs().max().double_value(&[]) < 5.0 * error);
}

#[test]
fn bad_columns_are_lost_from_end_to_end() {
    let columns = |latent| StageConfig::Columns { rho: 0.25, latent };
    let n = 4000;
    let (_, latent, _) = seen(&[columns(LatentUse::Redrawn)], n);
    let good = latent.good.view([n, 2 * 12, 16]);
    assert_eq!(good.amin(1, false), good.amax(1, false));
    assert!((mean(&good) - 0.75).abs() < 5.0 * (0.1875 / (16.0 * n as f64)).sqrt());
    // Kept, they are those of the observation; hidden, they are lost but not told.
    let (y, latent, x) = seen(&[columns(LatentUse::Kept)], 3);
    assert_eq!((y, mean(&latent.good)), (x, 1.0));
    let (y, latent, x) = seen(&[columns(LatentUse::Hidden)], 50);
    let lost = y.not_equal_tensor(&x).to_kind(Kind::Float);
    assert!((mean(&lost) - 0.25).abs() < 0.06 && mean(&latent.good) == 1.0);
}

#[test]
fn a_binned_image_holds_the_means_of_its_squares_and_one_noise_in_each() {
    let binned = || StageConfig::Undersample { factor: 4 };
    let n = 20;
    let (y, _, x) = seen(&[binned()], n);
    let squares = |t: &Tensor| t.view([n, 2, 3, 4, 4, 4]).permute([0, 1, 2, 4, 3, 5]);
    let means = squares(&x).mean_dim([4i64, 5].as_slice(), true, Kind::Float);
    assert!((squares(&y) - means).abs().max().double_value(&[]) < 1e-5);
    // The noise of the detector is one number in each square, that of the light before it is averaged.
    let noise = StageConfig::noise(0.3);
    let (y, latent, _) = seen(&[binned(), noise.clone()], n);
    let inside = squares(&y).flatten(4, 5);
    assert!(
        (inside.amax(-1, false) - inside.amin(-1, false))
            .abs()
            .max()
            .double_value(&[])
            < 1e-6
    );
    assert!((&latent.sigma - 0.3).abs().max().double_value(&[]) < 1e-6);
    let (_, latent, _) = seen(&[noise, binned()], n);
    assert!((&latent.sigma - 0.3 / 4.0).abs().max().double_value(&[]) < 1e-6);
    // A lost pixel of the detector is a whole square.
    let mask = StageConfig::mask(0.3, LatentUse::Redrawn);
    let (_, latent, _) = seen(&[binned(), mask], n);
    let good = squares(&latent.good).flatten(4, 5);
    assert_eq!(good.amin(-1, false), good.amax(-1, false));
}

#[test]
fn correlated_noise_has_the_autocorrelation_of_its_kernel_and_the_level_that_is_told() {
    let kernel = vec![
        vec![0.1, 0.2, 0.1],
        vec![0.2, 1.0, 0.4],
        vec![0.0, 0.2, 0.1],
    ];
    let sum: f64 = kernel.iter().flatten().map(|v| v * v).sum();
    let shifted = |down: usize, across: usize| -> f64 {
        let at = |i: usize, j: usize| kernel.get(i).and_then(|r| r.get(j)).copied().unwrap_or(0.0);
        let all = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
        all.map(|(i, j)| at(i, j) * at(i + down, j + across))
            .sum::<f64>()
            / sum
    };
    let n = 3000;
    let noise = StageConfig::Noise(NoiseStage {
        kernel: kernel.clone(),
        ..NoiseStage::of(0.5)
    });
    let (y, latent, x) = seen(&[noise], n);
    assert!((&latent.sigma - 0.5).abs().max().double_value(&[]) < 1e-6);
    let u = ((y - x) / 0.5).view([n, 2, 12, 16]);
    for (down, across) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (0, 3)] {
        let (h, w) = (12 - down, 16 - across);
        let a = u.narrow(2, 0, h).narrow(3, 0, w);
        let b = u.narrow(2, down, h).narrow(3, across, w);
        let found = mean(&(a * b));
        let wanted = shifted(down as usize, across as usize);
        assert!(
            (found - wanted).abs() < 0.005,
            "{down}, {across}: {found} {wanted}"
        );
    }
    // The edges are as noisy as the middle.
    let each = u
        .square()
        .mean_dim([0i64, 1].as_slice(), false, Kind::Double)
        - 1.0;
    assert!(each.abs().max().double_value(&[]) < 6.0 * (2.0 / (2.0 * n as f64)).sqrt());
}

#[test]
fn what_saturates_is_marked_whatever_mask_is_drawn_behind_it() {
    let saturate = StageConfig::Saturate {
        level: 0.5,
        flagged: true,
    };
    let mask = StageConfig::mask(0.2, LatentUse::Redrawn);
    let (y, latent, x) = seen(&[saturate, mask], 10);
    let bright = x.ge(0.5).to_kind(Kind::Float);
    assert_eq!(mean(&(&latent.good * bright)), 0.0);
    let same = (y - x) * &latent.good;
    assert_eq!(same.abs().max().double_value(&[]), 0.0);
}

/// A folder of FITS images, each with its seeing in its header; of the last it is none.
fn with_seeing(folder: &std::path::Path) {
    std::fs::create_dir(folder).unwrap();
    for (k, seeing) in [1.1f32, 0.7, 1.6, -1.0].into_iter().enumerate() {
        let shape = [12usize, 16];
        let description = fitsio::images::ImageDescription {
            data_type: fitsio::images::ImageType::Float,
            dimensions: &shape,
        };
        let mut file = fitsio::FitsFile::create(folder.join(format!("{k}.fits")))
            .with_custom_primary(&description)
            .open()
            .unwrap();
        let hdu = file.primary_hdu().unwrap();
        let values: Vec<f32> = (0..192).map(|i| (i * (k + 3) % 17) as f32).collect();
        hdu.write_image(&mut file, &values).unwrap();
        hdu.write_key(&mut file, "SEEING", seeing).unwrap();
    }
}

#[test]
fn the_width_of_a_psf_comes_from_the_header_of_each_image() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    with_seeing(&folder.join("images"));
    let config = |key: &str| {
        let text = format!(
            "[image]\nchannels = 1\nheight = 12\nwidth = 16\n[survey]\nprepared = 'set.h5'\n[survey.source]\n\
             kind = 'images'\npath = 'images'\n[survey.source.datasets]\nvector = '{key}'\n[normalise]\n\
             kind = 'pixels'\n[forward]\nkind = 'stages'\n[[forward.stages]]\nkind = 'psf'\nfrom = 'moffat'\n\
             fwhm = [0.5, 2.0]\npixel = 0.4\n[[forward.stages]]\nkind = 'noise'\nsigma = 0.1\n"
        );
        std::fs::write(folder.join("c.toml"), text).unwrap();
        selfsi_in(folder).args(["prepare", "c.toml"]).assert()
    };
    config("SEEING").success();
    let set = hdf5::File::open(folder.join("set.h5")).unwrap();
    let vector: ndarray::Array2<f32> = set.dataset("vector").unwrap().read_2d().unwrap();
    assert_eq!(vector, ndarray::array![[1.1], [0.7], [1.6], [0.0]]);
    let flag: Vec<i32> = set.dataset("flag").unwrap().read_raw().unwrap();
    assert!(flag[..3].iter().all(|f| *f == 0) && flag[3] != 0);
    drop(set);
    let output = config("FOCUS").failure();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(said.contains("FOCUS"), "{said}");
}

#[test]
fn what_is_not_for_images_is_one_line() {
    let spectra = [StageConfig::Tilt { amplitude: 0.1 }];
    let said = Stages::new(&spectra, &layout(SHAPE), Device::Cpu).unwrap_err();
    assert!(said.to_string().contains("`tilt` is for spectra"));
    let parse = |stages: &str| {
        let text = format!(
            "[image]\nchannels = 1\nheight = 12\nwidth = 16\n[survey]\nprepared = 'a.h5'\n[survey.source]\n\
             kind = 'images'\npath = 'b'\n[normalise]\nkind = 'pixels'\n[forward]\nkind = 'stages'\n{stages}"
        );
        Config::parse(&text, "test", &[])
    };
    let stage = |keys: &str| format!("[[forward.stages]]\nkind = {keys}\n");
    let noise = stage("'noise'\nsigma = 0.1");
    assert!(parse(&(stage("'undersample'\nfactor = 4") + &noise)).is_ok());
    for (stages, words) in [
        (stage("'undersample'\nfactor = 5"), "does not divide"),
        (
            stage("'undersample'\nfactor = 2") + &stage("'blur'\nsigma = 1.0"),
            "behind every blur",
        ),
        (
            stage("'cosmic'\nhits = 1.0\nlength = 4\nlatent = 'kept'"),
            "odd",
        ),
        (
            stage("'noise'\nsigma = 0.1\nkernel = [[1.0, 2.0]]"),
            "`kernel`",
        ),
        (stage("'sky'\namplitude = 0.1"), "sky of spectra"),
        (
            stage("'mask'\nrho = 0.1\nrun = 3\nlatent = 'kept'"),
            "for spectra",
        ),
        (
            stage("'noise'\nfrom = 'snr'\nsnr = [1.0, 2.0]"),
            "for spectra",
        ),
        (stage("'smooth'\nfrom = 'lsf'"), "`smooth` is for spectra"),
    ] {
        let said = parse(&stages).unwrap_err().to_string();
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
    }
}
