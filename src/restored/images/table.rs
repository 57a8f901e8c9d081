//! The table beside restored images.

use crate::Result;
use crate::data::{Object, Wcs};
use crate::files::stack::{Cells, Column, Reader};
use crate::shapes::{QUANTITIES, ShapeTable};
use ndarray::{Array2, Axis, ShapeError, concatenate};

/// The table beside the images, one row each.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageTable {
    /// Names, flags and sources.
    pub objects: Vec<Object>,
    /// Class of each object; −1 where unknown.
    pub labels: Vec<i64>,
    /// Whether each was kept out of training.
    pub heldout: Vec<bool>,
    /// Numbers that describe each image's corruption, [N, K].
    pub vector: Array2<f32>,
    /// Measured shapes, where there are any.
    pub shapes: Option<ShapeTable>,
}

impl ImageTable {
    /// The columns of the file, in its order.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let text = |get: fn(&Object) -> &String| {
            Cells::Texts(self.objects.iter().map(get).cloned().collect())
        };
        let real = |get: fn(&Object) -> f64| Cells::Real(self.objects.iter().map(get).collect());
        let header = |o: &Object| Wcs::parse(&o.wcs).map_or_else(String::new, |w| w.header());
        let flags = self.objects.iter().map(|o| i64::from(o.flag)).collect();
        let heldout = self.heldout.iter().map(|h| i64::from(*h)).collect();
        let mut all: Vec<Column<'_>> = [
            ("NAME", text(|o| &o.name)),
            ("REASON", text(|o| &o.reason)),
            ("SOURCE", text(|o| &o.source)),
            ("LABEL", Cells::Nullable(self.labels.clone())),
            ("FLAG", Cells::Whole(flags)),
            ("HELDOUT", Cells::Whole(heldout)),
            ("RA", real(|o| o.ra)),
            ("DEC", real(|o| o.dec)),
            (
                "WCS",
                Cells::Texts(self.objects.iter().map(header).collect()),
            ),
            ("VECTOR", Cells::Several(self.vector.view())),
        ]
        .map(|(name, cells)| Column { name, cells })
        .into();
        for (name, values) in self.shapes.iter().flat_map(ShapeTable::columns) {
            all.push(Column {
                name,
                cells: Cells::Several(values.view()),
            });
        }
        all
    }

    /// `tables`, one below the other.
    ///
    /// # Errors
    /// That they have different numbers of numbers of a corruption.
    pub(crate) fn joined(tables: &[&Self]) -> std::result::Result<Self, ShapeError> {
        let vectors: Vec<_> = tables.iter().map(|t| t.vector.view()).collect();
        Ok(Self {
            objects: tables.iter().flat_map(|t| t.objects.clone()).collect(),
            labels: tables.iter().flat_map(|t| t.labels.clone()).collect(),
            heldout: tables.iter().flat_map(|t| t.heldout.clone()).collect(),
            vector: concatenate(Axis(0), &vectors)?,
            shapes: match tables
                .iter()
                .map(|t| t.shapes.as_ref())
                .collect::<Option<Vec<_>>>()
            {
                Some(shapes) if !shapes.is_empty() => Some(ShapeTable::joined(&shapes)?),
                _ => None,
            },
        })
    }

    /// From what [`ImageTable::columns`] wrote, with `width` numbers of each corruption and `shapes` of so many
    /// channels; `None` if the
    /// columns are of unequal length.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if a column is missing or cannot be read.
    pub(super) fn read(
        file: &mut dyn Reader,
        width: usize,
        shapes: Option<usize>,
    ) -> Result<Option<Self>> {
        let (names, reasons) = (file.texts("NAME")?, file.texts("REASON")?);
        let sources = file.texts("SOURCE")?;
        let (labels, flags) = (file.whole("LABEL")?, file.whole("FLAG")?);
        let heldout = file.whole("HELDOUT")?;
        let vector = match width {
            0 => Array2::zeros((names.len(), 0)),
            _ => file.several("VECTOR", width)?,
        };
        let n = names.len();
        // Files of before have none.
        let mut real = |column| match file.has(column) {
            true => file.real(column),
            false => Ok(vec![f64::NAN; n]),
        };
        let (ra, dec) = (real("RA")?, real("DEC")?);
        let wcs = match file.has("WCS") {
            true => file.texts("WCS")?,
            false => vec![String::new(); n],
        };
        let shapes = shapes
            .map(|channels| shapes_of(file, channels))
            .transpose()?;
        let whole = |t: &ShapeTable| t.columns().iter().all(|(_, c)| c.nrows() == n);
        if !shapes.as_ref().is_none_or(whole) {
            return Ok(None);
        }
        let lengths = [reasons.len(), sources.len(), labels.len(), flags.len()];
        let of_sky = [ra.len(), dec.len(), wcs.len()];
        if lengths != [n; 4] || of_sky != [n; 3] || heldout.len() != n || vector.nrows() != n {
            return Ok(None);
        }
        let text = names.into_iter().zip(reasons).zip(sources).zip(flags);
        let sky = ra.into_iter().zip(dec).zip(wcs);
        type Named = (((String, String), String), i64);
        let object = |((((name, reason), source), flag), ((ra, dec), wcs)): (
            Named,
            ((f64, f64), String),
        )| Object {
            name,
            reason,
            source,
            ra,
            dec,
            wcs: Wcs::parse(&wcs).map_or_else(String::new, |w| w.text()),
            flag: flag as i32,
            ..Object::default()
        };
        Ok(Some(Self {
            objects: text.zip(sky).map(object).collect(),
            labels,
            heldout: heldout.iter().map(|h| *h > 0).collect(),
            vector,
            shapes,
        }))
    }
}

fn shapes_of(file: &mut dyn Reader, channels: usize) -> Result<ShapeTable> {
    let mut read = |names: [&str; QUANTITIES.len()]| {
        let all = names.into_iter();
        all.map(|name| file.several(name, channels))
            .collect::<Result<Vec<_>>>()
    };
    Ok(ShapeTable {
        values: read(QUANTITIES.map(|(value, _)| value))?,
        errors: read(QUANTITIES.map(|(_, error)| error))?,
    })
}
