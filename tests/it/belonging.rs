//! Weights, config.toml and provenance.json of a run belong together, or nothing is made with it.

use crate::fixtures::run_folder::{failure, selfsi};
use crate::fixtures::sealed::{sealed, unsealed};
use crate::fixtures::trained::Trained;
use assert_cmd::Command;
use std::fs;
use std::path::Path;

/// What uses a run, and writes nothing but OUT.
fn uses(t: &Trained, run: &Path, out: &Path) -> [(&'static str, Command); 4] {
    let catalog = t.out("restored.fits");
    if !catalog.exists() {
        t.restore("ode", &[], &catalog).assert().success();
    }
    let command = |words: &[&str], more: &[&Path]| {
        let mut c = selfsi();
        c.args(words).args(more);
        c
    };
    let truth = t.path("mock/truth.h5");
    let mut generate = command(&["generate"], &[run]);
    generate.arg("--restored").arg(&catalog);
    generate.arg("--out").arg(out);
    let mut audit = command(&["audit"], &[run, &catalog]);
    audit.arg("--out").arg(out);
    let mut restore = command(&["restore"], &[run]);
    restore.arg("--out").arg(out);
    let mut evaluate = command(&["evaluate"], &[run]);
    evaluate.arg("--restored").arg(&catalog);
    evaluate.arg("--truth").arg(truth).arg("--out").arg(out);
    [
        ("restore", restore),
        ("audit", audit),
        ("generate", generate),
        ("evaluate", evaluate),
    ]
}

/// Every use of the run is refused in one line that holds `words`, and leaves nothing.
fn refused(t: &Trained, run: &Path, words: &[&str]) {
    let out = t.out("out.fits");
    for (name, mut command) in uses(t, run, &out) {
        let line = failure(&mut command);
        for word in words {
            assert!(line.contains(word), "{name}: {line}");
        }
        assert!(!out.exists() && !run.join("diffusion").exists(), "{name}");
    }
}

#[test]
fn an_edited_config_is_refused_by_all_that_opens_the_run() {
    let t = Trained::get();
    let run = t.copy("ode");
    let path = run.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    // Nothing that training or restoring looks at.
    fs::write(&path, format!("{config}\n# checked\n")).unwrap();
    let words = &["config.toml", "not the config", "undo the change"];
    refused(&t, &run, words);
    let config = t.path("ode.toml");
    for name in ["diagnose", "slurm"] {
        let mut c = selfsi();
        let line = failure(c.arg(name).arg(&run));
        assert!(line.contains(words[1]), "{name}: {line}");
    }
    let mut c = selfsi();
    c.arg("train").arg(config).arg("--resume");
    let line = failure(c.arg("--out").arg(&run));
    assert!(line.contains(words[1]), "{line}");
    // Without a provenance the weights tell.
    fs::remove_file(run.join("provenance.json")).unwrap();
    refused(&t, &run, &["best.safetensors", "another config"]);
}

#[test]
fn weights_of_another_run_are_refused() {
    let t = Trained::get();
    let run = t.copy("ode");
    let best = |name: &str| t.run(name).join("best.safetensors");
    fs::copy(best("sde"), run.join("best.safetensors")).unwrap();
    refused(&t, &run, &["best.safetensors", "another config"]);
    // Of the same config, after the survey was prepared anew.
    fs::copy(best("ode"), run.join("best.safetensors")).unwrap();
    let path = run.join("provenance.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut provenance: serde_json::Value = serde_json::from_str(&text).unwrap();
    provenance["prepared_sha256"] = "0".repeat(64).into();
    fs::write(&path, provenance.to_string()).unwrap();
    refused(&t, &run, &["best.safetensors", "another run"]);
}

/// Weights of before the digest, or a run without its provenance: a note says what is not checked.
#[test]
fn where_older_files_do_not_tell_a_note_says_so() {
    let t = Trained::get();
    let run = t.copy("ode");
    let restore = |run: &Path| {
        let mut c = selfsi();
        c.arg("restore")
            .arg(run)
            .arg("--out")
            .arg(t.out("old.fits"));
        let output = c.assert().success().get_output().clone();
        let said = String::from_utf8(output.stderr).unwrap();
        let notes = said.lines().filter(|l| l.contains("not checked"));
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(restore(&run).is_empty());
    let best = run.join("best.safetensors");
    let (key, mut header, parts) = unsealed(&fs::read(&best).unwrap()).unwrap();
    let header_of_before = header.as_object_mut().unwrap();
    header_of_before.remove("provenance_sha256").unwrap();
    fs::write(&best, sealed(&key, header, &parts).unwrap()).unwrap();
    let said = restore(&run);
    assert!(
        said.len() == 1 && said[0].contains("before selfsi noted"),
        "{said:?}"
    );
    fs::remove_file(run.join("provenance.json")).unwrap();
    let said = restore(&run);
    assert!(
        said.len() == 1 && said[0].contains("provenance.json is missing"),
        "{said:?}"
    );
}
