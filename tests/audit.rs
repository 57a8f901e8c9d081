//! `selfsi audit`: a restoration that invents or loses a line is flagged, a right one is not.

mod trained;

use fitsio::FitsFile;
use fitsio::images::ReadImage;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use trained::{D, N, Trained, selfsi, train};

/// Width of the planted lines, σ in pixels.
const WIDTH: f64 = 2.0;

/// A restored catalog of the run `name`, made once.
fn catalog(name: &'static str) -> PathBuf {
    static BOTH: OnceLock<()> = OnceLock::new();
    let t = Trained::get();
    let path = |run: &str| t.path(&format!("audited-{run}.fits"));
    BOTH.get_or_init(|| {
        for run in ["ode", "sde"] {
            t.restore(run, &[], &path(run)).assert().success();
        }
    });
    path(name)
}

fn image(path: &Path, name: &str) -> Vec<f32> {
    let mut f = FitsFile::open(path).unwrap();
    let hdu = f.hdu(name).unwrap();
    Vec::<f32>::read_image(&mut f, &hdu).unwrap()
}

fn column<T: fitsio::tables::ReadsCol>(path: &Path, table: &str, name: &str) -> Vec<T> {
    let mut f = FitsFile::open(path).unwrap();
    let hdu = f.hdu(table).unwrap();
    hdu.read_col(&mut f, name).unwrap()
}

/// A copy of the catalog with a line of `sigmas` standard deviations of the data added to RESTORED
/// and DRAW of row `row` at pixel `at`.
fn planted(catalog: &Path, copy: &str, lines: &[(usize, usize, f64)]) -> PathBuf {
    let path = Trained::get().path(copy);
    std::fs::copy(catalog, &path).unwrap();
    let ivar = image(&path, "IVAR");
    let mut f = FitsFile::edit(&path).unwrap();
    for name in ["RESTORED", "DRAW"] {
        let Ok(hdu) = f.hdu(name) else { continue };
        let mut flux = Vec::<f32>::read_image(&mut f, &hdu).unwrap();
        for (row, at, sigmas) in lines {
            let shape = |i: usize| (-0.5 * ((i as f64 - *at as f64) / WIDTH).powi(2)).exp();
            let weight = |i: usize| f64::from(ivar[row * D + i]) * shape(i).powi(2);
            let amplitude = sigmas / (0..D).map(weight).sum::<f64>().sqrt();
            for i in 0..D {
                flux[row * D + i] += (amplitude * shape(i)) as f32;
            }
        }
        hdu.write_section(&mut f, 0, flux.len(), &flux).unwrap();
    }
    path
}

fn audit(run: &str, catalog: &Path) -> assert_cmd::Command {
    let mut c = selfsi();
    c.arg("--json")
        .arg("audit")
        .arg(Trained::get().run(run))
        .arg(catalog);
    c.args(["--simulations", "300"]);
    c
}

fn json(mut command: assert_cmd::Command) -> serde_json::Value {
    let output = command.assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs and returns stderr, which must be one line.
fn failure(mut command: assert_cmd::Command) -> String {
    let output = command.assert().failure().get_output().clone();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Rows that are audited, the first of them that many apart.
fn usable(catalog: &Path, count: usize) -> Vec<usize> {
    let flags: Vec<i64> = column(catalog, "CATALOG", "FLAG");
    let good: Vec<usize> = (0..N).filter(|i| flags[*i] == 0).collect();
    good.into_iter().step_by(5).take(count).collect()
}

#[test]
fn an_invented_line_is_flagged_where_it_was_planted_and_nothing_else_is() {
    for run in ["ode", "sde"] {
        let catalog = catalog(run);
        let rows = usable(&catalog, 3);
        let at = [20, 33, 45];
        let lines: Vec<_> = rows.iter().zip(at).map(|(r, a)| (*r, a, 12.0)).collect();
        let planted = planted(&catalog, &format!("invented-{run}.fits"), &lines);
        let before = std::fs::read(&planted).unwrap();
        let result = json(audit(run, &planted));
        assert_eq!(
            std::fs::read(&planted).unwrap(),
            before,
            "the catalog is not changed"
        );

        let table = planted.with_extension("audit.fits");
        let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
        let flagged: Vec<usize> = (0..N).filter(|i| flags[*i] > 1).collect();
        assert_eq!(flagged, rows, "{result:#}");
        assert!(result["flagged"] == 3 && result["expected_by_chance"].as_f64().unwrap() < 0.1);
        let s: Vec<f64> = column(&table, "AUDIT", "LOCAL_S");
        let wave: Vec<f64> = column(&table, "AUDIT", "LOCAL_WAVE");
        let grid: Vec<f64> = column(&catalog, "WAVELENGTH", "WAVELENGTH");
        for (row, pixel, _) in &lines {
            assert!(s[*row] < -5.0, "{run}: {}", s[*row]);
            let found = grid
                .iter()
                .position(|w| (w - wave[*row]).abs() < 1e-6)
                .unwrap();
            assert!(found.abs_diff(*pixel) <= 2, "{run}: {found} for {pixel}");
        }
        // What cannot be audited stays, with its reason.
        let restored: Vec<i64> = column(&table, "AUDIT", "RESTORED_FLAG");
        let reason: Vec<String> = column(&table, "AUDIT", "REASON");
        let chi2: Vec<f64> = column(&table, "AUDIT", "CHI2");
        for i in (0..N).filter(|i| restored[*i] != 0) {
            assert!(flags[i] == 1 && chi2[i].is_nan() && reason[i].starts_with("not restored: "));
        }
        assert!(restored.iter().any(|f| *f != 0));
    }
}

#[test]
fn a_feature_that_y_contradicts_is_told_from_those_it_supports() {
    let catalog = catalog("sde");
    let rows = usable(&catalog, 2);
    let lines = [(rows[0], 33, 15.0), (rows[1], 33, -15.0)];
    let planted = planted(&catalog, "features.fits", &lines);
    json(audit("sde", &planted));
    let table = planted.with_extension("audit.fits");
    let row: Vec<i64> = column(&table, "FEATURES", "ROW");
    let verdict: Vec<String> = column(&table, "FEATURES", "VERDICT");
    let wave: Vec<f64> = column(&table, "FEATURES", "WAVE");
    let delta: Vec<f64> = column(&table, "FEATURES", "DELTA_CHI2");
    let grid: Vec<f64> = column(&catalog, "WAVELENGTH", "WAVELENGTH");
    let contradicted: Vec<usize> = (0..row.len())
        .filter(|k| verdict[*k] == "CONTRADICTED")
        .collect();
    assert!(contradicted.iter().all(|k| row[*k] as usize == rows[0] + 1));
    assert!(
        contradicted
            .iter()
            .any(|k| (wave[*k] / grid[33]).ln().abs() < 0.02 && delta[*k] < -50.0)
    );
    // A line that y shows and the restoration lost: the residual is positive there.
    let s: Vec<f64> = column(&table, "AUDIT", "LOCAL_S");
    let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
    assert!(
        s[rows[1]] > 6.0 && flags[rows[1]] & 4 == 4,
        "{}",
        s[rows[1]]
    );
}

#[test]
fn two_halves_that_disagree_on_an_object_are_told() {
    let t = Trained::get();
    let mut restored = Vec::new();
    for half in ["1", "2"] {
        let (toml, run) = (
            t.path(&format!("half-{half}.toml")),
            t.run(&format!("half{half}")),
        );
        let text = std::fs::read_to_string(t.path("sde.toml")).unwrap();
        std::fs::write(
            &toml,
            text.replace("heldout = 0.3", &format!("heldout = 0.3\nhalf = {half}")),
        )
        .unwrap();
        train(&toml, &run);
        let out = t.path(&format!("half-{half}.fits"));
        t.restore(&format!("half{half}"), &[], &out)
            .assert()
            .success();
        restored.push(out);
    }
    // What neither trained on is held out from both, and no more.
    let held = |p: &Path| column::<i32>(p, "CATALOG", "HELDOUT");
    let whole = held(&catalog("sde"));
    let (a, b) = (held(&restored[0]), held(&restored[1]));
    let both: Vec<i32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
    assert_eq!(both, whole);

    let row = usable(&restored[1], 1)[0];
    let other = planted(&restored[1], "other.fits", &[(row, 30, 60.0)]);
    let mut command = audit("half1", &restored[0]);
    command.arg("--other").arg(&other);
    let result = json(command);
    let table = restored[0].with_extension("audit.fits");
    let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
    let wave: Vec<f64> = column(&table, "AUDIT", "HALF_WAVE");
    let max: Vec<f64> = column(&table, "AUDIT", "HALF_MAX");
    let grid: Vec<f64> = column(&restored[0], "WAVELENGTH", "WAVELENGTH");
    assert!(flags[row] & 32 == 32 && max[row] < -3.0, "{result:#}");
    assert!((wave[row] / grid[30]).ln().abs() < 0.03);
    assert!(result["halves"].as_i64().unwrap() >= 1);

    let mut same = audit("half1", &restored[0]);
    same.arg("--other").arg(&restored[0]);
    assert!(failure(same).contains("same run"));
}

#[test]
fn what_does_not_belong_together_is_refused_in_one_line() {
    let catalog = catalog("sde");
    let t = Trained::get();
    assert!(failure(audit("ode", &catalog)).contains("RUNSHA"));
    let mut draws = audit("sde", &catalog);
    draws.args(["--set", "restore.draws=5"]);
    assert!(failure(draws).contains("--set"));
    let mut few = audit("sde", &catalog);
    few.args(["--alpha", "2"]);
    assert!(failure(few).contains("--alpha"));
    let mut onto = audit("sde", &catalog);
    onto.arg("--out").arg(&catalog);
    assert!(failure(onto).contains("--out"));
    assert!(failure(audit("sde", &t.path("set.h5"))).contains("set.h5"));
}

#[test]
fn astropy_reads_the_tables_with_units_and_checksums() {
    let Some(python) = std::env::var_os("SELFSI_CHECK_PYTHON") else {
        eprintln!("skipped: SELFSI_CHECK_PYTHON names no Python with requirements/check.txt");
        return;
    };
    let catalog = catalog("sde");
    let out = Trained::get().path("checked.fits");
    let mut command = audit("sde", &catalog);
    command.arg("--out").arg(&out);
    json(command);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_audit.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&out)
        .arg(&catalog)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
