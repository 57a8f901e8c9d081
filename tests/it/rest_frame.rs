//! The rest-frame population and its posterior, against answers that are known.

use ndarray::{Array1, Array2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::config::{ForwardConfig, GridConfig, NoiseFrom, SmoothingFrom};
use selfsi::data::{Block, LogGrid};
use selfsi::population::{
    Amplitudes, BandMatrix, Channel, Cholesky, RestFilter, RestGrid, RestPopulation, Structure,
    eigen,
};

const D: usize = 96;
const SHIFTS: usize = 17;
const L: usize = D + SHIFTS - 1;
const SIGMA: f64 = 0.5;

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        pixels: D,
        ..GridConfig::default()
    })
}

/// The redshift of an object at shift `k`.
fn z(k: usize) -> f64 {
    let nearest = 2.5f64.ln_1p();
    (nearest + (SHIFTS - 1 - k) as f64 * grid().dln()).exp_m1()
}

fn rest_grid() -> RestGrid {
    RestGrid::new(&grid(), [z(0), z(SHIFTS - 1)].into_iter()).unwrap()
}

fn channel() -> Channel {
    let forward = ForwardConfig::Gaussian { sigma: SIGMA };
    Channel::new(&forward, &grid(), &[0.0; D], &[0.2; D]).unwrap()
}

/// A line on a continuum; a broad mode; and in the first half a forest that correlates over three
/// pixels.
fn truth() -> (Array1<f64>, Array2<f64>) {
    let x = |e: usize| e as f64 / L as f64;
    let mean = (0..L).map(|e| 1.0 + 2.0 * (-0.5 * ((x(e) - 0.6) / 0.04).powi(2)).exp());
    let mut factor = Array2::zeros((L, L + 3));
    for e in 0..L {
        factor[[e, 0]] = 0.5 * (4.0 * x(e)).cos();
        for k in 0..3 {
            if e < L / 2 {
                factor[[e, 1 + e + k]] = 0.25;
            }
        }
    }
    (mean.collect(), factor)
}

fn population(scaled: bool) -> RestPopulation {
    let (mean, factor) = truth();
    RestPopulation {
        grid: rest_grid(),
        drift: None,
        mean,
        slope: None,
        factor,
        structure: None,
        scaled,
        shifts: vec![1.0 / SHIFTS as f64; SHIFTS],
        spectra: 1,
    }
}

/// `n` noisy spectra of the population with a scatter `scatter` of ln amplitude; one pixel in ten is
/// masked. With them the clean ones.
fn observed(n: usize, scatter: f64, seed: u64) -> (Block, Array2<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mean, factor) = truth();
    let channel = channel();
    let mut block = Block::masked(n, D);
    let mut clean = Array2::zeros((n, D));
    for i in 0..n {
        let k = rng.random_range(0..SHIFTS);
        let modes: Array1<f64> = (0..factor.ncols())
            .map(|_| rng.sample(StandardNormal))
            .collect();
        let a: f64 = rng.sample(StandardNormal);
        let x = (&mean + &factor.dot(&modes)) * (scatter * a).exp();
        let x = x.slice(s![k..k + D]).to_owned();
        let variance = Array1::from_elem(D, SIGMA * SIGMA);
        let y = &x + &channel.noise(&variance, &mut rng);
        for j in 0..D {
            if rng.random::<f64>() > 0.1 {
                block.flux[[i, j]] = y[j] as f32;
                block.ivar[[i, j]] = (1.0 / (SIGMA * SIGMA)) as f32;
            }
        }
        block.z[i] = z(k);
        clean.row_mut(i).assign(&x);
    }
    (block, clean)
}

fn learned(block: &Block, amplitudes: Amplitudes) -> RestPopulation {
    let rows = || std::iter::once(Ok(block.clone()));
    let found = RestPopulation::learn(rows, &grid(), &channel(), amplitudes);
    found.unwrap().unwrap()
}

fn rms(a: &Array2<f64>) -> f64 {
    (a.iter().map(|v| v * v).sum::<f64>() / a.len() as f64).sqrt()
}

#[test]
fn mean_and_covariance_of_the_clean_population_come_from_noisy_spectra() {
    let n = 6000;
    let (block, _) = observed(n, 0.0, 1);
    let found = learned(&block, Amplitudes::None);
    assert_eq!((found.grid, found.spectra), (rest_grid(), n));
    let (mean, factor) = truth();
    let covariance = factor.dot(&factor.t());
    // Of a pixel: variances 0.25 + 0.19 + 0.25 at most, 5,400 spectra; fewer at the ends.
    let inner = s![SHIFTS..L - SHIFTS];
    let off = (&found.mean - &mean).slice(inner).mapv(f64::abs);
    let worst = off.iter().fold(0.0, |a: f64, b| a.max(*b));
    assert!(worst < 5.0 * (0.69f64 / 5400.0).sqrt(), "{worst}");
    // Away from the ends, which few spectra show: of an entry, (0.4 + 0.25)/√5400 over the covariance's
    // 0.12 is 0.07; as much again where the forest ends more sharply than its power is averaged.
    let within = s![SHIFTS..L - SHIFTS, SHIFTS..L - SHIFTS];
    let part = |c: &Array2<f64>| c.slice(within).to_owned();
    let error = rms(&part(&(found.covariance() - &covariance))) / rms(&part(&covariance));
    assert!(error < 0.14, "{error}");
    // The quiet half stays quiet, close to where the forest ends: there, all that is left is the broad mode.
    let left = found.covariance() - &covariance;
    let quiet = left
        .slice(s![L / 2 + 12..L - SHIFTS, L / 2 + 12..L - SHIFTS])
        .diag()
        .mapv(f64::abs);
    let worst = quiet.iter().fold(0.0, |a: f64, b| a.max(*b));
    // Five standard errors of a variance of 0.36, noise included: (2/5400)½ of it.
    assert!(worst < 0.035, "{worst}");
    let forest = left
        .slice(s![SHIFTS..L / 2 - 24, SHIFTS..L / 2 - 24])
        .diag()
        .mean();
    // Of 0.19 the average along the spectrum loses a few per cent to the quiet half.
    assert!(forest.unwrap().abs() < 0.03, "{forest:?}");
}

#[test]
fn amplitudes_are_told_from_shapes() {
    let (block, _) = observed(6000, 0.3, 2);
    let (with, without) = (
        learned(&block, Amplitudes::Scale),
        learned(&block, Amplitudes::None),
    );
    let (mean, factor) = truth();
    let covariance = factor.dot(&factor.t());
    let off = |p: &RestPopulation| rms(&(p.covariance() - &covariance)) / rms(&covariance);
    // Amplitude and broad mode are not orthogonal: some of the mode goes into the amplitude.
    assert!(
        off(&with) < 0.5 * off(&without),
        "{} {}",
        off(&with),
        off(&without)
    );
    let scale = with.mean.sum() / mean.sum();
    let shape = (&with.mean / scale - &mean).mapv(f64::abs);
    let worst = shape.iter().fold(0.0, |a: f64, b| a.max(*b));
    assert!(worst < 0.08, "{worst}");
}

/// Normalised in the last third, where spectra are 1 whatever their amplitude; where they are scaled, they are
/// to the mean.
#[test]
fn a_mean_that_goes_with_the_amplitude_is_found_and_is_not_scatter() {
    let (n, third) = (4000, 2 * L / 3);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let channel = channel();
    let shape = |e: usize| 1.0 + 0.5 * (e as f64 / 9.0).sin();
    let mut block = Block::masked(n, D);
    for i in 0..n {
        let k = rng.random_range(0..SHIFTS);
        let a = (0.3 * rng.sample::<f64, _>(StandardNormal)).exp();
        let noise = channel.noise(&Array1::from_elem(D, 0.04), &mut rng);
        for j in 0..D {
            let e = j + k;
            let x = if e < third { a * shape(e) } else { shape(e) };
            block.flux[[i, j]] = (x + noise[j]) as f32;
            block.ivar[[i, j]] = 25.0;
        }
        block.z[i] = z(k);
    }
    let [trend, scale] = [Amplitudes::Trend, Amplitudes::Scale].map(|a| learned(&block, a));
    let inner = SHIFTS..L - SHIFTS;
    // The amplitude of a spectrum is against all of its pixels: 1 is where a is somewhat above 1.
    for e in inner.clone().filter(|e| e.abs_diff(third) > 12) {
        let ratio = trend.slope()[e] / trend.mean[e];
        if e < third {
            assert!(ratio > 1.0, "{e}: {ratio}");
        } else {
            assert!(ratio.abs() < 0.1, "{e}: {ratio}");
        }
    }
    // Beside the step the trend is smooth, and what it misses there is scatter.
    let scatter = |p: &RestPopulation| {
        let c = p.covariance();
        let away = inner.clone().filter(|e| e.abs_diff(third) > 12);
        away.map(|e| c[[e, e]]).sum::<f64>()
    };
    assert!(
        scatter(&trend) < 0.1 * scatter(&scale),
        "{} {}",
        scatter(&trend),
        scatter(&scale)
    );
}

#[test]
fn learned_again_it_is_the_same_to_the_bit() {
    let (block, _) = observed(300, 0.2, 3);
    let (a, b) = (
        learned(&block, Amplitudes::Scale),
        learned(&block, Amplitudes::Scale),
    );
    assert!(a.mean == b.mean && a.factor == b.factor);
}

/// m + C (C + N)⁻¹ (y − m) and the root of diag(C − C (C + N)⁻¹ C), over the unmasked pixels.
fn dense(mean: &Array1<f64>, c: &Array2<f64>, block: &Block, i: usize) -> [Array1<f64>; 2] {
    let variance = block
        .ivar
        .row(i)
        .mapv(|v| if v > 0.0 { SIGMA * SIGMA } else { 0.0 });
    let mut a = c.clone();
    channel().add_noise(&mut a, &variance);
    let good: Vec<usize> = (0..D).filter(|j| block.ivar[[i, *j]] > 0.0).collect();
    let a = a.select(Axis(0), &good).select(Axis(1), &good);
    let cross = c.select(Axis(1), &good);
    let solver = Cholesky::new(&a).unwrap();
    let residual = Array2::from_shape_fn((good.len(), 1), |(k, _)| {
        f64::from(block.flux[[i, good[k]]]) - mean[good[k]]
    });
    let found = mean + &cross.dot(&solver.solve(&residual)).column(0);
    let explained = cross.dot(&solver.solve(&cross.t().to_owned()));
    let deviation = (0..D).map(|j| (c[[j, j]] - explained[[j, j]]).sqrt());
    [found, deviation.collect()]
}

fn close(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn the_posterior_is_that_of_the_dense_formula_with_and_without_a_redshift() {
    let (mut block, _) = observed(6, 0.0, 4);
    block.z[5] = f64::NAN;
    let (population, channel) = (population(false), channel());
    let filter = RestFilter::new(population.clone(), channel.clone());
    let c = population.covariance();
    let moments = |k: usize| {
        let window = s![k..k + D];
        let mean = population.mean.slice(window).to_owned();
        (mean, c.slice(s![k..k + D, k..k + D]).to_owned())
    };
    for i in 0..6 {
        let (mean, c) = match rest_grid().shift(block.z[i]) {
            Some(k) => moments(k),
            // The moments of the mixture of all shifts.
            None => {
                let all: Vec<_> = (0..SHIFTS).map(moments).collect();
                let part = 1.0 / SHIFTS as f64;
                let mean = all
                    .iter()
                    .fold(Array1::zeros(D), |sum, (m, _)| sum + m * part);
                let second = all.iter().fold(Array2::zeros((D, D)), |sum, (m, c)| {
                    let m = (m - &mean).insert_axis(Axis(1));
                    sum + (c + &m.dot(&m.t())) * part
                });
                (mean, second)
            }
        };
        let [expected, deviation] = dense(&mean, &c, &block, i);
        let found = filter
            .posterior(block.flux.row(i), block.ivar.row(i), block.z[i])
            .unwrap();
        assert!(close(&found.mean(), &expected) < 1e-6);
        assert!(close(&found.deviation(), &deviation) < 1e-6);
    }
}

/// The same photons seen at another redshift: what both show of the rest frame is restored alike.
#[test]
fn an_object_is_restored_alike_at_another_redshift() {
    let (block, _) = observed(1, 0.0, 5);
    let (population, channel) = (population(true), channel());
    let filter = RestFilter::new(population.clone(), channel.clone());
    let (by, k) = (5, 4);
    let mut near = Block::masked(1, D);
    let mut far = Block::masked(1, D);
    for j in by..D {
        for (to, at) in [(&mut near, j), (&mut far, j - by)] {
            to.flux[[0, at]] = block.flux[[0, j]];
            to.ivar[[0, at]] = block.ivar[[0, j]];
        }
    }
    let of = |b: &Block, k: usize| {
        let posterior = filter
            .posterior(b.flux.row(0), b.ivar.row(0), z(k))
            .unwrap();
        [posterior.mean(), posterior.deviation()]
    };
    for (a, b) in of(&near, k).iter().zip(of(&far, k + by)) {
        let (a, b) = (
            a.slice(s![by..]).to_owned(),
            b.slice(s![..D - by]).to_owned(),
        );
        assert!(close(&a, &b) < 1e-9);
    }
}

#[test]
fn draws_are_as_wide_as_the_posterior_and_the_truth_is_one_of_them() {
    let (n, m) = (150, 19);
    let (block, clean) = observed(n, 0.0, 6);
    let (population, channel) = (population(false), channel());
    let filter = RestFilter::new(population.clone(), channel.clone());
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut ranks = vec![0.0; m + 1];
    let mut ratio = 0.0;
    for i in 0..n {
        let posterior = filter
            .posterior(block.flux.row(i), block.ivar.row(i), block.z[i])
            .unwrap();
        let draws = posterior.draws(m, &mut rng);
        let (deviation, mean) = (posterior.deviation(), posterior.mean());
        for j in 0..D {
            let below = draws
                .column(j)
                .iter()
                .filter(|x| **x < clean[[i, j]])
                .count();
            ranks[below] += 1.0 / (n * D) as f64;
            let square = draws
                .column(j)
                .iter()
                .map(|x| (x - mean[j]).powi(2))
                .sum::<f64>();
            ratio += square / m as f64 / deviation[j].powi(2) / (n * D) as f64;
        }
    }
    // Pixels of an object go together: some 15 independent ones each.
    let expected = 1.0 / (m + 1) as f64;
    let error = (expected / (15 * n) as f64).sqrt();
    for r in &ranks {
        assert!((r - expected).abs() < 4.0 * error, "{ranks:?}");
    }
    assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
}

#[test]
fn observations_show_as_much_signal_as_the_population_expects_of_them() {
    let n = 300;
    let (block, _) = observed(n, 0.0, 6);
    let ratio = |scale: f64| {
        let mut population = population(false);
        population.factor *= scale;
        let filter = RestFilter::new(population, channel());
        let mut sums = [0.0; 2];
        for i in 0..n {
            let posterior = filter
                .posterior(block.flux.row(i), block.ivar.row(i), block.z[i])
                .unwrap();
            let rngs = (0..4).map(|k| ChaCha8Rng::seed_from_u64((4 * i + k) as u64));
            let signal = posterior.signal(rngs);
            for (sum, s) in sums.iter_mut().zip(signal) {
                *sum += s.sum();
            }
        }
        sums[0] / sums[1]
    };
    assert!((ratio(1.0) - 1.0).abs() < 0.1, "{}", ratio(1.0));
    // A population of four times the variance expects more, one of a quarter less.
    assert!(ratio(2.0) < 0.7, "{}", ratio(2.0));
    assert!(ratio(0.5) > 1.5, "{}", ratio(0.5));
}

#[test]
fn the_moments_of_clean_spectra_are_those_of_their_population() {
    let (mut block, clean) = observed(4000, 0.0, 8);
    block.flux = clean.mapv(|v| v as f32);
    let rows = || std::iter::once(Ok(block.clone()));
    let found = RestPopulation::of_clean(rows, &grid()).unwrap().unwrap();
    let (_, factor) = truth();
    let covariance = factor.dot(&factor.t());
    let inner = s![SHIFTS..L - SHIFTS, SHIFTS..L - SHIFTS];
    let off = (found.covariance() - &covariance).slice(inner).to_owned();
    let error = rms(&off) / rms(&covariance.slice(inner).to_owned());
    assert!(error < 0.09, "{error}");
}

/// (1 − K) C (1 − K)ᵀ, K the gain of the observation: what it leaves of the population's scatter. The rest of
/// the posterior's is noise.
#[test]
fn the_part_of_the_scatter_that_is_the_populations() {
    let (block, _) = observed(1, 0.0, 6);
    let (population, channel) = (population(false), channel());
    let filter = RestFilter::new(population.clone(), channel);
    let posterior = filter
        .posterior(block.flux.row(0), block.ivar.row(0), block.z[0])
        .unwrap();
    let n = 3000;
    let rngs = (0..n).map(ChaCha8Rng::seed_from_u64);
    let errors = posterior.prior_errors(rngs);
    let k = rest_grid().shift(block.z[0]).unwrap();
    let c = population.covariance();
    let c = c.slice(s![k..k + D, k..k + D]).to_owned();
    // The gain: the answer of the mean to each pixel, 0 of a masked one.
    let mut left = Array2::eye(D);
    for j in (0..D).filter(|j| block.ivar[[0, *j]] > 0.0) {
        let one = Array1::from_shape_fn(D, |i| f64::from(i == j));
        let mut column = left.column_mut(j);
        column -= &posterior.response(&one).mean;
    }
    let expected = left.dot(&c).dot(&left.t());
    let deviation = posterior.deviation();
    let mut ratio = 0.0;
    for j in 0..D {
        let found = errors.column(j).dot(&errors.column(j)) / n as f64;
        assert!(expected[[j, j]] < deviation[j].powi(2) * (1.0 + 1e-9));
        ratio += found / expected[[j, j]] / D as f64;
    }
    assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
}

/// Amplitudes, masks and correlated noise included; what the misfit leaves is what is expected of the
/// signal.
#[test]
fn the_response_is_the_derivative_of_the_mean_and_of_the_misfit() {
    let (block, _) = observed(3, 0.3, 8);
    let whole = population(true);
    let slope = Array1::from_shape_fn(L, |e| whole.mean[e] * (0.2 + e as f64 / L as f64));
    let trend = RestPopulation {
        slope: Some(slope),
        ..whole.clone()
    };
    for (population, i) in [(&whole, 0), (&whole, 1), (&trend, 0), (&trend, 2)] {
        let filter = RestFilter::new(population.clone(), channel());
        let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
        let of = |flux: &Array1<f32>| filter.posterior(flux.view(), ivar, block.z[i]).unwrap();
        let b: Array1<f64> = (0..D)
            .map(|j| {
                if ivar[j] > 0.0 {
                    (1.3 * j as f64).sin()
                } else {
                    0.0
                }
            })
            .collect();
        let moved = |h: f64| of(&(flux.to_owned() + &b.mapv(|b| (h * b) as f32)));
        let (low, high, step) = (moved(-0.05), moved(0.05), 0.1);
        let found = of(&flux.to_owned()).response(&b);
        let slope = |high: Array1<f64>, low: Array1<f64>| (high - low) / step;
        assert!(close(&found.mean, &slope(high.mean(), low.mean())) < 2e-3);
        assert!(close(&found.misfit, &slope(high.misfit(), low.misfit())) < 2e-3);
    }
}

/// A covariance of a mode and a band is solved as such: to the same posterior, but for the far ends of the
/// blur's kernel.
#[test]
fn the_posterior_by_bands_is_the_dense_one() {
    let (block, _) = observed(4, 0.0, 9);
    let forward = ForwardConfig::Quasar {
        tilt: 0.2,
        smoothing: SmoothingFrom::Lsf,
        noise: NoiseFrom::Ivar,
    };
    let blurred = Channel::new(&forward, &grid(), &[0.7; D], &[0.2; D]).unwrap();
    for (channel, tolerance) in [(channel(), 1e-9), (blurred, 2e-3)] {
        let dense = population(true);
        let (mode, local) = dense.factor.view().split_at(Axis(1), 1);
        let structure = Structure {
            modes: mode.to_owned(),
            band: BandMatrix::of(&local.dot(&local.t()), 2),
        };
        let banded = RestPopulation {
            structure: Some(structure),
            ..dense.clone()
        };
        let [dense, banded] = [dense, banded].map(|p| RestFilter::new(p, channel.clone()));
        for i in 0..4 {
            let of = |filter: &RestFilter| {
                let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
                let p = filter.posterior(flux, ivar, block.z[i]).unwrap();
                let b = Array1::from_shape_fn(D, |j| f64::from(ivar[j] > 0.0) * (j as f64).cos());
                let response = p.response(&b);
                let draw = p
                    .draws(1, &mut ChaCha8Rng::seed_from_u64(3))
                    .row(0)
                    .to_owned();
                [
                    p.mean(),
                    p.deviation(),
                    p.misfit(),
                    response.mean,
                    response.misfit,
                    draw,
                ]
            };
            for (a, b) in of(&dense).iter().zip(of(&banded)) {
                assert!(close(a, &b) < tolerance, "{}", close(a, &b));
            }
        }
    }
}

/// ln of the Gaussian density of an observation, over its unmasked pixels.
fn density(mean: &Array1<f64>, c: &Array2<f64>, block: &Block, i: usize) -> f64 {
    let variance = block
        .ivar
        .row(i)
        .mapv(|v| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 });
    let mut a = c.clone();
    channel().add_noise(&mut a, &variance);
    let good: Vec<usize> = (0..D).filter(|j| block.ivar[[i, *j]] > 0.0).collect();
    let a = a.select(Axis(0), &good).select(Axis(1), &good);
    let (values, vectors) = eigen(&a);
    let residual: Array1<f64> = (good.iter())
        .map(|j| f64::from(block.flux[[i, *j]]) - mean[*j])
        .collect();
    let along = vectors.t().dot(&residual);
    let terms = values.iter().zip(&along);
    let sum = terms.map(|(v, a)| a * a / v + (std::f64::consts::TAU * v).ln());
    -0.5 * sum.sum::<f64>()
}

#[test]
fn the_likelihood_is_the_gaussian_density_and_the_right_redshift_has_the_largest() {
    let (block, _) = observed(60, 0.0, 7);
    let population = population(false);
    let filter = RestFilter::new(population.clone(), channel());
    let c = population.covariance();
    let of = |i: usize, k: usize| {
        let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
        filter.posterior(flux, ivar, z(k)).unwrap().likelihood()
    };
    let mut right = 0;
    let mut scores = [0.0, 0.0];
    for i in 0..60 {
        let k = rest_grid().shift(block.z[i]).unwrap();
        let window = s![k..k + D];
        let (m, own) = (
            population.mean.slice(window),
            c.slice(s![k..k + D, k..k + D]),
        );
        let found = of(i, k);
        let expected = density(&m.to_owned(), &own.to_owned(), &block, i);
        assert!(
            (found.loglike - expected).abs() < 1e-6 * expected.abs(),
            "{found:?} {expected}"
        );
        assert_eq!(
            found.pixels,
            block.ivar.row(i).iter().filter(|v| **v > 0.0).count()
        );
        let all: Vec<f64> = (0..SHIFTS).map(|k| of(i, k).loglike).collect();
        let best = (0..SHIFTS)
            .max_by(|a, b| all[*a].total_cmp(&all[*b]))
            .unwrap();
        right += usize::from(best.abs_diff(k) <= 1);
        for (sum, score) in scores.iter_mut().zip(found.scores()) {
            *sum += score * score / 60.0;
        }
    }
    assert!(right > 40, "{right}");
    // Standard normals: their mean squares are 1 ± 0.18.
    assert!(scores.iter().all(|s| (0.4..1.8).contains(s)), "{scores:?}");
}

/// An observation of nothing: whatever its redshift, no light is restored, and the error is as large as the
/// posterior says.
#[test]
fn where_there_is_no_light_none_is_restored() {
    let (block, _) = observed(200, 0.2, 9);
    let (noise, _) = observed(200, 0.2, 10);
    for population in [learned(&block, Amplitudes::Scale), population(true)] {
        let filter = RestFilter::new(population, channel());
        let (mut square, mut n) = (0.0, 0.0);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for i in 0..200 {
            let dark: Array1<f32> = (0..D)
                .map(|_| SIGMA as f32 * rng.sample::<f32, _>(StandardNormal))
                .collect();
            let ivar = noise.ivar.row(i);
            let dark = dark * ivar.mapv(|v| f32::from(v > 0.0));
            let found = filter.posterior(dark.view(), ivar, noise.z[i]).unwrap();
            let off = found.mean() / found.deviation();
            assert!(found.mean().iter().all(|m| m.abs() < 0.6));
            square += off.mapv(|t| t * t).mean().unwrap();
            n += 1.0;
        }
        assert!((0.3..1.8).contains(&(square / n)), "{}", square / n);
    }
}
