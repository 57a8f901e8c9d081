//! Writing a prepared set of images, block by block.

use super::images::ImageSetHeader;
use super::images::{CHUNK_ROWS, FORMAT, PARTS, VERSION};
use crate::data::{ImageBlock, Object};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::types::VarLenUnicode;
use hdf5::{File, H5Type};
use ndarray::{ArrayView1, ArrayView2, s};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Writes a prepared set of images; it appears under its name only after [`ImageSetWriter::finish`].
#[derive(Debug)]
pub struct ImageSetWriter {
    output: Output,
    path: PathBuf,
    written: usize,
    rows: usize,
}

impl ImageSetWriter {
    /// Starts a set of `rows` images.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be made.
    pub fn create(path: impl AsRef<Path>, header: &ImageSetHeader, rows: usize) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let output = Output::create(&path)?;
        output.put(|file| start(file, header, rows))?;
        Ok(Self {
            output,
            path,
            written: 0,
            rows,
        })
    }

    /// Writes the next rows: one object and one label per image of `block`.
    ///
    /// # Errors
    /// [`Error::Output`] if there are more than announced, or the disk refuses.
    pub fn write(&mut self, objects: &[Object], labels: &[i64], block: &ImageBlock) -> Result<()> {
        let rows = self.written..self.written + block.len();
        if rows.end > self.rows || objects.len() != block.len() || labels.len() != block.len() {
            return Err(Error::output(
                &self.path,
                format!("rows {rows:?} of {}: {} objects", self.rows, objects.len()),
                "give one object and one label per image",
            ));
        }
        self.output
            .put(|file| put(file, &rows, objects, labels, block))?;
        self.written = rows.end;
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk refuses.
    pub fn finish(self) -> Result<()> {
        if self.written != self.rows {
            return Err(Error::output(
                &self.path,
                format!("{} of {} rows were written", self.written, self.rows),
                "write every row before finishing",
            ));
        }
        self.output.finish()
    }
}

fn put(
    file: &File,
    rows: &Range<usize>,
    objects: &[Object],
    labels: &[i64],
    block: &ImageBlock,
) -> hdf5::Result<()> {
    for (name, data) in PARTS.iter().zip(block.parts()) {
        if data.ncols() > 0 {
            let data = data.as_standard_layout();
            file.dataset(name)?
                .write_slice(ArrayView2::from(&data), s![rows.clone(), ..])?;
        }
    }
    let text = |f: &dyn Fn(&Object) -> &str| -> Vec<VarLenUnicode> {
        objects.iter().map(|o| read::text(f(o))).collect()
    };
    column(file, rows, "name", &text(&|o| &o.name))?;
    column(file, rows, "reason", &text(&|o| &o.reason))?;
    column(file, rows, "source", &text(&|o| &o.source))?;
    let flags: Vec<i32> = objects.iter().map(|o| o.flag).collect();
    column(file, rows, "flag", &flags)?;
    column(file, rows, "label", labels)
}

fn column<T: H5Type>(file: &File, rows: &Range<usize>, name: &str, v: &[T]) -> hdf5::Result<()> {
    file.dataset(name)?
        .write_slice(ArrayView1::from(v), s![rows.clone()])
}

fn start(file: &File, header: &ImageSetHeader, n: usize) -> hdf5::Result<()> {
    for (name, value) in [
        ("format", FORMAT),
        ("unit", &header.unit),
        ("selfsi_version", env!("CARGO_PKG_VERSION")),
        ("config", &header.config),
    ] {
        read::attribute(file, name, &read::text(value))?;
    }
    read::attribute(file, "version", &VERSION)?;
    let layout = &header.layout;
    let shape = [
        layout.channels,
        layout.height,
        layout.width,
        layout.vector,
        layout.planes,
    ]
    .map(|v| v as i64);
    let softening: Vec<f64> = layout.scale.softening.into_iter().collect();
    read::column(file, "shape", &shape)?;
    for (name, values) in [
        ("softening", &softening),
        ("mean", &layout.scale.mean),
        ("std", &layout.scale.std),
    ] {
        read::column(file, name, values)?;
    }
    let d = layout.pixels();
    let widths = [
        d,
        d,
        layout.vector,
        layout.planes * layout.height * layout.width,
    ];
    for (name, width) in PARTS.iter().zip(widths) {
        let builder = file.new_dataset::<f32>();
        if width == 0 {
            builder.shape((n, 0)).create(*name)?;
        } else {
            builder
                .chunk((CHUNK_ROWS.min(n.max(1)), width))
                .shuffle()
                .deflate(1)
                .fletcher32()
                .shape((n, width))
                .create(*name)?;
        }
    }
    read::numbers::<i32>(file, "flag", &[n])?;
    read::numbers::<i64>(file, "label", &[n])?;
    for name in ["name", "reason", "source"] {
        file.new_dataset::<VarLenUnicode>().shape(n).create(name)?;
    }
    Ok(())
}
