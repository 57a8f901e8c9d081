//! Facts of HDF5 files: prepared sets and catalogs.

use super::inspection::{Inspection, range, rounded};
use crate::Result;
use crate::base::statistics::median;
use crate::data::{Centres, NativeGrid, flag};
use crate::files::hdf5::read;
use crate::prepare::{Prepared, flag_names};
use crate::survey::select::snr as snr_of;
use hdf5::Group;
use serde_json::{Value, json};
use std::path::Path;

/// Groups deeper than this are not listed.
const DEPTH: usize = 4;
/// Spectra looked at for statistics, and how many are read at a time.
const LOOKED_AT: usize = 1024;
const READ: usize = 256;

/// Facts of a prepared set.
pub(crate) fn prepared(set: &Prepared) -> Result<Inspection> {
    let mut i = Inspection::new(set.path(), "prepared set");
    let grid = set.grid();
    let objects = set.objects();
    let used = objects.iter().filter(|o| o.flag == flag::GOOD);
    i.fact("spectra", objects.len());
    i.fact("used", used.clone().count());
    let mut rejected = serde_json::Map::new();
    for o in objects {
        for name in flag_names(o.flag) {
            let n = rejected.get(name).and_then(Value::as_u64).unwrap_or(0);
            rejected.insert(name.to_owned(), json!(n + 1));
        }
    }
    if !rejected.is_empty() {
        i.fact("rejected", rejected);
    }
    let edge = |k: f64| rounded(10f64.powf(grid.loglam0 + (k - 0.5) * grid.dloglam));
    i.fact("pixels", grid.pixels);
    i.fact(
        "wavelength",
        format!("{}-{} Å (vacuum, log)", edge(0.0), edge(grid.pixels as f64)),
    );
    i.fact("flux_unit", set.flux_unit());
    i.fact("redshift", range(used.clone().map(|o| o.z)));
    i.fact("norm", range(used.clone().map(|o| o.norm)));
    let rho = set.noise_rho().iter().map(|r| f64::from(*r));
    i.fact("noise_rho", range(rho));
    let rows: Vec<usize> = (0..objects.len())
        .filter(|r| objects[*r].flag == flag::GOOD)
        .collect();
    let (mut good, mut all, mut known, mut snr) = (0usize, 0usize, 0usize, Vec::new());
    for part in rows[..rows.len().min(LOOKED_AT)].chunks(READ) {
        let block = set.read_rows(part)?;
        for (flux, ivar) in block.flux.rows().into_iter().zip(block.ivar.rows()) {
            let here = snr_of(flux, ivar);
            good += here.len();
            snr.push(median(here));
        }
        all += block.flux.len();
        known += block.lsf.iter().filter(|l| **l > 0.0).count();
    }
    if all > 0 {
        i.fact("good_pixels", rounded(good as f64 / all as f64));
        i.fact("lsf_known", rounded(known as f64 / all as f64));
        i.fact("snr_per_pixel", range(snr.into_iter()));
    }
    if rows.is_empty() {
        i.problem("no usable spectrum");
    }
    Ok(i)
}

/// Facts of any other HDF5 file: its datasets, and the catalog in it if the usual names are there.
pub(crate) fn catalog(path: &Path) -> Result<Inspection> {
    let file = read::open(path)?;
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let look = Look { path, root: &file };
    look.list("", 0, &mut found, &mut problems);
    let shape = |name: &str| {
        found
            .iter()
            .find(|(n, ..)| n == name)
            .map(|(_, s, _)| s.clone())
    };
    let mut i = match shape("flux") {
        Some(s) if s.len() == 2 => {
            let mut i = Inspection::new(path, "HDF5 catalog");
            i.fact("spectra", s[0]);
            i.fact("pixels", s[1]);
            i
        }
        _ => {
            let mut i = Inspection::new(path, "HDF5 file");
            i.problem("no dataset `flux` [N, n]: map the names in [survey.source.datasets]");
            i
        }
    };
    let values = |name: &str| read::find(&file, path, name).ok()??.read_raw::<f64>().ok();
    let centres = values("loglam").map(|l| (l, Centres::Log10));
    match centres.or_else(|| Some((values("wave")?, Centres::Angstrom))) {
        None => i.problem("no dataset `loglam` or `wave`"),
        Some((centres, kind)) => {
            let angstrom = |c: &f64| match kind {
                Centres::Log10 => 10f64.powf(*c),
                Centres::Angstrom => *c,
            };
            i.fact("wavelength_centres", range(centres.iter().map(angstrom)));
            if let Some(grid) = NativeGrid::from_centres(&centres, kind, false) {
                i.gaps(&grid);
            }
        }
    }
    i.fact(
        "wavelength",
        read::text_attribute(&file, "wavelength").map_or(Value::Null, Value::from),
    );
    i.fact(
        "flux_unit",
        read::text_attribute(&file, "flux_unit").map_or(Value::Null, Value::from),
    );
    match values("z") {
        Some(z) => i.fact("redshift", range(z.into_iter())),
        None => i.problem("no dataset `z`"),
    }
    if shape("ivar").is_none() {
        i.problem("no dataset `ivar`: clean spectra, not observations");
    }
    let listed: Vec<String> = found
        .iter()
        .map(|(name, shape, kind)| format!("{name} {shape:?} {kind}"))
        .collect();
    i.fact("datasets", listed);
    problems.into_iter().for_each(|p| i.problem(p));
    Ok(i)
}

/// Name, shape and type of a dataset.
type Found = (String, Vec<usize>, String);

struct Look<'a> {
    path: &'a Path,
    root: &'a Group,
}

impl Look<'_> {
    /// Lists the datasets below the group `prefix`, and what cannot be read of them.
    fn list(&self, prefix: &str, depth: usize, out: &mut Vec<Found>, problems: &mut Vec<String>) {
        let group = match prefix {
            "" => Some(self.root.clone()),
            prefix => read::inner(self.root, self.path, prefix),
        };
        for name in group
            .and_then(|g| g.member_names().ok())
            .unwrap_or_default()
        {
            let full = format!("{prefix}{name}");
            match read::find(self.root, self.path, &full) {
                Ok(Some(data)) => {
                    let kind = data.dtype().and_then(|t| t.to_descriptor());
                    let kind = kind.map_or_else(|_| "unknown type".to_owned(), |k| k.to_string());
                    out.push((full, data.shape(), kind));
                }
                Ok(None) if depth < DEPTH => {
                    self.list(&format!("{full}/"), depth + 1, out, problems)
                }
                Ok(None) => {}
                Err(e) => problems.push(e.to_string()),
            }
        }
    }
}
