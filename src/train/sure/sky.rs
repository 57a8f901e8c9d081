//! The residues of the sky's subtraction, measured on the fibres that `survey.sky_fibres` names.

use crate::config::{Config, SelectConfig};
use crate::population::{FIBRES_MIN, ResidueSums, Residues};
use crate::prepare::noise_of;
use crate::survey::PixelMask;
use crate::survey::open::open;
use crate::{Error, Result};

/// Fibres that are read at a time.
const ROWS: usize = 256;

/// The residues; `None` where the config names no sky fibres, or where they show nothing but noise.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read as the survey's own can, or holds too few fibres.
pub(super) fn residues(config: &Config) -> Result<Option<Residues>> {
    let Some(path) = &config.survey.sky_fibres else {
        return Ok(None);
    };
    let source = config.survey.source.at(path);
    let survey = open(&source)?;
    let mask = PixelMask::new(&config.survey.mask)?;
    // Sky has no redshift, nor a warning of one.
    let every = Config {
        select: SelectConfig {
            zwarning: false,
            ..SelectConfig::default()
        },
        ..config.clone()
    };
    let law = noise_of(&every, &*survey, path)?.map(|(_, law)| law);
    let mut sums = ResidueSums::default();
    for first in (0..survey.len()).step_by(ROWS) {
        let rows = first..(first + ROWS).min(survey.len());
        for item in survey.read(rows, &mask, &every.select)? {
            let Some(mut spectrum) = item.spectrum else {
                continue;
            };
            if let Some(law) = &law {
                law.correct(&mut spectrum);
            }
            sums.add(&spectrum);
        }
    }
    if sums.fibres() < FIBRES_MIN {
        return Err(Error::input(
            path,
            "",
            format!("{} sky fibres with good pixels", sums.fibres()),
            format!(
                "{FIBRES_MIN} or more, from which survey.sky_fibres measures the residues of the sky"
            ),
            "give more fibres, or leave survey.sky_fibres out",
        ));
    }
    let excess = |loglam: f64| match &law {
        Some(law) => (1.0 + 2.0 * law.rho(loglam).iter().sum::<f64>()).max(0.1),
        None => 1.0,
    };
    Ok(sums.residues(excess))
}

/// What was measured, in words.
pub(super) fn words(found: Option<&Residues>) -> String {
    let Some(r) = found else {
        return "sky fibres: no residues stand out of the noise".to_owned();
    };
    let scatter = r.scatter();
    let least = scatter.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scatter.iter().copied().fold(0.0, f64::max);
    format!("sky fibres: broad residues of {least:.3}-{most:.3} by wavelength, in the unit of flux")
}
