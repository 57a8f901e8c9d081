//! A restored catalog as the evaluation sees it: its rows by name, normalised.

use super::calibration::{Calibration, Tally};
use super::line_calibration::line_calibrations;
use super::result::Kind;
use super::study::{Candidate, Scored};
use crate::prepare::Prepared;
use crate::restored::Restored;
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// One restored catalog.
pub(super) struct Catalog {
    /// Tells its rows of the table from those of the other catalogs.
    suffix: String,
    file: Restored,
    rows: HashMap<String, usize>,
    /// Kind, name in the table and HDU of each image of restorations.
    images: Vec<(Kind, String, &'static str)>,
}

impl Catalog {
    /// Opens `path`, a catalog of observations of `set`.
    pub fn open(path: &Path, suffix: String, set: &Prepared) -> Result<Self> {
        let file = Restored::open(path)?;
        let header = file.header();
        if !header.grid.matches(&set.grid()) {
            return Err(Error::input(
                path,
                "HDU RESTORED",
                "a wavelength grid that differs from the prepared set's",
                "a catalog restored from this run's survey",
                "restore it again with this run",
            ));
        }
        let images = if header.made.method.is_random() {
            let mean = format!("mean of {} SDE draws", header.made.draws);
            vec![
                (Kind::Draw, "one SDE draw".to_owned(), "DRAW"),
                (Kind::Mean, mean, "RESTORED"),
            ]
        } else {
            vec![(Kind::Ode, "ODE restoration".to_owned(), "RESTORED")]
        };
        for (_, _, hdu) in &images {
            file.rows(hdu)?;
        }
        let rows = index(file.objects().iter().map(|o| o.name.as_str()));
        Ok(Self {
            suffix,
            rows,
            images,
            file,
        })
    }

    /// Flag, and whether it was kept out of training, of the object `name`; `None` if it is not there.
    pub fn find(&self, name: &str) -> Option<(i32, bool)> {
        let row = self.rows.get(name)?;
        Some((self.file.objects()[*row].flag, self.file.heldout()[*row]))
    }

    /// Row and norm of each of the rows `scored` of the prepared set, which all are in this catalog.
    fn scored(&self, set: &Prepared, scored: &[usize]) -> (Vec<usize>, Vec<f64>) {
        let objects = scored.iter().map(|i| &set.objects()[*i]);
        objects
            .filter_map(|o| Some((*self.rows.get(&o.name)?, o.norm)))
            .unzip()
    }

    /// This catalog's restorations of rows `scored` of the prepared set, normalised; only they are
    /// read.
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub fn candidates(&self, set: &Prepared, scored: &[usize]) -> Result<Vec<Candidate>> {
        let (rows, norms) = self.scored(set, scored);
        let candidate = |(kind, what, hdu): &(Kind, String, &'static str)| {
            let mut flux = self.file.rows(hdu)?.read(&rows)?;
            for (mut row, norm) in flux.rows_mut().into_iter().zip(&norms) {
                row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
            }
            Ok(Candidate {
                name: format!("{what}{}", self.suffix),
                kind: *kind,
                flux,
            })
        };
        self.images.iter().map(candidate).collect()
    }

    /// Calibration of the draws of rows `scored` of the prepared set against their truth in `known`;
    /// `None` where there are no several draws. They are read object by object.
    pub fn calibration(
        &self,
        set: &Prepared,
        scored: &[usize],
        known: &Scored,
    ) -> Result<Option<Calibration>> {
        let header = self.file.header();
        if !header.made.method.is_random() || header.made.draws < 2 {
            return Ok(None);
        }
        let (rows, norms) = self.scored(set, scored);
        let mut tally = Tally::default();
        if let Some(mut draws) = self.file.draws()? {
            for (i, (row, norm)) in rows.iter().zip(&norms).enumerate() {
                let x = draws.of(*row)?.mapv(|v| (f64::from(v) / norm) as f32);
                let truth = known.truth.row(i);
                tally.add(x.view(), truth, &known.wavelength, known.z[i]);
            }
        }
        let lines = self.file.lines()?.map_or_else(Vec::new, |lines| {
            let measured: Vec<_> = rows.iter().map(|r| lines[*r]).collect();
            line_calibrations(
                &measured,
                header.made.draws,
                known.truth.view(),
                &norms,
                &known.wavelength,
                &known.z,
            )
        });
        Ok(Some(Calibration {
            name: format!("{} SDE draws{}", header.made.draws, self.suffix),
            draws: header.made.draws,
            pixels: tally.calibrations(),
            lines,
        }))
    }
}

/// Positions by name; the first one wins.
pub(super) fn index<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<String, usize> {
    let mut rows = HashMap::new();
    for (i, name) in names.enumerate() {
        rows.entry(name.to_owned()).or_insert(i);
    }
    rows
}
