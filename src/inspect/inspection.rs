//! What is found in a file: facts, problems.

use crate::base::line::{escaped, shown};
use crate::data::NativeGrid;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// Gaps in the wavelengths that are named.
const GAPS: usize = 4;

/// What is known of one file.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// What the file is, in words.
    pub kind: &'static str,
    /// Facts in the order in which they should be read.
    pub facts: Vec<(&'static str, Value)>,
    /// What is wrong or unusual about it.
    pub problems: Vec<String>,
}

impl Inspection {
    pub(crate) fn new(path: &Path, kind: &'static str) -> Self {
        Self {
            path: path.to_path_buf(),
            kind,
            facts: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push((name, value.into()));
    }

    pub(crate) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Names the gaps between the pixels of `grid`: the first few, and how many there are.
    pub(crate) fn gaps(&mut self, grid: &NativeGrid) {
        let wave = |e: f64| rounded(10f64.powf(e));
        let gaps = grid.gaps();
        let named = gaps.iter().take(GAPS);
        let named: Vec<String> = named
            .map(|[a, b]| format!("{}-{} Å", wave(*a), wave(*b)))
            .collect();
        match gaps.len() {
            0 => {}
            n if n > GAPS => self.problem(format!(
                "no pixel covers {}, and {} more gaps in the wavelengths: masked",
                named.join(", "),
                n - GAPS
            )),
            _ => self.problem(format!(
                "no pixel covers {}, a gap in the wavelengths: masked",
                named.join(", ")
            )),
        }
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("kind", self.kind)?;
        for (name, value) in &self.facts {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("problems", &self.problems)?;
        map.end()
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.path), self.kind)?;
        for (name, value) in &self.facts {
            write!(
                f,
                "\n  {:<16} {}",
                name.replace('_', " "),
                escaped(&words(value))
            )?;
        }
        for problem in &self.problems {
            write!(f, "\n  problem: {}", escaped(problem))?;
        }
        Ok(())
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(list) => list.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.contains_key("median") => {
            let part = |name: &str| map.get(name).map_or_else(String::new, words);
            format!(
                "{} to {}, median {}",
                part("min"),
                part("max"),
                part("median")
            )
        }
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| format!("{k} {}", words(v)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    }
}

/// Smallest, median and largest of the finite values, to 4 decimals; null if there is none.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> Value {
    let finite: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if finite.is_empty() {
        return Value::Null;
    }
    let median = crate::base::statistics::median(finite);
    serde_json::json!({
        "min": rounded(low), "median": rounded(median), "max": rounded(high)
    })
}

/// To four decimals, or four digits for what is small.
pub(crate) fn rounded(v: f64) -> f64 {
    let scale = if v == 0.0 || v.abs() >= 1.0 {
        1e4
    } else {
        10f64.powf(3.0 - v.abs().log10().floor())
    };
    (v * scale).round() / scale
}
