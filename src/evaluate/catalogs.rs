//! A file of restorations as the evaluation sees it: its rows by name.

use crate::Result;
use crate::restored::restorations::Restorations;
use ndarray::Array2;
use std::collections::HashMap;

/// What an image of restorations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Restorations by the ODE.
    Ode,
    /// One draw of the SDE each.
    Draw,
    /// The means of its draws.
    Mean,
}

/// An image of restorations of some objects, [n, D].
pub(super) struct Restored {
    pub made: Made,
    /// In the table.
    pub name: String,
    pub values: Array2<f32>,
}

/// One file of restored spectra or images.
pub(super) struct Catalog<R> {
    pub file: R,
    /// Tells its rows of the table from those of the other files.
    pub suffix: String,
    rows: HashMap<String, usize>,
}

impl<R: Restorations> Catalog<R> {
    pub fn new(file: R, suffix: String) -> Self {
        let rows = index(file.objects().iter().map(|o| o.name.as_str()));
        Self { file, suffix, rows }
    }

    /// Flag, and whether it was kept out of training, of the object `name`; `None` if it is not there.
    pub fn find(&self, name: &str) -> Option<(i32, bool)> {
        let row = self.row(name)?;
        Some((self.file.objects()[row].flag, self.file.heldout()[row]))
    }

    /// The row of the object `name`.
    pub fn row(&self, name: &str) -> Option<usize> {
        self.rows.get(name).copied()
    }

    /// What each image of restorations is, its name in words and in the file.
    pub fn images(&self) -> Vec<(Made, String, &'static str)> {
        let made = self.file.made();
        if !made.method.is_random() {
            return vec![(Made::Ode, "ODE restoration".to_owned(), "RESTORED")];
        }
        vec![
            (Made::Draw, format!("one {}", made.method.draw()), "DRAW"),
            (Made::Mean, made.method.mean(made.draws), "RESTORED"),
        ]
    }

    /// What its draws are called, where there are several of each object.
    pub fn name_of_draws(&self) -> Option<String> {
        let made = self.file.made();
        let several = made.method.is_random() && made.draws > 1;
        several.then(|| format!("{} {}s{}", made.draws, made.method.draw(), self.suffix))
    }

    /// The restorations in `rows`; only they are read.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if they cannot be read.
    pub fn restorations(&self, rows: &[usize]) -> Result<Vec<Restored>> {
        let one = |(made, what, image): (Made, String, &str)| {
            Ok(Restored {
                made,
                name: format!("{what}{}", self.suffix),
                values: self.file.open_image(image)?.read(rows)?,
            })
        };
        self.images().into_iter().map(one).collect()
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

/// Rows that are finite in every one of `values`.
pub(super) fn finite_rows<'a>(values: impl IntoIterator<Item = &'a Array2<f32>>) -> Vec<usize> {
    let values: Vec<_> = values.into_iter().collect();
    let rows = values.first().map_or(0, |v| v.nrows());
    let finite = |x: &Array2<f32>, i: usize| x.row(i).iter().all(|v| v.is_finite());
    (0..rows)
        .filter(|i| values.iter().all(|x| finite(x, *i)))
        .collect()
}
