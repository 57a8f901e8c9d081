//! The command line: arguments → calls; one file per subcommand.

mod audit;
mod boundary;
mod bounded;
mod campaign;
mod completions;
mod config;
mod demo;
mod diagnose;
mod evaluate;
mod generate;
mod global;
mod init;
mod inspect;
mod merge;
mod mock;
mod output;
mod parsed;
mod plot;
mod prepare;
mod progress;
mod restore;
mod run;
mod said;
mod say;
mod simulate;
mod slurm;
mod steps;
mod stop;
mod toy;
mod train;
mod view;

pub use boundary::Memory;
pub use global::{Global, Shown, Tf32};

use crate::base::error::FAILED;
use crate::base::signals::on_stop;
use crate::base::{libtorch, messages, program, workers};
use crate::ranks;
use crate::{Error, Result};
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Restore corrupted astronomical catalogs from the observations and a simulator of the corruption.
#[derive(Debug, Parser)]
#[command(
    name = "selfsi",
    version,
    long_version = program::LONG_VERSION.as_str(),
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

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Inspect(inspect::Inspect),
    Init(init::Init),
    Run(run::Run),
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
    View(view::View),
    Toy(toy::Toy),
    Slurm(slurm::Slurm),
    Config(config::Config),
    Completions(completions::Completions),
}

/// Parses the arguments and runs the subcommand: exit code 2 for usage, else [`Error::exit_code`].
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    messages::start(cli.global.messages(), cli.global.progress == Shown::Lines);
    keep_freed_memory();
    match boundary::within(cli.command.needs_less_memory(), || run(&cli)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(e)) => {
            match &e {
                Error::Elsewhere { .. } => {}
                e if e.is_out_of_memory() => log::error!("{e}; {}", boundary::lower()),
                e => log::error!("{e}"),
            }
            ExitCode::from(e.exit_code())
        }
        None => ExitCode::from(FAILED),
    }
}

impl Command {
    /// What lets it run in less memory.
    fn needs_less_memory(&self) -> &'static str {
        match self {
            Self::Train(_) | Self::Run(_) | Self::Demo(_) => {
                "lower train.batch or train.resamplings, or network.channels"
            }
            Self::Restore(_) => {
                "give --set restore.batch=auto, or lower restore.batch or restore.draws"
            }
            Self::Generate(_) => "lower diffusion.batch and diffusion.sampler.batch",
            Self::Evaluate(_) | Self::Audit(_) => "lower restore.batch, or give fewer rows",
            Self::Toy(_) => "lower train.batch (--set train.batch=64) or --samples",
            _ => "give fewer rows or smaller images, or use a machine with more memory",
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    libtorch::check()?;
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
    g.set_unpack()?;
    log::debug!(
        "{}; {}; {} threads, device {}",
        *program::CREATOR,
        *program::LIBVERS,
        rayon::current_num_threads(),
        g.device
    );
    // Training handles signals itself: it has a checkpoint to write.
    let trains = |c: &Command| {
        use Command::{Demo, Generate, Run, Train};
        matches!(c, Train(_) | Generate(_) | Run(_) | Demo(_))
    };
    if !trains(&cli.command) {
        leave_nothing_on_signal()?;
    }
    match &cli.command {
        Command::Demo(a) => a.run(g)?.print(g),
        Command::Run(a) => a.run(g)?.print(g),
        Command::Init(a) => a.run(g)?.print(g),
        Command::Inspect(a) => a.run(g),
        Command::Prepare(a) => a.run(g)?.print(g),
        Command::Mock(a) => a.run(g)?.print(g),
        Command::Simulate(a) => a.run(g),
        Command::Train(a) => a.run(g)?.print(g),
        Command::Restore(a) => a.run(g)?.print(g),
        Command::Merge(a) => a.run(g),
        Command::Generate(a) => a.run(g),
        Command::Evaluate(a) => a.run(g)?.print(g),
        Command::Diagnose(a) => a.run(g)?.print(g),
        Command::Audit(a) => a.run(g)?.print(g),
        Command::Plot(a) => a.run(g)?.print(g),
        Command::View(a) => a.run(g)?.print(g),
        Command::Toy(a) => a.run(g),
        Command::Slurm(a) => a.run(g),
        Command::Config(a) => a.run(g),
        Command::Completions(a) => a.run(Cli::command()),
    }
}

/// Ctrl-C, SIGTERM and SIGHUP remove what is half-written.
fn leave_nothing_on_signal() -> Result<()> {
    on_stop(&[], |_| {
        log::error!("stopped by a signal; nothing half-written is left behind");
        crate::base::atomic::abandon(130)
    })
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

/// Threads that may be asked for.
const MOST_THREADS: usize = 1024;

fn threads(asked: Option<usize>) -> Result<()> {
    let n = asked.unwrap_or_else(default_threads);
    if !(1..=MOST_THREADS).contains(&n) {
        let fix = format!("give 1 to {MOST_THREADS}");
        return Err(Error::config(
            "command line",
            "--threads",
            format!("{n} threads"),
            fix,
        ));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .start_handler(|_| workers::one_thread())
        .build_global()
        .map_err(|e| Error::config("--threads", n, e, "give another number"))?;
    workers::one_thread();
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
