//! `selfsi plot`.

use super::bounded::at_most;
use super::global::Global;
use super::output;
use super::said::Said;
use crate::Result;
use crate::plot::{
    Choice, calibration_picture, catalog_images, catalog_population, catalog_spectra,
    generated_samples, save, training_curves,
};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::slice;

/// Draw spectra, images, training curves, calibration or populations.
#[derive(Debug, Args)]
pub struct Plot {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Draw observed and restored spectra of some objects, and the truth where it is known
    Spectra {
        /// Restored catalog (FITS)
        restored: PathBuf,
        /// Clean spectra (HDF5), for studies with known truth
        #[arg(long)]
        truth: Option<PathBuf>,
        #[command(flatten)]
        objects: Objects,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
    /// Draw observed and restored images of some objects, and the truth where it is known
    Images {
        /// Restored images (FITS or HDF5)
        restored: PathBuf,
        /// Clean images that `selfsi prepare` reads, for studies with known truth
        #[arg(long)]
        truth: Option<PathBuf>,
        #[command(flatten)]
        objects: Objects,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
    /// Draw generated samples beside the restorations that their model was trained on
    Generated {
        /// Generated samples (FITS or HDF5)
        generated: PathBuf,
        /// Restored catalog (FITS; images also HDF5)
        #[arg(long)]
        restored: PathBuf,
        /// How many spectra, or images in a row
        #[arg(long, default_value_t = 4)]
        count: usize,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
    /// Draw loss, validation score and learning rate of a run
    Training {
        /// Run folder that `selfsi train` wrote
        run: PathBuf,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
    /// Draw PIT, coverage and line pulls of the SDE's draws, from an evaluation with known truth
    Calibration {
        /// evaluation.json of `selfsi evaluate`, or the folder that holds it
        evaluation: PathBuf,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
    /// Draw mean, scatter and power spectra of a restored population
    Population {
        /// Restored catalogs (FITS) of one survey
        #[arg(required = true)]
        restored: Vec<PathBuf>,
        /// Clean spectra (HDF5), for studies with known truth
        #[arg(long)]
        truth: Option<PathBuf>,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
}

/// Objects in one picture, at most.
const MOST: usize = 10_000;

/// Which objects of a catalog are shown.
#[derive(Debug, Args)]
struct Objects {
    /// Show the object of this name; repeatable
    #[arg(long = "name")]
    names: Vec<String>,
    /// Show the object in this row, counted from 0; repeatable
    #[arg(long = "row")]
    rows: Vec<usize>,
    /// How many objects to show if neither --name nor --row is given [default: 4 spectra, 8 images]
    #[arg(long)]
    count: Option<usize>,
}

impl Objects {
    fn choice(&self, count: usize) -> Result<Choice> {
        let count = self.count.unwrap_or(count);
        at_most("selfsi plot", "--count", count, MOST)?;
        Ok(Choice {
            names: self.names.clone(),
            rows: self.rows.clone(),
            count,
        })
    }
}

impl What {
    /// The picture, and what it is made of.
    fn files(&self) -> (&Path, Vec<&Path>) {
        let (out, one, more): (_, &[PathBuf], _) = match self {
            Self::Spectra {
                restored,
                truth,
                out,
                ..
            }
            | Self::Images {
                restored,
                truth,
                out,
                ..
            } => (out, slice::from_ref(restored), truth.as_ref()),
            Self::Generated {
                generated,
                restored,
                out,
                ..
            } => (out, slice::from_ref(generated), Some(restored)),
            Self::Training { run: of, out }
            | Self::Calibration {
                evaluation: of,
                out,
            } => (out, slice::from_ref(of), None),
            Self::Population {
                restored,
                truth,
                out,
            } => (out, restored, truth.as_ref()),
        };
        let inputs = one.iter().chain(more).map(PathBuf::as_path);
        // A run's pictures may lie in its folder.
        (out, inputs.filter(|p| p.is_file()).collect())
    }
}

impl Plot {
    pub fn run(&self, _global: &Global) -> Result<Said> {
        let (out, inputs) = self.what.files();
        output::check(out, inputs)?;
        self.what.draw()?;
        Ok(Said::both("", serde_json::json!({"out": out})))
    }
}

impl What {
    fn draw(&self) -> Result<()> {
        match self {
            What::Spectra {
                restored,
                truth,
                objects,
                out,
            } => {
                let choice = objects.choice(4)?;
                save(out, &catalog_spectra(restored, truth.as_deref(), &choice)?)
            }
            What::Images {
                restored,
                truth,
                objects,
                out,
            } => {
                let choice = objects.choice(8)?;
                save(out, &catalog_images(restored, truth.as_deref(), &choice)?)
            }
            What::Generated {
                generated,
                restored,
                count,
                out,
            } => {
                at_most("selfsi plot", "--count", *count, MOST)?;
                save(out, &generated_samples(generated, restored, *count)?)
            }
            What::Training { run, out } => save(out, &training_curves(run)?),
            What::Calibration { evaluation, out } => save(out, &calibration_picture(evaluation)?),
            What::Population {
                restored,
                truth,
                out,
            } => save(out, &catalog_population(restored, truth.as_deref())?),
        }
    }
}
