//! Weighted principal components by expectation–maximisation (EMPCA, Bailey 2012), from the observations
//! alone: y = m + Σ c_k φ_k + n, every pixel weighted by its inverse variance.

use crate::population::eigen;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Eigenvalues of normal equations below this part of the largest are 0: fewer good pixels than components
/// leave directions that nothing is known of.
const SINGULAR: f64 = 1e-9;

/// A mean and K components.
#[derive(Debug, Clone)]
pub struct Empca {
    /// m, `[L]`.
    pub mean: Array1<f64>,
    /// φ, `[K, L]`, orthonormal.
    pub components: Array2<f64>,
}

/// The coefficients of one object, by weighted least squares.
#[derive(Debug)]
pub struct Coefficients {
    /// c, `[K]`.
    pub values: Array1<f64>,
    /// F, `[K, K]`: F Fᵀ is the covariance of their errors.
    factor: Array2<f64>,
}

impl Empca {
    /// `k` components of the rows of `flux` with weights `ivar` (0: nothing is known), both [N, L], after so
    /// many `iterations` from random ones.
    #[must_use]
    pub fn fit(
        flux: ArrayView2<f32>,
        ivar: ArrayView2<f32>,
        k: usize,
        iterations: u64,
        seed: u64,
    ) -> Self {
        let l = flux.ncols();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let components = Array2::from_shape_fn((k.min(l), l), |_| rng.sample(StandardNormal));
        let mut model = Self {
            mean: mean(flux, ivar),
            components: orthonormal(components),
        };
        for _ in 0..iterations {
            model.components = orthonormal(model.improved(flux, ivar));
        }
        model
    }

    /// The components that explain the rows best, given each row's coefficients.
    fn improved(&self, flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> Array2<f64> {
        let (k, l) = self.components.dim();
        // Of each pixel: Σ w c cᵀ and Σ w c (y − m).
        let mut normal = vec![0.0; l * k * k];
        let mut right = vec![0.0; l * k];
        for (y, w) in flux.rows().into_iter().zip(ivar.rows()) {
            let Some(found) = self.coefficients(y, w, 0) else {
                continue;
            };
            let c = &found.values;
            for j in (0..l).filter(|j| w[*j] > 0.0) {
                let (w, residual) = (f64::from(w[j]), f64::from(y[j]) - self.mean[j]);
                for a in 0..k {
                    right[j * k + a] += w * c[a] * residual;
                    for b in 0..=a {
                        normal[(j * k + a) * k + b] += w * c[a] * c[b];
                    }
                }
            }
        }
        let mut out = self.components.clone();
        for j in 0..l {
            let part = &normal[j * k * k..(j + 1) * k * k];
            let symmetric = |(a, b): (usize, usize)| part[a.max(b) * k + a.min(b)];
            let normal = Array2::from_shape_fn((k, k), symmetric);
            // A pixel that no object shows keeps what it has.
            if let Some(factor) = factor(&normal) {
                let right = Array1::from(right[j * k..(j + 1) * k].to_vec());
                out.column_mut(j)
                    .assign(&factor.dot(&factor.t().dot(&right)));
            }
        }
        out
    }

    /// Those of an object seen as `flux` with weights `ivar`, both `[D]`, at the D pixels from `from` on;
    /// `None` where no pixel tells of them.
    #[must_use]
    pub fn coefficients(
        &self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        from: usize,
    ) -> Option<Coefficients> {
        let k = self.components.nrows();
        let mut normal = Array2::<f64>::zeros((k, k));
        let mut right = Array1::<f64>::zeros(k);
        for j in (0..flux.len()).filter(|j| ivar[*j] > 0.0) {
            let (w, e) = (f64::from(ivar[j]), from + j);
            let residual = f64::from(flux[j]) - self.mean[e];
            for a in 0..k {
                let weighted = w * self.components[[a, e]];
                right[a] += weighted * residual;
                for b in 0..k {
                    normal[[a, b]] += weighted * self.components[[b, e]];
                }
            }
        }
        let factor = factor(&normal)?;
        Some(Coefficients {
            values: factor.dot(&factor.t().dot(&right)),
            factor,
        })
    }

    /// The spectrum of coefficients `c` `[K]` at the `d` pixels from `from` on.
    #[must_use]
    pub fn spectrum(&self, c: &Array1<f64>, from: usize, d: usize) -> Array1<f64> {
        let window = ndarray::s![from..from + d];
        let components = self.components.slice(ndarray::s![.., from..from + d]);
        components.t().dot(c) + self.mean.slice(window)
    }
}

impl Coefficients {
    /// The coefficients off by a draw of their errors, whose covariance is (φ W φᵀ)⁻¹.
    pub fn draw(&self, rng: &mut impl Rng) -> Array1<f64> {
        let z = Array1::from_shape_fn(self.values.len(), |_| rng.sample(StandardNormal));
        &self.values + &self.factor.dot(&z)
    }
}

/// Weighted means of the columns; 0 where nothing is known.
fn mean(flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> Array1<f64> {
    let columns = flux.axis_iter(Axis(1)).zip(ivar.axis_iter(Axis(1)));
    let one = |(y, w): (ArrayView1<f32>, ArrayView1<f32>)| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (y, w) in y.iter().zip(w).filter(|(_, w)| **w > 0.0) {
            sum += f64::from(*w) * f64::from(*y);
            weight += f64::from(*w);
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    columns.map(one).collect()
}

/// V Λ^−½ of the normal equations V Λ Vᵀ, 0 where they are singular; `None` where they are 0.
fn factor(normal: &Array2<f64>) -> Option<Array2<f64>> {
    let level = normal.diag().sum();
    if !level.is_finite() || level <= 0.0 {
        return None;
    }
    let (values, vectors) = eigen(normal);
    let least = SINGULAR * values[0];
    let root = values.mapv(|v| if v > least { v.sqrt().recip() } else { 0.0 });
    Some(vectors * root)
}

/// The rows made orthonormal, one after the other (Gram–Schmidt); a row without a part of its own is 0.
fn orthonormal(mut rows: Array2<f64>) -> Array2<f64> {
    for a in 0..rows.nrows() {
        let mut own = rows.row(a).to_owned();
        for b in 0..a {
            let other = rows.row(b).to_owned();
            let part = own.dot(&other);
            own.scaled_add(-part, &other);
        }
        let norm = own.dot(&own).sqrt();
        let scale = if norm > 1e-12 { 1.0 / norm } else { 0.0 };
        rows.row_mut(a).assign(&(own * scale));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_model_is_recovered_through_noise_and_masks() {
        let (n, l, sigma) = (600, 40, 0.3f64);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let wave =
            |k: f64, j: usize| (k * (j as f64 + 0.5) * std::f64::consts::PI / l as f64).cos();
        let true_ones = Array2::from_shape_fn((2, l), |(a, j)| wave(a as f64 + 1.0, j));
        let coefficients = Array2::from_shape_fn((n, 2), |_| -> f64 { rng.sample(StandardNormal) });
        let clean = coefficients.dot(&true_ones) + 1.0;
        let ivar = Array2::from_shape_fn((n, l), |(i, j)| {
            if (i + j) % 5 == 0 {
                0.0
            } else {
                (1.0 / (sigma * sigma)) as f32
            }
        });
        let flux = Array2::from_shape_fn((n, l), |(i, j)| {
            let noise: f64 = rng.sample(StandardNormal);
            let seen = clean[[i, j]] + sigma * noise;
            // A masked pixel holds anything.
            if ivar[[i, j]] > 0.0 { seen as f32 } else { 1e3 }
        });
        let model = Empca::fit(flux.view(), ivar.view(), 2, 15, 1);
        // All of the true components lies in the span of the found ones.
        let found = &model.components;
        for row in true_ones.rows() {
            let inside = found.dot(&row);
            let part = inside.dot(&inside) / row.dot(&row);
            assert!(part > 0.999, "{part}");
        }
        let (mut square, mut pull) = (0.0, 0.0);
        for i in 0..n {
            let c = model.coefficients(flux.row(i), ivar.row(i), 0).unwrap();
            let error = model.spectrum(&c.values, 0, l) - clean.row(i);
            square += error.dot(&error);
            let draw = model.spectrum(&c.draw(&mut rng), 0, l) - model.spectrum(&c.values, 0, l);
            pull += draw.dot(&draw);
        }
        // Two of 32 unmasked pixels' worth of noise.
        let due = sigma * sigma * 2.0 / 32.0;
        let mean = square / (n * l) as f64;
        assert!((0.9..1.2).contains(&(mean / due)), "{}", mean / due);
        assert!((0.8..1.25).contains(&(pull / square)), "{}", pull / square);
        let nothing = Array1::zeros(l);
        assert!(model.coefficients(flux.row(0), nothing.view(), 0).is_none());
    }
}
