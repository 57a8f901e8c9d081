//! The rest-frame population behind a wide blur, and the posterior that `interpolant.kind = "posterior"`
//! begins with, against answers that are known.

use ndarray::{Array1, Array2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{ForwardConfig, GridConfig, NoiseFrom, SmoothingFrom};
use selfsi::data::{Block, LogGrid};
use selfsi::forward::Latent;
use selfsi::population::{Channel, Cholesky, RestGrid, RestMoments, RestStart};
use selfsi::transport::Start;
use tch::{Device, Kind, Tensor};

const D: usize = 48;
const SHIFTS: usize = 9;
const L: usize = D + SHIFTS - 1;
const SIGMA: f64 = 0.05;

/// Lyα at the middle of the rest frame, pixels of 1,140 km/s.
fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 3946.0,
        max: 4718.0,
        pixels: D,
        ..GridConfig::default()
    })
}

fn z(k: usize) -> f64 {
    let nearest = 2.5f64.ln_1p();
    (nearest + (SHIFTS - 1 - k) as f64 * grid().dln()).exp_m1()
}

fn rest_grid() -> RestGrid {
    RestGrid::new(&grid(), [z(0), z(SHIFTS - 1)].into_iter()).unwrap()
}

/// σ = 4 pixels, 5 % of it uncertain, and a tilt.
fn forward() -> ForwardConfig {
    ForwardConfig::Quasar {
        tilt: 0.05,
        smoothing: SmoothingFrom::Resolution {
            resolution: 1.0 / (4.0 * grid().dln()),
            spread: 0.05,
        },
        noise: NoiseFrom::Ivar,
    }
}

fn channel() -> Channel {
    Channel::new(&forward(), &grid(), &[0.0; D], &[0.0; D]).unwrap()
}

/// A line on a continuum, which varies a little in height, and in the first half a forest, of about the published
/// power.
fn truth() -> RestMoments {
    let line = |e: usize| (-0.5 * ((e as f64 - 34.0) / 3.0).powi(2)).exp();
    let covariance = Array2::from_shape_fn((L, L), |(i, j)| {
        let forest = if i.max(j) < L / 2 { 0.01 } else { 0.0 };
        let near = (-(i as f64 - j as f64).abs() / 0.5).exp();
        0.02 + 0.01 * line(i) * line(j) + forest * near + 1e-4 * f64::from(i == j)
    });
    RestMoments {
        grid: rest_grid(),
        mean: (0..L).map(|e| 1.0 + 2.0 * line(e)).collect(),
        covariance,
        shifts: vec![1.0 / SHIFTS as f64; SHIFTS],
    }
}

/// The mean and the covariance of x given y at shift `k` of the truth, by the formula.
fn exact(y: &Array1<f64>, variance: &Array1<f64>, k: usize) -> (Array1<f64>, Array2<f64>) {
    let (truth, channel) = (truth(), channel());
    let mean = truth.mean.slice(s![k..k + D]).to_owned();
    let c = truth.covariance.slice(s![k..k + D, k..k + D]).to_owned();
    let mut system = channel.signal_covariance(&mean, &c);
    channel.add_noise(&mut system, variance);
    let good: Vec<usize> = (0..D).filter(|j| variance[*j] < 1e5).collect();
    let cross = c.dot(&channel.mean_blur.t()).select(Axis(1), &good);
    let system = system.select(Axis(0), &good).select(Axis(1), &good);
    let residual = (y - &channel.mean_blur.dot(&mean)).select(Axis(0), &good);
    let gain = Cholesky::new(&system).unwrap().solve(&cross.t().to_owned());
    (mean + gain.t().dot(&residual), c - cross.dot(&gain))
}

fn tensor(a: &Array2<f64>) -> Tensor {
    let flat: Vec<f32> = a.iter().map(|v| *v as f32).collect();
    Tensor::from_slice(&flat).view([a.nrows() as i64, a.ncols() as i64])
}

fn rows(n: i64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(5, Purpose::Toy, 0, n, Device::Cpu)
}

/// `n` times the same observation with noise of these variances (1e6: masked) at shift `k`.
fn copies(n: usize, y: &Array1<f64>, variance: &Array1<f64>, k: usize) -> (Tensor, Latent) {
    let all = |v: &Array1<f64>| tensor(&v.broadcast((n, D)).unwrap().to_owned());
    let good = all(&variance.mapv(|v| f64::from(v < 1e5)));
    let sigma = all(&variance.mapv(|v| if v < 1e5 { v.sqrt() } else { 1.0 }));
    let redshift = Tensor::full([n as i64, 1], z(k).ln_1p(), (Kind::Float, Device::Cpu));
    let latent = Latent::of_pixels(good, sigma.copy(), sigma.zeros_like()).at(&redshift);
    (all(y), latent)
}

#[test]
fn draws_of_any_row_are_those_of_the_exact_posterior_at_its_redshift() {
    let start = RestStart::new(&truth(), &channel(), Device::Cpu);
    let n = 20_000;
    let even = Array1::from_elem(D, SIGMA * SIGMA);
    let mut uneven = even.clone();
    uneven.slice_mut(s![30..]).fill(0.04);
    uneven.slice_mut(s![10..14]).fill(1e6);
    for (variance, k, n) in [(&even, 2, n), (&uneven, 7, n / 5)] {
        let y = Array1::from_shape_fn(D, |j| 1.2 + 0.3 * (j as f64 / 5.0).sin());
        let (mean, covariance) = exact(&y, variance, k);
        let (y, latent) = copies(n, &y, variance, k);
        let (draws, anchored) = start.anchored(&y, &latent, &rows(n as i64));
        let found = anchored.anchor.unwrap().mean.get(0);
        let expected = tensor(&mean.insert_axis(Axis(0))).get(0);
        let off = (&found - &expected).abs().max().double_value(&[]);
        assert!(off < 2e-3, "{k}: {off}");
        let scatter = tensor(&covariance).diag(0).sqrt();
        let error = 6.0 / (n as f64).sqrt();
        let off = (draws.mean_dim([0i64].as_slice(), false, Kind::Float) - &found) / &scatter;
        assert!(off.abs().max().double_value(&[]) < error, "{k}: {off:?}");
        let found = draws.tr().cov(1, None::<Tensor>, None::<Tensor>);
        let off = (found - tensor(&covariance)) / scatter.outer(&scatter);
        assert!(off.abs().max().double_value(&[]) < error, "{k}");
    }
}

/// Where f tells nothing, they are as wide as the draws; where it tells all, they vanish.
#[test]
fn the_population_s_part_of_the_scatter_is_what_data_without_noise_would_leave() {
    let start = RestStart::new(&truth(), &channel(), Device::Cpu);
    let n = 20_000;
    let y = truth().mean.slice(s![..D]).to_owned();
    for (variance, k) in [(SIGMA * SIGMA, 2), (1e4, 5)] {
        let variance = Array1::from_elem(D, variance);
        let (truth, channel) = (truth(), channel());
        let c = truth.covariance.slice(s![k..k + D, k..k + D]).to_owned();
        let mean = truth.mean.slice(s![k..k + D]).to_owned();
        let signal = channel.signal_covariance(&mean, &c);
        let mut system = signal.clone();
        channel.add_noise(&mut system, &variance);
        let cross = c.dot(&channel.mean_blur.t());
        let gain = Cholesky::new(&system).unwrap().solve(&cross.t().to_owned());
        // All that is not K N Kᵀ.
        let left = &c
            - &cross.dot(&gain)
            - &(gain
                .t()
                .dot(&(&gain * &variance.view().insert_axis(Axis(1)))));
        let (y, latent) = copies(n, &y, &variance, k);
        let error = start.prior_error(&y, &latent, &rows(n as i64));
        let found = error.tr().cov(1, None::<Tensor>, None::<Tensor>).diag(0);
        let off = found / tensor(&left).diag(0) - 1.0;
        assert!(off.abs().max().double_value(&[]) < 0.06, "{off:?}");
    }
}

fn observed(n: usize, seed: u64) -> (Block, Array2<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (truth, channel) = (truth(), channel());
    let (values, vectors) = selfsi::population::eigen(&truth.covariance);
    let factor = &vectors * &values.mapv(|v| v.max(0.0).sqrt());
    let mut block = Block::masked(n, D);
    let mut clean = Array2::zeros((n, D));
    for i in 0..n {
        let k = rng.random_range(0..SHIFTS);
        let modes: Array1<f64> = (0..L).map(|_| rng.sample(StandardNormal)).collect();
        let x = (&truth.mean + &factor.dot(&modes))
            .slice(s![k..k + D])
            .to_owned();
        let variance = Array1::from_elem(D, SIGMA * SIGMA);
        let y = channel.observe(x.view(), &variance, &mut rng);
        block.flux.row_mut(i).assign(&y.mapv(|v| v as f32));
        block.ivar.row_mut(i).fill((1.0 / (SIGMA * SIGMA)) as f32);
        // One in five has a gap.
        if i % 5 == 0 {
            block.flux.slice_mut(s![i, 20..23]).fill(0.0);
            block.ivar.slice_mut(s![i, 20..23]).fill(0.0);
        }
        block.z[i] = z(k);
        clean.row_mut(i).assign(&x);
    }
    (block, clean)
}

/// Root mean square of the posterior's mean less the truth.
fn error(moments: &RestMoments, block: &Block, clean: &Array2<f64>, told: bool) -> f64 {
    let start = RestStart::new(moments, &channel(), Device::Cpu);
    let double = |a: &Array2<f32>| tensor(&a.mapv(f64::from));
    let redshift: Vec<f32> = (block.z.iter())
        .map(|z| if told { z.ln_1p() as f32 } else { f32::NAN })
        .collect();
    let latent = Latent::from_ivar(&double(&block.ivar), &double(&block.lsf))
        .at(&Tensor::from_slice(&redshift).view([-1, 1]));
    let (_, anchored) = start.anchored(&double(&block.flux), &latent, &rows(clean.nrows() as i64));
    let off = anchored.anchor.unwrap().mean - tensor(clean);
    off.square().mean(Kind::Double).sqrt().double_value(&[])
}

#[test]
fn a_redshift_between_two_shifts_has_the_window_of_the_nearer_one() {
    let start = RestStart::new(&truth(), &channel(), Device::Cpu);
    let y = Array1::from_elem(D, 1.0);
    let even = Array1::from_elem(D, SIGMA * SIGMA);
    let mean = |shift: f64| {
        let (y, latent) = copies(1, &y, &even, 0);
        let l = z(0).ln_1p() - shift * grid().dln();
        let at = Tensor::full([1, 1], l, (Kind::Float, Device::Cpu));
        let (_, anchored) = start.anchored(&y, &latent.at(&at), &rows(1));
        anchored.anchor.unwrap().mean
    };
    for (between, near) in [(2.6, 3.0), (3.4, 3.0), (3.6, 4.0), (7.7, 8.0), (-0.3, 0.0)] {
        assert_eq!(mean(between), mean(near), "{between}");
    }
}

#[test]
fn the_population_behind_a_wide_blur_is_found_in_the_rest_frame() {
    let (block, _) = observed(3000, 1);
    let learn = || {
        let rows = || std::iter::once(Ok(block.clone()));
        let through = (&forward(), &channel());
        RestMoments::learn(rows, &grid(), through, &[0.0; D], 1.0)
    };
    let found = learn().unwrap().unwrap();
    assert_eq!(found.grid, rest_grid());
    let (fresh, clean) = observed(1000, 2);
    let [best, own, untold] = [(&truth(), true), (&found, true), (&found, false)]
        .map(|(m, told)| error(m, &fresh, &clean, told));
    assert!(own < 1.06 * best, "{own} {best}");
    assert!(untold > 1.05 * own, "{untold} {own}");
    // What is declared is of the truth's size where the forest is, and little where lines and forest are not.
    let variance = |m: &RestMoments, part: std::ops::Range<usize>| {
        let own = m.covariance.diag();
        own.slice(s![part]).mean().unwrap()
    };
    let [forest, red] = [4..L / 2 - 6, L / 2 + 16..L - 4]
        .map(|part| variance(&found, part.clone()) / variance(&truth(), part));
    assert!((0.8..1.25).contains(&forest), "{forest}");
    assert!((0.8..1.25).contains(&red), "{red}");
}
