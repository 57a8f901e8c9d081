//! Split halves: two runs, trained on disjoint halves of the survey, restore the same observations.
//! What the data support, both find.

use super::auditable::Auditable;
use crate::data::Object;
use crate::restored::RestoredRows;
use crate::restored::restorations::Restorations;
use crate::{Error, Result};
use ndarray::Array1;
use std::collections::HashMap;

/// Difference of two restorations, in units of their combined SIGMA, from which they disagree. Two
/// perfect runs differ by the noise of their few draws alone.
pub const DISAGREE: f64 = 3.0;

/// Two restorations of each object of a catalog, compared when they are asked for: six images of a survey
/// would not fit into memory.
pub struct Halves {
    /// Row of each object in the other catalog; `None` where that has no restoration.
    partners: Vec<Option<usize>>,
    restored: [RestoredRows; 2],
    sigma: [RestoredRows; 2],
}

/// The difference of two restorations over the root of the summed squares of SIGMA, `[D]`.
#[derive(Debug)]
pub struct Difference(Array1<f32>);

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
        let partner = |o: &Object| rows.get(&identity(o)).filter(|_| o.flag == 0).copied();
        let partners: Vec<_> = a.objects().iter().map(partner).collect();
        if partners.iter().all(Option::is_none) {
            return Err(foreign(b, "none of its objects is in the audited catalog"));
        }
        let images = |name| Ok::<_, Error>([a.open_image(name)?, b.open_image(name)?]);
        let mut observed = images("OBSERVED")?;
        for (i, j) in partners.iter().enumerate() {
            if let Some(j) = j {
                let [ya, yb] = both(&mut observed, i, *j)?;
                same_observation(b, &a.objects()[i], ya.iter(), yb.iter())?;
            }
        }
        Ok(Self {
            partners,
            restored: images("RESTORED")?,
            sigma: images("SIGMA")?,
        })
    }

    /// How the two differ over object `row`; `None` where the other has none.
    ///
    /// # Errors
    /// [`Error::Input`] if a catalog cannot be read.
    pub fn of(&mut self, row: usize) -> Result<Option<Difference>> {
        let Some(other) = self.partners[row] else {
            return Ok(None);
        };
        let [xa, xb] = both(&mut self.restored, row, other)?;
        let [sa, sb] = both(&mut self.sigma, row, other)?;
        let combined = (&sa * &sa + &sb * &sb).mapv(f32::sqrt);
        let difference = (xa - xb) / combined.mapv(|s| s.max(f32::MIN_POSITIVE));
        Ok(Some(Difference(difference)))
    }
}

impl Difference {
    /// How far the two differ.
    #[must_use]
    pub fn disagreement(&self) -> Option<Disagreement> {
        let d = &self.0;
        let at = (0..d.len()).max_by(|i, j| d[*i].abs().total_cmp(&d[*j].abs()))?;
        let square = d.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        Some(Disagreement {
            rms: (square / d.len() as f64).sqrt(),
            max: f64::from(d[at]),
            at,
        })
    }

    /// Its mean over some pixels.
    #[must_use]
    pub fn over(&self, pixels: &[usize]) -> f64 {
        let sum: f64 = pixels.iter().map(|i| f64::from(self.0[*i])).sum();
        sum / pixels.len() as f64
    }
}

/// Row `i` of the first image and row `j` of the second.
fn both(images: &mut [RestoredRows; 2], i: usize, j: usize) -> Result<[Array1<f32>; 2]> {
    let [a, b] = images;
    let row = |image: &mut RestoredRows, i| image.read(&[i]).map(|x| x.row(0).to_owned());
    Ok([row(a, i)?, row(b, j)?])
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
