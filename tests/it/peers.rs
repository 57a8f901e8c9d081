//! The peers of `evaluate --baselines` on a Gaussian population, whose best estimate is known.

use ndarray::{Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::config::{ForwardConfig, GridConfig, NetworkConfig, TrainConfig, UNet1dConfig};
use selfsi::data::{Block, Layout, LogGrid};
use selfsi::evaluate::{Baseline, Observed, Sampled, Sampling, Spectra, rmse};
use selfsi::lab::baselines::{Settings, sampled};
use selfsi::population::Cholesky;
use tch::Device;

const D: usize = 32;
const SIGMA: f64 = 1.0;
const TRAINING: usize = 1000;
const SCORED: usize = 100;

/// Spectra at one redshift: a mean of 1 and two waves, each object with weights of its own; and a third,
/// weak one, which four components waste none on.
struct Toy {
    modes: Array2<f64>,
}

impl Toy {
    fn new() -> Self {
        let wave = |(k, j): (usize, usize)| {
            let scale = [0.8, 0.6, 0.3][k];
            scale * ((k + 1) as f64 * (j as f64 + 0.5) * std::f64::consts::PI / D as f64).cos()
        };
        Self {
            modes: Array2::from_shape_fn((3, D), wave),
        }
    }

    /// Clean spectra and observations of them.
    fn objects(&self, n: usize, seed: u64) -> (Array2<f32>, Block) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal =
            |shape| Array2::from_shape_fn(shape, |_| -> f64 { rng.sample(StandardNormal) });
        let clean = normal((n, 3)).dot(&self.modes) + 1.0;
        let flux = &clean + &(normal((n, D)) * SIGMA);
        let single = |a: Array2<f64>| a.mapv(|v| v as f32);
        let block = Block {
            flux: single(flux),
            ivar: Array2::from_elem((n, D), (1.0 / (SIGMA * SIGMA)) as f32),
            lsf: Array2::zeros((n, D)),
            sky: Array2::zeros((n, 0)),
            resolution: Array2::zeros((n, 0)),
            norm: vec![1.0; n],
            z: vec![3.0; n],
            z_err: vec![f64::NAN; n],
        };
        (single(clean), block)
    }

    /// The posterior mean under the true population.
    fn wiener(&self, block: &Block) -> Array2<f32> {
        let covariance = self.modes.t().dot(&self.modes);
        let seen = &covariance + &(Array2::<f64>::eye(D) * (SIGMA * SIGMA));
        let solver = Cholesky::new(&seen).unwrap();
        let residual = block.flux.mapv(|v| f64::from(v) - 1.0);
        let mean = covariance.dot(&solver.solve(&residual.t().to_owned())) + 1.0;
        mean.t().mapv(|v| v as f32)
    }
}

#[test]
fn the_peers_come_near_the_best_estimate_and_the_control_nearest() {
    let toy = Toy::new();
    let forward = ForwardConfig::Gaussian { sigma: SIGMA };
    let network = NetworkConfig::Unet1d(UNet1dConfig {
        channels: vec![16, 16],
        patch: 4,
        margin: 8,
        redshift: Some(true),
        ..UNet1dConfig::default()
    });
    let train = TrainConfig {
        batch: 64,
        learning_rate: 3e-3,
        ema: 0.97,
        ..TrainConfig::default()
    };
    let (truth, scored) = toy.objects(SCORED, 1);
    let (_, training) = toy.objects(TRAINING, 2);
    let (clean, of_clean) = toy.objects(TRAINING, 3);
    let (tuned, tuning) = toy.objects(8, 4);
    let layout = Layout::Spectra {
        grid: LogGrid::new(&GridConfig {
            pixels: D,
            ..GridConfig::default()
        }),
        noise_rho: vec![0.0; D],
    };
    let task = Sampling {
        layout,
        forward: &forward,
        seed: 5,
        scored: Observed::Spectra(scored.clone()),
        learning: Observed::Spectra(training.clone()),
        tuning: (Observed::Spectra(tuning), tuned),
        clean,
        moments: None,
        images: None,
        spectra: Some(Spectra {
            network: &network,
            train: &train,
            cpu_s: None,
            training,
            of_clean,
        }),
    };
    let made = |baseline: Baseline, steps: u64| -> Sampled {
        let settings = Settings {
            methods: vec![baseline],
            steps: Some(steps),
            ..Settings::default()
        };
        let answer = sampled(&task, &settings, Device::Cpu, &|_| ()).unwrap();
        assert_eq!((answer.rows.len(), answer.notes.len()), (1, 1));
        answer.rows.into_iter().next().unwrap()
    };
    let best = rmse(toy.wiener(&scored).view(), truth.view());
    let over = |s: &Sampled| rmse(s.values.view(), truth.view()) / best;
    let empca = made(Baseline::Empca, 20);
    let unet = made(Baseline::SureUnet, 200);
    let control = made(Baseline::Control, 110);
    // Least squares: four components' worth of the noise, and no less.
    let least = (4.0 / D as f64).sqrt() * SIGMA / best;
    assert!(
        (over(&empca) / least - 1.0).abs() < 0.1,
        "{} {least}",
        over(&empca)
    );
    assert!(over(&unet) < 1.2, "{}", over(&unet));
    assert!(over(&control) < 1.1, "{}", over(&control));
    assert!(over(&control) < over(&unet) && over(&control) < over(&empca));

    // The draws are as wide as the errors: EMPCA's of its coefficients, the control's of all.
    assert!(unet.draws.is_none());
    for row in [&empca, &control] {
        let draws = row.draws.as_ref().unwrap();
        let off = draws
            .axis_iter(Axis(0))
            .map(|d| rmse(d, row.values.view()).powi(2));
        let spread = (off.sum::<f64>() / draws.len_of(Axis(0)) as f64).sqrt();
        let ratio = spread / rmse(row.values.view(), truth.view());
        assert!((0.85..1.15).contains(&ratio), "{}: {ratio}", row.name);
    }
}
