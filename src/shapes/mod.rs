//! Flux, half-light radius and ellipticity of the galaxy in the middle of an image, and their measurement
//! on restorations.
//!
//! Everything is measured within the largest circle about the centre of light that the image holds.

mod draws;

pub use draws::{Measured, ShapeTable, over_draws};

/// What is measured, in the order of [`measure`]: names of the columns of values and of errors.
pub const QUANTITIES: [(&str, &str); 4] = [
    ("FLUX", "FLUX_ERR"),
    ("RADIUS", "RADIUS_ERR"),
    ("E1", "E1_ERR"),
    ("E2", "E2_ERR"),
];

/// Iterations of the centre of light.
const CENTRING: usize = 8;
/// Width of the Gaussian weight that it is found with, over the shorter side of the image.
const CENTRE_WEIGHT: f64 = 0.12;
/// Width of the Gaussian weight of the second moments, in half-light radii; and the least, pixels.
const WEIGHT: f64 = 1.5;
const LEAST_WEIGHT: f64 = 1.5;
/// Steps of the growth curve, pixels.
const STEP: f64 = 0.05;

/// Flux, half-light radius, and both components of the ellipticity of `plane` [H, W], row by row: x along
/// rising columns, y along rising rows. NaN where there is no light to measure them on.
///
/// The centre is that of the light under a round Gaussian weight about itself. A pixel belongs to a circle of
/// radius r about it by clamp(r + ½ − distance, 0, 1). The moments are weighted by a round Gaussian of
/// 1.5 half-light radii.
#[must_use]
pub fn measure(plane: &[f32], [height, width]: [usize; 2]) -> [f64; 4] {
    let nothing = [f64::NAN; 4];
    if plane.len() != height * width || plane.iter().any(|v| !v.is_finite()) {
        return nothing;
    }
    let light = |i: usize| f64::from(plane[i]);
    let (y0, x0) = centre(&light, [height, width]);
    let from = |i: usize| ((i / width) as f64 - y0, (i % width) as f64 - x0);
    let most = y0
        .min(x0)
        .min(height as f64 - 1.0 - y0)
        .min(width as f64 - 1.0 - x0);
    // Pixels by their distance: the growth curve sums each once.
    let mut pixels: Vec<(f64, f64)> = (0..plane.len())
        .map(|i| {
            let (y, x) = from(i);
            (y.hypot(x), light(i))
        })
        .filter(|(r, _)| *r < most + 0.5)
        .collect();
    pixels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let within = |r: f64| -> f64 {
        let inside = pixels.iter().take_while(|(d, _)| *d < r + 0.5);
        inside.map(|(d, v)| v * (r + 0.5 - d).clamp(0.0, 1.0)).sum()
    };
    let flux = within(most);
    if !is_light(flux) {
        return nothing;
    }
    let radius = half(&within, flux, most);
    let sigma = (WEIGHT * radius).max(LEAST_WEIGHT);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for i in 0..plane.len() {
        let (y, x) = from(i);
        let weighted = light(i) * (-0.5 * (x * x + y * y) / (sigma * sigma)).exp();
        xx += weighted * x * x;
        yy += weighted * y * y;
        xy += weighted * x * y;
    }
    let trace = xx + yy;
    if !is_light(trace) || !radius.is_finite() {
        return [flux, radius, f64::NAN, f64::NAN];
    }
    [flux, radius, (xx - yy) / trace, 2.0 * xy / trace]
}

fn is_light(sum: f64) -> bool {
    sum.is_finite() && sum > 0.0
}

/// The first radius with half of the flux.
fn half(within: &dyn Fn(f64) -> f64, flux: f64, most: f64) -> f64 {
    let (mut before, mut r) = (within(0.0), 0.0);
    while r < most {
        let next = within(r + STEP);
        if next >= 0.5 * flux {
            let part = if next > before {
                ((0.5 * flux - before) / (next - before)).clamp(0.0, 1.0)
            } else {
                1.0
            };
            return r + STEP * part;
        }
        (before, r) = (next, r + STEP);
    }
    f64::NAN
}

fn centre(light: &dyn Fn(usize) -> f64, [height, width]: [usize; 2]) -> (f64, f64) {
    let middle = ((height as f64 - 1.0) / 2.0, (width as f64 - 1.0) / 2.0);
    let shorter = height.min(width) as f64;
    let (sigma, limit) = (CENTRE_WEIGHT * shorter, shorter / 4.0);
    let mut at = middle;
    for _ in 0..CENTRING {
        let (mut sum, mut y, mut x) = (0.0, 0.0, 0.0);
        for i in 0..height * width {
            let (dy, dx) = ((i / width) as f64 - at.0, (i % width) as f64 - at.1);
            let weighted = light(i) * (-0.5 * (dy * dy + dx * dx) / (sigma * sigma)).exp();
            sum += weighted;
            y += weighted * dy;
            x += weighted * dx;
        }
        if !is_light(sum) {
            return middle;
        }
        // The weight halves the step of a light as wide as itself.
        let next = (at.0 + 1.5 * y / sum, at.1 + 1.5 * x / sum);
        if (next.0 - middle.0).hypot(next.1 - middle.1) > limit {
            return middle;
        }
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::measure;

    /// An elliptical Gaussian of flux 7 in 41 × 41 pixels.
    fn gaussian(sigma: [f64; 2], angle: f64, at: [f64; 2]) -> Vec<f32> {
        let (sin, cos) = f64::sin_cos(angle);
        let value = |i: usize| {
            let (y, x) = ((i / 41) as f64 - at[0], (i % 41) as f64 - at[1]);
            let (along, across) = (x * cos + y * sin, y * cos - x * sin);
            let r2 = (along / sigma[0]).powi(2) + (across / sigma[1]).powi(2);
            7.0 * (-0.5 * r2).exp() / (std::f64::consts::TAU * sigma[0] * sigma[1])
        };
        (0..41 * 41).map(|i| value(i) as f32).collect()
    }

    #[test]
    fn a_round_gaussian_has_its_flux_and_half_light_radius_and_no_ellipticity() {
        let found = measure(&gaussian([3.0; 2], 0.0, [20.4, 19.7]), [41, 41]);
        assert!((found[0] / 7.0 - 1.0).abs() < 1e-3);
        assert!(
            (found[1] - 3.0 * (2.0 * 2f64.ln()).sqrt()).abs() < 0.05,
            "{found:?}"
        );
        assert!(found[2].abs() < 1e-3 && found[3].abs() < 1e-3);
    }

    #[test]
    fn weighted_moments_of_an_elliptical_gaussian_have_a_closed_form() {
        for angle in [0.0, 0.4, 1.1] {
            let found = measure(&gaussian([4.0, 2.0], angle, [20.0, 20.0]), [41, 41]);
            // Under a weight of width w a variance v becomes v w²/(v + w²).
            let w2 = (1.5 * found[1]).powi(2);
            let [a, b] = [16.0, 4.0].map(|v| v * w2 / (v + w2));
            let e = (a - b) / (a + b);
            let expected = [e * f64::cos(2.0 * angle), e * f64::sin(2.0 * angle)];
            for k in 0..2 {
                assert!(
                    (found[2 + k] - expected[k]).abs() < 5e-3,
                    "{found:?} {expected:?}"
                );
            }
        }
    }

    #[test]
    fn what_has_no_light_has_no_shape() {
        assert!(measure(&[0.0; 100], [10, 10]).iter().all(|v| v.is_nan()));
        assert!(measure(&[-1.0; 100], [10, 10]).iter().all(|v| v.is_nan()));
        assert!(measure(&[f32::NAN; 100], [10, 10])[0].is_nan());
    }
}
