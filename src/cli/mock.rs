//! `selfsi mock`.

use super::Global;
use crate::catalog::LogGrid;
use crate::config::NormaliseConfig;
use crate::mock::{Survey, write_truth};
use crate::{Error, Result};
use clap::Args;
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
        write_truth(
            &mock.folder.join("truth.h5"),
            &survey,
            &grid,
            mock.spectra,
            |_| (),
        )
    }
}
