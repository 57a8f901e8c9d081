//! A run on a survey that does not fit into `train.memory`: read from the prepared set as it goes,
//! the same every time, and continued bit for bit.

#[allow(dead_code)] // the other tests use more of it
mod trained;

use selfsi::config::Config;
use selfsi::prepare::Prepared;
use selfsi::train::{Data, Feed, Training};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tch::Device;
use trained::{config, hdf5_source, hdf5_survey, selfsi};

/// More than one epoch of 1,200 spectra and some windows of it.
const STEPS: u64 = 60;
/// GiB: about 250 of these spectra of 64 pixels.
const MEMORY: &str = "memory = 0.00024";

/// A prepared set, with `job.toml` for it.
fn survey() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        hdf5_survey(&path("catalog.h5"), 1200);
        let known = "from = 'resolution', resolution = 500.0, spread = 0.05";
        let text = config(&path("set.h5"), &hdf5_source(&path("catalog.h5")))
            .replace("from = 'lsf'", known)
            .replace(
                "steps = 4\n",
                &format!("steps = {STEPS}\n        {MEMORY}\n"),
            )
            .replace("warm_start = 2", "warm_start = 10\n        reuse = 3")
            .replace("batch = 8", "batch = 32")
            .replace("heldout = 0.3", "heldout = 0.1")
            .replace("_every = 4", "_every = 20");
        std::fs::write(path("job.toml"), text).unwrap();
        selfsi()
            .arg("prepare")
            .arg(path("job.toml"))
            .assert()
            .success();
        folder
    });
    folder.path()
}

fn train(run: &str, more: &[&str]) -> PathBuf {
    let run = survey().join(run);
    let mut command = selfsi();
    command.arg("train").arg(survey().join("job.toml"));
    command.arg("--out").arg(&run).args(more);
    command.assert().success();
    run
}

fn newest(run: &Path) -> PathBuf {
    let found = std::fs::read_dir(run.join("checkpoints")).unwrap();
    found.map(|f| f.unwrap().path()).max().unwrap()
}

fn data(set: &[&str]) -> Data {
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    let config = Config::load(survey().join("job.toml"), &set).unwrap();
    let prepared = Prepared::open(&config.survey.prepared).unwrap();
    Data::load(&prepared, config.seed, &config.train, Device::Cpu).unwrap()
}

#[test]
fn a_streamed_run_is_the_same_every_time_and_continues_bit_for_bit() {
    let straight = train("straight", &[]);
    let last = std::fs::read(newest(&straight)).unwrap();
    assert_eq!(std::fs::read(newest(&train("again", &[]))).unwrap(), last);
    // From the checkpoint before, at step 40: within a window and within a reused batch.
    std::fs::remove_file(newest(&straight)).unwrap();
    assert!(newest(&straight).ends_with("step-00000040.safetensors"));
    train("straight", &["--resume"]);
    assert_eq!(std::fs::read(newest(&straight)).unwrap(), last);
}

#[test]
fn what_is_read_from_the_set_is_what_a_run_in_memory_has() {
    let (streamed, resident) = (data(&[]), data(&["train.memory=1.0"]));
    assert!(matches!(streamed.training, Training::Streamed(_)));
    assert!(matches!(resident.training, Training::Resident(_)));
    let n = resident.training.len();
    assert_eq!(streamed.training.len(), n);
    let all = |d: &Data| d.training.part(0..n).unwrap();
    let (a, b) = (all(&streamed), all(&resident));
    assert!(a.flux == b.flux && a.latent.sigma == b.latent.sigma && a.latent.good == b.latent.good);
    assert!(streamed.heldout.flux == resident.heldout.flux);
    // An epoch holds each spectrum once: its flux summed is that of all.
    let mut feed = Feed::new(&streamed.training, 5, n as usize);
    let epoch = feed.batch(3).unwrap();
    let sum = |t: &tch::Tensor| t.sum(tch::Kind::Double).double_value(&[]);
    assert!((sum(&epoch.flux) / sum(&a.flux) - 1.0).abs() < 1e-9);
    assert!(epoch.flux != a.flux, "shuffled");
}
