//! Memory that runs out in libtorch: one line with the remedy, exit code 1, and nothing left. (What ends in
//! a panic, and what Rust's allocator refuses, src/cli/boundary.rs tests.)

use crate::fixtures::faulty::{files, selfsi};
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
