//! Clean data among the observations: a part of each batch whose x0 is known.
//!
//! With a fraction f of clean data the population that the interpolant is fitted to is
//! f π + (1 − f) Φ#μ: its fixed point is π as before, and the map is pulled towards it.

use super::observations::{CHUNK, Observable, Observations};
use super::split::is_trained;
use crate::base::random::{Purpose, Rows, derive_uniform};
use crate::config::{CleanConfig, Config, NormaliseConfig};
use crate::data::{Layout, Object};
use crate::prepare::{ImageSet, Prepared};
use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;
use tch::{Device, Tensor};

/// Clean rows in memory.
#[derive(Debug)]
pub struct Clean {
    /// Normalised, complete, [N, D].
    flux: Tensor,
    /// ln(1 + z), [N, 1]; NaN where unknown.
    redshift: Tensor,
    fraction: f64,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Clean {}

impl Clean {
    /// The complete rows of the clean set of `config` whose objects are not held out; `layout` is
    /// the layout of the observations.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read, is of another grid, shape or normalisation, or
    /// has no such row.
    pub fn load(
        config: &Config,
        clean: &CleanConfig,
        layout: &Layout,
        device: Device,
    ) -> Result<Self> {
        let path = &clean.prepared;
        let [flux, redshift] = match layout {
            Layout::Spectra { grid, .. } => {
                let set = Prepared::open(path)?;
                check(path, set.grid().matches(grid), "wavelength grid")?;
                let made = Config::parse(set.config(), &path.display().to_string(), &[])?;
                check(
                    path,
                    same_level(&made.normalise, &config.normalise),
                    "[normalise]",
                )?;
                let read = |rows| Ok(set.read(rows)?.observations(device));
                complete(config, set.objects(), &read)?
            }
            Layout::Images(image) => {
                let set = ImageSet::open(path)?;
                let its = &set.header().layout;
                let shape = (its.channels, its.height, its.width);
                check(
                    path,
                    shape == (image.channels, image.height, image.width),
                    "[image]",
                )?;
                check(path, its.scale == image.scale, "scale of the pixels")?;
                let read = |rows| Ok(set.read(rows)?.observations(device));
                complete(config, set.objects(), &read)?
            }
        };
        if flux.size()[0] == 0 {
            return Err(Error::input(
                path,
                "ivar, flag",
                "no row is usable, without masked pixels and not held out",
                "complete clean rows",
                "mask less when preparing it, or leave [train.clean] out",
            ));
        }
        Ok(Self {
            flux,
            redshift,
            fraction: clean.fraction,
        })
    }

    /// How many of the `batch` rows of a step are clean: `fraction` of them on average.
    #[must_use]
    pub fn count(&self, seed: u64, step: u64, batch: i64) -> i64 {
        let u = derive_uniform(seed, Purpose::Clean, step);
        ((self.fraction * batch as f64 + u).floor() as i64).min(batch)
    }

    /// `n` clean rows for a step, drawn with replacement, [n, D].
    pub fn draw(&self, seed: u64, step: u64, n: i64) -> Tensor {
        self.flux.index_select(0, &self.drawn(seed, step, n))
    }

    /// ln(1 + z) of these rows, [n, 1].
    pub fn redshift(&self, seed: u64, step: u64, n: i64) -> Tensor {
        self.redshift.index_select(0, &self.drawn(seed, step, n))
    }

    fn drawn(&self, seed: u64, step: u64, n: i64) -> Tensor {
        let rows = Rows::range(seed, Purpose::Clean, step, n, self.flux.device());
        let of = self.flux.size()[0];
        let index = (rows.uniform(0, 1).squeeze_dim(1) * of as f64).to_kind(tch::Kind::Int64);
        index.clamp_max(of - 1)
    }
}

/// Levels of a column are the user's own; two windows or pixel scales must be one.
fn same_level(a: &NormaliseConfig, b: &NormaliseConfig) -> bool {
    a == b || [a, b].contains(&&NormaliseConfig::Column)
}

fn check(path: &Path, same: bool, what: &str) -> Result<()> {
    if same {
        return Ok(());
    }
    Err(Error::input(
        path,
        what,
        "differs from the observations",
        "clean data on the same grid and in the same units",
        "prepare it with the config of the observations, only survey.source and survey.prepared changed",
    ))
}

/// The flux [n, D] and the redshift [n, 1] of the rows that are usable, complete and not held out.
fn complete(
    config: &Config,
    objects: &[Object],
    read: &dyn Fn(Range<usize>) -> Result<Observations>,
) -> Result<[Tensor; 2]> {
    let mut parts = [Vec::new(), Vec::new()];
    for start in (0..objects.len()).step_by(CHUNK) {
        let end = (start + CHUNK).min(objects.len());
        let chunk = read(start..end)?;
        let whole = Vec::<bool>::try_from(chunk.latent.good.gt(0.0).all_dim(-1, false))?;
        let used = chunk.kept(|k| {
            let object = &objects[start + k];
            object.flag == 0 && whole[k] && is_trained(object, config.seed, &config.train)
        });
        parts[0].push(used.flux);
        parts[1].push(used.latent.redshift);
    }
    Ok(parts.map(|p| Tensor::cat(&p, 0)))
}
