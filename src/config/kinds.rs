//! Kinds that have no keys of their own: serde would pass over whatever stands beside them.

use crate::{Error, Result};

const BARE: [(&str, [&str; 2]); 2] = [
    ("interpolant", ["ode", "sure"]),
    ("normalise", ["column", "none"]),
];

/// Whether such a kind stands alone in its table.
///
/// # Errors
/// [`Error::Config`] naming the key beside it.
pub(super) fn check(table: &toml::Table, origin: &str) -> Result<()> {
    for (section, kinds) in BARE {
        let Some(keys) = table.get(section).and_then(toml::Value::as_table) else {
            continue;
        };
        let kind = keys.get("kind").and_then(toml::Value::as_str);
        let Some(kind) = kind.filter(|k| kinds.contains(k)) else {
            continue;
        };
        if let Some(key) = keys.keys().find(|k| *k != "kind") {
            let problem = format!("`kind = \"{kind}\"` has no keys of its own");
            let key = format!("{section}.{key}");
            return Err(Error::config(origin, key, problem, "remove it"));
        }
    }
    let stages = table.get("forward").and_then(|f| f.get("stages"));
    let stages = stages.and_then(toml::Value::as_array);
    for (i, stage) in stages.into_iter().flatten().enumerate() {
        let is =
            |key: &str, value: &str| stage.get(key).and_then(toml::Value::as_str) == Some(value);
        let Some(stage) = stage
            .as_table()
            .filter(|_| is("kind", "smooth") && (is("from", "lsf") || is("from", "matrix")))
        else {
            continue;
        };
        if let Some(key) = stage.keys().find(|k| !["kind", "from"].contains(&&***k)) {
            let problem = "a width that comes with the spectra has no keys of its own";
            let key = format!("forward.stages[{i}].{key}");
            return Err(Error::config(origin, key, problem, "remove it"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const MINIMAL: &str = r#"
        [survey]
        prepared = "set.h5"
        [survey.source]
        kind = "hdf5"
        file = "a.h5"
        wavelength = "vacuum"
        flux_unit = "1"
        [forward]
        kind = "gaussian"
        sigma = 0.5
    "#;

    fn parse(tables: &str, sets: &[&str]) -> crate::Result<Config> {
        let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
        Config::parse(&format!("{MINIMAL}\n{tables}"), "test", &sets)
    }

    #[test]
    fn a_kind_without_keys_refuses_any() {
        for (tables, key) in [
            (
                "[interpolant]\nkind = 'ode'\ngamma = 1.0",
                "interpolant.gamma",
            ),
            ("[normalise]\nkind = 'none'\nmin = 6600.0", "normalise.min"),
        ] {
            let said = parse(tables, &[]).unwrap_err().to_string();
            assert!(said.contains(key) && said.contains("no keys"), "{said}");
        }
    }

    #[test]
    fn another_kind_takes_the_place_of_all_that_belonged_to_the_old_one() {
        let sde = "[interpolant]\nkind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0";
        let ode = parse(sde, &["interpolant.kind=ode"]).unwrap();
        assert_eq!(ode.interpolant, crate::config::InterpolantConfig::Ode);
        // The same kind keeps its keys.
        let kept = parse(sde, &["interpolant.kind=sde", "interpolant.gamma=0.5"]).unwrap();
        assert!(kept.interpolant.makes_draws());
        let said = parse("", &["forward.kind=quasar"]).unwrap_err().to_string();
        assert!(!said.contains("sigma"), "{said}");
    }
}
