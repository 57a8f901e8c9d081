//! One run folder, one training: a second is told so at once, and what a dead one held is free.

use crate::fixtures::faulty::files;
use crate::fixtures::heeding::heeding;
use crate::fixtures::run_folder::{checkpoints, failure};
use crate::fixtures::trained::Trained;
use selfsi::config::Config;
use selfsi::train::Run;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `selfsi train` into `run`, which goes on until it is stopped.
fn training(t: &Trained, run: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.args(["--threads", "1", "--json", "train"]);
    command.arg(t.path("ode.toml")).arg("--out").arg(run);
    command.args(["--set", "train.steps=1000000"]).args(more);
    command
}

/// One under way: with a checkpoint of its own.
fn begun(mut command: Command, run: &Path) -> Child {
    let before = checkpoints(run);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = heeding(&mut command).spawn().unwrap();
    let since = Instant::now();
    while checkpoints(run) == before {
        assert!(since.elapsed() < Duration::from_secs(120), "no checkpoint");
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_second_training_is_refused_as_long_as_the_first_one_lives_and_no_longer() {
    let t = Trained::get();
    let run = t.out("run");
    let mut first = begun(training(&t, &run, &[]), &run);
    for more in [&[][..], &["--resume"]] {
        let line = failure(assert_cmd::Command::from_std(training(&t, &run, more)));
        let holder = format!("process {} on ", first.id());
        for word in ["at work in this folder", &holder, run.to_str().unwrap()] {
            assert!(line.contains(word), "{more:?}: {line}");
        }
    }
    assert!(first.try_wait().unwrap().is_none(), "the first goes on");
    // SIGKILL: nothing is tidied up.
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(run.join(".lock").exists());
    let mut second = begun(training(&t, &run, &["--resume"]), &run);
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(second.id() as i32, libc::SIGTERM) };
    assert_eq!(second.wait().unwrap().code(), Some(130));
    assert!(!run.join(".lock").exists());
}

#[test]
fn of_two_plans_of_one_run_one_alone_is_begun() {
    let t = Trained::get();
    let config = Config::load(t.path("ode.toml"), &[]).unwrap();
    let folder = t.out("run");
    let [first, second] = [0, 1].map(|_| Run::plan(&folder, &config).unwrap());
    first.create().unwrap();
    first.create().unwrap();
    let before = files(&folder);
    let said = second.create().unwrap_err().to_string();
    assert!(said.contains("there is a run in this folder"), "{said}");
    assert_eq!(files(&folder), before);
    Run::open(&folder).unwrap().create().unwrap();
}

/// Without its config.toml a run cannot be continued, but its weights would be taken for the new run's.
#[test]
fn a_run_does_not_begin_among_the_files_of_another() {
    let t = Trained::get();
    let run = t.copy("ode");
    std::fs::remove_file(run.join("config.toml")).unwrap();
    let line = failure(assert_cmd::Command::from_std(training(&t, &run, &[])));
    for word in ["checkpoints", "no config.toml", "another --out"] {
        assert!(line.contains(word), "{line}");
    }
    // What is left of a training that was killed before it began is no run.
    let early = t.out("early");
    std::fs::create_dir(&early).unwrap();
    for file in ["provenance.json", ".lock"] {
        std::fs::write(early.join(file), "{}").unwrap();
    }
    let mut c = assert_cmd::Command::from_std(training(&t, &early, &["--set", "train.steps=4"]));
    c.assert().success();
}
