//! Emission lines of known shape are measured right, in single spectra and over draws, and what
//! cannot be measured is NaN.

use ndarray::{Array1, Array2, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::GridConfig;
use selfsi::data::{LogGrid, Method, Object, Provenance, flag};
use selfsi::lines::{BROAD_KMS, C_KMS, LINES, NO_LINES, measure, over_draws};
use selfsi::restored::{Restored, RestoredBlock, RestoredHeader, RestoredPart, RestoredWriter};

const Z: f64 = 2.9;
/// σ of the synthetic lines, km/s.
const SIGMA: f64 = 1200.0;

fn wavelength() -> Vec<f64> {
    LogGrid::new(&GridConfig::default()).wavelength()
}

/// A flat continuum with a Gaussian line of `height` at `rest` Å.
fn spectrum(continuum: f64, height: f64, rest: f64) -> Array1<f32> {
    let flux = wavelength().into_iter().map(|w| {
        let u = (w / (1.0 + Z) / rest - 1.0) * C_KMS / SIGMA;
        (continuum + height * (-0.5 * u * u).exp()) as f32
    });
    flux.collect()
}

/// Index of a line in [`LINES`].
fn index(key: &str) -> usize {
    LINES.iter().position(|l| l.key == key).unwrap()
}

#[test]
fn the_equivalent_width_is_that_of_the_gaussian_in_the_rest_frame() {
    for key in ["SIIV", "CIV"] {
        let line = index(key);
        let rest = LINES[line].rest;
        let m = measure(&wavelength(), spectrum(2.0, 3.0, rest).view(), Z)[line];
        // Area √(2π) σ times the height over the continuum; σ in Å at the line.
        let expected = (std::f64::consts::TAU).sqrt() * rest * SIGMA / C_KMS * 1.5;
        assert!((m.width / expected - 1.0).abs() < 0.01, "{key}: {m:?}");
        assert!(
            (m.centroid / rest - 1.0).abs() * C_KMS < 40.0,
            "{key}: {m:?}"
        );
        // The measurement's smoothing by 1000 km/s lowers the peak: 1200/√(1200² + 1000²).
        assert!((m.height / 3.0 - 0.768).abs() < 0.01, "{key}: {m:?}");
    }
}

#[test]
fn absorption_has_a_negative_width_and_no_centroid_of_emission() {
    let line = index("SIIV");
    let m = measure(
        &wavelength(),
        spectrum(2.0, -1.0, LINES[line].rest).view(),
        Z,
    )[line];
    assert!(m.width < -3.0, "{m:?}");
    // At the ends of the window, where the smoothed line is all but over.
    assert!((-0.02..1e-3).contains(&m.height), "{m:?}");
}

#[test]
fn without_a_positive_continuum_there_is_no_width_but_a_peak() {
    let line = index("CIV");
    for continuum in [0.0, -1.0, 0.01] {
        let flux = spectrum(continuum, 3.0, LINES[line].rest);
        let m = measure(&wavelength(), flux.view(), Z)[line];
        assert!(m.width.is_nan(), "{m:?}");
        assert!((m.height / 3.0 - 0.768).abs() < 0.01, "{m:?}");
    }
}

#[test]
fn without_a_redshift_nothing_is_measured() {
    for z in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let all = measure(&wavelength(), spectrum(1.0, 1.0, 1549.06).view(), z);
        assert!(all.iter().all(|m| m.height.is_nan() && m.width.is_nan()));
    }
}

#[test]
fn the_uncertainty_is_the_scatter_of_the_draws_and_the_value_their_median() {
    let line = index("CIV");
    let rest = LINES[line].rest;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draws = Array2::<f32>::zeros((400, 1024));
    let mut heights = Vec::new();
    for mut draw in draws.rows_mut() {
        let normal: f64 = StandardNormal.sample(&mut rng);
        let shift: f64 = StandardNormal.sample(&mut rng);
        heights.push(3.0 + 0.2 * normal);
        let at = rest * (1.0 + 100.0 * shift / C_KMS);
        draw.assign(&spectrum(2.0, heights[heights.len() - 1], at));
    }
    let m = over_draws(&wavelength(), draws.view(), Z)[line];
    let factor = 0.768;
    assert!((m.peak.value - 3.0 * factor).abs() < 0.05, "{m:?}");
    assert!((m.peak.error / (0.2 * factor) - 1.0).abs() < 0.1, "{m:?}");
    let kms = C_KMS / (rest * (1.0 + Z));
    assert!(
        (m.centroid.value - rest * (1.0 + Z)).abs() * kms < 30.0,
        "{m:?}"
    );
    assert!((m.centroid.error * kms / 100.0 - 1.0).abs() < 0.1, "{m:?}");
    // Peak and width go together, also in their relative scatter.
    let relative = |q: selfsi::lines::Quantity| q.error / q.value;
    assert!(
        (relative(m.width) / relative(m.peak) - 1.0).abs() < 0.05,
        "{m:?}"
    );

    // One restoration states no uncertainty.
    let alone = draws.select(Axis(0), &[0]);
    let single = over_draws(&wavelength(), alone.view(), Z)[line];
    let own = measure(&wavelength(), alone.row(0), Z)[line];
    assert_eq!(single.peak.value, own.height);
    assert_eq!(single.centroid.value, own.centroid * (1.0 + Z));
    assert!(single.quantities().iter().all(|q| q.error.is_nan()));
}

#[test]
fn a_quantity_that_most_draws_lack_is_not_given() {
    let line = index("CIV");
    let rest = LINES[line].rest;
    let draws = |with: usize| {
        let mut draws = Array2::<f32>::zeros((10, 1024));
        for (i, mut draw) in draws.rows_mut().into_iter().enumerate() {
            let continuum = if i < with { 1.0 } else { -1.0 };
            draw.assign(&spectrum(continuum, 3.0, rest));
        }
        over_draws(&wavelength(), draws.view(), Z)[line]
    };
    assert!(draws(5).width.value > 0.0);
    assert!(draws(4).width.value.is_nan() && draws(4).width.error.is_nan());
    assert!(draws(4).peak.value > 0.0);
}

#[test]
fn lines_are_read_back_from_the_catalog_as_they_were_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("restored.fits");
    let header = RestoredHeader {
        grid: LogGrid::new(&GridConfig::default()),
        flux_unit: "Jy".into(),
        specsys: None,
        line_smoothing: BROAD_KMS,
        made: Provenance {
            method: Method::Ode,
            draws: 1,
            prior: false,
            quantiles: vec![],
            seed: 1,
            config_sha256: String::new(),
            run_sha256: String::new(),
            history: vec![],
        },
    };
    let image = Array2::<f32>::ones((2, 1024));
    let block = RestoredBlock {
        restored: image.clone(),
        sigma: None,
        sigma_prior: None,
        draw: None,
        quantiles: vec![],
        observed: image.clone(),
        ivar: image,
    };
    let objects = [flag::GOOD, flag::SNR].map(|flag| Object {
        name: format!("Q{flag}"),
        flag,
        ..Object::default()
    });
    let flux = spectrum(2.0, 3.0, 1549.06).insert_axis(Axis(0));
    let lines = over_draws(&wavelength(), flux.view(), Z);
    let mut writer = RestoredWriter::create(&path, &header, objects.iter(), false).unwrap();
    let part = RestoredPart {
        objects: &objects,
        heldout: &[true, true],
        block: &block,
        lines: &[lines, NO_LINES],
        draws: None,
    };
    writer.write(0, part).unwrap();
    writer.finish().unwrap();

    let restored = Restored::open(&path).unwrap();
    assert!(restored.draws().unwrap().is_none());
    let read = restored.lines().unwrap().unwrap();
    for (a, b) in read[0].iter().zip(&lines) {
        for (a, b) in a.quantities().iter().zip(b.quantities()) {
            assert!(a.value == b.value || a.value.is_nan() && b.value.is_nan());
            assert!(a.error.is_nan());
        }
    }
    assert!(read[1].iter().all(|m| m.peak.value.is_nan()));
}

/// Lines of the optical and the near ultraviolet, at the redshift that brings each into the grid.
#[test]
fn the_lines_of_low_redshift_are_measured_where_a_spectrum_shows_them() {
    let wavelength = wavelength();
    for (key, z) in [("CIII", 1.5), ("MGII", 0.9), ("HB", 0.1), ("OIII", 0.1)] {
        let line = index(key);
        let rest = LINES[line].rest;
        // [O III] is narrow: two pixels.
        let (sigma, off) = match key {
            "OIII" => (300.0, 40.0),
            _ => (SIGMA, 30.0),
        };
        let flux: Array1<f32> = wavelength
            .iter()
            .map(|w| {
                let u = (w / (1.0 + z) / rest - 1.0) * C_KMS / sigma;
                (2.0 + 3.0 * (-0.5 * u * u).exp()) as f32
            })
            .collect();
        let all = measure(&wavelength, flux.view(), z);
        let m = all[line];
        let expected = (std::f64::consts::TAU).sqrt() * rest * sigma / C_KMS * 1.5;
        assert!((m.width / expected - 1.0).abs() < 0.02, "{key}: {m:?}");
        assert!(
            (m.centroid / rest - 1.0).abs() * C_KMS < off,
            "{key}: {m:?}"
        );
        // What the spectrum does not show is not measured.
        assert!(all[index("LYA")].height.is_nan() && all[index("CIV")].height.is_nan());
        // Nor what lies beyond the object's own part of it.
        let mut part = flux.clone();
        let from = wavelength.partition_point(|w| *w < rest * (1.0 + z));
        part.slice_mut(ndarray::s![from..]).fill(f32::NAN);
        let m = measure(&wavelength, part.view(), z)[line];
        assert!(m.height.is_nan() && m.width.is_nan(), "{key}: {m:?}");
    }
}
