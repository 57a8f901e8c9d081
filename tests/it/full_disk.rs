//! A disk that is full, for every command that writes: one clear line, nothing half-written, and no
//! crash of the libraries below.

use crate::fixtures::faulty::{files, is_temporary, on_full_disk, refused, selfsi, size, sizes};
use crate::fixtures::image_run::ImageRun;
use crate::fixtures::trained::Trained;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `command`, which writes into the folder it is given, on disks that take all, and less and less.
fn fails_cleanly(command: impl Fn(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    assert_eq!("whole".len(), "out-0".len());
    fs::create_dir(&whole).unwrap();
    let output = command(&whole).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let largest = files(&whole).iter().map(|f| size(&whole.join(f))).max();
    for (i, bytes) in sizes(largest.unwrap()).into_iter().enumerate() {
        // A name as long as the first: files may hold it.
        let out = folder.path().join(format!("out-{i}"));
        fs::create_dir(&out).unwrap();
        refused(&on_full_disk(&mut command(&out), bytes), bytes);
        for file in files(&out) {
            assert!(!is_temporary(&file), "{bytes} bytes: {}", file.display());
            let (found, wanted) = (size(&out.join(&file)), size(&whole.join(&file)));
            assert_eq!(found, wanted, "{bytes} bytes: {}", file.display());
        }
    }
}

/// `selfsi COMMAND CONFIG` with the job of [`Trained`].
fn job(command: &str) -> Command {
    let mut c = selfsi(&[command]);
    c.arg(Trained::get().path("sde.toml"));
    c
}

#[test]
fn prepare() {
    fails_cleanly(|out| {
        let mut c = job("prepare");
        c.arg("--out").arg(out.join("set.h5"));
        c
    });
}

#[test]
fn mock() {
    fails_cleanly(|out| {
        let mut c = job("mock");
        c.arg("--set")
            .arg(format!("mock.folder='{}'", out.join("mock").display()));
        c
    });
}

#[test]
fn simulate() {
    fails_cleanly(|out| {
        let mut c = job("simulate");
        c.arg("--from").arg(Trained::get().path("mock/truth.h5"));
        c.arg("--out").arg(out.join("observed.h5"));
        for set in [
            "forward.noise={from='snr',min=3.0,max=5.0}",
            "forward.smoothing={from='resolution',resolution=50.0,spread=0.05}",
        ] {
            c.args(["--set", set]);
        }
        c
    });
}

#[test]
fn restore_with_draws_and_spectra() {
    fails_cleanly(|out| {
        let mut c = selfsi(&["restore", "--save-draws"]);
        c.arg(Trained::get().run("sde"));
        c.arg("--out").arg(out.join("restored.fits"));
        c.arg("--spectra").arg(out.join("spectra"));
        c
    });
}

#[test]
fn merge_audit_and_evaluate() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let restored = folder.path().join("restored.fits");
    let restore = |more: &[&str]| {
        let mut c = t.restore("sde", &[], &restored);
        c.args(more).assert().success();
    };
    for part in ["1/2", "2/2"] {
        restore(&["--shard", part]);
    }
    let parts = files(folder.path());
    fails_cleanly(|out| {
        let mut c = selfsi(&["merge"]);
        c.args(parts.iter().map(|p| folder.path().join(p)));
        c.arg("--out").arg(out.join("merged.fits"));
        c
    });
    restore(&[]);
    fails_cleanly(|out| {
        let mut c = selfsi(&["audit"]);
        c.arg(t.run("sde")).arg(&restored);
        c.arg("--out").arg(out.join("audit.fits"));
        c
    });
    fails_cleanly(|out| {
        let mut c = selfsi(&["evaluate"]);
        c.arg(t.run("sde")).arg("--truth");
        c.arg(t.path("mock/truth.h5"));
        c.arg("--restored").arg(&restored).arg("--out").arg(out);
        c
    });
}

#[test]
fn images() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let config = |command: &str| {
        let mut c = selfsi(&[command]);
        c.arg(run.path("config.toml"));
        c
    };
    fails_cleanly(|out| {
        let mut c = config("prepare");
        c.arg("--out").arg(out.join("set.h5"));
        c
    });
    fails_cleanly(|out| {
        let mut c = config("simulate");
        c.arg("--from").arg(run.raw_file());
        c.arg("--out").arg(out.join("observed.h5"));
        c
    });
    for name in ["restored.h5", "restored.fits"] {
        fails_cleanly(|out| {
            let mut c = selfsi(&["restore"]);
            c.arg(run.path("run")).arg("--out").arg(out.join(name));
            c
        });
    }
}

#[test]
fn generate() {
    // The model is trained by the first command, in the run's own folder, and only used from then on.
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let restored = run.path("run/restored.h5");
    run.restore(&[], &restored).assert().success();
    for name in ["new.h5", "new.fits"] {
        fails_cleanly(|out| {
            let mut c = selfsi(&["generate", "-n", "20"]);
            c.arg("--restored").arg(&restored);
            c.arg(run.path("run")).arg("--out").arg(out.join(name));
            for set in ["diffusion.steps=4", "diffusion.sampler.steps=2"] {
                c.args(["--set", set]);
            }
            c
        });
    }
}

#[test]
fn toy() {
    fails_cleanly(|out| {
        let mut c = selfsi(&["toy", "--steps", "8", "--samples", "600"]);
        c.args(["--shape", "two-moons", "--interpolant", "ode"]);
        c.args(["--sigma", "0.5", "--out"]);
        c.arg(out);
        c
    });
}
