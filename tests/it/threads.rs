//! Any number of threads gives the same bits: the rows of a batch are shared out in parts whose size does
//! not depend on it.

use crate::fixtures::prepared_set::{NETWORK, UNIT, objects, survey, waves, write};
use crate::fixtures::run_folder::Left;
use crate::fixtures::same_fits::same;
use assert_cmd::Command;
use ndarray::Array2;
use std::path::Path;

const D: usize = 64;
const N: usize = 330;

fn selfsi(threads: usize) -> Command {
    let mut command = Command::cargo_bin("selfsi").unwrap();
    command.args(["--threads", &threads.to_string()]);
    command
}

/// Trains three steps of batches that fall into two parts, and restores.
fn trained(folder: &Path, threads: usize) -> Left {
    let run = folder.join(format!("run-{threads}"));
    let mut train = selfsi(threads);
    train.arg("train").arg(folder.join("job.toml"));
    train.arg("--out").arg(&run);
    train.assert().success();
    let mut restore = selfsi(threads);
    restore.arg("restore").arg(&run).arg("--save-draws");
    restore.arg("--out").arg(run.join("restored.fits"));
    restore.assert().success();
    Left::by(&run)
}

fn same_with_any_number(interpolant: &str, network: &str, train: &str) {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set.h5");
    let text = format!(
        "{}
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}
        [interpolant]
        {interpolant}
        [transport]
        steps = 3
        [network]
        {NETWORK}
        margin = 8
        {network}
        [train]
        {train}
        steps = 3
        batch = 200
        heldout = 0.3
        validate_every = 3
        checkpoint_every = 3
        [restore]
        draws = 3",
        survey(&set, D)
    );
    std::fs::write(folder.path().join("job.toml"), &text).unwrap();
    let [_, flux] = waves(N, D);
    // Redshifts in no order: parts are made of rows of about one redshift.
    let mut objects = objects(N);
    for (i, o) in objects.iter_mut().enumerate() {
        o.z = 3.0 + 0.01 * ((i * 37) % 11) as f64;
    }
    write(
        &set,
        &text,
        UNIT,
        &objects,
        flux,
        Array2::from_elem((N, D), 4.0),
    );
    let one = trained(folder.path(), 1);
    for threads in [2, 3] {
        let other = trained(folder.path(), threads);
        assert!(one == other, "{threads} threads, {interpolant}");
        let catalog = |t| folder.path().join(format!("run-{t}/restored.fits"));
        same(&catalog(1), &catalog(threads));
    }
}

#[test]
fn the_sde_is_the_same_whatever_the_number_of_threads() {
    // Dropout, in the E-step too, and the warm start: every kind of random number takes part.
    let sde = "kind = 'sde'
        gamma = 1.0
        diffusion = 'channel'
        epsilon = 1.0";
    let train = "warm_start = 1
        ema_teacher = false";
    same_with_any_number(sde, "dropout = 0.1", train);
}

#[test]
fn sure_is_the_same_whatever_the_number_of_threads() {
    same_with_any_number("kind = 'sure'", "", "");
}

#[test]
fn the_posterior_is_the_same_whatever_the_number_of_threads() {
    same_with_any_number("kind = 'posterior'", "", "warm_start = 0");
}
