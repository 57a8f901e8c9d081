//! `selfsi audit` of images: a blob that is not in the observation is told from those that are.

use crate::fixtures::fits_text::texts;
use crate::fixtures::image_run::ImageRun;
use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::{failure, selfsi};
use fitsio::FitsFile;
use fitsio::images::ReadImage;
use serde_json::Value;
use std::path::Path;

const SIDE: usize = 8;
/// The image that gets a blob, and where: columns and rows from 0.
const ROW: usize = 1;
const AT: [usize; 2] = [5, 2];

fn column<T: fitsio::tables::ReadsCol>(path: &Path, table: &str, name: &str) -> Vec<T> {
    let mut f = FitsFile::open(path).unwrap();
    let hdu = f.hdu(table).unwrap();
    hdu.read_col(&mut f, name).unwrap()
}

fn audit(run: &ImageRun, restored: &Path, options: &[&str]) -> Value {
    let mut command = selfsi();
    command.args(["--json", "audit"]).arg(run.path("run"));
    command
        .arg(restored)
        .args(["--simulations", "200"])
        .args(options);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a place, which FITS counts from 1, is that of a pixel, counted from 0: within one, because what is
/// under the blob moves its top.
fn near(place: f64, pixel: usize) -> bool {
    (place - 1.0 - pixel as f64).abs() <= 1.0
}

/// Adds a round blob of so many units of the file to RESTORED of one image.
fn plant(restored: &Path, height: f32) {
    let mut f = FitsFile::edit(restored).unwrap();
    let hdu = f.hdu("RESTORED").unwrap();
    let mut values = Vec::<f32>::read_image(&mut f, &hdu).unwrap();
    for i in 0..SIDE * SIDE {
        let r2 = (i % SIDE).abs_diff(AT[0]).pow(2) + (i / SIDE).abs_diff(AT[1]).pow(2);
        values[ROW * SIDE * SIDE + i] += height * (-(r2 as f32)).exp();
    }
    hdu.write_section(&mut f, 0, values.len(), &values).unwrap();
    let mut status = 0;
    // SAFETY: an open file, at the HDU just written: its checksums are renewed.
    unsafe { fitsio_sys::ffpcks(f.as_raw(), &mut status) };
    assert_eq!(status, 0);
}

#[test]
fn an_invented_blob_is_flagged_where_it_is_and_what_y_shows_is_not() {
    let run = ImageRun::new(1, Some(50.0), "kind = 'ode'");
    let restored = run.path("restored.fits");
    run.restore(&[], &restored).assert().success();
    let clean = audit(&run, &restored, &[]);
    assert_eq!(clean["audited"], ImageRun::N - 1);
    assert_eq!(
        (&clean["flagged"], &clean["contradicted"]),
        (&0.into(), &0.into())
    );

    plant(&restored, 90.0);
    let result = audit(&run, &restored, &[]);
    assert_eq!(result["flagged"], 1, "{result:#}");
    let table = restored.with_extension("audit.fits");
    let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
    let s: Vec<f64> = column(&table, "AUDIT", "LOCAL_S");
    assert!(flags[ROW] & 4 == 4 && s[ROW] < -5.0, "{}", s[ROW]);
    let place = ["LOCAL_X", "LOCAL_Y", "LOCAL_CHANNEL"];
    let [x, y, channel] = place.map(|name| column::<f64>(&table, "AUDIT", name)[ROW]);
    assert!(
        near(x, AT[0]) && near(y, AT[1]) && channel == 1.0,
        "{x} {y} {channel}"
    );
    let reason = texts(&table, "AUDIT", "REASON");
    assert!(reason[ROW].contains("a blob of"), "{}", reason[ROW]);
    assert!(flags[ImageRun::EMPTY] == 1 && reason[ImageRun::EMPTY].starts_with("not restored"));

    // The peak is one of the features, and y contradicts it.
    let row: Vec<i64> = column(&table, "FEATURES", "ROW");
    let x: Vec<f64> = column(&table, "FEATURES", "X");
    let y: Vec<f64> = column(&table, "FEATURES", "Y");
    let here = |k: &usize| row[*k] == ROW as i64 + 1 && near(x[*k], AT[0]) && near(y[*k], AT[1]);
    let k = (0..row.len()).find(here).unwrap();
    let delta: Vec<f64> = column(&table, "FEATURES", "DELTA_CHI2");
    let verdict = texts(&table, "FEATURES", "VERDICT");
    assert_eq!(verdict[k], "CONTRADICTED", "{}", delta[k]);
    let range = |low: &str, high: &str| {
        let [low, high] = [low, high].map(|name| column::<f64>(&table, "FEATURES", name)[k]);
        low..=high
    };
    assert!(range("X_MIN", "X_MAX").contains(&x[k]) && range("Y_MIN", "Y_MAX").contains(&y[k]));
    // In the units of the file, although the run's values are stretched.
    let height = column::<f64>(&table, "FEATURES", "HEIGHT")[k];
    assert!((60.0..100.0).contains(&height), "{height}");
}

#[test]
fn images_of_several_channels_from_hdf5_are_audited_and_read_by_astropy() {
    let run = ImageRun::new(2, None, "kind = 'ode'");
    let restored = run.path("restored.h5");
    run.restore(&[], &restored).assert().success();
    let result = audit(&run, &restored, &[]);
    assert_eq!(
        (&result["audited"], &result["flagged"]),
        (&(ImageRun::N - 1).into(), &0.into())
    );
    let table = restored.with_extension("audit.fits");
    // No restored images, though of images.
    let seen = selfsi::inspect::inspect(&table).unwrap();
    assert_eq!(seen.kind, "FITS file");
    let channels: Vec<f64> = column(&table, "FEATURES", "CHANNEL");
    assert!(channels.contains(&1.0) && channels.contains(&2.0));
    if let Some(python) = python() {
        check(&python, "check_audit_images.py", &[table]);
    }
}

#[test]
fn a_file_of_another_run_is_refused() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let restored = run.path("restored.fits");
    let mut seeded = run.restore(&[], &restored);
    seeded
        .args(["--set", "transport.steps=4"])
        .assert()
        .success();
    let mut command = selfsi();
    command.arg("audit").arg(run.path("run")).arg(&restored);
    assert!(failure(command).contains("repeat the --set"));
}
