//! What selfsi writes, read by astropy, fitscheck and specutils themselves.
//!
//! Needs a Python with requirements/check.txt; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::edited::edited;
use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::{Trained, config, hdf5_source, hdf5_survey, restore, train};

#[test]
fn astropy_and_specutils_read_what_is_written() {
    let Some(python) = python() else { return };
    let t = Trained::get();
    let mut written = Vec::new();
    for run in ["ode", "sde"] {
        let (out, spectra) = (
            t.out(&format!("{run}.fits")),
            t.out(&format!("{run}-spectra")),
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
        written.extend([out, spectra]);
    }
    // Another survey: other units, no frame, no SDSS identifiers.
    let (file, toml, out) = (t.out("survey.h5"), t.out("hdf5.toml"), t.out("hdf5.fits"));
    hdf5_survey(&file, 30);
    let text = config(&t.out("hdf5-set.h5"), &hdf5_source(&file));
    let known = "from = 'resolution', resolution = 500.0, spread = 0.05";
    std::fs::write(&toml, edited(&text, "from = 'lsf'", known)).unwrap();
    selfsi().arg("prepare").arg(&toml).assert().success();
    let run = t.out("run-hdf5");
    train(&toml, &run);
    restore(&run, &[], &out).assert().success();
    written.push(out);
    // Python takes longer to start than to check.
    check(&python, "check_restored.py", &written);
}
