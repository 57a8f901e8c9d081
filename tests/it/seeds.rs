//! The report over several trainings: means and scatter of each method, and the bars.

use selfsi::evaluate::Evaluation;
use selfsi::lab::report;
use serde_json::{Value, json};

fn row(name: &str, rmse: f64, distance: f64) -> Value {
    let distance = json!({"value": distance, "error": 0.001, "over_smoothing": 0.5});
    json!({
        "name": name, "kind": "mean", "rmse": rmse, "rmse_forest": 1.5 * rmse, "rmse_red": 0.5 * rmse,
        "rmse_over_oracle": 1.0, "whole": distance, "local": distance, "power": distance,
        "power_ratio": [], "scatter_forest": 1.0, "scatter_red": 1.0, "lines": [],
        "continuum": [
            {"window": [1040.0, 1200.0], "n": 4, "median": 0.1, "p68": 0.2, "p95": 0.3},
            {"window": [1280.0, 1500.0], "n": 4, "median": 0.01, "p68": 0.02, "p95": 0.03}
        ]
    })
}

fn calibration(name: &str, crps: f64, inside: [f64; 4]) -> Value {
    let mean = |v: f64| json!({"value": v, "error": 0.001});
    let part = |part: &str| {
        let levels = [0.5, 0.68, 0.9, 0.95].iter().zip(inside);
        let coverage: Vec<Value> =
            (levels.map(|(n, f)| json!({"nominal": n, "found": mean(f)}))).collect();
        json!({
            "part": part, "objects": 4, "pit": [], "pit_chi2": 1.0, "effective": 9.0,
            "coverage": coverage,
            "crps": mean(crps), "spread_over_error": 1.0
        })
    };
    let lines = json!([{
        "line": "C IV", "quantity": "peak", "objects": 20, "uncertainty": 0.1, "error": 0.1, "pull": -0.2,
        "scatter": 1.05, "within": [0.68, 0.95]
    }]);
    let pixels = ["all pixels", "forest", "red side"].map(part);
    json!({"name": name, "draws": 16, "pixels": pixels, "lines": lines})
}

/// The run `seed` with a run of RMSE `rmse`, a peer of 0.4 and a control of 0.39.
fn evaluation(seed: u64, rmse: f64) -> Value {
    let method = |name: &str, role: &str, draw: Option<&str>, cpu_s: f64| {
        let mut m = json!({"name": name, "role": role, "estimate": name, "cpu_s": cpu_s});
        if let Some(draw) = draw {
            m["draw"] = json!(draw);
            m["calibration"] = json!(draw);
        }
        m
    };
    let (run, note) = (format!("seed-{seed}"), format!("made of seed {seed}"));
    json!({
        "selfsi": "0", "run": run, "regime": "low-snr", "spectra": 4, "learned_from": 9,
        "oracle_from": 9, "snr": 1.0, "blur_pixels": 0.4, "smoothing_pixels": 3.0, "passed_modes": 3,
        "pixels": 4, "floor": [0.1, 0.1, 0.1], "power_bands": [], "bars": [],
        "rows": [
            row("selfsi", rmse, 0.0), row("selfsi draw", 0.5, 0.01), row("U-Net", 0.4, 0.0),
            row("GP draw", 0.5, 0.05), row("control", 0.39, 0.0)
        ],
        "calibration": [
            calibration("selfsi draw", 0.17, [0.51, 0.7, 0.9, 0.99]),
            calibration("GP draw", 0.18, [0.6, 0.7, 0.9, 0.95])
        ],
        "methods": [
            method("selfsi", "run", Some("selfsi draw"), 200.0),
            method("U-Net", "peer", None, 200.0),
            method("GP", "peer", Some("GP draw"), 3.0),
            method("control", "control", None, 210.0)
        ],
        "notes": [note]
    })
}

fn reported(evaluations: &[Value]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let runs: Vec<_> = (evaluations.iter().enumerate())
        .map(|(k, e)| {
            let run = folder.path().join(k.to_string());
            std::fs::create_dir(&run).unwrap();
            std::fs::write(run.join("evaluation.json"), e.to_string()).unwrap();
            run
        })
        .collect();
    report(&runs, &folder.path().join("peers.md")).unwrap()
}

#[test]
fn the_seeds_of_a_study_share_a_table_of_means_and_scatter() {
    let text = reported(&[evaluation(1, 0.390), evaluation(2, 0.400)]);
    let of = |name: &str| {
        let start = format!("| {name} |");
        let found = text.lines().find(|l| l.starts_with(&start));
        found
            .unwrap_or_else(|| panic!("{name} in\n{text}"))
            .to_owned()
    };
    // 0.39 and 0.40: mean 0.395, standard deviation 0.0071.
    let own = of("selfsi");
    assert!(
        own.contains("0.395 ± 0.007, 0.593 ± 0.011, 0.198 ± 0.004"),
        "{own}"
    );
    assert!(
        own.contains("51.0 ± 0.0, 70.0 ± 0.0, 90.0 ± 0.0, 99.0 ± 0.0"),
        "{own}"
    );
    assert!(own.contains("| 200 ± 0 |"), "{own}");
    // A method without draws has neither CRPS nor coverage nor distances.
    assert!(
        of("U-Net").contains("| – | – | – | – | – | 200 ± 0 |"),
        "{}",
        of("U-Net")
    );
    assert!(text.contains("made of seed 1 (seed-1).") && text.contains("made of seed 2 (seed-2)."));
    assert!(
        text.contains("| 10.0 ± 0.0, 20.0 ± 0.0, 30.0 ± 0.0 | 1.0 ± 0.0"),
        "{text}"
    );

    // 0.395 over the best peer's 0.4, over the control's 0.39; and so on.
    let bar = |name: &str, met: bool| {
        let row = of(name);
        assert!(
            row.ends_with(if met { "| met |" } else { "| **not met** |" }),
            "{row}"
        );
    };
    bar("RMSE over that of U-Net", true);
    bar("RMSE over that of control", false);
    bar("CRPS over that of GP", false);
    bar("one draw's distance, whole spectra", true);
    bar("one draw's distance, power, against that of GP", true);
    bar("forest: per cent off 50 inside 50 %", true);
    bar("red side: per cent off 95 inside 95 %", false);
    bar("forest: spread over error off 1", true);
    bar("C IV, peak: \\|median pull\\|", false);
    bar("C IV, peak: scatter of pulls off 1", true);
    assert!(!text.contains("CRPS over that of control"));
}

#[test]
fn evaluations_without_methods_make_the_report_of_regimes() {
    let mut e = evaluation(1, 0.4);
    e.as_object_mut().unwrap().remove("methods");
    let parsed: Evaluation = serde_json::from_value(e.clone()).unwrap();
    assert!(parsed.methods.is_empty());
    let text = reported(&[e]);
    assert!(text.starts_with("# Study: restored mock quasars"), "{text}");
}
