//! How restorations were made: what every file of them says of itself.

use super::object::flag;

/// How restorations were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// `ode`, `sde`, `fokker-planck` (an ODE as well) or `fokker-planck-sde`.
    pub method: String,
    /// SDE draws per object; 1 for the ODE.
    pub draws: usize,
    pub quantiles: Vec<f64>,
    pub seed: u64,
    /// Of the config without `[restore]`.
    pub config_sha256: String,
    /// SHA-256 of the checkpoint.
    pub run_sha256: String,
    /// What was done, line by line; written, not read back.
    pub history: Vec<String>,
}

/// Whether restorations by `method` are random draws, which come with DRAW and SIGMA.
#[must_use]
pub fn is_random(method: &str) -> bool {
    method.ends_with("sde")
}

/// The image that holds single restorations by `method`: of an ODE the one restoration is a draw in that
/// sense.
pub(crate) fn single(method: &str) -> &'static str {
    if is_random(method) {
        "DRAW"
    } else {
        "RESTORED"
    }
}

/// A value of a header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Real(f64),
}

/// One entry of a header: a FITS key, or an HDF5 attribute of the name in lower case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub name: String,
    pub value: Value,
    pub comment: &'static str,
}

impl Key {
    pub fn text(name: &str, value: &str, comment: &'static str) -> Self {
        Self::new(name, Value::Text(value.to_owned()), comment)
    }

    pub fn whole(name: &str, value: i64, comment: &'static str) -> Self {
        Self::new(name, Value::Whole(value), comment)
    }

    pub fn real(name: &str, value: f64, comment: &'static str) -> Self {
        Self::new(name, Value::Real(value), comment)
    }

    fn new(name: &str, value: Value, comment: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            comment,
        }
    }
}

impl Provenance {
    /// Whether there are several draws, whose scatter is the uncertainty.
    pub(crate) fn uncertain(&self) -> bool {
        is_random(&self.method) && self.draws > 1
    }

    /// The keys that say it; the history apart.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let uncertainty = if self.uncertain() {
            "SDE draws"
        } else {
            "none"
        };
        let creator = concat!("selfsi ", env!("CARGO_PKG_VERSION"));
        vec![
            Key::text("CREATOR", creator, "program and version"),
            Key::text(
                "METHOD",
                &self.method,
                "transport: ode, sde or fokker-planck[-sde]",
            ),
            Key::text(
                "UNCERT",
                uncertainty,
                "source of the uncertainty; none: not estimated",
            ),
            // SHA-256 of the config without [restore] and of the checkpoint: no room for a comment.
            Key::text("CFGSHA", &self.config_sha256, ""),
            Key::text("RUNSHA", &self.run_sha256, ""),
            Key::whole("NDRAWS", self.draws as i64, "draws per object"),
            Key::whole("SEED", self.seed as i64, "seed of the draws"),
        ]
    }

    /// What the parts of one restoration have in common, with its name in the header.
    pub(crate) fn shared(&self) -> Vec<(&'static str, String)> {
        vec![
            ("RUNSHA", self.run_sha256.clone()),
            ("CFGSHA", self.config_sha256.clone()),
            ("SEED", self.seed.to_string()),
            ("METHOD", self.method.clone()),
            ("NDRAWS", self.draws.to_string()),
            ("QUANT", format!("{:?}", self.quantiles)),
        ]
    }

    /// The quantiles of the draws that are written: QUANT1, QUANT2, …
    pub(crate) fn quantile_keys(&self) -> Vec<Key> {
        let name = |i: usize| format!("QUANT{}", i + 1);
        let quantiles = self.quantiles.iter().enumerate();
        quantiles
            .map(|(i, q)| Key::real(&name(i), *q, "quantile of the draws"))
            .collect()
    }
}

/// Name and meaning of every bit of FLAG.
pub(crate) fn flag_keys() -> Vec<Key> {
    let key = |(bit, name, meaning): &(i32, &str, &'static str)| {
        Key::text(&format!("FLAG{bit}"), name, meaning)
    };
    flag::MEANINGS.iter().map(key).collect()
}

/// `Q05`, `Q16`, `Q97.5`: per cent, as many digits as it takes.
pub(crate) fn quantile_name(q: f64) -> String {
    format!("Q{:0>2}", (q * 1e8).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::{quantile_name, single};

    #[test]
    fn the_mean_of_random_draws_is_no_single_restoration() {
        for (method, image) in [
            ("ode", "RESTORED"),
            ("fokker-planck", "RESTORED"),
            ("sde", "DRAW"),
            ("fokker-planck-sde", "DRAW"),
        ] {
            assert_eq!(single(method), image, "{method}");
        }
    }

    #[test]
    fn quantiles_are_named_by_their_percentage() {
        let names = [0.05, 0.16, 0.975, 0.98, 0.001].map(quantile_name);
        assert_eq!(names, ["Q05", "Q16", "Q97.5", "Q98", "Q0.1"]);
    }
}
