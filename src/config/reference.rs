//! What every key of a config means: docs/reference/configs.md, which the program carries and reads.
//!
//! Of that page count the tables that have columns `key` and `meaning`, and what says where they belong:
//! a heading or line that begins with `` `[table]` ``, and a line that begins with ``**`kind = "…"`**``.

use crate::{Error, Result};
use serde::Serialize;

const PAGE: &str = include_str!("../../docs/reference/configs.md");
/// Where the page lies, for links in it and for errors.
const PATH: &str = "docs/reference/configs.md";

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The whole key, e.g. `train.reuse`.
    pub key: String,
    /// The kind of its table that has it, e.g. `kind = "sdss"`; `None` if all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What its value may be.
    #[serde(rename = "type")]
    pub form: String,
    /// Its value where it is left out; `–` if it must be given, `none` if it then has none.
    pub default: String,
    /// Unit of the value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Shape of the dataset that it names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// What it means.
    pub meaning: String,
    /// Of a `kind`: each of its values, and what that means.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<(String, String)>,
}

/// What is known of all keys, in the order of the page.
///
/// # Errors
/// [`Error::Config`] if the page does not have the form that is read; a test reads it.
pub fn reference() -> Result<Vec<Explained>> {
    let mut page = Page::default();
    for (i, line) in PAGE.lines().enumerate() {
        page.read(line).map_err(|problem| {
            Error::config(
                PATH,
                format!("line {}", i + 1),
                problem,
                "report this with the version of selfsi",
            )
        })?;
    }
    page.copy_likes();
    Ok(page.keys)
}

/// What `key` means: one entry, more where several kinds of its table have it, or all keys of a table.
///
/// # Errors
/// [`Error::Config`] with the nearest key if there is none of this name.
pub fn explain(key: &str) -> Result<Vec<Explained>> {
    let all = reference()?;
    let name = key.trim().trim_matches(['[', ']']);
    let inside = |k: &str| k.strip_prefix(name).is_some_and(|r| r.starts_with('.'));
    let exact: Vec<_> = all.iter().filter(|e| e.key == name).cloned().collect();
    let found = match exact.iter().any(|e| e.form != "table") {
        true => exact,
        false => all
            .iter()
            .filter(|e| e.key == name || inside(&e.key))
            .cloned()
            .collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let last = |k: &&str| k.rsplit('.').next() == Some(name);
    let keys = || all.iter().map(|e| &*e.key);
    let mut meant: Vec<&str> = keys().filter(last).collect();
    meant.dedup();
    if meant.is_empty() {
        let like = |a: &&str, b: &&str| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name));
        meant.extend(keys().max_by(like));
    }
    let fix = format!(
        "did you mean `{}`? selfsi config --list names all",
        meant.join("` or `")
    );
    Err(Error::config("selfsi config", key, "no such key", fix))
}

/// The page as far as it is read.
#[derive(Default)]
struct Page {
    keys: Vec<Explained>,
    /// Table of the last heading, and of the line below it that names another.
    table: String,
    inner: Option<String>,
    when: Option<String>,
    /// Columns of the table of the page that is being read; `None` outside.
    columns: Option<Vec<String>>,
    /// Tables that have the keys of another.
    likes: Vec<(String, String)>,
}

type Read = std::result::Result<(), String>;

impl Page {
    fn read(&mut self, line: &str) -> Read {
        if line.starts_with('|') {
            return self.row(&cells(line));
        }
        self.columns = None;
        if let Some(heading) = line.trim_start_matches('#').strip_prefix(' ')
            && line.starts_with("##")
        {
            self.table = table(heading).unwrap_or_default().to_owned();
            (self.inner, self.when) = (None, None);
        } else if let Some(rest) = line.strip_prefix("**`") {
            let (when, text) = rest
                .split_once("`**: ")
                .ok_or("a kind without what it means")?;
            self.inner = None;
            self.when = Some(when.to_owned());
            let kind = when.split('"').nth(1).ok_or("a kind without its name")?;
            self.choice(kind, text)?;
        } else if let Some(name) = table(line)
            && line.starts_with("`[")
        {
            self.inner = Some(name.to_owned());
            if let Some((_, other)) = line.split_once("the keys of [`") {
                let other = other.trim_start_matches('[').split(']').next();
                self.likes
                    .push((name.to_owned(), other.unwrap_or_default().to_owned()));
            }
        }
        Ok(())
    }

    fn row(&mut self, cells: &[String]) -> Read {
        let Some(columns) = &self.columns else {
            self.columns = Some(cells.to_vec());
            return Ok(());
        };
        let has = |name: &str| columns.iter().any(|c| c == name);
        if !(has("key") && has("meaning")) || cells.iter().all(|c| c.starts_with("--")) {
            return Ok(());
        }
        if cells.len() != columns.len() {
            return Err(format!("{} cells of {}", cells.len(), columns.len()));
        }
        let cell = |name: &str| {
            let at = columns.iter().position(|c| c == name);
            at.map_or("", |at| &*cells[at]).to_owned()
        };
        let (kind, keys, meaning) = (cell("`kind`"), cell("key"), plain(&cell("meaning")));
        if meaning.is_empty() {
            return Err("a key without what it means".to_owned());
        }
        let (form, default) = (cell("type"), cell("default"));
        let (unit, shape) = (cell("unit"), cell("shape"));
        if !kind.is_empty() {
            let kind = kind.replace(['`', '"'], "");
            self.when = Some(format!("kind = \"{kind}\""));
            return match keys.is_empty() {
                true => self.choice(&kind, &meaning),
                false => Err("a kind and a key in one row".to_owned()),
            };
        }
        if form.is_empty() || default.is_empty() {
            return Err("a key without type or default".to_owned());
        }
        let keys: Vec<&str> = keys.split(", ").collect();
        let defaults: Vec<&str> = default.split(", ").collect();
        for (i, key) in keys.iter().enumerate() {
            let own = defaults.len() == keys.len();
            self.keys.push(Explained {
                key: self.whole(bare(key).ok_or("a key that is not in backticks")?),
                when: self.when.clone(),
                form: plain(&form),
                default: bare(if own { defaults[i] } else { &default }).map_or_else(
                    || plain(if own { defaults[i] } else { &default }),
                    str::to_owned,
                ),
                unit: unit.clone(),
                shape: shape.clone(),
                meaning: meaning.clone(),
                choices: Vec::new(),
            });
        }
        Ok(())
    }

    /// Adds what `kind` of the table at hand means.
    fn choice(&mut self, kind: &str, meaning: &str) -> Read {
        let key = self.whole("kind");
        let found = self.keys.iter_mut().find(|e| e.key == key);
        let entry = found.ok_or_else(|| format!("no key {key} above"))?;
        entry.choices.push((kind.to_owned(), plain(meaning)));
        Ok(())
    }

    fn whole(&self, key: &str) -> String {
        let table = self.inner.as_ref().unwrap_or(&self.table);
        match table.is_empty() {
            true => key.to_owned(),
            false => format!("{table}.{key}"),
        }
    }

    fn copy_likes(&mut self) {
        for (name, other) in &self.likes {
            let like = |e: &Explained| {
                let rest = e.key.strip_prefix(&**other)?;
                Some(Explained {
                    key: format!("{name}{}", rest.starts_with('.').then_some(rest)?),
                    ..e.clone()
                })
            };
            let copies: Vec<_> = self.keys.iter().filter_map(like).collect();
            let inside = |e: &Explained| e.key.starts_with(name.split('.').next().unwrap_or(name));
            let at = self.keys.iter().rposition(inside).map_or(0, |i| i + 1);
            self.keys.splice(at..at, copies);
        }
    }
}

/// The cells of a row, without the bars that the text escapes.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_matches('|').replace("\\|", "\u{1}");
    let cell = |c: &str| c.trim().replace('\u{1}', "|");
    line.split('|').map(cell).collect()
}

/// The table that a text names: train of "`[train]`".
fn table(text: &str) -> Option<&str> {
    text.split_once("`[")?
        .1
        .split_once("]`")
        .map(|(name, _)| name)
}

/// What stands between a pair of backticks, if nothing else does.
fn bare(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.contains('`')).then_some(inner)
}

/// Text without links: a page of the documentation is named after the words that led to it.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, words, target, after)) = link(rest) {
        out.push_str(before);
        out.push_str(words);
        if let Some(page) = target.strip_prefix("../").filter(|t| t.ends_with(".md")) {
            out.push_str(&format!(": docs/{page}"));
        }
        rest = after;
    }
    out + rest
}

/// The first link of a text: what is before it, its words, its target, what is after it.
fn link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = text.find("](")?;
    let open = text[..middle].rfind('[')?;
    let (target, after) = text[middle + 2..].split_once(')')?;
    Some((&text[..open], &text[open + 1..middle], target, after))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, apply_override, diffusion, image};
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeSet;

    /// What serde says of a config in which `sets` are set.
    fn refusal(sets: &[String]) -> String {
        let base = r#"
            survey = { prepared = "set.h5", source = { kind = "sdss", spectra = "spectra" } }
            forward = { kind = "gaussian", sigma = 0.5 }
        "#;
        let mut table: toml::Table = base.parse().unwrap();
        if sets.iter().any(|s| apply_override(&mut table, s).is_err()) {
            return String::new();
        }
        image::complete(&mut table, "test").unwrap();
        diffusion::complete(&mut table);
        let read = Config::deserialize(toml::Value::Table(table));
        read.err()
            .map_or_else(String::new, |e| e.message().to_owned())
    }

    /// The names that serde expects in place of `zzz`, which is an unknown `what`.
    fn expected(message: &str, what: &str) -> Option<Vec<String>> {
        let names = message.strip_prefix(&format!("unknown {what} `zzz`, expected "))?;
        let names = names.split('`').skip(1).step_by(2);
        Some(names.map(str::to_owned).collect())
    }

    /// Every key below `table` that a config takes in which `sets` are set.
    fn taken(table: &str, sets: &[String]) -> BTreeSet<String> {
        let whole = |key: &str| match table {
            "" => key.to_owned(),
            _ => format!("{table}.{key}"),
        };
        let with = |last: String| [sets, &[last]].concat();
        let set = |value: &str| match table {
            "" => "zzz=1".to_owned(),
            _ => format!("{table}={value}"),
        };
        let (open, close) = match refusal(&with(set("{zzz=1}"))).contains("expected a sequence") {
            true => ("[{", "}]"),
            false => ("{", "}"),
        };
        let answer = |inside: &str| refusal(&with(set(&format!("{open}{inside}{close}"))));
        let mut out = BTreeSet::new();
        let plain = answer("zzz=1");
        let tags = ["kind", "from"].into_iter();
        let tag = tags.clone().find(|t| {
            plain.contains(&format!("missing field `{t}`"))
                || *t == "kind" && table.ends_with("network")
        });
        let kinds = tag.and_then(|tag| {
            let kinds = expected(&answer(&format!("{tag}=\"zzz\"")), "variant")?;
            out.insert(whole(tag));
            let given = |k: String| format!("{tag}=\"{k}\"");
            let named = kinds.iter().filter(|_| tag == "kind");
            out.extend(named.map(|k| format!("{}=\"{k}\"", whole(tag))));
            Some(kinds.into_iter().map(given).collect::<Vec<_>>())
        });
        // A kind may ask where it comes from before it says its keys.
        let asks = |kind: &str| -> Option<Vec<String>> {
            let from = answer(&format!("{kind},zzz=1")).contains("missing field `from`");
            let all = from.then(|| expected(&answer(&format!("{kind},from=\"zzz\"")), "variant"));
            let given = |v: String| format!("{kind},from=\"{v}\"");
            Some(all??.into_iter().map(given).collect())
        };
        let kinds = kinds.into_iter().flatten().flat_map(|kind| {
            let asked = if kind.starts_with("kind=") {
                asks(&kind)
            } else {
                None
            };
            asked.unwrap_or_else(|| vec![kind])
        });
        let kinds: Vec<String> = kinds.collect();
        for kind in if kinds.is_empty() {
            vec![String::new()]
        } else {
            kinds
        } {
            let comma = if kind.is_empty() { "" } else { "," };
            let keys = expected(&answer(&format!("{kind}{comma}zzz=1")), "field");
            let given = set(&format!("{open}{kind}{close}"));
            let within = if kind.is_empty() {
                sets.to_vec()
            } else {
                with(given)
            };
            for key in keys.unwrap_or_default() {
                let inner = taken(&whole(&key), &within);
                let leaf = inner.is_empty() && !(out.contains(&whole(&key)));
                out.extend(inner);
                out.extend(leaf.then(|| whole(&key)));
            }
        }
        out
    }

    #[test]
    fn every_key_that_a_config_takes_is_explained_and_no_other() {
        let mut said = BTreeSet::new();
        for e in reference().unwrap() {
            let kinds = e.choices.iter();
            said.extend(kinds.map(|(kind, _)| format!("{}=\"{kind}\"", e.key)));
            // A table is not set itself.
            said.extend(Some(e.key).filter(|_| !e.form.contains("table")));
        }
        let taken = taken("", &[]);
        let of = |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>();
        assert_eq!(of(&taken, &said), [""; 0], "taken, but not explained");
        assert_eq!(of(&said, &taken), [""; 0], "explained, but not taken");
        assert!(taken.contains("forward.stages.rho") && taken.contains("train.growth.from"));
    }

    #[test]
    fn a_key_is_explained_with_type_default_and_meaning() {
        let [e] = &explain("train.reuse").unwrap()[..] else {
            panic!("one entry")
        };
        assert_eq!((&*e.form, &*e.default), ("integer ≥ 1", "4"));
        assert!(e.meaning.starts_with("Steps that each transported batch"));
        let z = explain("survey.source.columns.z").unwrap();
        let kinds: Vec<_> = z.iter().filter_map(|e| e.when.as_deref()).collect();
        assert_eq!(kinds, ["kind = \"sdss\"", "kind = \"desi\""]);
        assert_eq!(
            explain("normalise.min").unwrap()[0].unit,
            "Å, in the frame of the grid"
        );
        let interpolant = &explain("interpolant.kind").unwrap()[0];
        assert_eq!(interpolant.choices[4].0, "sure");
        // A link is followed by the page that it leads to; a bar that the page escapes is a bar.
        assert!(
            interpolant.choices[4]
                .1
                .contains("(measured: docs/measurements/sure.md)")
        );
        assert!(interpolant.choices[3].1.contains("p(x₀ | y)"));
    }

    #[test]
    fn a_table_is_explained_by_its_keys_and_an_unknown_key_by_the_nearest() {
        let keys = |name: &str| -> Vec<String> {
            let found = explain(name).unwrap().into_iter();
            found.map(|e| e.key).collect()
        };
        assert_eq!(
            keys("[grid]"),
            ["grid.min", "grid.max", "grid.pixels", "grid.frame"]
        );
        assert_eq!(
            keys("train.growth"),
            ["train.growth.from", "train.growth.until"]
        );
        assert_eq!(keys("forward.noise").len(), 4);
        assert!(keys("diffusion.network").contains(&"diffusion.network.patch".to_owned()));
        for (wrong, right) in [("train.bach", "train.batch"), ("reuse", "train.reuse")] {
            let e = explain(wrong).unwrap_err().to_string();
            assert!(e.contains(&format!("did you mean `{right}`")), "{e}");
        }
    }
}
