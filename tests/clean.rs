//! Partly clean data (`[train.clean]`): what they teach, and what is refused.

mod prepared_set;

use assert_cmd::Command;
use ndarray::Array2;
use prepared_set::{UNIT, objects, survey};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::Config;
use selfsi::prepare::Prepared;
use selfsi::train::{Clean, Data, is_heldout};
use std::path::PathBuf;
use tch::{Device, Kind};

const N: usize = 400;
const D: usize = 32;

struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    /// Spectra 1 + a·shape with a ~ N(0, 0.09): observed through noise that never lets the red half
    /// be seen, and clean ones of other objects.
    fn new() -> Self {
        let study = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        study.write("set.h5", 1, "O", 0.2);
        study.write("clean.h5", 2, "C", 0.0);
        study
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self) -> String {
        format!(
            "{}
            [forward]
            kind = 'gaussian'
            sigma = 0.2
            [train]
            steps = 300
            warm_start = 0
            batch = 16
            learning_rate = 5e-3
            heldout = 0.1
            validate_every = 300
            checkpoint_every = 300
            [transport]
            steps = 4
            [network]
            channels = [16, 16]
            patch = 4
            margin = 16
            embedding = 16",
            survey(&self.path("set.h5"), D)
        )
    }

    fn clean(&self, fraction: f64) -> String {
        format!(
            "train.clean = {{ prepared = '{}', fraction = {fraction} }}",
            self.path("clean.h5").display()
        )
    }

    fn config(&self, overrides: &[String]) -> Config {
        Config::parse(&self.text(), "test", overrides).unwrap()
    }

    fn write(&self, name: &str, seed: u64, prefix: &str, sigma: f32) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
        let amplitude: Vec<f32> = (0..N).map(|_| 0.3 * normal()).collect();
        let mut flux = Array2::from_shape_fn((N, D), |(i, j)| {
            1.0 + amplitude[i] * shape(j) + sigma * normal()
        });
        let ivar = if sigma > 0.0 { sigma.powi(-2) } else { 1e12 };
        let mut ivar = Array2::from_elem((N, D), ivar);
        if sigma > 0.0 {
            flux.slice_mut(ndarray::s![.., D / 2..]).fill(0.0);
            ivar.slice_mut(ndarray::s![.., D / 2..]).fill(0.0);
        } else {
            // One clean spectrum has a gap.
            ivar[[7, 3]] = 0.0;
        }
        let mut objects = objects(N);
        for o in &mut objects {
            (o.name, o.norm) = (o.name.replace('Q', prefix), 1.0);
        }
        prepared_set::write(&self.path(name), &self.text(), UNIT, &objects, flux, ivar);
    }

    fn data(&self, config: &Config) -> selfsi::Result<Data> {
        let set = Prepared::open(&config.survey.prepared)?;
        Data::load(&set, config.seed, &config.train, Device::Cpu)?.with_clean(config, Device::Cpu)
    }

    fn selfsi(&self, arguments: &[&str]) -> assert_cmd::assert::Assert {
        Command::cargo_bin("selfsi")
            .unwrap()
            .current_dir(self.folder.path())
            .args(["--threads", "1"])
            .args(arguments)
            .assert()
    }
}

fn shape(j: usize) -> f32 {
    if j < D / 2 { 1.0 } else { -1.0 }
}

#[test]
fn the_fraction_of_clean_rows_is_right_on_average_and_none_is_masked_or_held_out() {
    let study = Study::new();
    let config = study.config(&[study.clean(0.15)]);
    let data = study.data(&config).unwrap();
    let clean: Clean = data.clean.unwrap();
    let mean = (0..2000).map(|s| clean.count(3, s, 16)).sum::<i64>() as f64 / 2000.0;
    assert!((mean - 2.4).abs() < 0.05, "{mean}");

    let set = Prepared::open(study.path("clean.h5")).unwrap();
    let flux = set.read(0..N).unwrap().flux;
    let drawn = clean.draw(3, 0, 5000);
    for i in 0..N {
        let held = is_heldout(&set.objects()[i], config.seed, config.train.heldout);
        let first = f64::from(flux[[i, 0]]);
        let times = (drawn.select(1, 0) - first)
            .abs()
            .lt(1e-7)
            .sum(Kind::Int64)
            .int64_value(&[]);
        assert_eq!(times > 0, !held && i != 7, "row {i}: drawn {times} times");
    }
}

/// No observation holds the red half: the loop alone cannot know how it goes with the blue one.
#[test]
fn clean_data_teach_what_no_observation_shows() {
    let study = Study::new();
    std::fs::write(study.path("job.toml"), study.text()).unwrap();
    let slope = |name: &str, overrides: &[&str]| {
        let train = [&["train", "job.toml", "--out", name], overrides].concat();
        study.selfsi(&train).success();
        study
            .selfsi(&["restore", name, "--out", &format!("{name}.fits")])
            .success();
        let restored = selfsi::restored::Restored::open(study.path(&format!("{name}.fits")))
            .unwrap()
            .image("RESTORED")
            .unwrap();
        let half = |r: std::ops::Range<usize>| {
            restored
                .slice(ndarray::s![.., r])
                .mean_axis(ndarray::Axis(1))
                .unwrap()
        };
        let (blue, red) = (half(0..D / 2) - 1.0, half(D / 2..D) - 1.0);
        (&blue * &red).sum() / (&blue * &blue).sum()
    };
    let alone = slope("alone", &[]);
    let clean = study.clean(0.6);
    let taught = slope("taught", &["--set", &clean]);
    println!("red against blue: {alone:.2} without, {taught:.2} with clean data; -1 in truth");
    assert!((taught + 1.0).abs() < 0.25, "{taught}");
    assert!((alone + 1.0).abs() > 0.5, "{alone}");
}

#[test]
fn another_normalisation_grid_or_an_empty_set_is_refused_in_one_line() {
    let study = Study::new();
    let refused = |overrides: &[String], words: &str| {
        let e = study
            .data(&study.config(overrides))
            .unwrap_err()
            .to_string();
        assert!(e.contains("clean.h5") && e.contains(words), "{e}");
        assert!(!e.contains('\n'));
    };
    let clean = study.clean(0.3);
    let window = "normalise = { kind = 'window', min = 4100, max = 4200, snr_min = 3 }";
    refused(&[clean.clone(), window.into()], "[normalise]");
    study.write("clean.h5", 2, "C", 0.2);
    refused(&[clean], "masked");
    let e = Config::parse(&study.text(), "t", &[study.clean(0.0)]).unwrap_err();
    assert!(e.to_string().contains("train.clean.fraction"), "{e}");
}

#[test]
fn a_resumed_run_wants_the_same_clean_data() {
    let study = Study::new();
    std::fs::write(study.path("job.toml"), study.text()).unwrap();
    let clean = study.clean(0.3);
    let train = |more: &[&str]| {
        let base = ["train", "job.toml", "--out", "run", "--set", &clean];
        study.selfsi(&[&base, more].concat())
    };
    train(&["--set", "train.steps=2"]).success();
    study.write("clean.h5", 5, "C", 0.0);
    let out = train(&["--set", "train.steps=2", "--resume"]).failure();
    let text = String::from_utf8_lossy(&out.get_output().stderr).into_owned();
    assert!(
        text.contains("clean.h5") && text.contains("SHA-256"),
        "{text}"
    );
}
