//! The rows of an HDF5 catalog as those of a survey.

use super::hdf5_catalog::Hdf5Catalog;
use super::hdf5_units::{check_flux, check_frame};
use super::item::Item;
use super::pixel_mask::PixelMask;
use super::select::{by_catalog, reject};
use super::spectra::{Beside, Pixels, Survey, Unmatched};
use crate::Result;
use crate::config::{AirOrVacuum, Datasets, SelectConfig};
use crate::data::{Masked, NativeGrid, Spectrum, flag};
use crate::files::hdf5::read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// An HDF5 catalog and the unit of its flux, which the config gives.
#[derive(Debug)]
pub(crate) struct Hdf5Survey {
    catalog: Hdf5Catalog,
    flux_unit: String,
    datasets: Datasets,
    /// Units that the file says and that are not understood, in words.
    notes: Vec<String>,
}

impl Hdf5Survey {
    /// Opens a catalog and checks every shape, and the unit of the flux.
    ///
    /// # Errors
    /// As [`Hdf5Catalog::open`]; also for an attribute that says another unit of the flux, or the rest frame.
    pub fn open(
        path: &Path,
        datasets: &Datasets,
        wavelength: AirOrVacuum,
        flux_unit: &str,
    ) -> Result<Self> {
        let file = read::open(path)?;
        check_frame(&file, path)?;
        Ok(Self {
            notes: check_flux(&file, path, datasets, flux_unit)?,
            catalog: Hdf5Catalog::open(path, datasets, wavelength)?,
            flux_unit: flux_unit.to_owned(),
            datasets: datasets.clone(),
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
        let pixels = self.catalog.pixels().clone();
        match self.catalog.has_own_pixels() {
            true => Pixels::Own(pixels),
            false => Pixels::Shared(pixels),
        }
    }

    fn carry(&mut self, wanted: [bool; 2], _origin: &Path) -> Result<usize> {
        self.catalog.carry(&self.datasets, wanted)
    }

    fn unmatched(&self) -> Unmatched {
        Unmatched {
            notes: self.notes.clone(),
            ..Unmatched::default()
        }
    }

    fn beside(&self, mask: &PixelMask) -> Beside {
        self.catalog.beside(mask)
    }

    fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>> {
        let spectra = self.catalog.read_masked(rows.clone(), mask)?;
        let ours = self.catalog.pixels();
        let item = |(i, read): (usize, std::result::Result<(Spectrum, Masked), String>)| {
            let mut object = self.catalog.object(i);
            by_catalog(select, &mut object, None);
            let (spectrum, masked) = match read {
                Ok(read) if object.flag == flag::GOOD => read,
                Ok(_) => return Item::of(object),
                Err(problem) => {
                    reject(&mut object, flag::UNREADABLE, &problem);
                    return Item::of(object);
                }
            };
            let shared = |p: &Arc<[[f64; 2]]>| Arc::ptr_eq(p, ours);
            Item {
                lacks_lsf: spectrum.lsf.is_empty(),
                other_grid: !matches!(&spectrum.grid, NativeGrid::Pixels(p) if shared(p)),
                masked,
                spectrum: Some(spectrum),
                level: self.catalog.level(i),
                ..Item::of(object)
            }
        };
        Ok(rows.zip(spectra).map(item).collect())
    }
}
