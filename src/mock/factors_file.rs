//! The file of a factor model: HDF5, datasets `wavelength` `[L]` (rest frame, vacuum, Å), `mean` `[L]`,
//! `components` [K, L], `score_mean` `[K]` and `score_covariance` [K, K].

use super::factors::Factors;
use crate::config::Beyond;
use crate::files::hdf5::read;
use crate::population::eigen;
use crate::{Error, Result};
use hdf5::{Dataset, File};
use ndarray::{Array1, Array2};
use std::path::Path;

/// Pixels and components at most: more of either is no such file.
const PIXELS_MAX: usize = 200_000;
const COMPONENTS_MAX: usize = 256;
/// Part of the largest variance of the scores by which a covariance may miss being symmetric and positive.
const ROUNDING: f64 = 1e-6;
/// How a FITS file begins.
const FITS: &[u8] = b"SIMPLE  =";
const FIX: &str =
    "scripts/factors.py writes such a file from redrock's and QFA's (see docs/reference/files.md)";

impl Factors {
    /// Reads the model in `path`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the dataset that is missing, of another shape, not finite, or no such thing; or
    /// if hardly any draw of the model is positive.
    pub fn read(path: &Path, beyond: Beyond) -> Result<Self> {
        if starts_as_fits(path) {
            let problem = "a FITS file";
            let expected = "a factor model in HDF5, with the law of its scores";
            return Err(Error::input(path, "", problem, expected, FIX));
        }
        let file = Model {
            path,
            file: read::open(path)?,
        };
        let wavelength = file.numbers("wavelength", "[L] of rest wavelengths in Å", &[None])?;
        let l = wavelength.len();
        if !(2..=PIXELS_MAX).contains(&l) || !rising(&wavelength) || wavelength[0] <= 0.0 {
            let problem =
                format!("{l} wavelengths that are not positive and ascending, or too few or many");
            return Err(file.unfit(
                "wavelength",
                &problem,
                "2 or more rest wavelengths in Å, ascending",
            ));
        }
        file.in_angstroms("wavelength")?;
        let mean = file.numbers("mean", "[L]", &[Some(l)])?;
        let components = file.numbers("components", "[K, L]", &[None, Some(l)])?;
        let k = components.len() / l;
        if !(1..=COMPONENTS_MAX).contains(&k) {
            let problem = format!("{k} components");
            return Err(file.unfit("components", &problem, "1 to 256 of them"));
        }
        let score_mean = file.numbers("score_mean", "[K]", &[Some(k)])?;
        let covariance = file.numbers("score_covariance", "[K, K]", &[Some(k), Some(k)])?;
        let model = Self {
            ln: wavelength.iter().map(|w| w.ln()).collect(),
            mean: mean.into(),
            components: Array2::from_shape_fn((k, l), |(i, j)| components[i * l + j]),
            score_mean: score_mean.into(),
            score_root: file.root(&Array2::from_shape_fn((k, k), |(i, j)| {
                covariance[i * k + j]
            }))?,
            beyond,
        };
        model.positive().map_err(|e| {
            file.unfit(
                "components",
                &e,
                "a law of the scores whose spectra are positive",
            )
        })?;
        Ok(model)
    }
}

/// An open file, for what is said of it.
struct Model<'a> {
    path: &'a Path,
    file: File,
}

impl Model<'_> {
    fn unfit(&self, name: &str, problem: &str, expected: &str) -> Error {
        Error::input(self.path, format!("dataset {name}"), problem, expected, FIX)
    }

    /// The finite numbers of the dataset `name`, row by row, whose axes are as long as `axes` say.
    fn numbers(&self, name: &str, form: &str, axes: &[Option<usize>]) -> Result<Vec<f64>> {
        let data: Dataset = read::find(&self.file, self.path, name)?.ok_or_else(|| {
            let holds = self.file.member_names().unwrap_or_default().join(", ");
            self.unfit(name, &format!("missing (the file holds: {holds})"), form)
        })?;
        let shape = data.shape();
        let fits = shape.len() == axes.len()
            && (shape.iter().zip(axes)).all(|(n, a)| a.is_none_or(|a| a == *n));
        if !fits {
            let wanted: Vec<String> = axes
                .iter()
                .map(|a| a.map_or("any".to_owned(), |n| n.to_string()))
                .collect();
            let expected = format!("{form}: here [{}]", wanted.join(", "));
            return Err(self.unfit(name, &format!("shape {shape:?}"), &expected));
        }
        let most = PIXELS_MAX * COMPONENTS_MAX;
        if shape.iter().fold(1, |n: usize, m| n.saturating_mul(*m)) > most {
            return Err(self.unfit(name, &format!("shape {shape:?}"), "a factor model"));
        }
        let values: Vec<f64> = data
            .read_raw()
            .map_err(|e| read::bad(self.path, &format!("dataset {name}"), &e))?;
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(i) => Err(self.unfit(
                name,
                &format!("value {i} is {}", values[i]),
                "finite numbers",
            )),
        }
    }

    /// A unit that the dataset names has to be Å.
    fn in_angstroms(&self, name: &str) -> Result<()> {
        let data = read::find(&self.file, self.path, name)?;
        let unit = data.and_then(|d| {
            ["units", "unit"]
                .iter()
                .find_map(|a| read::text_attribute(&d, a))
        });
        match unit {
            Some(unit)
                if !["angstrom", "angstroms", "aa", "å"]
                    .contains(&unit.trim().to_lowercase().as_str()) =>
            {
                Err(self.unfit(name, &format!("unit {unit:?}"), "Angstrom"))
            }
            _ => Ok(()),
        }
    }

    /// R with R Rᵀ = `covariance`.
    fn root(&self, covariance: &Array2<f64>) -> Result<Array2<f64>> {
        let most = covariance
            .diag()
            .iter()
            .fold(0.0, |a: f64, b| a.max(b.abs()));
        let uneven = (covariance - &covariance.t())
            .iter()
            .fold(0.0, |a: f64, b| a.max(b.abs()));
        let (variances, vectors) = eigen(covariance);
        let least = variances.iter().fold(0.0, |a: f64, b| a.min(*b));
        if uneven > ROUNDING * most || least < -ROUNDING * most {
            let problem = "not symmetric, or of negative variance along some direction";
            return Err(self.unfit("score_covariance", problem, "a covariance"));
        }
        let roots: Array1<f64> = variances.mapv(|v| v.max(0.0).sqrt());
        Ok(&vectors * &roots)
    }
}

fn rising(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[0] < w[1])
}

fn starts_as_fits(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; FITS.len()];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head));
    read.is_ok() && head == FITS
}
