//! The wavelengths of an HDF5 catalog: one grid for all spectra, or one for each.

use super::hdf5_units::{in_angstroms, unit};
use crate::config::{AirOrVacuum, Datasets};
use crate::data::{Centres, NativeGrid};
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::Dataset;
use ndarray::{Array2, s};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Rows in memory at a time, while grids are compared.
const ROWS: usize = 256;

/// Edges of pixels in log10(λ/Å), vacuum.
type Edges = Arc<[[f64; 2]]>;

/// Where the pixels of the spectra lie.
#[derive(Debug)]
pub(super) enum Hdf5Grid {
    Shared(Edges),
    Each(Grids),
}

/// A grid for each spectrum, in a dataset [N, n].
#[derive(Debug)]
pub(super) struct Grids {
    data: Dataset,
    how: How,
    /// The first of them, as the file has it and as pixels.
    first: (Vec<f64>, Edges),
}

/// What the numbers of the dataset mean.
#[derive(Debug, Clone, Copy)]
struct How {
    kind: Centres,
    air: bool,
    /// Å of their unit.
    angstroms: f64,
}

/// The pixels of one spectrum, and which of the row's they are: rows may be filled up beyond the end of a
/// spectrum.
pub(super) type RowGrid = std::result::Result<(Edges, Range<usize>), String>;

impl Hdf5Grid {
    /// The grid that `data`, called `name`, holds for spectra of `pixels` pixels: `[n]`, or [N, n].
    ///
    /// # Errors
    /// [`Error::Input`] for wavelengths that cannot be read or are none, or a unit that is not understood.
    pub fn read(
        (path, name): (&Path, &str),
        data: Dataset,
        sets: &Datasets,
        medium: AirOrVacuum,
    ) -> Result<Self> {
        let kind = match sets.wave {
            Some(_) => Centres::Angstrom,
            None => Centres::Log10,
        };
        let how = How {
            kind,
            air: medium == AirOrVacuum::Air,
            angstroms: unit(&data, path, kind, sets.wave_unit.as_deref())?,
        };
        let unusable = |problem: &str| {
            Error::input(
                path,
                format!("dataset {name}"),
                problem,
                "finite, strictly monotonic wavelengths: log10 Å in `loglam`, Å in `wave` unless it has another unit",
                "set survey.source.datasets.loglam or .wave",
            )
        };
        let bad = |e| read::bad(path, &format!("dataset {name}"), &e);
        if data.ndim() == 1 {
            let values: Vec<f64> = data.read_raw().map_err(bad)?;
            let centres = in_angstroms(values, kind, how.angstroms);
            if how.is_no_logarithm(&centres) {
                return Err(unusable("values are not log10 of wavelengths in Å"));
            }
            return match NativeGrid::from_centres(&centres, kind, how.air) {
                Some(NativeGrid::Pixels(edges)) => Ok(Self::Shared(edges)),
                _ => Err(unusable("not finite and strictly monotonic")),
            };
        }
        let (mut one, mut same) = (None::<Vec<f64>>, true);
        let mut first = None;
        for start in (0..data.shape()[0]).step_by(ROWS) {
            let end = (start + ROWS).min(data.shape()[0]);
            let rows: Array2<f64> = data.read_slice_2d(s![start..end, ..]).map_err(bad)?;
            for row in rows.rows() {
                let row = row.to_vec();
                let one = one.get_or_insert_with(|| row.clone());
                same &= row
                    .iter()
                    .zip(&*one)
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                if first.is_none() {
                    first = how.pixels(&row, None).ok().map(|(e, kept)| (row, e, kept));
                }
            }
            if !same && first.is_some() {
                break;
            }
        }
        let Some((values, edges, kept)) = first else {
            return Err(unusable("no row is finite and strictly monotonic"));
        };
        if same && kept.len() == values.len() {
            return Ok(Self::Shared(edges));
        }
        Ok(Self::Each(Grids {
            data,
            how,
            first: (values, edges),
        }))
    }

    /// The one grid, or the first.
    pub fn edges(&self) -> &Edges {
        match self {
            Self::Shared(edges) => edges,
            Self::Each(grids) => &grids.first.1,
        }
    }
}

impl Grids {
    /// The pixels of each of `rows`, whose inverse variances are `ivar` [n, pixels].
    ///
    /// # Errors
    /// HDF5's.
    pub fn read(&self, rows: Range<usize>, ivar: &Array2<f32>) -> hdf5::Result<Vec<RowGrid>> {
        let values: Array2<f64> = self.data.read_slice_2d(s![rows, ..])?;
        let (first, edges) = &self.first;
        let one = |(i, row): (usize, ndarray::ArrayView1<f64>)| {
            let row = row.to_vec();
            let (edges_of, kept) = self.how.pixels(&row, ivar.row(i).as_slice())?;
            let same = row
                .iter()
                .zip(first)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            Ok((if same { edges.clone() } else { edges_of }, kept))
        };
        Ok(values.rows().into_iter().enumerate().map(one).collect())
    }
}

impl How {
    fn is_no_logarithm(self, centres: &[f64]) -> bool {
        self.kind == Centres::Log10 && centres.iter().any(|l| l.is_finite() && !is_logarithm(*l))
    }

    /// The pixels of a row of `values`, without those at its ends that it is only filled up with: no
    /// wavelengths (0, −1, NaN), or the last one again where `ivar` is 0.
    fn pixels(self, values: &[f64], ivar: Option<&[f32]>) -> RowGrid {
        let centres = in_angstroms(values.to_vec(), self.kind, self.angstroms);
        let is_wavelength = |c: &f64| match self.kind {
            Centres::Log10 => is_logarithm(*c),
            Centres::Angstrom => c.is_finite() && *c > 0.0,
        };
        let start = centres.iter().position(is_wavelength).unwrap_or(0);
        let end = centres.iter().rposition(is_wavelength);
        let mut kept = start..end.map_or(0, |e| e + 1);
        let weighted = |i: usize| ivar.is_some_and(|v| v.get(i).is_some_and(|v| *v > 0.0));
        while kept.len() > 1
            && centres[kept.end - 1] == centres[kept.end - 2]
            && !weighted(kept.end - 1)
        {
            kept.end -= 1;
        }
        match NativeGrid::from_centres(&centres[kept.clone()], self.kind, self.air) {
            Some(NativeGrid::Pixels(edges)) => Ok((edges, kept)),
            _ => Err("its wavelengths are not finite and strictly monotonic".to_owned()),
        }
    }
}

/// Whether a number can be log10 of a wavelength in Å.
fn is_logarithm(value: f64) -> bool {
    (1.0..8.0).contains(&value)
}
