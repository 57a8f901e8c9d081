//! DESI coadd files: spectra of many targets, arm by arm, on one lattice of 0.8 Å.
//!
//! Data model: <https://desidatamodel.readthedocs.io>, `coadd-SURVEY-PROGRAM-PIXNUM.fits`: for each arm
//! X of B, R, Z (or one, BRZ) images X_WAVELENGTH [n], X_FLUX, X_IVAR, X_MASK [N, n] and
//! X_RESOLUTION [N, diagonals, n]; FIBERMAP tells the targets. Vacuum wavelengths, barycentric.

use super::desi_coadd::{
    Coadd, absent, by_name, check_units, is_of_exposures, lattice_pixels, read_coadd,
};
use super::index::files_called;
use super::pixel_mask::PixelMask;
use super::tables::{CatalogRow, read_targets};
use crate::Result;
use crate::config::DesiColumns;
use crate::files::fits::read::Fits;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of a DESI survey.
#[derive(Debug)]
pub(crate) struct DesiSurvey {
    files: Vec<PathBuf>,
    rows: Vec<Row>,
    pixels: Arc<[[f64; 2]]>,
    /// Targets of the files that no catalog row names.
    pub unnamed: usize,
    /// Files with a target of the catalog that is read from an earlier file.
    pub twins: Vec<PathBuf>,
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
        let files = files_called("coadd-", paths)?;
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
        })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Edges of each pixel in log10(λ/Å), vacuum.
    pub fn pixels(&self) -> &Arc<[[f64; 2]]> {
        &self.pixels
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|r| &*r.target.object.name)
    }

    /// Rows that no file has a spectrum of.
    pub fn without_spectrum(&self) -> usize {
        self.rows.iter().filter(|r| r.place.is_none()).count()
    }

    /// Row `i`: what is known of the target, with the file and row of its spectrum; and the fibre's
    /// COADD_FIBERSTATUS, 0 where all is well or nothing is known.
    pub fn target(&self, i: usize) -> (CatalogRow, i64) {
        let Row { target, place } = &self.rows[i];
        let mut target = target.clone();
        if let Some(p) = place {
            target.object.source = format!("{} row {}", self.files[p.file].display(), p.row);
        }
        (target, place.map_or(0, |p| p.fiberstatus))
    }

    /// The spectrum of row `i`, arms joined; `None` where no file has one.
    ///
    /// # Errors
    /// As [`read_coadd`].
    pub fn read(&self, i: usize, mask: &PixelMask) -> Result<Option<Coadd>> {
        let read = |p: Place| read_coadd(&self.files[p.file], p.row, &self.pixels, mask);
        self.rows[i].place.map(read).transpose()
    }
}

/// The targets of a coadd file, in the order of its spectra, COADD_FIBERSTATUS as their warning.
fn fibermap(path: &Path) -> Result<Vec<CatalogRow>> {
    let mut fits = Fits::open(path)?;
    fits.check_complete()?;
    let hdus = by_name(&mut fits)?;
    check_units(&mut fits, &hdus)?;
    let Some(hdu) = hdus.get("FIBERMAP") else {
        return Err(absent(&fits, "FIBERMAP"));
    };
    if is_of_exposures(&fits.go(*hdu)?) {
        return Err(fits.error(
            "HDU FIBERMAP",
            "single exposures (EXPID), several to a target",
            "a DESI coadd file, one spectrum to a target",
            "give the coadd-*.fits file beside it, or co-add with desispec (desi_coadd_spectra)",
        ));
    }
    let columns = DesiColumns {
        zwarn: "COADD_FIBERSTATUS".into(),
        ..DesiColumns::default()
    };
    read_targets(fits, &columns, false)
}

/// Redshift and ZWARN by TARGETID, from the redrock file beside a coadd file; none without one.
fn redshifts(coadd: &Path) -> Result<BTreeMap<String, (f64, Option<i64>)>> {
    let Some(redrock) = beside(coadd) else {
        return Ok(BTreeMap::new());
    };
    let fits = read_targets(Fits::open(&redrock)?, &DesiColumns::default(), true)?;
    let fit = |r: CatalogRow| (r.object.name, (r.object.z, r.zwarning));
    Ok(fits.into_iter().map(fit).collect())
}

/// redrock-*.fits beside coadd-*.fits.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix("coadd-")?;
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let folder = path.parent()?;
    [plain.to_owned(), format!("{plain}.gz")]
        .iter()
        .map(|n| folder.join(format!("redrock-{n}")))
        .find(|p| p.is_file())
}
