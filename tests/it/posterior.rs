//! `[interpolant] kind = "posterior"` against closed forms: Gaussian populations behind y = A x + n, of which
//! everything is known, and the toys, whose posteriors importance sampling gives.

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{InterpolantConfig, TransportConfig};
use selfsi::forward::{ForwardModel, Latent};
use selfsi::lab::toy::{Arm, Settings, Shape, calibration, exact, learn_behind, observed};
use selfsi::nets::{Fields, Mlp, Params, Pass, VelocityField};
use selfsi::population::{GaussianStart, Joint, Learned, Moments, blur_matrix};
use selfsi::transport::Transport;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

const KIND: InterpolantConfig = InterpolantConfig::Posterior { erased: 1.0 };

fn rows(index: u64, n: i64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(5, Purpose::Toy, index, n, Device::Cpu)
}

fn row(v: &[f64]) -> Tensor {
    let v: Vec<f32> = v.iter().map(|v| *v as f32).collect();
    Tensor::from_slice(&v).unsqueeze(0)
}

fn diagonal(v: &[f64]) -> Tensor {
    row(v).view([-1]).diag(0)
}

/// n rows of D pixels with noise of variance `noise`, none masked.
fn latent(n: i64, d: i64, noise: f64) -> Latent {
    let ones = Tensor::ones([n, d], (Kind::Float, Device::Cpu));
    Latent::of_pixels(ones.copy(), &ones * noise.sqrt(), ones.zeros_like())
}

/// The population N(0, C) behind A, both diagonal.
fn joint(c: &[f64], a: &[f64]) -> Joint {
    let product = |p: i32| -> Vec<f64> { c.iter().zip(a).map(|(c, a)| c * a.powi(p)).collect() };
    let zero = vec![0.0; c.len()];
    Joint {
        mean: row(&zero),
        seen: row(&zero),
        covariance: diagonal(c),
        cross: diagonal(&product(1)),
        signal: diagonal(&product(2)),
    }
}

/// Φ from draws of the posterior under `joint` on, with the kind's own steps.
fn from(joint: &Joint) -> Transport {
    let steps = TransportConfig {
        steps: 8,
        grading: 2.0,
        ..TransportConfig::default()
    };
    Transport::new(&KIND, &steps, true).from(Arc::new(GaussianStart::new(joint, Device::Cpu)))
}

fn silent(d: i64) -> Mlp {
    Mlp::anchored(d, 0, 8, 1, 1, Device::Cpu)
}

fn moments(x: &Tensor) -> (Vec<f64>, Vec<f64>) {
    let list = |t: Tensor| Vec::<f64>::try_from(t.to_kind(Kind::Double)).unwrap();
    let mean = x.mean_dim([0i64].as_slice(), false, Kind::Double);
    (list(mean), list(x.var_dim([0i64].as_slice(), true, false)))
}

/// Gains, and the variances of the truth and of the start in four modes of noise 1.
const A: [f64; 4] = [1.0, 0.5, 0.2, 0.0];
const TRUTH: [f64; 4] = [2.0, 1.0, 1.0, 3.0];
const START: [f64; 4] = [1.0, 2.0, 0.5, 1.5];

#[test]
fn one_round_from_a_gaussian_start_moves_its_covariance_by_what_the_observations_tell() {
    let n = 200_000;
    let x = rows(0, n).normal(0, 4) * row(&TRUTH).sqrt();
    let y = x * row(&A) + rows(1, n).normal(0, 4);
    let found =
        from(&joint(&START, &A)).run(&silent(4), &y, &latent(n, 4, 1.0), &rows(2, n), false);
    let (mean, variance) = moments(&found);
    for i in 0..4 {
        let (a, c, s) = (A[i], START[i], TRUTH[i]);
        let k = c * a / (a * a * c + 1.0);
        let expected = c + k * a * (s - c) * a * k;
        assert!(mean[i].abs() < 0.01, "{i}: {mean:?}");
        assert!(
            (variance[i] / expected - 1.0).abs() < 0.01,
            "{i}: {} {expected}",
            variance[i]
        );
    }
}

/// Of a mode with the information w = r/(1 + r), r = a² c, the start leaves (1 − w)² c of its variance.
#[test]
fn what_no_data_made_of_the_scatter_is_the_starts() {
    let start = from(&joint(&START, &A));
    // The last pixel's noise makes the rows uneven: their equations are solved.
    for (n, uneven) in [(40_000, false), (8_000, true)] {
        let mut latent = latent(n, 4, 1.0);
        if uneven {
            latent.sigma = &latent.sigma * row(&[1.0, 1.0, 1.0, 1.01]);
        }
        let error = start
            .prior_error(&latent.sigma, &latent, &rows(3, n))
            .unwrap();
        let (mean, variance) = moments(&error);
        for i in 0..4 {
            let (a, c) = (A[i], START[i]);
            let expected = c / (1.0 + a * a * c).powi(2);
            assert!(mean[i].abs() < 5.0 * (expected / n as f64).sqrt());
            let off = variance[i] / expected - 1.0;
            assert!(off.abs() < 5.0 * (2.0 / n as f64).sqrt(), "{i}: {off}");
        }
    }
}

#[test]
fn where_the_start_is_right_the_truth_has_every_rank_among_the_draws_alike() {
    let (n, draws) = (4000, 19);
    let x = rows(0, n).normal(0, 4) * row(&TRUTH).sqrt();
    let y = &x * row(&A) + rows(1, n).normal(0, 4);
    let map = from(&joint(&TRUTH, &A));
    let mut rank = x.zeros_like();
    for k in 0..draws {
        let draw = map.run(&silent(4), &y, &latent(n, 4, 1.0), &rows(10 + k, n), false);
        rank += draw.lt_tensor(&x).to_kind(Kind::Float);
    }
    for mode in 0..4 {
        let counts = rank.select(1, mode).histc(draws as i64 + 1);
        let expected = n as f64 / (draws + 1) as f64;
        let chi2 = ((counts - expected).square() / expected).sum(Kind::Double);
        // 19 degrees of freedom: above 43.8 once in a thousand.
        assert!(chi2.double_value(&[]) < 43.8, "mode {mode}: {chi2:?}");
    }
}

/// The exact field of one mode whose posterior has variance `v` and, given y, the mean `gain` y, over a
/// start whose posterior has variance `start`.
struct Exact {
    v: f64,
    gain: f64,
    start: f64,
    /// The same in all rows.
    y: f64,
    params: Params,
}

impl VelocityField for Exact {
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, _: Pass) -> Fields {
        let anchor = latent.anchor.as_ref().unwrap();
        let left: Tensor = 1.0 - t;
        let mean = self.y * self.gain;
        let total = left.square() * self.v + t.square() * self.start;
        let off = x - &left * mean - t * &anchor.mean;
        let clean: Tensor = &left * self.v / total * off + mean;
        Fields {
            velocity: (x - clean) / t,
            denoiser: None,
            clean: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Of a mode with gain `a` under noise 1 and a population of variance `c`: the posterior's gain and variance.
fn posterior(a: f64, c: f64) -> (f64, f64) {
    let k = c * a / (a * a * c + 1.0);
    (k, c - k * a * c)
}

/// Draws of the posterior under variance `c` of observations `y` [N, 1], from a start of variance `start`.
fn draws(a: f64, c: f64, start: f64, y: &Tensor, seed: u64) -> Tensor {
    let (n, (gain, v)) = (y.size()[0], posterior(a, c));
    let field = exact_field(a, start, v, gain, y);
    from(&joint(&[start], &[a])).run(&field, y, &latent(n, 1, 1.0), &rows(seed, n), false)
}

fn exact_field(a: f64, start: f64, v: f64, gain: f64, y: &Tensor) -> Exact {
    Exact {
        v,
        gain,
        start: posterior(a, start).1,
        y: y.double_value(&[0, 0]),
        params: Params::new(0, Device::Cpu),
    }
}

/// Variance of such draws for one y. The path is linear: that of the start's draws, many times over.
fn drawn_variance(a: f64, c: f64, start: f64) -> f64 {
    let y = Tensor::zeros([20_000, 1], (Kind::Float, Device::Cpu));
    let same = draws(a, start, start, &y, 3).var(true).double_value(&[]);
    draws(a, c, start, &y, 3).var(true).double_value(&[]) * posterior(a, start).1 / same
}

#[test]
fn eight_evaluations_keep_the_variance_within_two_per_cent() {
    for s in [1.0, 0.1, 0.01] {
        for start in [0.8 * s, s, 1.3 * s] {
            let kept = drawn_variance(1.0, s, start) / posterior(1.0, s).1;
            assert!((kept - 1.0).abs() < 0.02, "S = {s}, start {start}: {kept}");
        }
    }
}

/// Variances of the population after each of k rounds with exact fits.
fn rounds(a: f64, truth: f64, start: f64, k: usize) -> Vec<f64> {
    let mut c = vec![start];
    for _ in 0..k {
        let now = c[c.len() - 1];
        let gain = posterior(a, now).0;
        c.push(gain * gain * (a * a * truth + 1.0) + drawn_variance(a, now, start));
    }
    c
}

#[test]
fn modes_that_the_channel_erases_keep_the_starts_variance_over_many_rounds() {
    let c = rounds(0.0, 3.0, 1.5, 30);
    assert!(c.iter().all(|c| (c / 1.5 - 1.0).abs() < 0.01), "{c:?}");
}

#[test]
fn the_distance_to_the_truth_shrinks_by_one_less_the_square_of_the_information_fraction() {
    for (a, start) in [(1.0f64, 0.9), (1.0, 1.1), (2.0, 0.9)] {
        let c = rounds(a, 1.0, start, 2);
        let w = a * a / (a * a + 1.0);
        let rate = (1.0 - c[1]) / (1.0 - c[0]);
        assert!(
            (rate - (1.0 - w * w)).abs() < 0.06,
            "a = {a}, {start}: {rate}"
        );
    }
}

#[test]
fn one_evaluation_equals_the_mean_of_many_draws() {
    let (a, c, start, n) = (0.7, 2.0, 1.0, 40_000);
    let y = Tensor::full([n, 1], 1.3, (Kind::Float, Device::Cpu));
    let (gain, v) = posterior(a, c);
    let map = from(&joint(&[start], &[a]));
    let field = exact_field(a, start, v, gain, &y);
    let one = map.mean(&field, &y, &latent(n, 1, 1.0), &rows(4, n));
    let off = (&one - 1.3 * gain).abs().max().double_value(&[]);
    assert!(off < 1e-5, "{off}");
    let many = draws(a, c, start, &y, 4)
        .mean(Kind::Double)
        .double_value(&[]);
    assert!((many - 1.3 * gain).abs() < 0.02, "{many}");
}

/// y = smoothed x, of which half the pixels are lost, with noise of 0.5.
struct Lossy;

impl Lossy {
    fn smooth(d: i64) -> Tensor {
        let i = Tensor::arange(d, (Kind::Float, Device::Cpu));
        let near = ((i.unsqueeze(0) - i.unsqueeze(1)).square() * -0.5).exp();
        &near / near.sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
    }
}

impl ForwardModel for Lossy {
    fn observe(
        &self,
        x: &Tensor,
        recorded: &Latent,
        random: &Rows,
    ) -> selfsi::Result<(Tensor, Latent)> {
        let d = x.size()[1];
        let good = random.uniform(1, d).gt(0.5).to_kind(Kind::Float);
        let sigma = &good * 0.5 + (1.0 - &good);
        let seen = x.matmul(&Self::smooth(d).tr()) + random.normal(2, d) * 0.5;
        let latent = Latent::of_pixels(good, sigma, recorded.lsf.shallow_clone());
        Ok((latent.fill_masked(&seen, random), latent))
    }
}

#[test]
fn the_gaussian_population_is_learned_through_a_black_box() {
    let (n, d) = (30_000, 6);
    let factor = Tensor::from_slice(&[1.5f32, 1.0, 0.5, 0.0, -0.5, -1.0]).unsqueeze(0);
    let broad = rows(0, n).normal(0, 1);
    let x: Tensor = &broad * &factor + rows(1, n).normal(0, d) * 0.3 + 2.0;
    let (y, seen) = Lossy.observe(&x, &latent(n, d, 0.25), &rows(2, n)).unwrap();
    let found = Joint::learned(&y, &seen, &Lossy, 0.2, 7).unwrap();
    let off = (&found.mean - 2.0).abs().max().double_value(&[]);
    assert!(off < 0.06, "{off}");
    // What passes the smoothing is found: the variance along the broad mode.
    let unit = &factor / factor.norm();
    let variance = |c: &Tensor| unit.matmul(c).matmul(&unit.tr()).double_value(&[0, 0]);
    let truth = x.transpose(0, 1).cov(1, None::<Tensor>, None::<Tensor>);
    let ratio = variance(&found.covariance) / variance(&truth);
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
}

#[test]
fn the_posterior_of_rows_with_masks_and_uneven_noise_is_the_exact_one() {
    let (n, d) = (50_000, 4);
    let c = Tensor::from_slice2(&[
        [2.0f32, 1.0, 0.5, 0.1],
        [1.0, 2.0, 1.0, 0.5],
        [0.5, 1.0, 2.0, 1.0],
        [0.1, 0.5, 1.0, 2.0],
    ]);
    let joint = Joint {
        mean: row(&[1.0; 4]),
        seen: row(&[1.0; 4]),
        covariance: c.copy(),
        cross: c.copy(),
        signal: c.copy(),
    };
    let good = row(&[1.0, 0.0, 1.0, 1.0]).repeat([n, 1]);
    let sigma = row(&[0.3, 1.0, 1.0, 0.5]).repeat([n, 1]);
    let y = row(&[2.0, 9.0, 0.0, 1.5]).repeat([n, 1]);
    let latent = Latent::of_pixels(good, sigma.copy(), sigma.zeros_like());
    let found = from(&joint).run(&silent(d), &y, &latent, &rows(3, n), false);
    let (mean, variance) = moments(&found);
    // Without the masked pixel.
    let seen = Tensor::from_slice(&[0i64, 2, 3]);
    let part = c.index_select(0, &seen).index_select(1, &seen);
    let system = &part + Tensor::from_slice(&[0.09f32, 1.0, 0.25]).diag(0);
    let cross = c.index_select(1, &seen);
    let residual = Tensor::from_slice(&[1.0f32, -1.0, 0.5]).unsqueeze(1);
    let expected = cross.matmul(&system.inverse()).matmul(&residual).view([-1]) + 1.0;
    let left = &c - cross.matmul(&system.inverse()).matmul(&cross.tr());
    for j in 0..4i64 {
        let (m, v) = (expected.double_value(&[j]), left.double_value(&[j, j]));
        assert!((mean[j as usize] - m).abs() < 0.02, "{j}: {mean:?} {m}");
        assert!(
            (variance[j as usize] / v - 1.0).abs() < 0.03,
            "{j}: {variance:?} {v}"
        );
    }
}

/// Coverage of 95 % of the toy's draws by `arm`, less that of the exact posterior.
fn excess(shape: Shape, arm: Arm, steps: u64) -> f64 {
    tch::set_num_threads(1);
    let seed = 3;
    let (_, seen) = observed(shape, 1.0, 6000, seed, 0).unwrap();
    let settings = Settings::of(arm, steps, &[]).unwrap();
    let channel = shape.channel(1.0);
    let (map, _) = learn_behind(arm, &settings, &seen, channel.as_ref(), seed).unwrap();
    let [found, best] = [
        calibration(&map, shape, 1.0, seed).unwrap(),
        exact(shape, 1.0, seed).unwrap(),
    ];
    println!("{shape:?} {arm:?}: {found:?}, exact {best:?}");
    found.coverage[3] - best.coverage[3]
}

#[test]
fn draws_of_a_projection_and_of_a_lost_sign_are_those_of_the_posterior_and_the_sdes_are_not() {
    for shape in [Shape::RandomProjection, Shape::LostSign] {
        let posterior = excess(shape, Arm::Posterior, 800);
        assert!(posterior.abs() < 0.03, "{shape:?}: {posterior}");
        let sde = excess(shape, Arm::Sde, 400);
        assert!(sde.abs() > 0.06, "{shape:?}: {sde}");
    }
}

/// Cosines of variance i⁻², of which the first 12 are passed.
#[test]
fn the_declared_variance_continues_the_power_of_the_modes_that_are_passed() {
    let (d, k) = (64usize, 12);
    let wave = |i: usize| {
        move |j: usize| {
            let phase = std::f64::consts::PI * i as f64 * (j as f64 + 0.5) / d as f64;
            (if i == 0 { 1.0 } else { 2.0 } / d as f64).sqrt() * phase.cos()
        }
    };
    let passed = ndarray::Array2::from_shape_fn((d, k), |(j, i)| wave(i)(j));
    let power = ndarray::Array1::from_shape_fn(k, |i| (i.max(1) as f64).powi(-2));
    let learned = Learned {
        moments: Moments {
            mean: ndarray::Array1::zeros(d),
            covariance: (&passed * &power).dot(&passed.t()),
            spectra: 1000,
        },
        passed: passed.clone(),
    };
    let [none, half, whole] = [0.0, 0.5, 1.0].map(|part| learned.declared(part).covariance);
    assert!(
        (&none - &learned.moments.covariance)
            .iter()
            .all(|v| v.abs() < 1e-12)
    );
    for i in [1, 5, 20, 60] {
        let v = ndarray::Array1::from_shape_fn(d, wave(i));
        let [half, whole] = [&half, &whole].map(|c| v.dot(&c.dot(&v)) * (i as f64).powi(2));
        let expected = if i < k { [1.0, 1.0] } else { [0.5, 1.0] };
        assert!((half - expected[0]).abs() < 0.1, "{i}: {half}");
        assert!((whole - expected[1]).abs() < 0.15, "{i}: {whole}");
    }
}

/// y = x smoothed over 2.5 pixels, under noise of 0.05.
struct Smoothed;

impl Smoothed {
    fn matrix(d: i64) -> Tensor {
        let blur = blur_matrix(&vec![2.5; d as usize]).mapv(|v| v as f32);
        let flat: Vec<f32> = blur.iter().copied().collect();
        Tensor::from_slice(&flat).view([d, d])
    }
}

impl ForwardModel for Smoothed {
    fn observe(
        &self,
        x: &Tensor,
        recorded: &Latent,
        random: &Rows,
    ) -> selfsi::Result<(Tensor, Latent)> {
        let d = x.size()[1];
        let y = x.matmul(&Self::matrix(d).tr()) + random.normal(2, d) * 0.05;
        Ok((y, recorded.shallow_clone()))
    }
}

#[test]
fn what_the_mean_of_some_draws_is_off_by_does_not_pass_for_a_covariance() {
    // A mean a thousand times the scatter.
    let d = 12i64;
    let (bright, unit) = (
        Tensor::full([1, d], 1000.0, (Kind::Float, Device::Cpu)),
        Tensor::eye(d, (Kind::Float, Device::Cpu)),
    );
    let found = Joint::simulated([&bright, &unit], &Smoothed, &latent(4, d, 0.0025), 7).unwrap();
    let off = (&found.cross - Smoothed::matrix(d).tr()).abs().max();
    assert!(off.double_value(&[]) < 0.06, "{off:?}");
}

/// Cosines of variance 1/(1 + i²).
#[test]
fn a_simulated_channel_leaves_the_modes_that_it_erases_the_variance_that_continues_the_others() {
    let (n, d) = (8192, 40i64);
    let wave = |i: i64| {
        let pixel = Tensor::arange(d, (Kind::Float, Device::Cpu)) + 0.5;
        let scale = if i == 0 { 1.0 } else { 2.0 } / d as f64;
        (pixel * (std::f64::consts::PI * i as f64 / d as f64)).cos() * scale.sqrt()
    };
    let waves = Tensor::stack(&(0..d).map(wave).collect::<Vec<_>>(), 0);
    let power: Vec<f64> = (0..d).map(|i| 1.0 / (1.0 + (i * i) as f64)).collect();
    let x: Tensor = (rows(0, n).normal(0, d) * row(&power).sqrt()).matmul(&waves) + 1.0;
    let (y, latent) = Smoothed
        .observe(&x, &latent(n, d, 0.0025), &rows(1, n))
        .unwrap();
    let learned = |part: f64| {
        let found = Joint::learned(&y, &latent, &Smoothed, 1e-3 * part, 7).unwrap();
        found.with_declared(&Smoothed, &latent, part, 7).unwrap()
    };
    let variance = |found: &Joint, i: i64| {
        let v = wave(i).unsqueeze(0);
        let c = v.matmul(&found.covariance).matmul(&v.tr());
        c.double_value(&[0, 0]) / power[i as usize]
    };
    let [half, whole] = [0.5, 1.0].map(learned);
    for (i, declared) in [(1, false), (4, false), (25, true), (38, true)] {
        let (a, b) = (variance(&half, i), variance(&whole, i));
        assert!((0.6..1.6).contains(&b), "{i}: {b}");
        let part = if declared { 0.5 } else { 1.0 };
        assert!((a / b - part).abs() < 0.1, "{i}: {a} {b}");
    }
}
