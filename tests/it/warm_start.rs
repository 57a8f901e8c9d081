//! The Gaussian population of the warm start is the clean one, though only noisy spectra are seen.

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{ForwardConfig, GridConfig};
use selfsi::data::{Layout, LogGrid};
use selfsi::forward::Latent;
use selfsi::train::{Data, GaussianPopulation, Observations};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const N: i64 = 8000;
const D: i64 = 64;
const SIGMA: f64 = 0.7;

/// Mean of the clean spectra and the two modes they vary in, each [1, D].
fn truth() -> (Tensor, [Tensor; 2]) {
    let u = Tensor::linspace(0.0, 1.0, D, (Kind::Float, Device::Cpu)).unsqueeze(0);
    let wave = |periods: f64| (&u * (std::f64::consts::TAU * periods)).sin();
    (1.0 + wave(0.5), [wave(1.0) * 0.8, wave(2.5) * 0.4])
}

/// `n` clean spectra behind noise of standard deviation `sigma`; one pixel in ten is masked.
fn observed(n: i64, sigma: f64, step: u64) -> Observations {
    let rows = Rows::range(2, Purpose::Validation, step, n, Device::Cpu);
    let (mean, modes) = truth();
    let z = rows.normal(0, 2);
    let clean = mean + z.narrow(1, 0, 1) * &modes[0] + z.narrow(1, 1, 1) * &modes[1];
    let good = rows.uniform(1, D).gt(0.1).to_kind(Kind::Float);
    let ivar = &good / (sigma * sigma);
    Observations {
        flux: (clean + rows.normal(2, D) * sigma) * &good,
        latent: Latent::from_ivar(&ivar, &ivar.zeros_like()),
    }
}

fn learned() -> GaussianPopulation {
    tch::set_num_threads(1);
    let data = Data {
        layout: Layout::Spectra {
            grid: LogGrid::new(&GridConfig {
                min: 4000.0,
                max: 6500.0,
                pixels: D as usize,
                ..GridConfig::default()
            }),
            noise_rho: vec![0.0; D as usize],
        },
        training: observed(N, SIGMA, 0).into(),
        heldout: observed(10, SIGMA, 1),
        clean: None,
    };
    let forward = ForwardConfig::Gaussian { sigma: SIGMA };
    GaussianPopulation::learn(Path::new("set.h5"), &data, &forward, Device::Cpu).unwrap()
}

fn draws(population: &GaussianPopulation) -> Tensor {
    let n = 20_000;
    population.draw(&Rows::range(5, Purpose::WarmStart, 0, n, Device::Cpu))
}

#[test]
fn draws_have_the_mean_and_the_covariance_of_the_clean_population() {
    let x = draws(&learned());
    let (mean, modes) = truth();
    let found = x.mean_dim([0i64].as_slice(), true, Kind::Float);
    let off = (&found - mean).abs().max().double_value(&[]);
    // Five standard errors of a pixel's mean: of 7,200 spectra with variance 0.64 + 0.49 at most,
    // and of the 20,000 draws.
    let error = 5.0 * (1.13f64 / 7200.0 + 0.64 / 20_000.0).sqrt();
    assert!(off < error, "{off} {error}");

    let centred = x - found;
    let covariance = centred.transpose(0, 1).matmul(&centred) / centred.size()[0] as f64;
    let truth =
        modes[0].transpose(0, 1).matmul(&modes[0]) + modes[1].transpose(0, 1).matmul(&modes[1]);
    // The noise's variance, 0.49, is in none of it: six standard errors of a sample variance.
    let off = (&covariance - &truth).abs().max().double_value(&[]);
    let error = 6.0 * 1.13 * (2.0f64 / 6500.0 + 2.0 / 20_000.0).sqrt();
    assert!(off < error, "{off} {error}");
    let total = |c: &Tensor| c.diagonal(0, 0, 1).sum(Kind::Double).double_value(&[]);
    let ratio = total(&covariance) / total(&truth);
    assert!((ratio - 1.0).abs() < 0.06, "{ratio}");
}

#[test]
fn learned_again_it_is_the_same_to_the_bit() {
    assert!(draws(&learned()) == draws(&learned()));
}

/// An object at a known redshift shows that part of the rest frame; without one it shows any, and the
/// network is not told what nobody knows.
#[test]
fn draws_lie_where_the_redshift_puts_them() {
    let population = learned();
    let rows = Rows::range(5, Purpose::WarmStart, 0, 4, Device::Cpu);
    let z = Tensor::from_slice(&[1.3f32, f32::NAN, 1.4, 1.5]).unsqueeze(1);
    // Learned in the observed frame: what it draws says nothing of a redshift.
    let [x, told] = population.draw_at(&rows, &z);
    assert!(x == population.draw(&rows));
    assert!(told.isnan().all().int64_value(&[]) == 1);
}
