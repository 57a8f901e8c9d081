//! What restoring spectra needs: spectra of any survey on the grid of the run, and the norms that lead
//! back to flux.

use super::given::{Given, same_unit, survey};
use super::restorable::{Restorable, Task};
use super::spectra_sink::{Output, SpectraSink};
use crate::config::{Config, NormaliseConfig, SurveySource};
use crate::data::{Block, LogGrid, Object, flag};
use crate::prepare::{Prepared, Report, SpectraDetails, SpectraHeader, prepare_from};

use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;
use tch::Tensor;

impl Restorable for SpectraHeader {
    type Output = Output;
    type Sink = SpectraSink;

    fn survey(config: &Config, given: Given<'_>) -> Result<Option<SurveySource>> {
        let source = survey(config, given.paths, given.catalog)?;
        if let Some(source) = &source {
            same_unit(config, source, &given.paths[0])?;
        }
        Ok(source)
    }

    fn prepare(
        config: &Config,
        source: &SurveySource,
        given: Given<'_>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<String>> {
        let report = prepare_from(config, source, out, progress)?;
        Ok(notes(&report, given.catalog.is_some()))
    }

    fn check(config: &Config, set: &Prepared) -> Result<()> {
        if LogGrid::new(&config.grid).matches(&set.grid()) {
            return Ok(());
        }
        Err(Error::input(
            set.path(),
            "loglam",
            "this set is on another wavelength grid than the run was trained on",
            format!(
                "{} pixels from {} to {} Å",
                config.grid.pixels, config.grid.min, config.grid.max
            ),
            "prepare it with the run's config.toml",
        ))
    }

    fn unlike_training(config: &Config, set: &Prepared) -> Option<String> {
        let (low, high) = (config.select.z_min, config.select.z_max);
        let usable = || set.objects().iter().filter(|o| o.flag == flag::GOOD);
        let outside = usable().filter(|o| o.z < low || o.z > high).count();
        let mut differences = Vec::new();
        if outside > 0 {
            differences.push(format!(
                "{outside} of {} usable rows are outside the redshifts {low} to {high} that the run learned from",
                usable().count()
            ));
        }
        match normalisation(set.config()) {
            Some(n) if n == config.normalise => {}
            Some(_) => {
                differences.push("the set was not normalised as the run's ([normalise])".into());
            }
            None => differences.push("the set does not say how it was normalised".into()),
        }
        let differs = !differences.is_empty();
        differs.then(|| {
            format!(
                "{}: {}: the restorations are extrapolations",
                set.path().display(),
                differences.join("; ")
            )
        })
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_units(&self, draws: &Tensor, objects: &[Object]) -> Tensor {
        let norms: Vec<f32> = objects.iter().map(|o| o.norm as f32).collect();
        draws
            * Tensor::from_slice(&norms)
                .to_device(draws.device())
                .unsqueeze(1)
    }

    fn observed(&self, block: &Block, objects: &[Object]) -> (Array2<f32>, Array2<f32>) {
        let norms: Vec<f64> = objects.iter().map(|o| o.norm).collect();
        (
            scaled(&block.flux, &norms, 1),
            scaled(&block.ivar, &norms, -2),
        )
    }

    fn sink(task: Task<'_, Self>) -> Result<SpectraSink> {
        SpectraSink::open(task)
    }
}

/// What the report of a preparation tells who restores.
fn notes(report: &Report<SpectraDetails>, catalog: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let report = &report.details;
    if catalog && report.rows_without_file > 0 {
        notes.push(format!(
            "{} rows of the catalog name no file of the input and were left out",
            report.rows_without_file
        ));
    }
    for (files, what) in [
        (&report.files_without_row, "are not in the catalog"),
        (&report.twin_files, "repeat a spectrum"),
    ] {
        if let Some(first) = files.first() {
            notes.push(format!(
                "{} spec files {what} and were left out, such as {}",
                files.len(),
                first.display()
            ));
        }
    }
    notes
}

/// `[normalise]` of a set's config, the TOML `text`; `None` if it is not one.
fn normalisation(text: &str) -> Option<NormaliseConfig> {
    let table: toml::Table = text.parse().ok()?;
    table.get("survey")?;
    let Some(section) = table.get("normalise") else {
        return Some(NormaliseConfig::default());
    };
    section.clone().try_into().ok()
}

/// Rows of `a`, each times a power of its norm. In double precision: of a flux of 1e-20, the inverse
/// variance of one is beyond single precision, and 0 times infinity is not 0.
fn scaled(a: &Array2<f32>, norms: &[f64], power: i32) -> Array2<f32> {
    let mut a = a.clone();
    for (mut row, norm) in a.rows_mut().into_iter().zip(norms) {
        let factor = norm.powi(power);
        row.mapv_inplace(|v| (f64::from(v) * factor) as f32);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::scaled;
    use ndarray::array;

    #[test]
    fn inverse_variances_of_very_small_fluxes_are_neither_infinite_nor_nan() {
        let (normalised, norms) = (array![[0.01f32, 0.0], [4.0, 0.0]], [1e-20, 2.0]);
        let physical = scaled(&normalised, &norms, -2);
        assert!((physical[[0, 0]] / 1e38 - 1.0).abs() < 1e-6);
        assert_eq!(
            [physical[[0, 1]], physical[[1, 0]], physical[[1, 1]]],
            [0.0, 1.0, 0.0]
        );
    }
}
