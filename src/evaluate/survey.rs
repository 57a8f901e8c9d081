//! From files to arrays: joins a prepared set, its truth and restored catalogs by name.

use super::calibration::Calibration;
use super::catalogs::{Catalog, Made, finite_rows};
use super::methods::{Method, Role};
use super::rest_frame::RestFrame;
use super::result::{Evaluation, Kind};
use super::sampled::added;
use super::sampling::{Samplers, SpectraRows, answer, blocks, evenly, of_spectra};
use super::scored::AtRest;
use super::scored::Scored;
use super::study::{Candidate, TruePopulation, study};
use crate::config::Config;
use crate::data::own_range;
use crate::population::{Accumulator, Channel, Learned, learn};
use crate::prepare::Prepared;
use crate::restored::Restored;
use crate::survey::Truth;
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::path::{Path, PathBuf};

/// Rows read at once.
const CHUNK: usize = 1024;
/// Rows that moments are learned from, at most: evenly spread over a larger survey.
const LEARNED_FROM: usize = 100 * CHUNK;

/// A finished evaluation, and how many held-out spectra could not take part in it.
#[derive(Debug)]
pub struct Outcome {
    /// The tables.
    pub evaluation: Evaluation,
    /// Restorations that are not finite although their flag says that they are.
    pub not_finite: usize,
}

/// A run and its restored catalogs.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// Name of the run folder.
    pub name: String,
    /// The run's config.
    pub config: Config,
    /// Its restored catalogs.
    pub restored: Vec<PathBuf>,
    /// Processor seconds of its training, where they are known.
    pub cpu_s: Option<f64>,
}

/// Compares the restored catalogs of `runs`, all of one survey, with the truth, in one table called
/// `name`. Scored are at most `most` of the spectra that are held out from every training, usable,
/// present in the truth and restored in every catalog; the learned moments come from the training
/// observations, the oracle's from the clean spectra that are not scored, of a large survey from an even
/// part of them. `samplers` may add rows.
///
/// # Errors
/// [`Error::Input`] if a file cannot be read or does not belong to the others; [`Error::Config`] if
/// the runs are not of one survey and forward model.
pub fn evaluate_runs(
    name: &str,
    runs: &[RunFiles],
    truth: &Path,
    most: usize,
    samplers: Option<&Samplers>,
) -> Result<Outcome> {
    let config = of_one_survey(runs)?;
    let set = Prepared::open(&config.survey.prepared)?;
    let truth = Truth::open(truth, &set.grid())?;
    let catalogs = labelled(runs).map(|(path, suffix)| Catalog::open(path, suffix, &set));
    let catalogs = catalogs.collect::<Result<Vec<_>>>()?;
    let split = Split::new(&set, &truth, &catalogs, most);
    let known = if config.forward.has_closed_form() {
        let training = evenly(&split.training, LEARNED_FROM);
        Some(learn(
            || blocks(&set, &training),
            &config.forward,
            &set.grid(),
            set.noise_rho(),
        )?)
    } else {
        None
    };
    let oracle = clean_population(&set, &truth, &split)?;

    let mut candidates: Vec<Candidate> = Vec::new();
    for catalog in &catalogs {
        candidates.extend(catalog.candidates(&set, &split.scored)?);
    }
    let finite = finite_rows(candidates.iter().map(|c| &c.flux));
    let not_finite = split.scored.len() - finite.len();
    for c in &mut candidates {
        c.flux = c.flux.select(Axis(0), &finite);
    }
    let rows: Vec<usize> = finite.iter().map(|i| split.scored[*i]).collect();
    let answer = answer(samplers, || {
        let rows = SpectraRows {
            scored: &rows,
            training: &split.training,
            clean: &split.clean,
        };
        let moments = known.as_ref().map(|(_, learned)| &learned.moments);
        of_spectra(&set, &truth, &rows, (config, runs[0].cpu_s), moments)
    })?;
    let scored = scored(&set, &truth, &rows)?;
    let sampled: Vec<_> = (answer.rows.into_iter())
        .map(|row| added(row, &scored))
        .collect();
    let rest_frame = |(channel, _): &(Channel, Learned)| {
        let rest_frame = RestFrame {
            set: &set,
            truth: &truth,
            channel,
            training: &split.training,
            clean: &split.clean,
            most: LEARNED_FROM,
            seed: config.seed,
        };
        rest_frame.made(&scored)
    };
    let rest_frame = known
        .as_ref()
        .map(rest_frame)
        .transpose()?
        .unwrap_or_default();
    let mut candidates_of_peers = rest_frame.candidates;
    let (mut methods, mut calibrations) = (rest_frame.methods, Vec::new());
    for baseline in sampled {
        candidates_of_peers.extend(baseline.rows);
        calibrations.extend(baseline.calibration);
        methods.push(baseline.method);
    }
    let candidates = (candidates_of_peers.into_iter())
        .chain(candidates)
        .collect();
    let mut evaluation = study(
        name,
        &scored,
        known.as_ref(),
        &oracle,
        candidates,
        config.seed,
    )?;
    let mut own = Vec::new();
    let cpu_s = runs.iter().flat_map(|r| r.restored.iter().map(|_| r.cpu_s));
    for (catalog, cpu_s) in catalogs.iter().zip(cpu_s) {
        let calibration = catalog.calibration(&set, &rows, &scored)?;
        let method = method_of(catalog, calibration.as_ref(), cpu_s);
        evaluation.calibration.extend(calibration);
        own.push(method);
    }
    if samplers.is_some() {
        evaluation.methods = own;
        evaluation.methods.extend(observed_frame(&evaluation));
        // For the asking: these draws are no catalog's.
        evaluation.calibration.extend(rest_frame.calibration);
        evaluation.calibration.extend(calibrations);
        evaluation.methods.extend(methods);
    }
    evaluation.notes = answer.notes;
    Ok(Outcome {
        evaluation,
        not_finite,
    })
}

/// The oracle that is not told redshifts, where the channel has one.
fn observed_frame(e: &Evaluation) -> Option<Method> {
    let name = |kind| e.row(kind).map(|r| r.name.clone());
    Some(Method {
        name: "observed-frame oracle".to_owned(),
        role: Role::Reference,
        estimate: Some(name(Kind::Oracle)?),
        draw: name(Kind::OracleDraw),
        calibration: None,
        cpu_s: f64::NAN,
    })
}

/// The run's own method, as `catalog` holds its restorations.
fn method_of(
    catalog: &Catalog<Restored>,
    calibration: Option<&Calibration>,
    cpu_s: Option<f64>,
) -> Method {
    let images = catalog.images();
    let row = |draw: bool| {
        let found = (images.iter()).find(|(made, ..)| (*made == Made::Draw) == draw);
        found.map(|(_, what, _)| format!("{what}{}", catalog.suffix))
    };
    Method {
        name: format!("selfsi{}", catalog.suffix),
        role: Role::Run,
        estimate: row(false),
        draw: row(true),
        calibration: calibration.map(|c| c.name.clone()),
        cpu_s: cpu_s.unwrap_or(f64::NAN),
    }
}

/// Every restored file of `runs`, and what tells its rows of the table from those of the others.
pub(super) fn labelled(runs: &[RunFiles]) -> impl Iterator<Item = (&Path, String)> {
    let several = runs.iter().map(|r| r.restored.len()).sum::<usize>() > 1;
    runs.iter().flat_map(move |run| {
        run.restored.iter().map(move |path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let suffix = match (several, run.restored.len()) {
                (false, _) => String::new(),
                (true, 1) => format!(" ({})", run.name),
                (true, _) => format!(" ({}/{stem})", run.name),
            };
            (path.as_path(), suffix)
        })
    })
}

/// The first run's config, which the others must agree with.
pub(super) fn of_one_survey(runs: &[RunFiles]) -> Result<&Config> {
    let Some((first, others)) = runs.split_first() else {
        return Err(Error::config(
            "evaluate",
            "RUN",
            "no run",
            "give at least one run folder",
        ));
    };
    for other in others {
        let differs = if other.config.survey.prepared != first.config.survey.prepared {
            "survey.prepared"
        } else if other.config.forward != first.config.forward {
            "forward"
        } else {
            continue;
        };
        return Err(Error::config(
            &other.name,
            differs,
            format!("differs between this run and {}", first.name),
            "compare runs of one survey and forward model in one table",
        ));
    }
    Ok(&first.config)
}

/// Which rows of the prepared set are scored, and which the moments come from.
#[derive(Default)]
struct Split {
    scored: Vec<usize>,
    /// Usable and not held out.
    training: Vec<usize>,
    /// Usable, not scored, and in the truth: with their row there.
    clean: Vec<(usize, usize)>,
}

impl Split {
    fn new(set: &Prepared, truth: &Truth, catalogs: &[Catalog<Restored>], most: usize) -> Self {
        let mut split = Self::default();
        for (i, object) in set
            .objects()
            .iter()
            .enumerate()
            .filter(|(_, o)| o.flag == 0)
        {
            let found = || catalogs.iter().map(|c| c.find(&object.name));
            let in_truth = truth.find(&object.name);
            if !found().flatten().any(|(_, held_out)| held_out) {
                split.training.push(i);
            } else if in_truth.is_some() && found().all(|f| f == Some((0, true))) {
                split.scored.push(i);
                continue;
            }
            split.clean.extend(in_truth.map(|t| (i, t)));
        }
        // Evenly spread over the survey.
        let n = split.scored.len();
        if n > most {
            let chosen = |k: usize| k * most / n != (k + 1) * most / n;
            let (scored, rest): (Vec<_>, Vec<_>) = (0..n).partition(|k| chosen(*k));
            let at = |k: &usize| split.scored[*k];
            let rest = rest.iter().map(at).filter_map(|i| {
                let name = &set.objects()[i].name;
                truth.find(name).map(|t| (i, t))
            });
            split.clean.extend(rest);
            split.scored = scored.iter().map(at).collect();
        }
        split
    }
}

/// The oracle's population: the clean spectra that are not scored.
fn clean_population(set: &Prepared, truth: &Truth, split: &Split) -> Result<TruePopulation> {
    let d = set.grid().pixels;
    let mut sums = Accumulator::new(d);
    let rows: Vec<(usize, f64)> = evenly(&split.clean, LEARNED_FROM)
        .iter()
        .map(|(i, t)| (*t, set.objects()[*i].norm))
        .collect();
    let read = |group: &[(usize, f64)]| {
        let (at, norm): (Vec<usize>, Vec<f64>) = group.iter().copied().unzip();
        truth.read(&at, &norm)
    };
    for second in [false, true] {
        for group in rows.chunks(CHUNK) {
            let x = read(group)?;
            let noiseless = Array2::from_elem(x.raw_dim(), f32::INFINITY);
            if second {
                sums.add_products(x.view(), noiseless.view(), &ndarray::Array1::zeros(d));
            } else {
                sums.add_mean(x.view(), noiseless.view());
            }
        }
    }
    let sample = read(&rows[..rows.len().min(split.scored.len())])?;
    Ok(TruePopulation {
        moments: sums.clean(),
        sample,
    })
}

fn scored(set: &Prepared, truth: &Truth, rows: &[usize]) -> Result<Scored> {
    let block = set.read_rows(rows)?;
    let objects = || rows.iter().map(|i| &set.objects()[*i]);
    let found: Vec<usize> = objects().filter_map(|o| truth.find(&o.name)).collect();
    let norm: Vec<f64> = objects().map(|o| o.norm).collect();
    let at_rest = set.grid().is_rest().then(|| AtRest {
        z_grid: objects().map(|o| o.z_grid).collect(),
        own: (block.ivar.rows().into_iter()).map(own_range).collect(),
    });
    Ok(Scored {
        wavelength: set.grid().wavelength(),
        at_rest,
        z: objects().map(|o| o.z).collect(),
        flux: block.flux,
        ivar: block.ivar,
        truth: truth.read(&found, &norm)?,
        continuum: truth.continuum(&found, &norm)?,
    })
}
