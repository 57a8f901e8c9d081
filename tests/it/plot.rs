//! Pictures: written whole, of the right kind, from complete and from poor data.

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::GridConfig;
use selfsi::data::LogGrid;
use selfsi::plot::{Panel, Population, Role, Spectra, population_curves, save, training_curves};
use std::path::Path;

/// A quasar-like spectrum with forest, emission lines and noise.
fn panel(seed: u64, z: f64, truth: bool) -> Panel {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let wavelength = LogGrid::new(&GridConfig::default()).wavelength();
    let mut absorption = 0.0;
    let clean: Vec<f32> = wavelength
        .iter()
        .map(|w| {
            let rest = w / (1.0 + z);
            let line = |centre: f64, height: f64, width: f64| {
                height * (-0.5 * ((rest - centre) / width).powi(2)).exp()
            };
            absorption = 0.8 * absorption + 0.3 * normal();
            let forest = if rest < 1213.0 {
                (-(2.0 * absorption - 1.0f64).exp()).exp()
            } else {
                1.0
            };
            (4.0 * (1.0
                + line(1216.0, 2.5, 8.0)
                + line(1240.0, 0.6, 7.0)
                + line(1397.0, 0.4, 10.0)
                + line(1549.0, 1.2, 12.0))
                * forest) as f32
        })
        .collect();
    let observed = clean.iter().map(|f| f + 3.0 * normal() as f32).collect();
    let restored: Vec<f32> = clean.iter().map(|f| f * 0.97 + 0.1).collect();
    Panel {
        title: format!("J1234+0{seed}  z = {z}"),
        z,
        observed,
        good: (0..1024)
            .map(|i| !(500..520).contains(&i) && i != 800)
            .collect(),
        draw: Some(restored.iter().map(|f| f + 0.1 * normal() as f32).collect()),
        sigma: Some(restored.iter().map(|f| 0.2 + 0.1 * f).collect()),
        restored,
        truth: truth.then_some(clean),
    }
}

fn spectra(panels: Vec<Panel>) -> Spectra {
    Spectra {
        frame: selfsi::config::Frame::Observed,
        wavelength: LogGrid::new(&GridConfig::default()).wavelength(),
        flux_unit: "1E-17 erg/cm^2/s/Ang".to_owned(),
        restored_name: "restored (mean of 16 draws) ± σ".to_owned(),
        panels,
    }
}

/// Where pictures go: `SELFSI_PICTURES` to look at them, else a folder that is removed.
fn folder(temporary: &tempfile::TempDir) -> std::path::PathBuf {
    std::env::var_os("SELFSI_PICTURES").map_or_else(|| temporary.path().to_path_buf(), Into::into)
}

fn is_png(path: &Path) -> bool {
    std::fs::read(path)
        .unwrap()
        .starts_with(b"\x89PNG\r\n\x1a\n")
}

#[test]
fn spectra_are_drawn_with_and_without_truth_as_png_and_svg() {
    let temporary = tempfile::tempdir().unwrap();
    let png = folder(&temporary).join("spectra.png");
    save(
        &png,
        &spectra(vec![
            panel(1, 2.8, true),
            panel(2, 3.0, true),
            panel(3, 3.2, false),
        ]),
    )
    .unwrap();
    assert!(is_png(&png));
    let svg = folder(&temporary).join("spectra.svg");
    save(&svg, &spectra(vec![panel(1, f64::NAN, false)])).unwrap();
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.contains("<svg") && text.contains("observed wavelength"));
    assert!(
        !text.contains("Lyα"),
        "no lines can be marked where the redshift is unknown"
    );
}

#[test]
fn spectra_of_nothing_but_gaps_and_nan_do_not_fail() {
    let temporary = tempfile::tempdir().unwrap();
    let mut p = panel(1, 3.0, false);
    p.good.fill(false);
    p.observed.fill(0.0);
    p.restored.fill(f32::NAN);
    p.sigma = None;
    save(&temporary.path().join("a.png"), &spectra(vec![p])).unwrap();
}

#[test]
fn training_curves_are_read_from_the_log() {
    let temporary = tempfile::tempdir().unwrap();
    let mut log = String::new();
    for step in (10..2000).step_by(10) {
        let s = f64::from(step);
        log += &format!(
            "{{\"step\":{step},\"loss\":{},\"lr\":{},\"spectra_per_s\":900}}\n",
            0.05 + (-s / 300.0).exp(),
            1e-3 * (1.0 - s / 2000.0)
        );
        if step % 250 == 0 {
            log += &format!(
                "{{\"step\":{step},\"validation\":{{\"score\":{}}}}}\n",
                0.1 + 1.0 / s.sqrt()
            );
        }
    }
    log += "{\"step\":2000,\"lo";
    std::fs::write(temporary.path().join("metrics.jsonl"), log).unwrap();
    let png = folder(&temporary).join("training.png");
    save(&png, &training_curves(temporary.path()).unwrap()).unwrap();
    assert!(is_png(&png));
}

#[test]
fn a_population_is_drawn() {
    let temporary = tempfile::tempdir().unwrap();
    let rows = |of: fn(&Panel) -> &Vec<f32>| {
        let panels: Vec<Panel> = (0..40)
            .map(|i| panel(i, 2.75 + 0.0125 * i as f64, true))
            .collect();
        Array2::from_shape_fn((40, 1024), |(i, j)| of(&panels[i])[j])
    };
    let population = |name: &str, role, flux| Population {
        name: name.to_owned(),
        role,
        flux,
    };
    let grid = LogGrid::new(&GridConfig::default());
    let png = folder(&temporary).join("population.png");
    save(
        &png,
        &population_curves(
            &grid,
            &[
                population("observed", Role::Observed, rows(|p| &p.observed)),
                population("truth", Role::Truth, rows(|p| p.truth.as_ref().unwrap())),
                population("ODE", Role::Ode, rows(|p| &p.restored)),
            ],
        ),
    )
    .unwrap();
    assert!(is_png(&png));
}

#[test]
fn errors_are_one_clear_line_and_leave_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let e = save(
        &temporary.path().join("a.jpg"),
        &spectra(vec![panel(1, 3.0, false)]),
    )
    .unwrap_err()
    .to_string();
    assert!(e.contains(".png") && !e.contains('\n'), "{e}");
    let e = training_curves(temporary.path()).unwrap_err().to_string();
    assert!(e.contains("metrics.jsonl") && !e.contains('\n'), "{e}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
