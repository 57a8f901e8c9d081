//! How restorations were made: what every file of them says of itself.

use super::object::flag;

/// How restorations were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The transport.
    pub method: Method,
    /// SDE draws per object; 1 for the ODE.
    pub draws: usize,
    /// Whether the part of the draws' scatter that is the population's is written.
    pub prior: bool,
    /// Quantiles of the draws that are written, each in 0..1.
    pub quantiles: Vec<f64>,
    /// Seed of the draws.
    pub seed: u64,
    /// Of the config without `[restore]`.
    pub config_sha256: String,
    /// SHA-256 of the checkpoint.
    pub run_sha256: String,
    /// What was done, line by line; written, not read back.
    pub history: Vec<String>,
}

/// The transport that makes restorations of observations: METHOD of every file of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The interpolant's ODE (eq. 2).
    Ode,
    /// The interpolant's reverse-time SDE (eq. 4).
    Sde,
    /// The ODE of the Fokker–Planck interpolant (eq. 12).
    FokkerPlanck,
    /// Its SDE.
    FokkerPlanckSde,
    /// The ODE from draws of a Gaussian posterior to draws of the posterior.
    Posterior,
    /// The Gaussian posterior about a mean learned by SURE.
    Sure,
}

impl Method {
    const ALL: [Self; 6] = [
        Self::Ode,
        Self::Sde,
        Self::FokkerPlanck,
        Self::FokkerPlanckSde,
        Self::Posterior,
        Self::Sure,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ode => "ode",
            Self::Sde => "sde",
            Self::FokkerPlanck => "fokker-planck",
            Self::FokkerPlanckSde => "fokker-planck-sde",
            Self::Posterior => "posterior",
            Self::Sure => "sure",
        }
    }

    /// What a draw of it is called in tables and plots.
    #[must_use]
    pub fn draw(self) -> &'static str {
        match self {
            Self::Sure | Self::Posterior => "posterior draw",
            _ => "SDE draw",
        }
    }

    /// What RESTORED is called there, with so many `draws` of an object.
    #[must_use]
    pub fn mean(self, draws: usize) -> String {
        match self {
            Self::Sure | Self::Posterior => "posterior mean".to_owned(),
            _ => format!("mean of {draws} SDE draws"),
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether restorations are random draws, which come with DRAW and SIGMA.
    #[must_use]
    pub fn is_random(self) -> bool {
        matches!(
            self,
            Self::Sde | Self::FokkerPlanckSde | Self::Posterior | Self::Sure
        )
    }

    /// The image that holds single restorations: of an ODE the one restoration is a draw in that sense.
    #[must_use]
    pub fn single(self) -> &'static str {
        if self.is_random() { "DRAW" } else { "RESTORED" }
    }
}

/// The image that [`Provenance::prior`] tells of.
const PRIOR: &str = "SIGMA_PRIOR";

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
        self.method.is_random() && self.draws > 1
    }

    /// What the keys of a file say, which `get` gives as text, without the history; or which of them is
    /// missing or unreadable.
    pub(crate) fn read(
        quantiles: Vec<f64>,
        get: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut text = |name: &str| get(name).unwrap_or_default();
        let (method, draws, seed) = (text("METHOD"), text("NDRAWS"), text("SEED"));
        let bad = |key: &str, value: &str, wanted: &str| format!("{key} = `{value}`, not {wanted}");
        let names = Method::ALL.map(Method::name).join(", ");
        let count = draws.parse().ok().filter(|n| *n > 0);
        // Written as FITS has it, with a sign.
        let number = seed.parse::<i64>().ok();
        Ok(Self {
            method: Method::named(&method)
                .ok_or_else(|| bad("METHOD", &method, &format!("one of {names}")))?,
            draws: count.ok_or_else(|| bad("NDRAWS", &draws, "a number of draws"))?,
            prior: text("PRIOR") == PRIOR,
            quantiles,
            seed: number.ok_or_else(|| bad("SEED", &seed, "a whole number"))? as u64,
            config_sha256: text("CFGSHA"),
            run_sha256: text("RUNSHA"),
            history: Vec::new(),
        })
    }

    /// The keys that say it; the history apart.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let uncertainty = if self.uncertain() {
            "SDE draws"
        } else {
            "none"
        };
        let prior = Key::text("PRIOR", PRIOR, "the part of SIGMA that no data made");
        let keys = [
            Key::text(
                "METHOD",
                self.method.name(),
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
        ];
        keys.into_iter()
            .chain(self.prior.then_some(prior))
            .collect()
    }

    /// What the parts of one restoration have in common, with its name in the header.
    pub(crate) fn shared(&self) -> Vec<(&'static str, String)> {
        vec![
            ("RUNSHA", self.run_sha256.clone()),
            ("CFGSHA", self.config_sha256.clone()),
            ("SEED", self.seed.to_string()),
            ("METHOD", self.method.name().to_owned()),
            ("NDRAWS", self.draws.to_string()),
            ("QUANT", format!("{:?}", self.quantiles)),
            ("PRIOR", self.prior.to_string()),
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
    use super::{Method, Provenance, quantile_name};
    use std::collections::HashMap;

    #[test]
    fn the_mean_of_random_draws_is_no_single_restoration() {
        for (method, image) in [
            ("ode", "RESTORED"),
            ("fokker-planck", "RESTORED"),
            ("sde", "DRAW"),
            ("fokker-planck-sde", "DRAW"),
        ] {
            let method = Method::named(method).unwrap();
            assert_eq!(method.single(), image, "{method:?}");
        }
    }

    #[test]
    fn what_the_keys_of_a_file_do_not_say_is_not_guessed() {
        let good = HashMap::from([("METHOD", "sde"), ("NDRAWS", "16"), ("SEED", "-1")]);
        let read = |key: &str, value: Option<&'static str>| {
            let mut keys = good.clone();
            match value {
                Some(v) => keys.insert(key, v),
                None => keys.remove(key),
            };
            Provenance::read(Vec::new(), &mut |k| keys.get(k).map(|v| (*v).to_owned()))
        };
        let made = read("METHOD", Some("sde")).unwrap();
        assert_eq!(
            (made.method, made.draws, made.seed),
            (Method::Sde, 16, u64::MAX)
        );
        for (key, value) in [
            ("METHOD", Some("mysde")),
            ("METHOD", None),
            ("NDRAWS", Some("many")),
            ("NDRAWS", Some("0")),
            ("NDRAWS", None),
            ("SEED", Some("1.5")),
            ("SEED", None),
        ] {
            let problem = read(key, value).unwrap_err();
            assert!(problem.starts_with(key), "{problem}");
        }
    }

    #[test]
    fn quantiles_are_named_by_their_percentage() {
        let names = [0.05, 0.16, 0.975, 0.98, 0.001].map(quantile_name);
        assert_eq!(names, ["Q05", "Q16", "Q97.5", "Q98", "Q0.1"]);
    }
}
