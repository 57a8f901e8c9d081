//! Evaluation against known answers: distances, filters and lines whose results follow from theory.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::base::statistics::standard_deviation;
use selfsi::config::{ForwardConfig, GridConfig, NoiseFrom, SmoothingFrom};
use selfsi::data::LogGrid;
use selfsi::evaluate::*;
use selfsi::lab::report;
use selfsi::lines::{LINES, Measurement, measure};
use selfsi::population::*;

const D: usize = 64;

fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut rng))
}

/// A smooth spectrum-like mean and a covariance with long and short correlations.
fn moments() -> Moments {
    let mean = (0..D)
        .map(|i| 1.0 + (-0.5 * ((i as f64 - 20.0) / 4.0).powi(2)).exp())
        .collect();
    let covariance = Array2::from_shape_fn((D, D), |(i, j)| {
        let lag = i as f64 - j as f64;
        0.10 * (-0.5 * (lag / 12.0).powi(2)).exp() + 0.03 * (-lag.abs() / 2.0).exp()
    });
    Moments {
        mean,
        covariance,
        spectra: 0,
    }
}

/// The true population, as the oracle knows it.
fn population() -> TruePopulation {
    TruePopulation {
        moments: moments(),
        sample: single(&clean(1000, 99)),
    }
}

/// The population as if learned without error, from observations that erase nothing.
fn learned() -> Learned {
    Learned {
        moments: moments(),
        passed: Array2::eye(D),
    }
}

/// Lower Cholesky factor, the slow and obvious way.
fn factor(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let dot = l.row(i).dot(&l.row(j));
            l[[i, j]] = if i == j {
                (a[[i, i]] - dot).sqrt()
            } else {
                (a[[i, j]] - dot) / l[[j, j]]
            };
        }
    }
    l
}

/// `n` Gaussian clean spectra.
fn clean(n: usize, seed: u64) -> Array2<f64> {
    let m = moments();
    normals(n, D, seed).dot(&factor(&m.covariance).t()) + &m.mean
}

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 4000.0,
        max: 6500.0,
        pixels: D,
        ..GridConfig::default()
    })
}

/// The quasar channel with smoothing of about `sigma` pixels.
fn channel(tilt: f64, sigma: f64, rho: f32) -> Channel {
    let config = ForwardConfig::Quasar {
        tilt,
        smoothing: SmoothingFrom::Resolution {
            resolution: 1.0 / (sigma * grid().dln()),
            spread: 0.05,
        },
        noise: NoiseFrom::Ivar,
    };
    let mut noise_rho = vec![rho; D];
    noise_rho[D - 1] = 0.0;
    Channel::new(&config, &grid(), &[], &noise_rho).unwrap()
}

/// Observations with the mean blur, the tilt, and noise of a level of each spectrum's own; every
/// 17th pixel or so is masked.
fn observe(x: &Array2<f64>, channel: &Channel, seed: u64) -> (Array2<f32>, Array2<f32>) {
    let n = x.nrows();
    let noise = normals(n, D + 2, seed);
    let mut flux = Array2::<f32>::zeros((n, D));
    let mut ivar = Array2::<f32>::zeros((n, D));
    for i in 0..n {
        // Uniform with the variance of the channel's tilt.
        let u = 2.0 * ((i as f64 * 0.618_033_988_75) % 1.0) - 1.0;
        let tilt = &channel.lever * (u * (3.0 * channel.tilt_variance).sqrt()) + 1.0;
        let seen = channel.mean_blur.dot(&(&x.row(i) * &tilt));
        let sigma = 0.1 + 0.4 * (i % 5) as f64;
        for j in 0..D {
            let rho = channel.noise_rho[0];
            let c = (0.5 * (1.0 + (1.0 - 4.0 * rho * rho).sqrt())).sqrt();
            let e = c * noise[[i, j]] + rho / c * noise[[i, j + 1]];
            let good = (i * 7 + j) % 17 != 0;
            flux[[i, j]] = if good {
                (seen[j] + sigma * e) as f32
            } else {
                0.0
            };
            ivar[[i, j]] = if good {
                (1.0 / (sigma * sigma)) as f32
            } else {
                0.0
            };
        }
    }
    (flux, ivar)
}

fn accumulate(flux: ArrayView2<f32>, ivar: ArrayView2<f32>, rho: &Array1<f64>) -> Accumulator {
    let mut a = Accumulator::new(flux.ncols());
    let blocks = || {
        flux.axis_chunks_iter(Axis(0), 999)
            .zip(ivar.axis_chunks_iter(Axis(0), 999))
    };
    blocks().for_each(|(f, iv)| a.add_mean(f, iv));
    blocks().for_each(|(f, iv)| a.add_products(f, iv, rho));
    a
}

fn single(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|v| v as f32)
}

#[test]
fn the_distance_of_two_gaussians_agrees_with_the_closed_form() {
    // Isotropic Gaussians: W² along any direction is (θ·Δm)² + (Δσ)²; E (θ·Δm)² = |Δm|²/D.
    for (ratio, shift) in [(1.5, 0.8), (1.5, 0.0), (0.8, 0.0)] {
        let (a, b) = (normals(4000, 16, 1) * ratio + shift, normals(4000, 16, 2));
        let expected = ((ratio - 1.0f64).powi(2) + f64::powi(shift, 2)).sqrt();
        let d = population_distance(single(&a).view(), single(&b).view(), Slices::Whole, 3);
        // 3 %: the tails that 500 objects do not show, and the directions.
        let allowed = 0.03 * expected + 4.0 * d.root_error();
        assert!(
            (d.root() - expected).abs() < allowed,
            "{d:?}, expected {expected}"
        );
        assert!(d.root_error() < 0.05 * expected, "{d:?}");
    }
}

#[test]
fn samples_of_one_population_are_at_distance_zero_within_the_error() {
    let squares: Vec<(f64, f64)> = (0..20)
        .map(|k| {
            let (a, b) = (single(&clean(400, 100 + k)), single(&clean(400, 200 + k)));
            let floor = sliced_wasserstein(a.view(), b.view(), Slices::Whole, k);
            let d = population_distance(a.view(), b.view(), Slices::Whole, k);
            assert!(d.value.abs() < 4.0 * d.error, "{d:?}");
            (d.value / (floor * floor), d.error / (floor * floor))
        })
        .collect();
    let mean = squares.iter().map(|s| s.0).sum::<f64>() / 20.0;
    // The estimate is unbiased, where the plain square has 1 in these units.
    let scatter = squares.iter().map(|s| s.0 * s.0).sum::<f64>().sqrt() / 20.0;
    assert!(
        mean.abs() < 3.5 * scatter && scatter < 0.2,
        "{mean} ± {scatter}"
    );
}

#[test]
fn the_truth_of_the_same_objects_takes_the_sampling_noise_away() {
    let (truth, other) = (clean(800, 1), single(&clean(800, 2)));
    // The variance of small noise is made good, so that the population stays the same.
    let m = moments();
    let near = (&truth - &m.mean) * (1.0f64 - 0.0025).sqrt()
        + &m.mean
        + normals(800, D, 3).dot(&factor(&m.covariance).t()) * 0.05;
    let truth = single(&truth);
    let distance = |a: ArrayView2<f32>| population_distance(a, truth.view(), Slices::Whole, 1);
    assert_eq!(distance(truth.view()).value, 0.0);
    let (near, far) = (distance(single(&near).view()), distance(other.view()));
    assert!(near.error < 0.1 * far.error, "{near:?} {far:?}");
    assert!(near.value.abs() < 4.0 * near.error, "{near:?}");
}

#[test]
fn rows_that_are_not_finite_take_no_part_in_distances() {
    let (a, b) = (single(&clean(201, 1)), single(&clean(201, 2)));
    let mut with_nan = a.clone();
    with_nan[[200, 3]] = f32::NAN;
    let distance = |a: ArrayView2<f32>| population_distance(a, b.view(), Slices::Whole, 1);
    assert_eq!(distance(with_nan.view()), distance(a.view()));
    let none = Array2::from_elem(a.raw_dim(), f32::NAN);
    assert!(distance(none.view()).root().is_nan());
}

#[test]
fn the_oracle_reaches_the_theoretical_error() {
    // White noise, no blur, no tilt: the error is the trace of C − C (C + σ²)⁻¹ C over D.
    let sigma = 0.5;
    let config = ForwardConfig::Gaussian { sigma };
    let channel = Channel::new(&config, &grid(), &[], &[0.0; D]).unwrap();
    let m = moments();
    let x = clean(4000, 5);
    let y = single(&(&x + &(normals(4000, D, 6) * sigma)));
    let ivar = Array2::from_elem(y.raw_dim(), (1.0 / (sigma * sigma)) as f32);
    let filter = LinearFilter::new(&m, &channel);
    let found = rmse(
        filter.own_noise(y.view(), ivar.view()).unwrap().view(),
        single(&x).view(),
    );

    let l = factor(&(&m.covariance + &(Array2::<f64>::eye(D) * (sigma * sigma))));
    // L⁻¹ C by forward substitution; explained variance is its squared Frobenius norm.
    let mut w = m.covariance.clone();
    for i in 0..D {
        for k in 0..i {
            let (done, mut rest) = w.view_mut().split_at(Axis(0), i);
            rest.row_mut(0).scaled_add(-l[[i, k]], &done.row(k));
        }
        let mut row = w.row_mut(i);
        row /= l[[i, i]];
    }
    let explained: f64 = w.iter().map(|v| v * v).sum();
    let expected = ((m.covariance.diag().sum() - explained) / D as f64).sqrt();
    assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    // All spectra have the same noise: one filter for all is the same filter.
    let one = filter.one_for_all(y.view(), ivar.view()).unwrap();
    assert!((rmse(one.view(), single(&x).view()) / found - 1.0).abs() < 1e-4);
}

#[test]
fn no_smoothing_and_no_learned_filter_beats_the_oracle_on_gaussian_data() {
    for (sigma, rho) in [(0.5, 0.2), (3.0, 0.0)] {
        let channel = channel(0.05, sigma, rho);
        let train = observe(&clean(20_000, 11), &channel, 12);
        let x = clean(1000, 13);
        let (y, ivar) = observe(&x, &channel, 14);
        let learned =
            accumulate(train.0.view(), train.1.view(), &channel.noise_rho).deconvolved(&channel);
        let scored = Scored {
            at_rest: None,
            wavelength: grid().wavelength(),
            z: vec![3.0; 1000],
            flux: y,
            ivar,
            truth: single(&x),
            continuum: None,
        };
        let e = study(
            "gaussian",
            &scored,
            Some(&(channel.clone(), learned.clone())),
            &population(),
            vec![],
            1,
        )
        .unwrap();
        let ratio = |k| e.row(k).unwrap().rmse_over_oracle;
        for k in [
            Kind::Observed,
            Kind::Smoothing,
            Kind::Wiener,
            Kind::OracleOne,
        ] {
            assert!(ratio(k) >= 0.999, "σ = {sigma}: {k:?} {}", ratio(k));
        }
        assert!(
            ratio(Kind::Wiener) < 1.05,
            "σ = {sigma}: {}",
            ratio(Kind::Wiener)
        );
        assert!(ratio(Kind::Wiener) < ratio(Kind::Smoothing));
    }
}

#[test]
fn the_learned_moments_converge_to_the_true_ones() {
    let channel = channel(0.05, 0.5, 0.2);
    let truth = moments();
    let error = |n: usize| {
        let (y, ivar) = observe(&clean(n, 21), &channel, 22);
        let m = accumulate(y.view(), ivar.view(), &channel.noise_rho)
            .deconvolved(&channel)
            .moments;
        let norm = |a: Array2<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
        let mean = (&m.mean - &truth.mean)
            .iter()
            .fold(0f64, |a, v| a.max(v.abs()));
        (
            norm(&m.covariance - &truth.covariance) / norm(truth.covariance.clone()),
            mean,
        )
    };
    let (few, many) = (error(1000), error(30_000));
    // Expected from the noise alone: D (C + N) / √n / |C| = 64 × 1.2 / 173 / 3.2 = 0.14.
    assert!(many.0 < 0.16 && many.1 < 0.03, "{many:?}");
    assert!(many.0 < 0.5 * few.0, "{few:?} {many:?}");
}

#[test]
fn covariances_of_clean_spectra_are_the_samples_own() {
    let x = single(&clean(30_000, 31));
    let noiseless = Array2::from_elem(x.raw_dim(), f32::INFINITY);
    let m = accumulate(x.view(), noiseless.view(), &Array1::zeros(D)).clean();
    let worst = (&m.covariance - &moments().covariance)
        .iter()
        .fold(0f64, |a, v| a.max(v.abs()));
    assert!(worst < 0.006, "{worst}");
}

#[test]
fn masked_pixels_are_left_out_exactly() {
    let channel = channel(0.0, 1.0, 0.1);
    let (y, ivar) = observe(&clean(50, 41), &channel, 42);
    let mut wild = y.clone();
    wild.zip_mut_with(&ivar, |y, iv| *y = if *iv > 0.0 { *y } else { 1e6 });
    let m = moments();
    let filter = LinearFilter::new(&m, &channel);
    let a = filter.own_noise(y.view(), ivar.view()).unwrap();
    let b = filter.own_noise(wild.view(), ivar.view()).unwrap();
    assert_eq!(a, b);
    assert_eq!(
        gaussian_smooth(y.view(), ivar.view(), 2.0),
        gaussian_smooth(wild.view(), ivar.view(), 2.0)
    );
}

#[test]
fn smoothing_needs_no_width_where_there_is_no_noise() {
    let x = single(&clean(50, 51));
    let (sigma, smooth) = best_smoothing(x.view(), Array2::ones(x.raw_dim()).view(), x.view());
    assert_eq!(sigma, 0.0);
    assert_eq!(smooth, x);
}

/// Flat continuum 1 with a Gaussian line of `height` at `rest` Å, shifted by `v` km/s; σ = 1500 km/s,
/// or 600 km/s for N V, whose own flux would else reach the ends of its baseline.
fn line(height: f64, rest: f64, v: f64, z: f64) -> (Vec<f64>, Array1<f32>) {
    let wavelength = LogGrid::new(&GridConfig::default()).wavelength();
    let centre = rest * (1.0 + v / 299_792.458);
    let sigma = if (1235.0..1245.0).contains(&rest) {
        600.0
    } else {
        1500.0
    };
    let flux = wavelength
        .iter()
        .map(|w| {
            let u = (w / (1.0 + z) / centre - 1.0) * 299_792.458 / sigma;
            (1.0 + height * (-0.5 * u * u).exp()) as f32
        })
        .collect();
    (wavelength, flux)
}

/// The line of this key.
fn measured(key: &str, wavelength: &[f64], flux: &Array1<f32>, z: f64) -> Measurement {
    let line = LINES.iter().position(|l| l.key == key).unwrap();
    measure(wavelength, flux.view(), z)[line]
}

#[test]
fn peaks_and_centroids_of_synthetic_lines_are_found() {
    // [O III] is narrower than these lines.
    for l in LINES.iter().filter(|l| l.key != "OIII") {
        // A redshift that brings the line into the grid.
        let z = if l.rest < 1600.0 {
            2.9
        } else {
            5200.0 / l.rest - 1.0
        };
        let (wavelength, flux) = line(2.0, l.rest, 0.0, z);
        let m = measured(l.key, &wavelength, &flux, z);
        // The measurement's own smoothing (1000 km/s) costs 17 % of the height, 29 % of the narrow N V's (600 km/s).
        let expected = if l.key == "NV" { 0.707 } else { 0.832 };
        assert!(
            (m.height / 2.0 - expected).abs() < 0.04,
            "{}: {}",
            l.name,
            m.height
        );
        assert!(
            (m.centroid / l.rest - 1.0).abs() * 299_792.458 < 40.0,
            "{}: {}",
            l.name,
            m.centroid
        );
    }
}

#[test]
fn errors_of_lines_are_those_that_were_put_in() {
    let z = 2.9;
    let rows = |height: f64, v: f64| {
        let (w, f) = line(height, 1549.06, v, z);
        (w, f.insert_axis(Axis(0)))
    };
    let (wavelength, truth) = rows(1.0, 0.0);
    let (_, restored) = rows(1.2, 200.0);
    let errors = line_errors(restored.view(), truth.view(), |_| wavelength.to_vec(), &[z]);
    let civ = errors.iter().find(|e| e.line == "C IV").unwrap();
    // Smoothing leaves 0.832 of it.
    assert!((civ.height.bias - 0.166).abs() < 0.02, "{civ:?}");
    // A pixel that enters above the half of the height moves it by up to a third of a pixel, 47 km/s.
    assert!((civ.centroid.bias - 200.0).abs() < 47.0, "{civ:?}");
}

#[test]
fn lines_outside_the_spectrum_are_not_measured() {
    let (wavelength, flux) = line(1.0, 1549.06, 0.0, 3.24);
    for z in [3.24, f64::NAN] {
        let m = measured("CIV", &wavelength, &flux, z);
        assert!(m.height.is_nan() && m.centroid.is_nan());
    }
    let m = measured("CIV", &wavelength, &Array1::from_elem(1024, f32::NAN), 2.8);
    assert!(m.height.is_nan());
}

#[test]
fn n_v_is_what_rises_above_the_wing_of_lyman_alpha() {
    let z = 2.9;
    let (wavelength, wing) = line(3.0, 1215.67, 0.0, z);
    let (_, bump) = line(0.5, 1240.81, 0.0, z);
    let without = measured("NV", &wavelength, &wing, z);
    let with = measured("NV", &wavelength, &(&wing + &bump), z);
    assert!(without.height < 0.02, "{without:?}");
    // The chord starts on the wing, at 1229.5 Å, and falls to zero at 1257.5 Å; smoothing leaves 0.354
    // of the bump, and widens the wing from 6.08 to 6.55 Å.
    let chord = 2.785 * (-0.5f64 * (13.83f64 / 6.55).powi(2)).exp() * 16.69 / 28.0;
    assert!((with.height - (0.354 - chord)).abs() < 0.02, "{with:?}");
    assert!((with.centroid - 1240.81).abs() < 1.0, "{with:?}");
}

#[test]
fn a_population_that_is_too_smooth_shows_in_its_scatter() {
    let x = clean(500, 61);
    let half = (&x - &moments().mean) * 0.5 + &moments().mean;
    let wavelength = grid().wavelength();
    let z = vec![3.0; 500];
    for band in [Band::Forest, Band::Red] {
        let r = scatter_ratio(
            single(&half).view(),
            single(&x).view(),
            &wavelength,
            &z,
            band,
        );
        assert!((r - 0.5).abs() < 1e-3);
    }
    let unknown = vec![f64::NAN; 500];
    assert!(
        band_rmse(
            single(&x).view(),
            single(&half).view(),
            &wavelength,
            &unknown,
            Band::Red
        )
        .is_nan()
    );
}

#[test]
fn a_study_without_spectra_is_one_clear_line() {
    let empty = Array2::zeros((0, D));
    let scored = Scored {
        at_rest: None,
        wavelength: grid().wavelength(),
        z: vec![],
        flux: empty.clone(),
        ivar: empty.clone(),
        truth: empty,
        continuum: None,
    };
    let channel = channel(0.0, 1.0, 0.0);
    let e = study(
        "runs/demo",
        &scored,
        Some(&(channel.clone(), learned())),
        &population(),
        vec![],
        1,
    )
    .unwrap_err()
    .to_string();
    assert!(e.contains("runs/demo") && !e.contains('\n'), "{e}");
}

#[test]
fn an_evaluation_survives_json_and_makes_a_report() {
    let channel = channel(0.05, 12.0, 0.0);
    let x = clean(200, 71);
    let (y, ivar) = observe(&x, &channel, 72);
    let truth = single(&x);
    // The truth itself as an ODE restoration: every bar is met.
    let perfect = Candidate {
        name: "ODE".into(),
        kind: Kind::Ode,
        flux: truth.clone(),
    };
    let scored = Scored {
        at_rest: None,
        wavelength: grid().wavelength(),
        z: vec![f64::NAN; 200],
        flux: y,
        ivar,
        truth,
        continuum: None,
    };
    let e = study(
        "perfect",
        &scored,
        Some(&(channel.clone(), learned())),
        &population(),
        vec![perfect],
        1,
    )
    .unwrap();
    assert_eq!(e.regime, Regime::LowResolution);
    assert!(
        !e.bars.is_empty() && e.bars.iter().all(|b| b.met),
        "{:?}",
        e.bars
    );
    assert_eq!(e.rows.len(), 8);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("evaluation.json"),
        serde_json::to_string(&e).unwrap(),
    )
    .unwrap();
    let target = folder.path().join("REPORT.md");
    let text = report(&[folder.path().to_path_buf()], &target).unwrap();
    assert!(
        text.contains("perfect") && text.contains("√2") && text.contains("| oracle, own noise |")
    );
    let missing = report(&[folder.path().join("none")], &target)
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("selfsi evaluate") && !missing.contains('\n'),
        "{missing}"
    );
}

#[test]
fn only_local_slices_see_what_smoothing_takes_from_broad_spectra() {
    // A broad component of large variance hides the loss of a narrow one of small variance.
    let broad = normals(2000, 1, 82).dot(&Array2::from_elem((1, D), 1.0));
    let narrow = normals(2000, D, 83) * 0.3;
    let (truth, smooth) = (single(&(&broad + &narrow)), single(&broad));
    // Over the plain distance of two samples: of what the other measure would see.
    let other = single(
        &(normals(2000, 1, 84).dot(&Array2::from_elem((1, D), 1.0)) + normals(2000, D, 85) * 0.3),
    );
    let ratio = |slices| {
        population_distance(smooth.view(), truth.view(), slices, 1).root()
            / sliced_wasserstein(other.view(), truth.view(), slices, 1)
    };
    let (local, whole) = (ratio(Slices::Local), ratio(Slices::Whole));
    assert!(local > 5.0 * whole, "{local} {whole}");
}

#[test]
fn modes_that_the_smoothing_erases_are_known_and_cost_what_they_hold() {
    let channel = channel(0.0, 12.0, 0.0);
    let train = observe(&clean(5000, 111), &channel, 112);
    let learned =
        accumulate(train.0.view(), train.1.view(), &channel.noise_rho).deconvolved(&channel);
    // σ = 12 px passes periods above 2π·12/√(2 ln 1/g) px: about 31 px at g = 0.05, 4 modes of 64 px.
    let k = learned.passed.ncols();
    assert!((3..=10).contains(&k), "{k}");
    let overlap = learned.passed.t().dot(&learned.passed);
    assert!(
        (overlap - Array2::<f64>::eye(k))
            .iter()
            .all(|v| v.abs() < 1e-9)
    );
    let x = clean(400, 113);
    let (flux, ivar) = observe(&x, &channel, 114);
    let scored = Scored {
        at_rest: None,
        wavelength: grid().wavelength(),
        z: vec![3.0; 400],
        flux,
        ivar,
        truth: single(&x),
        continuum: None,
    };
    let e = study(
        "blurred",
        &scored,
        Some(&(channel.clone(), learned.clone())),
        &population(),
        vec![],
        1,
    )
    .unwrap();
    assert_eq!((e.passed_modes, e.pixels), (k, D));
    let (left, oracle) = (
        e.row(Kind::Passed).unwrap(),
        e.row(Kind::OraclePassed).unwrap(),
    );
    // Nothing small is left, and no filter of what is left beats the oracle.
    assert!(left.local.over_smoothing > 0.5, "{:?}", left.local);
    assert!(oracle.rmse_over_oracle >= 0.999 && left.rmse < oracle.rmse);
    let clean = e.row(Kind::Clean).unwrap();
    assert!(
        clean.local.value < 0.2 * left.local.value,
        "{:?}",
        clean.local
    );
}

#[test]
fn draws_of_the_oracle_have_the_population_and_root_two_of_the_error() {
    let channel = channel(0.05, 2.0, 0.2);
    let x = clean(4000, 91);
    let (y, ivar) = observe(&x, &channel, 92);
    let m = moments();
    let filter = LinearFilter::new(&m, &channel);
    let others = single(&clean(4000, 93));
    let (mean, draw) = filter
        .with_draws(y.view(), ivar.view(), others.view(), 1)
        .unwrap();
    let truth = single(&x);
    let ratio = rmse(draw.view(), truth.view()) / rmse(mean.view(), truth.view());
    assert!((ratio / 2f64.sqrt() - 1.0).abs() < 0.03, "{ratio}");
    let deviation = |a: ArrayView2<f32>, j: usize| {
        standard_deviation(a.column(j).iter().map(|v| f64::from(*v)))
    };
    for j in (0..D).step_by(9) {
        let r = deviation(draw.view(), j) / deviation(truth.view(), j);
        assert!((r - 1.0).abs() < 0.06, "pixel {j}: {r}");
    }
    assert!(deviation(mean.view(), 30) < 0.9 * deviation(truth.view(), 30));
}
