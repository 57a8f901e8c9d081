//! `selfsi` as a user calls it, and what a run leaves in its folder.
#![allow(dead_code)] // each test takes what it needs

use assert_cmd::Command;
use std::borrow::BorrowMut;
use std::path::{Path, PathBuf};

pub fn selfsi() -> Command {
    let mut command = Command::cargo_bin("selfsi").unwrap();
    command.args(["--threads", "1"]);
    command
}

/// Runs and returns stderr, which must be one line, after exit code 1.
pub fn failure(mut command: impl BorrowMut<Command>) -> String {
    let output = command.borrow_mut().assert().code(1).get_output().clone();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// The one line in which a command with exit code 1 says why, the last of stderr; notes, progress and
/// what a simulator says may come before it.
pub fn error_line(mut command: impl BorrowMut<Command>) -> String {
    let output = command.borrow_mut().assert().code(1).get_output().clone();
    let text = String::from_utf8(output.stderr).unwrap();
    let is_error = |l: &&str| l.starts_with("selfsi: error:");
    assert_eq!(text.lines().filter(is_error).count(), 1, "{text}");
    let line = text.lines().last().unwrap();
    assert!(is_error(&line), "{text}");
    line.to_owned()
}

/// The checkpoints of a run, the newest one last; none where there is no run yet.
pub fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run.join("checkpoints")).into_iter();
    let mut found: Vec<PathBuf> = entries.flatten().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

/// The complete lines of metrics.jsonl, without the one value that is a timing.
pub fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let line = |l: &str| {
        let mut line: serde_json::Value = serde_json::from_str(l).unwrap();
        line.as_object_mut().unwrap().remove("spectra_per_s");
        line
    };
    complete.lines().map(line).collect()
}

/// What a run leaves that must not depend on interruptions.
#[derive(PartialEq)]
pub struct Left {
    /// The bytes of the newest checkpoint, and of the best weights.
    pub last: Vec<u8>,
    pub best: Vec<u8>,
    pub metrics: Vec<serde_json::Value>,
}

impl Left {
    pub fn by(run: &Path) -> Self {
        Self {
            last: std::fs::read(checkpoints(run).pop().unwrap()).unwrap(),
            best: std::fs::read(run.join("best.safetensors")).unwrap(),
            metrics: metrics(run),
        }
    }
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
