//! `selfsi evaluate` and `selfsi plot` on the files that the other commands write.

use crate::fixtures::edited::edited;
use crate::fixtures::prepared_set::{self, UNIT, objects, survey, waves};
use crate::fixtures::run_folder::{failure, selfsi};
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::Config;
use selfsi::data::{LogGrid, Method, Object, Provenance, flag};
use selfsi::lines::{BROAD_KMS, NO_LINES};
use selfsi::restored::{RestoredBlock, RestoredHeader, RestoredPart, RestoredWriter};
use std::path::{Path, PathBuf};

const N: usize = 400;
const D: usize = 64;

/// A run folder with a prepared set, its truth and two restored catalogs: one by the ODE, whose
/// restorations are the truth itself, and one by the SDE. Objects 0, 4, 8 … are held out; object 4
/// is unusable, object 8 is not in the truth.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        let study = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(study.run()).unwrap();
        let text = format!(
            "{}
            [forward]
            kind = 'gaussian'
            sigma = 0.5",
            survey(&study.path("set.h5"), D)
        );
        let config = Config::parse(&text, "test", &[]).unwrap();
        std::fs::write(study.run().join("config.toml"), config.to_toml().unwrap()).unwrap();
        let grid = LogGrid::new(&config.grid);

        let [x, y] = waves(N, D);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let scatter = Array2::from_shape_simple_fn((N, D), || {
            0.05 * Distribution::<f32>::sample(&StandardNormal, &mut rng)
        });
        let mut objects = objects(N);
        for (i, o) in objects.iter_mut().enumerate() {
            o.norm += (i % 3) as f64;
        }
        objects[4].flag = flag::SNR;
        objects[4].reason = "too little signal".into();
        let physical = |a: &Array2<f32>| {
            Array2::from_shape_fn((N, D), |(i, j)| a[[i, j]] * objects[i].norm as f32)
        };
        let mut ivar = Array2::from_elem((N, D), 4.0f32);
        ivar.row_mut(4).fill(0.0);

        let (flux, weight) = (y.clone(), ivar.clone());
        prepared_set::write(&study.path("set.h5"), &text, UNIT, &objects, flux, weight);
        study.write_truth(&grid, &objects, &physical(&x));

        let heldout: Vec<bool> = (0..N).map(|i| i % 4 == 0).collect();
        for (name, interpolant) in [("restored-ode.fits", "ode"), ("restored-sde.fits", "sde")] {
            let sde = interpolant == "sde";
            let header = RestoredHeader {
                grid,
                flux_unit: UNIT.to_owned(),
                specsys: None,
                line_smoothing: BROAD_KMS,
                made: Provenance {
                    method: Method::named(interpolant).unwrap(),
                    draws: if sde { 8 } else { 1 },
                    prior: false,
                    quantiles: vec![],
                    seed: 1,
                    config_sha256: "0".repeat(64),
                    run_sha256: "0".repeat(64),
                    history: vec![],
                },
            };
            let block = RestoredBlock {
                restored: physical(&x),
                sigma: sde.then(|| Array2::from_elem((N, D), 0.1)),
                sigma_prior: None,
                draw: sde.then(|| physical(&(&x + &scatter))),
                quantiles: vec![],
                observed: physical(&y),
                ivar: ivar.clone(),
            };
            let path = study.run().join(name);
            let mut file = RestoredWriter::create(path, &header, objects.iter(), false).unwrap();
            let part = RestoredPart {
                objects: &objects,
                heldout: &heldout,
                block: &block,
                lines: &[NO_LINES; N],
                draws: None,
            };
            file.write(0, part).unwrap();
            file.finish().unwrap();
        }
        study
    }

    fn write_truth(&self, grid: &LogGrid, objects: &[Object], flux: &Array2<f32>) {
        let file = hdf5::File::create(self.path("truth.h5")).unwrap();
        let add = |name: &str, values: Vec<f64>| {
            file.new_dataset_builder()
                .with_data(&Array1::from(values))
                .create(name)
                .unwrap();
        };
        add("loglam", grid.loglam());
        add("z", objects.iter().map(|o| o.z).collect());
        file.new_dataset_builder()
            .with_data(flux)
            .create("flux")
            .unwrap();
        let names: Vec<VarLenUnicode> = objects
            .iter()
            .map(|o| if o.name == "Q8" { "elsewhere" } else { &o.name })
            .map(|n| n.parse().unwrap())
            .collect();
        file.new_dataset_builder()
            .with_data(&names)
            .create("id")
            .unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> PathBuf {
        self.path("run")
    }
}

fn is_png(path: &Path) -> bool {
    std::fs::read(path)
        .unwrap()
        .starts_with(b"\x89PNG\r\n\x1a\n")
}

#[test]
fn a_study_is_evaluated_from_files_to_table_json_and_report() {
    let study = Study::new();
    let output = selfsi()
        .arg("evaluate")
        .arg(study.run())
        .arg("--truth")
        .arg(study.path("truth.h5"))
        .assert()
        .success();
    let table = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for row in [
        "observed",
        "best smoothing",
        "Wiener, learned",
        "oracle, own noise",
        "ODE restoration",
        "one SDE draw",
        "mean of 8 SDE draws",
    ] {
        assert!(table.contains(row), "{row}: {table}");
    }
    let json: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(study.run().join("evaluation.json")).unwrap(),
    )
    .unwrap();
    // 100 are held out; one of them is unusable, one has no truth.
    assert_eq!(json["spectra"], 98);
    assert_eq!(json["learned_from"], 300);
    let rmse = |kind: &str| {
        let rows = json["rows"].as_array().unwrap();
        rows.iter().find(|r| r["kind"] == kind).unwrap()["rmse"]
            .as_f64()
            .unwrap()
    };
    assert!((rmse("observed") - 0.5).abs() < 0.02);
    assert!(rmse("ode") < 1e-6 && (rmse("draw") - 0.05).abs() < 0.005);
    assert!(rmse("oracle") < rmse("smoothing"));

    let report = study.path("REPORT.md");
    selfsi()
        .arg("evaluate")
        .arg(study.run())
        .arg("--report")
        .arg(&report)
        .assert()
        .success();
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .contains("| ODE restoration")
    );
}

#[test]
fn a_program_as_the_forward_model_is_evaluated_without_the_linear_filters() {
    let study = Study::new();
    let out = study.path("program");
    let output = selfsi()
        .arg("evaluate")
        .arg(study.run())
        .arg("--truth")
        .arg(study.path("truth.h5"))
        .arg("--out")
        .arg(&out)
        .args([
            "--set",
            "forward={kind='command', program=['none'], timeout=1, latent='hidden'}",
        ])
        .assert()
        .success();
    let table = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(table.contains("no closed form"), "{table}");
    for row in ["observed", "best smoothing", "ODE restoration"] {
        assert!(table.contains(row), "{row}: {table}");
    }
    for absent in ["Wiener", "oracle, own noise", "the oracle's"] {
        assert!(!table.contains(absent), "{absent}: {table}");
    }
    // It can be read back.
    selfsi()
        .arg("evaluate")
        .arg(&out)
        .arg("--report")
        .arg(study.path("REPORT.md"))
        .assert()
        .success();
}

#[test]
fn the_baselines_that_sample_have_rows_of_spectra_too() {
    let study = Study::new();
    let evaluate = |more: &[&str]| {
        let mut command = selfsi();
        command.arg("evaluate").arg(study.run());
        command
            .arg("--truth")
            .arg(study.path("truth.h5"))
            .args(["--most", "20", "--threads", "1"])
            .args(more);
        command.assert().success();
        let json = std::fs::read_to_string(study.run().join("evaluation.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    };
    let without = evaluate(&[]);
    let with = evaluate(&["--baselines", "--baseline-steps", "4"]);
    let rows = |e: &serde_json::Value| e["rows"].as_array().unwrap().clone();
    let sampled = |r: &serde_json::Value| r["kind"] == "dps" || r["kind"] == "em-posterior";
    let more = |r: &serde_json::Value| sampled(r) || r["kind"].as_str().unwrap().contains("empca");
    let (old, new): (Vec<_>, Vec<_>) = rows(&with).into_iter().partition(|r| !more(r));
    assert_eq!((old, new.len()), (rows(&without), 4));
    let notes = with["notes"].as_array().unwrap();
    assert!(without.get("notes").is_none() && notes.len() == 5);
    assert!(without.get("methods").is_none());
    // The network that the config names by default is larger than these spectra.
    let unfit = |n: &&serde_json::Value| n.as_str().unwrap().contains("does not fit the grid");
    assert_eq!(notes.iter().filter(unfit).count(), 2, "{notes:?}");
    let names: Vec<&str> = (with["methods"].as_array().unwrap().iter())
        .map(|m| m["name"].as_str().unwrap())
        .collect();
    assert!(names[0].starts_with("selfsi") && names.iter().any(|n| n.starts_with("EMPCA")));

    // Those that are named, and no others.
    let one = evaluate(&["--baselines=empca", "--baseline-steps", "4"]);
    assert_eq!(rows(&one).len(), rows(&without).len() + 2);
    assert_eq!(one["notes"].as_array().unwrap().len(), 1);
    let program = "forward={kind='command', program=['none'], timeout=1, latent='hidden'}";
    let refused = evaluate(&["--baselines", "--set", program]);
    assert!(
        refused["notes"][0]
            .as_str()
            .unwrap()
            .contains("the channel is a program")
    );
    assert!(!rows(&refused).iter().any(sampled));
}

#[test]
fn runs_of_one_survey_share_a_table_and_others_are_refused() {
    let study = Study::new();
    let other = study.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::rename(
        study.run().join("restored-sde.fits"),
        other.join("restored-sde.fits"),
    )
    .unwrap();
    let config = std::fs::read_to_string(study.run().join("config.toml")).unwrap();
    std::fs::write(other.join("config.toml"), &config).unwrap();
    let out = study.path("both");
    let evaluate = || {
        let mut command = selfsi();
        command
            .arg("evaluate")
            .args([study.run(), other.clone()])
            .arg("--truth")
            .arg(study.path("truth.h5"))
            .args(["--most", "50"]);
        command
    };
    evaluate().arg("--out").arg(&out).assert().success();
    let table = std::fs::read_to_string(out.join("evaluation.md")).unwrap();
    for row in [
        "ODE restoration (run)",
        "one SDE draw (other)",
        "mean of 8 SDE draws (other)",
    ] {
        assert!(table.contains(row), "{row}: {table}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("evaluation.json")).unwrap())
            .unwrap();
    // 98 could be scored; the others of them are clean spectra for the oracle: 300 + 48.
    assert_eq!(
        (&json["spectra"], &json["oracle_from"]),
        (&50.into(), &348.into())
    );

    let e = failure(&mut evaluate());
    assert!(e.contains("--out"), "{e}");
    let changed = edited(&config, "sigma = 0.5", "sigma = 0.6");
    assert_ne!(changed, config);
    std::fs::write(other.join("config.toml"), changed).unwrap();
    let e = failure(evaluate().arg("--out").arg(study.path("none")));
    assert!(e.contains("forward") && e.contains("other"), "{e}");
    assert!(!study.path("none").exists());
}

#[test]
fn the_json_on_the_terminal_is_the_json_in_the_file() {
    let study = Study::new();
    let output = selfsi()
        .arg("--json")
        .arg("evaluate")
        .arg(study.run())
        .arg("--truth")
        .arg(study.path("truth.h5"))
        .assert()
        .success();
    let file = std::fs::read(study.run().join("evaluation.json")).unwrap();
    assert_eq!(output.get_output().stdout, file);
}

#[test]
fn restored_catalogs_are_drawn_with_and_without_truth() {
    let study = Study::new();
    for (what, file) in [
        ("spectra", "restored-ode.fits"),
        ("spectra", "restored-sde.fits"),
        ("population", "restored-sde.fits"),
    ] {
        for truth in [true, false] {
            let out = study.path("picture.png");
            let mut command = selfsi();
            command
                .arg("plot")
                .arg(what)
                .arg(study.run().join(file))
                .arg("--out")
                .arg(&out);
            if truth {
                command.arg("--truth").arg(study.path("truth.h5"));
            }
            command.assert().success();
            assert!(is_png(&out));
            std::fs::remove_file(out).unwrap();
        }
    }
}

#[test]
fn the_populations_of_several_catalogs_share_a_picture() {
    let study = Study::new();
    let out = study.path("picture.svg");
    selfsi()
        .args(["plot", "population"])
        .args(["restored-ode.fits", "restored-sde.fits"].map(|f| study.run().join(f)))
        .arg("--truth")
        .arg(study.path("truth.h5"))
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let text = std::fs::read_to_string(out).unwrap();
    for name in [
        "observed",
        "best smoothing",
        "truth",
        "ODE restoration",
        "one SDE draw",
    ] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn what_is_missing_is_named_in_one_line() {
    let study = Study::new();
    let truth = study.path("truth.h5");
    let e = failure(
        selfsi()
            .arg("evaluate")
            .arg(study.path("nothing"))
            .arg("--truth")
            .arg(&truth),
    );
    assert!(e.contains("config.toml"), "{e}");
    let e = failure(
        selfsi()
            .arg("evaluate")
            .arg(study.run())
            .arg("--truth")
            .arg(study.path("nothing.h5")),
    );
    assert!(e.contains("nothing.h5"), "{e}");
    let file = study.run().join("restored-ode.fits");
    let e = failure(
        selfsi()
            .arg("plot")
            .arg("spectra")
            .arg(&file)
            .args(["--name", "Q9999", "--out", "a.png"]),
    );
    assert!(e.contains("Q9999"), "{e}");
    std::fs::remove_file(file).unwrap();
    std::fs::remove_file(study.run().join("restored-sde.fits")).unwrap();
    let e = failure(
        selfsi()
            .arg("evaluate")
            .arg(study.run())
            .arg("--truth")
            .arg(&truth),
    );
    assert!(e.contains("selfsi restore"), "{e}");
    assert!(!study.run().join("evaluation.json").exists());
}
