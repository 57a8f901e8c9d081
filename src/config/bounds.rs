//! What every number of a config may be: within bounds that a machine can have, never NaN, and infinite
//! only where that means that there is no limit.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;
use toml::Value;

/// From where to where, and whether the ends themselves are left out.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: f64,
    to: f64,
    without: [bool; 2],
    /// −∞ or ∞ where that means no limit, else NaN.
    unlimited: f64,
}

const fn within(from: f64, to: f64) -> Range {
    Range {
        from,
        to,
        without: [false, false],
        unlimited: f64::NAN,
    }
}

/// Above `from`, up to `to`.
const fn above(from: f64, to: f64) -> Range {
    Range {
        without: [true, false],
        ..within(from, to)
    }
}

/// From `from`, below `to`.
const fn below(from: f64, to: f64) -> Range {
    Range {
        without: [false, true],
        ..within(from, to)
    }
}

/// Between the two.
const fn between(from: f64, to: f64) -> Range {
    Range {
        without: [true, true],
        ..within(from, to)
    }
}

const fn or(unlimited: f64, range: Range) -> Range {
    Range { unlimited, ..range }
}

/// Å: up to a centimetre.
const WAVELENGTH: Range = above(0.0, 1e8);
const FRACTION: Range = below(0.0, 1.0);
/// Rows that are handled together.
const BATCH: Range = within(1.0, 1_048_576.0);
/// Optimiser steps.
const STEPS: Range = within(1.0, 1e9);
/// Steps along a path.
const PATH: Range = within(1.0, 100_000.0);
const POSITIVE: Range = above(0.0, 1e9);
/// Standard deviations and the like, in units in which data are about 1.
const SIGMA: Range = above(0.0, 1e6);
const ANY: Range = within(-1e30, 1e30);
/// Channels of a network.
const CHANNELS: Range = within(1.0, 16_384.0);

/// Every number of a config: its key without places in lists, and its range.
const RANGES: &[(&str, Range)] = &[
    ("seed", within(0.0, i64::MAX as f64)),
    ("grid.min", WAVELENGTH),
    ("grid.max", WAVELENGTH),
    ("grid.pixels", within(16.0, 262_144.0)),
    ("image.channels", within(1.0, 4096.0)),
    ("image.height", within(2.0, 16_384.0)),
    ("image.width", within(2.0, 16_384.0)),
    ("survey.mask.ivar_min", ANY),
    (
        "select.z_min",
        or(f64::NEG_INFINITY, within(-1.0, 10_000.0)),
    ),
    ("select.z_max", or(f64::INFINITY, within(-1.0, 10_000.0))),
    ("select.coverage_min", within(0.0, 1.0)),
    ("select.snr_min", or(f64::NEG_INFINITY, within(-1e9, 1e9))),
    ("normalise.min", WAVELENGTH),
    ("normalise.max", WAVELENGTH),
    ("normalise.snr_min", within(-1e9, 1e9)),
    ("normalise.mean", ANY),
    ("normalise.std", above(0.0, 1e30)),
    ("normalise.softening", above(0.0, 1e30)),
    ("forward.sigma", SIGMA),
    ("forward.tilt", FRACTION),
    ("forward.smoothing.resolution", POSITIVE),
    ("forward.smoothing.spread", FRACTION),
    ("forward.noise.min", POSITIVE),
    ("forward.noise.max", POSITIVE),
    ("forward.timeout", above(0.0, 604_800.0)),
    ("forward.processes", within(1.0, 4096.0)),
    ("forward.stages.rho", FRACTION),
    ("forward.stages.run", within(1.0, 4096.0)),
    ("forward.stages.gaps", WAVELENGTH),
    ("forward.stages.amplitude", FRACTION),
    ("forward.stages.shift", within(0.0, 1000.0)),
    ("forward.stages.degree", within(0.0, 32.0)),
    ("forward.stages.resolution", POSITIVE),
    ("forward.stages.spread", FRACTION),
    ("forward.stages.error", above(0.0, 299_792.0)),
    ("forward.stages.level", ANY),
    ("forward.stages.snr", POSITIVE),
    ("forward.stages.electrons", above(0.0, 1e12)),
    ("forward.stages.background", within(0.0, 1e12)),
    ("forward.stages.read", within(0.0, 1e6)),
    ("forward.stages.sigma", above(0.0, 1e30)),
    ("forward.stages.fwhm", above(0.0, 1e6)),
    ("forward.stages.beta", above(1.0, 100.0)),
    ("forward.stages.pixel", above(0.0, 1e6)),
    ("forward.stages.rate", SIGMA),
    ("forward.stages.gain", above(0.0, 1e12)),
    ("forward.stages.length", within(1.0, 4095.0)),
    ("forward.stages.hits", above(0.0, 1e6)),
    ("forward.stages.factor", within(2.0, 256.0)),
    ("forward.stages.slope", within(0.0, 1e30)),
    ("forward.stages.kernel", ANY),
    ("forward.stages.min", within(0.01, 1.0)),
    ("forward.stages.max", within(0.01, 1.0)),
    ("forward.stages.rays", within(1.0, 16_384.0)),
    ("network.channels", CHANNELS),
    ("network.multipliers", within(1.0, 256.0)),
    ("network.patch", within(2.0, 4096.0)),
    ("network.margin", within(2.0, 262_144.0)),
    ("network.blocks", within(1.0, 128.0)),
    ("network.kernel", within(1.0, 1023.0)),
    ("network.embedding", CHANNELS),
    ("network.attention", within(1.0, 16_384.0)),
    ("network.head", CHANNELS),
    ("network.dropout", FRACTION),
    ("network.redshift_error", within(0.0, 299_792.0)),
    ("interpolant.gamma", SIGMA),
    ("interpolant.epsilon", within(0.0, 1e6)),
    ("transport.steps", PATH),
    ("transport.grading", above(0.0, 100.0)),
    ("train.steps", STEPS),
    ("train.warm_start", within(0.0, 1e9)),
    ("train.batch", BATCH),
    ("train.resamplings", within(1.0, 4096.0)),
    ("train.reuse", STEPS),
    ("train.pool", within(1.0, 4096.0)),
    ("train.growth.from", PATH),
    ("train.growth.until", above(0.0, 1.0)),
    ("train.refresh", STEPS),
    ("train.epsilon", within(0.0, 1e6)),
    ("train.mix", above(0.0, 1.0)),
    ("train.clean.fraction", above(0.0, 1.0)),
    ("train.memory", within(0.0, 1e6)),
    ("train.learning_rate", above(0.0, 1e60)),
    ("train.warmup", FRACTION),
    ("train.clip", above(0.0, 1e30)),
    ("train.ema", FRACTION),
    ("train.heldout", between(0.0, 1.0)),
    ("train.half", within(1.0, 2.0)),
    ("train.validate_every", STEPS),
    ("train.checkpoint_every", STEPS),
    ("train.patience", within(0.0, 1e9)),
    ("restore.draws", within(1.0, 65_536.0)),
    ("restore.quantiles", within(0.0, 1.0)),
    ("restore.batch", BATCH),
    ("diffusion.steps", STEPS),
    ("diffusion.batch", BATCH),
    ("diffusion.learning_rate", above(0.0, 1e60)),
    ("diffusion.warmup", FRACTION),
    ("diffusion.clip", above(0.0, 1e30)),
    ("diffusion.ema", FRACTION),
    ("diffusion.p_mean", within(-100.0, 100.0)),
    ("diffusion.p_std", above(0.0, 100.0)),
    ("diffusion.checkpoint_every", STEPS),
    ("diffusion.sampler.steps", within(2.0, 100_000.0)),
    ("diffusion.sampler.sigma_min", SIGMA),
    ("diffusion.sampler.sigma_max", above(0.0, 1e9)),
    ("diffusion.sampler.rho", above(0.0, 1000.0)),
    ("diffusion.sampler.batch", BATCH),
    ("mock.spectra", within(1.0, 1e8)),
    ("mock.z_min", above(0.0, 20.0)),
    ("mock.z_max", above(0.0, 20.0)),
    ("mock.wavelength", WAVELENGTH),
    ("mock.bal", within(0.0, 1.0)),
    ("mock.dla", within(0.0, 1.0)),
    ("mock.snr", POSITIVE),
    ("mock.resolution", POSITIVE),
    ("mock.resolution_spread", FRACTION),
    ("mock.tilt", FRACTION),
    ("mock.broken", within(0.0, 1e8)),
    ("mock.galaxies.images", within(1.0, 1e8)),
    ("mock.galaxies.radius", above(0.0, 1000.0)),
    ("mock.galaxies.radius_scatter", within(0.0, 2.0)),
    ("mock.galaxies.bulge", within(0.0, 1.0)),
    ("mock.galaxies.snr", POSITIVE),
    ("mock.galaxies.seeing", above(0.0, 1000.0)),
    ("mock.galaxies.beta", above(1.0, 100.0)),
    ("mock.galaxies.psf_ellipticity", within(0.0, 0.3)),
    ("mock.galaxies.psf", within(3.0, 1023.0)),
    ("mock.galaxies.bad_columns", within(0.0, 1.0)),
];

/// Most numbers of a list: levels of a network, quantiles, channels of images.
const LONGEST: usize = 4096;
/// Most levels of a network: each halves the pixels.
const LEVELS: usize = 16;

impl Range {
    fn holds(self, v: f64) -> bool {
        let [from, to] = self.without;
        let low = if from { v > self.from } else { v >= self.from };
        let high = if to { v < self.to } else { v <= self.to };
        low && high || v == self.unlimited
    }
}

/// What to give.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.without {
            [false, false] => write!(
                f,
                "give a number from {} to {}",
                Short(self.from),
                Short(self.to)
            ),
            [true, false] => write!(
                f,
                "give a number above {}, at most {}",
                Short(self.from),
                Short(self.to)
            ),
            [false, true] => write!(
                f,
                "give a number from {} on, below {}",
                Short(self.from),
                Short(self.to)
            ),
            [true, true] => write!(
                f,
                "give a number between {} and {}",
                Short(self.from),
                Short(self.to)
            ),
        }?;
        match self.unlimited.is_nan() {
            true => Ok(()),
            false => write!(f, ", or {} for no limit", self.unlimited),
        }
    }
}

/// A number in few characters.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            0.0 => write!(f, "0"),
            1e-4..1e9 => write!(f, "{}", self.0),
            _ => write!(f, "{:e}", self.0),
        }
    }
}

/// Refuses the first number of `config`, or of some tables of one, that is out of its range.
///
/// # Errors
/// [`Error::Config`] naming its key and the range.
pub(crate) fn check(config: &impl Serialize, origin: &str) -> Result<()> {
    // What has no TOML form is said when it is written.
    match Value::try_from(config) {
        Ok(value) => walk(&value, "", "", origin),
        Err(_) => Ok(()),
    }
}

/// `key` is where `value` stands, `plain` the same without places in lists.
fn walk(value: &Value, key: &str, plain: &str, origin: &str) -> Result<()> {
    let number = match value {
        Value::Integer(n) => *n as f64,
        Value::Float(v) => *v,
        Value::Table(table) => {
            let below = |parent: &str, name: &str| match parent {
                "" => name.to_owned(),
                parent => format!("{parent}.{name}"),
            };
            let mut each = table.iter();
            return each.try_for_each(|(n, v)| walk(v, &below(key, n), &below(plain, n), origin));
        }
        Value::Array(list) => {
            let levels =
                plain.ends_with("network.channels") || plain.ends_with("network.multipliers");
            let most = if levels { LEVELS } else { LONGEST };
            if list.len() > most {
                let problem = format!("a list of {}", list.len());
                return Err(Error::config(
                    origin,
                    key,
                    problem,
                    format!("give at most {most}"),
                ));
            }
            let mut each = list.iter().enumerate();
            return each.try_for_each(|(i, v)| walk(v, &format!("{key}[{i}]"), plain, origin));
        }
        _ => return Ok(()),
    };
    match range(plain) {
        Some(range) if range.holds(number) => Ok(()),
        Some(range) => Err(Error::config(
            origin,
            key,
            format!("{} is out of range", Short(number)),
            range,
        )),
        // No key of a config, which is said elsewhere.
        None => Ok(()),
    }
}

fn range(plain: &str) -> Option<Range> {
    let named = |key: &str| RANGES.iter().find(|(k, _)| *k == key).map(|(_, r)| *r);
    // The network of [diffusion] has the keys of [network].
    named(plain).or_else(|| named(plain.strip_prefix("diffusion.")?))
}
