//! What --out may name: never an input, a file of a run, a folder, a device or a FIFO; links are followed,
//! modes are kept. It is asked before the work.

use crate::fixtures::faulty::files;
use crate::fixtures::run_folder::{failure, selfsi};
use crate::fixtures::trained::Trained;
use assert_cmd::Command;
use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

fn command(words: &[&str], paths: &[&Path]) -> Command {
    let mut c = selfsi();
    c.args(words).args(paths);
    c
}

/// Every command that writes a file by --out, with what it makes it of.
fn commands(t: &Trained) -> Vec<(&'static str, Command)> {
    let catalog = t.out("in.fits");
    let parts = ["1/2", "2/2"].map(|part| {
        let mut c = t.restore("sde", &[], &t.out("part.fits"));
        c.args(["--shard", part]).assert().success();
        t.out(&format!("part.shard-00{}-of-002.fits", &part[..1]))
    });
    t.restore("sde", &[], &catalog).assert().success();
    let (run, truth) = (t.run("sde"), t.path("mock/truth.h5"));
    let toml = t.path("ode.toml");
    let mut simulate = command(&["simulate"], &[&toml]);
    simulate.arg("--from").arg(&truth);
    let mut generate = command(&["generate"], &[&run]);
    generate.arg("--restored").arg(&catalog);
    let plot = |what: &str, of: &Path| command(&["plot", what], &[of]);
    vec![
        ("prepare", command(&["prepare"], &[&toml])),
        ("simulate", simulate),
        ("restore", command(&["restore"], &[&run])),
        ("merge", command(&["merge"], &[&parts[0], &parts[1]])),
        ("generate", generate),
        ("audit", command(&["audit"], &[&run, &catalog])),
        ("plot spectra", plot("spectra", &catalog)),
        ("plot training", plot("training", &run)),
        ("plot population", plot("population", &catalog)),
    ]
}

/// --report, of `evaluate`, is as --out of the others.
fn to(mut command: Command, name: &str, out: &Path) -> Command {
    let option = if name == "evaluate" {
        "--report"
    } else {
        "--out"
    };
    command.arg(option).arg(out);
    command
}

fn fifo(path: &Path) {
    let name = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the name ends in NUL and outlives the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

#[test]
fn what_is_no_file_is_refused_by_every_command() {
    let t = Trained::get();
    let at = |name: &str| t.out(name);
    let all = commands(&t);
    fs::create_dir(at("folder.fits")).unwrap();
    fifo(&at("fifo.fits"));
    symlink("/dev/full", at("device.fits")).unwrap();
    symlink("folder.fits", at("link.fits")).unwrap();
    fs::write(at("file"), "").unwrap();
    let before = files(&t.out(""));
    for (name, command) in all {
        let outs = [
            ("device.fits", "a device, not a file"),
            ("folder.fits", "a folder, not a file"),
            ("link.fits", "a folder, not a file"),
            ("fifo.fits", "a FIFO, not a file"),
            ("missing/", "not a file name"),
            ("file/out.fits", "file is a file, not a folder"),
        ];
        // The rule is one; that each command asks, one output shows.
        let outs = if name == "restore" {
            &outs[..]
        } else {
            &outs[..1]
        };
        for (out, words) in outs {
            let again = Command::from_std(copy_of(&command));
            let line = failure(to(again, name, &at("").join(out)));
            assert!(line.contains(words), "{name} {out}: {line}");
            assert!(line.contains("cannot be written"), "{name} {out}: {line}");
        }
    }
    assert_eq!(files(&t.out("")), before);
}

/// The same program and arguments.
fn copy_of(command: &Command) -> std::process::Command {
    let mut copy = std::process::Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

/// The message is about the output, though the input would be an error, too.
#[test]
fn it_is_asked_before_the_work() {
    let t = Trained::get();
    let run = t.copy("ode");
    fs::remove_file(run.join("best.safetensors")).unwrap();
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let line = failure(to(
        command(&["restore"], &[&run]),
        "restore",
        Path::new("/dev/null"),
    ));
    assert!(
        line.contains("/dev/null: cannot be written: a device"),
        "{line}"
    );
    let truth = t.out("no.h5");
    let mut evaluate = command(&["evaluate"], &[&t.run("ode")]);
    fs::create_dir_all(t.out("out/evaluation.json")).unwrap();
    evaluate
        .arg("--truth")
        .arg(&truth)
        .arg("--out")
        .arg(t.out("out"));
    let line = failure(evaluate);
    assert!(
        line.contains("evaluation.json: cannot be written"),
        "{line}"
    );
    let mut toy = command(&["toy", "--out"], &[&t.out("toy")]);
    fs::create_dir_all(t.out("toy/toy.png")).unwrap();
    let line = failure(&mut toy);
    assert!(line.contains("toy.png: cannot be written"), "{line}");
}

#[test]
fn the_files_of_a_run_are_no_output_by_whatever_path() {
    let t = Trained::get();
    let run = t.copy("ode");
    let catalog = t.out("in.fits");
    t.restore("ode", &[], &catalog).assert().success();
    let step = "checkpoints/step-00000004.safetensors";
    let bytes = |name: &str| fs::read(run.join(name)).unwrap();
    let names = [
        "config.toml",
        "provenance.json",
        "best.safetensors",
        "metrics.jsonl",
        step,
    ];
    let before = names.map(bytes);
    symlink(run.join("best.safetensors"), t.out("link.png")).unwrap();
    let link = t.out("link.png");
    let mut outs: Vec<PathBuf> = names.iter().map(|n| run.join(n)).collect();
    // Files that are not there yet.
    outs.extend(["population.safetensors", "diffusion/model.json"].map(|n| run.join(n)));
    outs.extend([link.clone(), run.join("../run-ode/config.toml")]);
    for out in outs {
        // Of another run, too.
        for of in [&run, &t.run("sde")] {
            let line = failure(to(command(&["restore"], &[of]), "restore", &out));
            assert!(line.contains("a file of the run"), "{line}");
        }
    }
    let mut inside = copy_of(&command(&["restore"], &[&t.run("sde")]));
    inside.current_dir(run.join("checkpoints"));
    inside.args(["--out", "step-00000004.safetensors"]);
    let line = failure(Command::from_std(inside));
    assert!(line.contains("a file of the run"), "{line}");
    let line = failure(to(
        command(&["plot", "spectra"], &[&catalog]),
        "plot",
        &link,
    ));
    assert!(line.contains("a file of the run"), "{line}");
    let merge = command(&["merge"], &[&catalog]);
    let line = failure(to(merge, "merge", &run.join("best.safetensors")));
    assert!(line.contains("a file of the run"), "{line}");
    assert!(names.map(bytes) == before);
    // Restored catalogs and pictures are at home there, and may be made again.
    for _ in 0..2 {
        t.restore("ode", &[], &run.join("restored.fits"))
            .assert()
            .success();
        let plot = command(&["plot", "training"], &[&run]);
        to(plot, "plot", &run.join("training.png"))
            .assert()
            .success();
    }
}

#[test]
fn an_input_is_no_output() {
    let t = Trained::get();
    let (mock, toml) = (t.out("mock"), t.out("survey.toml"));
    crate::fixtures::run_folder::copy(&t.path("mock"), &mock);
    let text = fs::read_to_string(t.path("ode.toml")).unwrap();
    let text = text.replace(t.path("mock").to_str().unwrap(), mock.to_str().unwrap());
    let text = text.replace(
        t.path("set.h5").to_str().unwrap(),
        t.out("set.h5").to_str().unwrap(),
    );
    fs::write(&toml, text).unwrap();
    command(&["prepare"], &[&toml]).assert().success();
    let spec = files(&mock.join("spectra")).pop().unwrap();
    let spec = mock.join("spectra").join(spec);
    fs::hard_link(mock.join("catalog.fits"), t.out("hard.fits")).unwrap();
    let inputs = [
        &toml,
        &mock.join("catalog.fits"),
        &spec,
        &t.out("hard.fits"),
    ];
    let bytes = || inputs.map(|p| fs::read(p).unwrap());
    let before = bytes();
    for out in inputs {
        let line = failure(to(command(&["prepare"], &[&toml]), "prepare", out));
        assert!(line.contains("the input"), "{line}");
    }
    // The list of the rejected is an output, too.
    let csv = t.out("set.csv");
    symlink(mock.join("catalog.fits"), t.out("set.csv.rejected.csv")).unwrap();
    let line = failure(to(command(&["prepare"], &[&toml]), "prepare", &csv));
    assert!(line.contains("the input"), "{line}");
    let run = t.out("run");
    crate::fixtures::trained::train(&toml, &run);
    let set = t.out("set.h5");
    // Of the run's survey, whatever is restored; and of the survey that is.
    for given in [&set, &toml] {
        for out in [&set, &mock.join("catalog.fits"), &spec] {
            let mut c = command(&["restore"], &[&run, given]);
            let line = failure(c.arg("--out").arg(out));
            assert!(line.contains("the input"), "{line}");
        }
    }
    let line = failure(t.restore("ode", &[&toml], &toml));
    assert!(line.contains("this is the input"), "{line}");
    let line = failure(t.restore("ode", &[], &toml));
    assert!(line.contains("the config of a survey"), "{line}");
    let line = failure(t.restore("ode", &[&toml], &spec));
    assert!(line.contains("in the input"), "{line}");
    let mut simulate = command(&["simulate"], &[&toml]);
    let truth = mock.join("truth.h5");
    simulate.arg("--from").arg(&truth).arg("--out").arg(&truth);
    assert!(failure(simulate).contains("this is the input"));
    let evaluate = command(&["evaluate"], &[&run]);
    fs::write(run.join("evaluation.json"), "{}").unwrap();
    let line = failure(to(evaluate, "evaluate", &run.join("evaluation.json")));
    assert!(line.contains("this is the input"), "{line}");
    assert!(bytes() == before);
    // What selfsi wrote among its inputs may be made again.
    let among = mock.join("spectra/restored.fits");
    for _ in 0..2 {
        let spectra = mock.join("spectra");
        let mut c = command(&["restore"], &[&run, &spectra]);
        c.arg("--catalog").arg(mock.join("catalog.fits"));
        c.arg("--out").arg(&among).assert().success();
    }
}

#[test]
fn a_link_is_followed_and_stays() {
    let t = Trained::get();
    let (link, target) = (t.out("link.fits"), t.out("there/target.fits"));
    fs::create_dir(t.out("there")).unwrap();
    fs::write(&target, "old").unwrap();
    symlink("there/target.fits", &link).unwrap();
    t.restore("ode", &[], &link).assert().success();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(!fs::symlink_metadata(&target).unwrap().is_symlink());
    let direct = t.out("direct.fits");
    t.restore("ode", &[], &direct).assert().success();
    let restored = |path: &Path| selfsi::restored::Restored::open(path).unwrap();
    assert_eq!(
        restored(&link).objects().len(),
        restored(&direct).objects().len()
    );
    // To nowhere: it leads there then. Its folder has nothing else.
    fs::remove_file(&target).unwrap();
    t.restore("ode", &[], &link).assert().success();
    assert_eq!(files(&t.out("there")), [PathBuf::from("target.fits")]);
    // A picture, and a set with its list.
    for name in ["a.png", "set.h5", "set.h5.rejected.csv"] {
        symlink(t.out("there").join(name), t.out(name)).unwrap();
    }
    let plot = command(&["plot", "spectra"], &[&direct]);
    to(plot, "plot", &t.out("a.png")).assert().success();
    let prepare = command(&["prepare"], &[&t.path("ode.toml")]);
    to(prepare, "prepare", &t.out("set.h5")).assert().success();
    for name in ["a.png", "set.h5", "set.h5.rejected.csv"] {
        assert!(
            fs::symlink_metadata(t.out(name)).unwrap().is_symlink(),
            "{name}"
        );
        assert!(t.out("there").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own() {
    let t = Trained::get();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let all = commands(&t);
    for (name, c) in all {
        // An extension for each kind of writer: FITS, HDF5, text and pictures.
        let ending = match name {
            "prepare" => "h5",
            _ if name.starts_with("plot") => "png",
            _ => "fits",
        };
        // The same writers as restore's and prepare's, after more work, or of another survey.
        if ["generate", "simulate"].contains(&name) {
            continue;
        }
        let out = t.out(&format!("mode.{ending}"));
        let _ = fs::remove_file(&out);
        let mut under = copy_of(&to(c, name, &out));
        // SAFETY: umask() may be called between fork and exec.
        unsafe {
            under.pre_exec(|| {
                libc::umask(0o027);
                Ok(())
            })
        };
        assert!(under.output().unwrap().status.success(), "{name}");
        assert_eq!(mode(&out), 0o640, "{name}");
        fs::set_permissions(&out, Permissions::from_mode(0o604)).unwrap();
        assert!(under.output().unwrap().status.success(), "{name}");
        assert_eq!(mode(&out), 0o604, "{name}");
    }
}
