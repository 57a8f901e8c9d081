//! Columns of the current table: found by name, read as numbers or as text.

use super::column::Column;
use super::read::{Fits, from_c};
use crate::Result;
use fitsio_sys as c;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_long};

/// cfitsio's type codes of text, of floats (TFLOAT, TDOUBLE), and of the first of the complex numbers; those
/// of cells of unequal lengths are negative.
const TSTRING: c_int = 16;
const TFLOAT: c_int = 42;
const TDOUBLE: c_int = 82;
const TCOMPLEX: c_int = 83;
/// cfitsio's status where a number does not fit its type.
const NUM_OVERFLOW: c_int = 412;
/// Rows of text fetched at a time.
const ROWS: usize = 4096;

impl Fits {
    /// Every column of the current table.
    pub fn columns(&mut self) -> Result<Vec<Column>> {
        let (mut count, mut status) = (0, 0);
        unsafe { c::ffgncl(self.file, &mut count, &mut status) };
        self.checked(status, "")?;
        (1..=count).map(|number| self.numbered(number)).collect()
    }

    /// The column called `name`, whatever its case.
    pub fn column(&mut self, name: &str) -> Option<Column> {
        let c_name = CString::new(name).ok()?;
        let (mut number, mut status) = (0, 0);
        // SAFETY: cfitsio only reads the name (its prototype lacks `const`).
        unsafe {
            c::ffgcno(
                self.file,
                0,
                c_name.as_ptr().cast_mut(),
                &mut number,
                &mut status,
            );
            c::ffcmsg();
        }
        if status != 0 {
            return None;
        }
        // cfitsio takes wildcards and numbers for names; we do not.
        let column = self.numbered(number).ok()?;
        column.name.eq_ignore_ascii_case(name).then_some(column)
    }

    fn numbered(&mut self, number: c_int) -> Result<Column> {
        let (mut code, mut repeat, mut width, mut status) = (0, 0, 0, 0);
        unsafe {
            c::ffgtcl(
                self.file,
                number,
                &mut code,
                &mut repeat,
                &mut width,
                &mut status,
            )
        };
        self.checked(status, &format!("column {number}"))?;
        let size = |n: c_long| usize::try_from(n).unwrap_or_default();
        let text = code.abs() == TSTRING;
        Ok(Column {
            name: self.text_key(&format!("TTYPE{number}")).unwrap_or_default(),
            text,
            exact: match code {
                TFLOAT => 1 << 24,
                TDOUBLE => 1 << 53,
                _ => i64::MAX,
            },
            // Of an ASCII table, cfitsio counts the texts and not their characters.
            repeat: size(repeat).max(if code == TSTRING { size(width) } else { 0 }),
            width: size(width),
            odd: !(0..TCOMPLEX).contains(&code),
            number,
        })
    }

    /// A numeric column of `rows` rows, row by row ([rows × repeat]); NaN where undefined.
    pub fn floats(&mut self, column: &Column, rows: usize) -> Result<Vec<f64>> {
        self.numeric(column, rows, 0.0, |f, n, count, out, any, status| unsafe {
            c::ffgcvd(f, n, 1, 1, count, f64::NAN, out, any, status)
        })
    }

    /// As [`Fits::floats`] in single precision.
    pub fn singles(&mut self, column: &Column, rows: usize) -> Result<Vec<f32>> {
        self.numeric(column, rows, 0.0, |f, n, count, out, any, status| unsafe {
            c::ffgcve(f, n, 1, 1, count, f32::NAN, out, any, status)
        })
    }

    /// As [`Fits::floats`] for integers; −1 where undefined. Floats that are not whole, or too large to tell
    /// an integer from the next, are an error: an identifier would be its neighbour's. So are integers
    /// from 2⁶³ on.
    pub fn integers(&mut self, column: &Column, rows: usize) -> Result<Vec<i64>> {
        let refused = |fits: &mut Self, problem: String| {
            let place = format!("{} column {}", fits.place(), column.name);
            let fix = "write the table with 64-bit integers (K), without floats on the way";
            Err(fits.error(&place, &problem, "an integer column", fix))
        };
        if column.exact < i64::MAX {
            let all = self.floats(column, rows)?;
            let power = column.exact.ilog2();
            return match all
                .iter()
                .find(|v| v.abs() >= column.exact as f64 || v.fract() != 0.0 && !v.is_nan())
            {
                None => Ok(all
                    .iter()
                    .map(|v| if v.is_nan() { -1 } else { *v as i64 })
                    .collect()),
                Some(v) if v.fract() != 0.0 => refused(self, format!("{v}, not a whole number")),
                Some(v) => refused(
                    self,
                    format!(
                        "{v:.0} as a float, which does not tell integers above 2**{power} apart"
                    ),
                ),
            };
        }
        let mut large = false;
        let all = self.numeric(column, rows, 0, |f, n, count, out, any, status| unsafe {
            let failed = c::ffgcvjj(f, n, 1, 1, count, -1, out, any, status);
            large = *status == NUM_OVERFLOW;
            failed
        });
        match large {
            true => refused(self, "an integer of 2**63 or more".to_owned()),
            false => all,
        }
    }

    fn unfit(&mut self, column: &Column, problem: &str, expected: &str) -> crate::Error {
        let place = format!("{} column {}", self.place(), column.name);
        self.error(
            &place,
            problem,
            expected,
            "map another column in the config",
        )
    }

    fn numeric<T: Copy>(
        &mut self,
        column: &Column,
        rows: usize,
        zero: T,
        mut read: impl FnMut(*mut c::fitsfile, c_int, i64, *mut T, *mut c_int, *mut c_int) -> c_int,
    ) -> Result<Vec<T>> {
        if column.text {
            return Err(self.unfit(column, "text", "numbers"));
        }
        if column.odd {
            return Err(self.unfit(column, "complex, or of unequal lengths", "numbers"));
        }
        let n = rows.saturating_mul(column.repeat);
        self.check_room(n, &column.name)?;
        let mut out = vec![zero; n];
        // cfitsio writes `anynul` without asking whether it is there.
        let (mut any, mut status) = (0, 0);
        read(
            self.file,
            column.number,
            out.len() as i64,
            out.as_mut_ptr(),
            &mut any,
            &mut status,
        );
        self.checked(status, &format!("column {}", column.name))?;
        Ok(out)
    }

    /// A column of `rows` rows as text, blanks trimmed; numbers are written out.
    pub fn texts(&mut self, column: &Column, rows: usize) -> Result<Vec<String>> {
        if !column.text {
            return Ok(self
                .integers(column, rows)?
                .iter()
                .map(ToString::to_string)
                .collect());
        }
        if column.odd {
            return Err(self.unfit(column, "texts of unequal lengths", "texts of one width"));
        }
        if column.width < column.repeat {
            return Err(self.unfit(column, "several texts in each cell", "one"));
        }
        let width = column.width.max(1);
        self.check_room(rows.max(1).saturating_mul(width), &column.name)?;
        // What cfitsio writes into a cell: the column's width and a NUL.
        let width = width + 1;
        let mut buffer: Vec<c_char> = vec![0; ROWS.min(rows.max(1)) * width];
        let mut out = Vec::with_capacity(rows);
        while out.len() < rows {
            let n = ROWS.min(rows - out.len());
            buffer.fill(0);
            let mut cells: Vec<*mut c_char> = buffer
                .chunks_mut(width)
                .take(n)
                .map(<[c_char]>::as_mut_ptr)
                .collect();
            let mut blank = [0 as c_char; 1];
            let (mut any, mut status) = (0, 0);
            // SAFETY: `cells` points at n cells of `width` bytes: the column's width and a NUL.
            unsafe {
                c::ffgcvs(
                    self.file,
                    column.number,
                    out.len() as i64 + 1,
                    1,
                    n as i64,
                    blank.as_mut_ptr(),
                    cells.as_mut_ptr(),
                    &mut any,
                    &mut status,
                )
            };
            self.checked(status, &format!("column {}", column.name))?;
            out.extend(buffer.chunks(width).take(n).map(from_c));
        }
        Ok(out)
    }
}
