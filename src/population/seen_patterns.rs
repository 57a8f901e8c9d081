//! Which patterns of the clean rows observations tell anything of.

use super::joint::{eigen, factor};
use crate::forward::Latent;
use tch::{Kind, Tensor};

/// A mode of signal-to-noise ratio r = signal variance over noise variance below this is erased: an
/// observation makes its variance smaller by less than this part.
const ERASED: f64 = 0.01;
/// Pixels, at most: of more it takes too long to tell.
const PIXELS: i64 = 2048;

/// An orthonormal basis [D, K] of the patterns of x that observations with the noise of `latent` tell of, for
/// f = `blur` x, [D, D], and x of this `covariance` [D, D]. With x = F z and F Fᵀ the covariance, these are
/// F e for the eigenvectors e of Fᵀ Bᵀ N⁻¹ B F whose eigenvalues r are not negligible: what is
/// orthogonal to them depends on the other z alone. `None` where nothing is, or rows have too many pixels.
pub(super) fn seen_patterns(blur: &Tensor, covariance: &Tensor, latent: &Latent) -> Option<Tensor> {
    let d = blur.size()[0];
    if d > PIXELS {
        return None;
    }
    let weights = &latent.good / latent.sigma.square().clamp_min(1e-20);
    let weights = weights.mean_dim([0i64].as_slice(), false, Kind::Double);
    let factor = factor(covariance).to_kind(Kind::Double);
    let told = blur.to_kind(Kind::Double).matmul(&factor);
    let (ratios, vectors) = eigen(&told.tr().matmul(&(weights.unsqueeze(1) * &told)));
    let seen = ratios.ge(ERASED).nonzero().view([-1]);
    let k = seen.size()[0];
    (k > 0 && k < d).then(|| {
        let patterns = factor.matmul(&vectors.index_select(1, &seen));
        let (basis, _) = Tensor::linalg_qr(&patterns, "reduced");
        basis.to_kind(Kind::Float)
    })
}
