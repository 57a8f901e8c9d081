//! HDF5 catalogs: [N, n] flux and ivar on one wavelength grid, read in blocks of rows.

use crate::config::{AirOrVacuum, Datasets};
use crate::data::Object;
use crate::data::{Centres, NativeGrid, Spectrum};
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{Dataset, File};
use ndarray::{Array2, s};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An HDF5 catalog open for reading. Names, redshifts and levels are in memory; spectra are not.
#[derive(Debug)]
pub struct Hdf5Catalog {
    path: PathBuf,
    flux: Dataset,
    /// None where the config says that there is no noise.
    ivar: Option<Dataset>,
    lsf: Option<Lsf>,
    grid: Arc<[[f64; 2]]>,
    names: Vec<String>,
    z: Option<Vec<f64>>,
    level: Option<Vec<f64>>,
}

#[derive(Debug)]
enum Lsf {
    Shared(Vec<f32>),
    Each(Dataset),
}

impl Hdf5Catalog {
    /// Opens a catalog and checks every shape.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is not HDF5, a missing dataset (naming those there are), a
    /// wrong shape, an unusable wavelength grid, or a `wavelength` attribute that contradicts the
    /// config.
    pub fn open(path: &Path, datasets: &Datasets, wavelength: AirOrVacuum) -> Result<Self> {
        let file = read::open(path)?;
        let look = Look { file: &file, path };
        look.same_medium(wavelength)?;
        let flux = look.required(&datasets.flux, "flux [N, n]")?;
        let shape = flux.shape();
        let [rows, pixels] = shape[..] else {
            return Err(look.wrong(&datasets.flux, &shape, "two axes: [spectra, pixels]"));
        };
        if rows == 0 || pixels < 2 {
            return Err(look.wrong(
                &datasets.flux,
                &shape,
                "at least one spectrum of two pixels",
            ));
        }
        let ivar = if datasets.noiseless {
            None
        } else {
            let expected = "inverse variances [N, n] of observed spectra (of clean ones: datasets.noiseless = true)";
            let ivar = look.required(&datasets.ivar, expected)?;
            look.shaped(&datasets.ivar, &ivar, &[rows, pixels])?;
            Some(ivar)
        };
        let grid = look.grid(datasets, wavelength, pixels)?;
        let lsf = match look.optional(datasets.lsf.as_deref(), "lsf")? {
            Some(data) if data.ndim() == 1 => {
                look.shaped("lsf", &data, &[pixels])?;
                Some(Lsf::Shared(look.read(&data)?))
            }
            Some(data) => {
                look.shaped("lsf", &data, &[rows, pixels])?;
                Some(Lsf::Each(data))
            }
            None => None,
        };
        Ok(Self {
            names: look.names(&datasets.id, rows)?,
            z: look.per_row(named(&datasets.z, "z"), "z", rows)?,
            level: look.per_row(datasets.level.as_deref(), "level", rows)?,
            path: path.to_path_buf(),
            flux,
            ivar,
            lsf,
            grid,
        })
    }

    /// Number of spectra.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Names of the rows.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Edges of each pixel in log10(λ/Å), vacuum, `[n]`.
    #[must_use]
    pub fn pixels(&self) -> &Arc<[[f64; 2]]> {
        &self.grid
    }

    /// Identity of row `i`, if the file gives it.
    #[must_use]
    pub fn object(&self, i: usize) -> Object {
        Object {
            name: self.names[i].clone(),
            z: self.z.as_ref().map_or(f64::NAN, |z| z[i]),
            source: format!("{} row {i}", self.path.display()),
            ..Object::default()
        }
    }

    /// The brightness of row `i`, where the file has one.
    #[must_use]
    pub fn level(&self, i: usize) -> Option<f64> {
        self.level.as_ref().map(|l| l[i])
    }

    /// Reads the spectra of `rows`, nothing masked yet.
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Vec<Spectrum>> {
        let get = |data: &Dataset| -> Result<Array2<f32>> {
            data.read_slice_2d(s![rows.clone(), ..])
                .map_err(|e| read::bad(&self.path, &format!("dataset {}", data.name()), &e))
        };
        let flux = get(&self.flux)?;
        let ivar = match &self.ivar {
            Some(data) => get(data)?,
            None => nominal(&flux),
        };
        let each = match &self.lsf {
            Some(Lsf::Each(data)) => Some(get(data)?),
            _ => None,
        };
        let spectrum = |i: usize| Spectrum {
            grid: NativeGrid::Pixels(self.grid.clone()),
            flux: flux.row(i).to_vec(),
            ivar: ivar.row(i).to_vec(),
            lsf: match (&self.lsf, &each) {
                (Some(Lsf::Shared(lsf)), _) => lsf.clone(),
                (_, Some(lsf)) => lsf.row(i).to_vec(),
                _ => Vec::new(),
            },
        };
        Ok((0..rows.len()).map(spectrum).collect())
    }
}

/// Inverse variances of noiseless `flux` [n, D]: S/N 10⁶ of each row's RMS, as masks and weights
/// need a finite number.
fn nominal(flux: &Array2<f32>) -> Array2<f32> {
    let mut ivar = Array2::zeros(flux.raw_dim());
    for (mut out, row) in ivar.rows_mut().into_iter().zip(flux.rows()) {
        let finite = row.iter().filter(|v| v.is_finite());
        let (n, sum) = finite.fold((0.0, 0.0), |(n, s), v| (n + 1.0, s + f64::from(*v).powi(2)));
        if sum > 0.0 {
            // f32 ends at 3e38: fluxes of 1e-17 erg/s/cm²/Å without a factor come near.
            out.fill((1e12 * n / sum).min(1e37) as f32);
        }
    }
    ivar
}

/// A dataset under its usual name may be absent; one that the user named may not.
fn named<'a>(name: &'a str, usual: &str) -> Option<&'a str> {
    (name != usual).then_some(name)
}

/// Looks datasets up in one file.
struct Look<'a> {
    file: &'a File,
    path: &'a Path,
}

impl Look<'_> {
    fn required(&self, name: &str, expected: &str) -> Result<Dataset> {
        read::dataset(self.file, self.path, name, expected)
    }

    fn optional(&self, asked: Option<&str>, usual: &str) -> Result<Option<Dataset>> {
        match asked {
            Some(name) => self
                .required(name, "a dataset that the config names")
                .map(Some),
            None => read::find(self.file, self.path, usual),
        }
    }

    fn wrong(&self, name: &str, shape: &[usize], expected: &str) -> Error {
        Error::input(
            self.path,
            format!("dataset {name}"),
            format!("shape {shape:?}"),
            expected,
            "give the right dataset in [survey.source.datasets]",
        )
    }

    fn shaped(&self, name: &str, data: &Dataset, shape: &[usize]) -> Result<()> {
        if data.shape() == shape {
            Ok(())
        } else {
            Err(self.wrong(name, &data.shape(), &format!("shape {shape:?}")))
        }
    }

    fn read<T: hdf5::H5Type>(&self, data: &Dataset) -> Result<Vec<T>> {
        data.read_raw()
            .map_err(|e| read::bad(self.path, &format!("dataset {}", data.name()), &e))
    }

    fn grid(&self, sets: &Datasets, medium: AirOrVacuum, pixels: usize) -> Result<Arc<[[f64; 2]]>> {
        let (name, kind) = match &sets.wave {
            Some(wave) => (wave, Centres::Angstrom),
            None => (&sets.loglam, Centres::Log10),
        };
        let data = self.required(name, "the wavelength of each pixel, [n]")?;
        let each = data.ndim() == 2;
        if !each {
            self.shaped(name, &data, &[pixels])?;
        }
        let mut centres: Vec<f64> = self.read(&data)?;
        if each {
            let one = centres.get(..pixels).unwrap_or_default();
            if data.shape().last() != Some(&pixels) || centres.chunks(pixels).any(|c| c != one) {
                return Err(self.wrong(
                    name,
                    &data.shape(),
                    "one grid [n], or the same in every row (other spectra: resample them to one grid)",
                ));
            }
            centres.truncate(pixels);
        }
        let unusable = |problem: &str| {
            Error::input(
                self.path,
                format!("dataset {name}"),
                problem,
                "finite, strictly monotonic wavelengths: log10 Å in `loglam`, Å in `wave`",
                "set survey.source.datasets.loglam or .wave",
            )
        };
        if kind == Centres::Log10 && centres.iter().any(|l| !(1.0..8.0).contains(l)) {
            return Err(unusable("values are not log10 of wavelengths in Å"));
        }
        match NativeGrid::from_centres(&centres, kind, medium == AirOrVacuum::Air) {
            Some(NativeGrid::Pixels(pixels)) => Ok(pixels),
            _ => Err(unusable("not finite and strictly monotonic")),
        }
    }

    fn names(&self, id: &str, rows: usize) -> Result<Vec<String>> {
        let Some(data) = self.optional(named(id, "id"), "id")? else {
            return Ok((0..rows).map(|i| format!("row-{i:07}")).collect());
        };
        self.shaped(id, &data, &[rows])?;
        read::names(&data).map_err(|e| read::bad(self.path, &format!("dataset {id}"), &e))
    }

    fn per_row(&self, asked: Option<&str>, usual: &str, rows: usize) -> Result<Option<Vec<f64>>> {
        let Some(data) = self.optional(asked, usual)? else {
            return Ok(None);
        };
        self.shaped(asked.unwrap_or(usual), &data, &[rows])?;
        self.read(&data).map(Some)
    }

    fn same_medium(&self, config: AirOrVacuum) -> Result<()> {
        let said = read::text_attribute(self.file, "wavelength").unwrap_or_default();
        let ours = match config {
            AirOrVacuum::Air => "air",
            AirOrVacuum::Vacuum => "vacuum",
        };
        if said.is_empty() || said.eq_ignore_ascii_case(ours) {
            return Ok(());
        }
        Err(Error::input(
            self.path,
            "attribute wavelength",
            format!("the file says `{said}`, the config `{ours}`"),
            "the same in both",
            "correct survey.source.wavelength",
        ))
    }
}
