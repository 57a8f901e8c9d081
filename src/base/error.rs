//! The one error type of the library: every message is a single line that says where the problem
//! is, what was expected and what to do about it.

use super::line::{line, shown};
use std::fmt;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The result of every fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. `Display` gives one line, ready to be shown to a user; `source` gives the error
/// below, where one is kept. New kinds may come with any release.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input file (FITS, HDF5, folder) that cannot be read or does not hold what it should.
    Input {
        /// The file or folder.
        path: PathBuf,
        /// HDU, column, dataset or key inside the file, e.g. `HDU 1 column flux`.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What should be there.
        expected: String,
        /// What the user can do.
        fix: String,
    },
    /// A configuration key that is unknown, missing or out of range.
    Config {
        /// The file, or `--set`.
        origin: String,
        /// The key, with its table.
        key: String,
        /// What is wrong with its value.
        problem: String,
        /// What the user can do.
        fix: String,
    },
    /// An output that cannot be written. Nothing half-written is left behind.
    Output {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be written.
        problem: String,
        /// What the user can do.
        fix: String,
    },
    /// A run folder or checkpoint that cannot be used.
    Run {
        /// The run folder or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What the user can do.
        fix: String,
    },
    /// The loss or the weights became NaN or infinite.
    Diverged {
        /// The last step, counted from 1.
        step: u64,
        /// What is not finite.
        problem: String,
        /// The newest complete checkpoint.
        checkpoint: PathBuf,
        /// What the user can do.
        fix: String,
    },
    /// Ctrl-C, SIGTERM or SIGHUP stopped a training: the state was saved first.
    Interrupted {
        /// Steps that are done.
        step: u64,
        /// The checkpoint after them.
        checkpoint: PathBuf,
    },
    /// The same of any other work: what was done is saved, what was unfinished is removed.
    Stopped {
        /// The output that was being made.
        path: PathBuf,
        /// What stopped it, and what is left.
        problem: String,
        /// What the user can do.
        fix: String,
    },
    /// A step failed; the state before it was saved.
    Halted {
        /// Steps that are done.
        step: u64,
        /// The checkpoint after that step.
        checkpoint: PathBuf,
        /// Why the next step failed.
        #[source]
        problem: Box<Error>,
    },
    /// A simulator outside this program failed.
    Simulator {
        /// Its command line.
        command: String,
        /// What it did.
        problem: String,
        /// What the user can do.
        fix: String,
    },
    /// Another rank of the training failed: all end.
    Rank {
        /// Its number, from 0.
        rank: usize,
        /// Its error, in words.
        problem: String,
    },
    /// Another rank says what failed: nothing more is to be said.
    Elsewhere {
        /// The exit code of the other rank's error.
        exit_code: u8,
    },
    /// An error raised inside libtorch.
    Torch(#[from] tch::TchError),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(self.words()))
    }
}

impl Error {
    fn words(&self) -> String {
        match self {
            Self::Input {
                path,
                place,
                problem,
                expected,
                fix,
            } => {
                let (path, at) = (shown(path), at(place));
                format!("{path}{at}: {problem}; expected {expected}; {fix}")
            }
            Self::Config {
                origin,
                key,
                problem,
                fix,
            } => format!("{origin}: key `{key}`: {problem}; {fix}"),
            Self::Output { path, problem, fix } => {
                format!("{}: cannot be written: {problem}; {fix}", shown(path))
            }
            Self::Run { path, problem, fix } | Self::Stopped { path, problem, fix } => {
                format!("{}: {problem}; {fix}", shown(path))
            }
            Self::Diverged {
                step,
                problem,
                checkpoint,
                fix,
            } => {
                let last = shown(checkpoint);
                format!(
                    "training diverged at step {step}: {problem}; the last good checkpoint is {last}; {fix}"
                )
            }
            Self::Interrupted { step, checkpoint } => format!(
                "stopped at step {step} by a signal; the checkpoint {} is complete: continue with --resume",
                shown(checkpoint)
            ),
            Self::Halted {
                step,
                checkpoint,
                problem,
            } => format!(
                "{problem}; stopped at step {step}: the checkpoint {} is complete, continue with --resume",
                shown(checkpoint)
            ),
            Self::Simulator {
                command,
                problem,
                fix,
            } => format!("simulator `{command}`: {problem}; {fix}"),
            Self::Rank { rank, problem } => format!("rank {rank}: {problem}"),
            Self::Elsewhere { .. } => "stopped with the other ranks".to_owned(),
            Self::Torch(e) => format!("libtorch: {}", first_line(e)),
        }
    }
}

fn at(place: &str) -> String {
    if place.is_empty() {
        String::new()
    } else {
        format!(" [{place}]")
    }
}

/// The first line of what libtorch says; of a lack of memory on a GPU, which is one long line, what was asked for
/// and what there is.
fn first_line(e: &tch::TchError) -> String {
    let text = e.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.split(". Including non-PyTorch memory")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Whether libtorch says with `text` that there is no memory, of the host or of the GPU.
pub(crate) fn out_of_memory(text: &str) -> bool {
    let says = [
        "out of memory",
        "can't allocate memory",
        "not enough memory",
        "ALLOC_FAILED",
    ];
    says.iter().any(|s| text.contains(s))
}

/// Exit code of a failure.
pub const FAILED: u8 = 1;
/// Exit code of a run that a signal stopped: 128 + SIGINT, as of a program that Ctrl-C ends.
pub const STOPPED: u8 = 130;

impl Error {
    /// What the process ends with: docs/reference/exit-codes.md.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { .. } | Self::Stopped { .. } => STOPPED,
            Self::Elsewhere { exit_code } => *exit_code,
            _ => FAILED,
        }
    }

    /// Whether it is libtorch's that there is no memory: a smaller batch may need less.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Torch(e) => out_of_memory(&e.to_string()),
            Self::Halted { problem, .. } => problem.is_out_of_memory(),
            _ => false,
        }
    }

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

    /// What is wrong and how to mend it, where the path is known anyway.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::Input {
                place,
                problem,
                fix,
                ..
            } => {
                let place = at(place);
                format!("{place} {problem}; {fix}").trim_start().to_owned()
            }
            other => other.to_string(),
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

    /// An [`Error::Stopped`] about `path`.
    pub fn stopped(path: impl AsRef<Path>, problem: impl Display, fix: impl Display) -> Self {
        Self::Stopped {
            path: path.as_ref().to_path_buf(),
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
    let text = text.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Error;
    use std::error::Error as _;

    #[test]
    fn a_signal_has_an_exit_code_of_its_own() {
        let stopped = Error::stopped("out.fits", "stopped by a signal", "run again");
        let halted = Error::Halted {
            step: 3,
            checkpoint: "a".into(),
            problem: Box::new(Error::output("b", "disk full", "make room")),
        };
        let interrupted = Error::Interrupted {
            step: 3,
            checkpoint: "a".into(),
        };
        assert_eq!((stopped.exit_code(), interrupted.exit_code()), (130, 130));
        assert_eq!(Error::Elsewhere { exit_code: 130 }.exit_code(), 130);
        assert_eq!(halted.exit_code(), 1);
    }

    #[test]
    fn a_message_is_one_line_without_control_characters_that_ends_with_the_remedy() {
        let place = "column \u{1b}[31mA\u{7}\nB\u{202e}C";
        let e = Error::input(
            "dir/a\n\u{1b}b.fits",
            place,
            "x".repeat(3000),
            "y",
            "copy it",
        );
        let text = e.to_string();
        assert!(
            text.starts_with(r"dir/a\n\u001bb.fits [column \u001b[31mA\u0007 B\u202eC]"),
            "{text}"
        );
        assert!(text.ends_with("expected y; copy it"), "{text}");
        assert!(text.chars().count() < 500 && !text.chars().any(char::is_control));
        let deep = Error::run(
            format!("/{}/end.toml", "d".repeat(4000)),
            "not a run",
            "give one",
        );
        assert!(
            deep.to_string().ends_with("end.toml: not a run; give one"),
            "{deep}"
        );
    }

    #[test]
    fn the_error_below_is_the_source() {
        let halted = Error::Halted {
            step: 3,
            checkpoint: "a".into(),
            problem: Box::new(Error::output("b", "disk full", "make room")),
        };
        let below = halted.source().map(ToString::to_string);
        assert_eq!(
            below.as_deref(),
            Some("b: cannot be written: disk full; make room")
        );
        let torch = Error::from(tch::TchError::Torch("one\ntwo".into()));
        assert_eq!(torch.to_string(), "libtorch: Internal torch error: one");
        assert!(torch.source().unwrap().to_string().contains("two"));
        let said = "CUDA out of memory. Tried to allocate 504.00 MiB. GPU 0 has a total capacity of 139.80 GiB of which \
                    136.78 GiB is free";
        let long = format!(
            "{said}. Including non-PyTorch memory, this process has 3.01 GiB memory in use. See …"
        );
        let torch = Error::from(tch::TchError::Torch(long));
        assert_eq!(
            torch.to_string(),
            format!("libtorch: Internal torch error: {said}")
        );
        assert!(Error::config("a", "b", "c", "d").source().is_none());
    }
}
