//! Gaussian data under additive Gaussian noise: everything the method computes has a closed form.
//!
//! In each dimension by itself: clean x0 ~ N(m, v), observed x1 = x0 + σ ξ, so that
//! I_t = x0 + t σ ξ + γ z has the variance s(t) = v + t² σ² + γ². Conditional expectations are
//! linear regressions on I_t:
//!   b(t, x) = (t σ² + γ γ') / s · (x − m) = ½ s'/s · (x − m),   g(t, x) = γ / s · (x − m).
//! With u = X − m and the score −g/γ = −u/s, the SDE in reverse time is
//!   du = −(½ s'/s + ε/s) u dτ + √(2 ε) dW,   τ = 1 − t,
//! a linear equation. With J = ∫ ε/s dt over [0, 1] (0 for the ODE), its solution from y at t = 1 is
//!   X_0 | y ~ N(m + a (y − m), q),   a = √(v / (v + σ²)) · e^(−J),   q = v (1 − e^(−2J)):
//! q follows from Var X_0 = v when Var y = v + σ². Observations of a clean variance S carried by
//! the fields of variance v_k get the variance v_{k+1} = a² (S + σ²) + q, which for the ODE is
//! (S + σ²) v_k / (v_k + σ²). The fixed point is v = S for either.

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    EpsilonShape, InterpolantConfig, Scheme, TrainConfig, TransportConfig, UNet1dConfig,
};
use selfsi::fit::{Adam, Sampler, gradient, learning_rate};
use selfsi::forward::{CorrelatedNoise, ForwardModel, Gaussian, Latent};
use selfsi::interpolant::Interpolant;
use selfsi::nets::{Fields, Mlp, Params, Pass, VelocityField};
use selfsi::ranks::Place;
use selfsi::train::{Observations, Rule};
use selfsi::transport::Transport;
use tch::{Device, Kind, Tensor, no_grad};

const SIGMA: f64 = 0.6;
const MEAN: [f64; 4] = [1.0, -2.0, 0.0, 0.5];
const VARIANCE: [f64; 4] = [0.2, 0.5, 1.0, 3.0];

const SCALE: f64 = 0.8;
const RATIO: f64 = 0.5;
const ODE: InterpolantConfig = InterpolantConfig::Ode;
const SDE: InterpolantConfig = InterpolantConfig::Sde {
    gamma: SCALE,
    diffusion: EpsilonShape::Gamma,
    epsilon: RATIO,
};
/// The diffusion matched to the channel; its own noise is small against σ.
const MATCHED: InterpolantConfig = InterpolantConfig::Sde {
    gamma: 0.05,
    diffusion: EpsilonShape::Channel,
    epsilon: 1.0,
};

/// γ, γ' and the diffusion ε of an interpolant at a number t: the one place that knows them.
fn schedule(interpolant: &InterpolantConfig, t: f64) -> (f64, f64, f64) {
    match *interpolant {
        InterpolantConfig::Ode | InterpolantConfig::Posterior { .. } | InterpolantConfig::Sure => {
            (0.0, 0.0, 0.0)
        }
        InterpolantConfig::FokkerPlanck { epsilon } => (0.0, 0.0, epsilon * t * SIGMA * SIGMA),
        InterpolantConfig::Sde {
            gamma: scale,
            diffusion,
            epsilon,
        } => {
            let (gamma, slope) = (scale * t * (1.0 - t), scale * (1.0 - 2.0 * t));
            let shape = match diffusion {
                EpsilonShape::Gamma => gamma,
                EpsilonShape::Constant => 1.0,
                EpsilonShape::Channel => {
                    let rate = (t * SIGMA * SIGMA + gamma * slope).abs();
                    rate * ((1.0 - t) / 0.2).min(1.0)
                }
            };
            (gamma, slope, epsilon * shape)
        }
    }
}

/// J = ∫ ε/s dt, by Simpson's rule.
fn diffusion_integral(interpolant: &InterpolantConfig, v: f64) -> f64 {
    let n = 2000;
    let integrand = |i: usize| {
        let t = i as f64 / n as f64;
        let (gamma, _, epsilon) = schedule(interpolant, t);
        epsilon / (v + (t * SIGMA).powi(2) + gamma * gamma)
    };
    let weight = |i: usize| match i {
        0 => 1.0,
        i if i == n => 1.0,
        i => 2.0 + 2.0 * (i % 2) as f64,
    };
    (0..=n).map(|i| weight(i) * integrand(i)).sum::<f64>() / (3 * n) as f64
}

/// a and q: X_0 given y is N(m + a (y − m), q).
fn map(interpolant: &InterpolantConfig, v: f64) -> (f64, f64) {
    let j = diffusion_integral(interpolant, v);
    let a = (v / (v + SIGMA * SIGMA)).sqrt() * (-j).exp();
    (a, v * (1.0 - (-2.0 * j).exp()))
}

/// v_{k+1} from v_k, where the clean variance is `clean`.
fn next(interpolant: &InterpolantConfig, v: f64, clean: f64) -> f64 {
    let (a, q) = map(interpolant, v);
    a * a * (clean + SIGMA * SIGMA) + q
}

/// The exact fields where the clean side is N(mean, variance).
struct Exact {
    interpolant: InterpolantConfig,
    mean: Tensor,
    variance: Tensor,
    params: Params,
}

// SAFETY: its tensors are only read.
unsafe impl Sync for Exact {}

impl Exact {
    fn new(interpolant: &InterpolantConfig, mean: &[f64], variance: &[f64]) -> Self {
        Self {
            interpolant: interpolant.clone(),
            mean: row(mean),
            variance: row(variance),
            params: Params::new(0, Device::Cpu),
        }
    }

    /// Coefficients of b and g on x − m at a number t, each [1, D].
    fn coefficients(&self, t: f64) -> (Tensor, Tensor) {
        let (gamma, slope, _) = schedule(&self.interpolant, t);
        let s = &self.variance + (t * SIGMA).powi(2) + gamma * gamma;
        let b: Tensor = s.reciprocal() * (t * SIGMA * SIGMA + gamma * slope);
        (b, s.reciprocal() * gamma)
    }
}

impl VelocityField for Exact {
    fn fields(&self, t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        // The transport asks for one time per call.
        let (b, g) = self.coefficients(t.double_value(&[0, 0]));
        let centred = x - &self.mean;
        Fields {
            velocity: b * &centred,
            denoiser: (self.interpolant != ODE).then(|| g * centred),
            clean: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

fn row(values: &[f64]) -> Tensor {
    Tensor::from_slice(values).unsqueeze(0)
}

fn list(t: &Tensor) -> Vec<f64> {
    t.to_kind(Kind::Double)
        .contiguous()
        .view([-1])
        .try_into()
        .unwrap()
}

fn rows(purpose: Purpose, step: u64, n: i64) -> Rows {
    // Small tensors gain nothing from more, and these tests run side by side.
    tch::set_num_threads(1);
    Rows::range(11, purpose, step, n, Device::Cpu)
}

/// `n` draws of N(mean, variance), [n, D], in double precision.
fn normals(step: u64, n: i64, mean: &[f64], variance: &[f64]) -> Tensor {
    let z = rows(Purpose::Validation, step, n).normal(0, mean.len() as i64);
    z.to_kind(Kind::Double) * row(variance).sqrt() + row(mean)
}

fn latent(n: i64, d: i64) -> Latent {
    let ones = Tensor::ones([n, d], (Kind::Float, Device::Cpu));
    let (sigma, lsf) = (&ones * SIGMA, ones.zeros_like());
    Latent::of_pixels(ones, sigma, lsf)
}

fn gaussian() -> Gaussian {
    Gaussian::new(SIGMA, CorrelatedNoise::new(&[0.0], Device::Cpu))
}

/// In equal steps. The closed forms know γ in units of the flux: the network is not told σ.
fn transport(interpolant: &InterpolantConfig, scheme: Scheme, steps: usize) -> Transport {
    graded(interpolant, scheme, steps, 1.0)
}

fn graded(
    interpolant: &InterpolantConfig,
    scheme: Scheme,
    steps: usize,
    grading: f64,
) -> Transport {
    let config = TransportConfig {
        scheme,
        steps,
        grading,
        ..TransportConfig::default()
    };
    Transport::new(interpolant, &config, false)
}

/// Φ(y) by `field`, with the SDE's noise numbered `step`.
fn carry(t: &Transport, field: &dyn VelocityField, y: &Tensor, step: u64) -> Tensor {
    let (n, d) = y.size2().unwrap();
    let random = rows(Purpose::Transport, step, n);
    t.run(field, y, &latent(n, d), &random, false)
}

fn plus_noise(variance: &[f64]) -> Vec<f64> {
    variance.iter().map(|v| v + SIGMA * SIGMA).collect()
}

/// Per dimension: mean and variance of x, slope of x on y and the variance left.
struct Law {
    mean: Vec<f64>,
    variance: Vec<f64>,
    slope: Vec<f64>,
    left: Vec<f64>,
}

fn law(x: &Tensor, y: &Tensor) -> Law {
    let (x, y) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double));
    let mean = |t: &Tensor| t.mean_dim([0i64].as_slice(), true, Kind::Double);
    let (cx, cy) = (&x - mean(&x), &y - mean(&y));
    let slope = mean(&(&cx * &cy)) / mean(&cy.square());
    Law {
        mean: list(&mean(&x)),
        variance: list(&mean(&cx.square())),
        left: list(&mean(&(cx - cy * &slope).square())),
        slope: list(&slope),
    }
}

#[test]
fn the_interpolants_samples_have_the_fields_of_the_closed_form() {
    let n = 100_000;
    for interpolant in [&ODE, &SDE] {
        let exact = Exact::new(interpolant, &MEAN, &VARIANCE);
        let x0 = normals(1, n, &MEAN, &VARIANCE);
        let (x1, _) = gaussian()
            .observe(&x0, &latent(n, 4), &rows(Purpose::Forward, 0, n))
            .unwrap();
        for time in [0.05, 0.5, 0.9] {
            let t = Tensor::full([n, 1], time, (Kind::Double, Device::Cpu));
            let path = Interpolant::new(interpolant, false);
            let sample = path.sample(&t, &x0, &x1, &latent(n, 4), || {
                rows(Purpose::Interpolant, 0, n).normal(0, 4)
            });
            let (b, g) = exact.coefficients(time);
            let check = |target: &Tensor, expected: &Tensor| {
                let found = law(target, &sample.point);
                let point = law(&sample.point, &sample.point).variance;
                for (i, e) in list(expected).iter().enumerate() {
                    // Five standard errors of a regression on n points.
                    let error = 5.0 * (found.left[i] / point[i] / n as f64).sqrt();
                    assert!((found.slope[i] - e).abs() < error, "t = {time}, {i}");
                }
            };
            check(&sample.velocity, &b);
            assert_eq!(sample.z.is_some(), *interpolant == SDE);
            if let Some(z) = &sample.z {
                check(z, &g);
            }
        }
    }
}

#[test]
fn the_odes_map_scales_about_the_mean_to_first_order_by_euler_and_to_second_by_heun() {
    let exact = Exact::new(&ODE, &MEAN, &VARIANCE);
    let y = normals(2, 50, &MEAN, &plus_noise(&VARIANCE));
    let a: Vec<f64> = VARIANCE.iter().map(|v| map(&ODE, *v).0).collect();
    let expected = row(&MEAN) + (&y - row(&MEAN)) * row(&a);
    for (scheme, order) in [(Scheme::Euler, 1), (Scheme::Heun, 2)] {
        let error = |steps| {
            let x = carry(&transport(&ODE, scheme, steps), &exact, &y, 0);
            (x - &expected).abs().max().double_value(&[])
        };
        let errors = [32, 64, 128].map(error);
        assert!(errors[2] < [0.02, 2e-4][order - 1], "{errors:?}");
        for pair in errors.windows(2) {
            let ratio = pair[0] / pair[1];
            let ideal = f64::from(1 << order);
            assert!((ratio / ideal - 1.0).abs() < 0.08, "{scheme:?}: {errors:?}");
        }
    }
}

#[test]
fn multistep_in_graded_steps_is_of_second_order() {
    let exact = Exact::new(&ODE, &MEAN, &VARIANCE);
    let y = normals(2, 50, &MEAN, &plus_noise(&VARIANCE));
    let a: Vec<f64> = VARIANCE.iter().map(|v| map(&ODE, *v).0).collect();
    let expected = row(&MEAN) + (&y - row(&MEAN)) * row(&a);
    let errors = [32, 64, 128].map(|steps| {
        let transport = graded(&ODE, Scheme::Multistep, steps, 2.5);
        let x = carry(&transport, &exact, &y, 0);
        (x - &expected).abs().max().double_value(&[])
    });
    assert!(errors[2] < 2e-4, "{errors:?}");
    for pair in errors.windows(2) {
        assert!((pair[0] / pair[1] / 4.0 - 1.0).abs() < 0.08, "{errors:?}");
    }
}

#[test]
fn multistep_keeps_the_variance_of_a_mode_far_below_the_noise() {
    // Signal 0.03 under noise 2, in variance.
    let v = 0.015 * SIGMA * SIGMA;
    let exact = Exact::new(&ODE, &[0.0], &[v]);
    let y = row(&[(v + SIGMA * SIGMA).sqrt()]);
    let error = |scheme, evaluations, grading| {
        let steps = match scheme {
            Scheme::Heun => evaluations / 2,
            _ => evaluations,
        };
        let x = carry(&graded(&ODE, scheme, steps, grading), &exact, &y, 0);
        x.double_value(&[0, 0]).powi(2) / v - 1.0
    };
    assert!(error(Scheme::Multistep, 16, 2.5).abs() < 0.015);
    for (scheme, grading) in [
        (Scheme::Heun, 2.5),
        (Scheme::Heun, 1.0),
        (Scheme::Euler, 2.5),
        (Scheme::Euler, 1.0),
    ] {
        let other = error(scheme, 16, grading);
        assert!(other.abs() > 0.1, "{scheme:?} {grading}: {other}");
    }
}

#[test]
fn draws_with_the_channels_diffusion_are_draws_from_the_posterior() {
    let n = 10_000;
    let exact = Exact::new(&MATCHED, &MEAN, &VARIANCE);
    let y = normals(6, n, &MEAN, &plus_noise(&VARIANCE));
    let found = law(
        &carry(&graded(&MATCHED, Scheme::Multistep, 64, 1.5), &exact, &y, 0),
        &y,
    );
    for (i, v) in VARIANCE.iter().enumerate() {
        let s2 = SIGMA * SIGMA;
        let (a, q) = map(&MATCHED, *v);
        let shown = format!(
            "{i}: slope {:.4} of {a:.4}, left {:.4} of {q:.4}",
            found.slope[i], found.left[i]
        );
        // Five standard errors, and one per cent for the steps.
        let root = (n as f64).sqrt();
        let error = 5.0 * (q / (v + s2)).sqrt() / root + 0.01 * a;
        assert!((found.slope[i] - a).abs() < error, "{shown}");
        let error = (5.0 * 2f64.sqrt() / root + 0.01) * q;
        assert!((found.left[i] - q).abs() < error, "{shown}");
        // The fade-out within 0.2 of t = 1 is all that parts them from the posterior
        // N(m + v/(v + σ²)(y − m), v σ²/(v + σ²)): J lacks ∫ t σ²/s (1 − fade) dt ≤ ½ ln of the
        // variances at 1 and 0.8, of which the fade leaves about half.
        let (slope, left) = (v / (v + s2), v * s2 / (v + s2));
        let lost = 0.5 * ((v + s2) / (v + 0.64 * s2)).ln();
        let bound = lost.exp();
        assert!(
            a > slope * 0.998 && a < slope * bound,
            "{a} {slope} {bound}"
        );
        assert!(
            q < left * 1.005 && q > v * (1.0 - (1.0 - left / v) * bound * bound),
            "{q} {left}"
        );
    }
}

#[test]
fn along_the_ode_of_an_sdes_interpolant_the_population_is_the_same() {
    let exact = Exact::new(&SDE, &MEAN, &VARIANCE);
    let n = 2000;
    let y = normals(7, n, &MEAN, &plus_noise(&VARIANCE));
    let transport = graded(&SDE, Scheme::Multistep, 64, 2.5).with_epsilon(0.0);
    let (first, again) = (
        carry(&transport, &exact, &y, 0),
        carry(&transport, &exact, &y, 1),
    );
    assert!(first == again, "no noise is drawn");
    let found = law(&first, &y);
    for (i, v) in VARIANCE.iter().enumerate() {
        // J = 0: the map of the ODE, whatever γ.
        let a = (v / (v + SIGMA * SIGMA)).sqrt();
        assert!(
            (found.slope[i] / a - 1.0).abs() < 2e-3,
            "{i}: {} {a}",
            found.slope[i]
        );
        assert!(found.left[i] < 1e-9);
    }
}

#[test]
fn the_sdes_output_given_the_observation_has_the_closed_form_law() {
    let n = 10_000;
    let exact = Exact::new(&SDE, &MEAN, &VARIANCE);
    let y = normals(3, n, &MEAN, &plus_noise(&VARIANCE));
    for (scheme, steps) in [(Scheme::Euler, 200), (Scheme::Heun, 200)] {
        let found = law(&carry(&transport(&SDE, scheme, steps), &exact, &y, 0), &y);
        for (i, v) in VARIANCE.iter().enumerate() {
            let (a, q) = map(&SDE, *v);
            let root = (n as f64).sqrt();
            // Five standard errors, and half a per cent for the 200 steps.
            let close = |found: f64, expected: f64, error: f64, what: &str| {
                let allowed = 5.0 * error / root + 0.005 * expected.abs();
                let off = (found - expected).abs();
                assert!(
                    off < allowed,
                    "{scheme:?} {i} {what}: {found} is not {expected} ± {allowed}"
                );
            };
            close(found.mean[i], MEAN[i], v.sqrt(), "mean");
            close(found.variance[i], *v, 2f64.sqrt() * v, "variance");
            close(found.slope[i], a, (q / (v + SIGMA * SIGMA)).sqrt(), "slope");
            close(found.left[i], q, 2f64.sqrt() * q, "variance left");
        }
    }
}

#[test]
fn the_iterates_of_the_ode_follow_the_recursion_to_the_clean_variance() {
    let heun = transport(&ODE, Scheme::Heun, 64);
    // The map is linear: the images of m ± one standard deviation give the new variance.
    let deviation = row(&plus_noise(&VARIANCE)).sqrt();
    let y = Tensor::cat(&[row(&MEAN) + &deviation, row(&MEAN) - &deviation], 0);
    // Θ0 is the identity.
    let mut v = plus_noise(&VARIANCE);
    for _ in 0..30 {
        let exact = Exact::new(&ODE, &MEAN, &v);
        let image = carry(&heun, &exact, &y, 0);
        let found = law(&image, &y).variance;
        for (i, f) in found.iter().enumerate() {
            let clean = VARIANCE[i];
            assert!((f / next(&ODE, v[i], clean) - 1.0).abs() < 2e-3);
            // From above, at least as fast as the linear rate at the fixed point.
            let rate = SIGMA * SIGMA / (clean + SIGMA * SIGMA);
            assert!(*f - clean <= rate * (v[i] - clean) + 2e-3 * clean);
        }
        v = found;
    }
    for (found, clean) in v.iter().zip(VARIANCE) {
        assert!((found / clean - 1.0).abs() < 3e-3, "{v:?}");
    }
}

#[test]
fn the_iterates_of_the_sde_follow_the_recursion_to_the_clean_variance() {
    let n = 10_000;
    let euler = transport(&SDE, Scheme::Euler, 100);
    let y = normals(4, n, &MEAN, &plus_noise(&VARIANCE));
    let sampled = law(&y, &y).variance;
    let mut v = plus_noise(&VARIANCE);
    for k in 0..4 {
        let exact = Exact::new(&SDE, &MEAN, &v);
        let found = law(&carry(&euler, &exact, &y, k), &y).variance;
        for (i, f) in found.iter().enumerate() {
            // The recursion for the variance that this sample of y has. Five standard errors of
            // what the noise adds, and 1 % for the 100 steps.
            let expected = next(&SDE, v[i], sampled[i] - SIGMA * SIGMA);
            let allowed = 5.0 * expected * (2.0 / n as f64).sqrt() + 0.01 * expected;
            assert!((f - expected).abs() < allowed, "{k} {i}: {f} {expected}");
        }
        v = v
            .iter()
            .zip(VARIANCE)
            .map(|(v, clean)| next(&SDE, *v, clean))
            .collect();
    }
    for _ in 0..200 {
        for (v, clean) in v.iter_mut().zip(VARIANCE) {
            let before = *v;
            *v = next(&SDE, before, clean);
            // 1 − e^(−2J) S/(S + σ²): the diffusion slows the iteration down.
            assert!(*v <= before && *v >= clean * (1.0 - 1e-12));
        }
    }
    for (found, clean) in v.iter().zip(VARIANCE) {
        assert!((found / clean - 1.0).abs() < 1e-6, "{v:?}");
    }
}

#[test]
fn a_coarse_transport_biases_the_fixed_point_to_the_order_of_its_scheme() {
    // The loop makes good for no error of the integrator: where Φ contracts too much, the next
    // fields contract more. Euler's first-order loss ends, at 16 steps, in no variance at all for
    // a component at a quarter of the noise's variance.
    let clean = 2.0 * SIGMA * SIGMA;
    let bias = |scheme, steps, clean| fixed_point(&transport(&ODE, scheme, steps), clean);
    for (scheme, order) in [(Scheme::Euler, 1), (Scheme::Heun, 2)] {
        let ratio = bias(scheme, 16, clean) / bias(scheme, 32, clean);
        let ideal = f64::from(1 << order);
        assert!((ratio / ideal - 1.0).abs() < 0.1, "{scheme:?}: {ratio}");
    }
    assert!(bias(Scheme::Euler, 32, clean) < 0.0);
    assert!(bias(Scheme::Euler, 16, 0.25 * SIGMA * SIGMA) < -0.9);
    assert!(bias(Scheme::Heun, 16, 0.25 * SIGMA * SIGMA).abs() < 0.03);
}

#[test]
fn multistep_keeps_a_weak_mode_in_the_loop_where_euler_destroys_it() {
    // A twentieth of the noise's variance: every error of the map is made twenty times larger.
    let clean = 0.05 * SIGMA * SIGMA;
    let bias = |scheme, steps| fixed_point(&graded(&ODE, scheme, steps, 2.5), clean);
    assert!(bias(Scheme::Euler, 16) < -0.99);
    let (coarse, fine) = (bias(Scheme::Multistep, 16), bias(Scheme::Multistep, 32));
    assert!(
        coarse.abs() < 0.08 && fine.abs() < 0.4 * coarse.abs(),
        "{coarse} {fine}"
    );
    // Heun at the same cost.
    assert!(bias(Scheme::Heun, 8) > 10.0 * coarse.abs());
}

/// Relative error of the variance that the self-consistent loop ends at, with exact fields, for a
/// component of variance `clean`.
fn fixed_point(transport: &Transport, clean: f64) -> f64 {
    let y = (row(&[1.0, -1.0]) * (clean + SIGMA * SIGMA).sqrt()).transpose(0, 1);
    let mut v = clean + SIGMA * SIGMA;
    for _ in 0..400 {
        let exact = Exact::new(&ODE, &[0.0], &[v]);
        v = law(&carry(transport, &exact, &y, 0), &y).variance[0];
    }
    v / clean - 1.0
}

/// What the self-consistent loop learns from `n` observations alone: a network with the averaged
/// weights, and the observations' transport.
fn learn(
    interpolant: &InterpolantConfig,
    mean: &[f64],
    clean: &[f64],
    steps: u64,
) -> (Mlp, Transport) {
    let (n, d, batch, seed) = (16_384, mean.len() as i64, 512, 5);
    let observed = Observations {
        flux: normals(20, n, mean, &plus_noise(clean)).to_kind(Kind::Float),
        latent: latent(n, d),
    };
    let train = TrainConfig {
        batch,
        learning_rate: 4e-3,
        // The coupling with recorded observations leaves the population, but not the map, as is.
        mix: 1.0,
        ..TrainConfig::default()
    };
    let network = UNet1dConfig {
        noise_input: false,
        ..UNet1dConfig::default()
    };
    let transport = graded(interpolant, Scheme::Multistep, 16, 2.5);
    // As by default: transported along the ODE, whatever the diffusion of the draws.
    let e_step = transport.with_epsilon(train.epsilon);
    let forward = gaussian();
    let rule = Rule {
        forward: &forward,
        transport: &e_step,
        train: &train,
        noise_known: network.noise_input,
        clean: None,
        seed,
        place: Place::whole(),
    };
    let heads = Interpolant::new(interpolant, false).heads();
    let new = || Mlp::new(d, 64, 2, heads, seed, Device::Cpu);
    let (live, teacher) = (new(), new());
    let mut averaged = live.params().flat();
    let mut adam = Adam::new(&averaged);
    let mut sampler = Sampler::new(seed, n, batch);
    for step in 0..steps {
        let part = observed.select(&Tensor::from_slice(&sampler.rows(step)));
        teacher.params().set_flat(&averaged);
        let pairs = rule.transport(&teacher, &part, step);
        let portions = rule.portions(&pairs, step).unwrap();
        let found = gradient(&live, portions, |n, p| rule.loss(n, p, step));
        let (_, gradient) = found.unwrap();
        let rate = learning_rate(step, steps, 0.05, train.learning_rate);
        let weights = adam.update(&live.params().flat(), &gradient, rate, train.clip);
        live.params().set_flat(&weights);
        let decay = 0.99f64.min((1.0 + step as f64) / (10.0 + step as f64));
        averaged = no_grad(|| &averaged * decay + weights * (1.0 - decay));
    }
    live.params().set_flat(&averaged);
    (live, transport)
}

/// Trains on observations of N(mean, clean) and compares, on fresh ones, the restored population
/// with the clean one and the map with Φ. Allowed: 0.05 of the standard deviation on the mean,
/// 10 % on variances, 0.05 on the slope; about three times what 16,384 observations, the network
/// and 16 steps cost.
fn the_loop_finds(interpolant: &InterpolantConfig, steps: u64) {
    let (mean, clean) = ([1.0, -0.5], [0.4, 1.0]);
    let (net, transport) = learn(interpolant, &mean, &clean, steps);
    let y = normals(21, 20_000, &mean, &plus_noise(&clean)).to_kind(Kind::Float);
    let x = carry(&transport, &net, &y, 0);
    let found = law(&x, &y);
    for (i, s2) in clean.iter().enumerate() {
        let (a, q) = map(interpolant, *s2);
        let shown = format!(
            "{i}: mean {:.3} of {:.3}, variance {:.3} of {s2:.3}, slope {:.3} of {a:.3}, left {:.4} of {q:.4}",
            found.mean[i], mean[i], found.variance[i], found.slope[i], found.left[i]
        );
        println!("{shown}");
        assert!(
            (found.mean[i] - mean[i]).abs() < 0.05 * s2.sqrt(),
            "{shown}"
        );
        assert!((found.variance[i] / s2 - 1.0).abs() < 0.1, "{shown}");
        assert!((found.slope[i] - a).abs() < 0.05, "{shown}");
        assert!((found.left[i] - q).abs() < 0.1 * q + 0.005 * s2, "{shown}");
    }
}

#[test]
fn the_self_consistent_loop_finds_the_clean_population_and_the_map_by_the_ode() {
    the_loop_finds(&ODE, 1500);
}

#[test]
fn the_self_consistent_loop_finds_the_clean_population_and_the_law_by_the_sde() {
    the_loop_finds(&SDE, 1500);
}
