//! A commented config for observations, from what their files hold.

mod draft;
mod given;
mod grid;
mod hdf5;
mod images;
mod recognise;
mod spectra;
mod survey;

use crate::base::program;
use crate::config::Config;
use crate::{Error, Result};
use draft::{Draft, Table};
use recognise::Kind;
use std::path::{Path, PathBuf};

/// What the config is to be made for.
#[derive(Debug)]
pub struct Job<'a> {
    /// Spectra or images: files, folders; a catalog may be among them.
    pub paths: &'a [PathBuf],
    /// A table that names the spectra and gives their redshifts.
    pub catalog: Option<&'a Path>,
    /// `key=value`: what the user knows, in place of what the files say.
    pub set: &'a [String],
    /// Where the config will be written: the prepared set gets its name.
    pub out: &'a Path,
}

/// The text of a config, which loads as it is.
///
/// # Errors
/// [`Error::Input`] if the observations cannot be read or are of no kind that is known; [`Error::Config`]
/// where they do not tell what must be known, or `set` does not fit.
pub fn config(job: &Job) -> Result<String> {
    let (kind, paths, among) = recognise::kind(job.paths)?;
    let catalog = match (job.catalog, among) {
        (Some(_), Some(also)) => {
            let problem = "a catalog beside --catalog";
            return Err(Error::config(
                also.display(),
                "--catalog",
                problem,
                "give one of them",
            ));
        }
        (given, among) => given.map(Path::to_path_buf).or(among),
    };
    if let (Kind::Hdf5 | Kind::Images, Some(catalog)) = (kind, &catalog) {
        let problem = "a catalog goes with SDSS and DESI spectra alone";
        let fix = "leave it out; an HDF5 catalog holds its redshifts itself";
        return Err(Error::config(catalog.display(), "--catalog", problem, fix));
    }
    let mut draft = Draft::default();
    let command = job.out.display();
    draft.head = vec![
        format!("Written by {} init for {}.", *program::CREATOR, named(job.paths)),
        "Lines that begin with `# ?` are questions that the files leave open: please answer them."
            .to_owned(),
        "selfsi config --explain KEY tells what a key means. Paths are relative to the working directory."
            .to_owned(),
        String::new(),
        format!(
            "  selfsi run {command} --out {}",
            run_folder(job.out).display()
        ),
    ];
    let prepared = Table::new("survey").key(
        "prepared",
        job.out.with_extension("prepared.h5").display().to_string(),
        "written by selfsi prepare",
    );
    match kind {
        Kind::Images => images::add(&mut draft, &paths, prepared)?,
        _ => survey::add(
            &mut draft,
            (kind, &paths, catalog.as_deref()),
            prepared,
            job.set,
        )?,
    }
    draft.set(job.set)?;
    let text = draft.to_string();
    let config = Config::parse(&text, &job.out.display().to_string(), &[])?;
    config.check_network_fits_grid(&job.out.display().to_string())?;
    Ok(text)
}

/// The run folder that goes with a config: my for my.toml.
#[must_use]
pub fn run_folder(config: &Path) -> PathBuf {
    match config.with_extension("") {
        same if same == config => config.with_extension("run"),
        folder => folder,
    }
}

fn named(paths: &[PathBuf]) -> String {
    let named: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    // It stands in a comment.
    named.join(", ").replace(|c: char| c.is_control(), "?")
}
