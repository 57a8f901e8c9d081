//! Restored catalog → diffusion model → new samples of the population.

mod file;
mod restored;

pub use file::{Generated, GeneratedAxes, GeneratedHeader, GeneratedWriter, Generation};

pub use restored::RestoredSamples;

use crate::base::lock::FolderLock;
use crate::base::tensors::matrix;
use crate::config::{Config, SamplerConfig};
use crate::diffusion::{DiffusionTrainer, Model, ModelHeader, ModelRecord, begin};
use crate::files::overwrite::check_output;
use crate::restore::in_units;
use crate::train::{Run, config_sha256};
use crate::{Error, Result};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Device, Tensor};

/// One generation.
#[derive(Clone, Copy)]
pub struct GenerateJob<'a> {
    /// [`config_of`] the run.
    pub config: &'a Config,
    /// What the model is trained on.
    pub restored: &'a RestoredSamples,
    /// The file to write: FITS or HDF5, by its extension.
    pub out: &'a Path,
    /// How many samples; they have the numbers 1 to `count`.
    pub count: usize,
    /// Seed of the samples.
    pub seed: u64,
    /// Train a model anew, whatever there is.
    pub retrain: bool,
    /// Where it is trained and sampled.
    pub device: Device,
    /// Set to stop: training leaves a checkpoint, sampling leaves nothing.
    pub stop: &'a AtomicBool,
    /// No training display.
    pub quiet: bool,
}

/// What was generated, by which model.
#[derive(Debug)]
pub struct Summary {
    /// Samples written.
    pub samples: usize,
    /// How many of them are finite; the others are flagged.
    pub finite: usize,
    /// Folder of the model.
    pub folder: PathBuf,
    /// What the model was trained on.
    pub record: ModelRecord,
    /// The checkpoint that was sampled.
    pub model: ModelHeader,
}

/// The config of a trained run with `--set` applied. Only how to generate may differ from training.
///
/// # Errors
/// [`Error::Config`] if anything beyond `[diffusion]` differs, or its network does not fit the grid.
pub fn config_of(run: &Run, overrides: &[String]) -> Result<Config> {
    let config = Config::load(run.folder().join("config.toml"), overrides)?;
    let trained = Config {
        diffusion: run.config().diffusion.clone(),
        ..config.clone()
    };
    if trained != *run.config() {
        return Err(Error::config(
            "--set",
            overrides.join(" "),
            "the run was trained otherwise",
            "override keys of [diffusion] alone",
        ));
    }
    config.check_diffusion_network(&run.folder().display().to_string())?;
    Ok(config)
}

/// Writes new samples of the population behind a restored catalog. The model of the run's folder
/// `diffusion` draws them; where there is none yet, or its training was stopped, it is trained on
/// the catalog first.
///
/// # Errors
/// [`Error::Run`] if the model is of another catalog or `[diffusion]`, or after `stop`;
/// [`Error::Input`] if the catalog cannot be trained on; [`Error::Diverged`] if training fails;
/// [`Error::Output`] if something cannot be written: then there is no file.
pub fn generate(
    run: &Run,
    job: GenerateJob<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary> {
    GeneratedWriter::check(job.out)?;
    check_output(job.out, [job.restored.path()], "give --out another name")?;
    let folder = run.folder().join("diffusion");
    let (record, model) = model(&folder, job)?;
    let sampler = job.config.diffusion_or_default().sampler;
    let header = header(run, job, &record, &model)?;
    let mut writer = GeneratedWriter::create(job.out, &header, job.count)?;
    let numbers: Vec<i64> = (1..=job.count as i64).collect();
    let batches = numbers.chunks(sampler.batch);
    let (mut done, all) = (0, batches.len() * sampler.steps);
    let mut finite = 0;
    for batch in batches {
        let mut tick = || {
            done += 1;
            progress(done, all);
            going(job)
        };
        let x = model.draw(&sampler, job.seed, batch, &mut tick)?;
        finite += writer.write(values(&header.axes, &x)?)?;
    }
    writer.finish()?;
    Ok(Summary {
        samples: job.count,
        finite,
        folder,
        record,
        model: model.header().clone(),
    })
}

/// The model that the job asks for, trained to the end.
fn model(folder: &Path, job: GenerateJob<'_>) -> Result<(ModelRecord, Model)> {
    let GenerateJob { config, device, .. } = job;
    let record = ModelRecord::new(config, job.restored.origin())?;
    let layout = job.restored.layout();
    let trained = || Model::open(folder, &record, config, &layout, device);
    let begun = if job.retrain {
        None
    } else {
        ModelRecord::read(folder)?
    };
    if let Some(begun) = &begun {
        begun.check(&record, folder)?;
        if let Some(model) = trained()? {
            return Ok((record, model));
        }
    }
    let _lock = FolderLock::take(folder)?;
    // Before an old model goes: whether a new one can be trained.
    let samples = job.restored.load(config, device)?;
    if begun.is_none() {
        begin(folder, &record)?;
    }
    DiffusionTrainer::new(folder, &record, config, &samples, device)?.train(job.stop, job.quiet)?;
    let model = trained()?.ok_or_else(|| {
        Error::run(
            folder,
            "its training is not finished",
            "give the same command again",
        )
    })?;
    Ok((record, model))
}

fn header(
    run: &Run,
    job: GenerateJob<'_>,
    record: &ModelRecord,
    model: &Model,
) -> Result<GeneratedHeader> {
    let SamplerConfig {
        steps,
        sigma_min,
        sigma_max,
        rho,
        ..
    } = job.config.diffusion_or_default().sampler;
    let (axes, unit) = job.restored.axes(job.config);
    let mut history = vec![
        format!("input: {}", job.restored.path().display()),
        format!(
            "generated by a diffusion model of run {}",
            run.folder().display()
        ),
        format!(
            "trained on {} of {} restored objects{}",
            record.samples,
            record.training,
            match record.clean_fraction {
                0.0 => String::new(),
                f => format!(" and, in the part {f} of each batch, on clean data"),
            }
        ),
    ];
    if let GeneratedAxes::Spectra { .. } = axes {
        history.push(
            "no redshift: the model does not know the redshift of a generated spectrum".into(),
        );
    }
    Ok(GeneratedHeader {
        axes,
        unit,
        made: Generation {
            samples: record.samples.clone(),
            training: record.training,
            clean_fraction: record.clean_fraction,
            sigma_data: model.header().sigma_data,
            steps,
            sigma_min,
            sigma_max,
            rho,
            seed: job.seed,
            config_sha256: config_sha256(job.config)?,
            catalog_sha256: record.catalog_sha256.clone(),
            model_sha256: model.sha256().to_owned(),
            history,
        },
    })
}

fn going(job: GenerateJob<'_>) -> Result<()> {
    if !job.stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(Error::stopped(
        job.out,
        "stopped by a signal, and nothing half-written is left behind",
        "give the same command again",
    ))
}

/// Normalised samples [n, D] in the values of the file: images lose their stretch.
fn values(axes: &GeneratedAxes, x: &Tensor) -> Result<Array2<f32>> {
    let x = match axes {
        GeneratedAxes::Spectra { .. } => x.shallow_clone(),
        GeneratedAxes::Images(layout) => in_units(layout, x),
    };
    matrix(&x)
}
