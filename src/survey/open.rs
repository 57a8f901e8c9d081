//! The survey that a config names.

use super::desi::DesiSurvey;
use super::hdf5_survey::Hdf5Survey;
use super::sdss_survey::SdssSurvey;
use super::spectra::Survey;
use crate::config::SurveySource;
use crate::{Error, Result};

/// Opens a survey of spectra.
///
/// # Errors
/// [`Error::Input`] for unusable files, [`Error::Config`] for a source of images.
pub(crate) fn open(source: &SurveySource) -> Result<Box<dyn Survey>> {
    Ok(match source {
        SurveySource::Sdss {
            spectra,
            catalog,
            columns,
        } => Box::new(SdssSurvey::open(spectra, catalog.as_deref(), columns)?),
        SurveySource::Desi {
            coadds,
            catalog,
            columns,
        } => Box::new(DesiSurvey::open(coadds, catalog.as_deref(), columns)?),
        SurveySource::Hdf5 {
            file,
            datasets,
            wavelength,
            flux_unit,
        } => Box::new(Hdf5Survey::open(file, datasets, *wavelength, flux_unit)?),
        SurveySource::Images { .. } => {
            return Err(Error::config(
                "config",
                "survey.source.kind",
                "images, where spectra are needed",
                "give kind = \"sdss\", \"desi\" or \"hdf5\"",
            ));
        }
    })
}
