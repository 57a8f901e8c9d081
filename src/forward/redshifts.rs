//! Redshifts as the network is told of them, and levels.

use tch::Tensor;

/// Levels `norm` as the latent holds them, [n, 1].
pub fn levels(norm: &[f64]) -> Tensor {
    let values: Vec<f32> = norm.iter().map(|n| *n as f32).collect();
    Tensor::from_slice(&values).view([-1, 1])
}

/// ln(1 + z) of redshifts `z` as the latent holds it, [n, 1]; NaN where there is none above −1.
pub fn redshifts(z: &[f64]) -> Tensor {
    let known = |z: &f64| if *z > -1.0 { z.ln_1p() } else { f64::NAN };
    let values: Vec<f32> = z.iter().map(|z| known(z) as f32).collect();
    Tensor::from_slice(&values).view([-1, 1])
}

/// Standard deviations of ln(1 + z) of redshifts `z` with those of `errors`, [n, 1]; NaN where unknown.
pub fn redshift_errors(z: &[f64], errors: &[f64]) -> Tensor {
    let known = |(z, e): (&f64, &f64)| match *z > -1.0 {
        true => e / (1.0 + z),
        false => f64::NAN,
    };
    let values: Vec<f32> = z.iter().zip(errors).map(|p| known(p) as f32).collect();
    Tensor::from_slice(&values).view([-1, 1])
}
