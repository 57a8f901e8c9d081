//! What is read from outside, fed with any bytes: each function here must come back, without a panic,
//! whatever it is given. libFuzzer drives them (`make fuzz`), and so does tests/it/fuzz.rs.

mod datasets;
pub mod sealed;
mod tables;

use flate2::Compression;
use flate2::write::GzEncoder;
use selfsi::Result;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    AirOrVacuum, Columns, Config, Datasets, ImageConfig, ImageDatasets, LatentUse, MaskConfig,
};
use selfsi::data::{ImageLayout, Layout, LogGrid, PixelScale};
use selfsi::fit::Checkpoint;
use selfsi::forward::{Command, ForwardModel, Latent};
use selfsi::generate::Generated;
use selfsi::inspect::inspect;
use selfsi::interpolant::Interpolant;
use selfsi::nets;
use selfsi::nets::VelocityField;
use selfsi::prepare::{ImageSet, Prepared};
use selfsi::restored::{Restored, RestoredImages};
use selfsi::survey::Truth;
use selfsi::survey::{Hdf5Catalog, ImageSource, PixelMask, read_catalog, read_spec};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// The tiny job that the seeds are made with.
pub const JOB: &str = include_str!("../seeds.toml");
/// Rows read of anything.
const ROWS: usize = 4;

/// Reads bytes; whether any of the readers took them.
pub type Target = fn(&[u8]) -> bool;

/// Every target with its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("config", config),
    ("fits", fits),
    ("hdf5", hdf5),
    ("datasets", datasets),
    ("tables", tables),
    ("pictures", pictures),
    ("checkpoint", checkpoint),
    ("protocol", protocol),
];

/// What a program of Rust's own does before `main`, and one thread for libtorch.
pub fn begin() {
    // SAFETY: a program that has ended must not end us.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    tch::set_num_threads(1);
}

/// An error is one line that says something.
fn told<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(e) => {
            let text = e.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "{text}");
            None
        }
    }
}

/// `data` as a file of this process and target alone.
fn file(target: &str, data: &[u8]) -> PathBuf {
    let name = format!("selfsi-fuzz-{}.{target}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, data).expect("a temporary file");
    path
}

/// A config: what is taken is written out and read back as the same.
pub fn config(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Some(config) = told(Config::parse(text, "fuzz", &[])) else {
        return false;
    };
    let Some(written) = told(config.to_toml()) else {
        return false;
    };
    let again = Config::parse(&written, "fuzz", &[]).expect("what was written");
    assert_eq!(again.to_toml().expect("as before"), written);
    true
}

/// FITS files of every kind that is read.
pub fn fits(data: &[u8]) -> bool {
    let path = file("fits", data);
    told(inspect(&path));
    let mask = PixelMask::new(&MaskConfig::default()).expect("the default");
    let mut taken = told(read_spec(&path, &mask, true)).is_some();
    taken |= told(read_catalog(&path, &Columns::default())).is_some();
    if let Some(restored) = told(Restored::open(&path)) {
        taken = true;
        for name in ["RESTORED", "SIGMA", "IVAR"] {
            told(restored.image(name));
        }
        if let Some(Some(mut draws)) = told(restored.draws()) {
            told(draws.of(0));
        }
        told(restored.shard());
    }
    taken |= made(&path);
    let _ = fs::remove_file(path);
    taken
}

/// Small FITS files whose headers and data are edited: tables of texts, packed ones, tiles, cubes; each
/// also gzipped.
pub fn tables(data: &[u8]) -> bool {
    let bytes = tables::make(data);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&bytes).expect("memory");
    let packed = packed.finish().expect("memory");
    let taken = [bytes, packed].map(|bytes| {
        let path = file("tables", &bytes);
        told(inspect(&path));
        let catalog = told(read_catalog(&path, &Columns::default())).is_some();
        let taken = catalog | images(&path, 1);
        let _ = fs::remove_file(path);
        taken
    });
    taken[0] | taken[1]
}

/// A folder of one picture: PNG, JPEG or FITS.
pub fn pictures(data: &[u8]) -> bool {
    let folder = std::env::temp_dir().join(format!("selfsi-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    fs::write(folder.join("picture.png"), data).expect("a temporary file");
    told(inspect(&folder));
    let taken = images(&folder, 1) | images(&folder, 3);
    let _ = fs::remove_dir_all(folder);
    taken
}

/// Whether the first image of `path` can be read as one of 8 × 8.
fn images(path: &Path, channels: usize) -> bool {
    let fit = channels == 3;
    let image = ImageConfig {
        channels,
        height: 8,
        width: 8,
        fit,
    };
    let source = ImageSource::open(&[path.to_path_buf()], &ImageDatasets::default(), &image);
    let read = told(source).and_then(|s| told(s.read(0..1)));
    read.is_some_and(|raw| raw.problems[0].is_none())
}

/// HDF5 files of every kind that is read.
pub fn hdf5(data: &[u8]) -> bool {
    let path = file("h5", data);
    let taken = read(&path);
    let _ = fs::remove_file(path);
    taken
}

/// HDF5 files that are not what they should be.
pub fn datasets(data: &[u8]) -> bool {
    let path = file("datasets.h5", &[]);
    datasets::make(&path, data);
    let taken = read(&path);
    let _ = fs::remove_file(path);
    taken
}

fn read(path: &Path) -> bool {
    told(inspect(path));
    let mut taken = false;
    if let Some(set) = told(Prepared::open(path)) {
        taken = true;
        told(set.read(0..set.len().min(ROWS)));
    }
    if let Some(set) = told(ImageSet::open(path)) {
        taken = true;
        told(set.read(0..set.len().min(ROWS)));
    }
    let (datasets, vacuum) = (Datasets::default(), AirOrVacuum::Vacuum);
    if let Some(catalog) = told(Hdf5Catalog::open(path, &datasets, vacuum)) {
        taken = true;
        told(catalog.read(0..catalog.len().min(ROWS)));
    }
    if let Some(truth) = told(Truth::open(path, &LogGrid::new(&job().grid))) {
        taken = true;
        let rows: Vec<usize> = (0..truth.len().min(ROWS)).collect();
        told(truth.read(&rows, &vec![1.0; rows.len()]));
    }
    taken | made(path)
}

/// Restored images and generated samples, in either form.
fn made(path: &Path) -> bool {
    let mut taken = false;
    if let Some(images) = told(RestoredImages::open(path)) {
        taken = true;
        told(images.image("RESTORED"));
    }
    if let Some(generated) = told(Generated::open(path)) {
        taken = true;
        let rows = generated.shape().first().copied().unwrap_or(0);
        told(generated.read(0..rows.min(ROWS)));
    }
    taken
}

fn job() -> Config {
    Config::parse(JOB, "seeds.toml", &[]).expect("the job of the seeds")
}

/// A network of the job of the seeds.
fn network() -> Box<dyn VelocityField> {
    let job = job();
    let layout = Layout::Spectra {
        grid: LogGrid::new(&job.grid),
        noise_rho: Vec::new(),
    };
    let heads = Interpolant::new(&job.interpolant, job.network.noise_input()).heads();
    nets::build(
        &job.network,
        &layout,
        heads,
        nets::Ground::Nothing,
        1,
        Device::Cpu,
    )
    .expect("a network")
}

/// Checkpoints: what is taken fits the network, and is finite.
pub fn checkpoint(data: &[u8]) -> bool {
    thread_local! {
        static NETWORK: Box<dyn VelocityField> = network();
    }
    let taken = |data: &[u8]| {
        let path = file("checkpoint", data);
        let opened = told(Checkpoint::open(&path));
        let state = opened.and_then(|c| NETWORK.with(|n| told(c.state(n.params(), Device::Cpu))));
        if let Some(state) = &state {
            assert!(state.is_finite());
        }
        let _ = fs::remove_file(path);
        state.is_some()
    };
    // With a checksum that fits, what is spoilt is read on.
    let again =
        sealed::unsealed(data).and_then(|(k, header, parts)| sealed::sealed(&k, header, &parts));
    if let Some(again) = again {
        taken(&again);
    }
    taken(data)
}

/// A simulator whose every answer is `data` but for its first byte, which chooses the job: what is
/// taken of it has the shape that it must have.
pub fn protocol(data: &[u8]) -> bool {
    let Some((choice, answer)) = data.split_first() else {
        return false;
    };
    let latent = [LatentUse::Kept, LatentUse::Redrawn, LatentUse::Hidden][usize::from(choice % 3)];
    let (layout, d) = if choice & 128 == 0 {
        let grid = LogGrid {
            loglam0: 3.6,
            dloglam: 1e-3,
            pixels: 8,
            frame: selfsi::config::Frame::Observed,
        };
        let noise_rho = Vec::new();
        (Layout::Spectra { grid, noise_rho }, 8)
    } else {
        let image = ImageLayout {
            channels: 1,
            height: 3,
            width: 4,
            scale: PixelScale {
                softening: None,
                mean: vec![0.0],
                std: vec![1.0],
            },
            vector: 0,
            planes: 0,
            psf: 0,
        };
        (Layout::Images(image), 12)
    };
    let path = file("protocol", answer);
    let mut taken = false;
    let program = ["cat".to_owned(), path.display().to_string()];
    if let Some(model) = told(Command::start(&program, 20.0, Some(1), latent, &layout)) {
        let x = Tensor::zeros([2, d], (Kind::Float, Device::Cpu));
        let recorded = Latent::of_pixels(x.ones_like(), x.ones_like(), x.zeros_like());
        let random = Rows::range(1, Purpose::Simulate, 0, 2, Device::Cpu);
        if let Some((y, latent)) = told(model.observe(&x, &recorded, &random)) {
            taken = true;
            assert_eq!(y.size(), [2, d]);
            assert_eq!(latent.sigma.size(), [2, d]);
            assert_ne!(y.isfinite().all().int64_value(&[]), 0);
            let (k, p) = model.widths();
            assert_eq!(latent.vector.size()[1], k as i64);
            assert_eq!(latent.planes.size()[1], 12 * p as i64);
        }
    }
    let _ = fs::remove_file(path);
    taken
}
