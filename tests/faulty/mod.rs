//! Commands on a machine that fails: killed, or on a disk that is full.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// selfsi on one thread.
pub fn selfsi(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.args(["--threads", "1"]).args(arguments);
    command.env("OMP_NUM_THREADS", "1");
    command
}

/// Ends the command by SIGKILL after `patience`; whether it was still running.
pub fn killed_after(command: &mut Command, patience: Duration) -> bool {
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
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    // A folder that is not there yet has none.
    let found = walk.into_iter().flatten();
    found
        .filter(|e| e.file_type().is_file())
        .map(|e| e.path().strip_prefix(folder).unwrap().to_path_buf())
        .collect()
}

pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.starts_with('.') && name.ends_with(".part")
}

/// Runs a command on a disk that takes files of `bytes` and no more.
pub fn on_full_disk(command: &mut Command, bytes: u64) -> Output {
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
pub fn refused(output: &Output, at: u64) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{at} bytes: {said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{at} bytes: {said}");
    assert!(errors[0].contains("cannot be written"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    errors[0].to_owned()
}

/// Sizes from nothing to just less than `whole`, one of them odd.
pub fn sizes(whole: u64) -> [u64; 5] {
    [0, 100, whole / 3, whole / 2 + 1, whole - 1]
}

/// Size of a file.
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}
