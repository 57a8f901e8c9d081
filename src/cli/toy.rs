//! `selfsi toy`.

use super::bounded::at_most;
use super::global::Global;
use super::output;
use super::say::say;
use crate::base::atomic;
use crate::base::messages::PROGRESS;
use crate::lab::toy::{Arm, Plan, Settings, Shape, markdown, run, write_clouds};
use crate::plot::{Clouds, save};
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

/// Restore low-dimensional distributions with the ODE and the SDE, side by side.
#[derive(Debug, Args)]
pub struct Toy {
    /// Folder for toy.png, toy.md, toy.json and toy.h5 (the points).
    #[arg(long, short, default_value = "out/toy")]
    out: PathBuf,
    /// Clean distributions to restore.
    #[arg(long, value_delimiter = ',', default_values_t = [Shape::TwoMoons, Shape::EightGaussians, Shape::Checkerboard], value_enum)]
    shape: Vec<Shape>,
    /// Standard deviations of the noise.
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 1.0])]
    sigma: Vec<f64>,
    /// Interpolants to compare.
    #[arg(long, value_delimiter = ',', default_values_t = [Arm::Ode, Arm::Sde], value_enum)]
    interpolant: Vec<Arm>,
    /// Optimiser steps of each training.
    #[arg(long, default_value_t = 8000)]
    steps: u64,
    /// Number of observations that each training learns from.
    #[arg(long, default_value_t = 6000)]
    samples: usize,
}

impl Toy {
    pub fn run(&self, global: &Global) -> Result<()> {
        self.check(global)?;
        for file in ["toy.json", "toy.md", "toy.h5", "toy.png"] {
            output::check(&self.out.join(file), [])?;
        }
        let plan = Plan {
            shapes: self.shape.clone(),
            sigmas: self.sigma.clone(),
            arms: self.interpolant.clone(),
            steps: self.steps,
            samples: self.samples,
            seed: global.seed.unwrap_or(0),
            set: global.set.clone(),
        };
        // The trainings run side by side, each on its own thread.
        let start = Instant::now();
        let study = run(&plan, &|shape, sigma, arm| {
            let seconds = start.elapsed().as_secs_f64();
            log::info!(
                target: PROGRESS,
                "{seconds:5.0} s: {}, σ = {sigma}, {}",
                shape.name(),
                arm.name()
            );
        })?;
        let json = serde_json::to_string_pretty(&study)
            .map_err(|e| Error::output(self.out.join("toy.json"), e, "report this"))?;
        let table = markdown(&study);
        atomic::write(self.out.join("toy.json"), format!("{json}\n").as_bytes())?;
        atomic::write(self.out.join("toy.md"), table.as_bytes())?;
        write_clouds(&self.out.join("toy.h5"), &study)?;
        save(&self.out.join("toy.png"), &Clouds { study: &study })?;
        say(if global.json { &json } else { &table })
    }

    fn check(&self, global: &Global) -> Result<()> {
        let refused =
            |key: &str, problem: &str, fix: &str| Err(Error::config("toy", key, problem, fix));
        if global.device()? != tch::Device::Cpu {
            return refused("--device", "the toy runs on the CPU", "leave it out");
        }
        if self.sigma.iter().any(|s| !(*s > 0.0 && *s <= 1e6)) {
            return refused(
                "--sigma",
                "not all above 0 and at most 1e6",
                "give e.g. --sigma 0.5,1.0",
            );
        }
        // Each makes its own group of toy.h5.
        if twice(&self.shape) || twice(&self.sigma) || twice(&self.interpolant) {
            return refused(
                "--shape, --sigma, --interpolant",
                "one of them is given twice",
                "give each once",
            );
        }
        if self.steps == 0 || self.samples == 0 {
            return refused(
                "--steps",
                "steps and samples must be positive",
                "raise them",
            );
        }
        at_most("toy", "--samples", self.samples, 10_000_000)?;
        for arm in &self.interpolant {
            Settings::of(*arm, self.steps, &global.set)?;
        }
        Ok(())
    }
}

fn twice<T: PartialEq>(values: &[T]) -> bool {
    (1..values.len()).any(|i| values[..i].contains(&values[i]))
}
