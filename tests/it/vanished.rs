//! Files that vanish while they are used: a row flagged with its reason, or one clear line that names
//! the file; what was made before is kept.

use crate::fixtures::faulty::{files, selfsi};
use crate::fixtures::trained::{self, Trained};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::data::flag;
use selfsi::prepare::Prepared;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The one line of a command that must fail.
fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    errors[0].to_owned()
}

/// Copies the spectra of [`Trained`] to `to`.
fn copy_spectra(to: &Path) {
    let from = Trained::get().path("mock/spectra");
    for file in files(&from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

/// `selfsi prepare` of the spectra in `folder`, into it.
fn preparing(folder: &Path) -> Command {
    let mut command = selfsi(&["prepare"]);
    command.arg(Trained::get().path("ode.toml"));
    let spectra = folder.join("spectra").display().to_string();
    let set = format!("survey.source.spectra='{spectra}'");
    command.args(["--set", &set, "--out"]);
    command.arg(folder.join("set.h5"));
    command
}

#[test]
fn a_spectrum_listed_but_gone_when_it_is_read_is_a_row_flagged() {
    let folder = tempfile::tempdir().unwrap();
    let spectra = folder.path().join("spectra");
    copy_spectra(&spectra);
    assert!(preparing(folder.path()).output().unwrap().status.success());
    let set = folder.path().join("set.h5");
    let before = Prepared::open(&set).unwrap();
    let good = before.objects().iter().position(|o| o.flag == flag::GOOD);
    let good = good.unwrap();
    // A link to nothing is what the reader of a listing finds once the file is gone.
    let source = before.objects()[good].source.clone();
    let is_it =
        |f: &std::path::PathBuf| source.ends_with(&*f.file_name().unwrap().to_string_lossy());
    let gone = files(&spectra).into_iter().find(is_it).unwrap();
    fs::remove_file(spectra.join(&gone)).unwrap();
    std::os::unix::fs::symlink("nowhere", spectra.join(&gone)).unwrap();
    drop(before);
    assert!(preparing(folder.path()).output().unwrap().status.success());
    let after = Prepared::open(&set).unwrap();
    let row = &after.objects()[good];
    assert_ne!(row.flag, flag::GOOD);
    assert!(!row.reason.is_empty(), "{row:?}");
    assert_eq!(after.objects().len(), trained::N);
}

#[test]
fn spectra_removed_during_the_preparation_are_rows_flagged() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let spectra = folder.path().join("spectra");
        copy_spectra(&spectra);
        let mut command = preparing(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(0..200)));
        for file in files(&spectra).iter().step_by(2) {
            fs::remove_file(spectra.join(file)).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            refused(&output);
            continue;
        }
        let set = Prepared::open(folder.path().join("set.h5")).unwrap();
        assert_eq!(set.objects().len(), trained::N, "no row is dropped");
        for o in set.objects() {
            assert_eq!(o.flag == flag::GOOD, o.reason.is_empty(), "{o:?}");
        }
    }
}

#[test]
fn a_restoration_without_its_input_says_so() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("set.h5"), folder.path().join("out.fits"));
    let mut restoring = selfsi(&["restore"]);
    restoring
        .arg(t.run("ode"))
        .arg(&input)
        .arg("--out")
        .arg(&out);
    let e = refused(&restoring.output().unwrap());
    assert!(e.contains("set.h5"), "{e}");
    // Removed while it is read, it is read to its end; removed before, it is missed.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..8 {
        fs::copy(t.path("set.h5"), &input).unwrap();
        let child = restoring
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(0..300)));
        fs::remove_file(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            selfsi::restored::Restored::open(&out).unwrap();
        } else {
            assert!(refused(&output).contains("set.h5"));
        }
        fs::remove_file(&out).unwrap_or_default();
        assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn a_training_whose_set_is_removed_loses_nothing() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set.h5");
    let training = |run: &str, resume: bool| {
        let mut command = selfsi(&["train"]);
        command.arg(t.path("ode.toml"));
        command.arg("--out").arg(folder.path().join(run));
        let prepared = format!("survey.prepared='{}'", set.display());
        command.args([
            "--set",
            "train.steps=12",
            "--set",
            "train.checkpoint_every=3",
        ]);
        command.args(["--set", &prepared]);
        if resume {
            command.arg("--resume");
        }
        command
    };
    let put_back = || fs::copy(t.path("set.h5"), &set).map(|_| ()).unwrap();
    put_back();
    let start = Instant::now();
    assert!(training("whole", false).output().unwrap().status.success());
    let whole = start.elapsed();
    let last = |run: &str| {
        let path = "checkpoints/step-00000012.safetensors";
        fs::read(folder.path().join(run).join(path)).unwrap()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for i in 0..5 {
        let run = format!("run-{i}");
        put_back();
        let mut command = training(&run, false);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        std::thread::sleep(whole.mul_f64(rng.random_range(0.0..1.0)));
        fs::remove_file(&set).unwrap();
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            assert!(refused(&output).contains("set.h5"));
        }
        let begun = folder.path().join(&run).join("config.toml").exists();
        let e = refused(&training(&run, begun).output().unwrap());
        assert!(e.contains("set.h5"), "{e}");
        put_back();
        let output = training(&run, begun).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(last(&run) == last("whole"), "another result");
    }
}
