//! `selfsi init`.

use super::global::Global;
use super::said::Said;
use crate::base::atomic;
use crate::files::overwrite::check_output;
use crate::init::{Job, config, run_folder};
use crate::train::check_not_of_a_run;
use crate::{Error, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Write a commented config for spectra or images, from what their files hold.
///
/// Recognises SDSS spec files and plates, DESI coadds, HDF5 catalogs and every kind of images, and folders of
/// them; takes grid, redshifts, normalisation, noise, network and training from what is there. What no file
/// tells stands in the config as a question (`# ?`). It loads as it is; --set puts in what you know.
#[derive(Debug, Args)]
pub struct Init {
    /// Spectra or images: files or folders of one kind.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// FITS table that names the spectra and gives their redshifts, such as DR16Q.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Config to write (TOML).
    #[arg(short, long)]
    out: PathBuf,
    /// Replace --out if it exists.
    #[arg(long)]
    force: bool,
}

impl Init {
    pub fn run(&self, global: &Global) -> Result<Said> {
        if self.out.exists() && !self.force {
            let fix = "give another --out, or --force to replace it";
            return Err(Error::output(&self.out, "it exists already", fix));
        }
        // With --force a config may take the place of another, in the folder of the spectra, too.
        let files = self.paths.iter().chain(&self.catalog);
        let files = files.filter(|p| p.is_file()).map(PathBuf::as_path);
        check_output(&self.out, files, "give --out another name")?;
        check_not_of_a_run(&self.out)?;
        let mut set = global.set.clone();
        set.extend(global.seed.map(|s| format!("seed={s}")));
        let text = config(&Job {
            paths: &self.paths,
            catalog: self.catalog.as_deref(),
            set: &set,
            out: &self.out,
        })?;
        atomic::write(&self.out, text.as_bytes())?;
        let questions: Vec<&str> = text
            .lines()
            .filter_map(|l| l.strip_prefix("# ? "))
            .collect();
        let json = json!({ "config": self.out, "questions": questions });
        let out = self.out.display();
        let run = run_folder(&self.out);
        let text = format!(
            "{out}: a config that loads, with {} questions (# ?)\nnext: selfsi run {out} --out {}",
            questions.len(),
            run.display()
        );
        Ok(Said::both(text, format!("{json:#}")))
    }
}
