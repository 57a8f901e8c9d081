//! One batch of restorations through F and against their observations.

use super::feature::Feature;
use super::prediction::{Prediction, calls};
use super::residual::{Fit, fits};
use super::sight::Sight;
use crate::Result;
use crate::base::tensors;
use crate::data::OtherRedshift;
use crate::forward::ForwardModel;
use crate::train::Observations;
use tch::{Device, Kind, Tensor, no_grad};

/// Calls of F on each spectrum.
pub const CALLS: u64 = 64;
/// Calls on it without one of its features: the noise of both is the same, and only their
/// difference counts.
const FEATURE_CALLS: u64 = 16;

/// What the data say of one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    /// The feature that the data were asked about.
    pub feature: Feature,
    /// Its peak, normalised.
    pub top: f64,
    /// Of its peak above its base, normalised.
    pub height: f64,
    /// χ² without the feature minus χ² with it: positive where y prefers it.
    pub delta_chi2: f64,
    /// Length of the difference of the two predictions in standard deviations of y: a feature that
    /// is real gives Δχ² about its square, one that is invented minus that.
    pub separation: f64,
    /// SIGMA_PRIOR at its peak, normalised; NaN where the catalog does not tell.
    pub prior: f64,
    /// How much of it the truth has, [`Feature::true_share`]; NaN outside simulations.
    pub true_share: f64,
}

/// What was found out of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// Of RESTORED.
    pub restored: Fit,
    /// Of DRAW; `None` for the ODE.
    pub draw: Option<Fit>,
    /// The features of RESTORED.
    pub features: Vec<Support>,
    /// The best of the other redshifts that the object may be at, where the run can compare them.
    pub redshift: Option<OtherRedshift>,
}

/// How many statistics there are.
pub const STATISTICS: usize = 6;

impl Findings {
    /// The statistics that decide, each large where something is wrong: χ², the strongest local
    /// residual and the most contradicted feature of RESTORED; χ² and residual of DRAW; how much likelier
    /// another redshift is. NaN where there is none; without a feature none is
    /// contradicted: −∞.
    #[must_use]
    pub fn statistics(&self) -> [f64; STATISTICS] {
        let contradiction = self.features.iter().map(|s| -s.delta_chi2);
        let draw = |f: fn(&Fit) -> f64| self.draw.as_ref().map_or(f64::NAN, f);
        [
            self.restored.excess(),
            self.restored.local.abs(),
            contradiction.fold(f64::NEG_INFINITY, f64::max),
            draw(Fit::excess),
            draw(|f| f.local.abs()),
            self.redshift.map_or(f64::NAN, |z| z.gain),
        ]
    }
}

/// Restorations of one batch, normalised, each [B, D].
#[derive(Debug)]
pub struct Restorations {
    /// Mean of the draws, or the ODE's restoration.
    pub restored: Tensor,
    /// `None` for the ODE.
    pub draw: Option<Tensor>,
}

/// The channel that every batch meets, and how its rows are looked at.
pub struct Examiner {
    /// F, run on the restorations.
    pub forward: Box<dyn ForwardModel>,
    /// How the rows are looked at.
    pub sight: Box<dyn Sight>,
    /// Of the calls of F.
    pub seed: u64,
}

impl Examiner {
    /// Compares `x` with its observations `y` of objects at redshifts `z` `[B]`, whose random streams
    /// have `numbers` (int64 `[B]`).
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn examine(
        &self,
        x: &Restorations,
        y: &Observations,
        numbers: &Tensor,
        z: &[f64],
    ) -> Result<Vec<Findings>> {
        no_grad(|| {
            let observed = |x: &Tensor, count| {
                calls(
                    self.forward.as_ref(),
                    x,
                    &y.latent,
                    self.seed,
                    numbers,
                    count,
                )
            };
            let seen = observed(&x.restored, CALLS)?;
            let prediction = Prediction::new(&seen, &y.latent, self.sight.as_ref());
            let residual = prediction.whiten(&(&y.flux - &prediction.mean));
            let fits = fits(self.sight.as_ref(), &residual, &prediction.good)?;
            let draws = match &x.draw {
                None => vec![None; fits.len()],
                Some(draw) => self.fits(&observed(draw, CALLS)?, y)?,
            };
            let seen = mean(&seen.narrow(0, 0, FEATURE_CALLS as i64));
            let batch = Batch {
                x: &x.restored,
                y,
                numbers,
                seen,
                residual,
                prediction,
            };
            let features = self.supports(&batch, z)?;
            let each = fits.into_iter().zip(draws).zip(features);
            Ok(each
                .map(|((restored, draw), features)| Findings {
                    restored,
                    draw,
                    features,
                    redshift: None,
                })
                .collect())
        })
    }

    fn fits(&self, seen: &Tensor, y: &Observations) -> Result<Vec<Option<Fit>>> {
        let prediction = Prediction::new(seen, &y.latent, self.sight.as_ref());
        let residual = prediction.whiten(&(&y.flux - &prediction.mean));
        let fits = fits(self.sight.as_ref(), &residual, &prediction.good)?;
        Ok(fits.into_iter().map(Some).collect())
    }

    /// Δχ² of every feature of every row: F is called on the restoration without it, with the noise
    /// that the spectrum itself met.
    fn supports(&self, batch: &Batch<'_>, z: &[f64]) -> Result<Vec<Vec<Support>>> {
        let (n, d) = batch.x.size2()?;
        let x = tensors::numbers(batch.x)?;
        let infinite = batch.prediction.scale.full_like(f64::INFINITY);
        let good = batch.prediction.good.gt(0.0);
        let scale = tensors::numbers(&batch.prediction.scale.where_self(&good, &infinite))?;
        let row = |v: &'_ [f32], i: usize| v[i * d as usize..(i + 1) * d as usize].to_vec();
        let found: Vec<(usize, Feature)> = (0..n as usize)
            .flat_map(|i| {
                let found = self.sight.features(&row(&x, i), &row(&scale, i), z[i]);
                found.into_iter().map(move |f| (i, f))
            })
            .collect();
        let mut all = vec![Vec::new(); n as usize];
        for part in found.chunks(n as usize) {
            let without: Vec<f32> = part
                .iter()
                .flat_map(|(i, f)| f.removed(&row(&x, *i)))
                .collect();
            let rows: Vec<i64> = part.iter().map(|(i, _)| *i as i64).collect();
            let device = batch.x.device();
            let without = Tensor::from_slice(&without).view([-1, d]).to_device(device);
            let rows = Tensor::from_slice(&rows).to_device(device);
            let pairs = self.delta(batch, &without, &rows)?;
            for ((i, feature), (delta_chi2, separation)) in part.iter().zip(pairs) {
                all[*i].push(Support {
                    top: f64::from(row(&x, *i)[feature.peak]),
                    height: feature.height(&row(&x, *i)),
                    feature: feature.clone(),
                    delta_chi2,
                    separation,
                    prior: f64::NAN,
                    true_share: f64::NAN,
                });
            }
        }
        Ok(all)
    }

    /// Δχ² and separation of the restorations `without` [M, D] from rows `rows` [M] of the batch. With r
    /// the whitened residual and δ the whitened difference of the predictions,
    /// χ²(without) − χ²(with) = |r + δ|² − |r|².
    fn delta(&self, batch: &Batch<'_>, without: &Tensor, rows: &Tensor) -> Result<Vec<(f64, f64)>> {
        let seen = calls(
            self.forward.as_ref(),
            without,
            &batch.y.latent.select(rows),
            self.seed,
            &batch.numbers.index_select(0, rows),
            FEATURE_CALLS,
        )?;
        let difference = batch.seen.index_select(0, rows) - mean(&seen);
        let difference = batch.prediction.select(rows).whiten(&difference);
        let residual = batch.residual.index_select(0, rows);
        let sum = |t: Tensor| t.sum_dim_intlist([-1i64].as_slice(), false, Kind::Double);
        let square = sum(difference.square());
        let delta = sum(residual * &difference) * 2.0 + &square;
        let host = |t: &Tensor| Vec::<f64>::try_from(t.to_device(Device::Cpu));
        let (delta, separation) = (host(&delta)?, host(&square.sqrt())?);
        Ok(delta.into_iter().zip(separation).collect())
    }
}

/// A batch on its way through the test of its features.
struct Batch<'a> {
    x: &'a Tensor,
    y: &'a Observations,
    numbers: &'a Tensor,
    /// Mean of the first calls on `x`.
    seen: Tensor,
    /// Whitened.
    residual: Tensor,
    prediction: Prediction,
}

fn mean(calls: &Tensor) -> Tensor {
    calls.mean_dim([0i64].as_slice(), false, Kind::Float)
}
