//! The rest-frame population whose posterior a run of `interpolant.kind = "posterior"` begins with.

use super::data::Data;
use super::host_blocks::blocks;
use super::known::mean_width;
use super::seal::Seal;
use crate::base::tensors::{matrix, tensor};
use crate::config::{Config, ForwardConfig};
use crate::data::{Layout, LogGrid};
use crate::fit::checkpoint::save;
use crate::population::{Channel, RestGrid, RestMoments, RestStart};
use crate::{Error, Result};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Tensor};

/// Its moments and the line-spread function that the observations have on average, σ in pixels, `[D]`.
#[derive(Debug)]
pub(super) struct InRestFrame {
    moments: RestMoments,
    lsf: Vec<f64>,
}

/// What the file says besides its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// ln(1 + z) of a spectrum at the first shift.
    furthest: f64,
}

/// Its tensors; the first two name the kind of the file.
pub(super) const NAMES: [&str; 4] = ["rest/mean", "rest/covariance", "rest/shifts", "rest/lsf"];

impl InRestFrame {
    /// That behind the training part of `data`, with the part `erased` of a declared variance; `None` where
    /// the network is told of no redshifts, or [`RestMoments::learn`] finds none.
    ///
    /// # Errors
    /// [`Error::Input`] if the observations cannot be read.
    pub fn learn(config: &Config, data: &Data, erased: f64) -> Result<Option<Self>> {
        let Layout::Spectra { grid, noise_rho } = &data.layout else {
            return Ok(None);
        };
        if !config.network.redshift_input() || !config.forward.has_closed_form() {
            return Ok(None);
        }
        let single = |v: f64| f64::from(v as f32);
        let lsf = mean_width(blocks(data), grid.pixels)?;
        let lsf: Vec<f64> = lsf.into_iter().map(single).collect();
        let channel = Channel::new(&config.forward, grid, &lsf, noise_rho)?;
        let through = (&config.forward, &channel);
        let found = RestMoments::learn(|| blocks(data), grid, through, noise_rho, erased)?;
        // As the file holds it, so that a resumed run has the same bits.
        Ok(found.map(|m| Self {
            moments: RestMoments {
                mean: m.mean.mapv(single),
                covariance: m.covariance.mapv(single),
                shifts: m.shifts.into_iter().map(single).collect(),
                ..m
            },
            lsf,
        }))
    }

    /// The start of the paths of spectra behind the channel of `forward`.
    ///
    /// # Errors
    /// As [`Channel::new`].
    pub fn start(
        &self,
        forward: &ForwardConfig,
        layout: &Layout,
        device: Device,
    ) -> Result<RestStart> {
        let (grid, rho) = spectra(layout)?;
        let channel = Channel::new(forward, grid, &self.lsf, rho)?;
        Ok(RestStart::new(&self.moments, &channel, device))
    }

    /// Writes it to `path`, as of the run of `seal`.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be written.
    pub fn write(&self, path: &Path, seal: &Seal) -> Result<()> {
        let m = &self.moments;
        let row = |v: Vec<f64>| Array1::from(v).insert_axis(Axis(0));
        let parts: [Array2<f64>; 4] = [
            m.mean.clone().insert_axis(Axis(0)),
            m.covariance.clone(),
            row(m.shifts.clone()),
            row(self.lsf.clone()),
        ];
        let named = NAMES.iter().zip(parts).map(|(name, a)| {
            let t = tensor(&a.mapv(|v| v as f32), Device::Cpu);
            ((*name).to_owned(), t)
        });
        let named: Vec<(String, Tensor)> = named.collect();
        let header = Header {
            furthest: m.grid.furthest(),
        };
        save(path, &header, seal.provenance(), &named)
    }

    /// Reads it from `path`, for spectra of `layout`.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not there, damaged, of another grid, or not of the run of `seal`.
    pub fn read(path: &Path, seal: &Seal, layout: &Layout) -> Result<Self> {
        let (grid, _) = spectra(layout)?;
        let saved = seal.open::<Header>(path)?;
        let bad = |problem: &str| Error::run(path, problem, "put the file of the run back");
        let array = |name: &str| {
            let found = saved.matrix(name, Device::Cpu)?;
            let found = found.ok_or_else(|| bad(&format!("{name} is missing")))?;
            Ok::<_, Error>(matrix(&found)?.mapv(f64::from))
        };
        let [mean, covariance, shifts, lsf] = NAMES.map(array);
        let (mean, covariance, shifts, lsf) = (mean?, covariance?, shifts?, lsf?);
        let rest = RestGrid::over(grid, saved.header.furthest, shifts.ncols().max(1));
        let l = rest.len();
        let right = mean.dim() == (1, l)
            && covariance.dim() == (l, l)
            && shifts.nrows() == 1
            && lsf.dim() == (1, grid.pixels);
        if !right {
            return Err(bad("it is of another wavelength grid"));
        }
        Ok(Self {
            moments: RestMoments {
                grid: rest,
                mean: mean.row(0).to_owned(),
                covariance,
                shifts: shifts.row(0).to_vec(),
            },
            lsf: lsf.row(0).to_vec(),
        })
    }
}

fn spectra(layout: &Layout) -> Result<(&LogGrid, &[f32])> {
    match layout {
        Layout::Spectra { grid, noise_rho } => Ok((grid, noise_rho)),
        Layout::Images(_) => Err(Error::config(
            "config",
            "interpolant.kind",
            "its population in the rest frame is one of spectra, and the data are images",
            "train a new run",
        )),
    }
}
