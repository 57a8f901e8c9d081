//! `selfsi demo`: the whole way on a mock survey, in a folder of the user's choice.

use crate::fixtures::run_folder::selfsi;

const FEW: [&str; 12] = [
    "--set",
    "mock.spectra=150",
    "--set",
    "grid.pixels=96",
    "--set",
    "train.steps=8",
    "--set",
    "train.validate_every=2",
    "--set",
    "network.channels=[4,8]",
    "--set",
    "train.batch=8",
];

#[test]
fn the_demo_runs_from_any_folder_and_is_kept_when_it_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = || {
        let mut command = selfsi();
        command
            .current_dir(folder.path())
            .args(["demo", "trial"])
            .args(FEW);
        command.args([
            "--set",
            "train.heldout=0.5",
            "--set",
            "mock.snr=[6, 9]",
            "--quiet",
        ]);
        let output = command.assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = demo();
    let end = "restored catalog: trial/run/restored.fits; picture: trial/spectra.png; page to look at: trial/view.html";
    assert_eq!(said.lines().last(), Some(end), "{said}");
    for file in [
        "demo.toml",
        "mock/truth.h5",
        "prepared.h5",
        "run/evaluation.md",
        "run/audit.fits",
        "training.png",
    ] {
        assert!(folder.path().join("trial").join(file).is_file(), "{file}");
    }
    let again = demo();
    let made = again.lines().filter(|l| l.contains(": made "));
    assert_eq!(made.count(), 0, "{again}");
}
