//! What selfsi writes, read by astropy, fitscheck and specutils themselves.
//!
//! Needs a Python with requirements/check.txt; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::trained::{Trained, config, hdf5_source, hdf5_survey, selfsi, train};
use std::path::{Path, PathBuf};
use std::process::Command;

fn check(python: &Path, catalog: &Path, spectra: Option<&Path>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_restored.py");
    let mut command = Command::new(python);
    command.arg(script).arg(catalog).args(spectra);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn astropy_and_specutils_read_what_is_written() {
    let Some(python) = std::env::var_os("SELFSI_CHECK_PYTHON").map(PathBuf::from) else {
        eprintln!("skipped: SELFSI_CHECK_PYTHON names no Python with requirements/check.txt");
        return;
    };
    let t = Trained::get();
    for run in ["ode", "sde"] {
        let (out, spectra) = (
            t.path(&format!("{run}.fits")),
            t.path(&format!("{run}-spectra")),
        );
        let mut c = t.restore(run, &[&t.path("mock/spectra")], &out);
        c.arg("--spectra").arg(&spectra);
        if run == "sde" {
            c.arg("--save-draws");
        }
        c.arg("--catalog")
            .arg(t.path("mock/catalog.fits"))
            .assert()
            .success();
        check(&python, &out, Some(&spectra));
    }
    // Another survey: other units, no frame, no SDSS identifiers.
    let (file, toml, out) = (
        t.path("survey.h5"),
        t.path("hdf5.toml"),
        t.path("hdf5.fits"),
    );
    hdf5_survey(&file, 30);
    let text = config(&t.path("hdf5-set.h5"), &hdf5_source(&file));
    let known = "from = 'resolution', resolution = 500.0, spread = 0.05";
    std::fs::write(&toml, text.replace("from = 'lsf'", known)).unwrap();
    selfsi().arg("prepare").arg(&toml).assert().success();
    train(&toml, &t.run("hdf5"));
    t.restore("hdf5", &[], &out).assert().success();
    check(&python, &out, None);
}
