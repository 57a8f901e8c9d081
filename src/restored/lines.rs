//! The measured emission lines as columns of CATALOG: LYA_PEAK, LYA_PEAK_ERR, LYA_CENTROID, … CIV_EW_ERR.

use super::catalog::{Restored, numbers, seek};
use crate::Result;
use crate::files::fits::read::Fits;
use crate::files::fits::sheet::Sheet;
use crate::files::fits::tables::Column;
use crate::lines::{LINES, Measured, MeasuredLines, NO_LINES, Quantity};
use fitsio::tables::ColumnDataType as T;

/// One column: which line, which of its quantities, the value or its error.
struct LineColumn {
    name: String,
    line: usize,
    quantity: usize,
    error: bool,
}

/// Name, unit (empty: the flux unit), UCD, UCD of the error and meaning of each quantity.
const QUANTITIES: [(&str, &str, &str, &str, &str); 3] = [
    (
        "PEAK",
        "",
        "spect.line.intensity",
        "stat.error;spect.line.intensity",
        "peak above the local continuum",
    ),
    (
        "CENTROID",
        "Angstrom",
        "em.wl.central;spect.line",
        "stat.error;em.wl.central",
        "vacuum, observed frame",
    ),
    (
        "EW",
        "Angstrom",
        "spect.line.eqWidth",
        "stat.error;spect.line.eqWidth",
        "rest frame, positive for emission",
    ),
];

/// Meaning of every error.
const ERROR: &str = "standard deviation over the SDE draws";

/// The columns, line by line, each value before its error.
fn columns() -> impl Iterator<Item = LineColumn> {
    (0..LINES.len() * QUANTITIES.len() * 2).map(|i| {
        let (line, quantity, error) = (
            i / 2 / QUANTITIES.len(),
            i / 2 % QUANTITIES.len(),
            i % 2 == 1,
        );
        let suffix = if error { "_ERR" } else { "" };
        LineColumn {
            name: format!("{}_{}{suffix}", LINES[line].key, QUANTITIES[quantity].0),
            line,
            quantity,
            error,
        }
    })
}

impl LineColumn {
    fn described(&self, flux_unit: &str) -> Column {
        let (_, unit, ucd, ucd_of_error, meaning) = QUANTITIES[self.quantity];
        let unit = if unit.is_empty() { flux_unit } else { unit };
        let (ucd, meaning) = if self.error {
            (ucd_of_error, ERROR)
        } else {
            (ucd, meaning)
        };
        Column::new(&self.name, T::Double)
            .unit(unit)
            .ucd(ucd)
            .comment(meaning)
    }

    fn of(&self, lines: &MeasuredLines) -> f64 {
        let Quantity { value, error } = lines[self.line].quantities()[self.quantity];
        if self.error { error } else { value }
    }

    fn set(&self, lines: &mut MeasuredLines, to: f64) {
        let Measured {
            peak,
            centroid,
            width,
        } = &mut lines[self.line];
        let quantity = [peak, centroid, width].into_iter().nth(self.quantity);
        if let Some(Quantity { value, error }) = quantity {
            *(if self.error { error } else { value }) = to;
        }
    }
}

/// Descriptions of the columns, peaks in `flux_unit`.
pub(crate) fn line_columns(flux_unit: &str) -> Vec<Column> {
    columns().map(|c| c.described(flux_unit)).collect()
}

/// Fills the columns of rows `start..` of the current table, one for each object.
pub(crate) fn write_lines(sheet: &mut Sheet, start: usize, rows: &[MeasuredLines]) -> Result<()> {
    for column in columns() {
        // One NaN for all: what is read back and written again must not differ in its sign bit.
        let plain = |v: f64| if v.is_nan() { f64::NAN } else { v };
        let values: Vec<f64> = rows.iter().map(|r| plain(column.of(r))).collect();
        sheet.rows(&column.name, start, &values)?;
    }
    Ok(())
}

impl Restored {
    /// The measured lines of every row, peaks in the flux's unit; `None` in catalogs of versions
    /// that did not measure them. Lines that they did not measure are NaN.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the table cannot be read.
    pub fn lines(&self) -> Result<Option<Vec<MeasuredLines>>> {
        let mut fits = Fits::open(self.path())?;
        seek(&mut fits, self.path(), "CATALOG")?;
        let mut rows = vec![NO_LINES; self.objects().len()];
        let mut any = false;
        for column in columns() {
            if fits.column(&column.name).is_none() {
                continue;
            }
            any = true;
            let values = numbers(&mut fits, self.path(), &column.name, rows.len())?;
            for (row, value) in rows.iter_mut().zip(values) {
                column.set(row, value);
            }
        }
        Ok(any.then_some(rows))
    }
}
