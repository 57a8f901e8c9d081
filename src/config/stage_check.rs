//! What the stages of a channel ask of their keys and of each other.

use super::latent_use::LatentUse;
use super::require::require;
use super::stage::{MaskStage, SkyStage, StageConfig};
use crate::Result;

/// Whether `stages` are such as images (`of_images`) or spectra go through.
pub(super) fn check_data(stages: &[StageConfig], of_images: bool, origin: &str) -> Result<()> {
    let (data, others_name) = match of_images {
        true => ("images", "spectra"),
        false => ("spectra", "images"),
    };
    for (i, stage) in stages.iter().enumerate() {
        let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
            let key = match key {
                "" => format!("forward.stages[{i}]"),
                key => format!("forward.stages[{i}].{key}"),
            };
            require(yes, origin, &key, problem, fix)
        };
        ok(
            stage.takes()[usize::from(of_images)],
            "kind",
            &format!("`{}` is for {others_name}", stage.kind()),
            &format!(
                "leave it out, or give a stage for {data} (docs/reference/configs.md lists them)"
            ),
        )?;
        match stage {
            StageConfig::Mask(m) if of_images => ok(
                m.run.is_none() && m.gaps.is_empty(),
                "run",
                "runs and gaps are for spectra",
                "give `rho` and `latent` alone",
            )?,
            StageConfig::Mask(m) => ok(
                m.latent != LatentUse::Hidden,
                "latent",
                "a lost pixel of a spectrum is always marked",
                "give \"kept\" or \"redrawn\"",
            )?,
            StageConfig::Sky(sky) => {
                let others = match of_images {
                    true => [sky.amplitude, sky.shift, sky.degree as f64],
                    false => [sky.level, sky.slope, 0.0],
                };
                ok(
                    others == [0.0; 3],
                    "",
                    &format!("keys of a sky of {others_name}"),
                    "give `amplitude`, `shift` and `degree` of spectra, `level` and `slope` of images",
                )?;
            }
            StageConfig::Noise(n) => {
                n.check_data(of_images, &format!("forward.stages[{i}]"), origin)?
            }
            _ => {}
        }
    }
    match of_images {
        true => binned_last(stages, origin),
        false => in_order(stages, origin),
    }
}

/// Whether images are binned once, and what happens before the light reaches the detector comes before.
fn binned_last(stages: &[StageConfig], origin: &str) -> Result<()> {
    let is_binned = |s: &StageConfig| matches!(s, StageConfig::Undersample { .. });
    let optical = |s: &StageConfig| {
        matches!(
            s,
            StageConfig::Psf(_) | StageConfig::Blur { .. } | StageConfig::Motion { .. }
        )
    };
    let binned = stages.iter().position(is_binned);
    require(
        stages.iter().filter(|s| is_binned(s)).count() < 2
            && (binned.is_none() || stages.iter().rposition(optical) < binned),
        origin,
        "forward.stages",
        "two stages \"undersample\", or a blur behind one, which happens to the light",
        "put one stage \"undersample\" behind every blur",
    )
}

/// Whether spectra are noisy, and only behind what happens before the light reaches the detector.
fn in_order(stages: &[StageConfig], origin: &str) -> Result<()> {
    let is_noise = |s: &StageConfig| matches!(s, StageConfig::Noise(_));
    let optical =
        |s: &StageConfig| matches!(s, StageConfig::Smooth(_) | StageConfig::Redshift { .. });
    let noise = stages.iter().position(is_noise);
    require(
        stages.iter().filter(|s| is_noise(s)).count() == 1,
        origin,
        "forward.stages",
        "not one stage of kind \"noise\", which says what the noise of spectra is",
        "give e.g. [[forward.stages]] kind = \"noise\", from = \"ivar\"",
    )?;
    require(
        stages.iter().rposition(optical) < noise,
        origin,
        "forward.stages",
        "the detector's noise stands before \"smooth\" or \"redshift\", which happen to the light",
        "put the stage \"noise\" behind them",
    )
}

pub(super) fn check(stage: &StageConfig, key: &str, origin: &str) -> Result<()> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let (ok, problem, fix) = match stage {
        StageConfig::Mask(m) => return m.check(key, origin),
        StageConfig::Noise(noise) => return noise.check(key, origin),
        StageConfig::Psf(psf) => return psf.check(key, origin),
        StageConfig::Smooth(from) => return from.check(key, origin),
        StageConfig::Sky(sky) => return sky.check(key, origin),
        StageConfig::Saturate { level, .. } => (
            level.is_finite(),
            "level is not a number",
            "give the value at which pixels saturate",
        ),
        StageConfig::Tilt { amplitude } => (
            *amplitude > 0.0 && *amplitude < 1.0,
            "amplitude is not in (0, 1)",
            "give e.g. amplitude = 0.05",
        ),
        StageConfig::Throughput { amplitude, degree } => (
            *amplitude > 0.0 && *amplitude < 1.0 && (1..=32).contains(degree),
            "amplitude is not in (0, 1), or degree not in 1..32",
            "give e.g. amplitude = 0.05, degree = 3",
        ),
        StageConfig::Cosmic { hits, length, .. } => (
            positive(*hits) && length % 2 == 1,
            "hits is not positive, or length not odd",
            "give e.g. hits = 3.0, length = 5",
        ),
        StageConfig::Columns { rho, .. } => (
            *rho > 0.0 && *rho < 1.0,
            "rho is not in (0, 1)",
            "give e.g. rho = 0.02",
        ),
        StageConfig::Undersample { factor } => {
            (*factor > 1, "factor is not above 1", "give e.g. factor = 2")
        }
        StageConfig::Redshift { error } => (
            *error > 0.0 && *error < 299_792.0,
            "error is not a velocity in km/s",
            "give e.g. error = 300.0",
        ),
        StageConfig::Blur { sigma } => (
            positive(*sigma) && *sigma <= 1000.0,
            "sigma is not within 0..1000 pixels",
            "give e.g. sigma = 1.5",
        ),
        StageConfig::Poisson { rate } => (
            positive(*rate),
            "rate is not positive",
            "give e.g. rate = 0.1",
        ),
        StageConfig::Photon { gain } => (
            positive(*gain),
            "gain is not positive",
            "give the electrons per unit of the pixel values",
        ),
        StageConfig::Motion { length, .. } => (
            length % 2 == 1 && *length > 1,
            "length is not odd and above 1",
            "give e.g. length = 5",
        ),
        StageConfig::Jpeg { min, max, .. } => (
            *min >= 0.01 && max >= min && *max <= 1.0,
            "min and max are not a range within 0.01..1",
            "give e.g. min = 0.1, max = 1.0",
        ),
        StageConfig::Rays { rays, .. } => (*rays > 0, "no rays", "give e.g. rays = 16"),
    };
    require(ok, origin, key, problem, fix)
}

impl SkyStage {
    fn check(&self, key: &str, origin: &str) -> Result<()> {
        let sizes = [self.amplitude, self.shift, self.level, self.slope];
        require(
            sizes.iter().all(|v| *v >= 0.0 && v.is_finite()) && sizes != [0.0; 4],
            origin,
            key,
            "none of its sizes is above 0, or one is below",
            "give e.g. amplitude = 0.02 of spectra, level = 0.1 of images",
        )?;
        require(
            self.degree <= 32,
            origin,
            key,
            "degree is above 32",
            "give e.g. degree = 2",
        )
    }
}

impl MaskStage {
    fn check(&self, key: &str, origin: &str) -> Result<()> {
        let Self { rho, run, gaps, .. } = self;
        let range = |[a, b]: &[f64; 2]| *a > 0.0 && b > a && b.is_finite();
        require(
            (0.0..1.0).contains(rho) && (*rho > 0.0 || !gaps.is_empty()),
            origin,
            key,
            "rho is not in (0, 1)",
            "give e.g. rho = 0.5",
        )?;
        require(
            run.is_none_or(|r| r > 0 && *rho > 0.0),
            origin,
            key,
            "run is not a number of pixels, or has no `rho` beside it",
            "give e.g. rho = 0.05, run = 8",
        )?;
        require(
            gaps.iter().all(range),
            origin,
            key,
            "gaps are not ranges of wavelengths",
            "give e.g. gaps = [[5760.0, 5800.0]]",
        )
    }
}
