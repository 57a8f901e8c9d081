//! Missing pixels from the known ones around them: the smoothest surface through those.

use crate::config::ImageConfig;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Relative residual at which the solution counts as found, and most iterations.
const TOLERANCE: f64 = 1e-10;
const ITERATIONS: usize = 4000;

/// What the surface makes smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smoothness {
    /// Σ |∇u|²: Laplace's equation Δu = 0 in the holes, a membrane.
    Harmonic,
    /// Σ (Δu)²: Δ²u = 0 in the holes, a thin plate, which keeps slopes.
    Biharmonic,
}

/// Images [N, D] whose pixels with `ivar` = 0 are interpolated, the others kept. Beyond the image's
/// edges nothing pulls (natural boundaries). Planes without a known pixel become 0, the mean of
/// normalised images.
#[must_use]
pub fn inpaint(
    images: ArrayView2<f32>,
    ivar: ArrayView2<f32>,
    shape: ImageConfig,
    smoothness: Smoothness,
) -> Array2<f32> {
    let plane = shape.height * shape.width;
    let mut out = images.to_owned();
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(ivar.axis_iter(Axis(0)).into_par_iter())
        .for_each(|(mut row, ivar)| {
            for c in 0..shape.channels {
                let here = c * plane..(c + 1) * plane;
                let known: Vec<bool> = here.clone().map(|k| ivar[k] > 0.0).collect();
                if known.iter().all(|k| *k) {
                    continue;
                }
                let values = here.clone().zip(&known);
                let start = values
                    .map(|(k, known)| if *known { f64::from(row[k]) } else { 0.0 })
                    .collect();
                let filled = fill(start, &known, shape.width, smoothness);
                here.zip(filled).for_each(|(k, v)| row[k] = v as f32);
            }
        });
    out
}

/// Conjugate gradients for A_UU u = −A_UK k, where U are the unknown pixels, K the known ones and A
/// is the graph Laplacian L (membrane) or L² (plate); both are positive definite on U as soon as one
/// pixel is known.
fn fill(start: Vec<f64>, known: &[bool], width: usize, smoothness: Smoothness) -> Vec<f64> {
    if known.iter().all(|k| !k) {
        return start;
    }
    let on_unknown = |x: &[f64]| -> Vec<f64> {
        let once = laplacian(x, width);
        let mut ax = match smoothness {
            Smoothness::Harmonic => once,
            Smoothness::Biharmonic => laplacian(&once, width),
        };
        ax.iter_mut().zip(known).for_each(|(v, known)| {
            if *known {
                *v = 0.0;
            }
        });
        ax
    };
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    // `start` is 0 on U, so that −A start there is the right-hand side.
    let mut solution = start;
    let mut residual: Vec<f64> = on_unknown(&solution).iter().map(|v| -v).collect();
    let mut direction = residual.clone();
    let mut square = dot(&residual, &residual);
    let enough = square * TOLERANCE * TOLERANCE;
    for _ in 0..ITERATIONS {
        if square <= enough {
            break;
        }
        let image = on_unknown(&direction);
        let step = square / dot(&direction, &image);
        for k in 0..solution.len() {
            solution[k] += step * direction[k];
            residual[k] -= step * image[k];
        }
        let next = dot(&residual, &residual);
        for (d, r) in direction.iter_mut().zip(&residual) {
            *d = r + next / square * *d;
        }
        square = next;
    }
    solution
}

/// Σ over the neighbours inside the image of (u_i − u_j): positive semidefinite.
fn laplacian(u: &[f64], width: usize) -> Vec<f64> {
    let n = u.len();
    (0..n)
        .map(|i| {
            let x = i % width;
            let mut sum = 0.0;
            if x > 0 {
                sum += u[i] - u[i - 1];
            }
            if x + 1 < width {
                sum += u[i] - u[i + 1];
            }
            if i >= width {
                sum += u[i] - u[i - width];
            }
            if i + width < n {
                sum += u[i] - u[i + width];
            }
            sum
        })
        .collect()
}
