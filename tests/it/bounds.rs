//! Every number of a config is bounded: whatever stands there, the config is taken or refused in one line
//! that names the key, without a panic.

use selfsi::config::Config;
use std::panic::catch_unwind;
use toml::Value;

/// Configs that between them have every table and every kind of it.
fn configs() -> Vec<Config> {
    let spectra = |source: &str, forward: &str, more: &str| {
        format!(
            "[survey]\nprepared = 's.h5'\n[survey.source]\n{source}\n[forward]\n{forward}\n{more}"
        )
    };
    let images = |forward: &str| {
        format!(
            "[image]\nchannels = 3\nheight = 32\nwidth = 32\n[survey]\nprepared = 's.h5'
            [survey.source]\nkind = 'images'\npath = 'p'
            [normalise]\nkind = 'pixels'\nmean = [0.5, 0.5, 0.5]\nstd = [1.0, 1.0, 1.0]\nsoftening = 1.0
            [forward]\n{forward}\n[diffusion]\n[diffusion.network]\nchannels = 32"
        )
    };
    let sdss = "kind = 'sdss'\nspectra = 'f'";
    let hdf5 = "kind = 'hdf5'\nfile = 'f'\nwavelength = 'air'\nflux_unit = 'Jy'";
    let stages = "kind = 'stages'
        stages = [{ kind = 'mask', rho = 0.5, latent = 'kept' }, { kind = 'noise', sigma = 0.1 },
        { kind = 'blur', sigma = 1.0 }, { kind = 'poisson', rate = 0.1 }, { kind = 'photon', gain = 2.0 },
        { kind = 'motion', length = 5, latent = 'kept' }, { kind = 'rays', rays = 8, latent = 'kept' },
        { kind = 'jpeg', min = 0.1, max = 1.0, chroma = '4:4:4', latent = 'kept' }]";
    let texts = [
        spectra(
            sdss,
            "kind = 'quasar'\ntilt = 0.05\nsmoothing = { from = 'resolution', resolution = 50, spread = 0.1 }
            noise = { from = 'snr', min = 0.5, max = 2.0 }",
            "[interpolant]\nkind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0
            [restore]\nquantiles = [0.16, 0.84]\n[mock]\n[diffusion]\n[network]\nredshift_error = 300.0
            [train]\nhalf = 1\ngrowth = { from = 4, until = 0.7 }\nclean = { prepared = 'c.h5', fraction = 0.1 }",
        ),
        spectra(hdf5, "kind = 'gaussian'\nsigma = 0.5", "[interpolant]\nkind = 'fokker-planck'\nepsilon = 1.0"),
        spectra(hdf5, "kind = 'command'\nprogram = ['a']\ntimeout = 60\nlatent = 'kept'", ""),
        images(stages),
    ];
    let parse = |t: &String| Config::parse(t, "c.toml", &[]).unwrap_or_else(|e| panic!("{e}"));
    texts.iter().map(parse).collect()
}

/// The keys of every number below `value`, with places in lists.
fn numbers(value: &Value, key: &str, out: &mut Vec<String>) {
    match value {
        Value::Integer(_) | Value::Float(_) => out.push(key.to_owned()),
        Value::Array(list) => {
            for (i, v) in list.iter().enumerate() {
                numbers(v, &format!("{key}[{i}]"), out);
            }
        }
        Value::Table(table) => {
            for (name, v) in table {
                let dot = if key.is_empty() { "" } else { "." };
                numbers(v, &format!("{key}{dot}{name}"), out);
            }
        }
        _ => {}
    }
}

/// Puts `new` where `key` stands.
fn put(mut here: &mut Value, key: &str, new: Value) {
    for part in key.split(['.', '[']) {
        here = match part.strip_suffix(']') {
            Some(place) => &mut here[place.parse::<usize>().unwrap()],
            None => &mut here[part],
        };
    }
    *here = new;
}

/// Keys at which infinity means that there is no limit.
const NO_LIMIT: [&str; 3] = ["select.z_min", "select.z_max", "select.snr_min"];

#[test]
fn whatever_number_stands_at_a_key_is_taken_or_refused_by_its_name() {
    let large = [
        Value::Integer(i64::MAX),
        Value::Float(1e300),
        Value::Float(-1e300),
    ];
    let none = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::Float);
    let small = [
        Value::Integer(0),
        Value::Float(0.0),
        Value::Integer(-1),
        Value::Integer(1),
    ];
    let small = small
        .into_iter()
        .chain([Value::Float(1e-300), Value::Integer(1 << 40)]);
    let values: Vec<Value> = large.into_iter().chain(none).chain(small).collect();
    for config in configs() {
        let text = config.to_toml().unwrap();
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut keys = Vec::new();
        numbers(&whole, "", &mut keys);
        assert!(keys.len() > 30);
        for key in keys {
            for new in &values {
                let mut changed = whole.clone();
                put(&mut changed, &key, new.clone());
                let text = toml::to_string(&changed).unwrap();
                let found = catch_unwind(|| {
                    let config = Config::parse(&text, "c.toml", &[])?;
                    // What a command asks of it next.
                    let _ = config.check_network_fits_grid("c.toml");
                    let _ = config.check_diffusion_network("c.toml");
                    config.to_toml().map(drop)
                });
                let found = found.unwrap_or_else(|_| panic!("{key} = {new}: a panic"));
                let finite = new.as_float().is_none_or(f64::is_finite);
                match found {
                    Ok(()) => {
                        let plain = key.as_str();
                        assert!(
                            finite || NO_LIMIT.contains(&plain),
                            "{key} = {new} is taken"
                        );
                        let huge = finite && new.as_float().unwrap_or_default().abs() > 1e200;
                        assert!(!huge, "{key} = {new} is taken");
                    }
                    Err(e) => {
                        let e = e.to_string();
                        let section = key.split(['.', '[']).next().unwrap();
                        assert!(
                            e.contains(section) && !e.contains('\n'),
                            "{key} = {new}: {e}"
                        );
                        assert!(e.chars().count() < 500, "{e}");
                        let beyond = !finite || *new == Value::Integer(i64::MAX);
                        let named = key.rsplit('.').next().unwrap().split('[').next().unwrap();
                        assert!(!beyond || e.contains(named), "{key} = {new}: {e}");
                    }
                }
            }
        }
    }
}
