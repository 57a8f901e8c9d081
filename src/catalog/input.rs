//! A survey's input, row by row in catalog order, whatever its format.

use super::desi::DesiSurvey;
use super::desi_coadd::Coadd;
use super::hdf5::Hdf5Catalog;
use super::index::{Index, Place};
use super::pixel_mask::PixelMask;
use super::select::{by_catalog, reject};
use super::spectrum::{NativeGrid, Spectrum};
use super::table::{CatalogRow, read_catalog};
use super::{LogGrid, Object, Regridder, flag, sdss, sp_plate};
use crate::config::{SelectConfig, SurveySource};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

/// One row: what is known of the object and, unless it is already rejected, its spectrum.
#[derive(Debug)]
pub(super) struct Item {
    pub object: Object,
    pub level: Option<f64>,
    pub spectrum: Option<Spectrum>,
    /// Read from a file that has no line-spread function, or not the mask asked for.
    pub lacks_lsf: bool,
    pub lacks_mask: bool,
}

/// The rows of a survey.
#[derive(Debug)]
pub(super) enum Input {
    Sdss {
        rows: Vec<SdssRow>,
        /// Files that no catalog row names.
        unnamed: Vec<PathBuf>,
        twins: Vec<PathBuf>,
    },
    Desi(DesiSurvey),
    Hdf5 {
        catalog: Hdf5Catalog,
        flux_unit: String,
    },
}

/// A spectrum of an SDSS survey: a catalog row, or a file that stands for itself.
#[derive(Debug)]
pub(super) struct SdssRow {
    row: Option<CatalogRow>,
    file: Option<Place>,
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
            } => {
                let index = Index::new(spectra)?;
                match catalog {
                    Some(path) => Ok(Self::named(read_catalog(path, columns)?, index)),
                    None => Ok(Self::unnamed(index)),
                }
            }
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
        let unnamed = |(key, file): (_, Place)| {
            (!used.contains(&key) && file.row.is_none()).then_some(file.path)
        };
        Self::Sdss {
            rows,
            unnamed: index.files.into_iter().filter_map(unnamed).collect(),
            twins: index.twins,
        }
    }

    fn unnamed(index: Index) -> Self {
        let alone = |file| SdssRow {
            row: None,
            file: Some(file),
        };
        Self::Sdss {
            rows: index.files.into_values().map(alone).collect(),
            unnamed: Vec::new(),
            twins: index.twins,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Sdss { rows, .. } => rows.len(),
            Self::Desi(survey) => survey.len(),
            Self::Hdf5 { catalog, .. } => catalog.len(),
        }
    }

    pub fn flux_unit(&self) -> &str {
        match self {
            Self::Sdss { .. } | Self::Desi(_) => sdss::FLUX_UNIT,
            Self::Hdf5 { flux_unit, .. } => flux_unit,
        }
    }

    /// Reference frame of the wavelengths as FITS names it: SDSS spectra are heliocentric, those of
    /// DESI barycentric; an HDF5 catalog does not say.
    pub fn specsys(&self) -> Option<&'static str> {
        match self {
            Self::Sdss { .. } => Some("HELIOCEN"),
            Self::Desi(_) => Some("BARYCENT"),
            Self::Hdf5 { .. } => None,
        }
    }

    pub fn regridder(&self, grid: &LogGrid) -> Regridder {
        match self {
            Self::Sdss { .. } => Regridder::sdss(grid),
            Self::Desi(survey) => Regridder::shared(grid, survey.edges()),
            Self::Hdf5 { catalog, .. } => Regridder::shared(grid, catalog.edges()),
        }
    }

    /// Whether spectra may come on a grid of their own.
    pub fn is_odd(&self, spectrum: &Spectrum) -> bool {
        matches!(self, Self::Sdss { .. }) && !matches!(spectrum.grid, NativeGrid::Sdss { .. })
    }

    /// Names that occur more than once, each once.
    pub fn duplicates(&self) -> Vec<String> {
        let mut names: Vec<&str> = match self {
            Self::Sdss { rows, .. } => {
                let named = rows.iter().filter_map(|r| r.row.as_ref());
                named.map(|r| &*r.object.name).collect()
            }
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
            Self::Sdss { rows, .. } => rows.iter().filter(|r| r.file.is_none()).count(),
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
            Self::Sdss { rows: all, .. } => Ok(all[rows]
                .par_iter()
                .map(|row| row.read(mask, select))
                .collect()),
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

impl Place {
    fn read(&self, mask: &PixelMask, pipeline: bool) -> Result<sdss::SpecFile> {
        match self.row {
            None => sdss::read_spec(&self.path, mask, pipeline),
            Some(row) => sp_plate::read_row(&self.path, row, mask, pipeline),
        }
    }
}

impl SdssRow {
    fn read(&self, mask: &PixelMask, select: &SelectConfig) -> Item {
        let mut object = match &self.row {
            Some(row) => row.object.clone(),
            None => Object::default(),
        };
        let mut item = Item {
            object: Object::default(),
            level: self.row.as_ref().and_then(|r| r.level),
            spectrum: None,
            lacks_lsf: false,
            lacks_mask: false,
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
                    self.fill(&mut item, &mut object, file.read(mask, pipeline), select);
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
            item.spectrum = Some(spec.spectrum);
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
