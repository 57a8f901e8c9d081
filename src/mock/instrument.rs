//! The low-level instrument: tilt ∘ line-spread function ∘ pixels ∘ noise, and what it loses.
//!
//! The order and the laws are those of the quasar channel that `selfsi train` runs, applied in fine
//! pixels before the native ones: amplitude of the tilt reached at the ends of the common grid.

use super::fine;
use super::fine::{Fine, NATIVE, OVERSAMPLING};
use super::forest::tau_eff;
use super::quasar::Quasar;
use super::sky::{CONTINUUM, Sky};
use super::smoother::Smoother;
use super::survey::{Purpose, Survey};
use crate::Result;
use crate::config::{Frame, MockConfig};
use crate::data::LogGrid;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::f64::consts::LN_10;

/// Native coverage, Å; wider where the grid or the level's window asks for it.
const COVERAGE: (f64, f64) = (3600.0, 8500.0);
/// The same of a survey on a grid of the rest frame: as of BOSS.
const OF_BOSS: [f64; 2] = [3600.0, 10_400.0];
/// Redward of the common grid the tilt fades to nothing within this fraction in wavelength, so that
/// the window of the level keeps its calibration, as a second spectrograph arm would.
const FADE: f64 = 0.015;
/// Probability that a pixel is lost, and that a cosmic ray hit it in some of its exposures.
const LOST: f64 = 0.003;
const COSMIC: f64 = 0.01;
/// Fractions of spectra with a masked stretch, and with a missing blue end.
const STRETCH: f64 = 0.03;
const CUT: f64 = 0.03;
/// SPPIXMASK bits (SDSS data model).
const FULLREJECT: i32 = 1 << 18;
const PARTIALREJECT: i32 = 1 << 19;
const BRIGHTSKY: i32 = 1 << 23;
const NODATA: i32 = 1 << 24;
const COMBINEREJ: i32 = 1 << 25;
/// Sky-line pixels are flagged BRIGHTSKY where the sky is this many times its continuum.
const BRIGHT: f64 = 20.0;

/// A spectrum as the instrument delivers it, on native pixels: pixel `j` is centred on
/// log10 λ = (first + j)·1e-4. Fluxes in 1e-17 erg/s/cm²/Å.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Number of the first native pixel.
    pub first: i64,
    /// With noise.
    pub flux: Vec<f32>,
    /// Inverse variance of `flux`; 0: no data.
    pub ivar: Vec<f32>,
    /// SPPIXMASK bits that all exposures have.
    pub and_mask: Vec<i32>,
    /// SPPIXMASK bits that any exposure has.
    pub or_mask: Vec<i32>,
    /// σ of the line-spread function in native pixels.
    pub wdisp: Vec<f32>,
    /// The sky that was subtracted.
    pub sky: Vec<f32>,
    /// A smooth fit: continuum, lines and mean absorption.
    pub model: Vec<f32>,
    /// What the noise was added to: tilted, smoothed, in native pixels.
    pub noiseless: Vec<f64>,
    /// Drawn tilt, and signal-to-noise per common-grid pixel.
    pub tilt: f64,
    /// Signal-to-noise per common-grid pixel.
    pub snr: f64,
}

/// The instrument of one survey.
pub struct Instrument<'a> {
    survey: &'a Survey,
    config: &'a MockConfig,
    grid: LogGrid,
    /// First native pixel, and how many.
    first: i64,
    pixels: usize,
    lambda: Vec<f64>,
    sky: Sky,
    smoother: Smoother,
}

impl<'a> Instrument<'a> {
    /// Looks at `survey`; `grid` is the common grid on which tilt and S/N are defined.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) if `data/sky.toml` was edited into something else before the build.
    pub fn new(survey: &'a Survey, config: &'a MockConfig, grid: LogGrid) -> Result<Self> {
        let coverage = match (config.wavelength, grid.frame) {
            (Some(given), _) => Some(given),
            (None, Frame::Rest) => Some(OF_BOSS),
            (None, Frame::Observed) => None,
        };
        let grid = match grid.frame {
            Frame::Observed => grid,
            Frame::Rest => over(coverage.unwrap_or(OF_BOSS), grid.dloglam),
        };
        let ends = grid.wavelength();
        let (blue, red) = (ends[0], ends[grid.pixels - 1]);
        let [low, high] = coverage.unwrap_or([
            COVERAGE.0.min(0.98 * blue),
            COVERAGE.1.max(1.02 * red).max(1.02 * survey.window().1),
        ]);
        let first = (low.log10() / NATIVE).ceil() as i64;
        let last = (high.log10() / NATIVE).floor() as i64;
        let lambda: Vec<f64> = (first..=last)
            .map(|m| 10f64.powf(m as f64 * NATIVE))
            .collect();
        let mut sky = Sky::new(&lambda)?;
        let mut inside: Vec<f64> = sky
            .noise
            .iter()
            .zip(&lambda)
            .filter(|(_, l)| (blue..=red).contains(*l))
            .map(|(n, _)| *n)
            .collect();
        inside.sort_by(f64::total_cmp);
        let median = inside[inside.len() / 2];
        sky.noise.iter_mut().for_each(|n| *n /= median);
        // The widest line-spread function asks for the widest margins.
        let sigma = 1.0 / (config.resolution * (1.0 - config.resolution_spread));
        let margin = 2.0 * 5.0 * sigma / (fine::STEP * LN_10);
        let smoother = Smoother::new(lambda.len() * OVERSAMPLING + margin as usize + 16);
        Ok(Self {
            survey,
            config,
            grid,
            first,
            pixels: lambda.len(),
            lambda,
            sky,
            smoother,
        })
    }

    /// First and last observed wavelength of which a spectrum is made, Å, the reach of the line-spread
    /// function included.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        let sigma = 1.0 / (self.config.resolution * (1.0 - self.config.resolution_spread));
        let margin = (5.0 * sigma).exp();
        [
            self.lambda[0] / margin,
            self.lambda[self.pixels - 1] * margin,
        ]
    }

    /// Observes object `i`.
    #[must_use]
    pub fn observe(&self, i: usize) -> Observed {
        let mut rng = self.survey.rng(i, Purpose::Observation);
        let c = self.config;
        let mut symmetric = |size: f64| size * (2.0 * rng.random::<f64>() - 1.0);
        let tilt = symmetric(c.tilt);
        let sigma = 1.0 / (c.resolution * (1.0 + symmetric(c.resolution_spread)));
        let snr = c.snr[0] + (c.snr[1] - c.snr[0]) * rng.random::<f64>();
        let margin = (5.0 * sigma).exp();
        let (blue, red) = (self.lambda[0], self.lambda[self.pixels - 1]);
        let mut clean = self.survey.clean(i, blue / margin, red * margin);
        self.tilt(&mut clean.spectrum, tilt);
        self.smoother
            .smooth(&mut clean.spectrum.flux, sigma / (fine::STEP * LN_10));
        let native = LogGrid {
            loglam0: self.first as f64 * NATIVE,
            dloglam: NATIVE,
            pixels: self.pixels,
            frame: Frame::Observed,
        };
        let noiseless = clean.spectrum.rebin(&native);
        let noise = self.noise(&noiseless, snr);
        let n = self.pixels;
        let flux = noiseless
            .iter()
            .zip(&noise)
            .map(|(f, s)| (f + s * rng.sample::<f64, _>(StandardNormal)) as f32);
        let mut observed = Observed {
            first: self.first,
            flux: flux.collect(),
            ivar: noise.iter().map(|s| (1.0 / (s * s)) as f32).collect(),
            and_mask: vec![0; n],
            or_mask: vec![0; n],
            wdisp: vec![(sigma / (NATIVE * LN_10)) as f32; n],
            sky: self.sky.flux.iter().map(|s| *s as f32).collect(),
            model: self.model(&clean.quasar),
            noiseless,
            tilt,
            snr,
        };
        self.lose(&mut observed, &mut rng);
        observed
    }

    /// Multiplies by 1 + amplitude·lever, linear in wavelength about the common grid's middle.
    fn tilt(&self, spectrum: &mut Fine, amplitude: f64) {
        let lever = self.grid.tilt_lever();
        let red = self.grid.wavelength()[self.grid.pixels - 1];
        for (i, f) in spectrum.flux.iter_mut().enumerate() {
            let l = 10f64.powf(fine::loglam(spectrum.first + i as i64));
            let fade = (1.0 - (l / red - 1.0).max(0.0) / FADE).max(0.0);
            *f *= 1.0 + amplitude * lever(l).clamp(-1.0, 1.0) * fade;
        }
    }

    /// σ per native pixel: mean(flux)/snr per common pixel, shaped by the sky.
    fn noise(&self, flux: &[f64], snr: f64) -> Vec<f64> {
        let half = 0.5 * self.grid.dloglam;
        let low = 10f64.powf(self.grid.loglam0 - half);
        let high =
            10f64.powf(self.grid.loglam0 - half + self.grid.pixels as f64 * self.grid.dloglam);
        let (mut sum, mut n) = (0.0, 0.0);
        for (f, l) in flux.iter().zip(&self.lambda) {
            if (low..high).contains(l) {
                sum += f;
                n += 1.0;
            }
        }
        let scale = sum / n / snr * (self.grid.dloglam / NATIVE).sqrt();
        self.sky.noise.iter().map(|s| s * scale).collect()
    }

    fn model(&self, quasar: &Quasar) -> Vec<f32> {
        let first = self.first * OVERSAMPLING as i64;
        let emission = self
            .survey
            .emission(quasar, first, self.pixels * OVERSAMPLING);
        self.lambda
            .iter()
            .enumerate()
            .map(|(j, l)| {
                let absorber = l / 1215.67 - 1.0;
                let t = if absorber < quasar.z {
                    (-tau_eff(absorber)).exp()
                } else {
                    1.0
                };
                (t * emission[j * OVERSAMPLING]) as f32
            })
            .collect()
    }

    /// Cosmic rays, lost pixels, bright sky lines, and in a few spectra a stretch or an end.
    fn lose(&self, o: &mut Observed, rng: &mut ChaCha8Rng) {
        let bright_night = rng.random_bool(0.5);
        for j in 0..self.pixels {
            if rng.random_bool(LOST) {
                // Whoever ignores ivar shall see it.
                o.flux[j] += 30.0 / o.ivar[j].sqrt();
                mask(o, j, FULLREJECT | COMBINEREJ);
            } else if rng.random_bool(COSMIC) {
                o.or_mask[j] |= PARTIALREJECT | COMBINEREJ;
            }
            if bright_night && self.sky.flux[j] > BRIGHT * CONTINUUM {
                o.and_mask[j] |= BRIGHTSKY;
                o.or_mask[j] |= BRIGHTSKY;
            }
        }
        let fate: f64 = rng.random();
        if fate < STRETCH {
            let length = rng.random_range(50..300).min(self.pixels / 4);
            let from = rng.random_range(0..self.pixels - length);
            for j in from..from + length {
                o.flux[j] = 0.0;
                mask(o, j, NODATA);
            }
        } else if fate < STRETCH + CUT {
            let blue = self.grid.wavelength()[0] * (1.0 + 0.05 * rng.random::<f64>());
            o.drop_before((blue.log10() / NATIVE) as i64);
        }
    }
}

/// A grid of the observed frame over `range`, Å.
fn over(range: [f64; 2], dloglam: f64) -> LogGrid {
    let [low, high] = range.map(f64::log10);
    LogGrid {
        loglam0: low + 0.5 * dloglam,
        dloglam,
        pixels: (((high - low) / dloglam).floor() as usize).max(1),
        frame: Frame::Observed,
    }
}

fn mask(o: &mut Observed, j: usize, bits: i32) {
    o.ivar[j] = 0.0;
    o.and_mask[j] |= bits;
    o.or_mask[j] |= bits;
}

impl Observed {
    /// Shortens the spectrum to the native pixels from `first` on.
    fn drop_before(&mut self, first: i64) {
        let n = usize::try_from(first - self.first).map_or(0, |n| n.min(self.flux.len()));
        self.flux.drain(..n);
        self.ivar.drain(..n);
        self.and_mask.drain(..n);
        self.or_mask.drain(..n);
        self.wdisp.drain(..n);
        self.sky.drain(..n);
        self.model.drain(..n);
        self.noiseless.drain(..n);
        self.first += n as i64;
    }
}
