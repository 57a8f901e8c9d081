//! Corruptions of images, one after the other.

use super::blur::Blur;
use super::detector::{Cosmics, Kernel};
use super::latent::Latent;
use super::model::ForwardModel;
use super::passing::{Passing, Told};
use super::psf_stage::PsfStage;
use super::units::PixelUnits;
use super::{detector, jpeg, mask, motion, poisson, rays};
use crate::base::random::Rows;
use crate::config::{Chroma, LatentUse, MaskStage, StageConfig, StageUnits};
use crate::data::ImageLayout;
use crate::{Error, Result};
use tch::{Device, Kind, Tensor};

/// A list of stages. Each draws from its own streams, so that one more stage at the end changes
/// nothing before it.
///
/// Lost pixels are lost at the end: whatever the place of the mask, the other stages see the whole
/// image, and standard normals take the place of the lost pixels after the last one.
///
/// Levels are in the file's units, or in normalised ones ([`StageUnits`]); in the former the stretch of the
/// pixel values is undone before the first stage and done again after the last.
///
/// [`Latent::sigma`] is the root of the summed variances of the noise and Poisson stages, carried
/// through the blurs and rays behind them as if neighbours were independent: exact for one of them,
/// but for motion at the edges, rough for more. JPEG is taken to leave it as it is. It is 0,
/// unknown, where there is no such stage, and where there is photon noise, which depends on the
/// unknown signal.
#[derive(Debug)]
pub struct Stages {
    stages: Vec<Stage>,
    shape: [i64; 3],
    units: PixelUnits,
    /// Whether the stages see the file's units.
    in_file: bool,
}

/// A [`StageConfig`] with what it needs on the device.
#[derive(Debug)]
enum Stage {
    Mask(f64, LatentUse),
    /// Of this standard deviation, or as recorded of each pixel.
    Noise(Option<f64>, Option<Kernel>),
    Sky(f64, f64),
    Cosmic(Cosmics, LatentUse),
    Columns(f64, LatentUse),
    Undersample(i64),
    Psf(PsfStage),
    Blur(Blur),
    Poisson(f64),
    Photon(f64),
    Motion(usize, LatentUse),
    Jpeg(f64, f64, Chroma, LatentUse),
    Rays(usize, LatentUse),
    /// Level, and whether what is clipped is marked.
    Saturate(f64, bool),
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Stages {}

impl Stages {
    /// # Errors
    /// [`Error::Config`] if a stage does not fit images of this layout.
    pub fn new(stages: &[StageConfig], layout: &ImageLayout, device: Device) -> Result<Self> {
        let shape = [layout.channels, layout.height, layout.width];
        let told =
            |s: &&StageConfig| matches!(s, StageConfig::Mask(m) if m.latent != LatentUse::Hidden);
        if stages.iter().filter(told).count() > 1 {
            return Err(Error::config(
                "config",
                "forward.stages",
                "the network is told more than one mask",
                "combine the masks into one, or give latent = \"hidden\"",
            ));
        }
        let stages = stages
            .iter()
            .enumerate()
            .map(|(i, stage)| Stage::new(stage, i, layout, device))
            .collect::<Result<_>>()?;
        Ok(Self {
            stages,
            shape: shape.map(|n| n as i64),
            units: PixelUnits::new(&layout.scale, device),
            in_file: layout.scale.softening.is_some(),
        })
    }

    /// The same with levels in these units, where they are given; stretched values have no others than the
    /// file's.
    #[must_use]
    pub fn in_units(self, units: Option<StageUnits>) -> Self {
        let in_file = self.in_file || units == Some(StageUnits::File);
        Self { in_file, ..self }
    }

    fn check_recorded(&self, recorded: &Latent) -> Result<()> {
        let kept = self
            .stages
            .iter()
            .any(|s| s.latent() == Some(LatentUse::Kept));
        let (k, p) = self.widths();
        let plane = self.shape[1] * self.shape[2];
        let came = (recorded.vector.size()[1], recorded.planes.size()[1] / plane);
        if kept && came != (k as i64, p as i64) {
            return Err(Error::config(
                "config",
                "forward.stages",
                format!(
                    "latents are kept, but the images come with {} numbers and {} planes and the stages have {k} and {p}",
                    came.0, came.1
                ),
                "give latent = \"redrawn\", or images whose datasets `vector` and `planes` hold them in the order of the stages",
            ));
        }
        Ok(())
    }
}

impl ForwardModel for Stages {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        self.check_recorded(recorded)?;
        let [c, h, w] = self.shape;
        let images = |t: &Tensor| t.reshape([-1, c, h, w]);
        let image = match self.in_file {
            true => self.units.restore(&images(x)),
            false => images(x),
        };
        let mut passing = Passing {
            image,
            variance: Some(x.new_zeros([1, 1, h, w], (x.kind(), x.device()))),
            good: images(&recorded.good),
            left: images(&recorded.good.ones_like()),
            marked: images(&recorded.good.ones_like()),
            grain: 1,
            vector: Told::new(&recorded.vector),
            planes: Told::new(&recorded.planes),
            psf: recorded.psf.shallow_clone(),
        };
        // A noise level in what the stages see.
        let level = || match self.in_file {
            true => images(&recorded.sigma) * &self.units.linear,
            false => images(&recorded.sigma),
        };
        for (i, stage) in self.stages.iter().enumerate() {
            let random = random.child(i as u64);
            match stage {
                Stage::Noise(None, kernel) => {
                    passing.add_noise(&level(), kernel.as_ref(), &random);
                }
                stage => stage.apply(&mut passing, &self.units, self.in_file, &random)?,
            }
        }
        if self.in_file {
            passing.image = self.units.normalise(&passing.image);
            passing.change_variance(|v| v / self.units.linear.square());
        }
        Ok(passing.finish(recorded, random))
    }

    fn take_psfs(&mut self, psfs: &Tensor) {
        for stage in &mut self.stages {
            if let Stage::Psf(psf) = stage {
                psf.take(psfs);
            }
        }
    }

    fn widths(&self) -> (usize, usize) {
        let told = |stage: &&Stage| stage.latent().is_some_and(|l| l != LatentUse::Hidden);
        let told = || self.stages.iter().filter(told);
        let vector = |s: &&Stage| match s {
            Stage::Psf(psf) => psf.width() > 0,
            s => matches!(s, Stage::Motion(..) | Stage::Jpeg(..)),
        };
        let planes = |s: &&Stage| matches!(s, Stage::Rays(..));
        (told().filter(vector).count(), told().filter(planes).count())
    }
}

impl Stage {
    fn new(
        config: &StageConfig,
        number: usize,
        layout: &ImageLayout,
        device: Device,
    ) -> Result<Self> {
        let [channels, height, width] = [layout.channels, layout.height, layout.width];
        let key = || format!("forward.stages[{number}]");
        Ok(match *config {
            StageConfig::Mask(MaskStage { rho, latent, .. }) => Self::Mask(rho, latent),
            StageConfig::Noise(ref noise) => Self::Noise(
                (!noise.from.is_recorded()).then_some(noise.sigma),
                (!noise.kernel.is_empty()).then(|| Kernel::new(&noise.kernel, device)),
            ),
            StageConfig::Sky(ref sky) => Self::Sky(sky.level, sky.slope),
            StageConfig::Cosmic {
                hits,
                length,
                latent,
            } => {
                let plane = [height as i64, width as i64];
                Self::Cosmic(Cosmics::new(hits, length, plane, device), latent)
            }
            StageConfig::Columns { rho, latent } => Self::Columns(rho, latent),
            StageConfig::Undersample { factor } => Self::Undersample(factor as i64),
            StageConfig::Saturate { level, flagged } => Self::Saturate(level, flagged),
            StageConfig::Psf(ref psf) => Self::Psf(PsfStage::new(psf, &key(), layout, device)?),
            StageConfig::Blur { sigma } => {
                Self::Blur(Blur::new(sigma, [height as i64, width as i64], device))
            }
            StageConfig::Poisson { rate } => Self::Poisson(rate),
            StageConfig::Photon { gain } => Self::Photon(gain),
            StageConfig::Motion { length, latent } => Self::Motion(length, latent),
            StageConfig::Jpeg {
                min,
                max,
                chroma,
                latent,
            } => {
                jpeg::check(channels, height, width, &key())?;
                Self::Jpeg(min, max, chroma, latent)
            }
            StageConfig::Rays { rays, latent } => Self::Rays(rays, latent),
            ref spectra => {
                let problem = format!("`{}` is for spectra", spectra.kind());
                return Err(Error::config("config", key(), problem, "leave it out"));
            }
        })
    }

    fn latent(&self) -> Option<LatentUse> {
        match self {
            Self::Mask(_, latent)
            | Self::Motion(_, latent)
            | Self::Jpeg(.., latent)
            | Self::Rays(_, latent) => Some(*latent),
            // Of a PSF that is no number the config says whether it is told.
            Self::Psf(psf) => (psf.width() > 0).then(|| psf.latent()),
            Self::Noise(..)
            | Self::Sky(..)
            | Self::Cosmic(..)
            | Self::Columns(..)
            | Self::Undersample(_)
            | Self::Blur(_)
            | Self::Poisson(_)
            | Self::Photon(_)
            | Self::Saturate(..) => None,
        }
    }

    /// `in_file`: the image is in the file's units.
    fn apply(
        &self,
        p: &mut Passing,
        units: &PixelUnits,
        in_file: bool,
        random: &Rows,
    ) -> Result<()> {
        let to_file = |image: &Tensor| match in_file {
            true => image.shallow_clone(),
            false => units.restore(image),
        };
        let from_file = |image: Tensor| match in_file {
            true => image,
            false => units.normalise(&image),
        };
        let size = p.image.size();
        let plane = [size[2], size[3]];
        match self {
            Self::Mask(_, LatentUse::Kept)
            | Self::Cosmic(_, LatentUse::Kept)
            | Self::Columns(_, LatentUse::Kept)
            | Self::Noise(None, _) => {}
            Self::Psf(psf) => psf.apply(p, random),
            Self::Mask(rho, latent) => {
                let fresh = detector::spread(&mask::draw(*rho, p.plane(), random), p.grain);
                if *latent == LatentUse::Redrawn {
                    p.good = fresh.expand(&size, false);
                } else {
                    p.left = &p.left * fresh;
                }
            }
            Self::Noise(Some(sigma), kernel) => {
                p.add_noise(&p.image.full_like(*sigma), kernel.as_ref(), random);
            }
            Self::Sky(level, slope) => {
                p.image = &p.image + detector::plane(*level, *slope, &size, random);
            }
            Self::Cosmic(cosmics, latent) => {
                let kept = cosmics.draw(p.plane(), random);
                lose(p, &kept, *latent);
            }
            Self::Columns(rho, latent) => {
                let kept = detector::columns(*rho, p.plane()[1], random);
                lose(p, &kept, *latent);
            }
            Self::Undersample(factor) => {
                p.image = detector::binned(&p.image, *factor);
                p.change_variance(|v| {
                    let square = (factor * factor) as f64;
                    detector::binned(v, *factor) / square
                });
                p.grain = *factor;
            }
            Self::Saturate(level, flagged) => {
                if *flagged {
                    p.marked = &p.marked * p.image.lt(*level).to_kind(Kind::Float);
                }
                p.image = p.image.clamp_max(*level);
            }
            Self::Blur(blur) => {
                p.image = blur.apply(&p.image);
                p.change_variance(|v| blur.variance(v));
            }
            Self::Poisson(rate) => {
                let mean = detector::coarse(&p.image, p.grain).full_like(*rate);
                let counts = poisson::counts(&mean.flatten(1, -1), random);
                let counts = counts.reshape(&mean.size()[..]);
                p.image = &p.image + detector::spread(&counts, p.grain);
                p.change_variance(|v| v + *rate);
            }
            Self::Photon(gain) => {
                let light = detector::coarse(&to_file(&p.image), p.grain);
                let mean = (light * *gain).clamp(0.0, poisson::MOST);
                let counts = poisson::counts(&mean.flatten(1, -1), random);
                let values = counts.reshape(&mean.size()[..]) / *gain;
                p.image = from_file(detector::spread(&values, p.grain));
                p.variance = None;
            }
            Self::Motion(length, latent) => {
                let direction = p.vector.take(*latent, 1, || motion::draw(random));
                let kernels = motion::kernels(*length, &direction);
                p.image = motion::convolve(&p.image, &kernels);
                let rows = size[0];
                p.change_variance(|v| {
                    let each = v.expand([rows, v.size()[1], plane[0], plane[1]], false);
                    motion::convolve(&each, &kernels.square())
                });
            }
            Self::Jpeg(min, max, chroma, latent) => {
                let quality = p.vector.take(*latent, 1, || jpeg::draw(*min, *max, random));
                let values = jpeg::compress(&to_file(&p.image), &quality, *chroma)?;
                p.image = from_file(values);
            }
            Self::Rays(lines, latent) => {
                let draw = || rays::draw(*lines, plane, random);
                let measured = p.planes.take(*latent, plane[0] * plane[1], draw);
                p.image = rays::measure(&p.image, &measured);
                p.change_variance(|v| v * rays::share(&measured));
            }
        }
        Ok(())
    }
}

/// Loses what `kept` [B, 1, ·, ·] of the detector's pixels does not hold.
fn lose(p: &mut Passing, kept: &Tensor, latent: LatentUse) {
    if latent == LatentUse::Redrawn {
        return p.mark(kept);
    }
    let [h, w] = p.plane();
    let kept = kept.expand([kept.size()[0], 1, h, w], false);
    p.left = &p.left * detector::spread(&kept, p.grain);
}
