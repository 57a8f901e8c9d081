//! Restoring in parts: joined, they are what one job writes, to the last bit; what is not all of one
//! restoration is refused.

mod same_fits;
#[allow(dead_code)] // its HDF5 survey serves other tests
mod trained;

use same_fits::same;
use selfsi::restored::Restored;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use trained::{D, N, Trained, selfsi};

/// Small batches, so that there are five of them.
const BATCH: [&str; 2] = ["--set", "restore.batch=8"];

const SLURM: [&str; 5] = ["ID", "COUNT", "MIN", "MAX", "STEP"];

fn whole(run: &str) -> PathBuf {
    let t = Trained::get();
    let out = t.path(&format!("whole-{run}.fits"));
    let mut c = t.restore(run, &[], &out);
    if run == "sde" {
        c.arg("--save-draws");
    }
    c.args(BATCH).assert().success();
    out
}

fn shards(run: &str, name: &str, of: usize) -> Vec<PathBuf> {
    let t = Trained::get();
    let out = t.path(&format!("{name}.fits"));
    let shard = |i: usize| {
        let mut c = t.restore(run, &[], &out);
        if run == "sde" {
            c.arg("--save-draws");
        }
        c.args(BATCH).arg("--shard").arg(format!("{i}/{of}"));
        c.assert().success();
        assert!(!out.exists());
        t.path(&format!("{name}.shard-{i:03}-of-{of:03}.fits"))
    };
    (1..=of).map(shard).collect()
}

fn merge(files: &[PathBuf], out: &Path) -> assert_cmd::Command {
    let mut c = selfsi();
    c.arg("merge").args(files).arg("--out").arg(out);
    c
}

fn refusal(files: &[PathBuf]) -> String {
    let out = Trained::get().path("refused.fits");
    let output = merge(files, &out).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!out.exists());
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    text
}

#[test]
fn merged_shards_are_what_one_job_writes_to_the_last_bit() {
    let t = Trained::get();
    // Seven shards of five batches: some are empty.
    for (run, of) in [("ode", 3), ("sde", 7)] {
        let mut parts = shards(run, &format!("parts-{run}"), of);
        let first = Restored::open(&parts[1]).unwrap().shard().unwrap().unwrap();
        assert_eq!((first.number, first.of, first.all), (2, of, N));
        parts.reverse();
        let out = t.path(&format!("merged-{run}.fits"));
        merge(&parts, &out).assert().success();
        same(&whole(run), &out);
        let merged = Restored::open(&out).unwrap();
        assert_eq!(merged.shard().unwrap(), None);
        assert_eq!(merged.image("RESTORED").unwrap().dim(), (N, D));
        let bytes = std::fs::read(&out).unwrap();
        let said = format!("HISTORY merged from {of} shards");
        assert!(bytes.windows(said.len()).any(|w| w == said.as_bytes()));
    }
}

#[test]
fn what_is_not_all_of_one_restoration_once_is_refused() {
    let t = Trained::get();
    let parts = shards("ode", "refuse", 5);
    let e = refusal(&[parts[0].clone(), parts[2].clone(), parts[4].clone()]);
    assert!(e.contains("shards 2, 4 of 5 are missing"), "{e}");
    let e = refusal(&parts[..4]);
    assert!(e.contains("shard 5 of 5 is missing"), "{e}");
    let copy = t.path("copy.fits");
    std::fs::copy(&parts[1], &copy).unwrap();
    let e = refusal(&[parts.clone(), vec![copy]].concat());
    assert!(e.contains("shard 2 of 5 is given twice"), "{e}");
    let e = refusal(&[whole("ode")]);
    assert!(e.contains("a whole catalog"), "{e}");
    for (name, arguments, key) in [
        ("seed", &["--seed", "9"][..], "SEED"),
        ("rows", &["--mintarget", "1", "-n", "39"], "NROWSALL"),
    ] {
        let out = t.path(&format!("other-{name}.fits"));
        let mut c = t.restore("ode", &[], &out);
        c.args(BATCH).args(["--shard", "2/5"]).args(arguments);
        c.assert().success();
        let mut mixed = parts.clone();
        mixed[1] = t.path(&format!("other-{name}.shard-002-of-005.fits"));
        let e = refusal(&mixed);
        assert!(e.contains("another restoration") && e.contains(key), "{e}");
    }
}

#[test]
fn inside_a_job_array_a_part_is_the_default() {
    let t = Trained::get();
    let out = t.path("array.fits");
    let task = |arguments: &[&str]| {
        let mut c = t.restore("ode", &[], &out);
        c.args(BATCH).args(arguments);
        for (key, value) in SLURM.iter().zip(["3", "2", "1", "3", "2"]) {
            c.env(format!("SLURM_ARRAY_TASK_{key}"), value);
        }
        c.output().unwrap()
    };
    let output = task(&[]);
    assert!(output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("note: this is a task of a SLURM job array")
    );
    assert!(t.path("array.shard-002-of-002.fits").exists() && !out.exists());
    assert!(task(&["--shard", "1/1"]).status.success());
    assert!(out.exists());
    let mut c = t.restore("ode", &[], &out);
    c.arg("--shard").env_remove("SLURM_ARRAY_TASK_ID");
    let text = String::from_utf8(c.output().unwrap().stderr).unwrap();
    assert!(text.contains("not a task of a job array"), "{text}");
}

#[test]
fn the_scripts_give_what_the_commands_give() {
    let t = Trained::get();
    // A blank and a quote in every path.
    let folder = t.path("it's a folder");
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("my config.toml");
    std::fs::copy(t.path("ode.toml"), &config).unwrap();
    let mut c = selfsi();
    c.arg("slurm")
        .arg(&config)
        .args(["--array", "3"])
        .args(BATCH);
    c.args(["--partition", "gpu", "--out"]).arg(&folder);
    c.assert().success();
    let bash = |arguments: &[&Path], task: &str| {
        let mut c = Process::new("bash");
        c.args(arguments).env("SLURM_ARRAY_TASK_ID", task);
        c.env("SLURM_CPUS_PER_TASK", "1");
        let output = c.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    for name in ["train.sbatch", "restore.sbatch", "merge.sbatch"] {
        bash(&[Path::new("-n"), &folder.join(name)], "");
    }
    // The second time it resumes a run that is complete.
    bash(&[&folder.join("train.sbatch")], "");
    bash(&[&folder.join("train.sbatch")], "");
    for task in ["1", "2", "3"] {
        bash(&[&folder.join("restore.sbatch")], task);
    }
    bash(&[&folder.join("merge.sbatch")], "");
    same(&whole("ode"), &folder.join("my config/restored.fits"));
}

#[test]
fn the_options_of_a_gpu_reach_training_and_restoring() {
    let mut c = selfsi();
    c.args(["slurm", "--device", "cuda", "--tf32", "on"]);
    c.arg(Trained::get().path("ode.toml"));
    let text = String::from_utf8(c.output().unwrap().stdout).unwrap();
    assert_eq!(
        text.matches("--device cuda --tf32 on ").count(),
        2,
        "{text}"
    );
}

#[test]
fn an_option_that_sbatch_would_misread_is_refused() {
    let t = Trained::get();
    let mut c = selfsi();
    c.arg("slurm")
        .arg(t.run("ode"))
        .args(["--partition", "a b"]);
    let output = c.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("contains a space"), "{text}");
}

#[test]
fn processes_started_together_are_refused_but_where_each_names_its_part() {
    let t = Trained::get();
    let out = t.path("together.fits");
    let started = |mut command: assert_cmd::Command, rank: &str| {
        command.envs([("PMI_SIZE", "2"), ("PMI_RANK", rank)]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), text)
    };
    let (success, text) = started(t.restore("ode", &[], &out), "0");
    assert!(!success && !out.exists());
    assert!(text.contains("one of 2 processes") && text.contains("selfsi train alone"));
    assert_eq!(text.lines().count(), 1, "{text}");
    // One line is enough.
    assert_eq!(
        started(t.restore("ode", &[], &out), "1"),
        (false, String::new())
    );
    for (part, rank) in [("1/2", "0"), ("2/2", "1")] {
        let mut shard = t.restore("ode", &[], &out);
        shard.args(["--shard", part]);
        let (success, text) = started(shard, rank);
        assert!(success, "{text}");
    }
}

/// The scripts of MPI training are tested with it: tests/mpi.rs.
#[cfg(not(feature = "mpi"))]
#[test]
fn ranks_are_refused_by_a_program_without_mpi() {
    let t = Trained::get();
    let mut c = selfsi();
    c.arg("slurm")
        .arg(t.path("ode.toml"))
        .args(["--ranks", "4"]);
    let output = c.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("--ranks") && text.contains("--features mpi"));
    // Started by a launcher, each process would train the same run.
    let out = t.path("stranded");
    let mut c = selfsi();
    c.arg("train")
        .arg(t.path("ode.toml"))
        .arg("--out")
        .arg(&out);
    c.envs([("PMI_SIZE", "4"), ("PMI_RANK", "0")]);
    let text = String::from_utf8(c.output().unwrap().stderr).unwrap();
    assert!(text.contains("one of 4 processes") && text.contains("without MPI"));
    assert!(text.lines().count() == 1 && !out.exists());
}
