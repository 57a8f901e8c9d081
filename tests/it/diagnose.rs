//! `selfsi diagnose` as a user meets it: the exact Gaussian sequence, and the verdict on a run.

use crate::fixtures::run_folder::{failure, selfsi};
use assert_cmd::Command;
use selfsi::train::{Proxies, Proxy};
use serde_json::{Value, json};
use std::path::Path;

/// What a command that succeeds prints.
fn printed(command: &mut Command) -> String {
    let output = command.assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

fn diagnose(run: &Path) -> Command {
    let mut command = selfsi();
    command.arg("diagnose").arg(run);
    command
}

fn gaussian(arguments: &[&str]) -> Command {
    let mut command = selfsi();
    command.args(["diagnose", "gaussian"]).args(arguments);
    command
}

/// A run folder with a warm start of 100 steps and one validation per number, every 100 steps:
/// both KL are that number above a floor of 0.05 ± 0.01.
struct Synthetic {
    folder: tempfile::TempDir,
}

impl Synthetic {
    fn new(excesses: &[f64]) -> Self {
        let lines = excesses.iter().enumerate().map(|(i, excess)| {
            let proxy = Proxy {
                value: 0.05 + excess,
                floor: 0.05,
                error: 0.01,
            };
            let proxies = Proxies {
                knn: proxy,
                gaussian: proxy,
            };
            let score = 1.0 + excess;
            json!({"step": 100 * (i + 1), "validation": {"score": score, "proxies": proxies}})
        });
        Self::with(lines.map(|l| format!("{l}\n")).collect())
    }

    fn with(metrics: String) -> Self {
        let synthetic = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let config = "[survey]
            prepared = 'set.h5'
            [survey.source]
            kind = 'hdf5'
            file = 'o.h5'
            wavelength = 'vacuum'
            flux_unit = '1E-17 erg/cm^2/s/Ang'
            [forward]
            kind = 'gaussian'
            sigma = 0.5
            [train]
            steps = 2000
            warm_start = 100
            reuse = 4
            validate_every = 100";
        std::fs::write(synthetic.run().join("config.toml"), config).unwrap();
        std::fs::write(synthetic.run().join("metrics.jsonl"), metrics).unwrap();
        synthetic
    }

    fn run(&self) -> &Path {
        self.folder.path()
    }

    fn json(&self) -> Value {
        let text = printed(diagnose(self.run()).arg("--json"));
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn every_verdict_is_reached_and_says_what_to_do_next() {
    let falling = [9.0, 1.0, 0.7, 0.5, 0.35, 0.25, 0.17];
    let floor = [9.0, 0.5, 0.1, 0.01, 0.0, -0.01, 0.01];
    let flat = [9.0, 1.0, 0.5, 0.31, 0.3, 0.29, 0.3];
    let rising = [0.01, 0.05, 0.1, 0.2, 0.4, 0.8];
    for (excesses, verdict, words, next) in [
        (&falling[..], "contracts", "contracts", "go on"),
        (&floor[..], "converged", "has converged", "selfsi restore"),
        (&flat[..], "stalls", "stalls", "[forward]"),
        (
            &rising[..],
            "drifts",
            "drifts",
            "best validation (step 100)",
        ),
        (
            &[9.0][..],
            "too_few",
            "too few validations",
            "validate_every",
        ),
    ] {
        let run = Synthetic::new(excesses);
        let found = run.json();
        assert_eq!(found["verdict"], verdict, "{found:#}");
        let text = printed(&mut diagnose(run.run()));
        let last = text.lines().last().unwrap();
        assert!(last.contains(words) && last.contains(next), "{text}");
    }
}

#[test]
fn the_rate_is_that_of_the_series_and_counted_per_outer_iteration() {
    // A fall by half every 100 steps; an outer iteration is 4.
    let run = Synthetic::new(&[8.0, 4.0, 2.0, 1.0, 0.5, 0.25]);
    let found = run.json();
    assert_eq!(found["iteration"], 4);
    let rate = found["knn"]["rate"].as_f64().unwrap();
    assert!((rate * 100.0 + 2f64.ln()).abs() < 1e-6, "{rate}");
    let text = printed(&mut diagnose(run.run()));
    assert!(
        text.contains("a factor 0.9727 per outer iteration of 4 steps"),
        "{text}"
    );
    assert!(text.contains(" 0.500 "), "{text}");
}

#[test]
fn the_worse_of_both_estimates_decides_and_the_warm_start_does_not_count() {
    let line = |step: u64, knn: f64, gaussian: f64| {
        let proxy = |value| json!({"value": value, "floor": 0.0, "error": 0.01});
        let proxies = json!({"knn": proxy(knn), "gaussian": proxy(gaussian)});
        let validation = json!({"score": 1.0, "proxies": proxies});
        json!({"step": step, "validation": validation}).to_string()
    };
    let mut lines = vec![line(50, 5.0, 5.0), line(80, 3.0, 9.0)];
    lines.extend((1..7).map(|i| line(100 * i, 0.001, 0.3)));
    // A loss, and what a run in progress has not yet written to its end.
    lines.push(json!({"step": 620, "loss": 0.3}).to_string());
    lines.push("{\"step\": 640, \"valid".to_owned());
    let run = Synthetic::with(lines.join("\n"));
    let found = run.json();
    assert_eq!(found["knn"]["verdict"], "converged");
    assert_eq!(found["gaussian"]["verdict"], "stalls");
    assert_eq!(found["verdict"], "stalls");
    let text = printed(&mut diagnose(run.run()));
    assert_eq!(text.matches("warm start").count(), 2, "{text}");

    let few = Synthetic::with(lines[..4].join("\n"));
    assert_eq!(few.json()["verdict"], "too_few");
}

#[test]
fn what_is_no_run_or_has_no_estimates_is_one_clear_line() {
    let empty = tempfile::tempdir().unwrap();
    let e = failure(&mut diagnose(empty.path()));
    assert!(e.contains("not a run folder"), "{e}");

    let unvalidated = Synthetic::with(json!({"step": 20, "loss": 0.3}).to_string());
    let e = failure(&mut diagnose(unvalidated.run()));
    assert!(e.contains("wait for step 100"), "{e}");

    let old = Synthetic::with(json!({"step": 100, "validation": {"score": 0.4}}).to_string());
    let e = failure(&mut diagnose(old.run()));
    assert!(
        e.contains("no KL estimates") && e.contains("train.heldout"),
        "{e}"
    );

    std::fs::remove_file(old.run().join("metrics.jsonl")).unwrap();
    let e = failure(&mut diagnose(old.run()));
    assert!(
        e.contains("metrics.jsonl") && e.contains("selfsi train"),
        "{e}"
    );
}

#[test]
fn the_gaussian_case_prints_the_sequence_and_the_promise() {
    let two = ["--sigma-n", "0.5", "--std", "1,0.3"];
    let fp = [&two[..], &["--interpolant", "fokker-planck"]].concat();
    let text = printed(&mut gaussian(&fp));
    assert!(text.contains("1 − 1/χ = 0.9299 (Corollary 1)"), "{text}");
    let found: Value = serde_json::from_str(&printed(gaussian(&fp).arg("--json"))).unwrap();
    let iterates = found["iterates"].as_array().unwrap();
    assert_eq!(iterates.len(), 31);
    // The default start: the observations themselves.
    let start = iterates[0]["std"][0].as_f64().unwrap();
    assert!((start - 1.25f64.sqrt()).abs() < 1e-12);
    for i in &iterates[1..] {
        assert!(i["factor"].as_f64() <= i["bound"].as_f64(), "{i}");
    }
    // A signal weak against the noise: Theorem 1 says nothing, and this says so.
    let weak = ["--sigma-n", "0.5", "--std", "0.05", "--epsilon", "1"];
    let text = printed(&mut gaussian(&weak));
    assert!(text.contains("Theorem 1 promises nothing"), "{text}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let std = ["--sigma-n", "0.5", "--std", "1,0.3"];
    for (more, words) in [
        (&["--start-std", "1"][..], "1 numbers for 2 coordinates"),
        (&["--start-std", "1,0"], "--start-std"),
        (&["--interpolant", "ode", "--gamma", "1"], "only the SDE"),
        (&["--epsilon", "0"], "--epsilon"),
    ] {
        let e = failure(&mut gaussian(&[&std[..], more].concat()));
        assert!(e.contains(words), "{e}");
    }
    selfsi().arg("diagnose").assert().code(2);
    selfsi()
        .args(["diagnose", "run", "gaussian", "--std", "1"])
        .assert()
        .code(2);
}
