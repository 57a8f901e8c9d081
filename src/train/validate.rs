//! Validation that sees no truth: held-out observations y against F(Φ(y)).
//!
//! At the fixed point both have the same law. Sliced Wasserstein distances on the spectra and on
//! their power spectra make the score; ratios of power and of edge scatter, and how far Φ(y) moved
//! since the last validation, tell what is wrong when it rises.

use super::band_power::Bands;
use super::data::Data;
use super::erased::Erased;
use super::observations::Observations;
use super::proxies::{BASIS_ROWS, Comparison};
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::fit::Validation;
use crate::forward::{ForwardModel, observe};
use crate::nets::VelocityField;
use crate::transport::Transport;
use tch::{Device, Kind, Tensor, no_grad};

/// Random directions for the sliced distance.
const DIRECTIONS: i64 = 256;

/// Held-out observations and the last map of them.
#[derive(Debug)]
pub struct Validator {
    seed: u64,
    y: Tensor,
    held: Observations,
    batch: i64,
    directions: Tensor,
    bands: Bands,
    comparison: Option<Comparison>,
    /// What the channel erases, where Φ begins with a posterior; found in the first validation.
    erased: Option<Option<Erased>>,
    /// Φ(y) of the last validation, `[n, D]`; saved with the run, for the drift.
    pub(super) last: Option<Tensor>,
}

impl Validator {
    /// On at most 512 of the held-out observations, transported `batch` at a time.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the training observations that it also looks at cannot be read.
    pub fn new(data: &Data, seed: u64, batch: usize) -> Result<Self> {
        let device = data.heldout.flux.device();
        let n = data.heldout.len().min(512);
        let held = data
            .heldout
            .select(&Tensor::arange(n, (Kind::Int64, device)));
        let y = held.filled(&Rows::range(seed, Purpose::MaskFill, u64::MAX, n, device));
        let pixels = y.size()[1];
        let directions =
            Rows::range(seed, Purpose::Validation, 1, pixels, device).normal(0, DIRECTIONS);
        let norm = directions
            .square()
            .sum_dim_intlist([0i64].as_slice(), true, Kind::Float)
            .sqrt();
        let basis = data.training.part(0..data.training.len().min(BASIS_ROWS))?;
        Ok(Self {
            seed,
            comparison: Comparison::new(&basis, &y, seed),
            y,
            held,
            batch: batch as i64,
            directions: directions / norm,
            bands: Bands::new(&data.layout, device),
            erased: None,
            last: None,
        })
    }

    /// Compares F(Φ(y)) with y; the same random numbers every time, so that scores differ only
    /// through the weights.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn run(
        &mut self,
        field: &dyn VelocityField,
        transport: &Transport,
        forward: &dyn ForwardModel,
    ) -> Result<Validation> {
        no_grad(|| {
            let n = self.held.len();
            let device = self.y.device();
            let parts: Vec<[Tensor; 2]> = (0..n)
                .step_by(self.batch as usize)
                .map(|start| {
                    let index = Tensor::arange_start(
                        start,
                        (start + self.batch).min(n),
                        (Kind::Int64, device),
                    );
                    let random = Rows::new(self.seed, Purpose::Validation, 2, &index);
                    let latent = self.held.latent.select(&index);
                    let y = self.y.index_select(0, &index);
                    let (start, _) = transport.beginning(&y, &latent, &random);
                    [transport.run(field, &y, &latent, &random, false), start]
                })
                .collect();
            let (x, start): (Vec<_>, Vec<_>) = parts.into_iter().map(<(_, _)>::from).unzip();
            let (x, start) = (Tensor::cat(&x, 0), Tensor::cat(&start, 0));
            let erased = (self.erased).get_or_insert_with(|| Erased::of(transport, &self.held));
            let erased = erased.as_ref().and_then(|e| e.ratio(&x, &start));
            Ok(Validation {
                erased,
                ..self.compare(&x, forward)?
            })
        })
    }

    /// The held-out observations.
    pub(super) fn held(&self) -> &Observations {
        &self.held
    }

    /// Compares F(x) with y for restorations `x` `[n, D]` of the held-out observations.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub(super) fn compare(&mut self, x: &Tensor, forward: &dyn ForwardModel) -> Result<Validation> {
        no_grad(|| {
            let (n, device) = (self.held.len(), self.y.device());
            let random = Rows::range(self.seed, Purpose::Validation, 3, n, device);
            let (fresh, _) = observe(forward, x, &self.held.latent, &random)?;
            let spectra = sliced_wasserstein(
                &self.y.matmul(&self.directions),
                &fresh.matmul(&self.directions),
            );
            let (py, pf) = (self.bands.power(&self.y), self.bands.power(&fresh));
            let power = sliced_wasserstein(&py.log(), &pf.log());
            let drift = self.last.replace(x.copy()).map(|l| rms(&(x - l)));
            Ok(Validation {
                score: spectra + power,
                spectra,
                power,
                power_ratio: to_vec(&(mean_rows(&pf) / mean_rows(&py))),
                edge_ratio: edge_scatter(&self.bands, &fresh) / edge_scatter(&self.bands, &self.y),
                restored_power: to_vec(&mean_rows(&self.bands.power(x))),
                drift,
                erased: None,
                proxies: self.comparison.as_ref().and_then(|c| c.with(&fresh)),
            })
        })
    }
}

/// Mean over the columns of the 1-D Wasserstein distance between two samples `[N, K]` of equal size,
/// in units of the first one's standard deviation.
fn sliced_wasserstein(a: &Tensor, b: &Tensor) -> f64 {
    let sorted = |t: &Tensor| t.sort(0, false).0;
    let distance = (sorted(a) - sorted(b))
        .abs()
        .mean_dim([0i64].as_slice(), false, Kind::Float);
    let scale = a.std_dim([0i64].as_slice(), true, false).clamp_min(1e-6);
    (distance / scale).mean(Kind::Double).double_value(&[])
}

fn edge_scatter(bands: &Bands, x: &Tensor) -> f64 {
    let edge = bands.edge(x);
    rms(&(&edge - edge.mean_dim([0i64].as_slice(), true, Kind::Float)))
}

fn rms(x: &Tensor) -> f64 {
    x.square().mean(Kind::Double).sqrt().double_value(&[])
}

fn mean_rows(x: &Tensor) -> Tensor {
    x.mean_dim([0i64].as_slice(), false, Kind::Float)
}

fn to_vec(x: &Tensor) -> Vec<f64> {
    let x = x.to_device(Device::Cpu).to_kind(Kind::Double).contiguous();
    Vec::<f64>::try_from(x).unwrap_or_default()
}
