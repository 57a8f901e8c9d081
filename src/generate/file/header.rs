//! What a file of generated samples says of itself: the same keys in FITS and HDF5.

use crate::data::provenance::Key;
use crate::data::{ImageLayout, LogGrid};
use crate::files::stack::{Image, Plan, Spectral};
use crate::files::version;
use crate::restored::images::header::scale_keys;

/// The image that holds the samples.
pub(super) const IMAGE: &str = "GENERATED";

/// What the numbers of a sample are.
#[derive(Debug, Clone, PartialEq)]
pub enum GeneratedAxes {
    /// Pixels along a wavelength grid.
    Spectra {
        /// Their wavelengths.
        grid: LogGrid,
        /// As of [`crate::restored::RestoredHeader`].
        specsys: Option<String>,
        /// What the flux is divided by, in words; empty for physical flux.
        normalised: String,
    },
    /// Pixels of images.
    Images(ImageLayout),
}

/// What a file of generated samples says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedHeader {
    /// What the numbers of a sample are.
    pub axes: GeneratedAxes,
    /// FITS unit string of the values; empty: dimensionless (normalised flux) or unknown.
    pub unit: String,
    /// How the samples were made.
    pub made: Generation,
}

/// How samples were generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The image of the restored catalog that the model was trained on: DRAW or RESTORED.
    pub samples: String,
    /// How many of them.
    pub training: usize,
    /// Part of each training batch that was clean data.
    pub clean_fraction: f64,
    /// Standard deviation of the training samples, EDM's σ_data.
    pub sigma_data: f64,
    /// Of the sampler.
    pub steps: usize,
    /// Last noise level before 0, normalised.
    pub sigma_min: f64,
    /// First noise level, normalised.
    pub sigma_max: f64,
    /// Exponent of the noise levels between them.
    pub rho: f64,
    /// Sample k follows from (`seed`, k) alone, whatever the file.
    pub seed: u64,
    /// SHA-256 of the resolved config, the restored catalog and the model's checkpoint.
    pub config_sha256: String,
    /// Of the restored catalog.
    pub catalog_sha256: String,
    /// Of the model's checkpoint.
    pub model_sha256: String,
    /// What was done, line by line; written, not read back.
    pub history: Vec<String>,
}

impl GeneratedHeader {
    /// Axes of the image GENERATED with `n` samples, slowest first.
    #[must_use]
    pub fn shape(&self, n: usize) -> Vec<usize> {
        match &self.axes {
            GeneratedAxes::Spectra { grid, .. } => vec![n, grid.pixels],
            GeneratedAxes::Images(layout) => layout.axes(n),
        }
    }

    /// The file of `rows` samples.
    pub(super) fn plan(&self, rows: usize) -> Plan<'_> {
        let unit = match &self.axes {
            GeneratedAxes::Images(_) if self.unit.is_empty() => None,
            _ => Some(self.unit.clone()),
        };
        let name = IMAGE.to_owned();
        Plan {
            keys: self.keys(),
            history: &self.made.history,
            images: vec![Image { name, unit }],
            draws: None,
            shape: self.shape(rows),
            spectral: match &self.axes {
                GeneratedAxes::Spectra { grid, specsys, .. } => Some(Spectral {
                    grid: *grid,
                    specsys: specsys.clone(),
                }),
                GeneratedAxes::Images(_) => None,
            },
        }
    }

    fn keys(&self) -> Vec<Key> {
        let m = &self.made;
        let mut keys = vec![
            Key::text("CONTENT", self.content(), "samples of no object"),
            Key::text("METHOD", "edm", "diffusion model, Heun sampler"),
        ];
        keys.extend(match &self.axes {
            GeneratedAxes::Spectra { grid, .. } => version::GENERATED.keys_in(grid.frame),
            GeneratedAxes::Images(_) => version::GENERATED.keys(),
        });
        keys.extend(match &self.axes {
            GeneratedAxes::Spectra {
                grid, normalised, ..
            } => {
                let frame = grid.frame.name();
                let divided = if normalised.is_empty() {
                    "nothing"
                } else {
                    normalised
                };
                vec![
                    Key::text("FLUXUNIT", &self.unit, "unit of the flux; '': normalised"),
                    Key::text("DIVIDED", divided, "the flux was divided by this"),
                    Key::text("FRAME", frame, "frame of the wavelength grid"),
                    Key::text("WAVEREF", &format!("vacuum, {frame} frame"), "wavelengths"),
                    Key::text("REDSHIFT", "unknown", "a generated spectrum has none"),
                ]
            }
            GeneratedAxes::Images(layout) => {
                let unit = Key::text("PIXUNIT", &self.unit, "unit of the pixels");
                [vec![unit], scale_keys(&layout.scale)].concat()
            }
        });
        keys.extend([
            Key::text("SAMPLES", &m.samples, "restorations trained on"),
            Key::whole("NTRAIN", m.training as i64, "how many of them"),
            Key::real(
                "CLEAN",
                m.clean_fraction,
                "part of a batch that was clean data",
            ),
            Key::real(
                "SIGDATA",
                m.sigma_data,
                "scatter of the samples, normalised",
            ),
            Key::whole("NSTEPS", m.steps as i64, "steps of the sampler"),
            Key::real("SIGMIN", m.sigma_min, "its smallest noise level"),
            Key::real("SIGMAX", m.sigma_max, "its largest noise level"),
            Key::real("RHO", m.rho, "exponent of its noise levels"),
            Key::whole(
                "SEED",
                m.seed as i64,
                "sample k follows from (seed, k) alone",
            ),
            // SHA-256 of the config, the restored catalog, the checkpoint: no room for a comment.
            Key::text("CFGSHA", &m.config_sha256, ""),
            Key::text("CATSHA", &m.catalog_sha256, ""),
            Key::text("MODELSHA", &m.model_sha256, ""),
        ]);
        keys
    }

    fn content(&self) -> &'static str {
        match self.axes {
            GeneratedAxes::Spectra { .. } => SPECTRA,
            GeneratedAxes::Images(_) => IMAGES,
        }
    }
}

const SPECTRA: &str = "generated spectra";
const IMAGES: &str = "generated images";

/// Whether the keys are those of generated spectra (else images); or what is wrong with them.
pub(crate) fn is_spectra(get: &mut dyn FnMut(&str) -> Option<String>) -> Result<bool, String> {
    version::GENERATED.check(get)?;
    match get("CONTENT").as_deref() {
        Some(SPECTRA) => Ok(true),
        Some(IMAGES) => Ok(false),
        _ => Err("CONTENT is not `generated spectra` or `generated images`".into()),
    }
}
