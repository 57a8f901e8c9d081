//! What a command found out: for people, and for programs.

use super::global::Global;
use super::say::say;
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::Display;

/// The result of a command in both forms.
pub struct Said {
    /// Empty if there is nothing to say.
    text: String,
    /// A JSON value; empty where a command has none.
    json: String,
}

impl Said {
    /// A report that has both forms itself.
    ///
    /// # Errors
    /// [`Error::Output`] if it has no JSON form.
    pub fn of(report: &(impl Display + Serialize)) -> Result<Self> {
        let json = serde_json::to_string_pretty(report)
            .map_err(|e| Error::output("standard output", e, "leave --json out"))?;
        Ok(Self::both(report, json))
    }

    pub fn both(text: impl Display, json: impl Display) -> Self {
        Self {
            text: text.to_string(),
            json: json.to_string(),
        }
    }

    /// A command that leaves a file, and says nothing.
    pub fn nothing() -> Self {
        Self::both("", "")
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its JSON value, null where it has none.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// Prints the form that is asked for.
    ///
    /// # Errors
    /// As [`say`].
    pub fn print(&self, global: &Global) -> Result<()> {
        match if global.json { &self.json } else { &self.text } {
            nothing if nothing.is_empty() => Ok(()),
            text => say(text),
        }
    }
}
