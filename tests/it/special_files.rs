//! FIFOs, devices and sockets where a file is expected, and data that are elsewhere: refused before
//! anything is opened, as a FIFO waits for ever.

use crate::fixtures::case::Case;
use crate::fixtures::hdf5_config::CONFIG;
use assert_cmd::Command;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name ends in NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

/// What a command says, which fails, and soon.
fn said(folder: &TempDir, arguments: &[&str]) -> String {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.current_dir(folder.path()).args(arguments);
    command
        .args(["--threads", "1"])
        .timeout(Duration::from_secs(60));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    text
}

#[test]
fn what_is_no_file_is_refused_wherever_a_file_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fifo(&at("fifo"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    std::fs::create_dir(at("run")).unwrap();
    fifo(&at("run/config.toml"));
    std::fs::write(at("c.toml"), CONFIG).unwrap();
    std::fs::create_dir(at("pictures")).unwrap();
    fifo(&at("pictures/a.png"));
    for (arguments, word) in [
        (&["inspect", "fifo"][..], "a FIFO, not a file"),
        (&["inspect", "socket"], "a socket, not a file"),
        (&["inspect", "/dev/zero"], "a device, not a file"),
        (&["prepare", "fifo"], "a FIFO, not a file"),
        (&["prepare", "/dev/zero"], "a device, not a file"),
        (
            &["prepare", "c.toml", "--set", "survey.source.file=fifo"],
            "a FIFO, not a file",
        ),
        (
            &[
                "train",
                "c.toml",
                "--out",
                "new",
                "--set",
                "survey.prepared=fifo",
            ],
            "a FIFO, not a file",
        ),
        (&["restore", "run", "--out", "o.fits"], "not a run folder"),
        (&["evaluate", "run", "--truth", "fifo"], "not a run folder"),
        (&["inspect", "pictures"], "without images"),
    ] {
        let text = said(&folder, arguments);
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
    assert!(!at("new").exists() && !at("set.h5").exists());
}

/// What adds a dataset to a file.
type Make<'a> = &'a dyn Fn(&hdf5::File);

/// A catalog of two spectra, whose dataset `name` is made by `odd`.
fn catalog(folder: &TempDir, name: &str, odd: impl Fn(&hdf5::File)) {
    let file = hdf5::File::create(folder.path().join("catalog.h5")).unwrap();
    let rows: Vec<f32> = vec![1.0; 2 * 2000];
    let loglam: Vec<f64> = (0..2000).map(|i| 3.6 + 1e-4 * f64::from(i)).collect();
    for image in ["flux", "ivar"].iter().filter(|n| **n != name) {
        let rows = ndarray::Array2::from_shape_vec((2, 2000), rows.clone()).unwrap();
        file.new_dataset_builder()
            .with_data(&rows)
            .create(*image)
            .unwrap();
    }
    if name != "loglam" {
        file.new_dataset_builder()
            .with_data(&loglam)
            .create("loglam")
            .unwrap();
    }
    odd(&file);
}

#[test]
fn hdf5_data_in_another_file_are_not_followed_by_whatever_way() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fifo(&at("fifo"));
    std::fs::write(at("c.toml"), CONFIG).unwrap();
    let other = hdf5::File::create(at("other.h5")).unwrap();
    other
        .new_dataset_builder()
        .with_data(&["secret", "names"].map(|s| s.parse::<hdf5::types::VarLenUnicode>().unwrap()))
        .create("id")
        .unwrap();
    drop(other);
    let external = |file: &str| {
        let file = file.to_owned();
        move |f: &hdf5::File| f.link_external(&file, "id", "id").unwrap()
    };
    let raw = |f: &hdf5::File| {
        f.new_dataset::<i64>()
            .external("fifo", 0, 16)
            .shape(2)
            .create("id")
            .map(drop)
            .unwrap();
    };
    let soft = |f: &hdf5::File| {
        f.create_group("g")
            .unwrap()
            .link_external("other.h5", "/", "out")
            .unwrap();
        f.link_soft("/g/out/id", "id").unwrap();
    };
    let circle = |f: &hdf5::File| {
        f.link_soft("/b", "id").unwrap();
        f.link_soft("/id", "b").unwrap();
    };
    let put_together = |f: &hdf5::File| {
        let made = f
            .new_dataset::<i64>()
            .virtual_map("fifo", "id", 2, .., 2, ..);
        made.shape(2).create("id").map(drop).unwrap();
    };
    let odd: [(&str, Make<'_>); 6] = [
        ("a link into another file", &external("other.h5")),
        ("a link into another file", &external("fifo")),
        ("a link into another file", &soft),
        ("links without end", &circle),
        ("external storage", &raw),
        ("a virtual dataset", &put_together),
    ];
    for (word, make) in odd {
        catalog(&folder, "id", make);
        let text = said(&folder, &["prepare", "c.toml"]);
        assert!(
            text.contains("dataset id") && text.contains(word),
            "{word}: {text}"
        );
        assert!(!at("set.h5").exists());
        let inspected = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
            .current_dir(folder.path())
            .args(["inspect", "catalog.h5"])
            .timeout(Duration::from_secs(60))
            .assert()
            .success();
        let text = String::from_utf8(inspected.get_output().stdout.clone()).unwrap();
        assert!(text.contains(word), "{word}: {text}");
    }
    // A link within the file is one way of naming a dataset.
    catalog(&folder, "id", |f| f.link_soft("/flux", "light").unwrap());
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command
        .current_dir(folder.path())
        .args(["prepare", "c.toml", "--threads", "1"]);
    command
        .args(["--set", "survey.source.datasets.flux=light"])
        .assert()
        .success();
}

#[test]
fn an_hdf5_filter_that_is_not_built_in_is_named_with_the_remedy() {
    let Some(case) = Case::copy("22-hdf5-lzf") else {
        return;
    };
    let text = case.prepare("c.toml").fails(&["lzf", "32000", "h5repack"]);
    assert!(!text.contains("plugin"), "{text}");
}
