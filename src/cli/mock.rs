//! `selfsi mock`.

use super::Global;
use crate::catalog::LogGrid;
use crate::config::{MockFormat, NormaliseConfig};
use crate::mock::{Instrument, Survey, TRUTH, claim, write_sdss, write_truth};
use crate::{Error, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Mock {
    /// A TOML config with a [mock] section
    config: PathBuf,
}

impl Mock {
    pub fn run(&self, global: &Global) -> Result<()> {
        let config = global.config(&self.config)?;
        let Some(mock) = &config.mock else {
            return Err(Error::config(
                self.config.display(),
                "mock",
                "there is no such section",
                "add [mock]; every key has a default",
            ));
        };
        let window = match config.normalise {
            NormaliseConfig::Window { min, max, .. } => (min, max),
            _ => (6600.0, 8000.0),
        };
        let survey = Survey::new(config.seed, (mock.z_min, mock.z_max), window)?;
        let grid = LogGrid::new(&config.grid);
        claim(&mock.folder, &config.to_toml()?)?;
        let bar = progress(mock.spectra, "truth");
        let truth = mock.folder.join(TRUTH);
        write_truth(&truth, &survey, &grid, mock.spectra, |n| {
            bar.set_position(n as u64)
        })?;
        bar.finish_and_clear();
        if mock.format == MockFormat::Sdss {
            let instrument = Instrument::new(&survey, mock, grid)?;
            let bar = progress(mock.spectra, "spectra");
            let step = |n| bar.set_position(n as u64);
            write_sdss(
                &mock.folder,
                &survey,
                &instrument,
                mock.spectra,
                mock.broken,
                step,
            )?;
            bar.finish_and_clear();
        }
        if global.json {
            let result = serde_json::json!({
                "folder": mock.folder, "spectra": mock.spectra, "seed": config.seed,
            });
            println!("{result}");
        } else {
            println!(
                "{}: a mock survey of {} quasars, seed {}",
                mock.folder.display(),
                mock.spectra,
                config.seed
            );
        }
        Ok(())
    }
}

fn progress(n: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:8} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(n as u64)
        .with_style(style)
        .with_message(what)
}
