//! Restored DESI spectra in the form of DESI's coadd files, one file for each coadd file that they
//! were observed in, which specutils' `DESI coadd` loader opens. The form has one wavelength axis for all
//! its targets: of a catalog on a grid of the rest frame, whose targets were each observed elsewhere, there
//! is a file for each target.
//!
//! Data model: <https://desidatamodel.readthedocs.io>, `coadd-SURVEY-PROGRAM-PIXNUM.html`. The pixels
//! are those of the restored catalog, cut into the arms B, R, Z in the middle of their overlaps:
//! nothing is interpolated, and no pixel is there twice. `X_FLUX` is the restored spectrum; `X_IVAR`
//! is 1/σ² with σ the standard deviation of the SDE draws, 0 where none was estimated; `X_MASK` has
//! the bit ALLBADPIX where the observation had no good pixel and the flux is inferred alone.
//! `X_OBS_FLUX`, `X_OBS_IVAR` are the observation on the same pixels, `X_DRAW` the first draw of the
//! SDE, `X_SIGMA_PRIOR` the part of σ that is the population's, where it is known: images that DESI does
//! not know and readers pass over.

use super::catalog::{Restored, RestoredHeader};
use super::restorations::RestoredRows;
use super::spec::inverse_variance;
use super::writer::provenance;
use crate::data::Provenance;
use crate::data::{Object, flag};
use crate::files::fits::read::Fits;
use crate::files::fits::sheet::Sheet;
use crate::files::fits::tables::Column;
use crate::files::version;
use crate::survey::select::median_snr;
use crate::{Error, Result};
use fitsio::hdu::FitsHdu;
use fitsio::images::ImageType;
use fitsio::tables::ColumnDataType as T;
use ndarray::{Array2, s};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The arms and where each ends, Å: the middle of its overlap with the next.
const ARMS: [(&str, f64); 3] = [("B", 5780.0), ("R", 7570.0), ("Z", f64::INFINITY)];
const FLUX: &str = "10**-17 erg/(s cm2 Angstrom)";
const IVAR: &str = "10**+34 (s2 cm4 Angstrom2) / erg2";
/// Bit of DESI's `specmask` for "all input pixels were masked".
const ALLBADPIX: i32 = 1 << 1;
/// Rows in memory at a time.
const ROWS: usize = 256;
/// What the observed file says of itself, carried along.
const CARRIED: [&str; 11] = [
    "SPGRP", "SPGRPVAL", "NIGHT", "TILEID", "SPECTRO", "PETAL", "HPXPIXEL", "HPXNSIDE", "HPXNEST",
    "SURVEY", "PROGRAM",
];

/// The coadd file and the TARGETID of a DESI object; `None` for objects of other surveys.
#[must_use]
pub fn desi_source(o: &Object) -> Option<(&Path, i64)> {
    let (file, _) = o.source.rsplit_once(" row ")?;
    let is_fits = file.ends_with(".fits") || file.ends_with(".fits.gz");
    (o.plate < 0 && is_fits).then_some(())?;
    Some((Path::new(file), o.name.parse().ok()?))
}

/// `FOLDER/restored-SURVEY-PROGRAM-PIXNUM.fits` for coadd-SURVEY-PROGRAM-PIXNUM.fits[.gz].
#[must_use]
pub fn restored_desi_path(folder: &Path, source: &Path) -> PathBuf {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    folder.join(format!(
        "restored-{}",
        name.strip_prefix("coadd-").unwrap_or(name)
    ))
}

/// `path`, the file of all the targets of a coadd file, as it is called for one of them.
#[must_use]
pub fn path_of_target(path: &Path, target: i64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{target}.fits"))
}

/// Writes the restored DESI objects of a catalog, a file for each coadd file, called by `path`, or on a grid
/// of the rest frame one for each target, called by [`path_of_target`];
/// `history` is what the catalog's HISTORY says. Gives the number of files.
///
/// # Errors
/// [`Error::Input`] if the catalog cannot be read; [`Error::Output`] if a file cannot be written:
/// it does not exist then.
pub fn write_restored_desi(
    catalog: &Restored,
    history: &[String],
    path: impl Fn(&Path) -> PathBuf,
) -> Result<usize> {
    let mut files: BTreeMap<&Path, Vec<(usize, i64)>> = BTreeMap::new();
    for (row, o) in catalog.objects().iter().enumerate() {
        if let (flag::GOOD, Some((source, target))) = (o.flag, desi_source(o)) {
            files.entry(source).or_default().push((row, target));
        }
    }
    let header = RestoredHeader {
        made: Provenance {
            history: history.to_vec(),
            ..catalog.header().made.clone()
        },
        ..catalog.header().clone()
    };
    let mut written = 0;
    for (source, targets) in &files {
        let whole = path(source);
        let parts: Vec<(PathBuf, &[(usize, i64)])> = match header.grid.is_rest() {
            false => vec![(whole, targets)],
            true => (targets.chunks(1))
                .map(|one| (path_of_target(&whole, one[0].1), one))
                .collect(),
        };
        for (path, targets) in parts {
            write_file(&path, source, catalog, &header, targets)?;
            written += 1;
        }
    }
    Ok(written)
}

fn write_file(
    path: &Path,
    source: &Path,
    catalog: &Restored,
    header: &RestoredHeader,
    targets: &[(usize, i64)],
) -> Result<()> {
    let mut sheet = Sheet::create(path)?;
    primary(&mut sheet, source, header)?;
    let objects: Vec<&Object> = targets.iter().map(|t| &catalog.objects()[t.0]).collect();
    let ids: Vec<i64> = targets.iter().map(|t| t.1).collect();
    fibermap(&mut sheet, &objects, &ids)?;
    // Of several targets there is none that was moved.
    let wavelength = objects[0].observed(&header.grid.wavelength());
    let arms = arms(&mut sheet, header, &wavelength, targets.len())?;
    let mut images = Images::open(catalog, header.made.method.is_random())?;
    let mut snr = Vec::with_capacity(targets.len());
    for (part, start) in targets.chunks(ROWS).zip((0..).step_by(ROWS)) {
        let rows: Vec<usize> = part.iter().map(|t| t.0).collect();
        let block = images.read(&rows)?;
        for arm in &arms {
            arm.write(&mut sheet, start, &block)?;
        }
        snr.extend(median_snr(&block.observed, &block.observed_ivar));
    }
    let columns = [
        Column::new("TARGETID", T::LongLong),
        Column::new("MEDIAN_OBSERVED_SNR", T::Float),
    ];
    let hdu = sheet.table("SCORES", &columns)?;
    sheet.column(&hdu, "TARGETID", &ids)?;
    sheet.column(&hdu, "MEDIAN_OBSERVED_SNR", &snr)?;
    sheet.finish()
}

fn primary(sheet: &mut Sheet, source: &Path, header: &RestoredHeader) -> Result<()> {
    let hdu = sheet.primary()?;
    // A file that is gone by now has nothing to tell.
    if let Ok(mut observed) = Fits::open(source) {
        observed.seek(0)?;
        for name in CARRIED {
            match observed.text_key(name) {
                None => {}
                Some(text) => match text.parse::<i64>() {
                    Ok(number) => sheet.key(&hdu, name, (number, ""))?,
                    Err(_) => sheet.text(&hdu, name, &text, "")?,
                },
            }
        }
    }
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    sheet.text(&hdu, "INFIL000", &name, "coadd file of the observations")?;
    if let Some(frame) = &header.specsys {
        sheet.text(&hdu, "SPECSYS", frame, "frame of the wavelengths")?;
    }
    let made = &header.made;
    sheet.keys(&version::RESTORED_COADD.keys())?;
    provenance(sheet, made)?;
    let ivar = if made.uncertain() {
        "IVAR: 1/variance of the SDE draws; pixels are correlated"
    } else {
        "IVAR is 0: no uncertainty was estimated"
    };
    let mask = "MASK ALLBADPIX: no good observation there, the flux is inferred";
    sheet.history(&[
        format!("observations: {}", source.display()),
        ivar.to_owned(),
        mask.to_owned(),
    ])
}

fn fibermap(sheet: &mut Sheet, objects: &[&Object], ids: &[i64]) -> Result<()> {
    type Get = fn(&Object) -> f64;
    let real: [(&str, &str, Get); 3] = [
        ("TARGET_RA", "deg", |o| o.ra),
        ("TARGET_DEC", "deg", |o| o.dec),
        ("Z", "", |o| o.z),
    ];
    let mut columns = vec![
        Column::new("TARGETID", T::LongLong),
        Column::new("COADD_FIBERSTATUS", T::Int),
    ];
    columns.extend(real.map(|(name, unit, _)| Column::new(name, T::Double).unit(unit)));
    let hdu = sheet.table("FIBERMAP", &columns)?;
    sheet.column(&hdu, "TARGETID", ids)?;
    // Spectra of fibres with a fault are not restored.
    sheet.column(&hdu, "COADD_FIBERSTATUS", &vec![0i32; ids.len()])?;
    for (name, _, get) in real {
        let values: Vec<f64> = objects.iter().map(|o| get(o)).collect();
        sheet.column(&hdu, name, &values)?;
    }
    Ok(())
}

/// Pixels of the common grid that belong to one arm, and its images.
struct Arm {
    pixels: Range<usize>,
    flux: FitsHdu,
    ivar: FitsHdu,
    mask: FitsHdu,
    observed: FitsHdu,
    observed_ivar: FitsHdu,
    sigma_prior: Option<FitsHdu>,
    draw: Option<FitsHdu>,
}

/// Lays out the images of `n` spectra observed at `wavelength` `[D]`; arms without a pixel of the grid are left out.
fn arms(
    sheet: &mut Sheet,
    header: &RestoredHeader,
    wavelength: &[f64],
    n: usize,
) -> Result<Vec<Arm>> {
    let mut arms = Vec::new();
    let mut first = 0;
    for (name, end) in ARMS {
        let pixels = first..wavelength.partition_point(|w| *w < end);
        first = pixels.end;
        if pixels.is_empty() {
            continue;
        }
        let centres = &wavelength[pixels.clone()];
        let named = |what: &str| format!("{name}_{what}");
        let hdu = sheet.image_of(&named("WAVELENGTH"), ImageType::Double, &[centres.len()])?;
        sheet.text(&hdu, "BUNIT", "Angstrom", "vacuum")?;
        sheet.pixels(&hdu, 0, centres)?;
        let mut image = |what: &str, kind: ImageType, unit: &str| -> Result<FitsHdu> {
            let hdu = sheet.image_of(&named(what), kind, &[n, centres.len()])?;
            if !unit.is_empty() {
                sheet.text(&hdu, "BUNIT", unit, "")?;
            }
            Ok(hdu)
        };
        arms.push(Arm {
            flux: image("FLUX", ImageType::Float, FLUX)?,
            ivar: image("IVAR", ImageType::Float, IVAR)?,
            mask: image("MASK", ImageType::Long, "")?,
            observed: image("OBS_FLUX", ImageType::Float, FLUX)?,
            observed_ivar: image("OBS_IVAR", ImageType::Float, IVAR)?,
            sigma_prior: (header.made.prior)
                .then(|| image("SIGMA_PRIOR", ImageType::Float, FLUX))
                .transpose()?,
            draw: header
                .made
                .method
                .is_random()
                .then(|| image("DRAW", ImageType::Float, FLUX))
                .transpose()?,
            pixels,
        });
    }
    Ok(arms)
}

impl Arm {
    fn write(&self, sheet: &mut Sheet, start: usize, block: &Rows) -> Result<()> {
        let from = start * self.pixels.len();
        let part = |a: &Array2<f32>| -> Vec<f32> {
            a.slice(s![.., self.pixels.clone()])
                .iter()
                .copied()
                .collect()
        };
        let observed_ivar = part(&block.observed_ivar);
        let mask = |v: &f32| if *v > 0.0 { 0 } else { ALLBADPIX };
        let mask: Vec<i32> = observed_ivar.iter().map(mask).collect();
        let ivar: Vec<f32> = match &block.sigma {
            Some(sigma) => part(sigma).into_iter().map(inverse_variance).collect(),
            None => vec![0.0; mask.len()],
        };
        sheet.pixels(&self.flux, from, &part(&block.restored))?;
        sheet.pixels(&self.ivar, from, &ivar)?;
        sheet.pixels(&self.mask, from, &mask)?;
        sheet.pixels(&self.observed, from, &part(&block.observed))?;
        sheet.pixels(&self.observed_ivar, from, &observed_ivar)?;
        for (hdu, rows) in [
            (&self.sigma_prior, &block.sigma_prior),
            (&self.draw, &block.draw),
        ] {
            if let (Some(hdu), Some(rows)) = (hdu, rows) {
                sheet.pixels(hdu, from, &part(rows))?;
            }
        }
        Ok(())
    }
}

/// The images of the catalog.
struct Images {
    restored: RestoredRows,
    /// SIGMA and DRAW, of the SDE.
    random: Option<[RestoredRows; 2]>,
    sigma_prior: Option<RestoredRows>,
    observed: RestoredRows,
    observed_ivar: RestoredRows,
}

/// Rows of them, each [n, D].
struct Rows {
    restored: Array2<f32>,
    sigma: Option<Array2<f32>>,
    sigma_prior: Option<Array2<f32>>,
    draw: Option<Array2<f32>>,
    observed: Array2<f32>,
    observed_ivar: Array2<f32>,
}

impl Images {
    fn open(catalog: &Restored, random: bool) -> Result<Self> {
        let both = || Ok::<_, Error>([catalog.rows("SIGMA")?, catalog.rows("DRAW")?]);
        Ok(Self {
            restored: catalog.rows("RESTORED")?,
            random: random.then(both).transpose()?,
            sigma_prior: (catalog.header().made.prior)
                .then(|| catalog.rows("SIGMA_PRIOR"))
                .transpose()?,
            observed: catalog.rows("OBSERVED")?,
            observed_ivar: catalog.rows("IVAR")?,
        })
    }

    fn read(&mut self, rows: &[usize]) -> Result<Rows> {
        let (mut sigma, mut draw) = (None, None);
        if let Some([of_sigma, of_draw]) = &mut self.random {
            (sigma, draw) = (Some(of_sigma.read(rows)?), Some(of_draw.read(rows)?));
        }
        Ok(Rows {
            restored: self.restored.read(rows)?,
            sigma,
            sigma_prior: (self.sigma_prior.as_mut())
                .map(|r| r.read(rows))
                .transpose()?,
            draw,
            observed: self.observed.read(rows)?,
            observed_ivar: self.observed_ivar.read(rows)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desi_object_is_told_by_its_coadd_file_and_its_number() {
        let object = |name: &str, source: &str| Object {
            name: name.into(),
            source: source.into(),
            ..Object::default()
        };
        let o = object("39627", "a b/coadd-main-dark-9144.fits.gz row 5");
        let (file, target) = desi_source(&o).unwrap();
        assert_eq!(
            (file.to_str(), target),
            (Some("a b/coadd-main-dark-9144.fits.gz"), 39627)
        );
        assert_eq!(
            restored_desi_path(Path::new("out"), file),
            Path::new("out/restored-main-dark-9144.fits")
        );
        assert_eq!(desi_source(&object("17", "catalog.h5 row 17")), None);
        assert_eq!(desi_source(&object("J0000", "x.fits row 1")), None);
        let sdss = Object {
            plate: 3655,
            ..object("39627", "spPlate-3655-55240.fits row 5")
        };
        assert_eq!(desi_source(&sdss), None);
    }
}
