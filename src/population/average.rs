//! Averages along a spectrum.

/// Average with a Gaussian of `width` pixels; beyond the ends nothing is assumed.
pub(super) fn averaged(x: &[f64], width: f64) -> Vec<f64> {
    let reach = (4.0 * width) as usize;
    let kernel: Vec<f64> = (0..=reach)
        .map(|k| (-0.5 * (k as f64 / width).powi(2)).exp())
        .collect();
    (0..x.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(x.len()));
            let (sum, total) = (from..to).fold((0.0, 0.0), |(sum, total), j| {
                let w = kernel[i.abs_diff(j)];
                (sum + w * x[j], total + w)
            });
            sum / total
        })
        .collect()
}
