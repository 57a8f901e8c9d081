//! HDF5 catalogs: [N, n] flux and ivar on one wavelength grid or on one each, read in blocks of rows.

use super::hdf5_grid::{Hdf5Grid, RowGrid};
use super::hdf5_mask::{Hdf5Mask, USUAL, used};
use super::hdf5_units::said_medium;
use super::pixel_mask::PixelMask;
use super::spectra::Beside;
use super::tables::known_error;
use crate::config::{AirOrVacuum, Datasets};
use crate::data::Object;
use crate::data::{Extras, Masked, NativeGrid, Spectrum};
use crate::files::hdf5::listing::datasets;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{Dataset, File};
use ndarray::{Array2, Array3, Axis, s};
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
    /// Where they are asked for.
    sky: Option<Dataset>,
    resolution: Option<Dataset>,
    masks: Vec<Hdf5Mask>,
    /// Datasets of as many rows and pixels as the flux that are not read.
    unread: Vec<String>,
    grid: Hdf5Grid,
    names: Vec<String>,
    z: Option<Vec<f64>>,
    z_err: Option<Vec<f64>>,
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
        let grid = look.grid(datasets, wavelength, [rows, pixels])?;
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
        let masks = look.masks(datasets.mask.as_deref(), [rows, pixels])?;
        let unread = look.unread(datasets, [rows, pixels]);
        Ok(Self {
            names: look.names(&datasets.id, rows)?,
            z: look.per_row(named(&datasets.z, "z"), "z", rows)?,
            z_err: look.per_row(datasets.z_err.as_deref(), "z_err", rows)?,
            level: look.per_row(datasets.level.as_deref(), "level", rows)?,
            path: path.to_path_buf(),
            flux,
            ivar,
            lsf,
            sky: None,
            resolution: None,
            masks,
            unread,
            grid,
        })
    }

    /// Reads the sky and the resolution matrices from now on, where they are `wanted`; gives the diagonals
    /// of the matrices.
    ///
    /// # Errors
    /// [`Error::Input`] if the file has none, or of another shape.
    pub(crate) fn carry(&mut self, datasets: &Datasets, [sky, matrix]: [bool; 2]) -> Result<usize> {
        let file = read::open(&self.path)?;
        let look = Look {
            file: &file,
            path: &self.path,
        };
        let (rows, pixels) = (self.len(), self.flux.shape()[1]);
        let named = |name: &Option<String>, usual: &str| name.clone().unwrap_or(usual.to_owned());
        self.sky = match sky {
            true => {
                let name = named(&datasets.sky, "sky");
                let data = look.required(&name, "the sky [N, n], which [forward] takes")?;
                look.shaped(&name, &data, &[rows, pixels])?;
                Some(data)
            }
            false => None,
        };
        if !matrix {
            return Ok(0);
        }
        let name = named(&datasets.resolution, "resolution");
        let expected =
            "resolution matrices [N, diagonals, n] or [diagonals, n], which [forward] takes";
        let data = look.required(&name, expected)?;
        let shape = data.shape();
        let diagonals = match shape[..] {
            [k, n] if n == pixels => k,
            [all, k, n] if n == pixels && all == rows => k,
            _ => 0,
        };
        if diagonals % 2 == 0 {
            return Err(look.wrong(
                &name,
                &shape,
                "[N, diagonals, n] or [diagonals, n], an odd number of diagonals",
            ));
        }
        self.resolution = Some(data);
        Ok(diagonals)
    }

    /// What masks pixels besides flux and ivar, and what is not read, in words.
    pub(crate) fn beside(&self, mask: &PixelMask) -> Beside {
        let used = used(&self.masks, mask.kind);
        let other = |m: &&Hdf5Mask| used.is_none_or(|u| u.name() != m.name());
        let masks = self.masks.iter().filter(other).map(Hdf5Mask::name);
        let unread = masks.chain(self.unread.iter().map(String::as_str));
        Beside {
            masked_by: used.map(Hdf5Mask::words),
            left_out: unread.map(|name| format!("dataset {name}")).collect(),
        }
    }

    /// As [`Self::read`], with the bad pixels masked; a spectrum without wavelengths is what is wrong with
    /// them.
    ///
    /// # Errors
    /// [`Error::Input`] if the rows cannot be read.
    pub(crate) fn read_masked(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
    ) -> Result<Vec<std::result::Result<(Spectrum, Masked), String>>> {
        let spectra = self.read_rows(rows.clone())?;
        let used = used(&self.masks, mask.kind);
        let bad = used.map(|m| m.bad(&self.path, rows, mask)).transpose()?;
        let masked = |(i, row): (usize, Row)| {
            let (mut spectrum, first) = row?;
            let masked = spectrum.mask(mask.ivar_min, |p| match &bad {
                // One row may stand for all.
                Some((bad, n)) => bad[(i * n + first + p) % bad.len()],
                None => false,
            });
            Ok((spectrum, masked))
        };
        Ok(spectra.into_iter().enumerate().map(masked).collect())
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

    /// Edges of each pixel in log10(λ/Å), vacuum, `[n]`: of the first spectrum where each has its own.
    #[must_use]
    pub fn pixels(&self) -> &Arc<[[f64; 2]]> {
        self.grid.edges()
    }

    /// Whether each spectrum has pixels of its own.
    #[must_use]
    pub fn has_own_pixels(&self) -> bool {
        matches!(self.grid, Hdf5Grid::Each(_))
    }

    /// Identity of row `i`, if the file gives it.
    #[must_use]
    pub fn object(&self, i: usize) -> Object {
        Object {
            name: self.names[i].clone(),
            z: self.z.as_ref().map_or(f64::NAN, |z| z[i]),
            z_err: known_error(self.z_err.as_ref(), i),
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
    /// [`Error::Input`] if they cannot be read, or the wavelengths of one are none.
    pub fn read(&self, rows: Range<usize>) -> Result<Vec<Spectrum>> {
        let all = self.read_rows(rows.clone())?.into_iter().zip(rows);
        let one = |(row, i): (Row, usize)| {
            let fix = "mend them, or remove the spectrum";
            let problem = |p: String| {
                Error::input(
                    &self.path,
                    format!("row {i}"),
                    p,
                    "wavelengths of a spectrum",
                    fix,
                )
            };
            row.map(|(spectrum, _)| spectrum).map_err(problem)
        };
        all.map(one).collect()
    }

    /// The diagonals of the resolution matrices of `rows`, where they are asked for.
    fn diagonals(&self, rows: &Range<usize>) -> Result<Option<Diagonals>> {
        let Some(data) = &self.resolution else {
            return Ok(None);
        };
        let shared = data.ndim() == 2;
        let read = match shared {
            true => data
                .read_slice_2d(s![.., ..])
                .map(|a: Array2<f32>| a.insert_axis(Axis(0))),
            false => data.read_slice(s![rows.clone(), .., ..]),
        };
        let values =
            read.map_err(|e| read::bad(&self.path, &format!("dataset {}", data.name()), &e))?;
        Ok(Some(Diagonals { values, shared }))
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<Vec<Row>> {
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
        let sky = self.sky.as_ref().map(get).transpose()?;
        let diagonals = self.diagonals(&rows)?;
        let grids: Vec<RowGrid> = match &self.grid {
            Hdf5Grid::Shared(edges) => vec![Ok((edges.clone(), 0..edges.len())); rows.len()],
            Hdf5Grid::Each(grids) => grids
                .read(rows.clone(), &ivar)
                .map_err(|e| read::bad(&self.path, "wavelengths", &e))?,
        };
        let spectrum = |(i, grid): (usize, RowGrid)| {
            let (edges, kept) = grid?;
            let part = |row: ndarray::ArrayView1<f32>| row.slice(s![kept.clone()]).to_vec();
            let spectrum = Spectrum {
                grid: NativeGrid::Pixels(edges),
                flux: part(flux.row(i)),
                ivar: part(ivar.row(i)),
                lsf: match (&self.lsf, &each) {
                    (Some(Lsf::Shared(lsf)), _) => lsf[kept.clone()].to_vec(),
                    (_, Some(lsf)) => part(lsf.row(i)),
                    _ => Vec::new(),
                },
                extras: Extras {
                    sky: sky.as_ref().map(|s| part(s.row(i))).unwrap_or_default(),
                    resolution: diagonals
                        .as_ref()
                        .map(|d| d.rows_of(i, &kept))
                        .unwrap_or_default(),
                },
            };
            Ok((spectrum, kept.start))
        };
        Ok(grids.into_iter().enumerate().map(spectrum).collect())
    }
}

/// Diagonals of resolution matrices.
struct Diagonals {
    /// [n or 1, K, n].
    values: Array3<f32>,
    shared: bool,
}

impl Diagonals {
    /// Of spectrum `i` the rows of the pixels `kept`.
    fn rows_of(&self, i: usize, kept: &Range<usize>) -> Vec<f32> {
        let own = self
            .values
            .index_axis(Axis(0), if self.shared { 0 } else { i });
        let k = own.nrows();
        let own: Vec<f32> = own.iter().copied().collect();
        Extras::rows_of_diagonals(&own, k)[kept.start * k..kept.end * k].to_vec()
    }
}

/// A spectrum and which pixel of its row is its first, or what is wrong with its wavelengths.
type Row = std::result::Result<(Spectrum, usize), String>;

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

    fn grid(
        &self,
        sets: &Datasets,
        medium: AirOrVacuum,
        [rows, pixels]: [usize; 2],
    ) -> Result<Hdf5Grid> {
        let name = wavelengths(sets);
        let data = self.required(name, "the wavelength of each pixel, [n], or [N, n]")?;
        match data.ndim() {
            2 => self.shaped(name, &data, &[rows, pixels])?,
            _ => self.shaped(name, &data, &[pixels])?,
        }
        self.same_medium(medium, &data)?;
        Hdf5Grid::read((self.path, name), data, sets, medium)
    }

    /// The mask that the config names, or those of the usual names and the right shape.
    fn masks(&self, asked: Option<&str>, [rows, pixels]: [usize; 2]) -> Result<Vec<Hdf5Mask>> {
        if let Some(name) = asked {
            let data = match read::find_sparse(self.file, self.path, name)? {
                Some(data) => data,
                None => self.required(name, "marks of bad pixels, [N, n] or [n]")?,
            };
            if data.shape() != [pixels] {
                self.shaped(name, &data, &[rows, pixels])?;
            }
            return Ok(vec![Hdf5Mask::new(data, name, true)]);
        }
        let mut usual = Vec::new();
        for name in USUAL {
            let found = read::find_sparse(self.file, self.path, name)?;
            let fits = |d: &Dataset| d.shape() == [rows, pixels] || d.shape() == [pixels];
            usual.extend(found.filter(fits).map(|d| Hdf5Mask::new(d, name, false)));
        }
        Ok(usual)
    }

    fn unread(&self, sets: &Datasets, shape: [usize; 2]) -> Vec<String> {
        let read = [
            Some(&sets.flux),
            Some(&sets.ivar),
            Some(wavelengths(sets)),
            sets.lsf.as_ref(),
            sets.mask.as_ref(),
        ];
        let read = |name: &str| {
            let named = read
                .iter()
                .flatten()
                .any(|n| n.trim_start_matches('/') == name);
            let usual = ["lsf"].iter().filter(|_| sets.lsf.is_none());
            let usual = usual.chain(USUAL.iter().filter(|_| sets.mask.is_none()));
            named || usual.into_iter().any(|n| *n == name)
        };
        let all = datasets(self.file, self.path).0.into_iter();
        let of_pixels = all.filter(|d| d.shape == shape && !read(&d.name));
        of_pixels.map(|d| d.name).collect()
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

    fn same_medium(&self, config: AirOrVacuum, data: &Dataset) -> Result<()> {
        let Some((said, attribute)) = said_medium(self.file, Some(data)) else {
            return Ok(());
        };
        let ours = match config {
            AirOrVacuum::Air => "air",
            AirOrVacuum::Vacuum => "vacuum",
        };
        // "vac", as DESI puts it, too.
        if said.trim().to_lowercase().starts_with(&ours[..3]) {
            return Ok(());
        }
        Err(Error::input(
            self.path,
            attribute,
            format!("the file says `{said}`, the config `{ours}`"),
            "the same in both",
            "correct survey.source.wavelength",
        ))
    }
}

/// The dataset of the wavelengths.
fn wavelengths(sets: &Datasets) -> &String {
    sets.wave.as_ref().unwrap_or(&sets.loglam)
}
