//! `[survey]`: where the observations are, and the prepared set made of them.

use super::columns::{Columns, DesiColumns};
use super::datasets::{AirOrVacuum, Datasets};
use super::image_datasets::ImageDatasets;
use super::mask::MaskConfig;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// `[survey]`: the input and the prepared set made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyConfig {
    /// Where the observations come from.
    pub source: SurveySource,
    /// The prepared set (HDF5) that `selfsi prepare` writes and `selfsi train` reads.
    pub prepared: PathBuf,
    /// Which pixels are bad.
    #[serde(default)]
    pub mask: MaskConfig,
    /// What the noise of spectra is taken from.
    #[serde(default, skip_serializing_if = "SurveyNoise::is_given")]
    pub noise: SurveyNoise,
    /// Spectra of empty sky, in files of the kind and the datasets or columns of `source`: what the sky's
    /// subtraction leaves in them, broad along the wavelength, becomes part of the noise that the posterior of
    /// `interpolant.kind = "sure"` knows of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sky_fibres: Option<PathBuf>,
}

/// `survey.noise`: what the noise of spectra is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurveyNoise {
    /// The inverse variances, white from pixel to pixel.
    #[default]
    Given,
    /// The inverse variances times what the spectra themselves show: their scatter from pixel to pixel,
    /// and its correlation.
    Measured,
}

impl SurveyNoise {
    /// Whether the survey's word is taken.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self == Self::Given
    }
}

/// `[survey.source]`: SDSS or DESI files, named by a catalog table or not, an HDF5 catalog, images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SurveySource {
    /// A folder (searched recursively) of spec-PLATE-MJD-FIBER.fits[.gz], full or lite, or of
    /// spPlate-PLATE-MJD.fits[.gz]; or several folders or single files, in a list.
    Sdss {
        /// The files or folders.
        #[serde(deserialize_with = "one_or_more")]
        spectra: Vec<PathBuf>,
        /// A FITS table that names the spectra (DR14Q/DR16Q or clustering catalog); without one
        /// every file of the folder is taken, with the redshift of its SPALL/SPECOBJ HDU.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<PathBuf>,
        /// Names of the catalog's columns.
        #[serde(default)]
        columns: Columns,
    },
    /// DESI coadd files: a folder (searched recursively for coadd-*.fits[.gz]), or several folders or
    /// single files, in a list. MASK ≠ 0 masks a pixel unless `survey.mask.kind` is `none`.
    Desi {
        /// The files or folders.
        #[serde(deserialize_with = "one_or_more")]
        coadds: Vec<PathBuf>,
        /// A FITS table with TARGETID and redshift; without one every target of the files is taken,
        /// with the redshift of the redrock file beside its coadd file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalog: Option<PathBuf>,
        /// Names of the catalog's columns.
        #[serde(default)]
        columns: DesiColumns,
    },
    /// An HDF5 catalog, on one wavelength grid or on one for each spectrum.
    Hdf5 {
        /// The catalog.
        file: PathBuf,
        /// Paths of its datasets.
        #[serde(default)]
        datasets: Datasets,
        /// Air or vacuum wavelengths in the file: never guessed.
        wavelength: AirOrVacuum,
        /// Unit of the flux as a FITS unit string, written to the restored catalog.
        flux_unit: String,
    },
    /// Images, recognised by their content: folders of CIFAR-10 batches (binary version), of PNG, JPEG
    /// or FITS files; FITS cubes, HDF5 image sets, npy arrays. An image with fewer than 5 % good
    /// pixels takes no part.
    Images {
        /// The files or folders.
        #[serde(deserialize_with = "one_or_more")]
        path: Vec<PathBuf>,
        /// Paths of datasets, for HDF5.
        #[serde(default)]
        datasets: ImageDatasets,
        /// Unit of the pixel values as a FITS unit string, one or one for each channel; empty: the files'.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "texts",
            serialize_with = "one_text"
        )]
        unit: Vec<String>,
        /// Names of the filters, one for each channel; empty: the files'.
        #[serde(
            default,
            skip_serializing_if = "Vec::is_empty",
            deserialize_with = "texts",
            serialize_with = "one_text"
        )]
        filters: Vec<String>,
    },
}

impl SurveySource {
    /// A source of the same kind whose spectra are at `path`, without a catalog.
    #[must_use]
    pub fn at(&self, path: &Path) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Sdss {
                spectra: paths,
                catalog,
                ..
            }
            | Self::Desi {
                coadds: paths,
                catalog,
                ..
            } => (*paths, *catalog) = (vec![path.to_owned()], None),
            Self::Images { path: paths, .. } => *paths = vec![path.to_owned()],
            Self::Hdf5 { file, .. } => path.clone_into(file),
        }
        other
    }

    /// Every file and folder that it names.
    #[must_use]
    pub fn paths(&self) -> Vec<&Path> {
        let (paths, catalog) = match self {
            Self::Sdss {
                spectra: paths,
                catalog,
                ..
            }
            | Self::Desi {
                coadds: paths,
                catalog,
                ..
            } => (&paths[..], catalog.as_ref()),
            Self::Hdf5 { file, .. } => (std::slice::from_ref(file), None),
            Self::Images { path, .. } => (&path[..], None),
        };
        paths.iter().chain(catalog).map(PathBuf::as_path).collect()
    }

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

/// A text or a list of texts; an empty text is none.
fn texts<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum Texts {
        One(String),
        More(Vec<String>),
    }
    Ok(match Texts::deserialize(d)? {
        Texts::One(text) if text.is_empty() => Vec::new(),
        Texts::One(text) => vec![text],
        Texts::More(texts) => texts,
    })
}

/// A list of one as a text.
fn one_text<S: Serializer>(texts: &[String], s: S) -> std::result::Result<S::Ok, S::Error> {
    match texts {
        [one] => one.serialize(s),
        texts => texts.serialize(s),
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
