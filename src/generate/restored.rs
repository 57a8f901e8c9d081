//! The restorations that a diffusion model is trained on.
//!
//! Single draws of the SDE have the diversity of the population, which their mean has not; of the
//! ODE the one restoration is a draw in that sense.

use super::file::GeneratedAxes;
use crate::base::statistics::evenly;
use crate::base::tensors::tensor;
use crate::config::{Config, NormaliseConfig};
use crate::data::{ImageLayout, Layout, LogGrid, flag};
use crate::diffusion::{MEASURED, Origin, Samples};
use crate::restore::restored_in;
use crate::restored::restorations::Restorations;
use crate::restored::{Restored, RestoredImages};
use crate::train::{Clean, Run};
use crate::{Error, Result};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Rows read at once.
const CHUNK: usize = 1024;

/// A restored catalog as samples of a population.
#[derive(Debug)]
pub struct RestoredSamples {
    path: PathBuf,
    file: File,
    /// Usable rows that were not, and that were, kept out of the transport's training: the former, as far as
    /// `train.memory` holds them, train the model, the first of the latter measure it.
    training: Vec<usize>,
    heldout: Vec<usize>,
}

#[derive(Debug)]
enum File {
    Spectra(Box<Restored>),
    Images(Box<RestoredImages>),
}

impl RestoredSamples {
    /// Opens the catalog `given`, or else the one restored catalog in the run's folder.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none or more than one, if it cannot be read, if it is of
    /// another grid or shape than the run's, or if fewer than two usable rows took part in training.
    pub fn open(run: &Run, given: Option<&Path>) -> Result<Self> {
        let path = given.map_or_else(|| own(run), |p| Ok(p.to_path_buf()))?;
        let config = run.config();
        let file = if config.image.is_some() {
            File::Images(Box::new(RestoredImages::open(&path)?))
        } else {
            File::Spectra(Box::new(Restored::open(&path)?))
        };
        file.check(config, &path)?;
        let rows = |held: bool| -> Vec<usize> {
            let file = file.restorations();
            let (objects, heldout) = (file.objects(), file.heldout());
            let usable = |i: &usize| objects[*i].flag == flag::GOOD && heldout[*i] == held;
            (0..objects.len()).filter(usable).collect()
        };
        let (training, heldout) = (rows(false), rows(true));
        if training.len() < 2 {
            return Err(Error::input(
                &path,
                "FLAG, HELDOUT",
                format!("{} usable rows besides those held out", training.len()),
                "restorations of the training set",
                format!(
                    "selfsi restore {0} --out {0}/restored.fits",
                    run.folder().display()
                ),
            ));
        }
        let pixels: usize = file.restorations().shape()[1..].iter().product();
        let taken = evenly(&training, config.train.rows_in_memory(1.0, pixels));
        if taken.len() < training.len() {
            log::warn!(
                "{}: {} of {} restored objects train the model, evenly spread: train.memory holds no more",
                path.display(),
                taken.len(),
                training.len()
            );
        }
        Ok(Self {
            path,
            file,
            training: taken,
            heldout,
        })
    }

    /// The restored catalog.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a model's record tells of them.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            catalog: &self.path,
            samples: self.file.image(),
            training: self.training.len(),
            heldout: self.heldout.len(),
        }
    }

    /// What the numbers of a row are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        match &self.file {
            File::Spectra(f) => Layout::Spectra {
                grid: f.header().grid,
                noise_rho: vec![0.0; f.header().grid.pixels],
            },
            File::Images(f) => Layout::Images(f.layout().clone()),
        }
    }

    /// The same for a file of generated samples, and the unit of its values.
    #[must_use]
    pub fn axes(&self, config: &Config) -> (GeneratedAxes, String) {
        match &self.file {
            File::Spectra(f) => {
                let header = f.header();
                let (normalised, unit) = match &config.normalise {
                    NormaliseConfig::Window { min, max, .. } => {
                        (format!("its level at {min}-{max} Angstrom"), "")
                    }
                    NormaliseConfig::Amplitude { .. } => (
                        "its scale against the mean spectrum of the survey".into(),
                        "",
                    ),
                    NormaliseConfig::Column => ("the level of its catalog".into(), ""),
                    NormaliseConfig::Pixels { .. } | NormaliseConfig::None => {
                        (String::new(), header.flux_unit.as_str())
                    }
                };
                let axes = GeneratedAxes::Spectra {
                    grid: header.grid,
                    specsys: header.specsys.clone(),
                    normalised,
                };
                (axes, unit.to_owned())
            }
            File::Images(f) => {
                let layout = ImageLayout {
                    vector: 0,
                    planes: 0,
                    ..f.layout().clone()
                };
                (
                    GeneratedAxes::Images(layout),
                    f.header().bands.unit().to_owned(),
                )
            }
        }
    }

    /// The samples, normalised, with the clean data of `config` if it names any.
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read or are not finite; as [`Clean::load`].
    pub fn load(&self, config: &Config, device: Device) -> Result<Samples> {
        let layout = self.layout();
        let clean = config.train.clean.as_ref();
        let clean = clean.map(|c| Clean::load(config, c, &layout, device));
        Ok(Samples {
            clean: clean.transpose()?,
            training: self.tensor(&self.training, device)?,
            heldout: self.tensor(&self.heldout[..self.heldout.len().min(MEASURED)], device)?,
            layout,
        })
    }

    fn tensor(&self, rows: &[usize], device: Device) -> Result<Tensor> {
        let mut image = self.file.restorations().open_image(self.file.image())?;
        let pixels: usize = self.file.restorations().shape()[1..].iter().product();
        let kind = (Kind::Float, device);
        let all = Tensor::empty([rows.len() as i64, pixels as i64], kind);
        for (k, part) in rows.chunks(CHUNK).enumerate() {
            let values = self.file.normalised(part, image.read(part)?);
            if values.iter().any(|v| !v.is_finite()) {
                return Err(Error::input(
                    &self.path,
                    self.file.image(),
                    "a row that is not flagged is not finite",
                    "finite restorations",
                    "restore again",
                ));
            }
            let (start, count) = ((k * CHUNK) as i64, part.len() as i64);
            all.narrow(0, start, count).copy_(&tensor(&values, device));
        }
        Ok(all)
    }
}

impl File {
    fn restorations(&self) -> &dyn Restorations {
        match self {
            Self::Spectra(f) => &**f,
            Self::Images(f) => &**f,
        }
    }

    /// The image that holds single draws.
    fn image(&self) -> &'static str {
        self.restorations().made().method.single()
    }

    /// The values [n, D] of `rows`, normalised.
    fn normalised(&self, rows: &[usize], mut values: Array2<f32>) -> Array2<f32> {
        match self {
            Self::Spectra(f) => {
                for (mut row, i) in values.rows_mut().into_iter().zip(rows) {
                    let norm = f.objects()[*i].norm;
                    row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
                }
                values
            }
            Self::Images(f) => f.layout().normalised(&values),
        }
    }

    fn check(&self, config: &Config, path: &Path) -> Result<()> {
        let (same, what) = match self {
            Self::Spectra(f) => {
                let grid = LogGrid::new(&config.grid);
                (grid.matches(&f.header().grid), "WAVELENGTH")
            }
            Self::Images(f) => {
                let l = f.layout();
                let is = |i: crate::config::ImageConfig| {
                    (i.channels, i.height, i.width) == (l.channels, l.height, l.width)
                };
                (config.image.is_some_and(is), "RESTORED")
            }
        };
        if same {
            return Ok(());
        }
        Err(Error::input(
            path,
            what,
            "a wavelength grid or image shape that differs from the run's",
            "a catalog that the run restored",
            "give one with --restored",
        ))
    }
}

/// The one restored catalog in the folder of a run.
fn own(run: &Run) -> Result<PathBuf> {
    let folder = run.folder();
    let place = folder.join("restored*.fits");
    let bad = |problem: String, fix: String| {
        Error::input(&place, "", problem, "one restored catalog of the run", fix)
    };
    let fix = format!(
        "selfsi restore {0} --out {0}/restored.fits",
        folder.display()
    );
    match &restored_in(folder, run.config().image.is_some())[..] {
        [] => Err(bad(
            "there is no restored catalog to train on".into(),
            format!("{fix}, or give one with --restored"),
        )),
        [one] => Ok(one.clone()),
        several => {
            let names = several.iter().filter_map(|p| p.file_name());
            let names: Vec<_> = names.map(|n| n.to_string_lossy().into_owned()).collect();
            Err(bad(
                format!("there are several: {}", names.join(", ")),
                "say which with --restored".into(),
            ))
        }
    }
}
