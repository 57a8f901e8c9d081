//! The diffusion model: what it learns of a known population, and that its training and its samples
//! can be repeated bit for bit.

use crate::fixtures::prepared_set;
use ndarray::Array2;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::Config;
use selfsi::data::{ImageLayout, Layout, LogGrid, Object, PixelScale};
use selfsi::diffusion::{DiffusionTrainer, Model, ModelRecord, Origin, Samples, begin};
use selfsi::train::Clean;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use tch::{Device, Kind, Tensor};

const D: i64 = 32;

fn config(overrides: &[&str]) -> Config {
    let text = "seed = 3
        grid.pixels = 32
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'hdf5'
        file = 'o.h5'
        wavelength = 'vacuum'
        flux_unit = ''
        [forward]
        kind = 'gaussian'
        sigma = 0.2
        [network]
        channels = [16, 16]
        patch = 4
        margin = 16
        embedding = 16
        [diffusion]
        steps = 250
        batch = 32
        learning_rate = 5e-3
        ema = 0.98
        checkpoint_every = 100
        sampler.steps = 24";
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    Config::parse(text, "test", &overrides).unwrap()
}

/// A folder with the file that stands for a restored catalog.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        // One core for each test: they run side by side.
        tch::set_num_threads(1);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("restored.fits"), "restored").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn record(&self, config: &Config) -> ModelRecord {
        let origin = Origin {
            catalog: &self.path("restored.fits"),
            samples: "DRAW",
            training: 1000,
            heldout: 200,
        };
        ModelRecord::new(config, origin).unwrap()
    }

    /// Begins or continues the model `name`.
    fn train(
        &self,
        name: &str,
        config: &Config,
        samples: &Samples,
        stop: bool,
    ) -> selfsi::Result<()> {
        // Dropout draws from torch's one generator.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let (folder, record) = (self.path(name), self.record(config));
        if !folder.exists() {
            begin(&folder, &record)?;
        }
        let mut trainer = DiffusionTrainer::new(&folder, &record, config, samples, Device::Cpu)?;
        trainer.train(&AtomicBool::new(stop), true)
    }

    fn model(&self, name: &str, config: &Config, samples: &Samples) -> Model {
        let (folder, record) = (self.path(name), self.record(config));
        Model::open(&folder, &record, config, &samples.layout, Device::Cpu)
            .unwrap()
            .expect("trained to the end")
    }
}

fn random(purpose: Purpose, n: i64, d: i64) -> Tensor {
    Rows::range(11, purpose, 0, n, Device::Cpu).normal(0, d)
}

/// +1 in the blue half, −1 in the red one.
fn shape() -> Tensor {
    let half = Tensor::ones([D / 2], (Kind::Float, Device::Cpu));
    Tensor::cat(&[&half, &-&half], 0)
}

/// 1 ± 0.3·shape, as often with either sign, with white noise of 0.05.
fn mixture() -> Samples {
    let sign = random(Purpose::Simulate, 1200, 1).sign();
    let x = sign * shape() * 0.3 + random(Purpose::Forward, 1200, D) * 0.05 + 1.0;
    Samples {
        layout: spectra(),
        training: x.narrow(0, 0, 1000),
        heldout: x.narrow(0, 1000, 200),
        clean: None,
    }
}

fn spectra() -> Layout {
    let grid = LogGrid::new(&config(&[]).grid);
    let noise_rho = vec![0.0; grid.pixels];
    Layout::Spectra { grid, noise_rho }
}

fn draw(model: &Model, config: &Config, seed: u64, numbers: &[i64]) -> Tensor {
    let sampler = config.diffusion_or_default().sampler;
    model.draw(&sampler, seed, numbers, &mut || Ok(())).unwrap()
}

fn bytes(folder: &Path, step: u64) -> Vec<u8> {
    std::fs::read(folder.join(format!("checkpoints/step-{step:08}.safetensors"))).unwrap()
}

/// Each half-spectrum's mean says which of the two an object is.
#[test]
fn a_mixture_of_two_populations_comes_back_with_its_modes_mean_and_scatter() {
    let (study, samples) = (Study::new(), mixture());
    let config = config(&["diffusion.steps=400", "diffusion.batch=64"]);
    study.train("model", &config, &samples, false).unwrap();
    let model = study.model("model", &config, &samples);
    let header = model.header();
    // √(0.3² + 0.05²) = 0.304; with a network that says nothing the loss is 1.
    assert!((header.sigma_data - 0.304).abs() < 0.003);
    let losses = header.denoising.unwrap();
    let heldout = losses.heldout.unwrap();
    println!("loss {:.3}, held out {heldout:.3}", losses.training);
    assert!(losses.training < 0.6 && (heldout / losses.training - 1.0).abs() < 0.2);

    let numbers: Vec<i64> = (1..=400).collect();
    let x = draw(&model, &config, 5, &numbers) - 1.0;
    let amplitude = (&x * shape()).mean_dim([1i64].as_slice(), false, Kind::Float);
    let residual = &x - amplitude.unsqueeze(1) * shape();
    let get = |t: Tensor| t.double_value(&[]);
    let (size, positive) = (
        get(amplitude.abs().mean(Kind::Double)),
        get(amplitude.gt(0.0).to_kind(Kind::Double).mean(Kind::Double)),
    );
    let between = get(amplitude
        .abs()
        .lt(0.15)
        .to_kind(Kind::Double)
        .mean(Kind::Double));
    let mean = get(x
        .mean_dim([0i64].as_slice(), false, Kind::Double)
        .abs()
        .max());
    let scatter = get(residual.std(true));
    println!(
        "|amplitude| {size:.3}, positive {positive:.2}, between {between:.3}, mean {mean:.3}, noise {scatter:.3}"
    );
    assert!((size - 0.3).abs() < 0.03, "|amplitude| {size}");
    assert!((positive - 0.5).abs() < 0.12, "positive: {positive}");
    assert!(between < 0.05, "between the modes: {between}");
    assert!(mean < 0.09, "mean {mean}");
    // The finest structure is learned last: within a factor of 2 after so few steps.
    assert!((0.025..0.1).contains(&scatter), "noise {scatter}");
}

#[test]
fn a_training_that_was_stopped_at_every_step_ends_bit_for_bit_like_one_that_was_not() {
    let study = Study::new();
    // Lines of the log, checkpoints and dropout do not fall together.
    let config = config(&[
        "diffusion.steps=46",
        "diffusion.batch=8",
        "diffusion.checkpoint_every=30",
        "diffusion.network.dropout=0.2",
    ]);
    let samples = mixture();
    study.train("whole", &config, &samples, false).unwrap();
    let mut stops = 0;
    while let Err(e) = study.train("parts", &config, &samples, true) {
        stops += 1;
        let e = e.to_string();
        assert!(
            e.contains(&format!("stopped at step {stops} by a signal")),
            "{e}"
        );
        assert!(
            e.contains("give the same command again") && !e.contains('\n'),
            "{e}"
        );
    }
    assert_eq!(stops, 45);
    assert!(bytes(&study.path("whole"), 46) == bytes(&study.path("parts"), 46));
    let lines = |name: &str| -> Vec<(u64, String)> {
        std::fs::read_to_string(study.path(name).join("metrics.jsonl"))
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
            .map(|l| {
                (
                    l["step"].as_u64().unwrap(),
                    format!("{} {}", l["loss"], l["denoising"]),
                )
            })
            .collect()
    };
    assert_eq!(lines("whole"), lines("parts"));
    // Losses at 20, 30, 40 and 46; what was measured at 30 and 46.
    assert_eq!(lines("whole").len(), 6);
}

#[test]
fn a_sample_depends_on_seed_and_number_alone() {
    let study = Study::new();
    let config = config(&["diffusion.steps=20"]);
    let samples = mixture();
    study.train("model", &config, &samples, false).unwrap();
    let model = study.model("model", &config, &samples);
    let whole = draw(&model, &config, 5, &[1, 2, 3, 4, 5, 6, 7]);
    let part = draw(&model, &config, 5, &[6, 2]);
    let apart = |a: Tensor, b: Tensor| (a - b).abs().max().double_value(&[]);
    // The convolutions of other batch sizes add up in another order.
    assert!(apart(part.get(0), whole.get(5)) < 1e-4);
    assert!(apart(part.get(1), whole.get(1)) < 1e-4);
    assert!(apart(whole.get(0), whole.get(1)) > 1e-2);
    let other = draw(&model, &config, 6, &[1]);
    assert!(apart(other.get(0), whole.get(0)) > 1e-2);
}

#[test]
fn images_are_learned_as_spectra_are() {
    let study = Study::new();
    let mut config = config(&["diffusion.steps=150", "diffusion.batch=32"]);
    let network = "kind = 'unet2d'
        channels = 8
        multipliers = [1, 2]
        blocks = 1
        attention = []
        head = 8
        dropout = 0.0";
    config.network = toml::from_str(network).unwrap();
    let layout = ImageLayout {
        channels: 1,
        height: 8,
        width: 8,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0],
            std: vec![1.0],
        },
        // What was known of the corruption is no part of a clean image.
        vector: 1,
        planes: 2,
        psf: 0,
    };
    // A bright upper half of brightness 1 ± 0.3.
    let up = Tensor::cat(
        &[
            Tensor::ones([32], (Kind::Float, Device::Cpu)),
            Tensor::zeros([32], (Kind::Float, Device::Cpu)),
        ],
        0,
    );
    let x = (random(Purpose::Simulate, 400, 1) * 0.3 + 1.0) * up;
    let samples = Samples {
        layout: Layout::Images(layout),
        heldout: x.narrow(0, 0, 0),
        training: x,
        clean: None,
    };
    study.train("model", &config, &samples, false).unwrap();
    let model = study.model("model", &config, &samples);
    let losses = model.header().denoising.unwrap();
    println!("loss {:.3}", losses.training);
    assert!(losses.training < 0.5 && losses.heldout.is_none());
    let x = draw(&model, &config, 1, &(1..=100).collect::<Vec<_>>());
    let half = |from| {
        x.narrow(1, from, 32)
            .mean_dim([1i64].as_slice(), false, Kind::Double)
    };
    let (mean, scatter) = (half(0).mean(Kind::Double), half(0).std(true));
    println!("upper half {mean} ± {scatter}");
    assert!((mean.double_value(&[]) - 1.0).abs() < 0.12);
    assert!((scatter.double_value(&[]) - 0.3).abs() < 0.1);
    assert!(half(32).abs().max().double_value(&[]) < 0.25);
}

#[test]
fn a_model_of_other_data_or_settings_is_named_with_what_differs() {
    let study = Study::new();
    let config_a = config(&["diffusion.steps=10"]);
    let record = study.record(&config_a);
    let differs = |asked: &ModelRecord, words: &[&str]| {
        let e = record.check(asked, Path::new("run/diffusion")).unwrap_err();
        let e = e.to_string();
        for word in words.iter().chain(&["--retrain", "run/diffusion"]) {
            assert!(e.contains(word), "{word}: {e}");
        }
        assert!(!e.contains('\n'));
    };
    // The sampler, and how often a checkpoint is written, are no part of the model.
    let same = config(&[
        "diffusion.steps=10",
        "diffusion.sampler.steps=18",
        "diffusion.checkpoint_every=7",
    ]);
    assert!(record.check(&study.record(&same), Path::new("")).is_ok());
    let other = config(&["diffusion.steps=11"]);
    differs(&study.record(&other), &["diffusion.steps = 10, not 11"]);
    let other = config(&["diffusion.steps=10", "diffusion.network.kernel=3"]);
    differs(
        &study.record(&other),
        &["diffusion.network.kernel = 5, not 3"],
    );
    std::fs::write(study.path("restored.fits"), "restored otherwise").unwrap();
    differs(&study.record(&config_a), &["another catalog"]);
}

/// Every restoration is of the one kind, every clean spectrum of the other.
#[test]
fn clean_data_take_their_part_of_each_batch() {
    let study = Study::new();
    let clean = format!(
        "train.clean = {{ prepared = '{}', fraction = 0.3 }}",
        study.path("clean.h5").display()
    );
    let config = config(&["diffusion.steps=150", &clean]);
    let kind = |sign: f64| shape() * (0.3 * sign) + random(Purpose::Forward, 400, D) * 0.05 + 1.0;
    let flux: Vec<f32> = kind(-1.0).contiguous().view([-1]).try_into().unwrap();
    let flux = Array2::from_shape_vec((400, D as usize), flux).unwrap();
    let ivar = Array2::from_elem(flux.raw_dim(), 1e12);
    let named = |i| Object {
        name: format!("C{i}"),
        ..Object::default()
    };
    let objects: Vec<Object> = (0..400).map(named).collect();
    let text = config.to_toml().unwrap();
    prepared_set::write(&study.path("clean.h5"), &text, "", &objects, flux, ivar);
    let layout = spectra();
    let clean = config.train.clean.as_ref().unwrap();
    let samples = Samples {
        clean: Some(Clean::load(&config, clean, &layout, Device::Cpu).unwrap()),
        training: kind(1.0),
        heldout: kind(1.0).narrow(0, 0, 0),
        layout,
    };
    study.train("model", &config, &samples, false).unwrap();
    assert_eq!(study.record(&config).clean_fraction, 0.3);
    let model = study.model("model", &config, &samples);
    let x = draw(&model, &config, 5, &(1..=300).collect::<Vec<_>>()) - 1.0;
    let negative = (x * shape())
        .mean_dim([1i64].as_slice(), false, Kind::Float)
        .lt(0.0);
    let part = negative
        .to_kind(Kind::Double)
        .mean(Kind::Double)
        .double_value(&[]);
    println!("of the clean kind: {part:.2}");
    assert!((part - 0.3).abs() < 0.12, "{part}");
}
