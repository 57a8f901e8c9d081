//! Lost pixels.

use crate::base::random::Rows;
use tch::{Kind, Tensor};

/// 1 where a pixel is kept, 0 where it is lost (probability `rho` each, all channels together),
/// [B, 1, H, W].
pub(super) fn draw(rho: f64, [height, width]: [i64; 2], random: &Rows) -> Tensor {
    random
        .uniform(0, height * width)
        .ge(rho)
        .to_kind(Kind::Float)
        .view([-1, 1, height, width])
}
