//! A config in the making: tables of keys with the reason for each value, and questions that the files left
//! open.

use crate::Result;
use crate::config::overridden_key;
use std::fmt::{self, Display};
use toml::Value;

/// A commented config.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Lines at the top.
    pub head: Vec<String>,
    pub tables: Vec<Table>,
}

/// A table, e.g. `survey.source`; `forward.stages` is one of a list.
#[derive(Debug, Clone)]
pub(super) struct Table {
    name: &'static str,
    listed: bool,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
enum Line {
    Key(String, Value, String),
    Question(String),
}

impl Table {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            listed: false,
            lines: Vec::new(),
        }
    }

    /// An entry of a list of tables.
    pub fn listed(name: &'static str) -> Self {
        Self {
            listed: true,
            ..Self::new(name)
        }
    }

    /// A key, and why it has its value; the comment may be empty.
    pub fn key(mut self, key: &str, value: impl Into<Value>, why: impl Display) -> Self {
        self.lines
            .push(Line::Key(key.to_owned(), value.into(), why.to_string()));
        self
    }

    /// What the files do not tell, above the key that follows or at the end.
    pub fn question(mut self, text: impl Display) -> Self {
        self.lines.push(Line::Question(text.to_string()));
        self
    }

    /// As [`Self::question`], if `asked`.
    pub fn question_if(self, asked: bool, text: impl Display) -> Self {
        if asked { self.question(text) } else { self }
    }
}

impl Draft {
    /// Sets what the user gave with `--set`, in place of what was found.
    ///
    /// # Errors
    /// As [`overridden_key`].
    pub fn set(&mut self, overrides: &[String]) -> Result<()> {
        for text in overrides {
            let (key, value) = overridden_key(text)?;
            // The table with the longest name has it.
            let within = |t: &&mut Table| {
                let rest = key.strip_prefix(t.name);
                !t.listed && rest.is_some_and(|r| r.is_empty() || r.starts_with('.'))
            };
            let found = self.tables.iter_mut().filter(within);
            match (found.max_by_key(|t| t.name.len()), &value) {
                // A whole table, in place of what it has.
                (Some(table), Value::Table(keys)) if table.name == key => {
                    let given = |(k, v): (&String, &Value)| given(k, v.clone());
                    table.lines = keys.iter().map(given).collect();
                }
                (Some(table), _) if table.name != key => {
                    let own = key[table.name.len() + 1..].to_owned();
                    let has = |l: &Line| matches!(l, Line::Key(k, _, _) if *k == own);
                    let line = given(&own, value);
                    match table.lines.iter().position(has) {
                        Some(at) => table.lines[at] = line,
                        None => table.lines.push(line),
                    }
                }
                _ => {
                    let mut top = Table::new("");
                    top.lines.push(given(&key, value));
                    self.tables.insert(0, top);
                }
            }
        }
        Ok(())
    }
}

fn given(key: &str, value: Value) -> Line {
    Line::Key(key.to_owned(), value, "as given".to_owned())
}

impl Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.head {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        for table in &self.tables {
            match (table.name, table.listed) {
                ("", _) => writeln!(f)?,
                (name, false) => writeln!(f, "\n[{name}]")?,
                (name, true) => writeln!(f, "\n[[{name}]]")?,
            }
            for line in &table.lines {
                match line {
                    Line::Question(text) => writeln!(f, "# ? {text}")?,
                    Line::Key(key, value, why) if why.is_empty() => writeln!(f, "{key} = {value}")?,
                    Line::Key(key, value, why) => {
                        writeln!(f, "{:<27} # {why}", format!("{key} = {value}"))?;
                    }
                }
            }
        }
        Ok(())
    }
}
