//! The Python package on files that the program wrote: python/tests, run by the Python of
//! SELFSI_CHECK_PYTHON.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::python::python;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::Trained;
use std::path::Path;
use std::process::Command;

#[test]
fn the_python_package_reads_what_is_written_and_runs_the_program() {
    let Some(python) = python() else { return };
    let t = Trained::get();
    // sde: draws and quantiles; ode: no uncertainty.
    for run in ["sde", "ode"] {
        let out = t.out(&format!("{run}.fits"));
        let mut c = t.restore(run, &[], &out);
        if run == "sde" {
            let set = "restore.quantiles=[0.16,0.84]";
            c.args(["--save-draws", "--set", set]);
        }
        c.assert().success();
    }
    let mut c = selfsi();
    c.arg("audit").arg(t.run("sde")).arg(t.out("sde.fits"));
    c.args(["--simulations", "200"]).assert().success();
    let mut c = selfsi();
    c.arg("generate").arg(t.copy("sde"));
    c.arg("--restored").arg(t.out("sde.fits"));
    c.args([
        "-n",
        "5",
        "--set",
        "diffusion.steps=3",
        "--set",
        "diffusion.sampler.steps=4",
        "--out",
    ]);
    c.arg(t.out("generated.h5")).assert().success();
    let images = ImageRun::new(
        3,
        Some(0.5),
        "kind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0",
    );
    for name in ["images.fits", "images.h5"] {
        let mut c = images.restore(&[], &t.out(name));
        c.arg("--save-draws").assert().success();
    }

    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let mut command = Command::new(python);
    command.args(["-m", "unittest"]);
    command.args(["discover", "--start-directory"]);
    command.arg(package.join("tests"));
    command
        .env("PYTHONPATH", &package)
        .env("SELFSI", assert_cmd::cargo::cargo_bin("selfsi"))
        .env("SELFSI_TEST_SURVEY", t.path(""))
        .env("SELFSI_TEST_FILES", t.out(""));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}
