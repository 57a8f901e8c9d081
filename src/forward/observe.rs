//! F of many rows, by all cores.

use super::latent::Latent;
use super::model::ForwardModel;
use crate::Result;
use crate::base::random::Rows;
use crate::base::tensors::joined;
use crate::base::workers;
use std::ops::Range;
use tch::{Tensor, no_grad};

/// As [`ForwardModel::observe`], the rows shared out to all cores. Without gradient.
///
/// # Errors
/// As [`ForwardModel::observe`].
pub fn observe(
    forward: &dyn ForwardModel,
    x: &Tensor,
    recorded: &Latent,
    random: &Rows,
) -> Result<(Tensor, Latent)> {
    let rows = workers::parts(x.size()[0], x.size()[1], x.device());
    if rows.len() == 1 || !forward.takes_parts() {
        return no_grad(|| forward.observe(x, recorded, random));
    }
    let part = |r: &Range<i64>| {
        let (start, n) = (r.start, r.end - r.start);
        let (latent, random) = (recorded.narrow(start, n), random.narrow(start, n));
        (x.narrow(0, start, n), latent, random)
    };
    let parts: Vec<_> = rows.iter().map(part).collect();
    let found = workers::each(parts, |(x, latent, random)| {
        no_grad(|| forward.observe(&x, &latent, &random))
    });
    let found: Vec<(Tensor, Latent)> = found.into_iter().collect::<Result<_>>()?;
    let (y, latents): (Vec<Tensor>, Vec<Latent>) = found.into_iter().unzip();
    let latents: Vec<&Latent> = latents.iter().collect();
    Ok((joined(y), Latent::concatenate(&latents)))
}
