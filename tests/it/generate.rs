//! `selfsi generate` as a user meets it: trained once, drawn from often, in FITS and HDF5; what does
//! not fit is refused in one clear line.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::python::{self, python};
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::{Trained, restore};
use selfsi::generate::Generated;
use std::path::{Path, PathBuf};

/// A model of a few steps and a sampler of a few.
const TINY: [&str; 5] = [
    "diffusion.steps=6",
    "diffusion.batch=8",
    "diffusion.checkpoint_every=4",
    "diffusion.sampler.batch=2",
    "diffusion.sampler.steps=4",
];

/// `selfsi generate RUN --out OUT … --json` with [`TINY`]; its output or its error.
fn generate(run: &Path, out: &Path, more: &[&str]) -> Result<serde_json::Value, String> {
    let mut command = selfsi();
    command.arg("generate").arg(run).arg("--out").arg(out);
    command
        .args(TINY.iter().flat_map(|s| ["--set", s]))
        .arg("--json");
    let output = command.args(more).output().unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    Err(text)
}

fn check(fits: &Path, h5: &Path) {
    if let Some(python) = python() {
        python::check(&python, "generated.py", &[fits, h5]);
    }
}

fn samples(path: &Path) -> ndarray::Array2<f32> {
    let file = Generated::open(path).unwrap();
    file.read(0..file.shape()[0]).unwrap()
}

fn plot(generated: &Path, restored: &Path, out: &Path) -> assert_cmd::assert::Assert {
    let mut command = selfsi();
    command.args(["plot", "generated"]).arg(generated);
    command.arg("--restored").arg(restored);
    command
        .arg("--out")
        .arg(out)
        .args(["--count", "2"])
        .assert()
}

#[test]
fn spectra_are_drawn_from_a_model_that_is_trained_once() {
    let t = Trained::get();
    let run = t.copy("sde");
    let restored = run.join("restored.fits");
    restore(&run, &[], &restored).assert().success();
    let fits = t.out("generated.fits");
    let first = generate(&run, &fits, &["-n", "5"]).unwrap();
    assert_eq!(
        (&first["samples"], &first["finite"]),
        (&5.into(), &5.into())
    );
    let model = &first["model"];
    assert_eq!(
        (&model["steps"], &model["trained_on"]),
        (&6.into(), &"DRAW".into())
    );
    assert!(model["denoising"]["training"].as_f64().unwrap() > 0.0);
    let trained: Vec<PathBuf> = std::fs::read_dir(run.join("diffusion/checkpoints"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let before = std::fs::metadata(&trained[0]).unwrap().modified().unwrap();

    // A second call, in the other format: the same model and samples.
    let h5 = t.out("generated.h5");
    assert_eq!(generate(&run, &h5, &["-n", "5"]).unwrap()["model"], *model);
    let after = std::fs::metadata(&trained[0]).unwrap().modified().unwrap();
    assert_eq!(before, after);
    check(&fits, &h5);
    plot(&h5, &restored, &t.out("generated.png")).success();
    let facts = selfsi::inspect::inspect(&fits).unwrap();
    assert_eq!((facts.kind, facts.problems.len()), ("generated catalog", 0));

    // Fewer samples in other batches are the same; another seed makes others.
    let (all, few) = (samples(&fits), t.out("few.fits"));
    generate(
        &run,
        &few,
        &["-n", "3", "--set", "diffusion.sampler.batch=3"],
    )
    .unwrap();
    let few = samples(&few);
    assert!(
        (&all.slice(ndarray::s![..3, ..]) - &few)
            .iter()
            .all(|d| d.abs() < 1e-3)
    );
    let other = t.out("other.fits");
    generate(&run, &other, &["-n", "5", "--seed", "9"]).unwrap();
    assert!((samples(&other) - &all).iter().any(|d| d.abs() > 0.1));

    // Other settings or another catalog are another model.
    let error = |more: &[&str]| generate(&run, &other, more).unwrap_err();
    let e = error(&["--set", "diffusion.steps=7"]);
    assert!(
        e.contains("diffusion.steps = 6, not 7") && e.contains("--retrain"),
        "{e}"
    );
    let again = t.out("again.fits");
    restore(&run, &[], &again)
        .arg("--seed")
        .arg("8")
        .assert()
        .success();
    let e = error(&["--restored", again.to_str().unwrap()]);
    assert!(
        e.contains("another catalog") && e.contains("again.fits"),
        "{e}"
    );
    let more = [
        "--restored",
        again.to_str().unwrap(),
        "--retrain",
        "-n",
        "1",
    ];
    generate(&run, &other, &more).unwrap();
}

#[test]
fn what_cannot_be_generated_is_refused_in_one_line() {
    let t = Trained::get();
    let run = t.copy("ode");
    let out = t.out("refused.fits");
    let refused = |out: &Path, more: &[&str], words: &[&str]| {
        let e = generate(&run, out, more).unwrap_err();
        assert!(words.iter().all(|w| e.contains(w)), "{e}");
        assert!(!t.out("refused.fits").exists());
    };
    refused(
        &out,
        &[],
        &["no restored catalog", "selfsi restore", "--restored"],
    );
    let one = run.join("restored.fits");
    restore(&run, &[], &one).assert().success();
    refused(&t.out("refused.png"), &[], &[".fits", ".h5"]);
    refused(&one, &[], &["this is the input"]);
    refused(&out, &["-n", "0"], &["no samples"]);
    refused(&out, &["--steps", "1"], &["diffusion.sampler.steps"]);
    refused(&out, &["--set", "train.steps=3"], &["[diffusion] alone"]);
    let margin = ["--set", "diffusion.network.margin=7"];
    refused(&out, &margin, &["[diffusion]", "network.margin"]);
    let e = plot(&one, &one, &t.out("refused.svg")).failure();
    let text = String::from_utf8_lossy(&e.get_output().stderr).into_owned();
    let other = "`selfsi-restored`, not `selfsi-generated`";
    assert!(text.contains(other), "{text}");
    // Only observations that were kept out of training are restored.
    let held = t.out("held.fits");
    restore(&run, &[], &held)
        .arg("--heldout")
        .assert()
        .success();
    let more = ["--restored", held.to_str().unwrap()];
    refused(
        &out,
        &more,
        &["0 usable rows", "held out", "selfsi restore"],
    );
    std::fs::copy(&one, run.join("restored-2.fits")).unwrap();
    refused(
        &out,
        &[],
        &["several: restored-2.fits, restored.fits", "--restored"],
    );
}

/// The asinh stretch is undone: the samples are in the unit of the observations.
#[test]
fn images_are_drawn_in_the_units_of_the_observations() {
    for (channels, softening) in [(1, Some(0.5)), (3, None)] {
        let r = ImageRun::new(channels, softening, "kind = 'ode'");
        let run = r.path("run");
        let restored = run.join("restored.h5");
        r.restore(&[], &restored).assert().success();
        let (fits, h5) = (r.path("generated.fits"), r.path("generated.h5"));
        let first = generate(&run, &fits, &["-n", "4"]).unwrap();
        assert_eq!(first["model"]["trained_on"], "RESTORED");
        generate(&run, &h5, &["-n", "4"]).unwrap();
        check(&fits, &h5);
        assert_eq!(Generated::open(&h5).unwrap().unit(), "nJy");
        plot(&fits, &restored, &r.path("generated.svg")).success();
    }
}
