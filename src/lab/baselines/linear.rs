//! The linear channels y = A x + n, n Gaussian, as differentiable functions of tensors.
//!
//! selfsi runs F and needs nothing of this. The baselines that it is compared with do: they ask for
//! A, its transpose, and the covariance of the noise.

use crate::config::{
    ForwardConfig, LatentUse, LevelFrom, NoiseFrom, NoiseStage, PsfFrom, SkyStage, SmoothingFrom,
    StageConfig, StageUnits,
};
use crate::data::{ImageLayout, Layout, LogGrid};
use crate::forward::blur::Blur;
use crate::forward::detector::{self, Kernel};
use crate::forward::lever::Lever;
use crate::forward::possible_correlation;
use crate::forward::psf;
use crate::forward::sky_lines;
use crate::forward::smooth::{recorded_widths, resolved};
use crate::forward::{Latent, Smoothing, motion, rays};
use tch::{Device, Kind, Tensor, with_grad};

/// Least standard deviation of the noise, normalised: without any, the systems that are solved with
/// the noise's covariance would be singular.
const LEAST_NOISE: f64 = 1e-3;

/// A linear channel: its parts, one after the other. Masked pixels are lost at the end.
#[derive(Debug)]
pub struct Linear {
    parts: Vec<Part>,
    /// C, H, W of images.
    shape: Option<[i64; 3]>,
    ignored: Vec<String>,
}

#[derive(Debug)]
enum Part {
    /// Each spectrum's own line-spread function.
    Lsf(Smoothing),
    /// Each spectrum's own resolution matrix.
    Matrix,
    /// What is left of each spectrum's own sky.
    Sky(SkyStage, Lever),
    /// One width for all, σ in pixels.
    Smooth(Smoothing, f64),
    Blur(Blur),
    /// A line of this length; its direction is in this column of the latents' numbers.
    Motion(usize, i64),
    /// Each image's own PSF, of this many pixels along a side.
    Psf(i64),
    /// Squares of so many pixels along a side hold their means.
    Undersample(i64),
    /// A plane of random level and slopes: shapes [T, D], each times a normal.
    Plane(Tensor),
    /// The measured modes are the latents' plane of this number.
    Rays(i64),
    /// Noise of this standard deviation or of the recorded ones, one number for squares of so many pixels
    /// along a side, correlated by a kernel.
    Noise(Option<f64>, i64, Option<Kernel>),
    /// Noise of which pixel i and pixel i + 1 are correlated by ρ [1, D − 1], of this standard deviation
    /// or of the recorded ones.
    Correlated(Tensor, Option<f64>),
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Linear {}

impl Linear {
    /// The channel of a config, or, in words, why it is not linear with Gaussian noise and known A.
    ///
    /// # Errors
    /// A clause that continues "…, because".
    pub fn new(
        config: &ForwardConfig,
        layout: &Layout,
        device: Device,
    ) -> std::result::Result<Self, String> {
        let mut ignored = Vec::new();
        let parts = match (config, layout) {
            (ForwardConfig::Gaussian { sigma }, Layout::Images(_)) => {
                vec![Part::Noise(Some(*sigma), 1, None)]
            }
            (ForwardConfig::Gaussian { sigma }, Layout::Spectra { noise_rho, .. }) => {
                vec![Part::correlated(noise_rho, Some(*sigma), device)]
            }
            (ForwardConfig::Stages { stages, units }, Layout::Images(image)) => {
                if image.scale.softening.is_some() {
                    return Err("the pixel values are stretched".to_owned());
                }
                // Of a level in the file's units, as normalised values have it.
                let unit = match units {
                    Some(StageUnits::File) => image.scale.slope(0.0, 0),
                    _ => 1.0,
                };
                image_parts(stages, image, unit, device)?
            }
            (
                ForwardConfig::Quasar {
                    tilt,
                    smoothing,
                    noise,
                },
                Layout::Spectra { grid, noise_rho },
            ) => {
                let mut spectra = Spectra::new(grid, noise_rho, &mut ignored, device);
                spectra.tilt(*tilt);
                let level = match noise {
                    NoiseFrom::Ivar => LevelFrom::Ivar,
                    NoiseFrom::Snr { .. } => LevelFrom::Snr,
                };
                vec![
                    spectra.smooth(smoothing),
                    spectra.noise(&NoiseStage::from(level))?,
                ]
            }
            (ForwardConfig::Stages { stages, .. }, Layout::Spectra { grid, noise_rho }) => {
                Spectra::new(grid, noise_rho, &mut ignored, device).parts(stages)?
            }
            (ForwardConfig::Command { .. }, _) => {
                return Err("the channel is a program, which has no gradient".to_owned());
            }
            (ForwardConfig::Quasar { .. }, _) => {
                return Err("the channel does not take such data".to_owned());
            }
        };
        let shape = match layout {
            Layout::Images(i) => Some([i.channels, i.height, i.width].map(|n| n as i64)),
            Layout::Spectra { .. } => None,
        };
        Ok(Self {
            parts,
            shape,
            ignored,
        })
    }

    /// What of the true channel is left out of this one, in words.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// A x of `x` [B, D], 0 where masked.
    pub fn apply(&self, x: &Tensor, latent: &Latent) -> Tensor {
        self.from(0, x, latent) * &latent.good
    }

    /// Aᵀ r of `r` [B, D].
    pub fn transpose(&self, r: &Tensor, latent: &Latent) -> Tensor {
        self.back(0, &(r * &latent.good), latent)
    }

    /// Σ v of `v` [B, D], Σ the covariance of the noise over the pixels that are not masked. Noise is
    /// carried through the parts behind it.
    pub fn covariance(&self, v: &Tensor, latent: &Latent) -> Tensor {
        let v = v * &latent.good;
        let mut sum = &v * LEAST_NOISE.powi(2);
        for (k, part) in self.parts.iter().enumerate() {
            if part.is_noise() {
                let behind = k + 1;
                let seen = part.covariance(&self.back(behind, &v, latent), self.shape, latent);
                sum += self.from(behind, &seen, latent);
            }
        }
        sum * &latent.good
    }

    /// Variance of the noise of each pixel, roughly: as if nothing came behind it. [B or 1, D or 1],
    /// positive.
    pub fn variance(&self, latent: &Latent) -> Tensor {
        let floor = Tensor::full(
            [1, 1],
            LEAST_NOISE.powi(2),
            (Kind::Float, latent.good.device()),
        );
        self.parts.iter().fold(floor, |sum, part| match part {
            Part::Noise(Some(sigma), ..) => sum + sigma * sigma,
            Part::Noise(None, ..) => sum + latent.sigma.square(),
            Part::Correlated(_, Some(sigma)) => sum + sigma * sigma,
            Part::Correlated(_, None) => sum + latent.sigma.square(),
            _ => sum,
        })
    }

    fn from(&self, first: usize, x: &Tensor, latent: &Latent) -> Tensor {
        let mut x = x.shallow_clone();
        for part in &self.parts[first..] {
            x = part.apply(&x, self.shape, latent);
        }
        x
    }

    /// The transpose of [`Self::from`]: the gradient of r · A x, since that is linear in x.
    fn back(&self, first: usize, r: &Tensor, latent: &Latent) -> Tensor {
        if self.parts[first..].iter().all(Part::is_noise) {
            return r.shallow_clone();
        }
        with_grad(|| {
            let x = r.zeros_like().set_requires_grad(true);
            let product = (self.from(first, &x, latent) * r.detach()).sum(Kind::Float);
            Tensor::run_backward(&[product], &[x], false, false).remove(0)
        })
    }
}

/// The parts of a channel of spectra.
struct Spectra<'a> {
    grid: &'a LogGrid,
    noise_rho: &'a [f32],
    /// What is left out, in words.
    ignored: &'a mut Vec<String>,
    device: Device,
}

impl<'a> Spectra<'a> {
    fn new(
        grid: &'a LogGrid,
        noise_rho: &'a [f32],
        ignored: &'a mut Vec<String>,
        device: Device,
    ) -> Self {
        Self {
            grid,
            noise_rho,
            ignored,
            device,
        }
    }

    fn parts(&mut self, stages: &[StageConfig]) -> std::result::Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        for stage in stages {
            match stage {
                StageConfig::Tilt { amplitude } => self.tilt(*amplitude),
                StageConfig::Throughput { amplitude, .. } => self.ignored.push(format!(
                    "the error of the throughput ({amplitude}) is ignored"
                )),
                StageConfig::Redshift { error } => self.ignored.push(format!(
                    "the error of the redshift ({error} km/s) is ignored"
                )),
                StageConfig::Smooth(from) => parts.push(self.smooth(from)),
                StageConfig::Noise(noise) => parts.push(self.noise(noise)?),
                StageConfig::Sky(sky) => {
                    parts.push(Part::Sky(sky.clone(), Lever::new(self.grid, self.device)));
                }
                StageConfig::Mask(_) => {}
                StageConfig::Saturate { flagged: true, .. } => self
                    .ignored
                    .push("saturated pixels are taken as lost at random".to_owned()),
                StageConfig::Saturate { .. } => {
                    return Err("saturation is not linear".to_owned());
                }
                images => return Err(format!("`{}` is for images", images.kind())),
            }
        }
        Ok(parts)
    }

    fn tilt(&mut self, amplitude: f64) {
        if amplitude > 0.0 {
            self.ignored.push(format!(
                "the flux-calibration tilt (±{amplitude}) is ignored"
            ));
        }
    }

    fn smooth(&mut self, from: &SmoothingFrom) -> Part {
        let smooth = Smoothing::new(self.grid.pixels, self.device);
        match from {
            SmoothingFrom::Lsf => Part::Lsf(smooth),
            SmoothingFrom::Matrix => Part::Matrix,
            SmoothingFrom::Resolution { resolution, spread } => {
                if *spread > 0.0 {
                    self.ignored.push(format!(
                        "the spread of the resolution (±{spread}) is ignored"
                    ));
                }
                Part::Smooth(smooth, 1.0 / (resolution * self.grid.dln()))
            }
        }
    }

    fn noise(&mut self, noise: &NoiseStage) -> std::result::Result<Part, String> {
        let sigma = match noise.from {
            LevelFrom::Sigma => Some(noise.sigma),
            LevelFrom::Ivar | LevelFrom::Background => None,
            LevelFrom::Snr => {
                self.ignored
                    .push("each spectrum's noise level is taken as known".to_owned());
                None
            }
            LevelFrom::Photon => return Err("photon noise depends on the signal".to_owned()),
        };
        Ok(Part::correlated(self.noise_rho, sigma, self.device))
    }
}

fn image_parts(
    stages: &[StageConfig],
    image: &ImageLayout,
    unit: f64,
    device: Device,
) -> std::result::Result<Vec<Part>, String> {
    let [height, width] = [image.height, image.width];
    let hidden = |latent: &LatentUse, what: &str| match latent {
        LatentUse::Hidden => Err(format!("the {what} is hidden")),
        LatentUse::Kept | LatentUse::Redrawn => Ok(()),
    };
    let (mut parts, mut numbers, mut planes, mut grain) = (Vec::new(), 0, 0, 1);
    for stage in stages {
        parts.push(match stage {
            StageConfig::Mask(mask) => {
                hidden(&mask.latent, "mask")?;
                continue;
            }
            StageConfig::Noise(noise) => Part::Noise(
                (!noise.from.is_recorded()).then_some(noise.sigma * unit),
                grain,
                (!noise.kernel.is_empty()).then(|| Kernel::new(&noise.kernel, device)),
            ),
            StageConfig::Cosmic { latent, .. } | StageConfig::Columns { latent, .. } => {
                hidden(latent, "place of lost pixels")?;
                continue;
            }
            StageConfig::Undersample { factor } => {
                grain = *factor as i64;
                Part::Undersample(grain)
            }
            StageConfig::Sky(sky) => {
                let shape = [image.channels, height, width].map(|n| n as i64);
                let (level, slope) = (sky.level * unit, sky.slope * unit);
                Part::Plane(detector::plane_shapes(level, slope, shape, device))
            }
            StageConfig::Saturate { .. } => return Err("saturation is not linear".to_owned()),
            StageConfig::Psf(psf) => {
                hidden(&psf.latent(), "PSF")?;
                match psf.from {
                    PsfFrom::Hdu => Part::Psf(image.psf as i64),
                    _ => return Err("the PSF is drawn".to_owned()),
                }
            }
            StageConfig::Blur { sigma } => {
                Part::Blur(Blur::new(*sigma, [height as i64, width as i64], device))
            }
            StageConfig::Motion { length, latent } => {
                hidden(latent, "direction of the motion blur")?;
                numbers += 1;
                Part::Motion(*length, numbers - 1)
            }
            StageConfig::Rays { latent, .. } => {
                hidden(latent, "choice of the rays")?;
                planes += 1;
                Part::Rays(planes - 1)
            }
            StageConfig::Jpeg { .. } => return Err("JPEG is not linear".to_owned()),
            StageConfig::Poisson { .. } => return Err("Poisson noise is not Gaussian".to_owned()),
            StageConfig::Photon { .. } => {
                return Err("photon noise depends on the signal".to_owned());
            }
            spectra => return Err(format!("`{}` is for spectra", spectra.kind())),
        });
    }
    Ok(parts)
}

impl Part {
    /// Noise with the prepared set's correlations.
    fn correlated(rho: &[f32], sigma: Option<f64>, device: Device) -> Self {
        let pairs = &rho[..rho.len().saturating_sub(1)];
        let rho: Vec<f32> = pairs.iter().map(|r| possible_correlation(*r)).collect();
        Self::Correlated(
            Tensor::from_slice(&rho).unsqueeze(0).to_device(device),
            sigma,
        )
    }

    fn is_noise(&self) -> bool {
        matches!(
            self,
            Self::Noise(..) | Self::Correlated(..) | Self::Sky(..) | Self::Plane(_)
        )
    }

    fn apply(&self, x: &Tensor, shape: Option<[i64; 3]>, latent: &Latent) -> Tensor {
        let [c, h, w] = shape.unwrap_or([1, 1, x.size()[1]]);
        let image = || x.reshape([-1, c, h, w]);
        match self {
            Self::Noise(..) | Self::Correlated(..) | Self::Sky(..) | Self::Plane(_) => {
                x.shallow_clone()
            }
            Self::Undersample(factor) => detector::binned(&image(), *factor).flatten(1, -1),
            Self::Psf(side) => {
                let kernels = latent.psf.view([-1, c, *side, *side]);
                psf::convolve(&image(), &kernels).flatten(1, -1)
            }
            Self::Matrix => resolved(x, &latent.resolution),
            Self::Lsf(smoothing) => smoothing.per_pixel(x, &recorded_widths(latent)),
            Self::Smooth(smoothing, sigma) => {
                let sigma = Tensor::full([1, 1], *sigma, (Kind::Float, x.device()));
                smoothing.uniform(x, &sigma)
            }
            Self::Blur(blur) => blur.apply(&image()).flatten(1, -1),
            Self::Motion(length, column) => {
                let direction = latent.vector.narrow(1, *column, 1);
                motion::convolve(&image(), &motion::kernels(*length, &direction)).flatten(1, -1)
            }
            Self::Rays(plane) => {
                let mask = latent.planes.narrow(1, plane * h * w, h * w);
                rays::measure(&image(), &mask).flatten(1, -1)
            }
        }
    }

    /// Covariance of a part that is noise, times `v` [B, D].
    fn covariance(&self, v: &Tensor, shape: Option<[i64; 3]>, latent: &Latent) -> Tensor {
        match self {
            Self::Noise(sigma, grain, kernel) => {
                let scaled = |v: &Tensor| match sigma {
                    Some(sigma) => v * *sigma,
                    None => v * &latent.sigma,
                };
                let [c, h, w] = shape.unwrap_or([1, 1, v.size()[1]]);
                // The noise is S K ξ: a number of the detector's pixels in each of the grid's, of correlated
                // ones of white ones.
                let square = (grain * grain) as f64;
                let summed = scaled(v).reshape([-1, c, h, w]).avg_pool2d(
                    [*grain; 2],
                    [*grain; 2],
                    [0; 2],
                    false,
                    true,
                    None,
                ) * square;
                let seen = match kernel {
                    Some(kernel) => kernel.correlate(&kernel.transpose(&summed)),
                    None => summed,
                };
                scaled(&detector::spread(&seen, *grain).flatten(1, -1))
            }
            Self::Plane(shapes) => v.matmul(&shapes.transpose(0, 1)).matmul(shapes),
            Self::Sky(stage, lever) => {
                let shapes = sky_lines::shapes(stage, &latent.sky, &lever.of(latent));
                let amplitudes = shapes.matmul(&v.unsqueeze(2));
                (shapes * amplitudes).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
            }
            Self::Correlated(rho, sigma) => {
                let scaled = |v: &Tensor| match sigma {
                    Some(sigma) => v * *sigma,
                    None => v * &latent.sigma,
                };
                let w = scaled(v);
                let pairs = rho.size()[1];
                let right = (rho * w.narrow(1, 1, pairs)).constant_pad_nd([0, 1]);
                let left = (rho * w.narrow(1, 0, pairs)).constant_pad_nd([1, 0]);
                scaled(&(w + right + left))
            }
            _ => v.zeros_like(),
        }
    }
}
