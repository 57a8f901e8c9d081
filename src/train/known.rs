//! What a run with `network.gaussian` knows of its population before it trains: learned once from the
//! observations, and kept in its folder.

use super::data::Data;
use super::host_blocks::{CHUNK, blocks};
use super::seal::Seal;
use crate::base::statistics::median;
use crate::base::tensors::{numbers, tensor};
use crate::config::Config;
use crate::data::{Block, Layout, RowBlock};
use crate::fit::checkpoint::save;
use crate::nets::Population;
use crate::population::{Amplitudes, Channel, Residues, RestPopulation};
use crate::{Error, Result};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Pixels over which the noise's level is smoothed: a median of so many, single ones (sky lines) being
/// dealt with one by one.
const SMOOTH: usize = 49;

/// What the file says besides its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    furthest: f64,
    dln: f64,
    scaled: bool,
}

/// The population behind the training part of `data`, in the rest frame where the network is told of
/// redshifts and else in the observed one. `None` where the blur hides it, or
/// the redshifts range too widely. `residues` are what the sky's subtraction leaves, where that is known.
///
/// # Errors
/// [`Error::Config`] of a channel without a closed form, or images; [`Error::Input`] if the
/// observations cannot be read.
pub(super) fn behind(
    config: &Config,
    data: &Data,
    amplitudes: Amplitudes,
    residues: Option<&Residues>,
) -> Result<Option<RestPopulation>> {
    let Layout::Spectra { grid, noise_rho } = &data.layout else {
        return Err(unfit("there is none for images"));
    };
    let told = config.network.redshift_input();
    let rows = || {
        blocks(data).map(|block| {
            let mut block = block?;
            if !told {
                block.z.fill(0.0);
            }
            Ok(block)
        })
    };
    let lsf = mean_width(rows(), grid.pixels)?;
    let channel =
        Channel::new(&config.forward, grid, &lsf, noise_rho)?.with_residues(residues.cloned());
    if !RestPopulation::is_seen_through(&channel) {
        return Ok(None);
    }
    RestPopulation::learn(rows, grid, &channel, amplitudes)
}

/// The population of a run with `network.gaussian`.
///
/// # Errors
/// As [`behind`]; [`Error::Input`] where there is none.
pub(super) fn learn(config: &Config, data: &Data) -> Result<Population> {
    let found = behind(config, data, Amplitudes::Scale, None)?.ok_or_else(|| {
        Error::input(
            &config.survey.prepared,
            "z, lsf",
            "no Gaussian population can be learned from these observations",
            "a line-spread function below 3 pixels, and redshifts within a factor of a few",
            "set network.gaussian = false",
        )
    })?;
    let Layout::Spectra { grid, .. } = &data.layout else {
        return Err(unfit("there is none for images"));
    };
    let pair = |p: &RestPopulation| {
        let single = |a: Array2<f64>| tensor(&a.mapv(|v| v as f32), Device::Cpu);
        let mean = p.mean.clone().insert_axis(Axis(0));
        [single(mean), single(p.covariance())]
    };
    Ok(Population {
        furthest: found.grid.furthest(),
        dln: match grid.is_rest() {
            true => f64::INFINITY,
            false => found.grid.dln(),
        },
        scaled: found.scaled,
        known: pair(&found),
        unknown: pair(&found.observed()),
        profile: profile(data)?,
    })
}

/// Mean width of the line-spread function at each pixel.
pub(super) fn mean_width(
    rows: impl Iterator<Item = Result<Block>>,
    pixels: usize,
) -> Result<Vec<f64>> {
    let (mut sum, mut seen) = (Array1::<f64>::zeros(pixels), 0.0);
    for block in rows {
        let block = block?;
        sum += &block.lsf.mapv(f64::from).sum_axis(Axis(0));
        seen += block.len() as f64;
    }
    Ok((sum / f64::max(seen, 1.0)).to_vec())
}

/// √ of the mean noise variance at each pixel, smoothed, over its root mean square, `[1, D]`.
fn profile(data: &Data) -> Result<Tensor> {
    let part = data.training.part(0..data.training.len().min(20 * CHUNK))?;
    let sum = |t: &Tensor| t.sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
    let good = &part.latent.good;
    let mean = sum(&(part.latent.sigma.square() * good)) / sum(good).clamp_min(1.0);
    let mean = numbers(&mean)?;
    let half = SMOOTH / 2;
    let smooth = (0..mean.len()).map(|j| {
        let near = &mean[j.saturating_sub(half)..(j + half + 1).min(mean.len())];
        median(near.iter().map(|v| f64::from(*v))) as f32
    });
    let smooth: Vec<f32> = smooth.collect();
    let smooth = Tensor::from_slice(&smooth).unsqueeze(0).clamp_min(1e-12);
    Ok((&smooth / smooth.mean(Kind::Float)).sqrt())
}

/// Writes it to `path`, as of the run of `seal`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub(super) fn write(path: &Path, seal: &Seal, p: &Population) -> Result<()> {
    let header = Header {
        furthest: p.furthest,
        dln: p.dln,
        scaled: p.scaled,
    };
    save(path, &header, seal.provenance(), &named(p))
}

fn named(p: &Population) -> Vec<(String, Tensor)> {
    let parts = [
        &p.known[0],
        &p.known[1],
        &p.unknown[0],
        &p.unknown[1],
        &p.profile,
    ];
    let entry = |(name, t): (&str, &Tensor)| (name.to_owned(), t.shallow_clone());
    NAMES.into_iter().zip(parts).map(entry).collect()
}

const NAMES: [&str; 5] = [
    "known/mean",
    "known/covariance",
    "unknown/mean",
    "unknown/covariance",
    "profile",
];

/// Reads it from `path`.
///
/// # Errors
/// [`Error::Run`] if it is not there, damaged, of another kind, or not of the run of `seal`.
pub(super) fn read(path: &Path, seal: &Seal, pixels: usize) -> Result<Population> {
    let saved = seal.open::<Header>(path)?;
    let bad = |problem: &str| Error::run(path, problem, "put the file of the run back");
    let matrix = |name: &str| {
        let found = saved.matrix(name, Device::Cpu)?;
        found.ok_or_else(|| bad(&format!("{name} is missing")))
    };
    let [mean, covariance, unknown, unknown_covariance, profile] = NAMES.map(matrix);
    let (known, unknown) = ([mean?, covariance?], [unknown?, unknown_covariance?]);
    let (profile, d) = (profile?, pixels as i64);
    let l = known[0].size()[1];
    let right = l >= d
        && known[0].size() == [1, l]
        && known[1].size() == [l, l]
        && unknown[0].size() == [1, d]
        && unknown[1].size() == [d, d]
        && profile.size() == [1, d];
    if !right {
        return Err(bad("it is of another wavelength grid"));
    }
    let Header {
        furthest,
        dln,
        scaled,
    } = saved.header;
    Ok(Population {
        furthest,
        dln,
        scaled,
        known,
        unknown,
        profile,
    })
}

fn unfit(problem: &str) -> Error {
    Error::config(
        "config",
        "network.gaussian",
        problem,
        "set network.gaussian = false",
    )
}
