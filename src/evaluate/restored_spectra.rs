//! A restored catalog of spectra beside the prepared set: normalised, and the calibration of its draws.

use super::calibration::{Calibration, Tally};
use super::catalogs::{Catalog, Made};
use super::line_calibration::line_calibrations;
use super::result::Kind;
use super::scored::Scored;
use super::study::Candidate;
use crate::lines::BROAD_KMS;
use crate::prepare::Prepared;
use crate::restored::Restored;
use crate::{Error, Result};
use std::path::Path;

impl From<Made> for Kind {
    fn from(made: Made) -> Self {
        match made {
            Made::Ode => Self::Ode,
            Made::Draw => Self::Draw,
            Made::Mean => Self::Mean,
        }
    }
}

impl Catalog<Restored> {
    /// Opens `path`, a catalog of observations of `set`.
    pub fn open(path: &Path, suffix: String, set: &Prepared) -> Result<Self> {
        let file = Restored::open(path)?;
        if !file.header().grid.matches(&set.grid()) {
            return Err(Error::input(
                path,
                "HDU RESTORED",
                "a wavelength grid that differs from the prepared set's",
                "a catalog restored from this run's survey",
                "restore it again with this run",
            ));
        }
        let catalog = Self::new(file, suffix);
        for (_, _, hdu) in catalog.images() {
            catalog.file.rows(hdu)?;
        }
        Ok(catalog)
    }

    /// Row and norm of each of the rows `scored` of the prepared set, which all are in this catalog.
    fn scored(&self, set: &Prepared, scored: &[usize]) -> (Vec<usize>, Vec<f64>) {
        let objects = scored.iter().map(|i| &set.objects()[*i]);
        objects
            .filter_map(|o| Some((self.row(&o.name)?, o.norm)))
            .unzip()
    }

    /// This catalog's restorations of rows `scored` of the prepared set, normalised; only they are
    /// read.
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub fn candidates(&self, set: &Prepared, scored: &[usize]) -> Result<Vec<Candidate>> {
        let (rows, norms) = self.scored(set, scored);
        let mut candidates = Vec::new();
        for restored in self.restorations(&rows)? {
            let mut flux = restored.values;
            for (mut row, norm) in flux.rows_mut().into_iter().zip(&norms) {
                row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
            }
            candidates.push(Candidate {
                name: restored.name,
                kind: restored.made.into(),
                flux,
            });
        }
        Ok(candidates)
    }

    /// Calibration of the draws of rows `scored` of the prepared set against their truth in `known`;
    /// `None` where there are no several draws. They are read object by object.
    pub fn calibration(
        &self,
        set: &Prepared,
        scored: &[usize],
        known: &Scored,
    ) -> Result<Option<Calibration>> {
        let Some(name) = self.name_of_draws() else {
            return Ok(None);
        };
        let header = self.file.header();
        let (rows, norms) = self.scored(set, scored);
        let mut tally = Tally::of_spectra();
        let (truth, on_grid) = (known.own(&known.truth), known.z_on_grid());
        if let Some(mut draws) = self.file.draws()? {
            for (i, (row, norm)) in rows.iter().zip(&norms).enumerate() {
                let x = draws.of(*row)?.mapv(|v| (f64::from(v) / norm) as f32);
                tally.add_spectrum(x.view(), truth.row(i), &known.wavelength, on_grid[i]);
            }
        }
        // What was measured otherwise is not to be compared with the truth as it is measured now.
        let alike = header.line_smoothing == BROAD_KMS;
        let lines = self.file.lines()?.filter(|_| alike);
        let lines = lines.map_or_else(Vec::new, |lines| {
            let measured: Vec<_> = rows.iter().map(|r| lines[*r]).collect();
            line_calibrations(
                &measured,
                header.made.draws,
                truth.view(),
                &norms,
                |i| known.observed(i),
                &known.z,
            )
        });
        Ok(Some(Calibration {
            name,
            draws: header.made.draws,
            pixels: tally.calibrations(),
            lines,
        }))
    }
}
