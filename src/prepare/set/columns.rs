//! The table of objects in a prepared set: a dataset [N] for each column.

use super::opened::Opened;
use crate::Result;
use crate::data::Object;
use crate::files::hdf5::read;
use hdf5::types::VarLenUnicode;
use hdf5::{File, H5Type};
use ndarray::{ArrayView1, s};
use std::ops::Range;

/// A field of an object, under its name in the file.
#[derive(Debug)]
pub struct Column {
    name: &'static str,
    field: Field,
}

#[derive(Debug)]
enum Field {
    Text(fn(&Object) -> &String, fn(&mut Object, String)),
    /// The same, of which sets of before have none.
    LaterText(fn(&Object) -> &String, fn(&mut Object, String)),
    Real(fn(&Object) -> f64, fn(&mut Object, f64)),
    /// The same, of which sets of before have none.
    Later(fn(&Object) -> f64, fn(&mut Object, f64)),
    Whole(fn(&Object) -> i64, fn(&mut Object, i64)),
    Flag,
}

macro_rules! column {
    (Text, $name:ident) => {
        column!(@text Text, $name)
    };
    (LaterText, $name:ident) => {
        column!(@text LaterText, $name)
    };
    (@text $kind:ident, $name:ident) => {
        Column {
            name: stringify!($name),
            field: Field::$kind(|o| &o.$name, |o, v| o.$name = v),
        }
    };
    ($kind:ident, $name:ident) => {
        Column {
            name: stringify!($name),
            field: Field::$kind(|o| o.$name, |o, v| o.$name = v),
        }
    };
}

const FLAG: Column = Column {
    name: "flag",
    field: Field::Flag,
};

/// What a set of spectra tells of its objects.
pub(super) const OF_SPECTRA: &[Column] = &[
    column!(Real, norm),
    column!(Real, z),
    column!(Later, z_grid),
    column!(Later, z_err),
    column!(Real, ra),
    column!(Real, dec),
    column!(Whole, plate),
    column!(Whole, mjd),
    column!(Whole, fiberid),
    column!(Whole, thing_id),
    FLAG,
    column!(Text, name),
    column!(Text, reason),
    column!(Text, source),
];

/// What a set of images tells of its objects.
pub(super) const OF_IMAGES: &[Column] = &[
    FLAG,
    column!(Whole, label),
    column!(Later, ra),
    column!(Later, dec),
    column!(Text, name),
    column!(Text, reason),
    column!(Text, source),
    column!(LaterText, wcs),
];

/// Makes the datasets of `columns` for `n` objects.
pub(super) fn create(file: &File, columns: &[Column], n: usize) -> hdf5::Result<()> {
    for Column { name, field } in columns {
        match field {
            Field::Text(..) | Field::LaterText(..) => {
                file.new_dataset::<VarLenUnicode>().shape(n).create(*name)?
            }
            Field::Real(..) | Field::Later(..) => read::numbers::<f64>(file, name, &[n])?,
            Field::Whole(..) => read::numbers::<i64>(file, name, &[n])?,
            Field::Flag => read::numbers::<i32>(file, name, &[n])?,
        };
    }
    Ok(())
}

/// Writes `objects` as the rows `rows`.
pub(super) fn write(
    file: &File,
    columns: &[Column],
    rows: &Range<usize>,
    objects: &[Object],
) -> hdf5::Result<()> {
    fn put<T: H5Type>(
        file: &File,
        name: &str,
        rows: &Range<usize>,
        values: impl Iterator<Item = T>,
    ) -> hdf5::Result<()> {
        let values: Vec<T> = values.collect();
        let data = file.dataset(name)?;
        data.write_slice(ArrayView1::from(&values[..]), s![rows.clone()])
    }
    let all = objects.iter();
    for Column { name, field } in columns {
        match field {
            Field::Text(get, _) | Field::LaterText(get, _) => {
                put(file, name, rows, all.clone().map(|o| read::text(get(o))))
            }
            Field::Real(get, _) | Field::Later(get, _) => {
                put(file, name, rows, all.clone().map(get))
            }
            Field::Whole(get, _) => put(file, name, rows, all.clone().map(get)),
            Field::Flag => put(file, name, rows, all.clone().map(|o| o.flag)),
        }?;
    }
    Ok(())
}

/// Reads all the objects; how many there are, the flags tell.
///
/// # Errors
/// [`crate::Error::Input`] if a column is missing, of another length or unreadable.
pub(super) fn read(file: &Opened, columns: &[Column]) -> Result<Vec<Object>> {
    let flags: Vec<i32> = file.column("flag", None)?;
    let mut objects = vec![Object::default(); flags.len()];
    let n = Some(flags.len());
    for Column { name, field } in columns {
        let all = objects.iter_mut();
        match field {
            Field::Later(..) | Field::LaterText(..) if !file.has(name) => {}
            Field::Text(_, put) | Field::LaterText(_, put) => all
                .zip(file.texts(name, flags.len())?)
                .for_each(|(o, v)| put(o, v)),
            Field::Real(_, put) | Field::Later(_, put) => {
                all.zip(file.column(name, n)?).for_each(|(o, v)| put(o, v))
            }
            Field::Whole(_, put) => all.zip(file.column(name, n)?).for_each(|(o, v)| put(o, v)),
            Field::Flag => all.zip(&flags).for_each(|(o, v)| o.flag = *v),
        }
    }
    Ok(objects)
}
