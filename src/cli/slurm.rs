//! `selfsi slurm`.

use super::global::Global;
use super::say::say;
use crate::base::atomic;
use crate::slurm::{Campaign, Script};
use crate::train::Run;
use crate::{Error, Result};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Print scripts that train, restore and merge as SLURM jobs.
///
/// The scripts are train.sbatch (with a config), restore.sbatch (a job array) and merge.sbatch; each
/// says how to submit them.
/// Training stops with a checkpoint before its time is up and goes back into the queue. --device,
/// --tf32, --seed and --set are passed on.
#[derive(Debug, Args)]
pub struct Slurm {
    /// TOML config to train with, or run folder that `selfsi train` wrote.
    target: PathBuf,
    /// What to restore [default: the prepared set that the run was trained on].
    input: Vec<PathBuf>,
    /// Run folder to make from a config [default: the config's name without .toml].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Restored catalog to write [default: RUN/restored.fits].
    #[arg(long, value_name = "FILE")]
    restored: Option<PathBuf>,
    /// Folder to write the scripts to [default: standard output].
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of tasks of the job array that restores.
    #[arg(long, default_value_t = 16)]
    array: usize,
    /// Number of processes that train together, with --cpus-per-task cores each; selfsi must be built
    /// with --features mpi.
    #[arg(long, value_name = "N", default_value_t = 1)]
    ranks: usize,
    /// Command that starts these processes, with the options that the cluster's MPI needs, e.g.
    /// 'srun --mpi=pmi2' or mpirun.
    #[arg(long, value_name = "COMMAND", default_value = "srun")]
    launcher: String,
    /// Time limit of training and of each task, as sbatch takes it, e.g. 12:00:00.
    #[arg(long)]
    time: Option<String>,
    /// Partition of training and restoring.
    #[arg(long)]
    partition: Option<String>,
    /// Generic resources of training and restoring, e.g. gpu:1.
    #[arg(long)]
    gres: Option<String>,
    /// Memory of training and of each task, e.g. 16G.
    #[arg(long)]
    mem: Option<String>,
    /// Cores of training and of each task.
    #[arg(long, value_name = "N", default_value_t = 4)]
    cpus_per_task: usize,
    /// Account to charge, for every job.
    #[arg(long)]
    account: Option<String>,
    /// Shell line to run at the start of every job, e.g. 'module load cuda'; repeatable.
    #[arg(long, value_name = "LINE")]
    setup: Vec<String>,
}

impl Slurm {
    pub fn run(&self, global: &Global) -> Result<()> {
        let scripts = self.campaign(global)?.scripts()?;
        if let Some(folder) = &self.out {
            for Script { name, text } in &scripts {
                atomic::write(folder.join(name), text.as_bytes())?;
            }
        }
        if global.json {
            let all = scripts
                .into_iter()
                .map(|s| (s.name.to_owned(), s.text.into()));
            return say(serde_json::Value::Object(all.collect()));
        }
        for Script { name, text } in &scripts {
            match &self.out {
                Some(folder) => say(folder.join(name).display())?,
                None => say(format!("### {name}\n{text}"))?,
            }
        }
        Ok(())
    }

    /// Checks the config, or the run, before a job can fail for it hours later.
    fn campaign(&self, global: &Global) -> Result<Campaign> {
        if self.ranks > 1 && !cfg!(feature = "mpi") {
            return Err(Error::config(
                "selfsi slurm",
                "--ranks",
                "this selfsi was built without MPI",
                "build with cargo build --release --features mpi",
            ));
        }
        let (config, run) = if self.target.is_dir() {
            Run::open(&self.target)?;
            if self.run.is_some() {
                return Err(Error::config(
                    "selfsi slurm",
                    "--run",
                    "a run folder is given already",
                    "leave it out, or give a config instead of the folder",
                ));
            }
            (None, self.target.clone())
        } else {
            global.config(&self.target)?;
            let run = self.run.clone();
            let run = run.unwrap_or_else(|| self.target.with_extension(""));
            (Some(absolute(&self.target)?), run)
        };
        let selfsi = std::env::current_exe();
        let out = self.restored.clone();
        Ok(Campaign {
            selfsi: selfsi.map_err(|e| Error::run("selfsi", e, "call it by its full path"))?,
            config,
            out: absolute(&out.unwrap_or_else(|| run.join("restored.fits")))?,
            run: absolute(&run)?,
            input: self
                .input
                .iter()
                .map(|i| absolute(i))
                .collect::<Result<_>>()?,
            tasks: self.array,
            ranks: self.ranks,
            launcher: self.launcher.clone(),
            options: options(global),
            overrides: overrides(global),
            resources: self.resources(),
            account: given(&[("account", &self.account)]),
            setup: self.setup.clone(),
        })
    }

    fn resources(&self) -> Vec<String> {
        let cores = Some(self.cpus_per_task.to_string());
        given(&[
            ("time", &self.time),
            ("partition", &self.partition),
            ("gres", &self.gres),
            ("mem", &self.mem),
            ("cpus-per-task", &cores),
        ])
    }
}

/// `name=value` of the options that are given.
fn given(options: &[(&str, &Option<String>)]) -> Vec<String> {
    let lines = options.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some(format!("{name}={value}"))
    });
    lines.collect()
}

/// `--device` and `--tf32`.
fn options(global: &Global) -> Vec<String> {
    let mut options = vec!["--device".into(), global.device.clone()];
    if let Some(tf32) = global.tf32.and_then(|t| t.to_possible_value()) {
        options.extend(["--tf32".into(), tf32.get_name().into()]);
    }
    options
}

/// `--seed` and `--set`, as they were given.
fn overrides(global: &Global) -> Vec<String> {
    let seed = global
        .seed
        .iter()
        .flat_map(|s| ["--seed".to_owned(), s.to_string()]);
    let set = global
        .set
        .iter()
        .flat_map(|s| ["--set".to_owned(), s.clone()]);
    seed.chain(set).collect()
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::output(path, e, "give a path"))
}
