//! `selfsi run`: a config in, a restored catalog out; stopped, it goes on; repeated, it keeps what is good.

use crate::fixtures::edited::edited;
use crate::fixtures::faulty;
use crate::fixtures::heeding::heeding;
use crate::fixtures::run_folder::{Left, checkpoints, error_line, selfsi};
use crate::fixtures::same_fits::same;
use crate::fixtures::trained::{self, Trained};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// A config in a folder of its own, for the tiny survey that tests share.
struct Job {
    survey: Trained,
    folder: TempDir,
}

impl Job {
    fn new() -> Self {
        let job = Self {
            survey: Trained::get(),
            folder: tempfile::tempdir().unwrap(),
        };
        let mock = job.survey.path("mock").display().to_string();
        let source =
            format!("kind = 'sdss'\ncatalog = '{mock}/catalog.fits'\nspectra = '{mock}/spectra'");
        let text = trained::config(Path::new("set.h5"), &source);
        std::fs::write(job.path("job.toml"), text).unwrap();
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("job.toml")).unwrap();
        std::fs::write(self.path("job.toml"), edited(&text, from, to)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = selfsi();
        command.current_dir(self.folder.path());
        command
            .args(["run", "job.toml", "--out", "run"])
            .args(arguments);
        command
    }

    /// What each step did.
    fn run(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = self.command(arguments);
        let output = command
            .arg("--json")
            .assert()
            .success()
            .get_output()
            .clone();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let did = |s: &serde_json::Value| {
            let word = |key: &str| s[key].as_str().unwrap().to_owned();
            format!("{} {}", word("step"), word("did"))
        };
        said["steps"].as_array().unwrap().iter().map(did).collect()
    }

    /// Starts the command and sends `signal` once there is a checkpoint.
    fn stopped(&self, signal: i32) -> std::process::ExitStatus {
        let mut command = faulty::selfsi(&["run", "job.toml", "--out", "run"]);
        command.current_dir(self.folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = heeding(&mut command).spawn().unwrap();
        while checkpoints(&self.path("run")).is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
            std::thread::sleep(Duration::from_millis(2));
        }
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
        child.wait().unwrap()
    }
}

const ALL_MADE: [&str; 5] = [
    "prepare made",
    "train made",
    "restore made",
    "audit made",
    "view made",
];

#[test]
fn what_is_whole_and_of_the_same_config_and_input_is_kept() {
    let job = Job::new();
    assert_eq!(job.run(&[]), ALL_MADE);
    let restored = std::fs::read(job.path("run/restored.fits")).unwrap();
    // Without --json, a line for each step.
    let output = job.command(&[]).assert().success().get_output().clone();
    let lines = String::from_utf8(output.stdout).unwrap();
    let kept = [
        "prepare: kept set.h5",
        "train: kept run/best.safetensors",
        "restore: kept run/",
        "audit: kept",
        "view: kept",
    ];
    for (line, begin) in lines.lines().zip(kept) {
        assert!(line.starts_with(begin), "{lines}");
    }
    assert_eq!(lines.lines().count(), kept.len(), "{lines}");

    // Damaged, though as long as before and newer.
    let mut damaged = restored.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(job.path("run/restored.fits"), damaged).unwrap();
    let again = [
        "prepare kept",
        "train kept",
        "restore made",
        "audit made",
        "view made",
    ];
    assert_eq!(job.run(&[]), again);

    // Of the run, [restore] is not what it was trained with.
    let more = job.run(&["--set", "restore.draws=6"]);
    assert_eq!(more, again);

    std::fs::remove_file(job.path("run/restored.audit.fits")).unwrap();
    let audited = [
        "prepare kept",
        "train kept",
        "restore kept",
        "audit made",
        "view made",
    ];
    assert_eq!(job.run(&["--set", "restore.draws=6"]), audited);
}

#[test]
fn another_config_trains_anew_and_moves_the_run_of_before_aside() {
    let job = Job::new();
    job.run(&[]);
    let best = std::fs::read(job.path("run/best.safetensors")).unwrap();
    job.edit("steps = 4\n        warm", "steps = 6\n        warm");
    let anew = [
        "prepare kept",
        "train made",
        "restore made",
        "audit made",
        "view made",
    ];
    assert_eq!(job.run(&[]), anew);
    assert_eq!(
        std::fs::read(job.path("run/before-1/best.safetensors")).unwrap(),
        best
    );
    assert!(job.path("run/before-1/restored.fits").is_file());
    let config = std::fs::read_to_string(job.path("run/config.toml")).unwrap();
    assert!(config.contains("steps = 6"), "{config}");

    job.edit("snr_min = 2.0", "snr_min = 2.5");
    assert_eq!(job.run(&[]), ALL_MADE);
    assert!(job.path("run/before-2/config.toml").is_file());
}

#[test]
fn it_goes_on_where_it_was_stopped() {
    let job = Job::new();
    job.edit("steps = 4\n        warm", "steps = 40\n        warm");
    job.edit("checkpoint_every = 4", "checkpoint_every = 2");
    let stopped = job.stopped(libc::SIGTERM);
    assert_eq!(stopped.code(), Some(130), "{stopped}");
    job.stopped(libc::SIGKILL);
    let gone_on = [
        "prepare kept",
        "train made",
        "restore made",
        "audit made",
        "view made",
    ];
    assert_eq!(job.run(&[]), gone_on);
    assert!(!job.path("run/before-1").exists());

    let straight = Job::new();
    std::fs::copy(job.path("job.toml"), straight.path("job.toml")).unwrap();
    assert_eq!(straight.run(&[]), ALL_MADE);
    let left = |job: &Job| Left::by(&job.path("run"));
    assert!(left(&job) == left(&straight));
    same(
        &job.path("run/restored.fits"),
        &straight.path("run/restored.fits"),
    );
}

#[test]
fn a_config_that_cannot_be_trained_is_refused_before_anything_is_made() {
    let job = Job::new();
    job.edit("pixels = 64", "pixels = 65");
    let said = error_line(&mut job.command(&[]));
    assert!(said.contains("network.margin"), "{said}");
    assert!(!job.path("set.h5").exists() && !job.path("run").exists());
}
