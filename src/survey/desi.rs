//! DESI coadd files: spectra of many targets, arm by arm, on one lattice of 0.8 Å.
//!
//! Data model: <https://desidatamodel.readthedocs.io>, `coadd-SURVEY-PROGRAM-PIXNUM.fits`: for each arm
//! X of B, R, Z (or one, BRZ) images X_WAVELENGTH [n], X_FLUX, X_IVAR, X_MASK [N, n] and
//! X_RESOLUTION [N, diagonals, n]; FIBERMAP tells the targets. Vacuum wavelengths, barycentric.

use super::desi_coadd::{Coadd, lattice_pixels, read_coadd};
use super::desi_targets::{fibermap, redshifts};
use super::flux_unit::FLUX_UNIT;
use super::index::files_called;
use super::item::Item;
use super::pixel_mask::PixelMask;
use super::select::{by_catalog, reject};
use super::spectra::{Pixels, Survey, Unmatched, listed_twice};
use super::tables::{CatalogRow, read_targets};
use crate::Result;
use crate::config::{DesiColumns, SelectConfig};
use crate::data::flag;
use crate::files::fits::read::Fits;
use rayon::prelude::*;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of a DESI survey.
#[derive(Debug)]
pub(crate) struct DesiSurvey {
    files: Vec<PathBuf>,
    rows: Vec<Row>,
    pixels: Arc<[[f64; 2]]>,
    /// Targets of the files that no catalog row names.
    unnamed: usize,
    /// Files with a target of the catalog that is read from an earlier file.
    twins: Vec<PathBuf>,
    /// Files that are called otherwise.
    passed_over: Vec<PathBuf>,
}

#[derive(Debug)]
struct Row {
    target: CatalogRow,
    place: Option<Place>,
}

/// Where a spectrum is.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    row: usize,
    /// COADD_FIBERSTATUS: 0, or what was wrong with the fibre.
    fiberstatus: i64,
}

impl DesiSurvey {
    /// Lists the targets of the files in `paths` (folders are searched for coadd-*.fits[.gz]): those
    /// of `catalog` in its order, or without one all, with the redshifts of the redrock-*.fits file
    /// beside each coadd file, where there is one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for a file that is none, or a catalog without TARGETID or redshift.
    pub fn open(paths: &[PathBuf], catalog: Option<&Path>, columns: &DesiColumns) -> Result<Self> {
        let (files, passed_over) = files_called("coadd-", paths)?;
        let fibres = files
            .iter()
            .map(|path| fibermap(path))
            .collect::<Result<Vec<_>>>()?;
        let places = fibres.iter().enumerate().flat_map(|(file, fibres)| {
            fibres.iter().enumerate().map(move |(row, fibre)| Place {
                file,
                row,
                fiberstatus: fibre.zwarning.unwrap_or(0),
            })
        });
        let target = |p: &Place| &fibres[p.file][p.row];
        let (mut rows, mut unnamed, mut twins) = (Vec::new(), 0, BTreeSet::new());
        if let Some(path) = catalog {
            let mut found: BTreeMap<&str, Place> = BTreeMap::new();
            for place in places {
                match found.entry(&target(&place).object.name) {
                    Entry::Vacant(v) => _ = v.insert(place),
                    Entry::Occupied(_) => _ = twins.insert(place.file),
                }
            }
            for target in read_targets(Fits::open(path)?, columns, true)? {
                let place = found.get(&*target.object.name).copied();
                rows.push(Row { target, place });
            }
            let named: BTreeSet<&str> = rows.iter().map(|r| &*r.target.object.name).collect();
            unnamed = found.keys().filter(|n| !named.contains(*n)).count();
        } else {
            let fits = files
                .iter()
                .map(|path| redshifts(path))
                .collect::<Result<Vec<_>>>()?;
            for place in places {
                let mut target = target(&place).clone();
                let fit = fits[place.file].get(&target.object.name).copied();
                (target.object.z, target.zwarning) = fit.unwrap_or((f64::NAN, None));
                let place = Some(place);
                rows.push(Row { target, place });
            }
        }
        Ok(Self {
            rows,
            pixels: lattice_pixels(),
            unnamed,
            twins: twins.into_iter().map(|i| files[i].clone()).collect(),
            files,
            passed_over,
        })
    }

    /// Row `i`; what is wrong with the fibre counts as the pipeline's warning.
    fn item(&self, i: usize, mask: &PixelMask, select: &SelectConfig) -> Item {
        let Row { target, place } = &self.rows[i];
        let mut object = target.object.clone();
        if let Some(p) = place {
            object.source = format!("{} row {}", self.files[p.file].display(), p.row);
        }
        by_catalog(select, &mut object, target.zwarning);
        let fiberstatus = place.map_or(0, |p| p.fiberstatus);
        if select.zwarning && fiberstatus != 0 {
            let reason = format!("COADD_FIBERSTATUS = {fiberstatus}");
            reject(&mut object, flag::ZWARNING, &reason);
        }
        let mut item = Item {
            level: target.level,
            ..Item::of(object)
        };
        if item.object.flag != flag::GOOD {
            return item;
        }
        let Some(place) = place else {
            let reason = "no coadd file has this TARGETID";
            reject(&mut item.object, flag::UNREADABLE, reason);
            return item;
        };
        match read_coadd(&self.files[place.file], place.row, &self.pixels, mask) {
            Ok(Coadd {
                spectrum,
                has_lsf,
                has_mask,
            }) => {
                item.spectrum = Some(spectrum);
                (item.lacks_lsf, item.lacks_mask) = (!has_lsf, !has_mask);
            }
            Err(e) => reject(&mut item.object, flag::UNREADABLE, &e.to_string()),
        }
        item
    }
}

impl Survey for DesiSurvey {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn names(&self) -> Vec<&str> {
        let names = self.rows.iter().map(|r| &*r.target.object.name);
        names.collect()
    }

    fn flux_unit(&self) -> &str {
        FLUX_UNIT
    }

    fn specsys(&self) -> Option<&'static str> {
        Some("BARYCENT")
    }

    fn pixels(&self) -> Pixels {
        Pixels::Shared(self.pixels.clone())
    }

    fn unmatched(&self) -> Unmatched {
        Unmatched {
            rows: self.rows.iter().filter(|r| r.place.is_none()).count(),
            files: Vec::new(),
            targets: self.unnamed,
            twins: self.twins.clone(),
            passed_over: self.passed_over.clone(),
            listed_twice: listed_twice(self.rows.iter().map(|r| {
                let object = &r.target.object;
                (object.name.clone(), object.z)
            })),
        }
    }

    fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>> {
        let items = rows.into_par_iter().map(|i| self.item(i, mask, select));
        Ok(items.collect())
    }
}
