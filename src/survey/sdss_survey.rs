//! The rows of an SDSS survey: those of its catalog, or all the spectra of its files.

use super::flux_unit::FLUX_UNIT;
use super::index::{Index, SpectrumFile};
use super::item::Item;
use super::open_files::{Handle, OpenFiles};
use super::pixel_mask::PixelMask;
use super::select::{by_catalog, reject};
use super::spectra::{Pixels, Survey, Unmatched, holds_none, listed_twice};
use super::tables::{CatalogRow, CatalogRows, read_catalog};
use super::{sdss, sp_plate};
use crate::Result;
use crate::config::{Columns, SelectConfig};
use crate::data::{NativeGrid, Object, flag};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The rows of an SDSS survey.
#[derive(Debug)]
pub(crate) struct SdssSurvey {
    rows: Vec<SdssRow>,
    open: OpenFiles,
    /// Files that no catalog row names.
    unnamed: Vec<PathBuf>,
    /// Further files of a spectrum that is read from another.
    twins: Vec<PathBuf>,
    /// Files that are called otherwise.
    passed_over: Vec<PathBuf>,
    notes: Vec<String>,
}

/// A spectrum of an SDSS survey: a catalog row, or a file that stands for itself.
#[derive(Debug)]
struct SdssRow {
    row: Option<CatalogRow>,
    file: Option<SpectrumFile>,
}

impl SdssSurvey {
    /// The rows of `catalog` in its order, each with the file of `spectra` that has its plate, MJD and
    /// fibre; without a catalog the files themselves.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for an unusable catalog, or a path that cannot be read or holds no
    /// spectrum.
    pub fn open(spectra: &[PathBuf], catalog: Option<&Path>, columns: &Columns) -> Result<Self> {
        let catalog = catalog
            .map(|path| read_catalog(path, columns))
            .transpose()?;
        // A catalog without ZWARNING leaves that to the pipeline.
        let knows = |c: &CatalogRows| c.rows.iter().all(|r| r.zwarning.is_some());
        let index = Index::new(spectra, !catalog.as_ref().is_some_and(knows))?;
        Ok(match catalog {
            Some(catalog) => Self {
                notes: catalog.notes,
                ..Self::named(catalog.rows, index)
            },
            None => Self::unnamed(index),
        })
    }

    fn named(catalog: Vec<CatalogRow>, index: Index) -> Self {
        let mut used = BTreeSet::new();
        let rows = catalog
            .into_iter()
            .map(|row| {
                let o = &row.object;
                let key = (o.plate, o.mjd, o.fiberid);
                let file = index.files.get(&key).cloned();
                used.insert(key);
                SdssRow {
                    row: Some(row),
                    file,
                }
            })
            .collect();
        // Of a plate most spectra may be of other objects: that is no fault to report.
        let unnamed = |(key, file): (_, SpectrumFile)| {
            (!used.contains(&key) && file.row.is_none()).then_some(file.path)
        };
        Self {
            rows,
            open: OpenFiles::default(),
            unnamed: index.files.into_iter().filter_map(unnamed).collect(),
            twins: index.twins,
            passed_over: index.passed_over,
            notes: Vec::new(),
        }
    }

    fn unnamed(index: Index) -> Self {
        let alone = |file| SdssRow {
            row: None,
            file: Some(file),
        };
        Self {
            rows: index.files.into_values().map(alone).collect(),
            open: OpenFiles::default(),
            unnamed: Vec::new(),
            twins: index.twins,
            passed_over: index.passed_over,
            notes: Vec::new(),
        }
    }
}

impl Survey for SdssSurvey {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn names(&self) -> Vec<&str> {
        let named = self.rows.iter().filter_map(|r| r.row.as_ref());
        named.map(|r| &*r.object.name).collect()
    }

    fn flux_unit(&self) -> &str {
        FLUX_UNIT
    }

    fn specsys(&self) -> Option<&'static str> {
        Some("HELIOCEN")
    }

    fn pixels(&self) -> Pixels {
        Pixels::Sdss
    }

    fn carry(&mut self, [_, matrix]: [bool; 2], origin: &Path) -> Result<usize> {
        match matrix {
            // Whether a file has a column of the sky is seen when it is read.
            false => Ok(0),
            true => Err(holds_none(
                origin,
                "",
                "resolution matrix",
                "RESOLUTION of DESI's files, or a dataset of an HDF5 catalog",
            )),
        }
    }

    fn unmatched(&self) -> Unmatched {
        Unmatched {
            rows: self.rows.iter().filter(|r| r.file.is_none()).count(),
            files: self.unnamed.clone(),
            targets: 0,
            twins: self.twins.clone(),
            passed_over: self.passed_over.clone(),
            listed_twice: listed_twice(self.rows.iter().filter_map(|r| {
                let o = &r.row.as_ref()?.object;
                Some((sdss::name(o.plate, o.mjd, o.fiberid), o.z))
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
        let file = |i: usize| Some(self.rows[i].file.as_ref()?.path.clone());
        let item = |i: usize, open: &mut Handle| self.rows[i].read(open, mask, select);
        Ok(self.open.each(rows, file, item))
    }
}

impl SpectrumFile {
    fn read(&self, open: &mut Handle, mask: &PixelMask, pipeline: bool) -> Result<sdss::SpecFile> {
        match self.row {
            None => sdss::read_spec(&self.path, mask, pipeline),
            Some(row) => open.with(&self.path, |fits| sp_plate::read_row(fits, row, mask)),
        }
    }
}

impl SdssRow {
    fn read(&self, open: &mut Handle, mask: &PixelMask, select: &SelectConfig) -> Item {
        let mut object = match &self.row {
            Some(row) => row.object.clone(),
            None => Object::default(),
        };
        let mut item = Item {
            level: self.row.as_ref().and_then(|r| r.level),
            ..Item::of(Object::default())
        };
        let zwarning = self.row.as_ref().and_then(|r| r.zwarning);
        if self.row.is_some() {
            by_catalog(select, &mut object, zwarning);
        }
        match &self.file {
            None => {
                // A row that is rejected anyway needs no file.
                if object.flag == flag::GOOD {
                    let named = sdss::name(object.plate, object.mjd, object.fiberid);
                    reject(
                        &mut object,
                        flag::UNREADABLE,
                        &format!("no file spec-{named}.fits[.gz]"),
                    );
                }
            }
            Some(file) => {
                object.source = match file.row {
                    None => file.path.display().to_string(),
                    Some((row, _)) => format!("{} row {row}", file.path.display()),
                };
                if object.flag == flag::GOOD {
                    let pipeline = self.row.is_none() || (zwarning.is_none() && select.zwarning);
                    let read = file.read(open, mask, pipeline);
                    self.fill(&mut item, &mut object, read, select);
                }
            }
        }
        item.object = object;
        item
    }

    fn fill(
        &self,
        item: &mut Item,
        object: &mut Object,
        read: Result<sdss::SpecFile>,
        select: &SelectConfig,
    ) {
        let spec = match read {
            Ok(spec) => spec,
            Err(e) => {
                if self.row.is_none() {
                    self.name_by_file(object);
                }
                return reject(object, flag::UNREADABLE, &e.to_string());
            }
        };
        let said = &spec.object;
        if self.row.is_none() {
            *object = said.clone();
            by_catalog(select, object, spec.zwarning);
        } else if said.plate >= 0
            && said.fiberid >= 0
            && said.name != sdss::name(object.plate, object.mjd, object.fiberid)
        {
            let reason = format!("the file holds {}: renamed?", said.name);
            return reject(object, flag::UNREADABLE, &reason);
        } else if let Some(w) = spec.zwarning.filter(|w| *w != 0 && select.zwarning) {
            reject(object, flag::ZWARNING, &format!("ZWARNING = {w}"));
        }
        item.lacks_lsf = !spec.has_lsf;
        item.lacks_mask = !spec.has_mask;
        if object.flag == flag::GOOD {
            item.other_grid = !matches!(spec.spectrum.grid, NativeGrid::Sdss { .. });
            (item.spectrum, item.masked) = (Some(spec.spectrum), spec.masked);
        }
    }

    /// An unreadable file still says by its name which object it was to be.
    fn name_by_file(&self, object: &mut Object) {
        let name = self
            .file
            .as_ref()
            .and_then(|f| f.path.file_name()?.to_str());
        if let Some((plate, mjd, fiberid)) = name.and_then(super::index::key_of) {
            (object.plate, object.mjd, object.fiberid) = (plate, mjd, fiberid);
            object.name = sdss::name(plate, mjd, fiberid);
        }
    }
}
