//! The table CATALOG of a restored catalog: a row for each object, laid out before any is written.

use super::lines::{line_columns, write_lines};
use crate::Result;
use crate::data::{Object, flag};
use crate::files::fits::sheet::{Sheet, ascii};
use crate::files::fits::tables::Column;
use crate::lines::MeasuredLines;
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;

type Get<V> = fn(&Object) -> V;

/// Name, UCD and value of the columns of text, of integers (and whether −1 is "unknown"), of numbers.
const TEXTS: [(&str, &str, Get<String>); 5] = [
    ("NAME", "meta.id;meta.main", |o| ascii(&o.name)),
    ("SDSS_NAME", "meta.id", sdss_name),
    (REASON, "", |o| ascii(&o.reason)),
    (WARNING, "", warning),
    ("SOURCE", "meta.ref", |o| ascii(&o.source)),
];
const WHOLE: [(&str, bool, Get<i64>); 5] = [
    ("PLATE", true, |o| o.plate),
    ("MJD", true, |o| o.mjd),
    ("FIBERID", true, |o| o.fiberid),
    ("THING_ID", true, |o| o.thing_id),
    ("FLAG", false, |o| i64::from(o.flag)),
];
const REAL: [(&str, &str, Get<f64>); 8] = [
    ("RA", "pos.eq.ra;meta.main", |o| o.ra),
    ("DEC", "pos.eq.dec;meta.main", |o| o.dec),
    ("Z", "src.redshift", |o| o.z),
    ("Z_ERR", "stat.error;src.redshift", |o| o.z_err),
    ("Z_GRID", "", |o| o.z_grid),
    ("NORM", "", |o| o.norm),
    ("LOGLIKE", "stat.likelihood", |o| o.loglike),
    ("LOGLIKE_P", "stat.probability", |o| o.loglike_p),
];
const REASON: &str = "REASON";
const WARNING: &str = "WARNING";
/// What WARNING says of an object that the population does not hold.
const UNLIKELY: &str = "unlikely under the population (LOGLIKE_P)";

/// Consecutive rows of the table.
pub(crate) struct TableRows<'a> {
    pub objects: &'a [Object],
    /// Median S/N per good pixel of each observation; NaN where it has none.
    pub snr: &'a [f32],
    /// Whether each was kept out of training.
    pub heldout: &'a [bool],
    pub lines: &'a [MeasuredLines],
}

/// Lays out the table for `objects`, fluxes in `flux_unit`.
pub(crate) fn create<'a>(
    sheet: &mut Sheet,
    objects: impl Iterator<Item = &'a Object>,
    flux_unit: &str,
) -> Result<FitsHdu> {
    let mut widths = [1; TEXTS.len()];
    for o in objects {
        for (width, (name, _, get)) in widths.iter_mut().zip(&TEXTS) {
            *width = get(o).len().max(*width);
            // What a usable spectrum may still turn out to be.
            if *name == REASON && o.flag == flag::GOOD {
                *width = flag::NOT_FINITE_REASON.len().max(*width);
            }
            if *name == WARNING {
                *width = UNLIKELY.len();
            }
        }
    }
    let texts = TEXTS.iter().zip(widths);
    let mut columns: Vec<Column> = texts
        .map(|((name, ucd, _), width)| Column {
            width,
            ..Column::new(name, T::String).ucd(ucd)
        })
        .collect();
    columns.extend(WHOLE.iter().map(|(name, nullable, _)| Column {
        nullable: *nullable,
        // SDSS-V's catalog ids need 64 bits.
        ..Column::new(name, T::LongLong)
    }));
    columns.extend(REAL.iter().map(|(name, ucd, _)| {
        let unit = match *name {
            "RA" | "DEC" => "deg",
            "NORM" => flux_unit,
            _ => "",
        };
        Column::new(name, T::Double).unit(unit).ucd(ucd)
    }));
    columns.push(Column::new("SNR", T::Float).ucd("stat.snr"));
    columns.push(Column::new("HELDOUT", T::Short));
    columns.extend(line_columns(flux_unit));
    sheet.table("CATALOG", &columns)
}

/// Writes rows `start..` of the table `hdu`. A table lies row by row on disk: column by column of all its
/// rows would go through the whole of it for each.
pub(crate) fn write(
    sheet: &mut Sheet,
    hdu: &FitsHdu,
    start: usize,
    rows: TableRows<'_>,
) -> Result<()> {
    let objects = rows.objects;
    sheet.go(hdu)?;
    for (name, _, get) in &TEXTS {
        let values: Vec<String> = objects.iter().map(get).collect();
        sheet.texts(name, start, &values)?;
    }
    for (name, _, get) in &WHOLE {
        let values: Vec<i64> = objects.iter().map(get).collect();
        sheet.rows(name, start, &values)?;
    }
    for (name, _, get) in &REAL {
        let values: Vec<f64> = objects.iter().map(get).collect();
        sheet.rows(name, start, &values)?;
    }
    let heldout: Vec<i16> = rows.heldout.iter().map(|h| i16::from(*h)).collect();
    sheet.rows("SNR", start, rows.snr)?;
    sheet.rows("HELDOUT", start, &heldout)?;
    write_lines(sheet, start, rows.lines)
}

/// The catalog's own name of an SDSS object; blank where the name was made from plate, MJD and
/// fibre, or belongs to another survey.
fn sdss_name(o: &Object) -> String {
    if o.plate < 0 || o.name == crate::survey::sdss::name(o.plate, o.mjd, o.fiberid) {
        String::new()
    } else {
        ascii(&o.name)
    }
}

/// What to know before a restoration is believed; blank where there is nothing.
fn warning(o: &Object) -> String {
    match o.is_unlikely() {
        true => UNLIKELY.to_owned(),
        false => String::new(),
    }
}
