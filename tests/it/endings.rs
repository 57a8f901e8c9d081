//! Memory that runs out in libtorch: one line with the remedy, exit code 1, and nothing left. (What ends in
//! a panic, and what Rust's allocator refuses, src/cli/boundary.rs tests.)

use crate::fixtures::faulty::{files, selfsi};
use crate::fixtures::prepared_set::{NETWORK, UNIT, objects, survey, waves, write};
use ndarray::Array2;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

const MIB: u64 = 1 << 20;

/// What `command` ends with if it may not take more than `bytes` of addresses.
fn within(command: &mut Command, bytes: u64) -> Output {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: setrlimit() may be called between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::setrlimit(libc::RLIMIT_AS, &limit);
            Ok(())
        });
    }
    command.env_remove("RUST_BACKTRACE").output().unwrap()
}

/// Addresses that the program and its libraries take before they do anything.
fn least() -> u64 {
    let small = ["diagnose", "gaussian", "--sigma-n", "1", "--std", "1"];
    let runs = |bytes: &u64| within(&mut selfsi(&small), *bytes).status.success();
    (1..).map(|n| n * 256 * MIB).find(runs).unwrap()
}

#[test]
fn a_lack_of_memory_is_one_line_that_says_what_to_lower() {
    let folder = tempfile::tempdir().unwrap();
    let limit = least() + 64 * MIB;
    let mut toy = selfsi(&["toy", "--samples", "10000000", "--steps", "10", "--out"]);
    toy.arg(folder.path().join("toy"));
    let output = within(&mut toy, limit);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in [
        "selfsi: error: ",
        "memory",
        "lower train.batch",
        "--samples",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(said.len() < 500 && files(folder.path()).is_empty());
}

#[test]
fn a_training_without_memory_for_its_batch_says_what_to_lower_and_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let [set, job, run] = ["set.h5", "job.toml", "run"].map(|n| folder.path().join(n));
    let text = format!(
        "{}
        [forward]
        kind = 'gaussian'
        sigma = 0.5
        [network]
        {NETWORK}
        margin = 8
        [train]
        warm_start = 0
        steps = 3
        batch = 1_000_000",
        survey(&set, 64)
    );
    std::fs::write(&job, &text).unwrap();
    let [_, flux] = waves(40, 64);
    let ivar = Array2::from_elem((40, 64), 4.0);
    write(&set, &text, UNIT, &objects(40), flux, ivar);
    let mut train = selfsi(&["train"]);
    train.arg(&job).arg("--out").arg(&run);
    let output = within(&mut train, least() + 128 * MIB);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    for word in [
        "selfsi: error: ",
        "memory",
        "stopped at step 0",
        "lower train.batch",
    ] {
        assert!(last.contains(word), "{said}");
    }
    assert_eq!(said.matches("selfsi: error: ").count(), 1, "{said}");
    let checkpoint = files(&run.join("checkpoints"));
    assert_eq!(checkpoint.len(), 1, "{checkpoint:?}");
}
