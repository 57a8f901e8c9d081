//! The rows of an HDF5 catalog as those of a survey.

use super::hdf5_catalog::Hdf5Catalog;
use super::item::Item;
use super::pixel_mask::PixelMask;
use super::select::by_catalog;
use super::spectra::{Pixels, Survey};
use crate::Result;
use crate::config::{AirOrVacuum, Datasets, SelectConfig};
use crate::data::flag;
use std::ops::Range;
use std::path::Path;

/// An HDF5 catalog and the unit of its flux, which the config gives.
#[derive(Debug)]
pub(crate) struct Hdf5Survey {
    catalog: Hdf5Catalog,
    flux_unit: String,
}

impl Hdf5Survey {
    /// Opens a catalog and checks every shape.
    ///
    /// # Errors
    /// As [`Hdf5Catalog::open`].
    pub fn open(
        path: &Path,
        datasets: &Datasets,
        wavelength: AirOrVacuum,
        flux_unit: &str,
    ) -> Result<Self> {
        Ok(Self {
            catalog: Hdf5Catalog::open(path, datasets, wavelength)?,
            flux_unit: flux_unit.to_owned(),
        })
    }
}

impl Survey for Hdf5Survey {
    fn len(&self) -> usize {
        self.catalog.len()
    }

    fn names(&self) -> Vec<&str> {
        self.catalog.names().iter().map(|n| &**n).collect()
    }

    fn flux_unit(&self) -> &str {
        &self.flux_unit
    }

    fn specsys(&self) -> Option<&'static str> {
        None
    }

    fn pixels(&self) -> Pixels {
        Pixels::Shared(self.catalog.pixels().clone())
    }

    fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>> {
        let spectra = self.catalog.read(rows.clone())?;
        let item = |(i, mut spectrum)| {
            let mut object = self.catalog.object(i);
            by_catalog(select, &mut object, None);
            mask.apply(&mut spectrum, &[]);
            Item {
                lacks_lsf: spectrum.lsf.is_empty(),
                spectrum: (object.flag == flag::GOOD).then_some(spectrum),
                level: self.catalog.level(i),
                ..Item::of(object)
            }
        };
        Ok(rows.zip(spectra).map(item).collect())
    }
}
