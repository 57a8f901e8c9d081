//! `selfsi mock`.

use super::global::Global;
use super::progress::Progress;
use super::said::Said;
use crate::config::{Config, MockConfig, MockFormat, MockKind, NormaliseConfig};
use crate::data::LogGrid;
use crate::mock::{GalaxySurvey, Instrument, Survey, TRUTH, claim, write_sdss, write_truth};
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;
use std::sync::Mutex;

/// Make a mock survey of quasars or galaxies with known truth.
#[derive(Debug, Args)]
pub struct Mock {
    /// TOML config with a [mock] section.
    config: PathBuf,
}

impl Mock {
    pub fn run(&self, global: &Global) -> Result<Said> {
        let config = global.config(&self.config)?;
        let Some(mock) = &config.mock else {
            return Err(Error::config(
                self.config.display(),
                "mock",
                "there is no such section",
                "add [mock]; every key has a default",
            ));
        };
        if mock.kind == MockKind::Galaxies {
            return galaxies(&config, mock);
        }
        let window = match config.normalise {
            NormaliseConfig::Window { min, max, .. } => (min, max),
            _ => (6600.0, 8000.0),
        };
        let survey = Survey::new(config.seed, mock, window)?;
        let grid = LogGrid::new(&config.grid);
        let instrument = match mock.format {
            MockFormat::Sdss => Some(Instrument::new(&survey, mock, grid)?),
            MockFormat::Hdf5 => None,
        };
        survey.check_covers(mock, &grid, instrument.as_ref().map(Instrument::range))?;
        claim(&mock.folder, &config.to_toml()?)?;
        let n = mock.spectra;
        let mut bar = Progress::new("truth");
        write_truth(&mock.folder.join(TRUTH), &survey, &grid, n, |i| {
            bar.show(i, n)
        })?;
        bar.finish();
        if let Some(instrument) = instrument {
            let bar = Mutex::new(Progress::new("spectra"));
            let show = |i| {
                if let Ok(mut bar) = bar.lock() {
                    bar.show(i, n);
                }
            };
            write_sdss(&mock.folder, &survey, &instrument, n, mock.broken, show)?;
            if let Ok(bar) = bar.into_inner() {
                bar.finish();
            }
        }
        let json = serde_json::json!({
            "folder": mock.folder, "spectra": mock.spectra, "seed": config.seed,
        });
        let text = format!(
            "{}: a mock survey of {} quasars, seed {}",
            mock.folder.display(),
            mock.spectra,
            config.seed
        );
        Ok(Said::both(text, json))
    }
}

fn galaxies(config: &Config, mock: &MockConfig) -> Result<Said> {
    let image = crate::survey::images::image_config(config)?;
    let galaxies = mock.galaxies.clone().unwrap_or_default();
    let survey = GalaxySurvey::new(config.seed, &galaxies, *image)?;
    claim(&mock.folder, &config.to_toml()?)?;
    let n = galaxies.images;
    let mut bar = Progress::new("galaxies");
    survey.write(&mock.folder, &mut |i| bar.show(i, n))?;
    bar.finish();
    let folder = mock.folder.display();
    let text = format!(
        "{folder}: a mock survey of {n} galaxies, seed {}",
        config.seed
    );
    let json = serde_json::json!({
        "folder": mock.folder, "images": n, "seed": config.seed,
    });
    Ok(Said::both(text, json))
}
