//! Images and a run that is not trained: its network has its initial weights, of which the
//! transport of the ODE is the identity.

use assert_cmd::Command;
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2, ArrayView4};
use safetensors::tensor::{Dtype, TensorView};
use selfsi::config::Config;
use selfsi::data::Layout;
use selfsi::fit::Header;
use selfsi::prepare::ImageSet;
use selfsi::train::{Run, config_sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::Device;

const SIDE: usize = 8;

pub fn selfsi() -> Command {
    let mut command = Command::cargo_bin("selfsi").unwrap();
    command.args(["--threads", "1"]);
    command
}

/// Observed images in the units of their file, [N, D]; masked pixels have ivar 0.
pub struct Raw {
    pub pixels: Array2<f32>,
    pub ivar: Array2<f32>,
}

pub struct ImageRun {
    folder: tempfile::TempDir,
    channels: usize,
}

impl ImageRun {
    pub const N: usize = 10;
    /// The image without any good pixel.
    pub const EMPTY: usize = 3;

    pub fn new(channels: usize, softening: Option<f64>, interpolant: &str) -> Self {
        let run = Self {
            folder: tempfile::tempdir().unwrap(),
            channels,
        };
        run.write_raw();
        let numbers = |v: f64| vec![v.to_string(); channels].join(", ");
        let softening = softening.map_or(String::new(), |s| format!("softening = {s}"));
        let text = format!(
            "seed = 5
            [image]
            channels = {channels}
            height = {SIDE}
            width = {SIDE}
            [survey]
            prepared = '{}'
            [survey.source]
            kind = 'images'
            path = '{}'
            unit = 'nJy'
            [normalise]
            kind = 'pixels'
            mean = [{}]
            std = [{}]
            {softening}
            [forward]
            kind = 'gaussian'
            sigma = 0.1
            [network]
            channels = 8
            multipliers = [1, 2]
            blocks = 1
            attention = []
            head = 8
            [interpolant]
            {interpolant}
            [transport]
            steps = 3
            [train]
            warm_start = 0
            heldout = 0.4
            [restore]
            draws = 3
            batch = 4",
            run.path("set.h5").display(),
            run.raw_file().display(),
            numbers(0.4),
            numbers(1.7),
        );
        let toml = run.path("config.toml");
        std::fs::write(&toml, text).unwrap();
        selfsi().arg("prepare").arg(&toml).assert().success();
        run.write_run(&Config::load(&toml, &[]).unwrap());
        run
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn raw_file(&self) -> PathBuf {
        self.path("raw.h5")
    }

    /// Values from −2 to 30 or so; every seventh pixel of the even rows is masked.
    pub fn raw(&self) -> Raw {
        let d = self.channels * SIDE * SIDE;
        let value = |(i, j): (usize, usize)| {
            let wave = (0.3 * j as f32 + i as f32).sin();
            wave + 30.0 * wave.powi(8) * (i as f32 / Self::N as f32)
        };
        let ivar = |(i, j): (usize, usize)| {
            let masked = i == Self::EMPTY || (i % 2 == 0 && j % 7 == 0);
            if masked { 0.0 } else { 25.0 + j as f32 }
        };
        Raw {
            pixels: Array2::from_shape_fn((Self::N, d), value),
            ivar: Array2::from_shape_fn((Self::N, d), ivar),
        }
    }

    fn write_raw(&self) {
        let Raw { pixels, ivar } = self.raw();
        let file = hdf5::File::create(self.raw_file()).unwrap();
        let shape = (Self::N, self.channels, SIDE, SIDE);
        for (name, data) in [("images", &pixels), ("ivar", &ivar)] {
            let data = ArrayView4::from_shape(shape, data.as_slice().unwrap()).unwrap();
            let builder = file.new_dataset_builder();
            builder.with_data(data).create(name).unwrap();
        }
        let names = (0..Self::N).map(|i| format!("galaxy {i}").parse().unwrap());
        let names: Array1<VarLenUnicode> = names.collect();
        let labels: Array1<i64> = (0..Self::N as i64).collect();
        let builder = file.new_dataset_builder();
        builder.with_data(&names).create("id").unwrap();
        let builder = file.new_dataset_builder();
        builder.with_data(&labels).create("ans").unwrap();
    }

    fn write_run(&self, config: &Config) {
        let run = Run::plan(&self.path("run"), config).unwrap();
        run.create().unwrap();
        let set = ImageSet::open(self.path("set.h5")).unwrap();
        let layout = Layout::Images(set.header().layout.clone());
        let network = run.network(&layout, None, Device::Cpu).unwrap();
        let weights: Vec<(String, Vec<usize>, Vec<u8>)> = network
            .params()
            .named()
            .iter()
            .map(|(name, t)| {
                let shape = t.size().iter().map(|n| *n as usize).collect();
                let values = Vec::<f32>::try_from(t.contiguous().view([-1])).unwrap();
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (format!("averaged/{name}"), shape, bytes)
            })
            .collect();
        let views = weights.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name.as_str(), view)
        });
        let header = Header {
            step: 0,
            config_sha256: config_sha256(config).unwrap(),
            best: None,
            stale: 0,
            losses: vec![],
            pool: vec![],
            unvalidated: Default::default(),
        };
        let header = serde_json::to_string(&header).unwrap();
        let metadata = HashMap::from([("selfsi networks 1".to_owned(), header)]);
        let file = safetensors::serialize(views, Some(metadata)).unwrap();
        std::fs::write(run.best(), file).unwrap();
    }

    /// `selfsi restore RUN … --out out`.
    pub fn restore(&self, inputs: &[&Path], out: &Path) -> Command {
        let mut command = selfsi();
        command.arg("restore").arg(self.path("run")).args(inputs);
        command.arg("--out").arg(out);
        command
    }
}
