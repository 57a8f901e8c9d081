//! A survey's input, row by row in catalog order, whatever its format.

use super::desi::DesiSurvey;
use super::desi_coadd::Coadd;
use super::flux_unit::FLUX_UNIT;
use super::hdf5::Hdf5Catalog;
use super::item::Item;
use super::pixel_mask::PixelMask;
use super::sdss_survey::SdssSurvey;
use super::select::{by_catalog, reject};
use crate::config::{SelectConfig, SurveySource};
use crate::data::flag;
use crate::data::{NativeGrid, Spectrum};
use crate::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;

/// The rows of a survey.
#[derive(Debug)]
pub(crate) enum Input {
    Sdss(SdssSurvey),
    Desi(DesiSurvey),
    Hdf5 {
        catalog: Hdf5Catalog,
        flux_unit: String,
    },
}

fn spectra_wanted() -> Error {
    Error::config(
        "config",
        "survey.source.kind",
        "images, where spectra are needed",
        "give kind = \"sdss\", \"desi\" or \"hdf5\"",
    )
}

impl Input {
    pub fn open(source: &SurveySource) -> Result<Self> {
        match source {
            SurveySource::Sdss {
                spectra,
                catalog,
                columns,
            } => SdssSurvey::open(spectra, catalog.as_deref(), columns).map(Self::Sdss),
            SurveySource::Desi {
                coadds,
                catalog,
                columns,
            } => DesiSurvey::open(coadds, catalog.as_deref(), columns).map(Self::Desi),
            SurveySource::Hdf5 {
                file,
                datasets,
                wavelength,
                flux_unit,
            } => Ok(Self::Hdf5 {
                catalog: Hdf5Catalog::open(file, datasets, *wavelength)?,
                flux_unit: flux_unit.clone(),
            }),
            SurveySource::Images { .. } => Err(spectra_wanted()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Sdss(survey) => survey.len(),
            Self::Desi(survey) => survey.len(),
            Self::Hdf5 { catalog, .. } => catalog.len(),
        }
    }

    pub fn flux_unit(&self) -> &str {
        match self {
            Self::Sdss(_) | Self::Desi(_) => FLUX_UNIT,
            Self::Hdf5 { flux_unit, .. } => flux_unit,
        }
    }

    /// Reference frame of the wavelengths as FITS names it: SDSS spectra are heliocentric, those of
    /// DESI barycentric; an HDF5 catalog does not say.
    pub fn specsys(&self) -> Option<&'static str> {
        match self {
            Self::Sdss(_) => Some("HELIOCEN"),
            Self::Desi(_) => Some("BARYCENT"),
            Self::Hdf5 { .. } => None,
        }
    }

    /// Whether spectra may come on a grid of their own.
    pub fn is_odd(&self, spectrum: &Spectrum) -> bool {
        matches!(self, Self::Sdss(_)) && !matches!(spectrum.grid, NativeGrid::Sdss { .. })
    }

    /// Names that occur more than once, each once.
    pub fn duplicates(&self) -> Vec<String> {
        let mut names: Vec<&str> = match self {
            Self::Sdss(survey) => survey.names().collect(),
            Self::Desi(survey) => survey.names().collect(),
            Self::Hdf5 { catalog, .. } => catalog.names().iter().map(|n| &**n).collect(),
        };
        names.sort_unstable();
        let runs = names.chunk_by(|a, b| a == b);
        let twice = runs.filter(|run| run.len() > 1 && !run[0].is_empty());
        twice.map(|run| run[0].to_owned()).collect()
    }

    /// Catalog rows without a file.
    pub fn without_file(&self) -> usize {
        match self {
            Self::Sdss(survey) => survey.without_spectrum(),
            Self::Desi(survey) => survey.without_spectrum(),
            Self::Hdf5 { .. } => 0,
        }
    }

    /// Reads `rows`, in parallel where each has its own file. A spectrum that cannot be read is a
    /// flagged row.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the one file of an HDF5 catalog cannot be read.
    pub fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>> {
        match self {
            Self::Sdss(survey) => Ok(survey.read(rows, mask, select)),
            Self::Desi(survey) => Ok(rows
                .into_par_iter()
                .map(|i| desi_item(survey, i, mask, select))
                .collect()),
            Self::Hdf5 { catalog, .. } => {
                let spectra = catalog.read(rows.clone())?;
                Ok(rows
                    .zip(spectra)
                    .map(|(i, mut spectrum)| {
                        let mut object = catalog.object(i);
                        by_catalog(select, &mut object, None);
                        mask.apply(&mut spectrum, &[]);
                        Item {
                            lacks_lsf: spectrum.lsf.is_empty(),
                            spectrum: (object.flag == flag::GOOD).then_some(spectrum),
                            level: catalog.level(i),
                            lacks_mask: false,
                            object,
                        }
                    })
                    .collect())
            }
        }
    }
}

/// Row `i` of a DESI survey; what is wrong with the fibre counts as the pipeline's warning.
fn desi_item(survey: &DesiSurvey, i: usize, mask: &PixelMask, select: &SelectConfig) -> Item {
    let (target, fiberstatus) = survey.target(i);
    let mut object = target.object;
    by_catalog(select, &mut object, target.zwarning);
    if select.zwarning && fiberstatus != 0 {
        let reason = format!("COADD_FIBERSTATUS = {fiberstatus}");
        reject(&mut object, flag::ZWARNING, &reason);
    }
    let mut item = Item {
        object,
        level: target.level,
        spectrum: None,
        lacks_lsf: false,
        lacks_mask: false,
    };
    if item.object.flag != flag::GOOD {
        return item;
    }
    match survey.read(i, mask) {
        Ok(Some(Coadd {
            spectrum,
            has_lsf,
            has_mask,
        })) => {
            item.spectrum = Some(spectrum);
            (item.lacks_lsf, item.lacks_mask) = (!has_lsf, !has_mask);
        }
        Ok(None) => reject(
            &mut item.object,
            flag::UNREADABLE,
            "no coadd file has this TARGETID",
        ),
        Err(e) => reject(&mut item.object, flag::UNREADABLE, &e.to_string()),
    }
    item
}
