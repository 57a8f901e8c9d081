//! A galaxy: a disc (Sérsic index 1) and a bulge (index 4), as pixels see them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, StandardNormal};

use crate::config::GalaxiesConfig;

/// Axis ratio of a disc seen edge-on; and the range of a bulge's.
const EDGE_ON: f64 = 0.2;
const ROUND: [f64; 2] = [0.7, 1.0];
/// Range of the bulge's half-light radius over the disc's.
const COMPACT: [f64; 2] = [0.3, 0.7];
/// Range of the flux, uniform in its logarithm.
const FLUX: [f64; 2] = [1.0, 10.0];
/// Mean colours: natural logarithm of the flux from one filter to the next, redder last; their scatter.
const COLOURS: [f64; 2] = [0.1, 0.5];
const COLOUR_SCATTER: f64 = 0.1;
/// Points along a pixel's side where light is taken near the centre, and elsewhere.
const FINE: usize = 7;
const COARSE: usize = 2;
/// Pixels from the centre that are near.
const NEAR: f64 = 5.0;

/// What is drawn of a galaxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Galaxy {
    /// Flux in the middle filter.
    pub flux: f64,
    /// Half-light radius of the disc along its major axis, pixels.
    pub radius: f64,
    /// Part of the light that is in the bulge, in the middle filter.
    pub bulge: f64,
    /// Half-light radius of the bulge over the disc's.
    pub compact: f64,
    /// Axis ratios of disc and bulge.
    pub axis_ratio: [f64; 2],
    /// Of the major axis, from rising column to rising row, radians.
    pub angle: f64,
    /// Of the centre from the middle of the cutout, rows and columns, pixels.
    pub offset: [f64; 2],
    /// Logarithmic slopes of the fluxes of disc and bulge from filter to filter.
    pub colour: [f64; 2],
}

impl Galaxy {
    /// By the laws of `config`: discs have random inclinations.
    pub fn draw(rng: &mut ChaCha8Rng, config: &GalaxiesConfig) -> Self {
        let mut between = |[a, b]: [f64; 2]| a + (b - a) * rng.random::<f64>();
        let cos = between([0.0, 1.0]);
        let disc = (EDGE_ON.powi(2) + (1.0 - EDGE_ON.powi(2)) * cos * cos).sqrt();
        let axis_ratio = [disc, between(ROUND)];
        let flux = between(FLUX.map(f64::ln)).exp();
        let bulge = between([0.0, config.bulge]);
        let compact = between(COMPACT);
        let angle = between([0.0, std::f64::consts::PI]);
        let offset = [between([-0.5, 0.5]), between([-0.5, 0.5])];
        let law = LogNormal::new(config.radius.ln(), config.radius_scatter);
        let radius = law.map_or(config.radius, |l| l.sample(rng));
        let colour = COLOURS.map(|c| c + COLOUR_SCATTER * rng.sample::<f64, _>(StandardNormal));
        Self {
            flux,
            radius,
            bulge,
            compact,
            axis_ratio,
            angle,
            offset,
            colour,
        }
    }

    /// Fluxes of disc and bulge in filter `c` of `filters`.
    fn fluxes(&self, c: usize, filters: usize) -> [f64; 2] {
        let from_middle = c as f64 - (filters as f64 - 1.0) / 2.0;
        let [disc, bulge] = self.colour.map(|slope| (slope * from_middle).exp());
        [
            self.flux * (1.0 - self.bulge) * disc,
            self.flux * self.bulge * bulge,
        ]
    }

    /// Its light in filter `c` of `filters`, integrated over the pixels of a cutout of [H, W], row by row.
    #[must_use]
    pub fn render(&self, c: usize, filters: usize, [height, width]: [usize; 2]) -> Vec<f64> {
        let [disc, bulge] = self.fluxes(c, filters);
        let disc = Sersic::new(1, disc, self.radius, self.axis_ratio[0]);
        let bulge = Sersic::new(4, bulge, self.radius * self.compact, self.axis_ratio[1]);
        let (sin, cos) = self.angle.sin_cos();
        let centre = [
            (height as f64 - 1.0) / 2.0 + self.offset[0],
            (width as f64 - 1.0) / 2.0 + self.offset[1],
        ];
        let at = |y: f64, x: f64| {
            let (along, across) = (x * cos + y * sin, y * cos - x * sin);
            disc.at(along, across) + bulge.at(along, across)
        };
        let pixel = |i: usize| {
            let (y, x) = (
                (i / width) as f64 - centre[0],
                (i % width) as f64 - centre[1],
            );
            let points = if y.hypot(x) < NEAR { FINE } else { COARSE };
            let within = |k: usize| (k as f64 + 0.5) / points as f64 - 0.5;
            let sum: f64 = (0..points * points)
                .map(|k| at(y + within(k / points), x + within(k % points)))
                .sum();
            sum / (points * points) as f64
        };
        (0..height * width).map(pixel).collect()
    }
}

/// I = I_e exp(−b ((r/R_e)^(1/n) − 1)) on ellipses of major axis r (Sérsic 1963).
struct Sersic {
    index: f64,
    central: f64,
    b: f64,
    radius: f64,
    axis_ratio: f64,
}

impl Sersic {
    /// Of integral `flux` = 2π n R_e² q e^b b^(−2n) Γ(2n) I_e; b from Ciotti & Bertin 1999.
    fn new(index: u32, flux: f64, radius: f64, axis_ratio: f64) -> Self {
        let n = f64::from(index);
        let b = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25_515.0 * n * n);
        let gamma: f64 = (1..2 * index).map(f64::from).product();
        let integral =
            std::f64::consts::TAU * n * radius.powi(2) * axis_ratio * gamma / b.powf(2.0 * n);
        Self {
            index: n,
            central: flux / integral,
            b,
            radius,
            axis_ratio,
        }
    }

    fn at(&self, along: f64, across: f64) -> f64 {
        let r = along.hypot(across / self.axis_ratio) / self.radius;
        self.central * (-self.b * r.powf(1.0 / self.index)).exp()
    }
}

/// A Moffat profile of sum 1 in a square of `side` pixels: full width at half maximum `fwhm` and shear
/// (e1, e2).
#[must_use]
pub fn moffat(fwhm: f64, beta: f64, [e1, e2]: [f64; 2], side: usize) -> Vec<f64> {
    let alpha2 = (0.5 * fwhm).powi(2) / (2f64.powf(1.0 / beta) - 1.0);
    let middle = (side / 2) as f64;
    let value = |i: usize| {
        let (y, x) = ((i / side) as f64 - middle, (i % side) as f64 - middle);
        let r2 = (1.0 - e1) * x * x + (1.0 + e1) * y * y - 2.0 * e2 * x * y;
        (1.0 + r2 / alpha2).powf(-beta)
    };
    let all: Vec<f64> = (0..side * side).map(value).collect();
    let sum: f64 = all.iter().sum();
    all.iter().map(|v| v / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn galaxy(bulge: f64) -> Galaxy {
        Galaxy {
            flux: 5.0,
            radius: 3.0,
            bulge,
            compact: 0.5,
            axis_ratio: [0.5, 1.0],
            angle: 0.7,
            offset: [0.2, -0.3],
            colour: [0.0, 0.3],
        }
    }

    #[test]
    fn pixels_hold_the_flux_and_half_of_it_lies_within_the_half_light_ellipse() {
        let disc = galaxy(0.0);
        let image = disc.render(0, 1, [81, 81]);
        assert!((image.iter().sum::<f64>() / 5.0 - 1.0).abs() < 2e-3);
        let (sin, cos) = disc.angle.sin_cos();
        let inside = |i: &usize| {
            let (y, x) = ((i / 81) as f64 - 40.2, (i % 81) as f64 - 39.7);
            let (along, across) = (x * cos + y * sin, y * cos - x * sin);
            along.hypot(across / 0.5) < 3.0
        };
        let half: f64 = (0..81 * 81).filter(inside).map(|i| image[i]).sum();
        assert!((half / 5.0 - 0.5).abs() < 0.03, "{half}");
        // A bulge has wings that leave the cutout.
        let bulge = galaxy(1.0).render(0, 1, [81, 81]).iter().sum::<f64>() / 5.0;
        assert!(bulge > 0.93 && bulge < 1.0, "{bulge}");
    }

    #[test]
    fn colours_change_the_flux_from_filter_to_filter() {
        let sum = |c| galaxy(1.0).render(c, 3, [41, 41]).iter().sum::<f64>();
        assert!((sum(2) / sum(1) - 0.3f64.exp()).abs() < 1e-9);
        assert!((sum(0) / sum(1) - (-0.3f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn a_moffat_falls_to_a_half_at_half_its_width() {
        let p = moffat(4.0, 3.0, [0.0, 0.0], 25);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((p[12 * 25 + 14] / p[12 * 25 + 12] - 0.5).abs() < 1e-12);
        let q = moffat(4.0, 3.0, [0.2, 0.0], 25);
        assert!(q[12 * 25 + 15] > q[15 * 25 + 12]);
    }
}
