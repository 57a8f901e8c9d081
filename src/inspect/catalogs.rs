//! Facts of catalog tables, FITS or text, as `prepare` reads them with the usual names of columns.

use super::inspection::{Inspection, range};
use crate::Result;
use crate::config::{Columns, DesiColumns};
use crate::survey::catalog::Catalog;
use crate::survey::tables::{
    CatalogRow, CatalogRows, OF_SPECTRA, OF_TARGETS, find_catalog, find_targets, read_catalog,
    read_targets,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Facts of a table as text.
pub(crate) fn of_text(path: &Path) -> Result<Inspection> {
    let of_targets = OF_TARGETS.first().map(|id| vec![*id]);
    let schemes: Vec<_> = of_targets
        .into_iter()
        .chain(OF_SPECTRA.map(Vec::from))
        .collect();
    match Catalog::find(path, &schemes)? {
        (_, 0) => self::of_targets(path),
        _ => of_spectra(path),
    }
}

/// Facts of a table that identifies SDSS spectra.
pub(crate) fn of_spectra(path: &Path) -> Result<Inspection> {
    let columns = Columns::default();
    let (table, ids) = match find_catalog(path, &columns) {
        Ok(found) => found,
        Err(e) => return Ok(unmapped(path, &e.about())),
    };
    facts(path, table, ids.join("-"), || read_catalog(path, &columns))
}

/// Facts of a table that identifies targets of DESI.
pub(crate) fn of_targets(path: &Path) -> Result<Inspection> {
    let columns = DesiColumns::default();
    let table = match find_targets(path, &columns) {
        Ok(found) => found,
        Err(e) => return Ok(unmapped(path, &e.about())),
    };
    let id = columns.targetid.clone();
    facts(path, table, id, || read_targets(path, &columns))
}

/// A table whose rows are identified, but which lacks something that the config can map.
fn unmapped(path: &Path, problem: &str) -> Inspection {
    let mut i = Inspection::new(path, KIND);
    i.problem(problem);
    i
}

const KIND: &str = "catalog table";

fn facts(
    path: &Path,
    mut table: Catalog,
    ids: String,
    read: impl FnOnce() -> Result<CatalogRows>,
) -> Result<Inspection> {
    let mut i = Inspection::new(path, KIND);
    let place = table.place();
    if !place.is_empty() {
        i.fact("table", place);
    }
    i.fact("rows", table.rows());
    i.fact("identified_by", ids);
    let names = table.names()?;
    if table.rows() == 0 {
        i.problem("no rows");
        i.fact("columns", names);
        return Ok(i);
    }
    let catalog = read()?;
    let rows = &catalog.rows;
    i.fact("redshift", range(rows.iter().map(|r| r.object.z)));
    let warned = |r: &&CatalogRow| r.zwarning.is_some_and(|w| w != 0);
    i.fact("zwarning_set", rows.iter().filter(warned).count());
    let plates = rows.iter().map(|r| r.object.plate).filter(|p| *p >= 0);
    let plates: BTreeSet<i64> = plates.collect();
    if !plates.is_empty() {
        i.fact("plates", plates.len());
    }
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    for o in rows.iter().map(|r| &r.object) {
        let key = (o.plate, o.mjd, o.fiberid);
        *seen
            .entry((key, (o.plate < 0).then_some(&*o.name)))
            .or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, n)| **n > 1).collect();
    if !twice.is_empty() {
        i.problem(format!("{} spectra occur more than once", twice.len()));
    }
    let without = rows.iter().filter(|r| r.object.z.is_nan()).count();
    if without > 0 {
        i.problem(format!("{without} rows without redshift"));
    }
    for note in catalog.notes {
        i.problem(note);
    }
    i.fact("columns", names);
    Ok(i)
}
