//! Power of the draws in modes that the channel erases, which no validation through F can see.

use super::observations::Observations;
use crate::transport::Transport;
use tch::{Kind, Tensor, no_grad};

/// Less than this part of the start's variance is not looked at.
const SHARE: f64 = 1e-3;

/// What observations tell of, in x; all else is erased.
#[derive(Debug)]
pub(super) struct Erased {
    /// Orthonormal columns, [D, K].
    seen: Tensor,
}

impl Erased {
    /// As the start of `transport` knows it; `None` where there is no start, or nothing is erased.
    pub fn of(transport: &Transport, observed: &Observations) -> Option<Self> {
        let seen = transport.seen_patterns(&observed.latent)?;
        Some(Self { seen })
    }

    /// Variance of the rows of `x` [n, D] in erased modes over that of the draws `start` of the start for
    /// the same observations; `None` where the start has next to none.
    pub fn ratio(&self, x: &Tensor, start: &Tensor) -> Option<f64> {
        no_grad(|| {
            let (whole, own) = (variance(start), self.variance(start));
            (own > SHARE * whole).then(|| self.variance(x) / own)
        })
    }

    fn variance(&self, x: &Tensor) -> f64 {
        variance(&(x - x.matmul(&self.seen).matmul(&self.seen.tr())))
    }
}

/// Summed over the columns of `x` [n, D], over n.
fn variance(x: &Tensor) -> f64 {
    let x = x - x.mean_dim([0i64].as_slice(), true, Kind::Float);
    x.square().sum(Kind::Double).double_value(&[]) / x.size()[0] as f64
}
