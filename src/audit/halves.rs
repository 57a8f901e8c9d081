//! Split halves: two runs, trained on disjoint halves of the survey, restore the same observations.
//! What the data support, both find.

use super::auditable::Auditable;
use crate::data::Object;
use crate::restored::RestoredRows;
use crate::restored::restorations::Restorations;
use crate::{Error, Result};
use ndarray::{Array1, Axis};
use std::collections::HashMap;

/// Difference of two restorations, in units of their combined SIGMA, from which they disagree. Two
/// perfect runs differ by the noise of their few draws alone.
pub const DISAGREE: f64 = 3.0;

/// Two restorations of each object of a catalog: their difference over the root of the summed
/// squares of SIGMA, `[D]`; `None` where the other catalog has no restoration.
#[derive(Debug)]
pub struct Halves {
    differences: Vec<Option<Array1<f32>>>,
}

/// The disagreement over one object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disagreement {
    /// Root mean square over the pixels, in units of the combined SIGMA.
    pub rms: f64,
    /// The largest in size, with its sign.
    pub max: f64,
    /// Its pixel.
    pub at: usize,
}

impl Halves {
    /// Compares the restorations of `a` with those of `b`.
    ///
    /// # Errors
    /// [`Error::Input`] if they are not of one survey, of one run, or state no uncertainty.
    pub(super) fn new<H: Auditable>(a: &H::Catalog, b: &H::Catalog) -> Result<Self> {
        check::<H>(a, b)?;
        let rows: HashMap<_, usize> = (0..b.objects().len())
            .filter(|i| b.objects()[*i].flag == 0)
            .map(|i| (identity(&b.objects()[i]), i))
            .collect();
        // Row by row: six images of a survey would not fit into memory.
        let images = |name| Ok::<_, Error>((a.open_image(name)?, b.open_image(name)?));
        let mut observed = images("OBSERVED")?;
        let (mut restored, mut sigma) = (images("RESTORED")?, images("SIGMA")?);
        let difference = |(i, object): (usize, &Object)| {
            let row = rows.get(&identity(object)).filter(|_| object.flag == 0);
            row.map(|j| {
                let both = |images: &mut (RestoredRows, RestoredRows)| {
                    Ok::<_, Error>((images.0.read(&[i])?, images.1.read(&[*j])?))
                };
                let (ya, yb) = both(&mut observed)?;
                same_observation(b, object, ya.iter(), yb.iter())?;
                let ((xa, xb), (sa, sb)) = (both(&mut restored)?, both(&mut sigma)?);
                let combined = (&sa * &sa + &sb * &sb).mapv(f32::sqrt);
                let difference = (xa - xb) / combined.mapv(|s| s.max(f32::MIN_POSITIVE));
                Ok(difference.index_axis_move(Axis(0), 0))
            })
            .transpose()
        };
        let differences: Vec<_> = a
            .objects()
            .iter()
            .enumerate()
            .map(difference)
            .collect::<Result<_>>()?;
        if differences.iter().all(Option::is_none) {
            return Err(foreign(b, "none of its objects is in the audited catalog"));
        }
        Ok(Self { differences })
    }

    /// How far the two differ over object `row`.
    #[must_use]
    pub fn of(&self, row: usize) -> Option<Disagreement> {
        let d = self.differences[row].as_ref()?;
        let at = (0..d.len()).max_by(|i, j| d[*i].abs().total_cmp(&d[*j].abs()))?;
        let square = d.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        Some(Disagreement {
            rms: (square / d.len() as f64).sqrt(),
            max: f64::from(d[at]),
            at,
        })
    }

    /// Mean difference of object `row` over some pixels; NaN where there is none.
    #[must_use]
    pub fn over(&self, row: usize, pixels: &[usize]) -> f64 {
        let Some(d) = &self.differences[row] else {
            return f64::NAN;
        };
        let sum: f64 = pixels.iter().map(|i| f64::from(d[*i])).sum();
        sum / pixels.len() as f64
    }
}

/// What an object is known by in two catalogs of a survey.
pub fn identity(o: &Object) -> (i64, i64, i64, &str) {
    if o.plate >= 0 && o.fiberid >= 0 {
        (o.plate, o.mjd, o.fiberid, "")
    } else {
        (-1, -1, -1, &o.name)
    }
}

/// Whether two rows of OBSERVED are one observation; NaN and masked pixels agree with anything.
pub fn same<'a>(a: impl Iterator<Item = &'a f32>, b: impl Iterator<Item = &'a f32>) -> bool {
    a.zip(b)
        .all(|(a, b)| (a - b).is_nan() || (a - b).abs() <= 1e-4 * (a.abs() + b.abs()))
}

fn same_observation<'a>(
    other: &impl Restorations,
    object: &Object,
    a: impl Iterator<Item = &'a f32>,
    b: impl Iterator<Item = &'a f32>,
) -> Result<()> {
    if same(a, b) {
        return Ok(());
    }
    let problem = format!("its observation of {} differs", object.name);
    Err(foreign(other, &problem))
}

fn check<H: Auditable>(a: &H::Catalog, b: &H::Catalog) -> Result<()> {
    if !H::alike(a, b) {
        return Err(foreign(b, "its pixels are others, or in another unit"));
    }
    if a.made().run_sha256 == b.made().run_sha256 {
        return Err(foreign(b, "it is a restoration by the same run"));
    }
    for catalog in [a, b] {
        if !catalog.made().method.is_random() || catalog.made().draws < 2 {
            return Err(foreign(
                catalog,
                "it states no uncertainty (SIGMA), the unit of the difference",
            ));
        }
    }
    Ok(())
}

fn foreign(catalog: &impl Restorations, problem: &str) -> Error {
    Error::input(
        catalog.path(),
        "--other",
        problem,
        "SDE restorations of the same observations by two runs",
        "train with --set train.half=1 and train.half=2, and restore the same input with both",
    )
}
