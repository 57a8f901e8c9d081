//! `selfsi demo`.

use super::audit::Audit;
use super::campaign::{Campaign, of_the_run};
use super::diagnose::Diagnose;
use super::evaluate::Evaluate;
use super::global::Global;
use super::mock::Mock;
use super::parsed::parsed;
use super::plot::Plot;
use super::restore::Restore;
use super::said::Said;
use super::steps::{Source, Steps};
use super::stop::Stop;
use super::view::View;
use crate::base::atomic;
use crate::config::Config;
use crate::{Error, Result};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The config of the demo, as it is for a checkout.
const CONFIG: &str = include_str!("../../survey_configs/demo.toml");
/// The folder that it names.
const FOLDER: &str = "out/demo";

/// Make a mock quasar survey and restore it: the whole way, in some ten minutes.
///
/// Writes 6,000 noisy mock spectra as SDSS files; prepares, trains, restores, evaluates against the known
/// truth, audits, plots. The config is written to FOLDER/demo.toml; --set changes it. Goes on where it was
/// stopped, as `selfsi run` does.
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder that receives everything.
    #[arg(default_value = FOLDER)]
    folder: PathBuf,
}

impl Demo {
    pub fn run(&self, global: &Global) -> Result<Said> {
        let stop = Stop::watch()?;
        let in_folder = |name: &str| self.folder.join(name);
        let file = in_folder("demo.toml");
        let text = config_for(&self.folder)?;
        // Refused before anything is written.
        Config::parse(&text, &file.display().to_string(), &global.set)?;
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            atomic::write(&file, text.as_bytes())?;
        }
        let config = global.config(&file)?;
        let run = in_folder("run");
        let made = Campaign {
            file: &file,
            config: &config,
            run: &run,
            stop: &stop,
            global,
        };
        let mut steps = Steps::of(&self.folder, global);
        let truth = in_folder("mock/truth.h5");
        let from = |config, inputs: &[&[PathBuf]]| Source {
            config,
            inputs: inputs.concat(),
        };

        let mock = config.of_mock();
        steps.step("mock", &from(&mock, &[]), || {
            let said = parsed::<Mock>("@", &[&file])?.run(global)?;
            Ok((vec![in_folder("mock/catalog.fits"), truth.clone()], said))
        })?;
        let set = made.prepared(&mut steps)?;
        let trained = made.trained(&mut steps, &set)?;
        let training = config.of_training();
        let global = &of_the_run(global);

        let (restored, spectra) = (run.join("restored.fits"), run.join("spectra"));
        let catalog = steps.step("restore", &from(&config, &[&set, &trained]), || {
            let words = "@ @ --out @ --heldout -n 400 --save-draws --spectra @ --shard 1/1";
            let paths: [&Path; 4] = [&run, &set[0], &restored, &spectra];
            let said = parsed::<Restore>(words, &paths)?.run(global)?;
            Ok((vec![restored.clone()], said))
        })?;
        let beside_truth = [&*catalog, std::slice::from_ref(&truth)].concat();
        steps.step("evaluate", &from(&training, &[&beside_truth]), || {
            let said = parsed::<Evaluate>("@ --truth @", &[&run, &truth])?.run(global)?;
            let files = ["evaluation.json", "evaluation.md"];
            Ok((files.map(|n| run.join(n)).to_vec(), said))
        })?;
        let audit = run.join("audit.fits");
        steps.step("audit", &from(&training, &[&catalog, &trained]), || {
            let paths: [&Path; 3] = [&run, &restored, &audit];
            let said = parsed::<Audit>("@ @ --out @", &paths)?.run(global)?;
            Ok((vec![audit.clone()], said))
        })?;
        steps.each_time("diagnose", || parsed::<Diagnose>("@", &[&run])?.run(global))?;
        let picture = in_folder("spectra.png");
        steps.step("plot spectra", &from(&training, &[&beside_truth]), || {
            let paths: [&Path; 3] = [&restored, &truth, &picture];
            let said = parsed::<Plot>("spectra @ --truth @ --out @", &paths)?.run(global)?;
            Ok((vec![picture.clone()], said))
        })?;
        let curves = in_folder("training.png");
        steps.step("plot training", &from(&training, &[&trained]), || {
            let said = parsed::<Plot>("training @ --out @", &[&run, &curves])?.run(global)?;
            Ok((vec![curves.clone()], said))
        })?;
        let page = in_folder("view.html");
        let shown = [&*beside_truth, &[audit]].concat();
        steps.step("view", &from(&training, &[&shown, &trained]), || {
            let paths: [&Path; 3] = [&run, &truth, &page];
            let said = parsed::<View>("@ --truth @ --out @", &paths)?.run(global)?;
            Ok((vec![page.clone()], said))
        })?;
        let text = format!(
            "restored catalog: {}; picture: {}; page to look at: {}",
            restored.display(),
            picture.display(),
            page.display()
        );
        let json = json!({ "folder": self.folder, "steps": steps.told() });
        Ok(Said::both(text, format!("{json:#}")))
    }
}

/// The config of the demo for `folder`.
fn config_for(folder: &Path) -> Result<String> {
    let name = folder.to_str().filter(|n| !n.contains(['"', '\\', '\n']));
    let name = name.ok_or_else(|| {
        let problem = "a config cannot name this folder";
        Error::output(folder, problem, "give a name of ordinary characters")
    })?;
    Ok(CONFIG.replace(FOLDER, name))
}

#[cfg(test)]
mod tests {
    use super::{CONFIG, config_for};
    use crate::config::Config;
    use std::path::Path;

    #[test]
    fn every_path_of_the_config_lies_in_the_folder() {
        assert_eq!(config_for(Path::new("out/demo")).unwrap(), CONFIG);
        let text = config_for(Path::new("/my trial")).unwrap();
        let config = Config::parse(&text, "demo", &[]).unwrap();
        assert!(config.survey.prepared.starts_with("/my trial"));
        assert!(
            config
                .survey
                .source
                .first_path()
                .starts_with("/my trial/mock")
        );
        assert!(config.mock.unwrap().folder.starts_with("/my trial"));
        assert!(config_for(Path::new("a\"b")).is_err());
    }
}
