//! Threads of an operator wait for each other asleep: spinning, they took many times the work itself on cores
//! that other programs use.

use std::process::Command;

/// What OpenMP's runtime says of its policy in the program, started with `set` in the environment.
fn policy(set: Option<&str>) -> String {
    let mut selfsi = Command::new(env!("CARGO_BIN_EXE_selfsi"));
    selfsi
        .arg("--version")
        .env("OMP_DISPLAY_ENV", "true")
        .env_remove("OMP_WAIT_POLICY");
    if let Some(set) = set {
        selfsi.env("OMP_WAIT_POLICY", set);
    }
    let said = String::from_utf8(selfsi.output().unwrap().stderr).unwrap();
    let line = said.lines().find(|l| l.contains("OMP_WAIT_POLICY"));
    line.unwrap().trim().to_owned()
}

#[test]
fn threads_wait_asleep_unless_the_environment_says_otherwise() {
    assert_eq!(policy(None), "OMP_WAIT_POLICY = 'PASSIVE'");
    assert_eq!(policy(Some("active")), "OMP_WAIT_POLICY = 'ACTIVE'");
}
