//! Power in bands of wavenumber and scatter at the edges: where a network's own errors show first.

use crate::data::Layout;
use tch::{Device, Kind, Tensor};

/// Bands of wavenumber.
const BANDS: i64 = 16;
/// Pixels at either end of a spectrum that count as edge.
const EDGE: i64 = 16;

/// How rows [N, D] of a layout are looked at.
#[derive(Debug)]
pub(super) enum Bands {
    Spectra,
    Images {
        /// C, H, W.
        shape: [i64; 3],
        /// Mean over the modes of each ring of wavenumbers, [H · W, bands].
        rings: Tensor,
        /// Pixels of the outermost frame, int64.
        frame: Tensor,
    },
}

impl Bands {
    pub fn new(layout: &Layout, device: Device) -> Self {
        let Layout::Images(image) = layout else {
            return Self::Spectra;
        };
        let (c, h, w) = (image.channels, image.height, image.width);
        let frame: Vec<i64> = (0..c * h * w)
            .filter(|i| {
                let (row, column) = (i / w % h, i % w);
                row == 0 || row == h - 1 || column == 0 || column == w - 1
            })
            .map(|i| i as i64)
            .collect();
        Self::Images {
            shape: [c as i64, h as i64, w as i64],
            rings: rings(h, w).to_device(device),
            frame: Tensor::from_slice(&frame).to_device(device),
        }
    }

    /// Power of the mean-subtracted rows of `x` [N, D] per band, from long to short wavelength.
    pub fn power(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Spectra => {
                let modes = squared(&centred(x).fft_rfft(None, -1, "ortho"));
                let count = modes.size()[1] - 1;
                let width = count / BANDS.min(count);
                let bands = count / width;
                modes
                    .narrow(1, 1, bands * width)
                    .reshape([x.size()[0], bands, width])
                    .mean_dim([-1i64].as_slice(), false, Kind::Float)
            }
            Self::Images { shape, rings, .. } => {
                let [c, h, w] = *shape;
                let modes = centred(&x.view([-1, c, h * w]))
                    .view([-1, c, h, w])
                    .fft_fft2(None::<i64>, [-2i64, -1].as_slice(), "ortho");
                squared(&modes)
                    .mean_dim([1i64].as_slice(), false, Kind::Float)
                    .view([-1, h * w])
                    .matmul(rings)
            }
        }
        .clamp_min(1e-20)
    }

    /// The outermost pixels of the rows of `x` [N, D].
    pub fn edge(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Spectra => {
                let d = x.size()[1];
                let edge = EDGE.min(d / 2);
                Tensor::cat(&[x.narrow(1, 0, edge), x.narrow(1, d - edge, edge)], 1)
            }
            Self::Images { frame, .. } => x.index_select(1, frame),
        }
    }
}

/// |z|² of complex numbers. Their absolute value is a kernel that libtorch compiles on a GPU when it is first
/// asked for, with a library that may not be there.
fn squared(z: &Tensor) -> Tensor {
    let parts = z.view_as_real().square();
    parts.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}

fn centred(x: &Tensor) -> Tensor {
    x - x.mean_dim([-1i64].as_slice(), true, Kind::Float)
}

/// Rings of equal width in wavenumber up to the highest; the constant mode is in none.
fn rings(h: usize, w: usize) -> Tensor {
    let frequency = |i: usize, n: usize| i.min(n - i) as f64 / n as f64;
    let radius: Vec<f64> = (0..h * w)
        .map(|i| frequency(i / w, h).hypot(frequency(i % w, w)))
        .collect();
    let largest = radius.iter().copied().fold(0.0, f64::max);
    let bands = (BANDS as usize).min(h.max(w) / 2);
    let ring = |r: f64| ((r / largest * bands as f64) as usize).min(bands - 1);
    let mut count = vec![0f32; bands];
    radius[1..].iter().for_each(|r| count[ring(*r)] += 1.0);
    // A ring without a mode would have no power to compare.
    let used: Vec<usize> = (0..bands).filter(|b| count[*b] > 0.0).collect();
    let mut matrix = vec![0f32; h * w * used.len()];
    for (i, r) in radius.iter().enumerate().skip(1) {
        if let Some(b) = used.iter().position(|b| *b == ring(*r)) {
            matrix[i * used.len() + b] = 1.0 / count[used[b]];
        }
    }
    Tensor::from_slice(&matrix).view([(h * w) as i64, used.len() as i64])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Purpose, Rows};
    use crate::data::{ImageLayout, PixelScale};

    fn images(channels: usize, height: usize, width: usize) -> Bands {
        let layout = Layout::Images(ImageLayout {
            channels,
            height,
            width,
            scale: PixelScale {
                softening: None,
                mean: vec![0.0; channels],
                std: vec![1.0; channels],
            },
            vector: 0,
            planes: 0,
            psf: 0,
        });
        Bands::new(&layout, Device::Cpu)
    }

    #[test]
    fn white_images_have_the_same_power_in_every_ring() {
        for (c, h, w) in [(1, 8, 8), (3, 16, 12)] {
            let n = (c * h * w) as i64;
            let x = Rows::range(1, Purpose::Validation, 0, 4000, Device::Cpu).normal(0, n);
            let power = images(c, h, w)
                .power(&x)
                .mean_dim([0i64].as_slice(), false, Kind::Float);
            let off = (power - 1.0).abs().max().double_value(&[]);
            assert!(off < 0.05, "{off}");
        }
    }

    #[test]
    fn a_wave_is_in_the_ring_of_its_wavenumber() {
        let wave: Vec<f32> = (0..256)
            .map(|i| (std::f64::consts::TAU * 3.0 * (i % 16) as f64 / 16.0).cos() as f32)
            .collect();
        let power = images(1, 16, 16).power(&Tensor::from_slice(&wave).view([1, 256]));
        // 3/16 of the highest wavenumber √½, in 8 rings.
        let ring = (3.0 / 16.0 / 0.5f64.sqrt() * 8.0) as i64;
        assert_eq!(power.argmax(1, false).int64_value(&[0]), ring);
    }

    #[test]
    fn the_frame_of_an_image_is_its_edge() {
        let x = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([1, 12]);
        let edge: Vec<f32> = images(1, 3, 4).edge(&x).view([-1]).try_into().unwrap();
        assert_eq!(edge, [0., 1., 2., 3., 4., 7., 8., 9., 10., 11.]);
    }
}
