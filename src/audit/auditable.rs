//! What auditing spectra and auditing images differ in.

use super::image_sight::ImageSight;
use super::place::{Place, Places};
use super::sight::Sight;
use super::spectra_sight::SpectraSight;
use crate::Result;
use crate::data::Object;
use crate::prepare::{ImageSetHeader, SpectraHeader};
use crate::restore::Restorable;
use crate::restored::restorations::Restorations;
use crate::restored::{Restored, RestoredImages};
use ndarray::Array2;
use std::path::Path;
use tch::Device;

/// A kind of data whose restorations can be audited, by what its prepared sets say of themselves.
pub(crate) trait Auditable: Restorable {
    /// A file of restorations.
    type Catalog: Restorations;

    /// Opens one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is not one of this kind.
    fn open(path: &Path) -> Result<Self::Catalog>;

    /// How its rows are looked at.
    fn sight(&self, device: Device) -> Box<dyn Sight>;

    /// Values [n, D] of `objects` in the units of the catalog, normalised.
    fn normalised(catalog: &Self::Catalog, values: Array2<f32>, objects: &[Object]) -> Array2<f32>;

    /// The normalised value `v` of pixel `i` of an object in the units of the catalog.
    fn value(catalog: &Self::Catalog, object: &Object, i: usize, v: f64) -> f64;

    /// Tells where pixel i of an object is.
    fn places(catalog: &Self::Catalog) -> Places<'_>;

    /// The unit of a catalog's values.
    fn unit(catalog: &Self::Catalog) -> &str;

    /// Whether the pixels of two catalogs are the same, in the same unit.
    fn alike(a: &Self::Catalog, b: &Self::Catalog) -> bool;
}

impl Auditable for SpectraHeader {
    type Catalog = Restored;

    fn open(path: &Path) -> Result<Restored> {
        Restored::open(path)
    }

    fn sight(&self, device: Device) -> Box<dyn Sight> {
        Box::new(SpectraSight::new(self.grid.wavelength(), device))
    }

    fn normalised(_: &Restored, mut values: Array2<f32>, objects: &[Object]) -> Array2<f32> {
        for (mut row, object) in values.rows_mut().into_iter().zip(objects) {
            row.mapv_inplace(|v| (f64::from(v) / object.norm) as f32);
        }
        values
    }

    fn value(_: &Restored, object: &Object, _: usize, v: f64) -> f64 {
        v * object.norm
    }

    fn places(catalog: &Restored) -> Places<'_> {
        let wavelength = catalog.header().grid.wavelength();
        Box::new(move |object, i| Place::Wavelength(object.observed(&wavelength[i..=i])[0]))
    }

    fn unit(catalog: &Restored) -> &str {
        &catalog.header().flux_unit
    }

    fn alike(a: &Restored, b: &Restored) -> bool {
        let of = |c: &Restored| {
            let h = c.header();
            let first = (h.grid.loglam0 * 1e9).round();
            (h.grid.pixels, h.grid.frame, first, h.flux_unit.clone())
        };
        of(a) == of(b)
    }
}

impl Auditable for ImageSetHeader {
    type Catalog = RestoredImages;

    fn open(path: &Path) -> Result<RestoredImages> {
        RestoredImages::open(path)
    }

    fn sight(&self, device: Device) -> Box<dyn Sight> {
        let l = &self.layout;
        Box::new(ImageSight::new([l.channels, l.height, l.width], device))
    }

    fn normalised(catalog: &RestoredImages, values: Array2<f32>, _: &[Object]) -> Array2<f32> {
        catalog.layout().normalised(&values)
    }

    fn value(catalog: &RestoredImages, _: &Object, i: usize, v: f64) -> f64 {
        let layout = catalog.layout();
        layout.scale.restore(v, i / (layout.height * layout.width))
    }

    fn places(catalog: &RestoredImages) -> Places<'_> {
        let width = catalog.layout().width;
        let plane = catalog.layout().height * width;
        Box::new(move |_, i| Place::Pixel {
            x: i % width + 1,
            y: i % plane / width + 1,
            channel: i / plane + 1,
        })
    }

    fn unit(catalog: &RestoredImages) -> &str {
        catalog.header().bands.unit()
    }

    fn alike(a: &RestoredImages, b: &RestoredImages) -> bool {
        let of = |c: &RestoredImages| {
            let l = c.layout();
            (l.channels, l.height, l.width, c.header().bands.clone())
        };
        of(a) == of(b)
    }
}
