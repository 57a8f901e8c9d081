//! What a subtraction leaves of the sky: parts of its lines, and of their slopes.

use super::calibration::legendre;
use crate::base::random::Rows;
use crate::config::SkyStage;
use tch::{Kind, Tensor};

/// The shapes that are left, each with the standard deviation 1 of its amplitude, [B, T, D]: a times the
/// `lines` [B, D] and b times their slope, a and b being Σₖ ξₖ Pₖ(l) √((2k + 1)/(degree + 1)) times the root
/// mean squares of `stage`, ξₖ standard normals and l the `lever` [D] or [B, D].
pub(crate) fn shapes(stage: &SkyStage, lines: &Tensor, lever: &Tensor) -> Tensor {
    let slope = slope(lines);
    let polynomials = legendre(lever, stage.degree);
    let of = |(size, shape): (f64, &Tensor)| -> Vec<Tensor> {
        let scaled = |(k, polynomial): (usize, &Tensor)| {
            let scale = size * ((2 * k + 1) as f64 / (stage.degree + 1) as f64).sqrt();
            shape * polynomial * scale
        };
        polynomials.iter().enumerate().map(scaled).collect()
    };
    let all = [(stage.amplitude, lines), (stage.shift, &slope)];
    let all: Vec<Tensor> = all
        .into_iter()
        .filter(|(size, _)| *size > 0.0)
        .flat_map(of)
        .collect();
    Tensor::stack(&all, 1)
}

/// A draw of what is left, [B, D].
pub(super) fn left(stage: &SkyStage, lines: &Tensor, lever: &Tensor, random: &Rows) -> Tensor {
    let shapes = shapes(stage, lines, lever);
    let draws = random.normal(0, shapes.size()[1]).unsqueeze(2);
    (shapes * draws).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
}

/// Half the difference of the two neighbours of each pixel, 0 at the ends.
fn slope(lines: &Tensor) -> Tensor {
    let inner = lines.size()[1] - 2;
    let inner = (lines.narrow(1, 2, inner) - lines.narrow(1, 0, inner)) * 0.5;
    inner.constant_pad_nd([1, 1])
}
