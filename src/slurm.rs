//! Batch scripts for SLURM: train, restore as a job array, merge.

use crate::restore::Part;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What the jobs do. Paths should be absolute: a script may be submitted from any folder.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The program.
    pub selfsi: PathBuf,
    /// The config to train with; `None` if the run is trained already.
    pub config: Option<PathBuf>,
    /// The run folder.
    pub run: PathBuf,
    /// What to restore; empty: what the run was trained on.
    pub input: Vec<PathBuf>,
    /// The restored catalog.
    pub out: PathBuf,
    /// Tasks of the array.
    pub tasks: usize,
    /// Processes that train together (MPI); 1 without.
    pub ranks: usize,
    /// What starts them, in the words of the shell: `srun`.
    pub launcher: String,
    /// Global options of training and restoring, such as `--device cuda`.
    pub options: Vec<String>,
    /// Options that the run remembers: for training alone if there is one, else for restoring.
    pub overrides: Vec<String>,
    /// `#SBATCH` lines of the jobs that compute, without `#SBATCH --`: `partition=gpu`.
    pub resources: Vec<String>,
    /// `#SBATCH` lines of the merge as well.
    pub account: Vec<String>,
    /// Shell lines before the program, e.g. `module load cuda`.
    pub setup: Vec<String>,
}

/// A script and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name of its file.
    pub name: &'static str,
    /// What the file holds.
    pub text: String,
}

impl Campaign {
    /// The scripts, in the order in which the jobs depend on each other.
    ///
    /// # Errors
    /// [`Error::Config`] for an `#SBATCH` option that holds a blank, an empty array or no rank.
    pub fn scripts(&self) -> Result<Vec<Script>> {
        if self.tasks == 0 {
            return Err(refused("--array", "0 tasks", "give at least 1"));
        }
        if self.ranks == 0 {
            return Err(refused("--ranks", "0 ranks", "give at least 1"));
        }
        if self.ranks > 1 && self.config.is_none() {
            let problem = "this run is trained already, and each task restores as one process";
            return Err(refused("--ranks", problem, "leave it out"));
        }
        for option in self.resources.iter().chain(&self.account) {
            if option.contains(|c: char| c.is_whitespace() || c.is_control()) {
                let problem = format!("{option:?} contains a space, at which SLURM ends an option");
                return Err(refused("options of sbatch", problem, "give one without"));
            }
        }
        let mut scripts = Vec::new();
        if let Some(config) = &self.config {
            scripts.push(self.train(config));
        }
        scripts.push(self.restore());
        // One task restores everything.
        if self.tasks > 1 {
            scripts.push(self.merge());
        }
        Ok(scripts)
    }

    fn train(&self, config: &Path) -> Script {
        let (selfsi, run) = (quoted(&self.selfsi), quoted(&self.run));
        let ntasks = format!("ntasks={}", self.ranks);
        let mut settings = vec![
            "signal=B:TERM@120",
            "requeue",
            "open-mode=append",
            "output=selfsi-train-%j.log",
        ];
        let (launcher, signal) = if self.ranks > 1 {
            settings.push(&ntasks);
            (self.launched(), "USR1")
        } else {
            (String::new(), "TERM")
        };
        let body = format!(
            r#"# Continues where an earlier try of this job left off.
set -- {threads}{options}{overrides} train {config} --out {run}
if [ -e {run}/config.toml ]; then set -- "$@" --resume; fi

# SIGTERM comes 120 s before the time is up: selfsi writes a checkpoint, and the job goes back into
# the queue. Only a child in the background leaves the shell free to pass the signal on.
stopped=
trap 'stopped=yes; kill -{signal} "$child"' TERM
{launcher}{selfsi} "$@" &
child=$!
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
if [ -n "$stopped" ] && [ "$status" -ne 0 ] &&
    [ "$(squeue -h -j "${{SLURM_JOB_ID:-}}" -o %T 2>/dev/null)" = RUNNING ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
"#,
            threads = THREADS,
            options = self.words(&self.options),
            overrides = self.words(&self.overrides),
            config = quoted(config),
        );
        let resources = self.resources.iter().chain(&self.account);
        self.script("train.sbatch", &settings, resources, &body)
    }

    /// The launcher of the ranks. It gets SIGUSR1, which srun and mpirun pass on to every rank: at
    /// SIGTERM they end them.
    fn launched(&self) -> String {
        format!(
            "export SRUN_CPUS_PER_TASK=\"${{SLURM_CPUS_PER_TASK:-1}}\"\n{} ",
            self.launcher
        )
    }

    fn restore(&self) -> Script {
        let tasks = self.tasks;
        let array = format!("array=1-{tasks}");
        let settings = [array.as_str(), "output=selfsi-restore-%A_%a.log"];
        let overrides = match self.config {
            // Training has put them into the config of the run.
            Some(_) => String::new(),
            None => self.words(&self.overrides),
        };
        let input: String = self
            .input
            .iter()
            .map(|i| format!(" {}", quoted(i)))
            .collect();
        let body = format!(
            r#"# Task I writes shard I of {tasks}. Do single ones again with sbatch --array=4,7 restore.sbatch
exec {selfsi} {THREADS}{options}{overrides} restore {run}{input} --out {out} \
    --shard "$SLURM_ARRAY_TASK_ID/{tasks}"
"#,
            selfsi = quoted(&self.selfsi),
            options = self.words(&self.options),
            run = quoted(&self.run),
            out = quoted(&self.out),
        );
        let resources = self.resources.iter().chain(&self.account);
        self.script("restore.sbatch", &settings, resources, &body)
    }

    fn merge(&self) -> Script {
        let body = format!(
            "# Nothing is written unless every row is there exactly once.\nexec {} merge {} --out {}\n",
            quoted(&self.selfsi),
            self.shards(),
            quoted(&self.out),
        );
        let settings = ["output=selfsi-merge-%j.log"];
        self.script("merge.sbatch", &settings, self.account.iter(), &body)
    }

    /// A shell pattern for all the shards.
    fn shards(&self) -> String {
        let Ok(first) = Part::new(1, self.tasks) else {
            return quoted(&self.out);
        };
        let path = first.path(&self.out).to_string_lossy().into_owned();
        // The last one: a name of the user's may hold the same letters.
        let Some((stem, rest)) = path.rsplit_once(".shard-") else {
            return quoted(Path::new(&path));
        };
        let (digits, of) = rest.split_once("-of-").unwrap_or((rest, ""));
        let any = "[0-9]".repeat(digits.len());
        format!(
            "{}{any}{}",
            quote(&format!("{stem}.shard-")),
            quote(&format!("-of-{of}"))
        )
    }

    fn script<'a>(
        &self,
        name: &'static str,
        settings: &[&'a str],
        resources: impl Iterator<Item = &'a String>,
        body: &str,
    ) -> Script {
        let mut text = String::from("#!/bin/bash\n");
        let job = name.trim_end_matches(".sbatch");
        text += &format!("#SBATCH --job-name=selfsi-{job}\n");
        for line in settings
            .iter()
            .copied()
            .chain(resources.map(String::as_str))
        {
            text += &format!("#SBATCH --{line}\n");
        }
        text += "\n";
        text += &self.how_to_submit();
        for line in &self.setup {
            text += &format!("{line}\n");
        }
        text += "\n";
        text += body;
        Script { name, text }
    }

    /// The same comment in every script.
    fn how_to_submit(&self) -> String {
        let mut text = String::from("# Submit, in the folder of these scripts:\n");
        let mut after = String::new();
        if self.config.is_some() {
            text += "#   train=$(sbatch --parsable train.sbatch)\n";
            after = "--dependency=afterok:${train%%;*} ".into();
        }
        text += &format!("#   restore=$(sbatch --parsable {after}restore.sbatch)\n");
        if self.tasks > 1 {
            text += "#   sbatch --dependency=afterok:${restore%%;*} merge.sbatch\n";
        }
        text
    }

    fn words(&self, words: &[String]) -> String {
        words.iter().map(|w| format!(" {}", quote(w))).collect()
    }
}

/// The cores that SLURM gave.
const THREADS: &str = r#"--threads "${SLURM_CPUS_PER_TASK:-1}""#;

fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// One word of the shell, whatever it holds.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn refused(key: &str, problem: impl std::fmt::Display, fix: &str) -> Error {
    Error::config("selfsi slurm", key, problem, fix)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_reach_the_shell_as_they_are() {
        for text in [
            "",
            "plain",
            "a b",
            "it's",
            "$HOME `id` \"x\" \\ *",
            "new\nline",
            "~",
        ] {
            let script = format!("printf %s {}", quote(text));
            let output = std::process::Command::new("bash")
                .args(["-c", &script])
                .output();
            assert_eq!(output.unwrap().stdout, text.as_bytes());
        }
    }
}
