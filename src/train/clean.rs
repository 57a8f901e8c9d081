//! Clean data among the observations: a part of each batch whose x0 is known.
//!
//! With a fraction f of clean data the population that the interpolant is fitted to is
//! f π + (1 − f) Φ#μ: its fixed point is π as before, and the map is pulled towards it.

use super::observations::{CHUNK, Observable, Observations};
use super::split::is_trained;
use crate::base::random::{Purpose, Rows, derive_uniform};
use crate::base::statistics::evenly;
use crate::config::{CleanConfig, Config, NormaliseConfig};
use crate::data::{Layout, Object};
use crate::prepare::{ImageSet, Prepared};
use crate::{Error, Result};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Part of `train.memory` that clean rows may take beside the observations.
const MEMORY: f64 = 0.25;

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
    /// The complete rows of the clean set of `config` whose objects are not held out, of more than a quarter
    /// of `train.memory` holds as many, evenly spread; `layout` is the layout of the observations.
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
                let read = |rows: &[usize]| Ok(set.read_rows(rows)?.observations(device));
                complete(config, path, set.objects(), grid.pixels, &read)?
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
                let read = |rows: &[usize]| Ok(set.read_rows(rows)?.observations(device));
                complete(config, path, set.objects(), image.pixels(), &read)?
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

/// The flux [n, D] and the redshift [n, 1] of the rows that are usable, complete and not held out, as far as
/// they fit into memory.
fn complete(
    config: &Config,
    path: &Path,
    objects: &[Object],
    pixels: usize,
    read: &dyn Fn(&[usize]) -> Result<Observations>,
) -> Result<[Tensor; 2]> {
    let usable =
        |i: &usize| objects[*i].flag == 0 && is_trained(&objects[*i], config.seed, &config.train);
    let all: Vec<usize> = (0..objects.len()).filter(usable).collect();
    let rows = evenly(&all, config.train.rows_in_memory(MEMORY, pixels));
    if rows.len() < all.len() {
        log::warn!(
            "{}: {} of {} clean rows take part, evenly spread: a quarter of train.memory holds no more",
            path.display(),
            rows.len(),
            all.len()
        );
    }
    // One tensor is filled, since putting parts together would take the memory twice.
    let mut whole: Option<[Tensor; 2]> = None;
    let mut n = 0;
    for part in rows.chunks(CHUNK) {
        let chunk = read(part)?;
        let complete = Vec::<bool>::try_from(chunk.latent.good.gt(0.0).all_dim(-1, false))?;
        let used = chunk.kept(|k| complete[k]);
        let found = [used.flux, used.latent.redshift];
        let whole = whole.get_or_insert_with(|| {
            let room =
                |t: &Tensor| t.new_empty([rows.len() as i64, t.size()[1]], (t.kind(), t.device()));
            found.each_ref().map(room)
        });
        let count = found[0].size()[0];
        for (whole, found) in whole.iter().zip(&found) {
            whole.narrow(0, n, count).copy_(found);
        }
        n += count;
    }
    let none = || [pixels as i64, 1].map(|d| Tensor::zeros([0, d], (Kind::Float, Device::Cpu)));
    Ok(whole.unwrap_or_else(none).map(|t| t.narrow(0, 0, n)))
}
