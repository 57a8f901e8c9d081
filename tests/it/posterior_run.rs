//! `selfsi train` with `[interpolant] kind = "posterior"` on spectra: with the redshifts known and not,
//! masked pixels, a wide blur, a program as F; stopped and resumed; and the alarm of erased modes.

use crate::fixtures::prepared_set::{NETWORK, UNIT, objects, survey, waves, write};
use crate::fixtures::python::{python, script};
use crate::fixtures::run_folder::{Left, checkpoints, metrics, selfsi};
use crate::fixtures::same_fits::same;
use assert_cmd::Command;
use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::restored::Restored;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

const N: usize = 240;
const D: usize = 32;
const STEPS: &str = "train.steps=30";
/// The smoothing of the observations' own line-spread function, of which there is none, and one of σ = 4
/// pixels.
const SHARP: &str = "{ from = 'lsf' }";
const BLURRED: &str = "{ from = 'resolution', resolution = 16.0, spread = 0.0 }";

struct Study {
    folder: tempfile::TempDir,
    clean: Array2<f32>,
}

impl Study {
    fn quasar(smoothing: &str) -> Self {
        let quasar = format!(
            "kind = 'quasar'\ntilt = 0.02\nsmoothing = {smoothing}\nnoise = {{ from = 'ivar' }}"
        );
        Self::new(&quasar, false)
    }

    /// Of waves of many periods at z = 3.0 to 3.4. With `counts` their observations are whole numbers of
    /// photons.
    fn new(forward: &str, counts: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set.h5");
        let text = format!(
            "{}
            [forward]
            {forward}
            [interpolant]
            kind = 'posterior'
            [network]
            {NETWORK}
            margin = 8
            [train]
            steps = 30
            batch = 16
            heldout = 0.3
            validate_every = 15
            checkpoint_every = 10
            [restore]
            draws = 8",
            survey(&set, D)
        );
        std::fs::write(folder.path().join("job.toml"), &text).unwrap();
        let [clean, noisy] = waves(N, D);
        let noise = &noisy - &clean;
        let mut objects = objects(N);
        for (i, o) in objects.iter_mut().enumerate() {
            o.z = 3.0 + 0.04 * ((i * 7) % 11) as f64;
        }
        objects[5].z = f64::NAN;
        let clean = clean + detail() + 1.0;
        let mut flux = match counts {
            true => (clean.mapv(|x| 4.0 * x)
                + noise.mapv(|n| 2.0 * n) * clean.mapv(|x| (4.0 * x).sqrt()))
            .mapv(|c| c.round().max(0.0) / 4.0),
            false => &clean + &noise * 0.2,
        };
        let mut ivar = Array2::from_elem((N, D), if counts { 2.0 } else { 100.0 });
        // Every third spectrum has a gap, one more noise at its red end.
        for i in (0..N).step_by(3) {
            flux.slice_mut(s![i, 10..14]).fill(0.0);
            ivar.slice_mut(s![i, 10..14]).fill(0.0);
        }
        ivar.slice_mut(s![7, 20..]).fill(25.0);
        write(&set, &text, UNIT, &objects, flux, ivar);
        Self { folder, clean }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, run: &str, arguments: &[&str]) -> Command {
        let mut command = selfsi();
        command.arg("train").arg(self.path("job.toml"));
        command.arg("--out").arg(self.path(run)).args(arguments);
        command
    }

    fn finished(&self, run: &str, arguments: &[&str]) -> Left {
        self.train(run, arguments).assert().success();
        Left::by(&self.path(run))
    }

    fn restored(&self, run: &str, name: &str, arguments: &[&str]) -> PathBuf {
        let out = self.path(name);
        let mut command = selfsi();
        command
            .arg("restore")
            .arg(self.path(run))
            .arg("--out")
            .arg(&out);
        command.args(arguments).assert().success();
        out
    }

    /// A run that is killed after a checkpoint, and resumed.
    fn killed_and_resumed(&self, run: &str) -> Left {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("selfsi"));
        command
            .args(["--threads", "1", "train"])
            .arg(self.path("job.toml"));
        command.arg("--out").arg(self.path(run));
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while checkpoints(&self.path(run)).is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(120), "it hangs");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        self.finished(run, &["--resume"])
    }
}

/// Cosines of variance 0.1/(1 + k²), so that a blur erases some, [N, D].
fn detail() -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut rows = Array2::zeros((N, D));
    for mut row in rows.rows_mut() {
        for k in 1..D {
            let height: f32 = rng.sample(StandardNormal);
            let height = height * (0.1 / (1.0 + (k * k) as f32)).sqrt();
            for (j, v) in row.iter_mut().enumerate() {
                let phase = std::f32::consts::PI * k as f32 * (j as f32 + 0.5) / D as f32;
                *v += height * phase.cos();
            }
        }
    }
    rows
}

fn assert_same(a: &Left, b: &Left) {
    assert!(a.last == b.last, "the last checkpoint");
    assert!(a.best == b.best, "the best weights");
    assert_eq!(a.metrics, b.metrics);
}

#[test]
fn a_killed_run_continues_bit_for_bit_from_the_rest_frame_and_behind_a_wide_blur() {
    for smoothing in [SHARP, BLURRED] {
        let study = Study::quasar(smoothing);
        let whole = study.finished("whole", &[]);
        assert_same(&whole, &study.killed_and_resumed("killed"));
        let start = |run: &str| std::fs::read(study.path(run).join("start.safetensors")).unwrap();
        assert!(start("whole") == start("killed"));
    }
}

/// Those with gaps, with uneven noise and without a redshift are solved by themselves.
#[test]
fn a_restoration_does_not_depend_on_its_batch() {
    for smoothing in [SHARP, BLURRED] {
        let study = Study::quasar(smoothing);
        study.finished("run", &["--set", STEPS, "--set", "train.steps=2"]);
        let all = study.restored("run", "all.fits", &[]);
        let few = study.restored("run", "few.fits", &["--set", "restore.batch=5"]);
        let image = |path: &PathBuf, name: &str| Restored::open(path).unwrap().image(name).unwrap();
        for name in ["RESTORED", "SIGMA", "SIGMA_PRIOR"] {
            let (a, b) = (image(&all, name), image(&few, name));
            let off = (&a - &b).mapv(f32::abs).fold(0f32, |m, v| m.max(*v));
            assert!(off < 1e-5, "{smoothing}, {name}: {off}");
        }
    }
}

/// The first step's network says nothing: it is the Gaussian posterior itself.
fn untrained_errors(study: &Study) -> (f64, f64, f64) {
    study.finished(
        "run",
        &[
            "--set",
            "train.steps=1",
            "--set",
            "train.learning_rate=1e-9",
        ],
    );
    let out = study.restored("run", "restored.fits", &[]);
    let catalog = Restored::open(&out).unwrap();
    let of = |name: &str| catalog.image(name).unwrap().mapv(f64::from);
    let (x, sigma, y) = (
        of("RESTORED") / 2.0,
        of("SIGMA") / 2.0,
        of("OBSERVED") / 2.0,
    );
    let truth = study.clean.mapv(f64::from);
    let rms = |e: Array2<f64>| e.mapv(|v| v * v).mean().unwrap().sqrt();
    let pulls = (&x - &truth) / &sigma;
    // Of rows without a gap.
    let whole = |a: &Array2<f64>| a.slice(s![1..; 3, ..]).to_owned();
    let inside = whole(&pulls)
        .mapv(|p| f64::from(p.abs() < 1.0))
        .mean()
        .unwrap();
    (
        rms(whole(&(&x - &truth))),
        rms(whole(&(&y - &truth))),
        inside,
    )
}

#[test]
fn the_untrained_posterior_of_counts_is_better_than_they_are_and_knows_its_errors() {
    let Some(python) = python() else { return };
    let simulator = script("counts.py").display().to_string();
    let program = format!(
        "kind = 'command'\nlatent = 'hidden'\ntimeout = 60.0\nprogram = ['{}', '{simulator}']",
        python.display()
    );
    let study = Study::new(&program, true);
    let (error, of_counts, inside) = untrained_errors(&study);
    assert!(error < 0.6 * of_counts, "{error} {of_counts}");
    assert!((inside - 0.68).abs() < 0.15, "{inside}");
    assert_same(
        &study.finished("whole", &[]),
        &study.killed_and_resumed("killed"),
    );
}

#[test]
fn threads_do_not_matter_behind_a_wide_blur() {
    let study = Study::quasar(BLURRED);
    let trained = |threads: &str| {
        let run = format!("run-{threads}");
        let left = study.finished(&run, &["--threads", threads, "--set", "train.steps=3"]);
        (
            left,
            study.restored(&run, &format!("{run}.fits"), &["--threads", threads]),
        )
    };
    let (one, two) = (trained("1"), trained("2"));
    assert!(one.0 == two.0);
    same(&one.1, &two.1);
}

/// What a run says of its erased modes: in stderr, in metrics.jsonl and in `selfsi diagnose`.
fn alarm(study: &Study, run: &str, rate: &str) -> (bool, f64) {
    // The weights of the last few steps, not the average over all.
    let set = format!("train.learning_rate={rate}");
    let trained = study
        .train(run, &["--set", &set, "--set", "train.ema=0.5"])
        .assert()
        .success();
    let said = String::from_utf8(trained.get_output().stderr.clone()).unwrap();
    let ratios = metrics(&study.path(run));
    let ratio = (ratios.iter().rev()).find_map(|l| l["validation"]["erased"].as_f64());
    let mut diagnose = selfsi();
    let told = diagnose
        .arg("diagnose")
        .arg(study.path(run))
        .assert()
        .success();
    let told = String::from_utf8(told.get_output().stdout.clone()).unwrap();
    let fired = said.contains("modes that the channel erases");
    assert_eq!(
        told.contains("modes that the channel erases"),
        fired,
        "{told}"
    );
    assert!(told.contains("Erased modes"), "{told}");
    (fired, ratio.unwrap())
}

#[test]
fn a_run_warns_when_its_draws_leave_the_starts_variance_where_no_data_correct_it() {
    let study = Study::quasar(BLURRED);
    let (fired, ratio) = alarm(&study, "calm", "1e-6");
    assert!(!fired && (ratio - 1.0).abs() < 0.05, "{ratio}");
    let (fired, ratio) = alarm(&study, "wild", "3.0");
    assert!(fired && (ratio - 1.0).abs() > 0.1, "{ratio}");
}
