//! `selfsi diagnose`.

use super::bounded::at_most;
use super::global::Global;
use super::said::Said;
use crate::diagnose::{Diagnosis, History};
use crate::lab::theory::{Case, Path, Report};
use crate::{Error, Result};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Tell whether a run contracts, stalls or drifts.
///
/// The verdict needs no truth: it comes from the validations of the run. `diagnose gaussian` shows the
/// theory in numbers, where everything is known.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Diagnose {
    /// Run folder that `selfsi train` wrote, finished or in progress.
    #[arg(required = true)]
    run: Option<PathBuf>,
    #[command(subcommand)]
    case: Option<Known>,
}

#[derive(Debug, Subcommand)]
enum Known {
    /// Print the exact sequence for a Gaussian population behind Gaussian noise, with the theory's bounds
    Gaussian(Gaussian),
}

/// π = N(0, diag std²), y = x + σ_n ξ.
#[derive(Debug, Args)]
struct Gaussian {
    /// Standard deviation of the noise.
    #[arg(long)]
    sigma_n: f64,
    /// Standard deviations of the population, one per coordinate.
    #[arg(long, value_delimiter = ',', required = true)]
    std: Vec<f64>,
    /// Standard deviations of the start [default: those of the observations, where Φ is the identity].
    #[arg(long, value_delimiter = ',')]
    start_std: Option<Vec<f64>>,
    /// Interpolant of the transport.
    #[arg(long, value_enum, default_value_t = Interpolant::Sde)]
    interpolant: Interpolant,
    /// SDE: γ(t) = gamma·t(1−t) [default: 1].
    #[arg(long)]
    gamma: Option<f64>,
    /// SDE: diffusion, constant in t [default: 0.1].
    #[arg(long)]
    epsilon: Option<f64>,
    /// Iterations to print.
    #[arg(long, default_value_t = 30)]
    iterations: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Interpolant {
    Ode,
    Sde,
    FokkerPlanck,
}

impl Diagnose {
    pub fn run(&self, _global: &Global) -> Result<Said> {
        match (&self.run, &self.case) {
            (_, Some(Known::Gaussian(g))) => Said::of(&g.report()?),
            (Some(run), None) => Said::of(&Diagnosis::of(&History::read(run)?)),
            (None, None) => Ok(Said::nothing()),
        }
    }
}

impl Gaussian {
    fn report(&self) -> Result<Report> {
        positive("--sigma-n", &[self.sigma_n])?;
        positive("--std", &self.std)?;
        at_most(
            "diagnose gaussian",
            "--iterations",
            self.iterations,
            1_000_000,
        )?;
        at_most("diagnose gaussian", "--std", self.std.len(), 4096)?;
        let truth = squares(&self.std);
        let start = match &self.start_std {
            None => truth.iter().map(|v| v + self.sigma_n.powi(2)).collect(),
            Some(start) if start.len() == truth.len() => {
                positive("--start-std", start)?;
                squares(start)
            }
            Some(start) => {
                let problem = format!("{} numbers for {} coordinates", start.len(), truth.len());
                return Err(refused(
                    "--start-std",
                    &problem,
                    "give as many as --std has",
                ));
            }
        };
        let case = Case {
            path: self.path()?,
            sigma: self.sigma_n,
            truth,
        };
        Ok(Report::new(&case, &start, self.iterations))
    }

    fn path(&self) -> Result<Path> {
        let path = match self.interpolant {
            Interpolant::Sde => {
                let (gamma, epsilon) = (self.gamma.unwrap_or(1.0), self.epsilon.unwrap_or(0.1));
                positive("--gamma", &[gamma])?;
                positive("--epsilon", &[epsilon])?;
                return Ok(Path::Sde { gamma, epsilon });
            }
            Interpolant::Ode => Path::Ode,
            Interpolant::FokkerPlanck => Path::FokkerPlanck,
        };
        for (key, given) in [("--gamma", self.gamma), ("--epsilon", self.epsilon)] {
            if given.is_some() {
                let problem = "only the SDE has it";
                return Err(refused(
                    key,
                    problem,
                    "leave it out, or give --interpolant sde",
                ));
            }
        }
        Ok(path)
    }
}

fn squares(std: &[f64]) -> Vec<f64> {
    std.iter().map(|s| s * s).collect()
}

fn positive(key: &str, values: &[f64]) -> Result<()> {
    // Squares and their sums must stay finite and above 0.
    match values.iter().find(|v| !(1e-6..=1e6).contains(*v)) {
        None => Ok(()),
        Some(v) => Err(refused(
            key,
            &format!("{v} is not in 1e-6..1e6"),
            "give e.g. 0.5",
        )),
    }
}

fn refused(key: &str, problem: &str, fix: &str) -> Error {
    Error::config("diagnose gaussian", key, problem, fix)
}
