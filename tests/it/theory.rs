//! The exact Gaussian sequence: its fixed point, its factors against Theorem 1 and Corollary 1, and
//! its step against a numerical integration and against the transport that training runs.

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{EpsilonShape, InterpolantConfig, Scheme, TransportConfig};
use selfsi::forward::Latent;
use selfsi::lab::theory::{Case, Path, Report, chi, kl, regularity};
use selfsi::nets::{Fields, Params, Pass, VelocityField};
use selfsi::transport::Transport;
use tch::{Device, Kind, Tensor};

const SDE: Path = Path::Sde {
    gamma: 0.8,
    epsilon: 0.3,
};
const PATHS: [Path; 3] = [Path::Ode, SDE, Path::FokkerPlanck];
/// Variances of truth and iterate, noise: weak and strong signals, near and far.
const CASES: [(f64, f64, f64); 6] = [
    (1.0, 1.25, 0.5),
    (1.0, 0.4, 0.5),
    (0.09, 0.34, 0.5),
    (0.04, 0.03, 1.0),
    (2.0, 50.0, 0.3),
    (1.0, 1e-3, 0.7),
];

fn case(path: Path, sigma: f64, truth: &[f64]) -> Case {
    Case {
        path,
        sigma,
        truth: truth.to_vec(),
    }
}

/// dV/dτ = −(s' + 2ε)/s V + 2ε along the backward SDE, by Runge–Kutta from V = S + σ², with s' by
/// differences: nothing is shared with the closed form but s and ε.
fn integrated(path: Path, sigma: f64, truth: f64, v: f64) -> f64 {
    let epsilon = path.epsilon(sigma);
    let s = |t: f64| v + path.added_variance(sigma, t);
    let rate = |t: f64, variance: f64| {
        let slope = (s(t + 1e-5) - s(t - 1e-5)) / 2e-5;
        -(slope + 2.0 * epsilon) / s(t) * variance + 2.0 * epsilon
    };
    let n = 20_000;
    let h = 1.0 / f64::from(n);
    (0..n).fold(truth + sigma * sigma, |x, k| {
        let t = 1.0 - f64::from(k) * h;
        let a = rate(t, x);
        let b = rate(t - 0.5 * h, x + 0.5 * h * a);
        let c = rate(t - 0.5 * h, x + 0.5 * h * b);
        let d = rate(t - h, x + h * c);
        x + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
    })
}

#[test]
fn the_step_is_what_integrating_the_variance_along_the_path_gives() {
    for path in PATHS {
        for (truth, v, sigma) in CASES {
            let exact = case(path, sigma, &[truth]).next(truth, v);
            let found = integrated(path, sigma, truth, v);
            let same = (found / exact - 1.0).abs() < 1e-6;
            assert!(same, "{path:?} {truth} {v} {sigma}: {found} {exact}");
        }
    }
}

#[test]
fn the_fokker_planck_step_is_the_average_over_posteriors() {
    for (truth, v, sigma) in CASES {
        let noise = sigma * sigma;
        let (slope, left) = (v / (v + noise), v * noise / (v + noise));
        let average = slope * slope * (truth + noise) + left;
        let exact = case(Path::FokkerPlanck, sigma, &[truth]).next(truth, v);
        assert!((exact / average - 1.0).abs() < 1e-12);
    }
}

#[test]
fn the_truth_is_the_fixed_point_of_every_interpolant() {
    for path in PATHS {
        for (truth, _, sigma) in CASES {
            assert_eq!(case(path, sigma, &[truth]).next(truth, truth), truth);
        }
        let sequence = case(path, 0.5, &[1.0, 0.09]).sequence(&[1.0, 0.09], 10);
        assert!(sequence.len() == 1 && sequence[0].kl == 0.0);
    }
}

#[test]
fn from_near_starts_the_sequence_falls_to_the_truth() {
    let truth = [1.0, 0.49];
    for path in PATHS {
        for start in [[1.25, 0.74], [0.5, 0.3], [2.0, 0.2]] {
            let sequence = case(path, 0.5, &truth).sequence(&start, 200);
            let last = sequence.last().unwrap();
            assert!(last.kl < 1e-10, "{path:?} {last:?}");
            assert!(sequence.windows(2).all(|w| w[1].kl < w[0].kl));
            for (std, truth) in last.std.iter().zip(truth) {
                assert!((std * std / truth - 1.0).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn no_step_exceeds_what_theorem_1_and_corollary_1_allow() {
    let starts = [[1e-3, 1e-2], [0.3, 5.0], [1.5, 0.1], [40.0, 0.05]];
    for path in [SDE, Path::FokkerPlanck] {
        for sigma in [0.2, 0.5, 2.0] {
            for start in starts {
                let case = case(path, sigma, &[1.0, 0.09]);
                let report = Report::new(&case, &start, 40);
                let overall = report.factor.unwrap();
                for i in &report.iterates[1..] {
                    let (factor, bound) = (i.factor.unwrap(), i.bound.unwrap());
                    let shown = format!("{path:?} {sigma} {start:?} {i:?} {overall}");
                    assert!(factor <= bound + 1e-9, "{shown}");
                    assert!(bound <= overall + 1e-9, "{shown}");
                }
                assert_eq!(report.contracts, overall < 1.0);
            }
        }
    }
}

#[test]
fn near_the_truth_the_fokker_planck_factor_is_the_square_of_its_bound() {
    // dv_{k+1}/dv_k = 1 − 1/χ there, and the KL is quadratic.
    let sequence = case(Path::FokkerPlanck, 0.5, &[1.0]).sequence(&[1.001], 3);
    let bound = 1.0 - 1.0 / 1.5625;
    let last = &sequence[3];
    assert!((last.factor.unwrap() / (bound * bound) - 1.0).abs() < 1e-3);
    assert!((last.bound.unwrap() / bound - 1.0).abs() < 1e-3);
}

#[test]
fn the_odes_sequence_promises_nothing_yet_has_the_known_rate() {
    let report = Report::new(&case(Path::Ode, 0.5, &[1.0]), &[1.1], 6);
    assert!(report.factor.is_none() && !report.contracts);
    assert!(report.iterates.iter().all(|i| i.bound.is_none()));
    // v_{k+1} − S = (v_k − S) σ²/(v_k + σ²).
    let rate = report.iterates[6].factor.unwrap();
    assert!((rate / 0.04 - 1.0).abs() < 1e-3, "{rate}");
    assert!(report.to_string().contains("needs ε > 0"));
}

#[test]
fn chi_kl_and_l_are_those_of_their_definitions_and_continuous_at_the_truth() {
    for (truth, v, sigma) in CASES {
        let plain = |s: f64, v: f64| 0.5 * (s / v - 1.0 - (s / v).ln());
        assert!((kl(truth, v) / plain(truth, v) - 1.0).abs() < 1e-9);
        let noise = sigma * sigma;
        let ratio = plain(truth, v) / plain(truth + noise, v + noise);
        assert!((chi(sigma, truth, v) / ratio - 1.0).abs() < 1e-8);
        assert!(chi(sigma, truth, v) > 1.0 && chi(sigma, truth, 0.5 * v) > chi(sigma, truth, v));
        let near = |f: &dyn Fn(f64) -> f64| f(truth * (1.0 + 1e-7)) / f(truth);
        for path in PATHS {
            let l = |v: f64| regularity(&path, sigma, truth, v);
            assert!(path == Path::FokkerPlanck && l(truth) == 0.0 || (near(&l) - 1.0).abs() < 1e-5);
        }
        let local = ((truth + noise) / truth).powi(2);
        assert!((chi(sigma, truth, truth) / local - 1.0).abs() < 1e-12);
        assert!((near(&|v| chi(sigma, truth, v)) - 1.0).abs() < 1e-5);
    }
}

/// The exact fields of N(0, v) behind noise σ.
struct Exact {
    path: Path,
    sigma: f64,
    v: f64,
    gamma: f64,
    params: Params,
}

impl VelocityField for Exact {
    fn fields(&self, t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        // The transport asks for one time per call.
        let t = t.double_value(&[0, 0]);
        let s = self.v + self.path.added_variance(self.sigma, t);
        let half_slope = self.path.forward_rate(self.sigma, t) + self.path.epsilon(self.sigma);
        let gamma = self.gamma * t * (1.0 - t);
        Fields {
            velocity: x * (half_slope / s),
            denoiser: (self.gamma > 0.0).then(|| x * (gamma / s)),
            clean: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Variance of Φ(y) by the program's transport, for y of variance `truth` + σ².
fn transported(config: &InterpolantConfig, field: &Exact, truth: f64) -> f64 {
    let n = 20_000;
    let rows = |purpose| Rows::range(4, purpose, 0, n, Device::Cpu);
    let settings = TransportConfig {
        scheme: Scheme::Heun,
        steps: 200,
        grading: 1.0,
        ..TransportConfig::default()
    };
    let y = rows(Purpose::Simulate).normal(0, 1).to_kind(Kind::Double);
    // Exactly the variance wanted, so that the sample's own does not matter.
    let y = &y / y.square().mean(Kind::Double).sqrt() * (truth + field.sigma.powi(2)).sqrt();
    let ones = Tensor::ones([n, 1], (Kind::Float, Device::Cpu));
    let latent = Latent::of_pixels(ones.shallow_clone(), &ones * field.sigma, ones.zeros_like());
    let transport = Transport::new(config, &settings, false);
    let x = transport.run(field, &y, &latent, &rows(Purpose::Transport), false);
    x.square().mean(Kind::Double).double_value(&[])
}

#[test]
fn the_step_is_what_the_transport_gives_with_the_exact_fields() {
    tch::set_num_threads(1);
    let (gamma, epsilon) = (0.8, 0.3);
    let sde = InterpolantConfig::Sde {
        gamma,
        diffusion: EpsilonShape::Constant,
        epsilon,
    };
    for (config, path, gamma) in [
        (InterpolantConfig::Ode, Path::Ode, 0.0),
        (sde, Path::Sde { gamma, epsilon }, gamma),
    ] {
        for (truth, v, sigma) in &CASES[..3] {
            let field = Exact {
                path,
                sigma: *sigma,
                v: *v,
                gamma,
                params: Params::new(0, Device::Cpu),
            };
            let exact = case(path, *sigma, &[*truth]).next(*truth, *v);
            let found = transported(&config, &field, *truth);
            // The ODE to its integration error; the SDE to four standard errors of 20,000 draws,
            // and the transport's floor of 1e-3 under γ.
            let error = if gamma == 0.0 { 1e-3 } else { 0.045 };
            let close = (found / exact - 1.0).abs() < error;
            assert!(close, "{path:?} {truth} {v}: {found} {exact}");
        }
    }
}
