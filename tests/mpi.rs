//! Training on several MPI ranks: what one process makes of the same batches, whatever the number of
//! ranks; stopped, failed and continued without a rank left behind. `make test-mpi` runs it, with the
//! mpiexec of the MPI that the program was built with (SELFSI_MPIEXEC).

#[allow(dead_code)] // the other tests use more of it
#[path = "it/fixtures/prepared_set.rs"]
mod prepared_set;
#[allow(dead_code)] // as above
#[path = "it/fixtures/run_folder.rs"]
mod run_folder;

use ndarray::Array2;
use prepared_set::{NETWORK, UNIT, objects, survey};
use run_folder::{checkpoints, copy, metrics};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const N: usize = 60;
const D: usize = 32;
const PROGRAM: &str = env!("CARGO_BIN_EXE_selfsi");

/// A folder with a config, a prepared set and a set of clean spectra.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    /// An odd batch, so that no two ranks have equal shares; every kind of random number but dropout,
    /// which is drawn by batch.
    fn new(steps: u64) -> Self {
        let study = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let text = format!(
            "{survey}
            [forward]
            kind = 'gaussian'
            sigma = 0.5
            [interpolant]
            kind = 'sde'
            gamma = 1.0
            diffusion = 'channel'
            epsilon = 1.0
            [transport]
            steps = 3
            [network]
            margin = 8
            {NETWORK}
            [train]
            steps = {steps}
            warm_start = 5
            reuse = 3
            resamplings = 2
            batch = 9
            heldout = 0.2
            validate_every = 16
            checkpoint_every = 8
            [train.clean]
            prepared = '{clean}'
            fraction = 0.3",
            survey = survey(&study.path("set.h5"), D),
            clean = study.path("clean.h5").display(),
        );
        std::fs::write(study.path("job.toml"), &text).unwrap();
        study.write_set("set.h5", &text, 0.5);
        study.write_set("clean.h5", &text, 0.0);
        study
    }

    /// Wavy spectra; noisy ones have masked pixels.
    fn write_set(&self, name: &str, text: &str, noise: f32) {
        let flux = Array2::from_shape_fn((N, D), |(i, j)| {
            let clean = 1.0 + 0.3 * (0.7 * i as f32).sin() * (j as f32 / 9.0).sin();
            clean + noise * ((i * D + j) as f32 * 12.9898).sin()
        });
        let masked = |(i, j): (usize, usize)| noise > 0.0 && i % 3 == 0 && (10..13).contains(&j);
        let ivar = Array2::from_shape_fn((N, D), |at| if masked(at) { 0.0 } else { 4.0 });
        let mut objects = objects(N);
        for o in &mut objects {
            o.name = format!("{name} {}", o.name);
        }
        prepared_set::write(&self.path(name), text, UNIT, &objects, flux, ivar);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `selfsi train` on `ranks` ranks.
    fn train(&self, ranks: usize, out: &Path, arguments: &[&str]) -> Command {
        let mut command = on_ranks(ranks);
        command.arg("train").arg(self.path("job.toml"));
        command.arg("--out").arg(out).args(arguments);
        command
    }

    /// The run `name`, trained to its end.
    fn trained(&self, ranks: usize, name: &str, arguments: &[&str]) -> Run {
        let out = self.path(name);
        let output = ended(self.train(ranks, &out, arguments).spawn().unwrap());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        Run(out)
    }
}

/// `selfsi` on `ranks` ranks, or as one process without a launcher for 0.
fn on_ranks(ranks: usize) -> Command {
    let mut command = if ranks == 0 {
        Command::new(PROGRAM)
    } else {
        let mpiexec = std::env::var("SELFSI_MPIEXEC");
        let mut c = Command::new(mpiexec.unwrap_or_else(|_| "mpiexec".into()));
        c.args(["-n", &ranks.to_string()]).arg(PROGRAM);
        c
    };
    command.args(["--threads", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The one line of selfsi's own on the stderr of a command that failed, on however many ranks.
fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    let lines: Vec<&str> = (text.lines())
        .filter(|l| l.contains("selfsi: error"))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

/// What `child` gave; it is killed, and the test fails, where it hangs.
fn ended(mut child: Child) -> Output {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(300) {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

struct Run(PathBuf);

impl Run {
    fn checkpoints(&self) -> Vec<PathBuf> {
        checkpoints(&self.0)
    }

    /// The bytes of the newest checkpoint.
    fn newest(&self) -> Vec<u8> {
        std::fs::read(self.checkpoints().pop().unwrap()).unwrap()
    }

    /// The weights and the average of the newest checkpoint.
    fn weights(&self) -> Vec<f64> {
        let bytes = self.newest();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut named = file.tensors();
        named.retain(|(n, _)| n.starts_with("weights/") || n.starts_with("averaged/"));
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let floats = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
        let all = named
            .iter()
            .flat_map(|(_, t)| t.data().chunks(4).map(floats));
        all.collect()
    }

    /// The lines of metrics.jsonl that tell of the loss: steps and losses.
    fn losses(&self) -> Vec<(u64, f64)> {
        let line = |l: &serde_json::Value| Some((l["step"].as_u64()?, l["loss"].as_f64()?));
        metrics(&self.0).iter().filter_map(line).collect()
    }
}

/// |a − b|/|b|.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |it: &mut dyn Iterator<Item = f64>| it.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(x, y)| x - y)) / norm(&mut b.iter().copied())
}

#[test]
fn any_number_of_ranks_learns_what_one_process_learns() {
    let study = Study::new(24);
    let alone = study.trained(0, "alone", &[]);
    for ranks in [1, 2, 3] {
        let run = study.trained(ranks, &format!("ranks{ranks}"), &[]);
        let apart = difference(&run.weights(), &alone.weights());
        println!("{ranks} ranks: the weights are {apart:.1e} apart");
        assert!(apart < 1e-5, "{ranks} ranks: {apart}");
        assert!(ranks > 1 || run.newest() == alone.newest());
        for ((step, a), (other, b)) in run.losses().iter().zip(alone.losses()) {
            assert_eq!(*step, other);
            assert!((a - b).abs() < 1e-4 * b.abs(), "step {step}: {a}, {b}");
        }
        assert_eq!(run.losses().len(), alone.losses().len());
    }
}

#[test]
fn the_same_number_of_ranks_gives_the_same_run_to_the_last_bit() {
    let study = Study::new(24);
    let [a, b] = ["a", "b"].map(|name| study.trained(2, name, &[]));
    assert!(a.newest() == b.newest());
    assert_eq!(a.losses(), b.losses());
}

#[test]
fn a_run_stopped_by_a_signal_continues_on_another_number_of_ranks() {
    // Too long to end before it is stopped.
    for signal in ["-TERM", "-USR1"] {
        let study = Study::new(4000);
        let out = study.path("run");
        let run = Run(out.clone());
        let child = study.train(2, &out, &[]).spawn().unwrap();
        let begin = Instant::now();
        while run.checkpoints().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(120), "no checkpoint");
            std::thread::sleep(Duration::from_millis(20));
        }
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let text = refusal(&ended(child));
        assert!(
            text.contains("stopped at step") && text.contains("--resume"),
            "{text}"
        );
        let newest = run.checkpoints().pop().unwrap();
        assert!(text.contains(&newest.display().to_string()), "{text}");
        let step = |path: &Path| -> u64 {
            let name = path.file_stem().unwrap().to_string_lossy();
            name.trim_start_matches("step-").parse().unwrap()
        };
        // Goes on from there, on three.
        let before = step(&newest);
        let child = study.train(3, &out, &["--resume"]).spawn().unwrap();
        let begin = Instant::now();
        while run
            .checkpoints()
            .last()
            .is_none_or(|p| step(p) < before + 16)
        {
            assert!(
                begin.elapsed() < Duration::from_secs(120),
                "it does not continue"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert!(!ended(child).status.success());
    }
}

#[test]
fn a_killed_run_continues_on_another_number_of_ranks_as_if_nothing_had_been() {
    let study = Study::new(24);
    let straight = study.trained(0, "straight", &[]);
    let run = study.trained(2, "run", &[]);
    // As if it had been killed after the one before the last, within a reused batch.
    std::fs::remove_file(run.checkpoints().pop().unwrap()).unwrap();
    for ranks in [3, 0] {
        let name = format!("on-{ranks}");
        copy(&run.0, &study.path(&name));
        let continued = study.trained(ranks, &name, &["--resume"]);
        let apart = difference(&continued.weights(), &straight.weights());
        assert!(apart < 1e-5, "{apart}");
        assert_eq!(continued.losses().len(), straight.losses().len());
    }
}

#[test]
fn what_fails_on_any_rank_ends_all_with_one_line() {
    let study = Study::new(24);
    let file = study.path("file");
    std::fs::write(&file, "").unwrap();
    let missing = format!("survey.prepared=\"{}\"", study.path("none.h5").display());
    let dead = "forward={kind=\"command\", program=[\"false\"], timeout=5, latent=\"hidden\"}";
    for (out, arguments, said) in [
        // The first rank alone writes.
        (file.join("run"), &[][..], "cannot be written"),
        // All ranks read.
        (study.path("missing"), &["--set", &missing], "none.h5"),
        // More ranks than rows of a batch.
        (
            study.path("few"),
            &["--set", "train.batch=2"],
            "train.batch",
        ),
        (
            study.path("dead"),
            &["--set", dead, "--set", "train.warm_start=0"],
            "simulator",
        ),
        // The last rank alone: it is given another config.
        (
            study.path("odd"),
            &[":", "-n", "1", PROGRAM, "train", "odd.toml", "--out", "odd"],
            "rank 3: odd.toml",
        ),
    ] {
        let output = ended(study.train(3, &out, arguments).spawn().unwrap());
        let text = refusal(&output);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn processes_that_do_not_find_each_other_are_refused() {
    let study = Study::new(24);
    // A launcher whose processes are none of this MPI's.
    let mut command = study.train(0, &study.path("run"), &[]);
    command.env("OMPI_COMM_WORLD_SIZE", "2");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("one of 2 processes") && text.lines().count() == 1,
        "{text}"
    );
    assert!(!study.path("run").exists());
}

#[test]
fn a_command_that_knows_no_ranks_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["generate", "restore", "merge"] {
        let out = folder.path().join(command);
        let mut started = on_ranks(2);
        started.arg(command).arg("run").arg("--out").arg(&out);
        let text = refusal(&ended(started.spawn().unwrap()));
        assert!(
            text.contains("one of 2 processes")
                && text.contains("selfsi train alone runs on several ranks"),
            "{text}"
        );
        assert!(!out.exists());
    }
}

#[test]
fn the_script_of_a_cluster_starts_the_ranks_and_stops_them_in_time() {
    let study = Study::new(24);
    let printed = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command
            .arg("slurm")
            .arg(study.path("job.toml"))
            .args(arguments);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (alone, several) = (
        printed(&[]),
        printed(&["--ranks", "4", "--launcher", "srun --mpi=pmi2"]),
    );
    assert!(!alone.contains("srun") && alone.contains("kill -TERM"));
    for part in [
        "#SBATCH --ntasks=4",
        "srun --mpi=pmi2 /",
        "kill -USR1 \"$child\"",
    ] {
        assert!(several.contains(part), "{several}");
    }
    // The tasks that restore are one process each.
    assert_eq!(several.matches("--ntasks").count(), 1);
}
