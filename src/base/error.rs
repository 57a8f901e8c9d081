//! The one error type of the library: every message is a single line that says where the problem
//! is, what was expected and what to do about it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. `Display` gives one line, ready to be shown to a user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input file (FITS, HDF5, folder) that cannot be read or does not hold what it should.
    #[error("{}{}: {problem}; expected {expected}; {fix}", .path.display(), at(.place))]
    Input {
        path: PathBuf,
        /// HDU, column, dataset or key inside the file, e.g. `HDU 1 column flux`.
        place: String,
        problem: String,
        expected: String,
        fix: String,
    },
    /// A configuration key that is unknown, missing or out of range.
    #[error("{origin}: key `{key}`: {problem}; {fix}")]
    Config {
        /// The file, or `--set`.
        origin: String,
        key: String,
        problem: String,
        fix: String,
    },
    /// An output that cannot be written. Nothing half-written is left behind.
    #[error("{}: cannot be written: {problem}; {fix}", .path.display())]
    Output {
        path: PathBuf,
        problem: String,
        fix: String,
    },
    /// A run folder or checkpoint that cannot be used.
    #[error("{}: {problem}; {fix}", .path.display())]
    Run {
        path: PathBuf,
        problem: String,
        fix: String,
    },
    /// The loss or the weights became NaN or infinite.
    #[error("training diverged at step {step}: {problem}; the last good checkpoint is {}; {fix}", .checkpoint.display())]
    Diverged {
        step: u64,
        problem: String,
        checkpoint: PathBuf,
        fix: String,
    },
    /// Ctrl-C or SIGTERM: the state was saved first.
    #[error("stopped at step {step} by a signal; the checkpoint {} is complete: continue with --resume", .checkpoint.display())]
    Interrupted { step: u64, checkpoint: PathBuf },
    /// A step failed; the state before it was saved.
    #[error("{problem}; stopped at step {step}: the checkpoint {} is complete, continue with --resume", .checkpoint.display())]
    Halted {
        step: u64,
        checkpoint: PathBuf,
        problem: Box<Error>,
    },
    /// A simulator outside this program failed.
    #[error("simulator `{command}`: {problem}; {fix}")]
    Simulator {
        command: String,
        problem: String,
        fix: String,
    },
    /// Another rank of the training failed: all end.
    #[error("rank {rank}: {problem}")]
    Rank { rank: usize, problem: String },
    /// Another rank says what failed: nothing more is to be said.
    #[error("stopped with the other ranks")]
    Elsewhere,
    /// An error raised inside libtorch.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),
}

fn at(place: &str) -> String {
    if place.is_empty() {
        String::new()
    } else {
        format!(" [{place}]")
    }
}

fn first_line(e: &tch::TchError) -> String {
    e.to_string().lines().next().unwrap_or_default().to_owned()
}

impl Error {
    /// An [`Error::Input`] about `place` (may be empty) in `path`.
    pub fn input(
        path: impl AsRef<Path>,
        place: impl Display,
        problem: impl Display,
        expected: impl Display,
        fix: impl Display,
    ) -> Self {
        Self::Input {
            path: path.as_ref().to_path_buf(),
            place: one_line(place),
            problem: one_line(problem),
            expected: one_line(expected),
            fix: one_line(fix),
        }
    }

    /// An [`Error::Config`] about `key`.
    pub fn config(
        origin: impl Display,
        key: impl Display,
        problem: impl Display,
        fix: impl Display,
    ) -> Self {
        Self::Config {
            origin: one_line(origin),
            key: one_line(key),
            problem: one_line(problem),
            fix: one_line(fix),
        }
    }

    /// An [`Error::Output`] about `path`.
    pub fn output(path: impl AsRef<Path>, problem: impl Display, fix: impl Display) -> Self {
        Self::Output {
            path: path.as_ref().to_path_buf(),
            problem: one_line(problem),
            fix: one_line(fix),
        }
    }

    /// An [`Error::Simulator`] of `command`.
    pub fn simulator(command: impl Display, problem: impl Display, fix: impl Display) -> Self {
        Self::Simulator {
            command: one_line(command),
            problem: one_line(problem),
            fix: one_line(fix),
        }
    }

    /// An [`Error::Run`] about `path`.
    pub fn run(path: impl AsRef<Path>, problem: impl Display, fix: impl Display) -> Self {
        Self::Run {
            path: path.as_ref().to_path_buf(),
            problem: one_line(problem),
            fix: one_line(fix),
        }
    }
}

/// Messages of the libraries below, and what a file holds, may span lines; ours never do.
fn one_line(text: impl Display) -> String {
    text.to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
