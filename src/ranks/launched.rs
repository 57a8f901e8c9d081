//! What a launcher (mpirun, mpiexec, srun) tells a process of how many it started.

use crate::base::error::FAILED;
use crate::{Error, Result};

/// How this process was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launched {
    /// How many processes were started together.
    pub size: usize,
    /// How many of them on this machine, where that is known.
    pub local_size: Option<usize>,
    /// Number of this one among them.
    rank: usize,
    /// The variable that says how many there are.
    key: &'static str,
}

/// How many and which one, set by Open MPI, by MPICH and its kin (and by srun for them), and by srun.
const SIZES: [(&str, &str); 3] = [
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
];
const LOCAL_SIZES: [&str; 3] = [
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    // "4", or "4(x2),3" for other nodes; without a figure of its own, where they differ.
    "SLURM_STEP_TASKS_PER_NODE",
];

/// How this process was started; `None` by no launcher.
#[must_use]
pub fn here() -> Option<Launched> {
    Launched::of(|key| std::env::var(key).ok())
}

/// Refuses to be one of several processes: for commands that know no ranks.
///
/// # Errors
/// [`Error::Config`] on the first of them, [`Error::Elsewhere`] on the others.
pub fn check_alone() -> Result<()> {
    match here() {
        Some(l) if l.size > 1 => Err(l.undivided()),
        _ => Ok(()),
    }
}

impl Launched {
    /// From the environment that `get` gives.
    pub fn of(get: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |text: String| text.parse::<usize>().ok();
        let said = |(key, rank)| Some((key, number(get(key)?)?, get(rank)));
        let (key, size, rank) = SIZES.into_iter().find_map(said)?;
        let even = |text: String| match text.split_once("(x") {
            Some((each, nodes)) if nodes.ends_with(')') => number(each.to_owned()),
            _ => number(text),
        };
        Some(Self {
            size,
            local_size: LOCAL_SIZES.into_iter().find_map(|k| even(get(k)?)),
            rank: rank.and_then(number).unwrap_or(0),
            key,
        })
    }

    /// For processes that were started together and do not find each other: each would train the
    /// whole run, into the same folder.
    pub(super) fn stranded(self) -> Error {
        let (problem, fix) = if cfg!(feature = "mpi") {
            (
                "but its MPI finds one: the launcher is of another MPI than the program was built with",
                "start it with the mpirun of that MPI, or with srun --mpi=pmi2 or --mpi=pmix, whichever that MPI supports",
            )
        } else {
            (
                "and this selfsi was built without MPI: each would train the same run",
                "build with cargo build --release --features mpi, or start one process",
            )
        };
        self.refused("selfsi train", problem, fix)
    }

    /// For processes that were started together with a command that knows no ranks: each would do
    /// all of its work, and write the same files.
    fn undivided(self) -> Error {
        self.refused(
            "selfsi",
            "and each would do the same: selfsi train alone runs on several ranks",
            "start one process; selfsi restore: one for each --shard I/N",
        )
    }

    /// The first of them says so.
    fn refused(self, command: &str, problem: &str, fix: &str) -> Error {
        let Self { size, key, .. } = self;
        if self.rank > 0 {
            return Error::Elsewhere { exit_code: FAILED };
        }
        Error::config(
            command,
            key,
            format!("this is one of {size} processes, {problem}"),
            format!("{fix} (env -u {key} for independent runs)"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launched(set: &[(&str, &str)]) -> Option<Launched> {
        Launched::of(|key| {
            let found = set.iter().find(|(k, _)| *k == key);
            found.map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn every_launcher_says_how_many_it_started() {
        assert_eq!(launched(&[("HOME", "/")]), None);
        for (set, size, local) in [
            (
                &[("PMI_SIZE", "4"), ("MPI_LOCALNRANKS", "2")][..],
                4,
                Some(2),
            ),
            (&[("OMPI_COMM_WORLD_SIZE", "8")], 8, None),
            (
                &[
                    ("SLURM_STEP_NUM_TASKS", "8"),
                    ("SLURM_STEP_TASKS_PER_NODE", "4(x2)"),
                ],
                8,
                Some(4),
            ),
            (
                &[
                    ("SLURM_STEP_NUM_TASKS", "7"),
                    ("SLURM_STEP_TASKS_PER_NODE", "4,3"),
                ],
                7,
                None,
            ),
        ] {
            let found = launched(set).unwrap();
            assert_eq!((found.size, found.local_size), (size, local));
        }
    }
}
