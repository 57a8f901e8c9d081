//! Observations of clean spectra.

use crate::base::random::{Purpose, Rows};
use crate::config::{Config, ForwardConfig, NoiseFrom, SmoothingFrom, StageConfig};
use crate::data::{Layout, LogGrid};
use crate::files::hdf5::content::{attribute, column, numbers, text, texts};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read::{self, attributes, names};
use crate::files::version;
use crate::forward;
use crate::forward::{Latent, redshifts};
use crate::survey::Truth;
use crate::{Error, Result};
use hdf5::types::TypeDescriptor;
use hdf5::{Dataset, File};
use ndarray::Array1;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Rows in memory at a time.
const ROWS: usize = 1024;

/// [`super::simulate`] for spectra: datasets flux [N, D] and loglam [D] on the config's grid, id
/// [N], and where they are there z and level [N]; written are flux, ivar and lsf (σ in pixels)
/// [N, D], loglam, id, z, level. F acts on flux/level; the level is put back.
pub(super) fn simulate(
    config: &Config,
    clean: &Path,
    out: &Path,
    device: Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize> {
    // There is no observation yet whose latent could be kept.
    let forward = config.forward.first();
    needs_no_observation(&forward)?;
    let grid = LogGrid::new(&config.grid);
    if grid.is_rest() {
        return Err(Error::config(
            "config",
            "grid.frame",
            "`rest`, and simulated observations are made where they are observed",
            "give frame = \"observed\" and the observed wavelengths",
        ));
    }
    let source = Source::open(clean, &grid)?;
    let n = source.clean.len();
    let output = Output::create(out)?;
    let target = output.put(|file| Target::create(file, &source, &grid))?;
    let model = forward::build(
        &forward,
        &Layout::Spectra {
            grid,
            noise_rho: Vec::new(),
        },
        device,
    )?;
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let numbers: Vec<usize> = (start..end).collect();
        let level = &source.level[start..end];
        // In units of the level, as F takes it.
        let flux = source.clean.read(&numbers, level)?;
        let shape = [(end - start) as i64, grid.pixels as i64];
        let flat: Vec<f32> = flux.iter().copied().collect();
        let x = Tensor::from_slice(&flat).view(shape).to_device(device);
        let level: Vec<f32> = level.iter().map(|l| *l as f32).collect();
        let level = Tensor::from_slice(&level).unsqueeze(1).to_device(device);
        let z = source.z.as_ref().map(|z| redshifts(&z[start..end]));
        let nothing = Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like());
        let nothing = match z {
            Some(z) => nothing.at(&z.to_device(device)),
            None => nothing,
        };
        let rows = Tensor::arange_start(start as i64, end as i64, (Kind::Int64, device));
        let random = Rows::new(config.seed, Purpose::Simulate, 0, &rows);
        let (y, latent) = model.observe(&x, &nothing, &random)?;
        if latent.sigma.min().double_value(&[]) <= 0.0 {
            return Err(Error::config(
                "simulate",
                "forward",
                "F gives no noise level, but a catalog of spectra needs ivar",
                "let the program give sigma",
            ));
        }
        let ivar = (latent.sigma * &level).square().reciprocal() * latent.good;
        let values = [y * &level, ivar, latent.lsf];
        output.put(|_| target.write(start, &values))?;
        progress(end, n);
    }
    drop(target);
    output.finish()?;
    Ok(n)
}

fn needs_no_observation(forward: &ForwardConfig) -> Result<()> {
    let refuse = |key: &str, fix: &str| {
        Err(Error::config(
            "simulate",
            key,
            "taken from observations, but there are none yet",
            fix,
        ))
    };
    match forward {
        ForwardConfig::Quasar { noise, .. } if *noise == NoiseFrom::Ivar => refuse(
            "forward.noise",
            "give e.g. noise = { from = \"snr\", min = 30, max = 50 }",
        ),
        ForwardConfig::Quasar {
            smoothing: SmoothingFrom::Lsf | SmoothingFrom::Matrix,
            ..
        } => refuse(
            "forward.smoothing",
            "give e.g. smoothing = { from = \"resolution\", resolution = 50, spread = 0.05 }",
        ),
        ForwardConfig::Stages { stages, .. } => {
            stages.iter().enumerate().try_for_each(|(i, stage)| {
                let key = format!("forward.stages[{i}].from");
                match stage {
                    StageConfig::Noise(noise) if noise.from.is_recorded() => {
                        refuse(&key, "give e.g. from = \"snr\", snr = [30, 50]")
                    }
                    StageConfig::Sky(_) => refuse(
                        &format!("forward.stages[{i}]"),
                        "leave the stage \"sky\" out",
                    ),
                    StageConfig::Smooth(SmoothingFrom::Lsf | SmoothingFrom::Matrix) => refuse(
                        &key,
                        "give e.g. from = \"resolution\", resolution = 50, spread = 0.05",
                    ),
                    _ => Ok(()),
                }
            })
        }
        _ => Ok(()),
    }
}

/// The clean spectra and what goes with them.
struct Source {
    clean: Truth,
    ids: Ids,
    z: Option<Vec<f64>>,
    /// 1 where the file gives none.
    level: Vec<f64>,
}

/// What the spectra are called, numbers where the clean ones have numbers.
enum Ids {
    Texts(Vec<String>),
    Numbers(Vec<i64>),
}

impl Ids {
    fn read(id: &Dataset) -> hdf5::Result<Self> {
        match id.dtype()?.to_descriptor()? {
            TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
                id.read_raw().map(Self::Numbers)
            }
            _ => names(id).map(Self::Texts),
        }
    }

    fn write(&self, file: &File) -> hdf5::Result<()> {
        match self {
            Self::Numbers(ids) => column(file, "id", ids).map(drop),
            Self::Texts(ids) => texts(file, "id", ids.iter().map(String::as_str)),
        }
    }
}

impl Source {
    fn open(path: &Path, grid: &LogGrid) -> Result<Self> {
        let clean = Truth::open(path, grid)?;
        let bad = |place: &str, problem: String, expected: &str| {
            Error::input(
                path,
                place,
                problem,
                expected,
                "give the truth.h5 of selfsi mock, or a file like it",
            )
        };
        let file = read::open(path)?;
        let n = clean.len();
        if clean.is_empty() {
            return Err(bad("flux", "no spectra".into(), "at least one"));
        }
        let column = |name: &str| -> Result<Option<Vec<f64>>> {
            let Some(data) = read::find(&file, path, name)? else {
                return Ok(None);
            };
            match data.read_raw() {
                Ok(values) if values.len() == n => Ok(Some(values)),
                Ok(values) => {
                    let problem = format!("{} for {n} spectra", values.len());
                    Err(bad(name, problem, "numbers [N]"))
                }
                Err(e) => Err(bad(name, e.to_string(), "numbers [N]")),
            }
        };
        let level = column("level")?.unwrap_or_else(|| vec![1.0; n]);
        if level.iter().any(|l| !(*l > 0.0 && l.is_finite())) {
            return Err(bad(
                "level",
                "not a positive number for each".into(),
                "positive numbers [N]",
            ));
        }
        let id = read::dataset(&file, path, "id", "texts or whole numbers [N]")?;
        let ids =
            Ids::read(&id).map_err(|e| bad("id", e.to_string(), "texts or whole numbers [N]"))?;
        Ok(Self {
            ids,
            z: column("z")?,
            clean,
            level,
        })
    }
}

/// The observations.
struct Target {
    images: [Dataset; 3],
    pixels: usize,
}

impl Target {
    fn create(file: &File, source: &Source, grid: &LogGrid) -> hdf5::Result<Self> {
        let (n, d) = (source.clean.len(), grid.pixels);
        for (key, value) in [
            ("wavelength", "vacuum"),
            ("frame", "observed"),
            ("selfsi_version", env!("CARGO_PKG_VERSION")),
        ] {
            attribute(file, key, &text(value))?;
        }
        attributes(file, &version::SIMULATED.keys())?;
        column(file, "loglam", &grid.loglam())?;
        column(file, "level", &source.level)?;
        if let Some(z) = &source.z {
            column(file, "z", z)?;
        }
        source.ids.write(file)?;
        let image = |name: &str| numbers::<f32>(file, name, &[n, d]);
        Ok(Self {
            images: [image("flux")?, image("ivar")?, image("lsf")?],
            pixels: d,
        })
    }

    /// Writes flux, ivar and lsf of the rows from `start` on, each [n, D].
    fn write(&self, start: usize, values: &[Tensor; 3]) -> hdf5::Result<()> {
        for (image, value) in self.images.iter().zip(values) {
            let host = value.to_device(Device::Cpu).contiguous().view([-1]);
            let flat = Vec::<f32>::try_from(host).map_err(|e| hdf5::Error::from(e.to_string()))?;
            let n = flat.len() / self.pixels;
            let block = Array1::from(flat)
                .into_shape_with_order((n, self.pixels))
                .map_err(|e| hdf5::Error::from(e.to_string()))?;
            image.write_slice(&block, (start..start + n, ..))?;
        }
        Ok(())
    }
}
