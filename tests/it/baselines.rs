//! The baselines that sample: known answers for Gaussian populations, and the rows of the table.

use ndarray::Array2;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    Chroma, ForwardConfig, LatentUse, NoiseFrom, NoiseStage, SkyStage, SmoothingFrom, StageConfig,
};
use selfsi::data::{ImageBlock, ImageLayout, Layout, LogGrid, PixelScale};
use selfsi::evaluate::{Baseline, Observed, Sampling};
use selfsi::forward;
use selfsi::forward::Latent;
use selfsi::lab::baselines::Linear;
use selfsi::lab::baselines::dps::Dps;
use selfsi::lab::baselines::em;
use selfsi::lab::baselines::em::Rounds;
use selfsi::lab::baselines::{Denoiser, Fit, Gaussian, Posterior, Prior, Settings, sampled};
use selfsi::population::blur_matrix;
use selfsi::train::Observations;
use tch::{Device, Kind, Tensor};

const CPU: Device = Device::Cpu;
const SEED: u64 = 11;

fn layout(channels: usize, height: usize, width: usize, vector: usize, planes: usize) -> Layout {
    Layout::Images(ImageLayout {
        channels,
        height,
        width,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        },
        vector,
        planes,
        psf: 0,
    })
}

fn stages(stages: &[StageConfig]) -> ForwardConfig {
    ForwardConfig::Stages {
        stages: stages.to_vec(),
        units: None,
    }
}

fn normal(step: u64, n: i64, d: i64) -> Tensor {
    Rows::range(SEED, Purpose::Simulate, step, n, CPU).normal(0, d)
}

fn rows(n: i64) -> Rows {
    Rows::range(SEED, Purpose::Baselines, 0, n, CPU)
}

/// All pixels good, no numbers, no planes.
fn seen(n: i64, d: i64) -> Latent {
    let ones = Tensor::ones([n, d], (Kind::Float, CPU));
    Latent::of_pixels(
        ones.shallow_clone(),
        ones.shallow_clone(),
        ones.zeros_like(),
    )
}

/// C_ij = exp(−|i − j|/3) (1 + i/d), and a mean.
fn population(d: i64) -> (Tensor, Tensor) {
    let i = Tensor::arange(d, (Kind::Float, CPU));
    let distance = (i.unsqueeze(0) - i.unsqueeze(1)).abs();
    let amplitude = (&i / d as f64 + 1.0).sqrt();
    let covariance = (distance / -3.0).exp() * amplitude.unsqueeze(0) * amplitude.unsqueeze(1);
    ((i * 0.1).sin().unsqueeze(0), covariance)
}

/// n draws of N(mean, covariance).
fn draws(step: u64, n: i64, mean: &Tensor, covariance: &Tensor) -> Tensor {
    let factor = covariance.linalg_cholesky(false);
    normal(step, n, mean.size()[1]).matmul(&factor.transpose(0, 1)) + mean
}

fn covariance(x: &Tensor) -> (Tensor, Tensor) {
    let mean = x.mean_dim([0i64].as_slice(), true, Kind::Float);
    let c = x - &mean;
    (mean, c.transpose(0, 1).matmul(&c) / x.size()[0] as f64)
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

#[test]
fn the_linear_channel_is_the_mean_of_the_forward_model_and_its_noise_has_the_covariance() {
    let kept = LatentUse::Kept;
    let motion = StageConfig::Motion {
        length: 5,
        latent: kept,
    };
    let noise = StageConfig::noise(0.3);
    let blur = StageConfig::Blur { sigma: 1.0 };
    let rays = StageConfig::Rays {
        rays: 3,
        latent: kept,
    };
    let binned = StageConfig::Undersample { factor: 2 };
    let correlated = StageConfig::Noise(NoiseStage {
        kernel: vec![
            vec![0.0, 0.5, 0.0],
            vec![0.2, 1.0, 0.1],
            vec![0.0, 0.3, 0.0],
        ],
        ..NoiseStage::of(0.3)
    });
    let plane = StageConfig::Sky(SkyStage {
        amplitude: 0.0,
        shift: 0.0,
        degree: 0,
        level: 0.2,
        slope: 0.1,
    });
    let (n, d) = (4000, 48);
    for (config, vector, planes) in [
        (stages(&[blur.clone(), noise.clone()]), 0, 0),
        (stages(&[noise.clone(), blur.clone(), noise.clone()]), 0, 0),
        (stages(&[motion, noise.clone()]), 1, 0),
        (stages(&[rays, noise.clone()]), 0, 1),
        (ForwardConfig::Gaussian { sigma: 0.3 }, 0, 0),
        (stages(&[binned, noise.clone()]), 0, 0),
        (stages(&[correlated]), 0, 0),
        (stages(&[plane, noise]), 0, 0),
    ] {
        let layout = layout(1, 6, 8, vector, planes);
        let model = forward::build(&config, &layout, CPU).unwrap();
        let channel = Linear::new(&config, &layout, CPU).unwrap();
        let one = normal(1, 1, d);
        let mut latent = seen(1, d);
        latent.vector = Tensor::full([1, vector as i64], 0.2, (Kind::Float, CPU));
        latent.planes = normal(2, 1, planes as i64 * d).gt(0.0).to_kind(Kind::Float);
        let all = latent.repeat(n);
        let x = one.repeat([n, 1]);
        let (y, _) = model
            .observe(&x, &all, &Rows::range(3, Purpose::Forward, 0, n, CPU))
            .unwrap();
        let (mean, scatter) = covariance(&y);
        let expected = channel.apply(&one, &latent);
        assert!(largest(&(mean - expected)) < 0.03, "{config:?}");
        let identity = Tensor::eye(d, (Kind::Float, CPU));
        let sigma = channel.covariance(&identity, &latent.repeat(d));
        assert!(largest(&(scatter - sigma)) < 0.015, "{config:?}");
    }
}

#[test]
fn the_transpose_is_the_transpose_and_masked_pixels_take_no_part() {
    let config = stages(&[
        StageConfig::Motion {
            length: 3,
            latent: LatentUse::Kept,
        },
        StageConfig::mask(0.5, LatentUse::Redrawn),
        StageConfig::noise(0.1),
    ]);
    let (n, d) = (5, 48);
    let channel = Linear::new(&config, &layout(1, 6, 8, 1, 0), CPU).unwrap();
    let mut latent = seen(n, d);
    latent.good = normal(4, n, d).gt(0.0).to_kind(Kind::Float);
    latent.vector = normal(5, n, 1).sigmoid();
    let (x, r) = (normal(6, n, d), normal(7, n, d));
    let dot =
        |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    let (left, right) = (
        dot(&channel.apply(&x, &latent), &r),
        dot(&x, &channel.transpose(&r, &latent)),
    );
    assert!(largest(&(left - right)) < 1e-4);
    let lost: Tensor = 1.0 - &latent.good;
    assert_eq!(largest(&(channel.apply(&x, &latent) * &lost)), 0.0);
    assert_eq!(largest(&(channel.covariance(&r, &latent) * &lost)), 0.0);
    assert_eq!(largest(&channel.transpose(&lost, &latent)), 0.0);
}

#[test]
fn the_quasar_channel_smooths_like_its_matrix_and_its_noise_is_correlated() {
    let d = 64;
    let grid = LogGrid {
        loglam0: 3.6,
        dloglam: 1e-4,
        pixels: d as usize,
        frame: selfsi::config::Frame::Observed,
    };
    let rho: Vec<f32> = (0..d).map(|i| 0.02 * (i % 9) as f32).collect();
    let layout = Layout::Spectra {
        grid,
        noise_rho: rho.clone(),
    };
    let config = ForwardConfig::Quasar {
        tilt: 0.05,
        smoothing: SmoothingFrom::Lsf,
        noise: NoiseFrom::Ivar,
    };
    let channel = Linear::new(&config, &layout, CPU).unwrap();
    assert!(
        channel.ignored()[0].contains("tilt"),
        "{:?}",
        channel.ignored()
    );
    let sigma = normal(8, 1, d).abs() + 0.5;
    let ones = sigma.ones_like();
    let latent = Latent::of_pixels(ones.shallow_clone(), sigma.shallow_clone(), &ones * 2.0);
    let matrix = blur_matrix(&[2.0; 64]).mapv(|v| v as f32);
    let matrix = Tensor::from_slice(matrix.as_slice().unwrap()).view([d, d]);
    let x = normal(9, 1, d);
    let expected = x.matmul(&matrix.transpose(0, 1));
    assert!(largest(&(channel.apply(&x, &latent) - expected)) < 1e-4);
    let identity = Tensor::eye(d, (Kind::Float, CPU));
    let covariance = channel.covariance(&identity, &latent.repeat(d));
    let at = |i: i64, j: i64| covariance.double_value(&[i, j]);
    let s = |i: i64| sigma.double_value(&[0, i]);
    for i in 0..d - 1 {
        assert!((at(i, i) - s(i) * s(i)).abs() < 1e-3);
        assert!((at(i, i + 1) - f64::from(rho[i as usize]) * s(i) * s(i + 1)).abs() < 1e-4);
        assert!((at(i, i + 1) - at(i + 1, i)).abs() < 1e-6);
    }
}

#[test]
fn channels_that_are_not_linear_and_gaussian_are_refused_with_the_reason() {
    let hidden = LatentUse::Hidden;
    let command = ForwardConfig::Command {
        program: vec!["x".into()],
        timeout: 1.0,
        latent: hidden,
        processes: Some(1),
    };
    for (config, reason) in [
        (command, "program"),
        (stages(&[StageConfig::Poisson { rate: 0.1 }]), "Poisson"),
        (stages(&[StageConfig::Photon { gain: 2.0 }]), "photon"),
        (stages(&[StageConfig::mask(0.5, hidden)]), "mask is hidden"),
        (
            stages(&[StageConfig::Motion {
                length: 3,
                latent: hidden,
            }]),
            "direction",
        ),
        (
            stages(&[StageConfig::Jpeg {
                min: 0.1,
                max: 1.0,
                chroma: Chroma::Full,
                latent: hidden,
            }]),
            "JPEG",
        ),
    ] {
        let why = Linear::new(&config, &layout(3, 5, 7, 0, 0), CPU).unwrap_err();
        assert!(why.contains(reason), "{why}");
    }
}

/// Observations of draws of a Gaussian population with half of the pixels masked and noise.
struct Masked {
    channel: Linear,
    x: Tensor,
    observed: Observations,
}

fn masked(n: i64, d: i64, sigma: f64, rho: f64, mean: &Tensor, covariance: &Tensor) -> Masked {
    let config = stages(&[
        StageConfig::mask(0.5, LatentUse::Redrawn),
        StageConfig::noise(sigma),
    ]);
    let channel = Linear::new(&config, &layout(1, 1, d as usize, 0, 0), CPU).unwrap();
    let mut latent = seen(n, d);
    let kept = Rows::range(SEED, Purpose::Simulate, 20, n, CPU)
        .uniform(0, d)
        .ge(rho);
    latent.good = kept.to_kind(Kind::Float);
    let x = draws(21, n, mean, covariance);
    let flux = (&x + normal(22, n, d) * sigma) * &latent.good;
    Masked {
        channel,
        x,
        observed: Observations { flux, latent },
    }
}

#[test]
fn posterior_sampling_of_a_gaussian_population_gives_the_closed_form_posterior() {
    let (n, d, sigma) = (6000, 6, 0.5);
    let (mean, c) = population(d);
    let mut one = masked(1, d, sigma, 0.4, &mean, &c);
    // The first and the last pixel are seen, some of the others not.
    one.observed.latent.good = Tensor::from_slice(&[1f32, 0., 1., 1., 0., 1.]).unsqueeze(0);
    let good = &one.observed.latent.good;
    let y = (&one.x + normal(23, 1, d) * sigma) * good;
    let seen_rows = good.squeeze_dim(0).nonzero().squeeze_dim(1);
    let a = Tensor::eye(d, (Kind::Float, CPU)).index_select(0, &seen_rows);
    let seen_y = y.index_select(1, &seen_rows);
    let k = a.matmul(&c).matmul(&a.transpose(0, 1))
        + Tensor::eye(seen_rows.size()[0], (Kind::Float, CPU)) * (sigma * sigma);
    let gain = c.matmul(&a.transpose(0, 1)).matmul(&k.inverse());
    let residual = seen_y - mean.matmul(&a.transpose(0, 1));
    let expected_mean = &mean + residual.matmul(&gain.transpose(0, 1));
    let expected = &c - gain.matmul(&a).matmul(&c);

    let prior = Gaussian::new(&mean, &c);
    let posterior = Posterior {
        prior: &prior,
        shape: &prior,
        channel: &one.channel,
        steps: 32,
        iterations: 6,
    };
    let observed = Observations {
        flux: y.repeat([n, 1]),
        latent: one.observed.latent.repeat(n),
    };
    let (found_mean, found) = covariance(&posterior.draw(&observed, &rows(n)));
    // Sampling errors: 0.013 of the mean, 0.02 of the variances.
    assert!(largest(&(found_mean - expected_mean)) < 0.05);
    assert!(largest(&(found - expected)) < 0.07);
}

#[test]
fn a_row_is_drawn_alike_in_any_batch() {
    let (n, d) = (7, 6);
    let (mean, c) = population(d);
    let many = masked(n, d, 0.3, 0.5, &mean, &c);
    let prior = Gaussian::new(&mean, &c);
    let one = Observations {
        flux: many.observed.flux.narrow(0, 3, 1),
        latent: many.observed.latent.narrow(3, 1),
    };
    let posterior = Posterior {
        prior: &prior,
        shape: &prior,
        channel: &many.channel,
        steps: 8,
        iterations: 3,
    };
    let dps = Dps {
        prior: &prior,
        channel: &many.channel,
        steps: 30,
    };
    for draw in [
        &|o: &Observations, r: &Rows| posterior.draw(o, r) as Tensor,
        &|o: &Observations, r: &Rows| dps.draw(o, 0.3, r),
    ] as [&dyn Fn(&Observations, &Rows) -> Tensor; 2]
    {
        let (all, alone) = (
            draw(&many.observed, &rows(n)),
            draw(&one, &rows(n).narrow(3, 1)),
        );
        assert!(largest(&(all.narrow(0, 3, 1) - alone)) < 1e-4);
    }
}

#[test]
fn dps_draws_from_the_prior_without_guidance_and_nearer_to_the_truth_with_it() {
    let (n, d) = (3000, 6);
    let (mean, c) = population(d);
    let Masked {
        channel,
        x,
        observed,
    } = masked(n, d, 0.2, 0.0, &mean, &c);
    let prior = Gaussian::new(&mean, &c);
    let dps = Dps {
        prior: &prior,
        channel: &channel,
        steps: 100,
    };
    let (free_mean, free) = covariance(&dps.draw(&observed, 0.0, &rows(n)));
    assert!(largest(&(free_mean - &mean)) < 0.1 && largest(&(free - &c)) < 0.25);
    let error = |zeta: f64| {
        (dps.draw(&observed, zeta, &rows(n)) - &x)
            .square()
            .mean(Kind::Float)
            .sqrt()
    };
    let error = |zeta: f64| error(zeta).double_value(&[]);
    // Two independent draws differ by √2 standard deviations (1.2 here).
    assert!((error(0.0) - 1.7).abs() < 0.15, "{}", error(0.0));
    let best = dps.best(&observed, &x, &[0.0, 0.01, 0.03, 0.1, 0.3, 1.0], &rows(n));
    assert!(best > 0.0 && error(best) < 0.4, "{best}: {}", error(best));
}

#[test]
fn em_finds_the_variance_of_the_population_from_masked_noisy_observations_alone() {
    let (n, d) = (1500, 6);
    let (mean, c) = population(d);
    let Masked {
        channel, observed, ..
    } = masked(n, d, 0.5, 0.3, &mean, &c);
    let rounds = Rounds {
        gaussian: 12,
        diffusion: 0,
        fit: Fit {
            steps: 1,
            batch: 1,
            rate: 1e-3,
            seed: SEED,
        },
        steps: 16,
        iterations: 6,
    };
    let options = (Kind::Float, CPU);
    let start = Gaussian::new(
        &Tensor::zeros([1, d], options),
        &(Tensor::eye(d, options) * 4.0),
    );
    let found = em::gaussian(start, &channel, &observed, &rounds);
    assert!(largest(&(found.mean() - &mean)) < 0.2);
    // D at a large σ is C/σ² (x − m): the covariance, seen through the denoiser.
    let sigma = Tensor::full([d, 1], 100.0, options);
    let x = Tensor::eye(d, options) * 100.0 + found.mean();
    let covariance = (found.denoise(&x, &sigma, 0) - found.mean()) * 100.0;
    assert!(largest(&(covariance - &c)) < 0.35);
}

#[test]
fn white_noise_of_spectra_has_the_configs_level_and_the_sets_correlation() {
    let grid = LogGrid {
        loglam0: 3.6,
        dloglam: 1e-4,
        pixels: 3,
        frame: selfsi::config::Frame::Observed,
    };
    let layout = Layout::Spectra {
        grid,
        noise_rho: vec![0.2, 0.0, 0.0],
    };
    let channel = Linear::new(&ForwardConfig::Gaussian { sigma: 0.5 }, &layout, CPU).unwrap();
    let identity = Tensor::eye(3, (Kind::Float, CPU));
    let found = channel.covariance(&identity, &seen(3, 3));
    let expected = [0.25f32, 0.05, 0., 0.05, 0.25, 0., 0., 0., 0.25];
    assert!(largest(&(found - Tensor::from_slice(&expected).view([3, 3]))) < 1e-5);
}

#[test]
fn a_prior_fits_images_of_any_size_and_spectra_of_an_even_number_of_pixels() {
    let sigma = Tensor::ones([2, 1], (Kind::Float, CPU));
    for [c, h, w] in [[3, 5, 7], [1, 6, 10], [1, 1, 1]] {
        let x = normal(50, 2, (c * h * w) as i64);
        let prior = Prior::new(&layout(c, h, w, 0, 0), &x, SEED).unwrap();
        assert_eq!(prior.denoise(&x, &sigma, 0).size(), x.size());
    }
    for (pixels, fits) in [(8, true), (64, true), (90, true), (1024, true), (65, false)] {
        let x = normal(51, 2, pixels as i64);
        let grid = LogGrid {
            loglam0: 3.6,
            dloglam: 1e-4,
            pixels,
            frame: selfsi::config::Frame::Observed,
        };
        let layout = Layout::Spectra {
            grid,
            noise_rho: vec![0.0; pixels],
        };
        match Prior::new(&layout, &x, SEED) {
            Ok(prior) => {
                assert!(fits);
                assert_eq!(prior.denoise(&x, &sigma, 5).size(), x.size());
            }
            Err(why) => assert!(!fits && why.contains("even"), "{pixels}: {why}"),
        }
    }
}

#[test]
fn a_trained_prior_knows_the_variance_of_its_data() {
    let d = 16;
    let i = Tensor::arange(d, (Kind::Float, CPU));
    let shape = (i * 0.4).cos().unsqueeze(0);
    let x: Tensor = normal(30, 512, 1) * &shape * 2.0 + 3.0;
    let prior = Prior::new(&layout(1, 4, 4, 0, 0), &x, SEED).unwrap();
    let loss = |prior: &Prior| {
        let sigma = Tensor::full([512, 1], 1.0, (Kind::Float, CPU));
        let noisy = &x + normal(31, 512, d);
        (tch::no_grad(|| prior.denoise(&noisy, &sigma, 0)) - &x)
            .square()
            .mean(Kind::Float)
            .double_value(&[])
    };
    let before = loss(&prior);
    prior.fit(
        &x,
        Fit {
            steps: 150,
            batch: 64,
            rate: 2e-3,
            seed: SEED,
        },
    );
    let after = loss(&prior);
    // White noise of variance 1 on one direction of 16: 1/16 at best.
    assert!(after < 0.25 && after < 0.5 * before, "{before} {after}");
}

/// 40 images of 4 × 4 pixels: 8 scored, 16 to learn from, 4 to tune on, 16 clean.
fn task(forward: &ForwardConfig) -> Sampling<'_> {
    let image = layout(1, 4, 4, 0, 0);
    let values = |step, n: i64| {
        let x = Vec::<f32>::try_from(normal(step, n, 16).view([-1])).unwrap();
        Array2::from_shape_vec((n as usize, 16), x).unwrap()
    };
    let observed = |step, n: i64| {
        Observed::Images(ImageBlock {
            pixels: values(step, n),
            ivar: Array2::from_elem((n as usize, 16), 4.0),
            vector: Array2::zeros((n as usize, 0)),
            planes: Array2::zeros((n as usize, 0)),
            psf: Array2::zeros((n as usize, 0)),
        })
    };
    Sampling {
        layout: image,
        forward,
        seed: SEED,
        scored: observed(40, 8),
        learning: observed(41, 16),
        tuning: (observed(42, 4), values(42, 4)),
        clean: values(43, 16),
        moments: None,
        spectra: None,
        images: None,
    }
}

#[test]
fn both_rows_come_with_their_settings_or_a_note_why_there_are_none() {
    let settings = Settings {
        training: 4,
        dps_steps: 3,
        em_steps: 2,
        iterations: 1,
        rounds: (1, 2),
        ..Settings::default()
    };
    let forward = stages(&[StageConfig::noise(0.5)]);
    let answer = sampled(&task(&forward), &settings, CPU, &|_| ()).unwrap();
    let baselines: Vec<Baseline> = answer.rows.iter().map(|r| r.baseline).collect();
    assert_eq!(baselines, [Baseline::Dps, Baseline::EmPosterior]);
    assert!(answer.rows.iter().all(|r| r.values.dim() == (8, 16)));
    let notes = answer.notes.join("\n");
    assert!(
        notes.contains("16 clean objects") && notes.contains("flatters"),
        "{notes}"
    );
    assert!(notes.contains("from 16 observations"), "{notes}");
    let again = sampled(&task(&forward), &settings, CPU, &|_| ()).unwrap();
    for (a, b) in answer.rows.iter().zip(&again.rows) {
        assert_eq!(a.values, b.values);
    }

    let mut few = task(&forward);
    few.clean = few.clean.slice(ndarray::s![..3, ..]).to_owned();
    let answer = sampled(&few, &settings, CPU, &|_| ()).unwrap();
    assert_eq!(answer.rows.len(), 1);
    assert!(
        answer.notes[0].contains("only 7 clean objects"),
        "{:?}",
        answer.notes
    );

    let photon = stages(&[StageConfig::Photon { gain: 2.0 }]);
    let answer = sampled(&task(&photon), &settings, CPU, &|_| ()).unwrap();
    assert!(answer.rows.is_empty());
    assert!(answer.notes[0].contains("photon"), "{:?}", answer.notes);
}
