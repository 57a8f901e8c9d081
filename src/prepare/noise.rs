//! What `prepare` tells of a survey's noise, and keeps in the prepared set.

use super::chunks::ranges;
use super::impossible::without_impossible;
use super::noise_law::{LAGS, NoiseBand, NoiseLaw};
use super::noise_tally::NoiseTally;
use super::set::SpectraHeader;
use crate::config::{Config, SurveyNoise};
use crate::files::hdf5::read;
use crate::survey::PixelMask;
use crate::survey::spectra::Survey;
use crate::{Error, Result};
use hdf5::File;
use serde::Serialize;
use std::path::Path;

/// Spectra that are read to measure their noise before they are prepared, about.
const MEASURED: usize = 8192;

/// The noise of a survey of spectra in the pixels of its files, against its inverse variances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// What the prepared set's inverse variances are taken from.
    pub from: SurveyNoise,
    /// At all wavelengths together; absent where too few pixels tell.
    pub whole: Option<NoiseBand>,
    /// Band by band in observed wavelength.
    pub bands: Vec<NoiseBand>,
    /// Pairs of spectra of one object.
    pub pairs: usize,
    /// What their differences say.
    pub repeats: Option<NoiseBand>,
}

impl Noise {
    /// Of what was counted.
    pub(super) fn new(from: SurveyNoise, tally: &NoiseTally) -> Self {
        Self {
            from,
            whole: tally.whole(),
            bands: tally.bands(),
            pairs: tally.pairs,
            repeats: tally.repeated(),
        }
    }

    /// The same in lines for people; none where nothing was measured.
    pub(super) fn lines(&self) -> Vec<String> {
        let Some(whole) = &self.whole else {
            return Vec::new();
        };
        let corrected = match self.from {
            SurveyNoise::Given => "",
            SurveyNoise::Measured => ": ivar is corrected",
        };
        let mut lines = vec![format!("noise against ivar: {}{corrected}", words(whole))];
        if self.bands.len() > 1 {
            let scales = self.bands.iter().map(|b| {
                let [low, high] = b.wavelength;
                format!("{low:.0}-{high:.0} Å {:.2} {:+.2}", b.scale, b.rho[0])
            });
            let scales: Vec<String> = scales.collect();
            lines.push(format!("  by wavelength: {}", scales.join(", ")));
        }
        if let Some(repeats) = &self.repeats {
            lines.push(format!(
                "  differences of {} pairs of spectra of one object: {}",
                self.pairs,
                words(repeats)
            ));
        }
        lines
    }

    /// Writes the bands into a prepared set.
    pub(super) fn write(&self, file: &File) -> hdf5::Result<()> {
        if self.bands.is_empty() {
            return Ok(());
        }
        let n = self.bands.len();
        let put = |name: &str, axes: &[usize], get: &dyn Fn(&NoiseBand) -> Vec<f64>| {
            let values: Vec<f64> = self.bands.iter().flat_map(get).collect();
            read::numbers::<f64>(file, name, axes)?.write_raw(&values)
        };
        put(WAVELENGTH, &[n, 2], &|b| b.wavelength.to_vec())?;
        put(SCALE, &[n], &|b| vec![b.scale])?;
        put(CORRELATION, &[n, LAGS], &|b| b.rho.to_vec())?;
        put(PIXELS, &[n], &|b| vec![b.pixels as f64])
    }

    /// The bands of a prepared set; none where it has none.
    pub(crate) fn read(file: &File, path: &Path) -> Result<Vec<NoiseBand>> {
        let columns = [
            (WAVELENGTH, 2),
            (SCALE, 1),
            (CORRELATION, LAGS),
            (PIXELS, 1),
        ];
        let mut parts = Vec::new();
        for (name, width) in columns {
            let Some(data) = read::find(file, path, name)? else {
                return Ok(Vec::new());
            };
            let values: Vec<f64> = data
                .read_raw()
                .map_err(|e| read::bad(path, &format!("dataset {name}"), &e))?;
            parts.push((values, width));
        }
        let bands = parts[1].0.len();
        if let Some(k) = parts.iter().position(|(v, width)| v.len() != bands * width) {
            return Err(Error::input(
                path,
                format!("dataset {}", columns[k].0),
                format!("{} numbers for {bands} bands", parts[k].0.len()),
                format!("shape [{bands}, {}]", columns[k].1),
                "make the set again with `selfsi prepare CONFIG`",
            ));
        }
        let at = |part: usize, b: usize, k: usize| parts[part].0[b * parts[part].1 + k];
        let band = |b: usize| NoiseBand {
            wavelength: [at(0, b, 0), at(0, b, 1)],
            scale: at(1, b, 0),
            rho: std::array::from_fn(|k| at(2, b, k)),
            pixels: at(3, b, 0) as u64,
        };
        Ok((0..bands).map(band).collect())
    }
}

const WAVELENGTH: &str = "noise_band";
const SCALE: &str = "noise_scale";
const CORRELATION: &str = "noise_correlation";
const PIXELS: &str = "noise_pixels";

fn words(b: &NoiseBand) -> String {
    let rho: Vec<String> = b.rho.iter().map(|r| format!("{r:+.2}")).collect();
    format!(
        "scale {:.3}, correlation with the next pixels {}",
        b.scale,
        rho.join(" ")
    )
}

/// The noise of `survey`, of chunks of rows that are spread over it; `None` where `config` takes what is given.
/// Of a survey too small to tell, what the set that `config` names says.
///
/// # Errors
/// [`Error::Input`] naming `origin` if neither tells, and those of reading.
pub(crate) fn measured(
    config: &Config,
    survey: &dyn Survey,
    origin: &Path,
) -> Result<Option<(Noise, NoiseLaw)>> {
    if config.survey.noise.is_given() {
        return Ok(None);
    }
    let mask = PixelMask::new(&config.survey.mask)?;
    let chunks: Vec<_> = ranges::<SpectraHeader>(survey.len(), config.grid.pixels).collect();
    let rows = chunks.first().map_or(1, |c| c.len().max(1));
    let step = chunks.len().div_ceil((MEASURED / rows).max(1)).max(1);
    let mut tally = NoiseTally::default();
    for chunk in chunks.into_iter().step_by(step) {
        let mut items = survey.read(chunk, &mask, &config.select)?;
        without_impossible(&mut items);
        tally.merge(&NoiseTally::of(&items));
    }
    let mut noise = Noise::new(config.survey.noise, &tally);
    if noise.bands.is_empty() {
        noise.bands = of_before(config)?;
    }
    let law = NoiseLaw::through(&noise.bands).ok_or_else(|| {
        Error::input(
            origin,
            "",
            "too few spectra to measure their noise",
            "2000 pixels of S/N below 10 in some band of wavelengths (survey.noise = \"measured\")",
            "give more spectra, or survey.noise = \"given\"",
        )
    })?;
    Ok(Some((noise, law)))
}

/// The bands of the prepared set that `config` names, if there is one.
fn of_before(config: &Config) -> Result<Vec<NoiseBand>> {
    let path = &config.survey.prepared;
    match path.is_file() {
        true => Noise::read(&read::open(path)?, path),
        false => Ok(Vec::new()),
    }
}
