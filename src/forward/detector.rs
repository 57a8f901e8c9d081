//! What a detector does to images: cosmic rays, bad columns, pixels larger than those of the grid, a
//! residual of the sky.

use crate::base::random::Rows;
use crate::base::rows::repeated_along;
use tch::{Device, Kind, Tensor};

/// Directions of cosmic rays: along rows, along columns, and both diagonals.
const DIRECTIONS: i64 = 4;

/// Hits of cosmic rays: lines of pixels that are lost.
#[derive(Debug)]
pub(super) struct Cosmics {
    /// Probability that a pixel is the middle of a hit.
    begins: f64,
    length: i64,
    /// The lines, [directions, 1, length, length].
    lines: Tensor,
}

impl Cosmics {
    /// `hits` in an image of `plane` [H, W] pixels, in the mean, of `length` (odd) pixels each.
    pub fn new(hits: f64, length: usize, plane: [i64; 2], device: Device) -> Self {
        let (n, middle) = (length, length / 2);
        let mut lines = vec![0f32; DIRECTIONS as usize * n * n];
        for k in 0..n {
            for (direction, at) in [[middle, k], [k, middle], [k, k], [k, n - 1 - k]]
                .iter()
                .enumerate()
            {
                lines[(direction * n + at[0]) * n + at[1]] = 1.0;
            }
        }
        let n = n as i64;
        Self {
            begins: (hits / (plane[0] * plane[1]) as f64).min(1.0),
            length: n,
            lines: Tensor::from_slice(&lines)
                .view([DIRECTIONS, 1, n, n])
                .to_device(device),
        }
    }

    /// 1 where a pixel is kept, 0 where it is hit, [B, 1, H, W]; hits may begin outside.
    pub fn draw(&self, [height, width]: [i64; 2], random: &Rows) -> Tensor {
        let around = [height + self.length - 1, width + self.length - 1];
        let uniform = random.uniform(0, around[0] * around[1]);
        // Of the uniforms below the probability of a hit, each quarter is a direction.
        let quarter = self.begins / DIRECTIONS as f64;
        let direction = (uniform / quarter)
            .floor()
            .view([-1, 1, around[0], around[1]]);
        let all = Tensor::arange(DIRECTIONS, (Kind::Float, direction.device()));
        let begun = direction
            .eq_tensor(&all.view([1, -1, 1, 1]))
            .to_kind(Kind::Float);
        let hits = begun.conv2d(
            &self.lines,
            None::<Tensor>,
            [1, 1],
            [0, 0],
            [1, 1],
            DIRECTIONS,
        );
        let hits = hits.sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        hits.lt(0.5).to_kind(Kind::Float)
    }
}

/// 1 where a column is kept, 0 where it is lost (probability `rho` each), [B, 1, 1, W].
pub(super) fn columns(rho: f64, width: i64, random: &Rows) -> Tensor {
    random
        .uniform(0, width)
        .ge(rho)
        .to_kind(Kind::Float)
        .view([-1, 1, 1, width])
}

/// A level and two slopes of the sky for each channel, normals of standard deviations `level` and, at the
/// edges, `slope`: [B, C, H, W].
pub(super) fn plane(level: f64, slope: f64, size: &[i64], random: &Rows) -> Tensor {
    let draws = random.normal(0, 3 * size[1]).view([-1, 3, size[1], 1, 1]);
    let [down, across] = tilts([size[2], size[3]], draws.device());
    let of = |k: i64| draws.select(1, k);
    of(0) * level + (of(1) * down + of(2) * across) * slope
}

/// From −1 to 1 down and across images, [H, 1] and [1, W].
fn tilts([h, w]: [i64; 2], device: Device) -> [Tensor; 2] {
    let axis = |n: i64| Tensor::linspace(-1.0, 1.0, n, (Kind::Float, device));
    [axis(h).view([-1, 1]), axis(w).view([1, -1])]
}

/// The shapes that [`plane`] adds, each with a normal of its own: [3 C, C H W] of `shape` [C, H, W].
pub(crate) fn plane_shapes(level: f64, slope: f64, shape: [i64; 3], device: Device) -> Tensor {
    let [c, h, w] = shape;
    let [down, across] = tilts([h, w], device);
    let ones = Tensor::ones([h, w], (Kind::Float, device));
    let shapes = [&ones * level, &ones * down * slope, &ones * across * slope];
    let flat: Vec<Tensor> = shapes.iter().map(|s| s.view([1, -1])).collect();
    Tensor::eye(c, (Kind::Float, device)).kron(&Tensor::cat(&flat, 0))
}

/// Pixels [B, C, H, W] averaged over squares of `factor` × `factor`, each mean in all of its pixels.
pub(crate) fn binned(image: &Tensor, factor: i64) -> Tensor {
    spread(
        &image.avg_pool2d([factor; 2], [factor; 2], [0; 2], false, true, None),
        factor,
    )
}

/// Each pixel of `coarse` [B, C, H, W] repeated `factor` times along both axes.
pub(crate) fn spread(coarse: &Tensor, factor: i64) -> Tensor {
    match factor {
        1 => coarse.shallow_clone(),
        _ => repeated_along(&repeated_along(coarse, 2, factor), 3, factor),
    }
}

/// One pixel of each square of `factor` × `factor`.
pub(super) fn coarse(image: &Tensor, factor: i64) -> Tensor {
    image.slice(2, 0, None, factor).slice(3, 0, None, factor)
}

/// What makes white noise correlated.
#[derive(Debug)]
pub(crate) struct Kernel(Tensor);

impl Kernel {
    /// From `rows` [P, P]; noise keeps its variance.
    pub fn new(rows: &[Vec<f64>], device: Device) -> Self {
        let sum = rows.iter().flatten().map(|v| v * v).sum::<f64>().sqrt();
        let values: Vec<f32> = rows.iter().flatten().map(|v| (v / sum) as f32).collect();
        let side = rows.len() as i64;
        Self(
            Tensor::from_slice(&values)
                .view([1, 1, side, side])
                .to_device(device),
        )
    }

    /// Pixels that white noise needs beyond the image, along both axes together.
    pub fn around(&self) -> i64 {
        self.0.size()[3] - 1
    }

    /// Noise [B, C, H, W] of variance 1 from white noise [B, C, H + P - 1, W + P - 1].
    pub fn correlate(&self, white: &Tensor) -> Tensor {
        let (size, around) = (white.size(), self.around());
        white
            .reshape([-1, 1, size[2], size[3]])
            .conv2d(&self.0, None::<Tensor>, [1, 1], [0, 0], [1, 1], 1)
            .view([size[0], size[1], size[2] - around, size[3] - around])
    }

    /// Its transpose.
    pub fn transpose(&self, noise: &Tensor) -> Tensor {
        let (size, around) = (noise.size(), self.around());
        noise
            .reshape([-1, 1, size[2], size[3]])
            .conv_transpose2d(&self.0, None::<Tensor>, [1, 1], [0, 0], [0, 0], 1, [1, 1])
            .view([size[0], size[1], size[2] + around, size[3] + around])
    }
}
