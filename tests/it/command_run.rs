//! `selfsi train` and `selfsi simulate` with a program as F: the same result as with the built-in
//! channel, and one clear line when the program fails, after which the run continues bit for bit.
//!
//! Needs a Python with numpy; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::prepared_set::{self, NETWORK, UNIT, objects, survey, waves};
use crate::fixtures::python::{python, script};
use crate::fixtures::run_folder::{Left, checkpoints, error_line, selfsi};
use assert_cmd::Command;
use ndarray::Array2;
use safetensors::SafeTensors;
use selfsi::config::Config;
use selfsi::data::LogGrid;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const N: usize = 60;
const D: usize = 64;
const GAUSSIAN: &str = "kind = 'gaussian'\nsigma = 0.5";

/// A folder with a prepared set; configs differ in F.
struct Study {
    folder: tempfile::TempDir,
    python: String,
}

impl Study {
    /// Without a Python, the test is skipped.
    fn new() -> Option<Self> {
        let python = python()?.display().to_string();
        let folder = tempfile::tempdir().unwrap();
        let study = Self { folder, python };
        let text = study.config("gaussian", GAUSSIAN);
        let [_, flux] = waves(N, D);
        let ivar = Array2::from_elem((N, D), 4.0);
        prepared_set::write(&study.path("set.h5"), &text, UNIT, &objects(N), flux, ivar);
        Some(study)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text of a config, also written to `name`.toml. Validations after steps 4 and 6: batch 4
    /// is the first of them.
    fn config(&self, name: &str, forward: &str) -> String {
        let text = format!(
            "{survey}
            [forward]
            {forward}
            [transport]
            steps = 2
            [network]
            margin = 16
            {NETWORK}
            [train]
            steps = 6
            warm_start = 0
            reuse = 2
            batch = 8
            heldout = 0.2
            validate_every = 4
            checkpoint_every = 4",
            survey = survey(&self.path("set.h5"), D)
        );
        std::fs::write(self.path(&format!("{name}.toml")), &text).unwrap();
        text
    }

    /// [forward] with tests/python/simulator.py, which fails in `batch` if [`Study::arm`]ed.
    fn simulator(&self, behaviour: &str, batch: usize, timeout: f64) -> String {
        let (python, marker) = (&self.python, self.path("marker"));
        format!(
            "kind = 'command'\nlatent = 'redrawn'\ntimeout = {timeout}\nprogram = ['{python}', \
             '{}', '{behaviour}', '{}', '{batch}']",
            script("simulator.py").display(),
            marker.display()
        )
    }

    /// Makes the simulator fail, once.
    fn arm(&self) {
        std::fs::write(self.path("marker"), "").unwrap();
    }

    fn train(&self, config: &str, run: &str, arguments: &[&str]) -> Command {
        let mut command = selfsi();
        command
            .arg("train")
            .arg(self.path(&format!("{config}.toml")))
            .arg("--out")
            .arg(self.path(run))
            .args(arguments);
        command
    }

    /// A run that is stopped by the program: its last line.
    fn halted(&self, config: &str, run: &str) -> String {
        let line = error_line(&mut self.train(config, run, &[]));
        let newest = checkpoints(&self.path(run)).pop().unwrap();
        for part in ["simulator.py", "--resume", newest.to_str().unwrap()] {
            assert!(line.contains(part), "{part}: {line}");
        }
        line
    }
}

fn weights(run: &Path) -> Vec<f32> {
    let bytes = std::fs::read(checkpoints(run).pop().unwrap()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<&str> = file.names().into_iter().collect();
    names.sort_unstable();
    names
        .iter()
        .filter(|n| n.starts_with("weights/"))
        .flat_map(|n| file.tensor(n).unwrap().data().to_vec())
        .collect::<Vec<u8>>()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn training_with_the_program_gives_the_weights_of_training_with_the_built_in_channel() {
    let Some(study) = Study::new() else { return };
    study.config("program", &study.simulator("well", 0, 60.0));
    for config in ["gaussian", "program"] {
        study.train(config, config, &[]).assert().success();
    }
    study
        .train("gaussian", "short", &["--set", "train.steps=1"])
        .assert()
        .success();
    let [a, b, first] = ["gaussian", "program", "short"].map(|run| weights(&study.path(run)));
    let distance = |a: &[f32], b: &[f32]| {
        let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        sum.sqrt()
    };
    // Against how far five steps move them.
    let (off, moved) = (distance(&a, &b), distance(&a, &first));
    println!("weights: {off:.2e} apart, moved by {moved:.2e}");
    assert!(off < 1e-3 * moved, "{off} {moved}");
}

#[test]
fn a_run_that_the_program_stopped_in_a_step_or_a_validation_continues_bit_for_bit() {
    let Some(study) = Study::new() else { return };
    for (name, batch, at) in [
        ("step", 5, "step 4"),
        ("validation", 4, "step 4"),
        ("reused", 6, "step 5"),
        ("first", 0, "step 0"),
    ] {
        study.config(name, &study.simulator("crash", batch, 60.0));
        let (straight, stopped) = (format!("{name}-straight"), format!("{name}-stopped"));
        study.train(name, &straight, &[]).assert().success();
        study.arm();
        let line = study.halted(name, &stopped);
        assert!(
            line.contains("exit status: 1") && line.contains(at),
            "{line}"
        );
        study
            .train(name, &stopped, &["--resume"])
            .assert()
            .success();
        assert!(
            Left::by(&study.path(&straight)) == Left::by(&study.path(&stopped)),
            "{name}"
        );
    }
}

#[test]
fn whatever_goes_wrong_with_the_program_is_one_clear_line_and_the_checkpoint_is_kept() {
    let Some(study) = Study::new() else { return };
    for (behaviour, words) in [
        ("killed", &["signal"][..]),
        ("hang", &["within 3 s", "killed", "timeout"]),
        ("nan", &["y of row 1 of the batch, pixel 7, is NaN"]),
        ("inf", &["y of row 2 of the batch, pixel 3, is -inf"]),
        ("negative", &["sigma of row 0 of the batch, pixel 5, is -1"]),
        ("shape", &["of 127 numbers", "of 128"]),
        ("print", &["stdout"]),
        ("short", &["exit status: 3", "after 5 of"]),
    ] {
        let timeout = if behaviour == "hang" { 3.0 } else { 60.0 };
        study.config(behaviour, &study.simulator(behaviour, 5, timeout));
        study.arm();
        let line = study.halted(behaviour, behaviour);
        for word in words {
            assert!(line.contains(word), "{behaviour}: {line}");
        }
    }
}

#[test]
fn a_program_that_cannot_be_started_or_speaks_otherwise_leaves_no_run() {
    let Some(study) = Study::new() else { return };
    for (behaviour, words) in [
        ("magic", "Hello, I am"),
        ("version", "version 7 of the protocol, not 1"),
        ("pixels", "D = 63, but rows have 64"),
        ("tells", "3 numbers"),
    ] {
        study.config(behaviour, &study.simulator(behaviour, 0, 60.0));
        let line = error_line(&mut study.train(behaviour, behaviour, &[]));
        assert!(line.contains(words), "{behaviour}: {line}");
        assert!(!study.path(behaviour).exists());
    }
    let program =
        |p: &str| format!("kind = 'command'\nlatent = 'redrawn'\ntimeout = 9\nprogram = {p}");
    for (name, command, words) in [
        ("missing", "['no/such/program']", "cannot be started"),
        ("silent", "['true']", "exit status: 0"),
        ("echo", "['cat']", "SELFSI>F"),
    ] {
        study.config(name, &program(command));
        let line = error_line(&mut study.train(name, name, &[]));
        assert!(line.contains(words), "{name}: {line}");
        assert!(!study.path(name).exists());
    }
    // The warm start needs moments of the channel, which nobody knows of a program.
    study.config("warm", &study.simulator("well", 0, 60.0));
    let line = error_line(&mut study.train("warm", "warm", &["--set", "train.warm_start=2"]));
    assert!(line.contains("train.warm_start = 0"), "{line}");
    assert!(!study.path("warm").exists());
}

/// Clean spectra on the study's grid.
fn truth(path: &Path, text: &str) {
    let grid = LogGrid::new(&Config::parse(text, "test", &[]).unwrap().grid);
    let f = hdf5::File::create(path).unwrap();
    let flux = Array2::from_shape_fn((N, D), |(i, j)| 1.0 + ((i + j) as f32 / 9.0).sin() / 3.0);
    f.new_dataset_builder()
        .with_data(&flux)
        .create("flux")
        .unwrap();
    f.new_dataset_builder()
        .with_data(&grid.loglam())
        .create("loglam")
        .unwrap();
    let id: Vec<i64> = (0..N as i64).collect();
    f.new_dataset_builder().with_data(&id).create("id").unwrap();
}

#[test]
fn simulate_runs_the_program_and_leaves_nothing_when_it_fails() {
    let Some(study) = Study::new() else { return };
    truth(&study.path("truth.h5"), &study.config("gaussian", GAUSSIAN));
    study.config("program", &study.simulator("crash", 0, 60.0));
    let quasar = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/simulators/quasar.py");
    study.config(
        "noiseless",
        &format!(
            "kind = 'command'\nlatent = 'kept'\ntimeout = 60\nprogram = ['{}', '{}', '0.05']",
            study.python,
            quasar.display()
        ),
    );
    let simulate = |config: &str, out: &str| {
        let mut command = selfsi();
        command
            .arg("simulate")
            .arg(study.path(&format!("{config}.toml")));
        command.arg("--from").arg(study.path("truth.h5"));
        command.arg("--out").arg(study.path(out));
        command
    };
    study.arm();
    let line = error_line(&mut simulate("program", "none.h5"));
    assert!(line.contains("exit status: 1"), "{line}");
    let line = error_line(&mut simulate("noiseless", "none.h5"));
    assert!(line.contains("no noise level"), "{line}");
    let left = std::fs::read_dir(study.folder.path()).unwrap();
    let left = left.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|n| n.contains("none")).count(), 0);
    for config in ["gaussian", "program"] {
        simulate(config, &format!("{config}.h5")).assert().success();
    }
    let image = |name: &str, image: &str| -> Array2<f32> {
        let file = hdf5::File::open(study.path(name)).unwrap();
        file.dataset(image).unwrap().read_2d().unwrap()
    };
    let off = (image("gaussian.h5", "flux") - image("program.h5", "flux")).mapv(f32::abs);
    assert!(off.iter().all(|v| *v < 3e-6));
    assert_eq!(image("gaussian.h5", "ivar"), image("program.h5", "ivar"));
}

#[cfg(target_os = "linux")]
mod signals {
    use super::*;
    use crate::fixtures::heeding::heeding;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Stdio};

    fn wait_for(what: &str, mut until: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !until() {
            assert!(begin.elapsed() < Duration::from_secs(120), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A run under way in a process group of its own, and the ids of its simulator and of what that started.
    fn started(study: &Study, run: &str) -> (Child, Vec<String>) {
        study.config("pid", &study.simulator("pid", 0, 600.0));
        let _ = std::fs::remove_file(study.path("marker"));
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("selfsi"));
        command
            .args(["--threads", "1", "train", "--set", "train.steps=100000"])
            .arg(study.path("pid.toml"))
            .arg("--out")
            .arg(study.path(run))
            .stderr(Stdio::piped())
            .process_group(0);
        let child = heeding(&mut command).spawn().unwrap();
        wait_for("no checkpoint", || {
            !checkpoints(&study.path(run)).is_empty()
        });
        let ids = std::fs::read_to_string(study.path("marker")).unwrap();
        (child, ids.split(' ').map(str::to_owned).collect())
    }

    /// Whether the process is there; one that nobody has reaped is not.
    fn alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !matches!(stat.rsplit(") ").next(), None | Some("")) && !stat.contains(") Z")
    }

    fn send(signal: &str, to: &str) {
        let sent = std::process::Command::new("kill")
            .args([signal, "--", to])
            .status();
        assert!(sent.unwrap().success());
    }

    #[test]
    fn the_program_does_not_outlive_selfsi() {
        let Some(study) = Study::new() else { return };
        for (signal, whom) in [("-INT", "-"), ("-TERM", ""), ("-KILL", "")] {
            let (child, pids) = started(&study, signal);
            assert!(pids.len() == 2 && pids.iter().all(|p| alive(p)));
            // Ctrl-C in a terminal goes to the whole group: the step in progress is finished all the same.
            send(signal, &format!("{whom}{}", child.id()));
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            if signal != "-KILL" {
                let line = text.lines().last().unwrap();
                assert!(
                    line.contains("stopped at step") && line.contains("by a signal"),
                    "{text}"
                );
            }
            wait_for("the simulator is still there", || {
                !pids.iter().any(|p| alive(p))
            });
        }
    }
}
