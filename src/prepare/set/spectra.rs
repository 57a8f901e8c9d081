//! The prepared set: one survey on the common grid, normalised, in HDF5.
//!
//! Rows are in catalog order and include the rejected ones (`flag` ≠ 0, flux = ivar = 0), so that
//! every object of the catalog can be answered for. Written and read in blocks: memory does not
//! grow with the number of spectra.

use crate::data::{Block, Layout, LogGrid, Object};
use crate::files::hdf5::chosen::by_chunk;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{Dataset, File, H5Type};
use ndarray::s;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) const FORMAT: &str = "selfsi-prepared";
pub(crate) const VERSION: i64 = 1;
/// Rows per chunk: 1 MiB at 1024 pixels, HDF5's default chunk cache.
pub(crate) const CHUNK_ROWS: usize = 256;

/// A prepared set open for reading. Objects are in memory, spectra are read when asked for.
#[derive(Debug)]
pub struct Prepared {
    spectra: PreparedSpectra,
    grid: LogGrid,
    flux_unit: String,
    noise_rho: Vec<f32>,
    objects: Vec<Object>,
}

/// The spectra of a prepared set without its objects: what a separate thread reads.
#[derive(Debug, Clone)]
pub struct PreparedSpectra {
    path: PathBuf,
    file: File,
    rows: usize,
}

impl Prepared {
    /// Opens a set and checks that it is one.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is missing, not HDF5, not a prepared set of a known version,
    /// or lacks a dataset or has one of the wrong shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = read::open(&path)?;
        let format = read::text_attribute(&file, "format").unwrap_or_default();
        let version = file.attr("version").and_then(|a| a.read_scalar::<i64>());
        if format != FORMAT || !matches!(version, Ok(VERSION)) {
            return Err(Error::input(
                &path,
                "attribute format",
                format!("`{format}`, not a prepared set of version {VERSION}"),
                format!("`{FORMAT}`"),
                "make one with `selfsi prepare CONFIG`",
            ));
        }
        let loglam = column::<f64>(&file, &path, "loglam", None)?;
        let grid = LogGrid::of(&loglam).ok_or_else(|| {
            Error::input(
                &path,
                "dataset loglam",
                "not equally spaced",
                "pixels of equal width in log wavelength",
                "make the set again with `selfsi prepare CONFIG`",
            )
        })?;
        let noise_rho = column::<f32>(&file, &path, "noise_rho", Some(grid.pixels))?;
        let objects = read_objects(&file, &path)?;
        for name in ["flux", "ivar", "lsf"] {
            shaped(&file, &path, name, &[objects.len(), grid.pixels])?;
        }
        Ok(Self {
            flux_unit: read::text_attribute(&file, "flux_unit").unwrap_or_default(),
            spectra: PreparedSpectra {
                path,
                file,
                rows: objects.len(),
            },
            grid,
            noise_rho,
            objects,
        })
    }

    /// Number of rows, rejected ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    #[must_use]
    pub fn grid(&self) -> LogGrid {
        self.grid
    }

    /// FITS unit string of the physical flux (before division by the norm).
    #[must_use]
    pub fn flux_unit(&self) -> &str {
        &self.flux_unit
    }

    /// Reference frame of the wavelengths, as FITS names it; `None` where the input did not say.
    #[must_use]
    pub fn specsys(&self) -> Option<String> {
        read::text_attribute(&self.spectra.file, "specsys")
    }

    /// Correlation of the noise of pixel i with pixel i+1 caused by regridding, [D]; last 0.
    #[must_use]
    pub fn noise_rho(&self) -> &[f32] {
        &self.noise_rho
    }

    /// What the D numbers of a row are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::Spectra {
            grid: self.grid,
            noise_rho: self.noise_rho.clone(),
        }
    }

    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.spectra.path
    }

    /// The TOML text of the job that made the set.
    #[must_use]
    pub fn config(&self) -> String {
        read::text_attribute(&self.spectra.file, "config").unwrap_or_default()
    }

    /// The spectra alone.
    #[must_use]
    pub fn spectra(&self) -> PreparedSpectra {
        self.spectra.clone()
    }

    /// As [`PreparedSpectra::read`].
    ///
    /// # Errors
    /// As [`PreparedSpectra::read`].
    pub fn read(&self, rows: Range<usize>) -> Result<Block> {
        self.spectra.read(rows)
    }

    /// Reads the spectra numbered `rows`, in that order.
    ///
    /// # Errors
    /// As [`PreparedSpectra::read`].
    pub fn read_rows(&self, rows: &[usize]) -> Result<Block> {
        let mut block = Block::masked(rows.len(), self.grid.pixels);
        let mut done = 0;
        for (range, within) in by_chunk(rows, CHUNK_ROWS) {
            let chunk = self.read(range)?.select(&within);
            let to = s![done..done + within.len(), ..];
            block.flux.slice_mut(to).assign(&chunk.flux);
            block.ivar.slice_mut(to).assign(&chunk.ivar);
            block.lsf.slice_mut(to).assign(&chunk.lsf);
            block.z[done..done + within.len()].copy_from_slice(&chunk.z);
            done += within.len();
        }
        Ok(block)
    }
}

impl PreparedSpectra {
    /// Reads the spectra of `rows`.
    ///
    /// # Errors
    /// [`Error::Input`] if the rows do not exist or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Block> {
        if rows.end > self.rows || rows.start > rows.end {
            return Err(Error::input(
                &self.path,
                format!("rows {}..{}", rows.start, rows.end),
                "no such rows",
                format!("rows within 0..{}", self.rows),
                "ask for fewer",
            ));
        }
        let get = |name: &str| {
            self.file
                .dataset(name)
                .and_then(|d| d.read_slice_2d::<f32, _>(s![rows.clone(), ..]))
                .map_err(|e| read::bad(&self.path, &format!("dataset {name}"), &e))
        };
        let z = self
            .file
            .dataset("z")
            .and_then(|d| d.read_slice_1d::<f64, _>(s![rows.clone()]))
            .map_err(|e| read::bad(&self.path, "dataset z", &e))?;
        Ok(Block {
            flux: get("flux")?,
            ivar: get("ivar")?,
            lsf: get("lsf")?,
            z: z.to_vec(),
        })
    }
}

fn shaped(file: &File, path: &Path, name: &str, shape: &[usize]) -> Result<Dataset> {
    let data = read::dataset(file, path, name, "a prepared set's dataset")?;
    if data.shape() == shape {
        Ok(data)
    } else {
        Err(Error::input(
            path,
            format!("dataset {name}"),
            format!("shape {:?}", data.shape()),
            format!("shape {shape:?}"),
            "make the set again with `selfsi prepare CONFIG`",
        ))
    }
}

fn column<T: H5Type>(file: &File, path: &Path, name: &str, n: Option<usize>) -> Result<Vec<T>> {
    let data = match n {
        Some(n) => shaped(file, path, name, &[n])?,
        None => read::dataset(file, path, name, "a prepared set's dataset")?,
    };
    data.read_raw::<T>()
        .map_err(|e| read::bad(path, &format!("dataset {name}"), &e))
}

fn read_objects(file: &File, path: &Path) -> Result<Vec<Object>> {
    let flag = column::<i32>(file, path, "flag", None)?;
    let n = Some(flag.len());
    let float = |name| column::<f64>(file, path, name, n);
    let int = |name| column::<i64>(file, path, name, n);
    let text = |name| -> Result<Vec<String>> {
        read::names(&shaped(file, path, name, &[flag.len()])?)
            .map_err(|e| read::bad(path, &format!("dataset {name}"), &e))
    };
    let (norm, z, ra, dec) = (float("norm")?, float("z")?, float("ra")?, float("dec")?);
    let (plate, mjd, fiberid) = (int("plate")?, int("mjd")?, int("fiberid")?);
    let thing_id = int("thing_id")?;
    let texts = text("name")?
        .into_iter()
        .zip(text("reason")?)
        .zip(text("source")?);
    let object = |(i, ((name, reason), source))| Object {
        name,
        reason,
        source,
        plate: plate[i],
        mjd: mjd[i],
        fiberid: fiberid[i],
        thing_id: thing_id[i],
        ra: ra[i],
        dec: dec[i],
        z: z[i],
        norm: norm[i],
        flag: flag[i],
    };
    Ok(texts.enumerate().map(object).collect())
}

#[cfg(test)]
mod tests {
    use super::super::spectra_writer::PreparedWriter;
    use super::*;
    use crate::config::GridConfig;
    use crate::data::flag;
    use ndarray::Array2;

    fn some_objects(n: usize) -> Vec<Object> {
        (0..n)
            .map(|i| Object {
                name: format!("Ωbject {i}"),
                plate: 3655,
                fiberid: i as i64,
                z: 2.0 + i as f64,
                norm: 0.5 + i as f64,
                flag: if i == 1 { flag::SNR } else { flag::GOOD },
                reason: if i == 1 {
                    "S/N 0.1".into()
                } else {
                    String::new()
                },
                source: "spec.fits".into(),
                ..Object::default()
            })
            .collect()
    }

    fn block(n: usize, d: usize) -> Block {
        let f = |k: usize| Array2::from_shape_fn((n, d), |(i, j)| (k * 1000 + i * d + j) as f32);
        Block {
            flux: f(1),
            ivar: f(2),
            lsf: f(3),
            z: (0..n).map(|i| 2.0 + i as f64).collect(),
        }
    }

    #[test]
    fn what_is_written_block_by_block_is_read_back_in_any_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.h5");
        let grid = LogGrid::new(&GridConfig {
            pixels: 32,
            ..GridConfig::default()
        });
        let (objects, all) = (some_objects(5), block(5, 32));
        let rho = vec![0.1; 32];
        let part = |r: Range<usize>| Block {
            flux: all.flux.slice(s![r.clone(), ..]).to_owned(),
            ivar: all.ivar.slice(s![r.clone(), ..]).to_owned(),
            lsf: all.lsf.slice(s![r.clone(), ..]).to_owned(),
            z: all.z[r].to_vec(),
        };
        let mut w = PreparedWriter::create(&path, &grid, 5, &rho, "unit", "seed = 1").unwrap();
        w.write(0, &objects[..2], &part(0..2)).unwrap();
        assert!(!path.exists(), "nothing appears before it is complete");
        w.write(2, &objects[2..], &part(2..5)).unwrap();
        w.finish().unwrap();

        let p = Prepared::open(&path).unwrap();
        assert_eq!(p.len(), 5);
        assert_eq!(p.noise_rho(), rho);
        assert_eq!((p.flux_unit(), p.config().as_str()), ("unit", "seed = 1"));
        assert!((p.grid().loglam0 - grid.loglam0).abs() < 1e-12);
        assert!((p.grid().dloglam - grid.dloglam).abs() < 1e-12);
        assert_eq!(format!("{:?}", p.objects()), format!("{objects:?}"));
        assert_eq!(p.read(0..5).unwrap(), all);
        assert_eq!(p.read(1..3).unwrap(), part(1..3));
        assert!(p.read(4..6).is_err());
        assert_eq!(p.read_rows(&[3, 0, 4]).unwrap(), all.select(&[3, 0, 4]));
    }

    #[test]
    fn an_incomplete_set_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let grid = LogGrid::new(&GridConfig::default());
        let path = folder.path().join("set.h5");
        let w = PreparedWriter::create(&path, &grid, 3, &vec![0.0; 1024], "", "").unwrap();
        assert!(w.finish().unwrap_err().to_string().contains("row 0"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_not_a_prepared_set_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        std::fs::write(&path, "not HDF5").unwrap();
        let e = Prepared::open(&path).unwrap_err().to_string();
        assert!(
            e.contains("not a readable HDF5 file") && !e.contains('\n'),
            "{e}"
        );
        File::create(&path).unwrap().close().unwrap();
        let e = Prepared::open(&path).unwrap_err().to_string();
        assert!(e.contains("selfsi prepare"), "{e}");
    }
}
