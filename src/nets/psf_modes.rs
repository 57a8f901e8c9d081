//! A point-spread function as a few numbers: its Fourier modulus on rings of modes.

use tch::{Device, Kind, Tensor};

/// Cycles per pixel of the rings: from what every PSF passes to what most erase.
const RINGS: [f64; 4] = [0.06, 0.12, 0.2, 0.3];
/// Directions on each ring over half a turn: the modulus is the same in the other half.
const DIRECTIONS: usize = 4;
/// Numbers for each PSF.
const MODES: usize = RINGS.len() * DIRECTIONS;

/// Turns PSFs of one side into numbers about 0.
#[derive(Debug)]
pub(super) struct PsfModes {
    /// Cosines and sines at the pixels, [P², MODES].
    waves: [Tensor; 2],
    pixels: i64,
    channels: usize,
}

impl PsfModes {
    /// For PSFs of `channels` channels and `side` pixels along a side.
    pub fn new(channels: usize, side: usize, device: Device) -> Self {
        let half = (side / 2) as f64;
        let phase = |pixel: usize, mode: usize| {
            let (y, x) = ((pixel / side) as f64 - half, (pixel % side) as f64 - half);
            let angle = std::f64::consts::PI * (mode % DIRECTIONS) as f64 / DIRECTIONS as f64;
            let along = x * angle.cos() + y * angle.sin();
            std::f64::consts::TAU * RINGS[mode / DIRECTIONS] * along
        };
        let wave = |f: fn(f64) -> f64| {
            let each = (0..side * side * MODES).map(|i| f(phase(i / MODES, i % MODES)) as f32);
            let each: Vec<f32> = each.collect();
            Tensor::from_slice(&each)
                .view([(side * side) as i64, MODES as i64])
                .to_device(device)
        };
        Self {
            waves: [wave(f64::cos), wave(f64::sin)],
            pixels: (side * side) as i64,
            channels,
        }
    }

    /// How many numbers there are for each image.
    pub fn numbers(&self) -> i64 {
        (self.channels * MODES) as i64
    }

    /// [B, C · P · P] → [B, C · MODES].
    pub fn of(&self, psf: &Tensor) -> Tensor {
        let each = psf.view([-1, self.pixels]);
        let [real, imaginary] = [0, 1].map(|k| each.matmul(&self.waves[k]).square());
        let modulus: Tensor = (real + imaginary).sqrt() * 4.0 - 2.0;
        modulus.to_kind(Kind::Float).view([-1, self.numbers()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modulus_of_a_gaussian_is_a_gaussian_and_a_shift_leaves_it() {
        let (side, sigma) = (31usize, 1.7f64);
        let gaussian = |dx: f64| {
            let value = |i: usize| {
                let (y, x) = ((i / side) as f64 - 15.0, (i % side) as f64 - 15.0 - dx);
                (-0.5 * (x * x + y * y) / (sigma * sigma)).exp()
                    / (std::f64::consts::TAU * sigma * sigma)
            };
            (0..side * side)
                .map(|i| value(i) as f32)
                .collect::<Vec<_>>()
        };
        let modes = PsfModes::new(2, side, Device::Cpu);
        let both = [gaussian(0.0), gaussian(2.0)].concat();
        let found = modes.of(&Tensor::from_slice(&both).view([1, -1]));
        let found = Vec::<f32>::try_from(found.view([-1])).unwrap();
        assert_eq!(found.len(), 32);
        for (k, value) in found.iter().enumerate() {
            let cycles = RINGS[k % 16 / DIRECTIONS];
            let expected = (-0.5 * (std::f64::consts::TAU * cycles * sigma).powi(2)).exp();
            assert!(
                (f64::from(*value + 2.0) / 4.0 - expected).abs() < 1e-5,
                "{k}: {value}"
            );
        }
    }
}
