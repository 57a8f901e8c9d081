//! Saved draws and their calibration through the command line.

// Its HDF5 survey serves other tests.
#[allow(dead_code)]
mod trained;

use ndarray::Axis;
use selfsi::data::flag;
use selfsi::restored::Restored;
use trained::{Trained, selfsi};

#[test]
fn all_the_draws_are_saved_where_they_are_asked_for_and_evaluated() {
    let t = Trained::get();
    let out = t.run("sde").join("restored.fits");
    t.restore("sde", &[], &out)
        .arg("--save-draws")
        .assert()
        .success();
    let restored = Restored::open(&out).unwrap();
    let mut draws = restored.draws().unwrap().unwrap();
    assert_eq!(draws.count(), 4);
    let (mean, first) = (
        restored.image("RESTORED").unwrap(),
        restored.image("DRAW").unwrap(),
    );
    let lines = restored.lines().unwrap().unwrap();
    for (i, object) in restored.objects().iter().enumerate() {
        let own = draws.of(i).unwrap();
        if object.flag != flag::GOOD {
            assert!(own.iter().all(|v| v.is_nan()));
            continue;
        }
        assert_eq!(own.row(0), first.row(i));
        let average = own.mean_axis(Axis(0)).unwrap();
        assert!(
            (&average - &mean.row(i))
                .iter()
                .all(|d| d.abs() < 1e-4 * object.norm as f32)
        );
        assert!(lines[i][0].peak.error > 0.0);
    }

    // A grid of 64 pixels of the mock's own: the truth is on it.
    let evaluate = |json: bool| {
        let mut c = selfsi();
        c.args(if json { &["--json"][..] } else { &[] });
        c.arg("evaluate").arg(t.run("sde"));
        c.arg("--truth").arg(t.path("mock/truth.h5"));
        String::from_utf8(c.assert().success().get_output().stdout.clone()).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&evaluate(true)).unwrap();
    let calibration = &json["calibration"][0];
    assert_eq!(calibration["draws"], 4);
    assert_eq!(calibration["pixels"][0]["objects"], json["spectra"]);
    assert_eq!(calibration["pixels"][0]["coverage"][3]["nominal"], 0.95);
    let table = evaluate(false);
    for words in [
        "Calibration: 4 SDE draws",
        "inside 90 %",
        "CRPS",
        "Intervals beyond 60 %",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let markdown = std::fs::read_to_string(t.run("sde").join("evaluation.md")).unwrap();
    assert!(markdown.contains("### Calibration") && markdown.contains("PIT, %"));

    let picture = t.path("calibration.svg");
    let mut c = selfsi();
    c.args(["plot", "calibration"]).arg(t.run("sde"));
    c.arg("--out").arg(&picture).assert().success();
    assert!(
        std::fs::read_to_string(picture)
            .unwrap()
            .contains("nominal coverage")
    );

    // Without the draws: how to get them.
    t.restore("sde", &[], &out).assert().success();
    assert!(evaluate(false).contains("--save-draws"));
}

#[test]
fn the_ode_has_no_draws_to_save_and_no_calibration_to_draw() {
    let t = Trained::get();
    let out = t.run("ode").join("restored.fits");
    let mut c = t.restore("ode", &[], &out);
    let output = c.arg("--save-draws").assert().code(1).get_output().clone();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains("--save-draws") && words.contains("no draws"),
        "{words}"
    );
    assert!(!out.exists());

    t.restore("ode", &[], &out).assert().success();
    let lines = Restored::open(&out).unwrap().lines().unwrap().unwrap();
    let errors = lines.iter().flatten().flat_map(|m| m.quantities());
    assert!(errors.clone().any(|q| q.value.is_finite()));
    assert!(errors.clone().all(|q| q.error.is_nan()));
    let mut c = selfsi();
    c.arg("evaluate").arg(t.run("ode"));
    c.arg("--truth")
        .arg(t.path("mock/truth.h5"))
        .assert()
        .success();
    let mut c = selfsi();
    c.args(["plot", "calibration"]).arg(t.run("ode"));
    let output = c
        .args(["--out", "a.png"])
        .assert()
        .code(1)
        .get_output()
        .clone();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("no calibration")
    );
}
