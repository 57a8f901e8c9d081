//! Faults of the machine: a process that is killed at any moment, a disk that is full. No file under its
//! final name is ever incomplete, and what was lost is made again, bit for bit.

use crate::fixtures::faulty::{
    self, files, is_temporary, killed_after, on_full_disk, refused, selfsi, sizes,
};
use crate::fixtures::trained::{self, Trained};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::fit::Checkpoint;
use selfsi::prepare::Prepared;
use selfsi::restored::Restored;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const KILLS: usize = 50;
/// Steps between checkpoints; validations come every 2.
const INTERVAL: u64 = 3;

/// `selfsi train` of 24 steps into `run`.
fn training(run: &Path, resume: bool) -> Command {
    let mut command = selfsi(&["--json", "train"]);
    command.arg(Trained::get().path("ode.toml"));
    command.arg("--out").arg(run);
    for set in [
        "train.steps=24",
        "train.validate_every=2",
        "train.checkpoint_every=3",
    ] {
        command.args(["--set", set]);
    }
    if resume {
        command.arg("--resume");
    }
    command
}

/// The lines of metrics.jsonl without the values that are timings; each is whole.
fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    let whole = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        for timing in ["spectra_per_s", "cpu_s"] {
            line.as_object_mut().unwrap().remove(timing);
        }
        line
    };
    text.lines().map(whole).collect()
}

/// All that is in the folder of a killed run can be used.
fn assert_usable(run: &Path) {
    let mut newest = 0;
    for file in files(run).iter().filter(|f| !is_temporary(f)) {
        let path = run.join(file);
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => {
                let found = Checkpoint::open(&path).unwrap().header.step;
                if file.starts_with("checkpoints") {
                    newest = found.max(newest);
                }
            }
            Some("json") => {
                let text = fs::read_to_string(&path).unwrap();
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
            }
            Some("toml") => {
                selfsi::config::Config::load(&path, &[]).unwrap();
            }
            _ => {}
        }
    }
    let logged = metrics(run)
        .last()
        .map_or(0, |l| l["step"].as_u64().unwrap());
    assert!(logged <= newest + INTERVAL, "{logged} steps, {newest} kept");
}

/// What a finished run consists of.
fn outcome(run: &Path) -> (Vec<PathBuf>, Vec<Vec<u8>>, Vec<serde_json::Value>) {
    let all = files(run);
    let kept = |f: &PathBuf| !f.to_string_lossy().contains("tfevents");
    let named: Vec<PathBuf> = all.into_iter().filter(kept).collect();
    let of = |f: &&PathBuf| !f.ends_with("metrics.jsonl");
    let bytes = named.iter().filter(of).map(|f| fs::read(run.join(f)));
    let bytes = bytes.map(Result::unwrap).collect();
    (named, bytes, metrics(run))
}

#[test]
fn a_training_killed_at_fifty_moments_is_that_of_one_never_killed() {
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    let start = Instant::now();
    assert!(
        training(&straight, false)
            .output()
            .unwrap()
            .status
            .success()
    );
    let mut whole = start.elapsed();
    let expected = outcome(&straight);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut kills = 0;
    for number in 0.. {
        let run = folder.path().join(format!("run-{number}"));
        loop {
            // Without a config.toml there is nothing to resume.
            let resume = run.join("config.toml").exists();
            let last = kills == KILLS;
            // Most moments are within the training; some before, while libraries are loaded.
            let moment = whole.mul_f64(if last {
                20.0
            } else {
                rng.random_range(0.0..1.0)
            });
            let mut command = training(&run, resume);
            if last {
                let output = command.output().unwrap();
                assert!(output.status.success(), "{output:?}");
                break;
            }
            if !killed_after(&mut command, moment) {
                // Measured while the machine was busier: the moments must fall within a run.
                whole = whole.mul_f64(0.8);
                break;
            }
            kills += 1;
            assert_usable(&run);
        }
        assert_eq!(outcome(&run), expected, "run {number}");
        if kills == KILLS {
            break;
        }
    }
}

#[test]
fn a_restoration_killed_at_any_moment_leaves_whole_files_or_none() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let (out, spectra) = (
        folder.path().join("out.fits"),
        folder.path().join("spectra"),
    );
    let restoring = || {
        let mut command = selfsi(&["restore"]);
        command.arg(t.run("ode")).arg("--out").arg(&out);
        command.arg("--spectra").arg(&spectra);
        command
    };
    let start = Instant::now();
    assert!(restoring().output().unwrap().status.success());
    let whole = start.elapsed();
    let expected = files(folder.path());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..12 {
        fs::remove_file(&out).unwrap_or_default();
        fs::remove_dir_all(&spectra).unwrap_or_default();
        killed_after(&mut restoring(), whole.mul_f64(rng.random_range(0.2..1.1)));
        for file in files(folder.path()).iter().filter(|f| !is_temporary(f)) {
            assert!(expected.contains(file), "{}", file.display());
            let path = folder.path().join(file);
            if path == out {
                Restored::open(&path).unwrap();
            } else {
                let mut f = fitsio::FitsFile::open(&path).unwrap();
                assert_eq!(f.iter().count(), 3, "{}", path.display());
            }
        }
    }
    assert!(restoring().output().unwrap().status.success());
    assert_eq!(files(folder.path()), expected, "nothing is left for ever");
}

/// Kills `command`, which writes one file into `folder` (and no other), at random moments: the file is
/// absent or whole, by `check`, and in the end it is the only one.
fn killed_at_any_moment(folder: &Path, command: impl Fn() -> Command, check: impl Fn(&Path)) {
    let start = Instant::now();
    assert!(command().output().unwrap().status.success());
    let whole = start.elapsed();
    let expected = files(folder);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..25 {
        for file in &expected {
            fs::remove_file(folder.join(file)).unwrap_or_default();
        }
        killed_after(&mut command(), whole.mul_f64(rng.random_range(0.2..1.1)));
        for file in files(folder).iter().filter(|f| !is_temporary(f)) {
            assert!(expected.contains(file), "{}", file.display());
            check(&folder.join(file));
        }
    }
    assert!(command().output().unwrap().status.success());
    assert_eq!(files(folder), expected, "nothing is left for ever");
}

#[test]
fn a_merge_killed_at_any_moment_leaves_the_whole_catalog_or_none() {
    let t = Trained::get();
    let parts = tempfile::tempdir().unwrap();
    for part in ["1/3", "2/3", "3/3"] {
        let mut c = t.restore("ode", &[], &parts.path().join("part.fits"));
        c.args(["--shard", part]).assert().success();
    }
    let folder = tempfile::tempdir().unwrap();
    let merging = || {
        let mut command = selfsi(&["merge"]);
        command.args(files(parts.path()).iter().map(|p| parts.path().join(p)));
        command.arg("--out").arg(folder.path().join("merged.fits"));
        command
    };
    killed_at_any_moment(folder.path(), merging, |file| {
        assert_eq!(Restored::open(file).unwrap().objects().len(), trained::N);
    });
}

#[test]
fn a_preparation_killed_at_any_moment_leaves_the_whole_set_or_none() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let preparing = || {
        let mut command = selfsi(&["prepare"]);
        command.arg(t.path("ode.toml"));
        command.arg("--out").arg(folder.path().join("set.h5"));
        command
    };
    killed_at_any_moment(folder.path(), preparing, |file| {
        if file.extension().is_some_and(|e| e == "h5") {
            let set = Prepared::open(file).unwrap();
            set.read(0..trained::N).unwrap();
        }
    });
}

#[test]
fn restore_on_a_full_disk_says_so_and_leaves_nothing_half_written() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.fits");
    let restoring = || {
        let mut command = selfsi(&["restore"]);
        command.arg(t.run("sde")).arg("--out").arg(&out);
        command
    };
    assert!(restoring().output().unwrap().status.success());
    let whole = faulty::size(&out);
    let kept = fs::read(&out).unwrap();
    for bytes in sizes(whole) {
        let e = refused(&on_full_disk(&mut restoring(), bytes), bytes);
        assert!(e.contains("out.fits"), "{e}");
        assert_eq!(files(folder.path()), [PathBuf::from("out.fits")]);
        assert!(fs::read(&out).unwrap() == kept, "the old catalog is lost");
    }
}

#[test]
fn train_on_a_full_disk_keeps_its_last_checkpoint_and_continues_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    training(&straight, false).output().unwrap();
    let expected = outcome(&straight);
    let size = |name: &str| faulty::size(&straight.join(name));
    let log = size("metrics.jsonl");
    let checkpoint = size("checkpoints/step-00000024.safetensors");
    for bytes in [0, 100, log / 2, log.max(checkpoint) - 1] {
        let run = folder.path().join(format!("run-{bytes}"));
        let e = refused(&on_full_disk(&mut training(&run, false), bytes), bytes);
        assert!(e.contains(&format!("run-{bytes}")), "{e}");
        assert!(
            !files(&run).iter().any(|f| is_temporary(f)),
            "{bytes} bytes"
        );
        let resume = run.join("config.toml").exists();
        let output = training(&run, resume).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(outcome(&run), expected, "{bytes} bytes");
    }
}
