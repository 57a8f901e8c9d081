//! Heun's method for the probability-flow ODE dx/dσ = (x − D(x; σ))/σ (Algorithm 1 with σ(t) = t).

use crate::Result;
use crate::config::SamplerConfig;
use tch::Tensor;

/// The noise levels of a sampler (equation 5), falling, and 0 as the last: steps + 1 of them.
#[must_use]
pub fn noise_levels(c: &SamplerConfig) -> Vec<f64> {
    let [high, low] = [c.sigma_max, c.sigma_min].map(|s| s.powf(1.0 / c.rho));
    let last = c.steps.saturating_sub(1).max(1) as f64;
    let level = |i: usize| (high + i as f64 / last * (low - high)).powf(c.rho);
    (0..c.steps).map(level).chain([0.0]).collect()
}

/// Carries `x` [B, D], Gaussian noise of the first of the `levels`, to the last of them.
///
/// `denoise` gives D(x; σ) [B, D], told the number of the evaluation; `tick` is called after every
/// step and may end the whole.
///
/// # Errors
/// Those of `tick`.
pub fn heun(
    x: &Tensor,
    levels: &[f64],
    denoise: &dyn Fn(&Tensor, f64, u64) -> Tensor,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Tensor> {
    let mut x = x.shallow_clone();
    for (i, pair) in levels.windows(2).enumerate() {
        x = heun_step(&x, [pair[0], pair[1]], 2 * i as u64, denoise);
        tick()?;
    }
    Ok(x)
}

/// One step between two `levels`; `phase` is the number of its first evaluation.
pub fn heun_step(
    x: &Tensor,
    levels: [f64; 2],
    phase: u64,
    denoise: &dyn Fn(&Tensor, f64, u64) -> Tensor,
) -> Tensor {
    let [now, next] = levels;
    let slope = |x: &Tensor, sigma: f64, phase: u64| (x - denoise(x, sigma, phase)) / sigma;
    let first = slope(x, now, phase);
    let euler = x + &first * (next - now);
    // The slope has no value at σ = 0: the last step is Euler's.
    if next > 0.0 {
        x + (first + slope(&euler, next, phase + 1)) * (0.5 * (next - now))
    } else {
        euler
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Purpose, Rows};
    use tch::{Device, Kind};

    fn config(steps: usize) -> SamplerConfig {
        SamplerConfig {
            steps,
            ..SamplerConfig::default()
        }
    }

    #[test]
    fn a_single_step_goes_from_the_largest_noise_level_to_none() {
        assert!((noise_levels(&config(1))[0] - 80.0).abs() < 1e-9);
    }

    #[test]
    fn noise_levels_fall_from_the_largest_to_the_smallest_and_then_to_none() {
        let levels = noise_levels(&config(18));
        assert_eq!((levels.len(), levels[18]), (19, 0.0));
        assert!((levels[0] - 80.0).abs() < 1e-9 && (levels[17] - 0.002).abs() < 1e-9);
        assert!(levels.windows(2).all(|p| p[0] > p[1]));
    }

    /// For data N(m, diag v) the ideal denoiser is m + v/(v + σ²)(x − m), and the flow takes
    /// x = m + √(v + σ²) z to m + √v z.
    fn ideal(x: &Tensor, sigma: f64) -> Tensor {
        let (m, v) = (mean(), variance());
        &m + (x - &m) * (&v / (&v + sigma * sigma))
    }

    fn mean() -> Tensor {
        Tensor::from_slice(&[1.0, -2.0, 0.0]).to_kind(Kind::Float)
    }

    fn variance() -> Tensor {
        Tensor::from_slice(&[0.25, 4.0, 0.0009]).to_kind(Kind::Float)
    }

    fn draw(x: &Tensor, steps: usize) -> Tensor {
        let levels = noise_levels(&config(steps));
        heun(x, &levels, &|x, s, _| ideal(x, s), &mut || Ok(())).unwrap()
    }

    #[test]
    fn gaussian_data_come_back_with_their_mean_and_covariance() {
        let n = 20_000;
        let noise = Rows::range(1, Purpose::Generate, 0, n, Device::Cpu).normal(0, 3) * 80.0;
        let x = draw(&noise, 256);
        let m = x.mean_dim([0i64].as_slice(), false, Kind::Float);
        let c = (&x - &m).transpose(0, 1).matmul(&(&x - &m)) / n as f64;
        let sigma = variance().sqrt();
        // In units of each component's scatter; 1/√n is 0.007.
        let bias = ((m - mean()) / &sigma).abs().max().double_value(&[]);
        let correlation = c / sigma.outer(&sigma);
        let off = (correlation - Tensor::eye(3, (Kind::Float, Device::Cpu)))
            .abs()
            .max();
        assert!(bias < 0.04, "{bias}");
        assert!(off.double_value(&[]) < 0.04, "{off}");
    }

    #[test]
    fn the_error_falls_with_the_square_of_the_step() {
        let z = Rows::range(2, Purpose::Generate, 0, 200, Device::Cpu).normal(0, 3);
        let start = mean() + (variance() + 6400.0).sqrt() * &z;
        let exact = mean() + variance().sqrt() * &z;
        let error = |steps| {
            let e = (draw(&start, steps) - &exact).square().mean(Kind::Double);
            e.double_value(&[]).sqrt()
        };
        let (coarse, fine) = (error(20), error(40));
        println!("error at 20 steps {coarse:.2e}, at 40 steps {fine:.2e}");
        assert!(coarse / fine > 3.0, "{coarse} {fine}");
    }
}
