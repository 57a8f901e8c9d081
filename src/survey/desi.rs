//! DESI coadd files, and spectra files of mocks: spectra of many targets, arm by arm, on one lattice.
//! Vacuum wavelengths, barycentric.

use super::desi_coadd::{Coadd, diagonals, read_coadd};
use super::desi_file::{Arm, DesiFile};
use super::desi_lattice::Lattice;
use super::desi_targets::{fibermap, redshifts, status};
use super::flux_unit::FLUX_UNIT;
use super::index::files_called;
use super::item::Item;
use super::open_files::{Handle, OpenFiles};
use super::pixel_mask::PixelMask;
use super::select::{by_catalog, reject};
use super::spectra::{Pixels, Survey, Unmatched, holds_none, listed_twice};
use super::tables::{CatalogRow, read_targets};
use crate::Result;
use crate::config::{DesiColumns, SelectConfig};
use crate::data::flag;
use crate::files::fits::read::Fits;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of a DESI survey.
#[derive(Debug)]
pub(crate) struct DesiSurvey {
    files: Vec<File>,
    open: OpenFiles,
    rows: Vec<Row>,
    /// Targets of the files that no catalog row names.
    unnamed: usize,
    /// Files with a target of the catalog that is read from an earlier file.
    twins: Vec<PathBuf>,
    /// Files that are called otherwise.
    passed_over: Vec<PathBuf>,
    notes: Vec<String>,
    /// Whether the resolution matrices are kept.
    matrices: bool,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    layout: DesiFile,
    /// Edges of the pixels of its lattice; files on the same lattice share them.
    pixels: Arc<[[f64; 2]]>,
}

#[derive(Debug)]
struct Row {
    target: CatalogRow,
    place: Option<CoaddRow>,
}

/// Where a spectrum is.
#[derive(Debug, Clone, Copy)]
struct CoaddRow {
    file: usize,
    row: usize,
    /// COADD_FIBERSTATUS: 0, or what was wrong with the fibre.
    fiberstatus: i64,
}

impl DesiSurvey {
    /// Lists the targets of the files in `paths` (folders are searched for coadd-*.fits[.gz], or where
    /// there is none for spectra-*.fits[.gz]): those of `catalog` in its order, or without one all, with
    /// the redshifts of the redrock-*.fits file beside each file, where there is one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for a file that is none, or a catalog without TARGETID or redshift.
    pub fn open(paths: &[PathBuf], catalog: Option<&Path>, columns: &DesiColumns) -> Result<Self> {
        let (mut files, mut fibres) = (Vec::<File>::new(), Vec::new());
        let (found, passed_over) = files_called(&["coadd-", "spectra-"], paths)?;
        for path in found {
            let (layout, targets) = fibermap(&path)?;
            let same = files.iter().find(|f| f.layout.lattice.is(&layout.lattice));
            let pixels = same.map_or_else(|| layout.lattice.edges(), |f| f.pixels.clone());
            files.push(File {
                path,
                layout,
                pixels,
            });
            fibres.push(targets);
        }
        let places = fibres.iter().enumerate().flat_map(|(file, fibres)| {
            fibres.iter().enumerate().map(move |(row, fibre)| CoaddRow {
                file,
                row,
                fiberstatus: fibre.zwarning.unwrap_or(0),
            })
        });
        let target = |p: &CoaddRow| &fibres[p.file][p.row];
        let (mut rows, mut unnamed, mut twins) = (Vec::new(), 0, BTreeSet::new());
        let mut notes = Vec::new();
        if let Some(path) = catalog {
            let mut found: BTreeMap<&str, CoaddRow> = BTreeMap::new();
            for place in places {
                match found.entry(&target(&place).object.name) {
                    Entry::Vacant(v) => _ = v.insert(place),
                    Entry::Occupied(_) => _ = twins.insert(place.file),
                }
            }
            let catalog = read_targets(path, columns)?;
            notes = catalog.notes;
            for target in catalog.rows {
                let place = found.get(&*target.object.name).copied();
                rows.push(Row { target, place });
            }
            let named: BTreeSet<&str> = rows.iter().map(|r| &*r.target.object.name).collect();
            unnamed = found.keys().filter(|n| !named.contains(*n)).count();
        } else {
            let fits = files
                .iter()
                .map(|f| redshifts(&f.path))
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
            open: OpenFiles::default(),
            rows,
            unnamed,
            twins: twins.into_iter().map(|i| files[i].path.clone()).collect(),
            passed_over,
            notes,
            files,
            matrices: false,
        })
    }

    /// Row `i`; what is wrong with the fibre counts as the pipeline's warning.
    fn item(&self, i: usize, open: &mut Handle, mask: &PixelMask, select: &SelectConfig) -> Item {
        let Row { target, place } = &self.rows[i];
        let mut object = target.object.clone();
        if let Some(p) = place {
            let path = self.files[p.file].path.display();
            object.source = format!("{path} row {}", p.row);
        }
        by_catalog(select, &mut object, target.zwarning);
        if let Some(p) = place.filter(|p| select.zwarning && p.fiberstatus != 0) {
            let column = status(self.files[p.file].layout.exposures);
            let reason = format!("{column} = {}", p.fiberstatus);
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
        let file = &self.files[place.file];
        let read = |fits: &mut Fits| {
            let target = (place.row, self.matrices);
            read_coadd(fits, &file.layout, target, &file.pixels, mask)
        };
        match open.with(&file.path, read) {
            Ok(Coadd {
                spectrum,
                masked,
                has_lsf,
                has_mask,
            }) => {
                (item.spectrum, item.masked) = (Some(spectrum), masked);
                item.other_grid = !Arc::ptr_eq(&file.pixels, &self.files[0].pixels);
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
        // No files are no rows.
        let pixels = self.files.first().map(|f| f.pixels.clone());
        Pixels::Shared(pixels.unwrap_or_else(|| Lattice::DESI.edges()))
    }

    fn carry(&mut self, [sky, matrix]: [bool; 2], origin: &Path) -> Result<usize> {
        if sky {
            let expected = "a column `sky` of SDSS's files, or a dataset of an HDF5 catalog";
            return Err(holds_none(origin, "", "sky", expected));
        }
        self.matrices = matrix;
        if !matrix {
            return Ok(0);
        }
        for file in &self.files {
            let lacks = |arm: &&Arm| file.layout.hdu(arm, "RESOLUTION").is_none();
            if let Some(arm) = file.layout.arms.iter().find(lacks) {
                let place = format!("HDU {}_RESOLUTION", arm.name);
                let expected = "RESOLUTION of every arm [N, diagonals, n]";
                return Err(holds_none(
                    &file.path,
                    &place,
                    "resolution matrix",
                    expected,
                ));
            }
        }
        match self.files.first() {
            Some(file) => diagonals(&file.path, &file.layout),
            None => Ok(1),
        }
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
            notes: self.notes.clone(),
        }
    }

    fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>> {
        let file = |i: usize| Some(self.files[self.rows[i].place?.file].path.clone());
        let item = |i: usize, open: &mut Handle| self.item(i, open, mask, select);
        Ok(self.open.each(rows, file, item))
    }
}
