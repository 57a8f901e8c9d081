//! Where the observations are, which of them to take, and the grid they are brought to.

use super::image_datasets::ImageDatasets;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::{Path, PathBuf};

/// The common grid: `pixels` of equal width in log wavelength, observed frame, vacuum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GridConfig {
    /// Blue edge of the first pixel, Å.
    pub min: f64,
    /// Red edge of the last pixel, Å.
    pub max: f64,
    pub pixels: usize,
}

impl Default for GridConfig {
    fn default() -> Self {
        Self {
            min: 4000.0,
            max: 6500.0,
            pixels: 1024,
        }
    }
}

/// `[survey]`: the input and the prepared set made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyConfig {
    pub source: SurveySource,
    /// The prepared set (HDF5) that `selfsi prepare` writes and `selfsi train` reads.
    pub prepared: PathBuf,
    #[serde(default)]
    pub mask: MaskConfig,
}

/// `[survey.source]`: SDSS or DESI files, named by a catalog table or not, an HDF5 catalog, images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SurveySource {
    /// A folder (searched recursively) of spec-PLATE-MJD-FIBER.fits[.gz], full or lite, or of
    /// spPlate-PLATE-MJD.fits[.gz]; or several folders or single files, in a list.
    Sdss {
        #[serde(deserialize_with = "one_or_more")]
        spectra: Vec<PathBuf>,
        /// A FITS table that names the spectra (DR14Q/DR16Q or clustering catalog); without one
        /// every file of the folder is taken, with the redshift of its SPALL/SPECOBJ HDU.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<PathBuf>,
        #[serde(default)]
        columns: Columns,
    },
    /// DESI coadd files: a folder (searched recursively for coadd-*.fits[.gz]), or several folders or
    /// single files, in a list. MASK ≠ 0 masks a pixel unless `survey.mask.kind` is `none`.
    Desi {
        #[serde(deserialize_with = "one_or_more")]
        coadds: Vec<PathBuf>,
        /// A FITS table with TARGETID and redshift; without one every target of the files is taken,
        /// with the redshift of the redrock file beside its coadd file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<PathBuf>,
        #[serde(default)]
        columns: DesiColumns,
    },
    /// An HDF5 catalog on one wavelength grid.
    Hdf5 {
        file: PathBuf,
        #[serde(default)]
        datasets: Datasets,
        /// Air or vacuum wavelengths in the file: never guessed.
        wavelength: AirOrVacuum,
        /// Unit of the flux as a FITS unit string, written to the restored catalog.
        flux_unit: String,
    },
    /// Images, recognised by their content: folders of CIFAR-10 batches (binary or Python), of PNG, JPEG
    /// or FITS files; FITS cubes, HDF5 image sets, npy arrays. An image with fewer than 5 % good
    /// pixels takes no part.
    Images {
        #[serde(deserialize_with = "one_or_more")]
        path: Vec<PathBuf>,
        #[serde(default)]
        datasets: ImageDatasets,
        /// Unit of the pixel values as a FITS unit string (may be empty), written to what is restored.
        #[serde(default)]
        unit: String,
    },
}

impl SurveySource {
    /// The file or folder that stands for the survey in messages: its catalog, else the first path.
    #[must_use]
    pub fn first_path(&self) -> &Path {
        match self {
            Self::Sdss {
                catalog: Some(c), ..
            }
            | Self::Desi {
                catalog: Some(c), ..
            } => c,
            Self::Sdss { spectra: paths, .. }
            | Self::Desi { coadds: paths, .. }
            | Self::Images { path: paths, .. } => paths.first().map_or(Path::new(""), |p| p),
            Self::Hdf5 { file, .. } => file,
        }
    }
}

/// `"a"` and `["a"]` mean the same.
fn one_or_more<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a path or a list of paths")]
    enum Paths {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(d)? {
        Paths::One(path) => vec![path],
        Paths::More(paths) => paths,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AirOrVacuum {
    Air,
    Vacuum,
}

/// Column names of the catalog table; compared without regard to case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    pub plate: String,
    pub mjd: String,
    pub fiberid: String,
    pub z: String,
    pub ra: String,
    pub dec: String,
    pub name: String,
    pub thing_id: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            plate: "PLATE".into(),
            mjd: "MJD".into(),
            fiberid: "FIBERID".into(),
            z: "Z".into(),
            ra: "RA".into(),
            dec: "DEC".into(),
            name: "SDSS_NAME".into(),
            thing_id: "THING_ID".into(),
            level: None,
        }
    }
}

/// Column names of a DESI catalog; compared without regard to case. Absent position and ZWARN
/// columns are no fault under their usual names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DesiColumns {
    pub targetid: String,
    pub z: String,
    pub zwarn: String,
    pub ra: String,
    pub dec: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for DesiColumns {
    fn default() -> Self {
        Self {
            targetid: "TARGETID".into(),
            z: "Z".into(),
            zwarn: "ZWARN".into(),
            ra: "TARGET_RA".into(),
            dec: "TARGET_DEC".into(),
            level: None,
        }
    }
}

/// Dataset paths of an HDF5 catalog. `flux`, `ivar` are [N, n]; the grid is `loglam` (log10 Å) or
/// `wave` (Å), [n]; the rest are [N] and optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Datasets {
    pub flux: String,
    pub ivar: String,
    /// Whether the fluxes carry no noise: `ivar` is then not read, and every pixel that is finite
    /// counts as measured at S/N 10⁶ of its spectrum's RMS. For `train.clean`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub noiseless: bool,
    /// log10 of the wavelength; ignored in favour of `wave` when that is given.
    pub loglam: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// Width of the line-spread function, σ in pixels of the file's grid, [N, n] or [n].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsf: Option<String>,
    pub z: String,
    /// Names of the objects: strings or integers.
    pub id: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for Datasets {
    fn default() -> Self {
        Self {
            flux: "flux".into(),
            ivar: "ivar".into(),
            noiseless: false,
            loglam: "loglam".into(),
            wave: None,
            lsf: None,
            z: "z".into(),
            id: "id".into(),
            level: None,
        }
    }
}

/// `[survey.mask]`: which pixels are bad, besides ivar ≤ 0 and NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskConfig {
    /// `and`: bad in all exposures; `or`: bad in any; `none`: ivar and NaN alone.
    pub kind: MaskKind,
    /// SPPIXMASK bit names (SDSS data model), e.g. `NOPLUG`, `BRIGHTSKY`.
    pub bits: Vec<String>,
    /// Inverse variances at or below this, in the file's units, count as masked.
    pub ivar_min: f64,
}

impl Default for MaskConfig {
    fn default() -> Self {
        let bits = [
            "NOPLUG",
            "BADTRACE",
            "BADFLAT",
            "BADARC",
            "NODATA",
            "BRIGHTSKY",
        ];
        Self {
            kind: MaskKind::And,
            bits: bits.map(String::from).to_vec(),
            ivar_min: 1e-6,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskKind {
    And,
    Or,
    None,
}

/// `[select]`: which spectra take part. Those left out stay in the output, flagged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelectConfig {
    pub z_min: f64,
    pub z_max: f64,
    /// Smallest fraction of grid pixels that must hold good data.
    pub coverage_min: f64,
    /// Smallest median S/N per grid pixel.
    pub snr_min: f64,
    /// Whether a nonzero ZWARNING excludes a spectrum (where the survey has one).
    pub zwarning: bool,
}

impl Default for SelectConfig {
    fn default() -> Self {
        Self {
            z_min: f64::NEG_INFINITY,
            z_max: f64::INFINITY,
            coverage_min: 0.8,
            snr_min: f64::NEG_INFINITY,
            zwarning: true,
        }
    }
}

/// `[normalise]`: the level by which each spectrum is divided; recorded and undone on writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum NormaliseConfig {
    /// A robust mean over `[min, max]` Å (observed), best outside the restored range: there its
    /// error is independent of the noise that the forward model adds inside.
    Window {
        min: f64,
        max: f64,
        /// Levels less significant than this many sigma are refused.
        snr_min: f64,
    },
    /// The catalog's `level` column or dataset.
    Column,
    /// Images: an asinh stretch where `softening` (in the file's units) is given, then mean 0 and
    /// standard deviation 1 in each channel. Without `mean` and `std` both are measured.
    Pixels {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mean: Option<Vec<f64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        std: Option<Vec<f64>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        softening: Option<f64>,
    },
    /// Fluxes as they are.
    None,
}

impl Default for NormaliseConfig {
    fn default() -> Self {
        Self::Window {
            min: 6600.0,
            max: 8000.0,
            snr_min: 5.0,
        }
    }
}
