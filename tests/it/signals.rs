//! Signals: a command ends and leaves nothing; one that was started so as to ignore them goes on.

use crate::fixtures::faulty::{files, is_temporary};
use crate::fixtures::heeding::heeding;
use crate::fixtures::survey_files::{Spec, catalog};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A survey whose preparation takes long enough to be met by a signal.
fn survey() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let spectra = folder.path().join("spectra");
    std::fs::create_dir(&spectra).unwrap();
    let fibres = 1..=24;
    for fibre in fibres.clone() {
        let spec = Spec::new(fibre);
        spec.write(&spectra.join(spec.file_name()));
    }
    let rows: Vec<(i64, f64)> = fibres.map(|f| (f, 3.0)).collect();
    catalog(&folder.path().join("catalog.fits"), &rows, &[]);
    std::fs::write(
        folder.path().join("job.toml"),
        "[grid]\npixels = 40000\n\
         [survey]\nprepared = 'set.h5'\n\
         [survey.source]\nkind = 'sdss'\nspectra = 'spectra'\ncatalog = 'catalog.fits'\n\
         [forward]\nkind = 'gaussian'\nsigma = 0.5\n",
    )
    .unwrap();
    folder
}

/// `selfsi prepare` in `folder`, started by the program and arguments `by`, met by `signal` once it has
/// begun to write.
fn prepared(folder: &Path, by: &[&str], signal: i32) -> ExitStatus {
    let selfsi = assert_cmd::cargo::cargo_bin!("selfsi");
    let mut words = by
        .iter()
        .map(std::ffi::OsStr::new)
        .chain([selfsi.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--threads", "1", "prepare", "job.toml"]);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child: Child = heeding(&mut command).spawn().unwrap();
    while !files(folder).iter().any(|f| is_temporary(f)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as i32, signal) };
    child.wait().unwrap()
}

#[test]
fn a_command_that_heeds_them_ends_and_leaves_nothing() {
    let folder = survey();
    let before = files(folder.path());
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        let ended = prepared(folder.path(), &[], signal);
        assert_eq!(ended.code(), Some(130), "signal {signal}: {ended}");
        assert_eq!(files(folder.path()), before, "signal {signal}");
    }
}

#[test]
fn under_nohup_the_end_of_the_terminal_is_no_end() {
    let folder = survey();
    let ended = prepared(folder.path(), &["nohup"], libc::SIGHUP);
    assert!(ended.success(), "{ended}");
    assert!(folder.path().join("set.h5").is_file());
}

/// A shell without job control has what it runs in the background ignore SIGINT.
#[test]
fn in_the_background_of_a_script_ctrl_c_is_not_heeded() {
    let folder = survey();
    let shell = ["sh", "-c", "trap '' INT; exec \"$0\" \"$@\""];
    let ended = prepared(folder.path(), &shell, libc::SIGINT);
    assert!(ended.success(), "{ended}");
    assert!(folder.path().join("set.h5").is_file());
}
