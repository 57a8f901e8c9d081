//! Faults of the machine: a process that is killed at any moment, a disk that is full. No file under its
//! final name is ever incomplete, and what was lost is made again, bit for bit.

#[allow(dead_code)] // parts of it serve other tests
mod trained;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::catalog::Restored;
use selfsi::train::Checkpoint;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use trained::Trained;

const KILLS: usize = 50;
/// Steps between checkpoints; validations come every 2.
const INTERVAL: u64 = 3;

fn selfsi(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.args(["--threads", "1"]).args(arguments);
    command.env("OMP_NUM_THREADS", "1");
    command
}

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

/// Ends the command by SIGKILL after `patience`; whether it was still running.
fn killed_after(command: &mut Command, patience: Duration) -> bool {
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(patience);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "{said}");
    killed
}

/// Every file under `folder`, with its path from there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    // A folder that is not there yet has none.
    let found = walk.into_iter().flatten();
    found
        .filter(|e| e.file_type().is_file())
        .map(|e| e.path().strip_prefix(folder).unwrap().to_path_buf())
        .collect()
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with('.') && name.ends_with(".part")
}

/// The lines of metrics.jsonl without the one value that is a timing; each is whole.
fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    let whole = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("spectra_per_s");
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
    let whole = start.elapsed();
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

/// Runs a command on a disk that takes files of `bytes` and no more.
fn on_full_disk(command: &mut Command, bytes: u64) -> Output {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: both calls may be made between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
            Ok(())
        });
    }
    command.output().unwrap()
}

/// The error of a command that must fail on its full disk, in one line that names a file.
fn refused(output: &Output, at: u64) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{at} bytes: {said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{at} bytes: {said}");
    assert!(errors[0].contains("cannot be written"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    errors[0].to_owned()
}

/// Sizes from nothing to just less than `whole`, one of them odd.
fn sizes(whole: u64) -> [u64; 5] {
    [0, 100, whole / 3, whole / 2 + 1, whole - 1]
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
    let whole = fs::metadata(&out).unwrap().len();
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
    let size = |name: &str| fs::metadata(straight.join(name)).unwrap().len();
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
