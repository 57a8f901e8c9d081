//! Clean spectra with the observations they came from: what the interpolant is fitted to.

use crate::base::rows::repeated;
use crate::forward::Latent;
use tch::Tensor;

/// One row for each observation of a batch.
#[derive(Debug)]
pub struct Pairs {
    /// [B, D].
    pub(super) x0: Tensor,
    /// The recorded observations of the same rows, [B, D]; none in the warm start.
    pub(super) recorded: Option<Tensor>,
    /// Which rows are clean data, for which the recorded ones say nothing: bool [B, 1].
    pub(super) clean: Tensor,
    pub(super) latent: Latent,
}

impl Pairs {
    /// Each row `copies` times in a row.
    pub(super) fn repeat(&self, copies: i64) -> Self {
        let repeat = |t: &Tensor| repeated(t, copies);
        Self {
            x0: repeat(&self.x0),
            recorded: self.recorded.as_ref().map(repeat),
            clean: repeat(&self.clean),
            latent: self.latent.repeat(copies),
        }
    }

    /// Rows `index` (int64 [n]).
    pub(super) fn select(&self, index: &Tensor) -> Self {
        let select = |t: &Tensor| t.index_select(0, index);
        Self {
            x0: select(&self.x0),
            recorded: self.recorded.as_ref().map(select),
            clean: select(&self.clean),
            latent: self.latent.select(index),
        }
    }

    /// The rows of all `parts`, one after the other; they have recorded observations, or none has.
    pub(super) fn concatenate<'a>(parts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let cat = |f: &dyn Fn(&'a Self) -> &'a Tensor| {
            Tensor::cat(&parts.clone().map(f).collect::<Vec<_>>(), 0)
        };
        let recorded: Vec<&Tensor> = parts.clone().filter_map(|p| p.recorded.as_ref()).collect();
        Self {
            x0: cat(&|p| &p.x0),
            recorded: (!recorded.is_empty()).then(|| Tensor::cat(&recorded, 0)),
            clean: cat(&|p| &p.clean),
            latent: Latent::concatenate(&parts.map(|p| &p.latent).collect::<Vec<_>>()),
        }
    }
}
