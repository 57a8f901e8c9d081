//! The command line: arguments → calls; one file per subcommand.

mod audit;
mod completions;
mod diagnose;
mod evaluate;
mod generate;
mod inspect;
mod merge;
mod mock;
mod plot;
mod prepare;
mod progress;
mod restore;
mod say;
mod simulate;
mod slurm;
mod toy;
mod train;

use crate::config::Config;
use crate::ranks;
use crate::ranks::Ranks;
use crate::{Error, Result};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Restore corrupted astronomical catalogs from the observations and a simulator of the corruption.
#[derive(Debug, Parser)]
#[command(
    name = "selfsi",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Device that computes: cpu, cuda or cuda:N.
    #[arg(long, global = true, default_value = "cpu", env = "SELFSI_DEVICE")]
    pub device: String,
    /// TensorFloat-32 on a GPU: on for matrix products and convolutions, or off for both [default:
    /// convolutions alone, as libtorch does].
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "on|off",
        env = "SELFSI_TF32"
    )]
    pub tf32: Option<Tf32>,
    /// Number of threads [default: all available cores; under MPI, an equal share].
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// Random seed, in place of the config's.
    #[arg(long, global = true)]
    pub seed: Option<u64>,
    /// Print results as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Override a config key, e.g. --set train.batch=32; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

/// Whether a GPU may round the inputs of matrix products to 10 bits of mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tf32 {
    On,
    Off,
}

impl Tf32 {
    /// By the variables that libtorch and the CUDA libraries read when they start: before the first
    /// tensor and the first thread.
    fn set(self, device: &str) -> Result<()> {
        if device == "cpu" {
            return Err(Error::config(
                "--tf32",
                "tf32",
                "the CPU has no TensorFloat-32",
                "leave it out, or give --device cuda",
            ));
        }
        let (name, value) = match self {
            Self::On => ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"),
            Self::Off => ("NVIDIA_TF32_OVERRIDE", "0"),
        };
        // SAFETY: no other thread has been started yet.
        unsafe { std::env::set_var(name, value) };
        Ok(())
    }
}

impl Global {
    /// Reads a config file, with `--set` and `--seed` applied.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn config(&self, path: &PathBuf) -> Result<Config> {
        let mut config = Config::load(path, &self.set)?;
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        Ok(config)
    }

    /// The torch device asked for.
    ///
    /// # Errors
    /// As [`crate::base::device::device`].
    pub fn device(&self) -> Result<tch::Device> {
        crate::base::device::device(&self.device)
    }

    /// The torch device of one of `ranks`.
    ///
    /// # Errors
    /// As [`crate::base::device::device`].
    pub fn device_of(&self, ranks: &Ranks) -> Result<tch::Device> {
        crate::base::device::device_of_rank(&self.device, ranks.local())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Inspect),
    Prepare(prepare::Prepare),
    Mock(mock::Mock),
    Simulate(simulate::Simulate),
    Train(train::Train),
    Restore(restore::Restore),
    Merge(merge::Merge),
    Generate(generate::Generate),
    Evaluate(evaluate::Evaluate),
    Diagnose(diagnose::Diagnose),
    Audit(audit::Audit),
    Plot(plot::Plot),
    Toy(toy::Toy),
    Slurm(slurm::Slurm),
    Completions(completions::Completions),
}

/// Parses the arguments and runs the subcommand: exit code 2 for usage, 1 for failure.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    keep_freed_memory();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            if !matches!(e, Error::Elsewhere) {
                eprintln!("selfsi: error: {e}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let g = &cli.global;
    // Of a command without ranks, each process of a launcher would write the same files.
    match &cli.command {
        Command::Train(_) => {}
        Command::Restore(r) if r.names_its_part() => {}
        _ => ranks::check_alone()?,
    }
    if let Some(tf32) = g.tf32 {
        tf32.set(&g.device)?;
    }
    threads(g.threads)?;
    // Training handles signals itself: it has a checkpoint to write.
    if !matches!(cli.command, Command::Train(_) | Command::Generate(_)) {
        leave_nothing_on_signal()?;
    }
    match &cli.command {
        Command::Inspect(a) => a.run(g),
        Command::Prepare(a) => a.run(g),
        Command::Mock(a) => a.run(g),
        Command::Simulate(a) => a.run(g),
        Command::Train(a) => a.run(g),
        Command::Restore(a) => a.run(g),
        Command::Merge(a) => a.run(g),
        Command::Generate(a) => a.run(g),
        Command::Evaluate(a) => a.run(g),
        Command::Diagnose(a) => a.run(g),
        Command::Audit(a) => a.run(g),
        Command::Plot(a) => a.run(g),
        Command::Toy(a) => a.run(g),
        Command::Slurm(a) => a.run(g),
        Command::Completions(a) => a.run(),
    }
}

/// Ctrl-C, SIGTERM and SIGHUP remove what is half-written.
fn leave_nothing_on_signal() -> Result<()> {
    ctrlc::set_handler(|| {
        eprintln!("selfsi: error: stopped by a signal; nothing half-written is left behind");
        crate::base::atomic::abandon(130)
    })
    .map_err(|e| Error::config("signals", "SIGTERM", e, "run again"))
}

/// Asks glibc to keep the memory of freed tensors: handing each one back to the system and faulting
/// it in again makes every tensor beyond a few MB several times slower.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

fn threads(asked: Option<usize>) -> Result<()> {
    let n = asked.unwrap_or_else(default_threads);
    if n == 0 {
        return Err(Error::config(
            "--threads",
            "0",
            "no threads",
            "give at least 1",
        ));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build_global()
        .map_err(|e| Error::config("--threads", n, e, "give another number"))?;
    tch::set_num_threads(n as i32);
    Ok(())
}

/// Every core that the process may use; of a machine that several ranks share without cores of their
/// own, a share.
fn default_threads() -> usize {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    // SAFETY: asks for a number of the system.
    let all = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    match ranks::here().and_then(|l| l.local_size) {
        Some(n) if i64::try_from(available).is_ok_and(|a| a >= all) => {
            (available / n.max(1)).max(1)
        }
        _ => available,
    }
}
