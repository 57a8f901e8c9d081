//! The population of a run of `interpolant.kind = "sure"`: learned once from the observations, and kept
//! in the run's folder.

use super::super::data::Data;
use super::super::host_blocks::blocks;
use super::super::known;
use super::super::run::Run;
use super::super::seal::Seal;
use super::sky;
use super::usual::{SCORES, Usual};
use crate::base::tensors::{matrix, tensor};
use crate::data::{Layout, LogGrid};
use crate::fit::checkpoint::save;
use crate::population::{
    Amplitudes, BandMatrix, Drift, Residues, RestGrid, RestPopulation, Structure,
};
use crate::{Error, Result};
use ndarray::{Array1, Array2, Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::{Device, Tensor};

/// A population and the line-spread function that the observations have on average.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    pub population: RestPopulation,
    /// σ in pixels, `[D]`.
    pub lsf: Vec<f64>,
    /// What the sky's subtraction leaves in them, where it was measured.
    pub residues: Option<Residues>,
    /// How likely observations are; `None` before it is known, and of runs of before.
    pub usual: Option<Usual>,
}

/// What the file says besides its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    furthest: f64,
    scaled: bool,
    spectra: usize,
}

const NAMES: [&str; 4] = ["sure/mean", "sure/factor", "sure/shifts", "sure/lsf"];
/// How the mean goes with the amplitude, where spectra are not scaled as a whole.
const SLOPE: &str = "sure/slope";
/// How it goes with redshift, where spectra show parts of the grid.
const DRIFT: &str = "sure/drift";
/// Of the covariance's structure, where it has one.
const STRUCTURE: [&str; 2] = ["sure/modes", "sure/band"];
/// The sky's residues, where they were measured: log10 of the wavelength, and the modes.
const RESIDUES: &str = "sure/residues";
/// Of what is usual, where it is known.
const USUAL: &str = "sure/usual";

/// Grid and noise correlation of spectra.
///
/// # Errors
/// [`Error::Config`] of images.
pub(super) fn spectra(layout: &Layout) -> Result<(&LogGrid, &[f32])> {
    match layout {
        Layout::Spectra { grid, noise_rho } => Ok((grid, noise_rho)),
        Layout::Images(_) => Err(Error::config(
            "config",
            "interpolant.kind",
            "`sure` is for spectra, and the data are images",
            "give interpolant.kind = \"sde\" or \"ode\"",
        )),
    }
}

/// That of the run's folder, if it is there, and else the one behind the training part of `data`.
///
/// # Errors
/// [`Error::Run`] if the file is damaged; [`Error::Input`] if nothing can be learned.
pub(super) fn of(run: &Run, data: &Data) -> Result<Learned> {
    let (grid, _) = spectra(&data.layout)?;
    if run.population().is_file() {
        return read(&run.population(), run.seal()?, grid);
    }
    let config = run.config();
    // As the file holds it, so that a resumed run has the same bits.
    let single = |v: &f64| f64::from(*v as f32);
    let residues = sky::residues(config)?.map(|r| Residues {
        loglam: r.loglam.iter().map(single).collect(),
        modes: r.modes.map(single),
    });
    let learned = |amplitudes| known::behind(config, data, amplitudes, residues.as_ref());
    // Where spectra differ by their amplitudes alone, a mean that goes with them leaves nothing.
    let trend = learned(Amplitudes::Trend)?;
    let found = match trend.as_ref().is_some_and(|p| p.factor.ncols() == 0) {
        true => learned(Amplitudes::Scale)?,
        false => trend,
    };
    let population = found.ok_or_else(|| {
        Error::input(
            &config.survey.prepared,
            "z, lsf",
            "no Gaussian population can be learned from these observations",
            "a line-spread function below 3 pixels, and redshifts within a factor of a few",
            "give interpolant.kind = \"sde\" in place of \"sure\"",
        )
    })?;
    if population.factor.ncols() == 0 {
        return Err(Error::input(
            &config.survey.prepared,
            "flux",
            "the objects do not differ by more than their noise explains, so that no posterior of `sure` has a width",
            "more spectra, or less noise",
            "give interpolant.kind = \"sde\"",
        ));
    }
    let lsf = known::mean_width(blocks(data), grid.pixels)?;
    Ok(Learned {
        population: RestPopulation {
            mean: population.mean.map(single),
            slope: population.slope.as_ref().map(|s| s.map(single)),
            drift: population
                .drift
                .as_ref()
                .and_then(|d| Drift::from_stored(&d.stored().map(single))),
            factor: population.factor.map(single),
            shifts: population.shifts.iter().map(single).collect(),
            structure: population.structure.as_ref().map(|s| Structure {
                modes: s.modes.map(single),
                band: BandMatrix::from_stored(s.band.stored().map(single)),
            }),
            ..population
        },
        lsf: lsf.iter().map(single).collect(),
        residues,
        usual: None,
    })
}

/// Writes it to `path`, as of the run of `seal`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub(super) fn write(path: &Path, seal: &Seal, learned: &Learned) -> Result<()> {
    let p = &learned.population;
    let header = Header {
        furthest: p.grid.furthest(),
        scaled: p.scaled,
        spectra: p.spectra,
    };
    let row = |v: &[f64]| Array1::from(v.to_vec()).insert_axis(Axis(0));
    let parts: [Array2<f64>; 4] = [
        p.mean.clone().insert_axis(Axis(0)),
        p.factor.clone(),
        row(&p.shifts),
        row(&learned.lsf),
    ];
    let structure = p.structure.as_ref();
    let structure = structure.map(|s| [s.modes.clone(), s.band.stored().clone()]);
    let slope = p
        .slope
        .iter()
        .map(|s| (&SLOPE, s.clone().insert_axis(Axis(0))));
    let drift = p.drift.iter().map(|d| (&DRIFT, d.stored()));
    let usual = learned.usual.iter().map(|u| (&USUAL, u.scores.clone()));
    let structure = structure.into_iter().flatten();
    let parts = NAMES
        .iter()
        .zip(parts)
        .chain(STRUCTURE.iter().zip(structure));
    let residues = learned.residues.iter().map(|r| {
        let nodes = row(&r.loglam).reversed_axes();
        (&RESIDUES, concatenate![Axis(1), nodes, r.modes])
    });
    let named = parts
        .chain(slope)
        .chain(drift)
        .chain(residues)
        .chain(usual)
        .map(|(name, a)| {
            let t = tensor(&a.mapv(|v| v as f32), Device::Cpu);
            ((*name).to_owned(), t)
        });
    let named: Vec<(String, Tensor)> = named.collect();
    save(path, &header, seal.provenance(), &named)
}

/// Reads it from `path`.
///
/// # Errors
/// [`Error::Run`] if it is not there, damaged, of another grid, or not of the run of `seal`.
pub(super) fn read(path: &Path, seal: &Seal, grid: &LogGrid) -> Result<Learned> {
    let saved = seal.open::<Header>(path)?;
    let bad = |problem: &str| Error::run(path, problem, "put the file of the run back");
    let found = |name: &str| {
        let t = saved.matrix(name, Device::Cpu)?;
        t.map(|t| Ok::<_, Error>(matrix(&t)?.mapv(f64::from)))
            .transpose()
    };
    let array = |name: &str| found(name)?.ok_or_else(|| bad(&format!("{name} is missing")));
    let [mean, factor, shifts, lsf] = NAMES.map(array);
    let (mean, factor, shifts, lsf) = (mean?, factor?, shifts?, lsf?);
    let slope = found(SLOPE)?.map(|s| s.row(0).to_owned());
    let drift = found(DRIFT)?.map(|d| {
        let drift = Drift::from_stored(&d);
        drift.ok_or_else(|| bad("sure/drift is damaged"))
    });
    let drift = drift.transpose()?;
    let [modes, band] = STRUCTURE.map(found);
    let structure = match (modes?, band?) {
        (Some(modes), Some(band)) => Some(Structure {
            modes,
            band: BandMatrix::from_stored(band),
        }),
        _ => None,
    };
    let residues = found(RESIDUES)?.map(|r| Residues {
        loglam: r.column(0).to_vec(),
        modes: r.slice(s![.., 1..]).to_owned(),
    });
    let usual = found(USUAL)?.filter(|scores| scores.ncols() == SCORES);
    let usual = usual.map(Usual::from_scores);
    let Header {
        furthest,
        scaled,
        spectra,
    } = saved.header;
    let rest = RestGrid::over(grid, furthest, shifts.len());
    let fits = |s: &Structure| s.modes.nrows() == rest.len() && s.band.len() == rest.len();
    let right = mean.len() == rest.len()
        && slope.as_ref().is_none_or(|s| s.len() == rest.len())
        && drift.as_ref().is_none_or(|d| d.slope.len() == rest.len())
        && factor.nrows() == rest.len()
        && lsf.len() == grid.pixels
        && structure.as_ref().is_none_or(fits);
    if !right {
        return Err(bad("it is of another wavelength grid"));
    }
    Ok(Learned {
        population: RestPopulation {
            grid: rest,
            mean: mean.row(0).to_owned(),
            slope,
            drift,
            factor,
            structure,
            scaled,
            shifts: shifts.row(0).to_vec(),
            spectra,
        },
        lsf: lsf.row(0).to_vec(),
        residues,
        usual,
    })
}
