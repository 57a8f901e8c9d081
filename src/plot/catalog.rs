//! Pictures of a restored catalog.

use super::curves::Curves;
use super::population::{Population, Role, population_curves};
use super::spectra::{Panel, Spectra};
use crate::data::Object;
use crate::evaluate::{best_smoothing, evenly};
use crate::population::fill_masked;
use crate::restored::Restored;
use crate::survey::Truth;
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Objects of which a population is drawn at most: more would fill memory, and show nothing new.
pub(super) const MOST: usize = 1 << 16;

/// Which objects of a catalog to draw.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Names of objects.
    pub names: Vec<String>,
    /// Row numbers, counted from 0.
    pub rows: Vec<usize>,
    /// How many to take where neither names nor rows are given: held-out ones first, evenly spread.
    pub count: usize,
}

/// The spectra of some objects of the restored catalog `path`.
///
/// # Errors
/// [`Error::Input`] if a file cannot be read or an object is not in it.
pub fn catalog_spectra(path: &Path, truth: Option<&Path>, choice: &Choice) -> Result<Spectra> {
    let file = Restored::open(path)?;
    let rows = chosen(path, file.objects(), file.heldout(), choice)?;
    let header = file.header();
    let sde = header.made.method.is_random();
    let read = |name: &str| file.rows(name)?.read(&rows);
    let (observed, ivar, restored) = (read("OBSERVED")?, read("IVAR")?, read("RESTORED")?);
    let of_draws = |name| sde.then(|| read(name)).transpose();
    let (sigma, draw) = (of_draws("SIGMA")?, of_draws("DRAW")?);
    let truth = truth.map(|t| Truth::open(t, &header.grid)).transpose()?;
    let panels = rows.iter().enumerate().map(|(k, i)| {
        let object = &file.objects()[*i];
        let clean = match truth
            .as_ref()
            .and_then(|t| t.find(&object.name).map(|r| (t, r)))
        {
            Some((t, r)) => Some(t.read(&[r], &[1.0])?.row(0).to_vec()),
            None => None,
        };
        Ok(Panel {
            title: format!("{}   z = {:.3}", object.name, object.z),
            z: object.z_on_grid(),
            observed: observed.row(k).to_vec(),
            good: ivar.row(k).iter().map(|v| *v > 0.0).collect(),
            restored: restored.row(k).to_vec(),
            sigma: sigma.as_ref().map(|s| s.row(k).to_vec()),
            draw: draw.as_ref().map(|d| d.row(k).to_vec()),
            truth: clean,
        })
    });
    Ok(Spectra {
        wavelength: header.grid.wavelength(),
        frame: header.grid.frame,
        flux_unit: header.flux_unit.clone(),
        restored_name: if sde {
            format!("{} ± σ", header.made.method.mean(header.made.draws))
        } else {
            "ODE restoration".to_owned()
        },
        panels: panels.collect::<Result<_>>()?,
    })
}

/// Mean, scatter and power spectra of the objects that are usable in all of the restored catalogs
/// `paths` (of one survey); with a truth, of those that it holds, and with the best Gaussian smoothing
/// beside them. An SDE catalog's single draws are taken, not their means. Of more than 65,536 objects
/// as many are taken, evenly spread over the catalog, and the legend says so.
///
/// # Errors
/// As [`catalog_spectra`].
pub fn catalog_population(paths: &[PathBuf], truth: Option<&Path>) -> Result<Curves> {
    let mut files = Vec::new();
    for path in paths {
        let file = Restored::open(path)?;
        let rows: HashMap<String, usize> = (0..file.objects().len())
            .filter(|i| file.objects()[*i].flag == 0)
            .map(|i| (file.objects()[i].name.clone(), i))
            .collect();
        files.push((path, file, rows));
    }
    let Some((first, file, _)) = files.first() else {
        return Err(Error::config(
            "plot population",
            "RESTORED",
            "no restored catalog",
            "give one or more",
        ));
    };
    let grid = file.header().grid;
    let truth = truth.map(|t| Truth::open(t, &grid)).transpose()?;
    let in_truth = |name: &str| truth.as_ref().map_or(Some(0), |t| t.find(name));
    let usable: Vec<&str> = file
        .objects()
        .iter()
        .map(|o| o.name.as_str())
        .filter(|n| files.iter().all(|(_, _, rows)| rows.contains_key(*n)))
        .filter(|n| in_truth(n).is_some())
        .collect();
    let all = usable.len();
    let usable = evenly(&usable, MOST);
    let n = usable.len();
    if n < 2 {
        return Err(Error::input(
            first,
            "CATALOG",
            "fewer than two usable objects",
            "a population, the same in all catalogs and the truth",
            "check FLAG, and that all files belong to this survey",
        ));
    }
    // Rows of the usable objects and their norms.
    let of = |(_, file, rows): &(&PathBuf, Restored, HashMap<String, usize>)| {
        let at: Vec<usize> = usable.iter().map(|n| rows[*n]).collect();
        let norm: Vec<f64> = at.iter().map(|i| file.objects()[*i].norm).collect();
        (at, norm)
    };
    let normalised = |file: &Restored, name: &str, at: &[usize], norm: &[f64]| {
        let mut x = file.rows(name)?.read(at)?;
        for (mut row, norm) in x.rows_mut().into_iter().zip(norm) {
            row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
        }
        Ok::<_, Error>(x)
    };
    let (at, norm) = of(&files[0]);
    let ivar = file.rows("IVAR")?.read(&at)?;
    let observed = normalised(file, "OBSERVED", &at, &norm)?;
    let named = |name: &str, role, flux| Population {
        name: name.to_owned(),
        role,
        flux,
    };
    let filled = fill_masked(observed.view(), ivar.view());
    let observed_name = if n < all {
        format!("observed ({n} of {all} objects)")
    } else {
        "observed".to_owned()
    };
    let mut populations = vec![named(&observed_name, Role::Observed, filled)];
    if let Some(t) = &truth {
        let rows: Vec<usize> = usable.iter().filter_map(|n| t.find(n)).collect();
        let clean = t.read(&rows, &norm)?;
        let (_, smooth) = best_smoothing(observed.view(), ivar.view(), clean.view());
        populations.push(named("best smoothing", Role::Smoothed, smooth));
        populations.push(named("truth", Role::Truth, clean));
    }
    for entry in &files {
        let (path, file, _) = entry;
        if file.header().grid != grid {
            return Err(Error::input(
                path,
                "WAVELENGTH",
                format!("a grid that differs from the one of {}", first.display()),
                "catalogs of one survey",
                "plot them apart",
            ));
        }
        let method = file.header().made.method;
        let (name, role, hdu) = if method.is_random() {
            (format!("one {}", method.draw()), Role::Sde, "DRAW")
        } else {
            ("ODE restoration".to_owned(), Role::Ode, "RESTORED")
        };
        let (at, norm) = of(entry);
        populations.push(named(&name, role, normalised(file, hdu, &at, &norm)?));
    }
    Ok(population_curves(&grid, &populations))
}

/// The rows that `choice` takes of the catalog `path`.
pub(super) fn chosen(
    path: &Path,
    objects: &[Object],
    heldout: &[bool],
    choice: &Choice,
) -> Result<Vec<usize>> {
    let bad = |problem: String, fix: &str| {
        Error::input(path, "CATALOG", problem, "an object of this catalog", fix)
    };
    let mut rows = Vec::new();
    for name in &choice.names {
        let row = objects.iter().position(|o| o.name == *name);
        rows.push(row.ok_or_else(|| {
            bad(
                format!("there is no object `{name}`"),
                "see its NAME column",
            )
        })?);
    }
    for row in &choice.rows {
        if *row >= objects.len() {
            return Err(bad(
                format!("there is no row {row}"),
                &format!("give 0 to {}", objects.len().saturating_sub(1)),
            ));
        }
        rows.push(*row);
    }
    if rows.is_empty() {
        let usable: Vec<usize> = (0..objects.len())
            .filter(|i| objects[*i].flag == 0)
            .collect();
        let held: Vec<usize> = usable.iter().copied().filter(|i| heldout[*i]).collect();
        let pool = if held.is_empty() { usable } else { held };
        rows = evenly(&pool, choice.count);
    }
    if rows.is_empty() {
        return Err(bad(
            "no usable object".to_owned(),
            "see its FLAG and REASON columns",
        ));
    }
    Ok(rows)
}
