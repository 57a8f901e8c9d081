//! Pictures of a restored catalog.

use super::curves::Curves;
use super::population::population_curves;
use super::spectra::{Panel, Spectra};
use crate::catalog::Restored;
use crate::evaluate::{Truth, fill_masked};
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::path::Path;

/// Which objects of a catalog to draw.
#[derive(Debug, Clone, Default)]
pub struct Choice {
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
    let rows = chosen(path, &file, choice)?;
    let header = file.header();
    let sde = header.interpolant == "sde";
    let observed = file.image("OBSERVED")?;
    let ivar = file.image("IVAR")?;
    let restored = file.image("RESTORED")?;
    let sigma = if sde {
        Some(file.image("SIGMA")?)
    } else {
        None
    };
    let truth = truth.map(|t| Truth::open(t, &header.grid)).transpose()?;
    let panels = rows.iter().map(|i| {
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
            z: object.z,
            observed: observed.row(*i).to_vec(),
            good: ivar.row(*i).iter().map(|v| *v > 0.0).collect(),
            restored: restored.row(*i).to_vec(),
            sigma: sigma.as_ref().map(|s| s.row(*i).to_vec()),
            truth: clean,
        })
    });
    Ok(Spectra {
        wavelength: header.grid.wavelength(),
        flux_unit: header.flux_unit.clone(),
        restored_name: if sde {
            format!("restored (mean of {} draws) ± σ", header.draws)
        } else {
            "restored (ODE)".to_owned()
        },
        panels: panels.collect::<Result<_>>()?,
    })
}

/// Mean, scatter and power spectra of the usable objects of the restored catalog `path`; with a
/// truth, of those that it holds. An SDE catalog's single draws are taken, not their means.
///
/// # Errors
/// As [`catalog_spectra`].
pub fn catalog_population(path: &Path, truth: Option<&Path>) -> Result<Curves> {
    let file = Restored::open(path)?;
    let header = file.header();
    let truth = truth.map(|t| Truth::open(t, &header.grid)).transpose()?;
    let found = |name: &str| truth.as_ref().map_or(Some(0), |t| t.find(name));
    let objects = file.objects();
    let usable: Vec<usize> = (0..objects.len())
        .filter(|i| objects[*i].flag == 0 && found(&objects[*i].name).is_some())
        .collect();
    if usable.len() < 2 {
        return Err(Error::input(
            path,
            "CATALOG",
            "fewer than two usable objects",
            "a population",
            "check FLAG, and that --truth belongs to this survey",
        ));
    }
    let norm: Vec<f64> = usable.iter().map(|i| objects[*i].norm).collect();
    let normalised = |image: Array2<f32>| {
        let mut x = image.select(Axis(0), &usable);
        for (mut row, norm) in x.rows_mut().into_iter().zip(&norm) {
            row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
        }
        x
    };
    let ivar = file.image("IVAR")?.select(Axis(0), &usable);
    let observed = fill_masked(normalised(file.image("OBSERVED")?).view(), ivar.view());
    let restored = normalised(file.image(if header.interpolant == "sde" {
        "DRAW"
    } else {
        "RESTORED"
    })?);
    let clean = match &truth {
        Some(t) => {
            let rows: Vec<usize> = usable
                .iter()
                .filter_map(|i| t.find(&objects[*i].name))
                .collect();
            Some(t.read(&rows, &norm)?)
        }
        None => None,
    };
    let wavelength = header.grid.wavelength();
    Ok(population_curves(
        &wavelength,
        observed.view(),
        restored.view(),
        clean.as_ref().map(|c| c.view()),
    ))
}

fn chosen(path: &Path, file: &Restored, choice: &Choice) -> Result<Vec<usize>> {
    let objects = file.objects();
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
        let held: Vec<usize> = usable
            .iter()
            .copied()
            .filter(|i| file.heldout()[*i])
            .collect();
        let pool = if held.is_empty() { usable } else { held };
        let n = choice.count.min(pool.len());
        rows.extend((0..n).map(|k| pool[k * pool.len() / n]));
    }
    if rows.is_empty() {
        return Err(bad(
            "no usable object".to_owned(),
            "see its FLAG and REASON columns",
        ));
    }
    Ok(rows)
}
