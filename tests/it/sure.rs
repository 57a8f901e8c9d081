//! `interpolant.kind = "sure"`: a posterior's mean learned by Stein's unbiased risk estimate, from the
//! command line.

use crate::fixtures::edited::edited;
use crate::fixtures::prepared_set::{NETWORK, UNIT, objects, survey, waves, write};
use crate::fixtures::run_folder::{failure, selfsi as command};
use crate::fixtures::same_fits::same;
use crate::fixtures::trained::{restore, train};
use ndarray::Array2;
use selfsi::config::Config;
use selfsi::data::Method;
use selfsi::prepare::Prepared;
use selfsi::ranks::Ranks;
use selfsi::restored::Restored;
use selfsi::train::{Data, Run, Trainer};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tch::Device;
use tempfile::TempDir;

const N: usize = 400;
const D: usize = 64;

/// Waves under noise, every ninth pixel masked, and the config of a run on them.
struct Waves {
    folder: TempDir,
    clean: Array2<f32>,
}

impl Waves {
    fn new(scatter: f32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [clean, noisy] = waves(N, D);
        let noise = &noisy - &clean;
        let clean = (clean - 1.0) * scatter + 1.0;
        let ivar = Array2::from_shape_fn((N, D), |(i, j)| 4.0 * f32::from((i + j) % 9 != 0));
        let flux = (&clean + &noise) * ivar.mapv(|v| f32::from(v > 0.0));
        let set = folder.path().join("set.h5");
        let text = format!(
            "{}
            [forward]
            kind = 'quasar'
            tilt = 0.05
            smoothing = {{ from = 'lsf' }}
            noise = {{ from = 'ivar' }}
            [interpolant]
            kind = 'sure'
            [network]
            {NETWORK}
            margin = 8
            [train]
            steps = 4
            batch = 16
            heldout = 0.3
            validate_every = 4
            checkpoint_every = 4
            [restore]
            draws = 8",
            survey(&set, D)
        );
        std::fs::write(folder.path().join("sure.toml"), &text).unwrap();
        write(&set, &text, UNIT, &objects(N), flux, ivar);
        Self { folder, clean }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn edited(&self, from: &str, to: &str) -> PathBuf {
        let text = std::fs::read_to_string(self.path("sure.toml")).unwrap();
        let path = self.path("edited.toml");
        std::fs::write(&path, edited(&text, from, to)).unwrap();
        path
    }
}

#[test]
fn sigma_is_what_the_mean_is_off_by_whatever_the_number_of_threads() {
    let waves = Waves::new(1.0);
    let run = waves.path("run");
    train(&waves.path("sure.toml"), &run);
    let restored = |threads: &str| {
        let out = waves.path(&format!("restored-{threads}.fits"));
        let mut c = restore(&run, &[], &out);
        c.args(["--save-draws", "--threads", threads]);
        c.assert().success();
        out
    };
    let [one, two] = ["1", "2"].map(restored);
    same(&one, &two);
    let catalog = Restored::open(&one).unwrap();
    assert_eq!(catalog.header().made.method, Method::Sure);
    let all: Vec<usize> = (0..N).collect();
    // Normalised fluxes: the objects' level is 2.
    let rows = |name: &str| catalog.rows(name).unwrap().read(&all).unwrap() / 2.0;
    let (mean, sigma, draw) = (rows("RESTORED"), rows("SIGMA"), rows("DRAW"));
    let prior = rows("SIGMA_PRIOR");
    let square = |a: &Array2<f32>| f64::from(a.mapv(|v| v * v).mean().unwrap());
    let (error, scatter) = (square(&(&mean - &waves.clean)), square(&sigma));
    assert!(
        (0.8..1.25).contains(&(error / scatter)),
        "{error} {scatter}"
    );
    // Noise makes some of it, the population the rest.
    let part = square(&prior) / scatter;
    assert!((0.05..0.95).contains(&part), "{part}");
    // The noise was 0.25.
    assert!(error < 0.02, "{error}");
    let off = square(&(&draw - &mean)) / scatter;
    assert!((0.8..1.25).contains(&off), "{off}");
    // Restored in parts and merged, every image is the same.
    let shards = ["1/2", "2/2"].map(|part| {
        let mut c = restore(&run, &[], &waves.path("part.fits"));
        c.args(["--save-draws", "--shard", part]);
        c.assert().success();
        waves.path(&format!("part.shard-00{}-of-002.fits", &part[..1]))
    });
    let merged = waves.path("merged.fits");
    let mut c = command();
    c.arg("merge").args(&shards).arg("--out").arg(&merged);
    c.assert().success();
    let whole = Restored::open(&merged).unwrap();
    assert!(whole.image("SIGMA_PRIOR").unwrap() == catalog.image("SIGMA_PRIOR").unwrap());
    let few = waves.path("few.fits");
    restore(&run, &[], &few)
        .args(["-n", "8"])
        .assert()
        .success();
    let mut audit = command();
    audit.arg("audit").arg(&run).arg(&few);
    audit.arg("--out").arg(waves.path("audit.fits"));
    audit.assert().success();
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits() {
    let waves = Waves::new(1.0);
    let path = waves.edited("validate_every = 4", "validate_every = 2");
    let config = Config::load(&path, &[]).unwrap();
    tch::set_num_threads(1);
    let set = Prepared::open(waves.path("set.h5")).unwrap();
    let data = Data::load(&set, config.seed, &config.train, Device::Cpu).unwrap();
    let ranks = Ranks::start().unwrap();
    let go = |run: &Run, resume: bool, stop: bool| {
        let mut trainer = Trainer::new(run, &data, Device::Cpu, resume, &ranks).unwrap();
        trainer.train(&AtomicBool::new(stop), true).is_ok()
    };
    let (straight, stopped) = (waves.path("straight"), waves.path("stopped"));
    let plan = |folder: &Path| Run::plan(folder, &config).unwrap();
    assert!(go(&plan(&straight), false, false));
    assert!(!go(&plan(&stopped), false, true));
    assert!(go(&Run::open(&stopped).unwrap(), true, false));
    for file in ["best.safetensors", "population.safetensors"] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&straight) == read(&stopped), "{file}");
    }
}

#[test]
fn what_it_cannot_use_is_refused_by_name() {
    let waves = Waves::new(0.0);
    let out = waves.path("no");
    for (from, to, key) in [
        ("steps = 4", "steps = 4\nwarm_start = 2", "train"),
        ("patch = 4", "patch = 4\ngaussian = true", "network"),
        ("patch = 4", "patch = 4\nnoise_input = false", "network"),
        (
            "kind = 'quasar'\n            tilt = 0.05\n            smoothing = { from = 'lsf' }\n            noise = { from = 'ivar' }",
            "kind = 'command'\n            program = ['true']\n            timeout = 1.0\n            latent = 'redrawn'",
            "interpolant.kind",
        ),
        // Objects that do not differ: their posterior would have no width.
        ("seed = 3", "seed = 4", "set.h5"),
    ] {
        let mut c = command();
        c.arg("train")
            .arg(waves.edited(from, to))
            .arg("--out")
            .arg(&out);
        let e = failure(&mut c);
        assert!(e.contains(key) && e.contains("sure"), "{e}");
        assert!(!out.exists());
    }
}
