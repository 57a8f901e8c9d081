//! Estimates of the KL in the metrics of real, tiny runs: there for spectra and for images, and the
//! same in a run that was resumed.

use crate::fixtures::prepared_set::{self, NETWORK, UNIT, objects, survey, waves};
use crate::fixtures::run_folder::{checkpoints, metrics, selfsi};
use ndarray::Array2;
use serde_json::Value;
use std::path::PathBuf;

const N: usize = 250;
const D: usize = 64;
const TRAIN: &str = "[train]
    steps = 40
    warm_start = 0
    batch = 8
    heldout = 0.4
    validate_every = 10
    checkpoint_every = 20";

/// A folder with a job `job.toml` on [`N`] noisy waves of 64 pixels.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn spectra() -> Self {
        let study = Self::new();
        let text = format!(
            "{survey}
            [forward]
            kind = 'gaussian'
            sigma = 0.5
            [interpolant]
            kind = 'ode'
            [transport]
            steps = 4
            [network]
            margin = 16
            {NETWORK}
            {TRAIN}",
            survey = survey(&study.path("set.h5"), D)
        );
        std::fs::write(study.path("job.toml"), &text).unwrap();
        let [_, flux] = waves(N, D);
        let ivar = Array2::from_elem(flux.dim(), 4.0);
        prepared_set::write(&study.path("set.h5"), &text, UNIT, &objects(N), flux, ivar);
        study
    }

    fn images() -> Self {
        let study = Self::new();
        let text = format!(
            "seed = 3
            [image]
            channels = 1
            height = 8
            width = 8
            [survey]
            prepared = '{}'
            [survey.source]
            kind = 'images'
            path = '{}'
            [normalise]
            kind = 'pixels'
            [forward]
            kind = 'gaussian'
            sigma = 0.5
            [network]
            channels = 8
            multipliers = [1, 2]
            blocks = 1
            attention = []
            head = 8
            [transport]
            steps = 4
            {TRAIN}",
            study.path("set.h5").display(),
            study.path("raw.h5").display()
        );
        std::fs::write(study.path("job.toml"), &text).unwrap();
        let file = hdf5::File::create(study.path("raw.h5")).unwrap();
        let [_, images] = waves(N, D);
        let images = images.into_shape_with_order((N, 1, 8, 8)).unwrap();
        let builder = file.new_dataset_builder();
        builder.with_data(&images).create("images").unwrap();
        drop(file);
        let mut prepare = selfsi();
        prepare.arg("prepare").arg(study.path("job.toml"));
        prepare.assert().success();
        study
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn train(&self, arguments: &[&str]) {
        let mut command = selfsi();
        command.arg("train").arg(self.path("job.toml"));
        command.arg("--out").arg(self.path("run")).args(arguments);
        command.assert().success();
    }

    fn validations(&self) -> Vec<Value> {
        let mut lines = metrics(&self.path("run"));
        lines.retain(|l| l.get("validation").is_some());
        lines
    }
}

#[test]
fn runs_of_spectra_and_of_images_write_the_estimates() {
    for (study, more) in [
        (Study::spectra(), "train.warm_start=10"),
        (Study::images(), "train.warm_start=0"),
    ] {
        study.train(&["--set", more]);
        let found = study.validations();
        assert_eq!(found.len(), 4);
        for v in found {
            for proxy in ["knn", "gaussian"] {
                let proxy = &v["validation"]["proxies"][proxy];
                assert!(
                    ["value", "floor", "error"]
                        .iter()
                        .all(|k| proxy[k].is_f64())
                );
            }
        }
        let mut diagnose = selfsi();
        let output = diagnose.arg("diagnose").arg(study.path("run")).assert();
        let output = output.success().get_output().stdout.clone();
        let text = String::from_utf8(output).unwrap();
        assert!(
            text.contains("      40 ") && text.contains("   floor "),
            "{text}"
        );
        println!("{text}");
    }
}

#[test]
fn a_resumed_run_writes_the_same() {
    let study = Study::spectra();
    study.train(&[]);
    let before = study.validations();
    // As if it had been killed after step 20.
    let checkpoints = checkpoints(&study.path("run"));
    assert_eq!(checkpoints.len(), 2);
    std::fs::remove_file(&checkpoints[1]).unwrap();
    study.train(&["--resume"]);
    assert_eq!(study.validations(), before);
}
