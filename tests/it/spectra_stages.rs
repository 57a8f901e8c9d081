//! The stages of spectra do to the light what their documentation says: closed forms, and numpy and scipy.

use crate::fixtures::python::{check, python, save};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    Config, ForwardConfig, Frame, GridConfig, LatentUse, LevelFrom, MaskStage, NoiseFrom,
    NoiseStage, SmoothingFrom, StageConfig,
};
use selfsi::data::{Layout, LogGrid};
use selfsi::forward::{self, Latent};
use selfsi::lab::baselines::Linear;
use selfsi::population::Channel;
use tch::{Device, Kind, Tensor};

const D: usize = 128;
const CPU: Device = Device::Cpu;

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 4000.0,
        max: 6500.0,
        pixels: D,
        ..GridConfig::default()
    })
}

fn layout(grid: LogGrid) -> Layout {
    Layout::Spectra {
        grid,
        noise_rho: vec![0.0; D],
    }
}

fn stages(stages: &[StageConfig]) -> ForwardConfig {
    ForwardConfig::Stages {
        stages: stages.to_vec(),
        units: None,
    }
}

fn rows(n: i64) -> Rows {
    Rows::range(9, Purpose::Forward, 0, n, CPU)
}

/// Nothing masked, noise of deviation `sigma`, line-spread function of width `lsf` everywhere.
fn recorded(n: i64, sigma: f64, lsf: f64) -> Latent {
    let ones = Tensor::ones([n, D as i64], (Kind::Float, CPU));
    Latent::of_pixels(ones.shallow_clone(), &ones * sigma, ones * lsf)
}

fn observe(config: &[StageConfig], x: &Tensor, known: &Latent) -> (Tensor, Latent) {
    let model = forward::build(&stages(config), &layout(grid()), CPU).unwrap();
    model.observe(x, known, &rows(x.size()[0])).unwrap()
}

/// `n` copies of a slope that does not end at the edges with a line on it.
fn spectra(n: i64) -> Tensor {
    let i = Tensor::arange(D as i64, (Kind::Float, CPU));
    let line = ((&i - 80.0) / 4.0).square() * -0.5;
    (i * 0.005 + 0.5 + line.exp()).unsqueeze(0).repeat([n, 1])
}

/// Noise so weak that it is none.
fn quiet() -> StageConfig {
    StageConfig::noise(1e-9)
}

fn mean(t: &Tensor) -> f64 {
    t.mean(Kind::Double).double_value(&[])
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

fn lost(rho: f64, run: usize, gaps: &[[f64; 2]]) -> StageConfig {
    StageConfig::Mask(MaskStage {
        rho,
        run: Some(run).filter(|_| rho > 0.0),
        gaps: gaps.to_vec(),
        latent: LatentUse::Redrawn,
    })
}

#[test]
fn numpy_and_scipy_agree_with_the_stages() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let d = D as i64;
    let save = |name: &str, t: &Tensor| save(folder, name, t, &t.size());
    let wavelength: Vec<f32> = grid().wavelength().iter().map(|w| *w as f32).collect();
    save("wavelength", &Tensor::from_slice(&wavelength));

    let n = 20_000;
    let ones = Tensor::ones([n, d], (Kind::Float, CPU));
    let throughput = StageConfig::Throughput {
        amplitude: 0.05,
        degree: 4,
    };
    let (factor, _) = observe(&[throughput, quiet()], &ones, &recorded(n, 0.0, 0.0));
    save("throughput_factor", &factor);

    let x = spectra(8) + rows(8).normal(5, d) * 0.1;
    let resolution = StageConfig::Smooth(SmoothingFrom::Resolution {
        resolution: 60.0,
        spread: 0.3,
    });
    let (y, latent) = observe(&[resolution, quiet()], &x, &recorded(8, 0.0, 0.0));
    save("smooth_x", &x);
    save("smooth_y", &y);
    save("smooth_width", &latent.lsf.select(1, 0).contiguous());

    let x = spectra(8);
    let error = 2000.0;
    let redshift = StageConfig::Redshift { error };
    let (y, _) = observe(&[redshift, quiet()], &x, &recorded(8, 0.0, 0.0));
    let pixels = rows(8).child(0).normal(0, 1) * (error / 299_792.458 / grid().dln());
    save("shift_x", &x);
    save("shift_y", &y);
    save("shift_pixels", &pixels.squeeze_dim(1));

    let photon = StageConfig::Noise(NoiseStage {
        electrons: Some(4.0),
        background: 3.0,
        ..NoiseStage::from(LevelFrom::Photon)
    });
    let flux = Tensor::linspace(-1.0, 12.0, d, (Kind::Float, CPU));
    let (y, _) = observe(
        &[photon],
        &flux.unsqueeze(0).repeat([4000, 1]),
        &recorded(4000, 0.0, 0.0),
    );
    let every = Tensor::arange_start_step(0, d, 16, (Kind::Int64, CPU));
    save("photon_flux", &flux.index_select(0, &every));
    let light = y - flux.clamp_max(0.0);
    save("photon_y", &light.index_select(1, &every));

    check(&python, "spectra_stages.py", &[folder]);
}

#[test]
fn the_quasar_channel_and_its_list_of_stages_have_one_closed_form_and_one_linear_channel() {
    for (smoothing, from, noise) in [
        (
            SmoothingFrom::Resolution {
                resolution: 80.0,
                spread: 0.1,
            },
            LevelFrom::Snr,
            NoiseFrom::Snr { min: 0.5, max: 2.0 },
        ),
        (SmoothingFrom::Lsf, LevelFrom::Ivar, NoiseFrom::Ivar),
    ] {
        let quasar = ForwardConfig::Quasar {
            tilt: 0.05,
            smoothing: smoothing.clone(),
            noise,
        };
        let level = NoiseStage {
            snr: (from == LevelFrom::Snr).then_some([0.5, 2.0]),
            ..NoiseStage::from(from)
        };
        let list = [
            StageConfig::Tilt { amplitude: 0.05 },
            StageConfig::Smooth(smoothing),
            StageConfig::mask(0.1, LatentUse::Kept),
            StageConfig::Noise(level),
        ];
        let listed = stages(&list);
        assert!(quasar.closed_form().is_some());
        assert_eq!(quasar.closed_form(), listed.closed_form());
        let closed = |config| Channel::new(config, &grid(), &[1.5; D], &[0.0; D]).unwrap();
        assert_eq!(closed(&quasar).mean_blur, closed(&listed).mean_blur);
        let linear = |config| Linear::new(config, &layout(grid()), CPU).unwrap();
        let (a, b) = (linear(&quasar), linear(&listed));
        assert_eq!(a.ignored(), b.ignored());
        let known = recorded(2, 0.3, 1.5);
        let x = spectra(2);
        assert_eq!(a.apply(&x, &known), b.apply(&x, &known));
        assert_eq!(a.covariance(&x, &known), b.covariance(&x, &known));
        // And both give the same observations but for their streams.
        let n = 20_000;
        let (x, known) = (spectra(n), recorded(n, 0.3, 1.5));
        let model = |config| forward::build(config, &layout(grid()), CPU).unwrap();
        let [one, other] = [&quasar, &listed].map(|c| {
            let (y, _) = model(c).observe(&x, &known, &rows(n)).unwrap();
            let y = y.to_kind(Kind::Double);
            let mean = y.mean_dim([0i64].as_slice(), true, Kind::Double);
            let off = y - &mean;
            (mean, off.transpose(0, 1).matmul(&off) / n as f64)
        });
        let scale = other.1.diagonal(0, 0, 1).max().double_value(&[]);
        let error = 20.0 / (n as f64).sqrt();
        assert!(largest(&(one.0 - other.0)) < error * scale.sqrt());
        assert!(largest(&(one.1 - other.1)) < error * scale);
    }
    // What else happens leaves no closed form; noise before the tilt neither.
    let noise = || StageConfig::noise(0.1);
    let tilt = || StageConfig::Tilt { amplitude: 0.1 };
    let saturate = StageConfig::Saturate {
        level: 3.0,
        flagged: true,
    };
    for list in [vec![noise(), tilt()], vec![tilt(), noise(), saturate]] {
        assert!(stages(&list).closed_form().is_none(), "{list:?}");
    }
}

#[test]
fn runs_of_lost_pixels_have_the_share_the_length_and_the_correlation_of_their_law() {
    let (rho, run, n) = (0.2, 6usize, 4000);
    let (y, latent) = observe(
        &[quiet(), lost(rho, run, &[])],
        &spectra(n),
        &recorded(n, 0.0, 0.0),
    );
    let good = &latent.good;
    let error = 5.0 * (run as f64 / (n as f64 * D as f64)).sqrt();
    assert!((mean(good) - 0.8).abs() < error);
    // No place is better than another, the edges included.
    let each = good.mean_dim([0i64].as_slice(), false, Kind::Float) - 0.8;
    assert!(largest(&each) < 5.0 * (0.16 / n as f64).sqrt());
    // Both of two pixels k apart are kept where none of run + k runs begins.
    let stays = (1.0f64 - rho).powf(1.0 / run as f64);
    for k in [1, 3, 6, 20] {
        let pairs = D as i64 - k;
        let both = mean(&(good.narrow(1, 0, pairs) * good.narrow(1, k, pairs)));
        let expected = stays.powi(run as i32 + (k as i32).min(run as i32));
        assert!((both - expected).abs() < error, "{k}: {both} {expected}");
    }
    // Every run away from the edges is whole.
    for row in 0..50 {
        let row: Vec<f32> = good.get(row).try_into().unwrap();
        let lengths = row.chunk_by(|a, b| a == b);
        let mut at = 0;
        for part in lengths {
            let inside = at > 0 && at + part.len() < D;
            assert!(!inside || part[0] == 1.0 || part.len() >= run);
            at += part.len();
        }
    }
    // Lost pixels hold standard normals, and are told.
    let bad = latent.good.eq(0.0);
    let held = y.masked_select(&bad);
    assert!(mean(&held).abs() < 0.03 && (mean(&held.square()) - 1.0).abs() < 0.05);
    assert_eq!(mean(&latent.sigma.masked_select(&bad)), 1.0);
    // Where the mask is the observations' own nothing is lost besides.
    let kept = observe(
        &[quiet(), StageConfig::mask(rho, LatentUse::Kept)],
        &spectra(2),
        &recorded(2, 0.0, 0.0),
    );
    assert_eq!(mean(&kept.1.good), 1.0);
}

#[test]
fn a_gap_between_chips_is_where_it_was_observed() {
    let gap = [5000.0, 5100.0];
    let shown = |grid: LogGrid, z: f64| {
        let stages = stages(&[quiet(), lost(0.0, 1, &[gap])]);
        let model = forward::build(&stages, &layout(grid), CPU).unwrap();
        let z = Tensor::full([1, 1], z.ln_1p(), (Kind::Float, CPU));
        let known = recorded(1, 0.0, 0.0).at(&z);
        let (_, latent) = model.observe(&spectra(1), &known, &rows(1)).unwrap();
        Vec::<f32>::try_from(latent.good.view([-1])).unwrap()
    };
    let wavelength = grid().wavelength();
    let inside = |w: f64| w >= gap[0] && w <= gap[1];
    for (good, w) in shown(grid(), 0.2).iter().zip(&wavelength) {
        assert_eq!(*good == 0.0, inside(*w));
    }
    let rest = grid().in_frame(Frame::Rest);
    for (good, w) in shown(rest, 0.2).iter().zip(&wavelength) {
        assert_eq!(*good == 0.0, inside(*w * 1.2));
    }
    assert!(shown(rest, f64::NAN).iter().all(|g| *g == 1.0));
}

#[test]
fn what_saturates_is_clipped_and_marked() {
    let x = spectra(3);
    for flagged in [true, false] {
        let saturate = StageConfig::Saturate {
            level: 1.2,
            flagged,
        };
        let (y, latent) = observe(&[quiet(), saturate], &x, &recorded(3, 0.0, 0.0));
        let bright = x.ge(1.2);
        assert!(mean(&bright.to_kind(Kind::Float)) > 0.05);
        let marked = latent.good.eq(0.0);
        match flagged {
            true => assert_eq!(marked, bright),
            false => assert_eq!(mean(&marked.to_kind(Kind::Float)), 0.0),
        }
        let seen = y.where_self(&marked.logical_not(), &x.clamp_max(1.2));
        assert!(largest(&(seen - x.clamp_max(1.2))) < 1e-6);
    }
}

#[test]
fn the_noise_has_the_level_that_is_told() {
    let n = 20_000;
    let photon = NoiseStage {
        electrons: Some(50.0),
        background: 20.0,
        read: 5.0,
        ..NoiseStage::from(LevelFrom::Photon)
    };
    let snr = NoiseStage {
        snr: Some([3.0, 3.0]),
        ..NoiseStage::from(LevelFrom::Snr)
    };
    let x = spectra(n);
    for (noise, level) in [
        // Photons of the light and of the sky, and what the reading adds.
        (photon, (&x * 50.0 + 20.0 + 25.0).sqrt() / 50.0),
        (snr, x.full_like(mean(&spectra(1)) / 3.0 + 1e-4)),
        (NoiseStage::from(LevelFrom::Ivar), x.full_like(0.4)),
        (NoiseStage::of(0.2), x.full_like(0.2)),
    ] {
        let (y, latent) = observe(
            &[StageConfig::Noise(noise.clone())],
            &x,
            &recorded(n, 0.4, 0.0),
        );
        assert!(largest(&(&latent.sigma / &level - 1.0)) < 1e-4, "{noise:?}");
        let u = (y - &x) / level;
        let error = 5.0 / (n as f64 * D as f64).sqrt();
        assert!(mean(&u).abs() < error, "{noise:?}");
        assert!((mean(&u.square()) - 1.0).abs() < 2.0 * error, "{noise:?}");
        let each = u.square().mean_dim([0i64].as_slice(), false, Kind::Float) - 1.0;
        assert!(largest(&each) < 6.0 * (2.0 / n as f64).sqrt(), "{noise:?}");
    }
}

#[test]
fn a_spectrum_is_observed_alike_in_any_batch_and_what_is_given_stays_as_it_is() {
    let n = 12;
    let x = spectra(n) + rows(n).normal(77, D as i64) * 0.1;
    let known = recorded(n, 0.4, 1.2);
    let list = [
        StageConfig::Tilt { amplitude: 0.05 },
        StageConfig::Throughput {
            amplitude: 0.05,
            degree: 3,
        },
        StageConfig::Redshift { error: 300.0 },
        StageConfig::Smooth(SmoothingFrom::Lsf),
        StageConfig::Noise(NoiseStage::from(LevelFrom::Ivar)),
        lost(0.1, 4, &[[5000.0, 5050.0]]),
        StageConfig::Saturate {
            level: 2.0,
            flagged: true,
        },
    ];
    let before = (x.copy(), known.good.copy());
    let (whole, latents) = observe(&list, &x, &known);
    assert_eq!((&x, &known.good), (&before.0, &before.1));
    let index = Tensor::from_slice(&[7i64, 2, 11]);
    let part = Rows::new(9, Purpose::Forward, 0, &index);
    let model = forward::build(&stages(&list), &layout(grid()), CPU).unwrap();
    let (few, latent) = model
        .observe(&x.index_select(0, &index), &known.select(&index), &part)
        .unwrap();
    assert_eq!(few, whole.index_select(0, &index));
    let expected = latents.select(&index);
    assert_eq!(
        (latent.sigma, latent.good, latent.lsf),
        (expected.sigma, expected.good, expected.lsf)
    );
}

#[test]
fn a_list_that_is_not_for_spectra_is_one_line() {
    let parse = |stages: &str, more: &str| {
        let text = format!(
            "[survey]\nprepared = 'a.h5'\n[survey.source]\nkind = 'hdf5'\nfile = 'b.h5'\nwavelength = 'vacuum'\n\
             flux_unit = '1'\n[forward]\nkind = 'stages'\n{more}\n{stages}"
        );
        Config::parse(&text, "test", &[])
    };
    let stage = |keys: &str| format!("[[forward.stages]]\nkind = {keys}\n");
    let noise = stage("'noise'\nfrom = 'ivar'");
    assert!(parse(&noise, "").is_ok());
    for (stages, more, words) in [
        (
            stage("'blur'\nsigma = 1.0") + &noise,
            "",
            "`blur` is for images",
        ),
        (noise.clone(), "units = 'file'", "normalised flux"),
        (
            stage("'tilt'\namplitude = 0.1"),
            "",
            "not one stage of kind",
        ),
        (noise.clone() + &noise, "", "not one stage of kind"),
        (
            noise.clone() + &stage("'smooth'\nfrom = 'lsf'"),
            "",
            "stands before",
        ),
        (
            stage("'smooth'\nfrom = 'lsf'\nspread = 0.1") + &noise,
            "",
            "spread",
        ),
        (
            stage("'mask'\nrho = 0.1\nlatent = 'hidden'") + &noise,
            "",
            "always marked",
        ),
        (stage("'mask'\nlatent = 'kept'") + &noise, "", "rho"),
        (
            stage("'mask'\nlatent = 'kept'\ngaps = [[5000.0, 4000.0]]") + &noise,
            "",
            "ranges of wavelengths",
        ),
        (stage("'noise'\nfrom = 'background'"), "", "for images"),
        (stage("'noise'\nfrom = 'snr'"), "", "`snr`"),
        (stage("'noise'\nfrom = 'ivar'\nread = 3.0"), "", "`read`"),
        (
            stage("'throughput'\namplitude = 0.1\ndegree = 0") + &noise,
            "",
            "degree",
        ),
    ] {
        let said = parse(&stages, more).unwrap_err().to_string();
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
    }
}
