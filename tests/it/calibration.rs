//! Calibration against known answers: draws of the truth's own law are calibrated whatever their
//! number, draws that are too sure or biased show it.

use ndarray::{Array2, ArrayView1};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::evaluate::{LEVELS, PixelCalibration, Tally, crps, line_calibrations};
use selfsi::lines::{MeasuredLines, NO_LINES, Quantity, measure};

const D: usize = 60;
/// Restframe wavelengths on both sides of Lyα at z = 3.
const Z: f64 = 3.0;

fn wavelength() -> Vec<f64> {
    (0..D).map(|j| 4500.0 * (1.0 + 0.004 * j as f64)).collect()
}

/// Calibration of `m` draws of N(μ + bias, scale²) of truths of N(μ, 1), independent from pixel to
/// pixel, or the same in all pixels of an object.
fn calibration(
    m: usize,
    objects: usize,
    scale: f64,
    bias: f64,
    together: bool,
) -> Vec<PixelCalibration> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut tally = Tally::of_spectra();
    for _ in 0..objects {
        let mut row = |scale: f64, mean: f64| -> Vec<f32> {
            let mut z: Vec<f64> = (0..D).map(|_| StandardNormal.sample(&mut rng)).collect();
            if together {
                let first = z[0];
                z.fill(first);
            }
            z.iter().map(|z| (mean + scale * z) as f32).collect()
        };
        let mean = f64::from(row(3.0, 1.0)[0]);
        let truth = row(1.0, mean);
        let draws: Vec<f32> = (0..m).flat_map(|_| row(scale, mean + bias)).collect();
        let draws = Array2::from_shape_vec((m, D), draws).unwrap();
        tally.add_spectrum(draws.view(), ArrayView1::from(&truth), &wavelength(), Z);
    }
    tally.calibrations()
}

#[test]
fn draws_of_the_truths_own_law_are_calibrated_for_any_number_of_them() {
    for m in [2, 16, 40] {
        let all = calibration(m, 400, 1.0, 0.0, false);
        assert_eq!(
            all.iter().map(|c| &*c.part).collect::<Vec<_>>(),
            ["all pixels", "forest", "red side"]
        );
        let c = &all[0];
        assert_eq!(c.objects, 400);
        // Binomial errors at most: √(p(1−p)/24000) is 0.32 % at 50 %.
        for (found, nominal) in c.coverage.iter().zip(LEVELS) {
            let binomial = (nominal * (1.0 - nominal) / (400 * D) as f64).sqrt();
            assert_eq!(found.nominal, nominal);
            assert!(
                (found.found.value - nominal).abs() < 3.5 * binomial,
                "{m}: {found:?}"
            );
            assert!(found.found.error < 1.3 * binomial, "{m}: {found:?}");
        }
        assert!(
            c.pit.iter().all(|b| (b.value - 0.1).abs() < 0.01),
            "{m}: {c:?}"
        );
        assert!(c.pit_chi2 < 2.5, "{m}: {c:?}");
        // CRPS of N(μ, σ²) for its own draws: σ/√π.
        let expected = 1.0 / std::f64::consts::PI.sqrt();
        assert!(
            (c.crps.value - expected).abs() < 4.0 * c.crps.error,
            "{m}: {c:?}"
        );
        assert!((c.spread_over_error - 1.0).abs() < 0.02, "{m}: {c:?}");
    }
}

#[test]
fn draws_that_are_too_sure_show_in_a_u_shaped_histogram_and_low_coverage() {
    let c = &calibration(40, 200, 0.5, 0.0, false)[0];
    assert!(
        c.pit[0].value > 0.2 && c.pit[9].value > 0.2 && c.pit[5].value < 0.08,
        "{c:?}"
    );
    assert!(c.pit_chi2 > 100.0);
    // P(|N(0, 1)| < z/2): their interval is half as wide as it should be. At 95 % it ends about the
    // last draw, where the place of the truth is no longer resolved.
    for (found, expected) in c.coverage.iter().zip([0.264, 0.381, 0.589]) {
        assert!((found.found.value - expected).abs() < 0.03, "{found:?}");
    }
    assert!(c.coverage[3].found.value < 0.75, "{c:?}");
    assert!((c.spread_over_error - 0.5).abs() < 0.02, "{c:?}");
}

#[test]
fn draws_that_are_too_wide_or_biased_show_too() {
    let wide = &calibration(40, 200, 2.0, 0.0, false)[0];
    assert!(
        wide.pit[0].value < 0.05 && wide.pit[5].value > 0.12,
        "{wide:?}"
    );
    assert!(wide.coverage[1].found.value > 0.9);
    let biased = &calibration(40, 200, 1.0, 1.0, false)[0];
    assert!(
        biased.pit[0].value > 0.25 && biased.pit[9].value < 0.03,
        "{biased:?}"
    );
}

#[test]
fn pixels_that_go_together_count_once() {
    let apart = &calibration(16, 1000, 1.0, 0.0, false)[0];
    let together = &calibration(16, 1000, 1.0, 0.0, true)[0];
    assert!(
        (apart.effective / (1000 * D) as f64 - 1.0).abs() < 0.6,
        "{apart:?}"
    );
    assert!(
        (together.effective / 1000.0 - 1.0).abs() < 0.6,
        "{together:?}"
    );
    // So the flat histogram is not refuted by its larger ups and downs.
    assert!(together.pit_chi2 < 2.5, "{together:?}");
    assert!(together.coverage[0].found.error > 5.0 * apart.coverage[0].found.error);
}

#[test]
fn the_score_prefers_the_truths_own_law() {
    let score = |scale, bias| calibration(40, 200, scale, bias, false)[0].crps.value;
    let own = score(1.0, 0.0);
    assert!(own < score(0.5, 0.0) && own < score(2.0, 0.0) && own < score(1.0, 0.5));
    // Draws that are all the same are a point estimate: E|N(0, 1)|, about √(2/π).
    let point = score(0.0, 0.0);
    assert!(
        (point - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.03,
        "{point}"
    );
    assert!((crps(1.0, &[0.0, 0.0]) - 1.0).abs() < 1e-12);
}

#[test]
fn objects_with_draws_that_are_not_finite_or_alone_are_left_out() {
    let mut tally = Tally::of_spectra();
    let truth = Array2::<f32>::zeros((1, D));
    let mut draws = Array2::<f32>::ones((4, D));
    tally.add_spectrum(
        draws.select(ndarray::Axis(0), &[0]).view(),
        truth.row(0),
        &wavelength(),
        Z,
    );
    draws[[2, 5]] = f32::NAN;
    tally.add_spectrum(draws.view(), truth.row(0), &wavelength(), Z);
    assert!(tally.calibrations().is_empty());
}

#[test]
fn pulls_of_lines_with_true_uncertainties_are_standard_normal() {
    let wavelength: Vec<f64> = selfsi::data::LogGrid::new(&Default::default()).wavelength();
    let n = 1500;
    let z = 2.9;
    let spectrum: Vec<f32> = wavelength
        .iter()
        .map(|w| {
            let line =
                |rest: f64, width: f64| (-0.5 * ((w / (1.0 + z) - rest) / width).powi(2)).exp();
            (1.0 + 2.0 * line(1215.67, 5.0) + 0.8 * line(1549.06, 7.0)) as f32
        })
        .collect();
    let truth = Array2::from_shape_fn((n, wavelength.len()), |(_, j)| spectrum[j]);
    let norm = vec![2.0; n];
    let of_truth = measure(&wavelength, truth.row(0), z);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut noisy = |value: f64, error: f64, stated: f64| {
        let normal: f64 = StandardNormal.sample(&mut rng);
        Quantity {
            value: value + error * normal,
            error: stated,
        }
    };
    let measured: Vec<MeasuredLines> = (0..n)
        .map(|_| {
            let mut lines = NO_LINES;
            lines[0].peak = noisy(2.0 * of_truth[0].height, 0.3, 0.3);
            // An uncertainty half as large as it is.
            lines[3].peak = noisy(2.0 * of_truth[3].height, 0.2, 0.1);
            lines[3].centroid = noisy(of_truth[3].centroid * (1.0 + z), 2.0, 2.0);
            lines[3].width = noisy(of_truth[3].width + 3.0, 1.0, 1.0);
            lines
        })
        .collect();
    let found = line_calibrations(
        &measured,
        100_000,
        truth.view(),
        &norm,
        |_| wavelength.clone(),
        &vec![z; n],
    );
    let of = |line: &str, quantity: &str| {
        let one = |c: &&selfsi::evaluate::LineCalibration| c.line == line && c.quantity == quantity;
        found.iter().find(one).cloned()
    };
    assert_eq!(found.len(), 4, "what nothing was measured of is left out");
    let peak = of("Lyα", "peak").unwrap();
    assert!(
        peak.pull.abs() < 0.12 && (peak.scatter - 1.0).abs() < 0.12,
        "{peak:?}"
    );
    assert!((peak.within[0] - 0.683).abs() < 0.045 && (peak.within[1] - 0.954).abs() < 0.02);
    // Normalised flux.
    assert!((peak.uncertainty - 0.15).abs() < 1e-4, "{peak:?}");
    let sure = of("C IV", "peak").unwrap();
    assert!(
        (sure.scatter - 2.0).abs() < 0.25 && (sure.within[0] - 0.383).abs() < 0.05,
        "{sure:?}"
    );
    let centroid = of("C IV", "centroid").unwrap();
    assert!(
        (centroid.uncertainty / 99.2 - 1.0).abs() < 0.02,
        "2 Å in km/s: {centroid:?}"
    );
    let biased = of("C IV", "equivalent width").unwrap();
    assert!((biased.pull - 3.0).abs() < 0.15, "{biased:?}");
}
