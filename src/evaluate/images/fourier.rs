//! Filters of images in Fourier space.
//!
//! A plane [H, W] is first continued beyond its edges by its mirror image, to [2H, 2W]: there it is
//! periodic without a jump, so that no edge comes back at the opposite one. For kernels that are
//! symmetric in both axes this is the cosine transform, and exact for a blur that mirrors.

use ndarray::Array2;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// Transforms of mirrored planes of one size. Modes lie column by column of the plane, 4 H W.
pub struct Mirrored {
    height: usize,
    width: usize,
    /// Along rows and columns: there, and back.
    there: [Arc<dyn Fft<f64>>; 2],
    back: [Arc<dyn Fft<f64>>; 2],
}

impl Mirrored {
    /// Plans the transforms of images [`height`, `width`].
    #[must_use]
    pub fn new(height: usize, width: usize) -> Self {
        let mut planner = FftPlanner::new();
        let sizes = [2 * width, 2 * height];
        Self {
            height,
            width,
            there: sizes.map(|n| planner.plan_fft_forward(n)),
            back: sizes.map(|n| planner.plan_fft_inverse(n)),
        }
    }

    /// How many modes there are.
    #[must_use]
    pub fn modes(&self) -> usize {
        4 * self.height * self.width
    }

    /// The plane [H, W] continued to [2H, 2W].
    #[must_use]
    pub fn mirror(&self, plane: impl Fn(usize) -> f64) -> Vec<f64> {
        let (h, w) = (self.height, self.width);
        let fold = |i: usize, n: usize| if i < n { i } else { 2 * n - 1 - i };
        (0..self.modes())
            .map(|k| plane(fold(k / (2 * w), h) * w + fold(k % (2 * w), w)))
            .collect()
    }

    /// The plane [H, W] out of [2H, 2W].
    pub fn crop<'a>(&'a self, whole: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let w = self.width;
        let rows = whole.chunks_exact(2 * w).take(self.height);
        rows.flat_map(move |row| row[..w].iter().copied())
    }

    /// Modes of a mirrored plane.
    #[must_use]
    pub fn transform(&self, whole: &[f64]) -> Vec<Complex<f64>> {
        let mut rows: Vec<Complex<f64>> = whole.iter().map(|v| Complex::new(*v, 0.0)).collect();
        self.there[0].process(&mut rows);
        let mut columns = transpose(&rows, 2 * self.width);
        self.there[1].process(&mut columns);
        columns
    }

    /// The mirrored plane [2H, 2W] of these modes.
    #[must_use]
    pub fn restore(&self, mut modes: Vec<Complex<f64>>) -> Vec<f64> {
        self.back[1].process(&mut modes);
        let mut rows = transpose(&modes, 2 * self.height);
        self.back[0].process(&mut rows);
        let scale = 1.0 / self.modes() as f64;
        rows.iter().map(|v| v.re * scale).collect()
    }

    /// A mirrored plane with every mode multiplied by a real factor.
    #[must_use]
    pub fn filter(&self, whole: &[f64], factor: &[f64]) -> Vec<f64> {
        let mut modes = self.transform(whole);
        modes.iter_mut().zip(factor).for_each(|(m, f)| *m *= f);
        self.restore(modes)
    }

    /// Factor of each mode under convolution with a kernel of odd size that is symmetric about its
    /// centre, so that the factors are real.
    #[must_use]
    pub fn transfer(&self, kernel: &Array2<f64>) -> Vec<f64> {
        let (h, w) = (2 * self.height, 2 * self.width);
        let mut plane = vec![0.0; h * w];
        let place = |i: usize, size: usize, n: usize| (i + n * size - size / 2) % n;
        for ((i, j), k) in kernel.indexed_iter() {
            plane[place(i, kernel.nrows(), h) * w + place(j, kernel.ncols(), w)] += k;
        }
        self.transform(&plane).iter().map(|m| m.re).collect()
    }

    /// Factor of each mode under Gaussian smoothing of `sigma` pixels.
    #[must_use]
    pub fn gaussian(&self, sigma: f64) -> Vec<f64> {
        let wave = |k: usize, n: usize| {
            let cycles = k.min(n - k) as f64 / n as f64;
            (std::f64::consts::TAU * cycles * sigma).powi(2)
        };
        let (h, w) = (2 * self.height, 2 * self.width);
        (0..self.modes())
            .map(|k| (-0.5 * (wave(k / h, w) + wave(k % h, h))).exp())
            .collect()
    }

    /// Expected |mode|² of white noise of variance 1 in the plane: its mirror image is the same noise
    /// again, so that constant rows or columns have double power, and the shortest wave has none.
    #[must_use]
    pub fn white(&self) -> Vec<f64> {
        let share = |k: usize, n: usize| match k {
            0 => 2.0,
            k if 2 * k == n => 0.0,
            _ => 1.0,
        };
        let (h, w) = (2 * self.height, 2 * self.width);
        (0..self.modes())
            .map(|k| self.modes() as f64 * share(k / h, w) * share(k % h, h))
            .collect()
    }
}

fn transpose(x: &[Complex<f64>], width: usize) -> Vec<Complex<f64>> {
    let height = x.len() / width;
    (0..x.len())
        .map(|k| x[(k % height) * width + k / height])
        .collect()
}
