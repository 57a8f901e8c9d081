//! `selfsi config`.

use super::global::Global;
use super::say::say;
use crate::config::{Explained, explain, reference};
use crate::{Error, Result};
use clap::Args;

/// Explain the keys of configs.
///
/// Prints type, default and meaning of a key, of every key of a table, or of all: what
/// docs/reference/configs.md says.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[group(id = "what", required = true)]
pub struct Config {
    /// Explain a key (train.reuse) or the keys of a table (train); repeatable.
    #[arg(long, value_name = "KEY", group = "what", conflicts_with = "list")]
    explain: Vec<String>,
    /// List every key with its default, a line for each.
    #[arg(long, group = "what")]
    list: bool,
}

impl Config {
    pub fn run(&self, global: &Global) -> Result<()> {
        let found = match self.list {
            true => reference()?,
            false => {
                let each = self.explain.iter().map(|k| explain(k));
                each.collect::<Result<Vec<_>>>()?.concat()
            }
        };
        if global.json {
            let json = serde_json::to_string_pretty(&found)
                .map_err(|e| Error::output("stdout", e, "leave --json out"))?;
            return say(json);
        }
        let lines: Vec<String> = match self.list {
            true => found.iter().map(listed).collect(),
            false => found.iter().map(explained).collect(),
        };
        say(lines.join(if self.list { "\n" } else { "\n\n" }))
    }
}

/// Key, default, and the first sentence.
fn listed(e: &Explained) -> String {
    let first = e.meaning.split_inclusive(". ").next().unwrap_or_default();
    let when = e
        .when
        .as_ref()
        .map(|w| format!("[{w}] "))
        .unwrap_or_default();
    format!("{:<32} {:<10} {when}{}", e.key, e.default, first.trim())
}

fn explained(e: &Explained) -> String {
    let of = |what: &str, text: &str| match text {
        "" => String::new(),
        text => format!(", {what}{text}"),
    };
    let default = match &*e.default {
        "–" => "must be given".to_owned(),
        "none" => "may be left out".to_owned(),
        default => format!("default {default}"),
    };
    let when = e.when.as_ref().map(|w| format!(" (with {w})"));
    let mut lines = vec![
        format!("{}{}", e.key, when.unwrap_or_default()),
        format!(
            "  {}{}{}; {default}",
            e.form,
            of("", &e.unit),
            of("shape ", &e.shape)
        ),
        format!("  {}", e.meaning),
    ];
    let choices = e.choices.iter();
    lines.extend(choices.map(|(name, what)| format!("  \"{name}\": {what}")));
    lines.join("\n")
}
