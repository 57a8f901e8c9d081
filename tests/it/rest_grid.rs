//! `[grid] frame = "rest"`: spectra of any redshift on one grid, moved by whole pixels of their own.

use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::{restore, train};
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::config::{Config, Frame, NormaliseConfig};
use selfsi::data::flag;
use selfsi::prepare::{Prepared, prepare, prepare_from};
use selfsi::restored::Restored;
use std::path::Path;
use tempfile::TempDir;

/// From 3600 to 9600 Å on the lattice of SDSS.
const FIRST: i32 = 35_563;
const N: usize = 4260;
/// A line at 2799 Å rest.
const LINE: f64 = 2799.0;
const SIGMA: f32 = 0.1;

fn loglam(j: usize) -> f64 {
    f64::from(FIRST) * 1e-4 + j as f64 * 1e-4
}

/// A line 1000 km/s wide over a continuum of 1.
fn flux(wave: f64, z: f64) -> f64 {
    1.0 + 2.0 * (-0.5 * ((wave / (1.0 + z) / LINE - 1.0) * 300.0).powi(2)).exp()
}

/// A survey of objects at `z` with noise of σ = 0.1, or next to none; the last pixels of each are masked.
/// `scatter`: of a wave in which they differ.
fn survey(path: &Path, z: &[f64], noisy: bool, scatter: f64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let sigma = if noisy { SIGMA } else { 1e-4 };
    let waves: Vec<f64> = (0..z.len())
        .map(|_| scatter * rng.sample::<f64, _>(StandardNormal))
        .collect();
    let flux = Array2::from_shape_fn((z.len(), N), |(i, j)| {
        let clean = if z[i].is_nan() {
            1.0
        } else {
            flux(10f64.powf(loglam(j)), z[i])
        };
        (clean * (1.0 + waves[i] * (loglam(j) * 20.0).sin())) as f32
            + sigma * rng.sample::<f32, _>(StandardNormal)
    });
    let ivar = Array2::from_shape_fn(
        (z.len(), N),
        |(_, j)| {
            if j + 7 < N { sigma.powi(-2) } else { 0.0 }
        },
    );
    let f = hdf5::File::create(path).unwrap();
    let put = |name: &str, a: &Array2<f32>| {
        f.new_dataset_builder().with_data(a).create(name).unwrap();
    };
    put("flux", &flux);
    put("ivar", &ivar);
    let column = |name: &str, a: Vec<f64>| {
        let a = Array1::from(a);
        f.new_dataset_builder().with_data(&a).create(name).unwrap();
    };
    column("loglam", (0..N).map(loglam).collect());
    column("z", z.to_vec());
    let ids: Vec<VarLenUnicode> = (0..z.len())
        .map(|i| format!("R{i}").parse().unwrap())
        .collect();
    let ids = Array1::from(ids);
    f.new_dataset_builder()
        .with_data(&ids)
        .create("id")
        .unwrap();
    flux
}

/// A grid of the rest frame from 1000 Å on, of `pixels` pixels of `step` × 1e-4 in log10.
fn text(folder: &Path, pixels: usize, step: usize) -> String {
    let max = 1000.0 * 10f64.powf((pixels * step) as f64 * 1e-4);
    format!(
        "seed = 5
        [grid]
        min = 1000.0
        max = {max}
        pixels = {pixels}
        frame = 'rest'
        [survey]
        prepared = '{0}/set.h5'
        [survey.source]
        kind = 'hdf5'
        file = '{0}/survey.h5'
        wavelength = 'vacuum'
        flux_unit = '10**-17 erg/(s cm2 Angstrom)'
        [normalise]
        kind = 'none'
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}
        [interpolant]
        kind = 'sure'
        [network]
        channels = [4, 8]
        patch = 4
        margin = 8
        attention = false
        embedding = 8
        [train]
        steps = 2
        batch = 8
        heldout = 0.3
        validate_every = 2
        checkpoint_every = 2
        [restore]
        draws = 4",
        folder.display()
    )
}

struct Made {
    folder: TempDir,
    native: Array2<f32>,
    set: Prepared,
}

fn prepared(z: &[f64], noisy: bool, pixels: usize, step: usize) -> Made {
    made(z, noisy, 0.0, pixels, step)
}

fn made(z: &[f64], noisy: bool, scatter: f64, pixels: usize, step: usize) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let native = survey(&folder.path().join("survey.h5"), z, noisy, scatter);
    let text = text(folder.path(), pixels, step);
    std::fs::write(folder.path().join("rest.toml"), &text).unwrap();
    let config = Config::parse(&text, "test", &[]).unwrap();
    prepare(&config, &config.survey.prepared, &mut |_, _| ()).unwrap();
    let set = Prepared::open(&config.survey.prepared).unwrap();
    Made {
        folder,
        native,
        set,
    }
}

#[test]
fn pixels_of_the_surveys_own_step_are_moved_and_not_touched() {
    let z = [0.5f64, 1.234_567, 2.0, 2.345_678];
    let made = prepared(&z, true, 8000, 1);
    let set = &made.set;
    assert_eq!(set.grid().frame, Frame::Rest);
    // Rounding of the pixels' edges is all that is left.
    assert!(set.noise_rho().iter().all(|r| r.abs() < 1e-6));
    let block = set.read(0..z.len()).unwrap();
    let loglam_of = set.grid().loglam();
    for (i, object) in set.objects().iter().enumerate() {
        assert_eq!(object.flag, flag::GOOD, "{}", object.reason);
        let moved = (1.0 + object.z_grid).log10();
        let off = moved - (1.0 + z[i]).log10();
        assert!(off.abs() <= 0.5001e-4, "{off}");
        let good: Vec<usize> = (0..8000).filter(|j| block.ivar[[i, *j]] > 0.0).collect();
        // Where the grid's pixels were observed is where the survey has pixels.
        let inside = |j: &usize| {
            let there = loglam(*j) - moved;
            there > loglam_of[0] - 1e-6 && there < loglam_of[7999] + 1e-6
        };
        let native: Vec<usize> = (0..N - 7).filter(inside).collect();
        assert_eq!(good.len(), native.len());
        for (j, k) in good.iter().zip(&native) {
            assert!((loglam_of[*j] + moved - loglam(*k)).abs() < 1e-9);
            assert!((block.flux[[i, *j]] - made.native[[i, *k]]).abs() < 1e-5);
            assert!((block.ivar[[i, *j]] * SIGMA * SIGMA - 1.0).abs() < 1e-4);
        }
        // Beyond the spectrum: masked.
        assert!(
            block
                .flux
                .row(i)
                .iter()
                .zip(block.ivar.row(i))
                .all(|(f, v)| *v > 0.0 || *f == 0.0)
        );
    }
}

#[test]
fn a_line_is_at_its_rest_wavelength_for_every_object_and_its_observed_one_is_known() {
    let z = [0.6f64, 1.111_11, 2.0, 2.345_678];
    let made = prepared(&z, false, 2000, 4);
    let block = made.set.read(0..z.len()).unwrap();
    let wavelength = made.set.grid().wavelength();
    for (i, object) in made.set.objects().iter().enumerate() {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (j, w) in wavelength.iter().enumerate() {
            let f = f64::from(block.flux[[i, j]] - 1.0);
            if block.ivar[[i, j]] > 0.0 && (w / LINE - 1.0).abs() < 0.02 {
                // Pixels are as wide as their wavelengths are long.
                sum += f * w * w;
                weight += f * w;
            }
        }
        let rest = sum / weight;
        // Half a pixel of the survey: 35 km/s; and exactly once the part is known that is not moved.
        assert!((rest / LINE - 1.0).abs() < 1.3e-4, "{rest}");
        let observed = rest * (1.0 + object.z_grid) / (1.0 + z[i]);
        assert!((observed / LINE - 1.0).abs() < 3e-6, "{observed}");
    }
}

#[test]
fn noise_stays_white_where_a_pixel_is_a_whole_number_of_the_surveys() {
    let z: Vec<f64> = (0..60).map(|i| 0.5 + 0.03 * f64::from(i)).collect();
    let made = prepared(&z, true, 2000, 4);
    assert!(made.set.noise_rho().iter().all(|r| r.abs() < 1e-6));
    let block = made.set.read(0..z.len()).unwrap();
    let (mut square, mut lagged, mut n) = (0.0, 0.0, 0.0);
    let wavelength = made.set.grid().wavelength();
    for i in 0..z.len() {
        let unit = |j: usize| {
            let far = (wavelength[j] / LINE - 1.0).abs() > 0.03;
            let v = f64::from(block.ivar[[i, j]]);
            (v > 0.0 && far).then(|| f64::from(block.flux[[i, j]] - 1.0) * v.sqrt())
        };
        for j in 0..1999 {
            if let (Some(a), Some(b)) = (unit(j), unit(j + 1)) {
                square += a * a;
                lagged += a * b;
                n += 1.0;
            }
        }
    }
    // Of some 60,000 pixels.
    assert!((square / n - 1.0).abs() < 0.03, "{}", square / n);
    assert!((lagged / n).abs() < 0.02, "{}", lagged / n);
}

#[test]
fn an_object_without_a_redshift_is_rejected_and_one_beyond_the_grid_says_so() {
    let made = prepared(&[2.0, f64::NAN, 12.0], false, 500, 4);
    let objects = made.set.objects();
    assert_eq!(objects[0].flag, flag::GOOD);
    assert_eq!(objects[1].flag, flag::REDSHIFT);
    assert!(
        objects[1].reason.contains("grid of the rest frame"),
        "{}",
        objects[1].reason
    );
    assert!(objects[1].z_grid.is_nan());
    assert_eq!(objects[2].flag & flag::COVERAGE, flag::COVERAGE);
    assert!(
        objects[2].reason.contains("the spectrum covers"),
        "{}",
        objects[2].reason
    );
}

#[test]
fn levels_against_the_mean_spectrum_need_no_window_that_all_show() {
    let z: Vec<f64> = (0..40).map(|i| 0.5 + 0.05 * f64::from(i)).collect();
    let made = prepared(&z, true, 500, 16);
    let text = std::fs::read_to_string(made.folder.path().join("rest.toml")).unwrap();
    let text = text.replace("kind = 'none'", "kind = 'amplitude'\nsnr_min = 5.0");
    let config = Config::parse(&text, "test", &[]).unwrap();
    prepare(&config, &config.survey.prepared, &mut |_, _| ()).unwrap();
    let set = Prepared::open(&config.survey.prepared).unwrap();
    // Every continuum is 1, and the line adds to the mean flux of those that show it.
    for o in set.objects() {
        assert_eq!(o.flag, flag::GOOD, "{}", o.reason);
        assert!((1.0..1.06).contains(&o.norm), "{}", o.norm);
    }
    let mean = set.header().level_mean.clone().unwrap();
    assert!(mean.iter().any(|m| m.is_nan()) && mean.iter().any(|m| *m > 0.0));
    // Another survey is prepared against the same mean; without it not at all.
    let other = made.folder.path().join("other.h5");
    prepare_from(&config, &config.survey.source, &other, &mut |_, _| ()).unwrap();
    let again = Prepared::open(&other).unwrap();
    assert_eq!(
        again.header().level_mean.as_deref().map(|m| m.len()),
        Some(500)
    );
    for (a, b) in again.objects().iter().zip(set.objects()) {
        assert!((a.norm / b.norm - 1.0).abs() < 1e-6);
    }
    std::fs::remove_file(&config.survey.prepared).unwrap();
    let e = prepare_from(&config, &config.survey.source, &other, &mut |_, _| ()).unwrap_err();
    assert!(e.to_string().contains("set.h5"), "{e}");
}

#[test]
fn a_run_restores_objects_of_any_redshift_and_says_where_they_were_observed() {
    let z: Vec<f64> = (0..40)
        .map(|i| {
            if i == 7 {
                f64::NAN
            } else {
                0.5 + 0.05 * f64::from(i)
            }
        })
        .collect();
    let made = made(&z, true, 0.5, 96, 80);
    let path = |name: &str| made.folder.path().join(name);
    let (run, out) = (path("run"), path("restored.fits"));
    train(&path("rest.toml"), &run);
    // From the set, and anew from the survey: the same.
    restore(&run, &[], &out).assert().success();
    let again = path("again.fits");
    restore(&run, &[&path("survey.h5")], &again)
        .assert()
        .success();
    let (file, anew) = (
        Restored::open(&out).unwrap(),
        Restored::open(&again).unwrap(),
    );
    assert_eq!(file.header().grid.frame, Frame::Rest);
    for name in ["RESTORED", "OBSERVED"] {
        let [a, b] = [&file, &anew].map(|f| f.image(name).unwrap());
        assert!(
            a.iter()
                .zip(&b)
                .all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan())
        );
    }
    for (i, o) in file.objects().iter().enumerate() {
        assert_eq!(o.flag != 0, i == 7);
        let half = 0.5 * 1e-4 * std::f64::consts::LN_10 * (1.0 + z[i]);
        assert!(i == 7 || (o.z_grid - z[i]).abs() < 1.001 * half);
    }
    if let Some(python) = python() {
        check(&python, "check_rest.py", &[&out]);
    }
    // What the file says of its frame is heeded: other readers would take it for observed wavelengths.
    let mut command = selfsi();
    command.arg("inspect").arg(path("set.h5"));
    let said = command.assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(said).unwrap().contains("rest frame"));
}

#[test]
fn init_drafts_a_grid_of_the_rest_frame_for_a_survey_of_many_redshifts_and_its_run_is_diagnosed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let z: Vec<f64> = (0..240).map(|i| 0.5 + 0.01 * f64::from(i)).collect();
    survey(&path("survey.h5"), &z, true, 0.3);
    let init = |more: &[&str]| {
        let mut command = selfsi();
        command.args(["init", "--force"]).arg(path("survey.h5"));
        command.arg("--out").arg(path("my.toml"));
        let known = [
            "survey.source.wavelength=vacuum",
            "survey.source.flux_unit='1E-17 erg/cm^2/s/Ang'",
        ];
        command.args(known.iter().chain(more).flat_map(|s| ["--set", s]));
        command.assert().success();
        let text = std::fs::read_to_string(path("my.toml")).unwrap();
        (Config::load(path("my.toml"), &[]).unwrap(), text)
    };
    let (config, text) = init(&[]);
    assert_eq!(config.grid.frame, Frame::Rest);
    // 3600–9600 Å of z 0.5–2.9: one in twenty shows what lies between.
    assert!((900.0..1060.0).contains(&config.grid.min), "{text}");
    assert!((5500.0..6400.0).contains(&config.grid.max), "{text}");
    // A whole number of the survey's pixels.
    let width = (config.grid.max / config.grid.min).log10() / config.grid.pixels as f64 / 1e-4;
    assert!((width - width.round()).abs() < 1e-5, "{width}");
    assert!(
        matches!(config.normalise, NormaliseConfig::Amplitude { .. }),
        "{text}"
    );
    assert!(text.contains("no window is shown by all"), "{text}");
    // The observed frame where that is asked for, or its wavelengths are given, or the redshifts are few.
    for narrow in ["grid.frame=observed", "grid.min=4000.0", "select.z_max=0.9"] {
        assert_eq!(init(&[narrow]).0.grid.frame, Frame::Observed, "{narrow}");
    }
    let (_, text) = init(&[
        "grid.pixels=96",
        "network.channels=[4, 8]",
        "network.patch=4",
        "network.margin=8",
        "network.attention=false",
        "network.embedding=8",
        "train.steps=6",
        "train.batch=8",
        "train.heldout=0.4",
        "train.validate_every=2",
        "train.checkpoint_every=6",
    ]);
    let mut prepare = selfsi();
    prepare.arg("prepare").arg(path("my.toml"));
    prepare.assert().success();
    let set = Prepared::open(path("my.prepared.h5")).unwrap();
    assert!(set.objects().iter().all(|o| o.flag == 0), "{text}");
    train(&path("my.toml"), &path("run"));
    let mut diagnose = selfsi();
    diagnose.arg("--json").arg("diagnose").arg(path("run"));
    let said = diagnose.assert().success().get_output().stdout.clone();
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["validations"].as_array().unwrap().len(), 3, "{said}");
    let floor = &said["validations"][2]["proxies"]["gaussian"]["floor"];
    assert!(floor.as_f64().unwrap().abs() < 1.0, "{said}");
}
