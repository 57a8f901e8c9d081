//! One step of Algorithm 2.

use super::data::Observations;
use crate::config::{NetworkConfig, TrainConfig};
use crate::forward::{ForwardModel, Latent};
use crate::interpolant::loss;
use crate::nets::VelocityField;
use crate::random::{Purpose, Rows};
use crate::transport::Transport;
use tch::{Kind, Tensor};

/// Variance of what the channel removes besides noise, in normalised flux: it keeps the weight of
/// nearly noiseless spectra finite.
const STRUCTURE_VARIANCE: f64 = 0.1;

/// What stays the same from step to step.
pub struct Step<'a> {
    pub forward: &'a dyn ForwardModel,
    pub transport: &'a Transport,
    pub train: &'a TrainConfig,
    pub network: &'a NetworkConfig,
    pub seed: u64,
}

impl Step<'_> {
    /// E-step: x = Φ(y) with the teacher's weights, without gradient.
    pub fn transport(
        &self,
        teacher: &dyn VelocityField,
        batch: &Observations,
        step: u64,
    ) -> (Tensor, Tensor) {
        let device = batch.flux.device();
        let rows = |purpose| Rows::range(self.seed, purpose, step, batch.len(), device);
        let y = batch.filled(&rows(Purpose::MaskFill));
        // The source runs the live weights with dropout on, averaged ones in evaluation mode.
        let dropout = !self.train.ema_teacher && self.train.refresh == 1;
        let x = self.transport.run(
            teacher,
            &y,
            &batch.latent,
            &rows(Purpose::Transport),
            dropout,
        );
        (y, x)
    }

    /// Loss of the interpolant between x and fresh (or, with probability 1 − p, the recorded)
    /// observations; each x serves `resamplings` times.
    pub fn loss(
        &self,
        field: &dyn VelocityField,
        batch: &Observations,
        y: &Tensor,
        x: &Tensor,
        step: u64,
    ) -> Tensor {
        let copies = self.train.resamplings as i64;
        let n = batch.len() * copies;
        let rows = |purpose| Rows::range(self.seed, purpose, step, n, x.device());
        let x0 = x.repeat_interleave_self_int(copies, 0, None);
        let recorded = batch.latent.repeat(copies);
        let (fresh, drawn) = self
            .forward
            .observe(&x0, &recorded, &rows(Purpose::Forward));
        let random = rows(Purpose::Interpolant);
        let keep = random.uniform(0, 1).lt(self.train.mix);
        let x1 = fresh.where_self(&keep, &y.repeat_interleave_self_int(copies, 0, None));
        let latent = drawn.or_else(&keep, &recorded);
        let t = random.uniform(1, 1);
        let sample = self
            .transport
            .interpolant
            .sample(&t, &x0, &x1, || random.normal(2, x.size()[1]));
        loss(
            &field.fields(&t, &sample.point, &latent, true),
            &sample,
            &self.weight(&latent),
        )
    }

    /// 1/(σ² + structure), so that noisy spectra do not drown the others. Only where the network
    /// is told σ: otherwise the weight would shift the conditional expectation it learns.
    fn weight(&self, latent: &Latent) -> Tensor {
        let good = latent
            .good
            .sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
        if !self.network.noise_input {
            return good.ones_like();
        }
        let variance = (latent.sigma.square() * &latent.good).sum_dim_intlist(
            [-1i64].as_slice(),
            true,
            Kind::Float,
        );
        (variance / good.clamp_min(1.0) + STRUCTURE_VARIANCE).reciprocal()
    }
}
