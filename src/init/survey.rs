//! The config of a survey of spectra.

use super::draft::{Draft, Table};
use super::given::gives;
use super::grid::{Grid, WIDE};
use super::hdf5;
use super::recognise::Kind;
use super::spectra::{Seen, seen};
use crate::config::{Frame, SurveySource};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use toml::Value;

/// Adds everything that is to be said of the spectra at `paths`.
pub(super) fn add(
    draft: &mut Draft,
    (kind, paths, catalog): (Kind, &[PathBuf], Option<&Path>),
    prepared: Table,
    set: &[String],
) -> Result<()> {
    let (sources, level) = match kind {
        Kind::Hdf5 => {
            let [file] = paths else {
                let fix = "make a config for each, or join them with h5py";
                return Err(Error::config(
                    "selfsi init",
                    "PATHS",
                    "several HDF5 catalogs",
                    fix,
                ));
            };
            hdf5::source(file, &|key| gives(set, key))?
        }
        _ => (vec![of_files(kind, paths, catalog)], false),
    };
    let seen = seen(&source(&sources, set)?)?;
    if seen.spectra() == 0 {
        let problem = format!(
            "none of {} rows has a spectrum that can be used",
            seen.looked_at
        );
        let fix = "selfsi inspect tells why; check that the catalog names these spectra";
        return Err(Error::input(&paths[0], "", problem, "spectra", fix));
    }
    draft.head.insert(1, words(&seen));
    let grid = Grid::new(&seen, set)?;
    draft.tables.push(grid.table(&seen));
    draft.tables.push(prepared);
    draft.tables.extend(sources);
    draft.tables.push(select(&seen, &grid));
    draft.tables.push(normalise(&seen, &grid, level));
    draft.tables.push(forward(&seen, kind));
    draft.tables.extend(model(&seen, grid.width()));
    Ok(())
}

fn of_files(kind: Kind, paths: &[PathBuf], catalog: Option<&Path>) -> Table {
    let (kind, key) = match kind {
        Kind::Desi => ("desi", "coadds"),
        _ => ("sdss", "spectra"),
    };
    let text = |p: &Path| Value::from(p.display().to_string());
    let value = match paths {
        [path] => text(path),
        paths => Value::Array(paths.iter().map(|p| text(p)).collect()),
    };
    let table = Table::new("survey.source")
        .key("kind", kind, "")
        .key(key, value, "");
    match catalog {
        Some(catalog) => table.key(
            "catalog",
            text(catalog),
            "names the spectra, with redshifts",
        ),
        None => table.question(
            "catalog = \"FILE\": a table with better redshifts than those of the files themselves?",
        ),
    }
}

/// The source that the tables and what the user gave make together.
fn source(tables: &[Table], set: &[String]) -> Result<SurveySource> {
    let mut draft = Draft::default();
    draft.tables.extend(tables.iter().cloned());
    let own = |s: &&String| s.trim_start().starts_with("survey.source");
    draft.set(&set.iter().filter(own).cloned().collect::<Vec<_>>())?;
    let bad = |e: &dyn std::fmt::Display| {
        Error::config(
            "--set",
            "survey.source",
            e,
            "see selfsi config --explain survey.source",
        )
    };
    let mut table: toml::Table = draft
        .to_string()
        .parse()
        .map_err(|e: toml::de::Error| bad(&e.message()))?;
    let source = table
        .remove("survey")
        .and_then(|mut s| s.as_table_mut()?.remove("source"));
    let source = source.unwrap_or(Value::Table(toml::Table::new()));
    source
        .try_into()
        .map_err(|e: toml::de::Error| bad(&e.message()))
}

fn words(seen: &Seen) -> String {
    let all = seen.looked_at == seen.rows;
    format!(
        "{}{} of {} rows {}can be used; median S/N per pixel {:.1}.",
        if all { "" } else { "About " },
        seen.usable(),
        seen.rows,
        if all {
            String::new()
        } else {
            format!("({} were looked at) ", seen.looked_at)
        },
        seen.snr
    )
}

fn select(seen: &Seen, grid: &Grid) -> Table {
    let mut z: Vec<f64> = seen
        .redshifts
        .iter()
        .copied()
        .filter(|z| z.is_finite())
        .collect();
    z.sort_by(f64::total_cmp);
    let table = Table::new("select");
    let (Some(low), Some(high)) = (z.first(), z.last()) else {
        return table
            .question("no redshifts are known: z_min and z_max would leave out every spectrum");
    };
    let (low, high) = ((low * 100.0).floor() / 100.0, (high * 100.0).ceil() / 100.0);
    // A range of one number is none.
    let high = if low < high { high } else { low + 0.01 };
    let unknown = seen.redshifts.len() - z.len();
    let looked = if seen.looked_at == seen.rows {
        "all"
    } else {
        "those looked at"
    };
    table
        .question_if(
            high - low > WIDE && grid.frame == Frame::Observed,
            "a narrow range (of 0.5, say) makes one population, which is learned better",
        )
        .question_if(
            unknown > 0,
            format!(
                "{unknown} of {} have no redshift: z_min and z_max leave them out",
                seen.redshifts.len()
            ),
        )
        .key("z_min", low, format!("the redshifts of {looked}"))
        .key("z_max", high, "")
}

fn normalise(seen: &Seen, grid: &Grid, level: bool) -> Table {
    let table = Table::new("normalise");
    if level {
        return table.key("kind", "column", "by the catalog's level");
    }
    if grid.frame == Frame::Rest {
        return table
            .key(
                "kind",
                "amplitude",
                "no window is shown by all: the scale against the survey's mean spectrum",
            )
            .key(
                "snr_min",
                super::spectra::SIGNIFICANT,
                "σ; what is fainter is left out",
            );
    }
    let grid = grid.range;
    let (window, part) = seen.window(grid);
    let inside = window[0] < grid[1] && window[1] > grid[0];
    table
        .key("kind", "window", "each spectrum is divided by its mean flux in")
        .key("min", window[0], format!("Å: here {:.0} % have a significant one", 100.0 * part))
        .key("max", window[1], "")
        .key("snr_min", super::spectra::SIGNIFICANT, "σ; what is fainter is left out")
        .question_if(
            inside,
            "outside of [grid], if possible: the level's error is then independent of the noise inside",
        )
}

fn forward(seen: &Seen, kind: Kind) -> Table {
    let inline = |from: &str| {
        let mut table = toml::Table::new();
        table.insert("from".into(), from.into());
        Value::Table(table)
    };
    let none = seen.lacks_lsf == seen.spectra() || seen.lsf.is_nan();
    let tilt = if kind == Kind::Hdf5 { 0.0 } else { 0.05 };
    let lsf = match none {
        true => "there is none in the files: no smoothing".to_owned(),
        false => format!(
            "each spectrum's own; here σ of {:.2} of the files' pixels",
            seen.lsf
        ),
    };
    Table::new("forward")
        .key("kind", "quasar", "a tilt, a line-spread function, noise")
        .question("how well are the spectra calibrated? no file tells; 0.05: the flux tilts by up to 5 %")
        .key("tilt", tilt, "")
        .question_if(
            none,
            "what is the resolution? smoothing = { from = \"resolution\", resolution = 2000.0, spread = 0.0 }",
        )
        .key("smoothing", inline("lsf"), lsf)
        .question("is ivar right? 5 % matter: compare it with the scatter of sky fibres or repeats")
        .key("noise", inline("ivar"), "each spectrum's own")
}

/// The path, the network and the training, by the number of spectra.
fn model(seen: &Seen, width: f64) -> Vec<Table> {
    let n = seen.usable();
    let many = n >= 2000;
    // What kind = "sure" is for.
    let narrow = seen.lsf.is_nan() || seen.lsf * seen.width / width < 3.0;
    let steps = (n / 32).clamp(200, 20_000) as i64;
    let (interpolant, steps) = match narrow {
        true => (
            Table::new("interpolant").key("kind", "sure", "a posterior about a learned mean"),
            steps,
        ),
        false => (
            Table::new("interpolant")
                .key("kind", "sde", "the blur is too wide for kind = \"sure\"")
                .key("gamma", 1.0, "")
                .key("diffusion", "channel", "")
                .key("epsilon", 1.0, ""),
            (5 * steps).min(20_000),
        ),
    };
    let channels: &[i64] = if many { &[48, 64, 96] } else { &[16, 32, 64] };
    let channels = Value::Array(channels.iter().map(|c| Value::from(*c)).collect());
    let network = Table::new("network")
        .question_if(
            !many,
            format!("{n} spectra are few: thousands teach a population"),
        )
        .key("channels", channels, format!("for {n} spectra"));
    let ema = match steps {
        0..2000 => 0.99,
        2000..5000 => 0.995,
        _ => 0.998,
    };
    let every = (steps / 4).clamp(50, 500);
    let heldout = if n < 500 { 0.2 } else { 0.1 };
    let train = Table::new("train")
        .key(
            "steps",
            steps,
            format!("for {n} spectra; selfsi diagnose says whether it was enough"),
        )
        .key("batch", (n as i64 / 4).clamp(1, 64), "")
        .key("ema", ema, "")
        .key("heldout", heldout, "kept out of training, to validate on")
        .key("validate_every", every, "")
        .key("checkpoint_every", every, "");
    let train = match narrow {
        true => train,
        false => train.key("warm_start", steps / 5, ""),
    };
    let restore = Table::new("restore").key("draws", 16, "of each object");
    vec![interpolant, network, train, restore]
}
