//! Writing a prepared set, block by block.

use super::columns;
use super::header::SetHeader;
use crate::data::{Object, RowBlock};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::File;
use ndarray::{ArrayView2, s};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Writes a prepared set; it appears under its name only after [`SetWriter::finish`].
#[derive(Debug)]
pub struct SetWriter<H> {
    output: Output,
    path: PathBuf,
    header: H,
    written: usize,
    rows: usize,
}

impl<H: SetHeader> SetWriter<H> {
    /// Starts a set of `rows` rows.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be made.
    pub fn create(path: impl AsRef<Path>, header: &H, rows: usize) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let output = Output::create(&path)?;
        output.put(|file| start(file, header, rows))?;
        Ok(Self {
            output,
            path,
            header: header.clone(),
            written: 0,
            rows,
        })
    }

    /// Writes the next rows: one object for each row of `block`.
    ///
    /// # Errors
    /// [`Error::Output`] if shapes do not fit, there are more rows than announced, or the disk refuses.
    pub fn write(&mut self, objects: &[Object], block: &H::Block) -> Result<()> {
        let rows = self.written..self.written + objects.len();
        let expected = self.header.masked(0);
        let widths = expected.parts().into_iter().map(|p| p.ncols());
        let fits = block
            .parts()
            .iter()
            .zip(widths)
            .all(|(part, width)| part.dim() == (objects.len(), width));
        if rows.end > self.rows || !fits {
            let shapes = block.parts().into_iter().map(|p| format!("{:?}", p.dim()));
            let shapes: Vec<String> = shapes.collect();
            return Err(Error::output(
                &self.path,
                format!(
                    "rows {}..{} of {}: {} objects, {} {}",
                    rows.start,
                    rows.end,
                    self.rows,
                    objects.len(),
                    H::Block::PARTS.join(", "),
                    shapes.join(", ")
                ),
                "give one row of each part per object",
            ));
        }
        self.output
            .put(|file| put::<H>(file, &rows, objects, block))?;
        self.written = rows.end;
        Ok(())
    }

    /// Writes what else the set keeps.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk refuses.
    pub(in crate::prepare) fn beside(
        &self,
        write: impl FnOnce(&File) -> hdf5::Result<()>,
    ) -> Result<()> {
        self.output.put(write)
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk refuses.
    pub fn finish(self) -> Result<()> {
        if self.written != self.rows {
            return Err(Error::output(
                &self.path,
                format!("row {} was never written", self.written),
                "write every row before finishing",
            ));
        }
        self.output.finish()
    }
}

fn put<H: SetHeader>(
    file: &File,
    rows: &Range<usize>,
    objects: &[Object],
    block: &H::Block,
) -> hdf5::Result<()> {
    for (name, data) in H::Block::PARTS.iter().zip(block.parts()) {
        if data.ncols() > 0 {
            let data = data.as_standard_layout();
            file.dataset(name)?
                .write_slice(ArrayView2::from(&data), s![rows.clone(), ..])?;
        }
    }
    columns::write(file, H::COLUMNS, rows, objects)
}

fn start<H: SetHeader>(file: &File, header: &H, n: usize) -> hdf5::Result<()> {
    for (name, value) in [
        ("format", H::FORMAT),
        ("selfsi_version", env!("CARGO_PKG_VERSION")),
        ("config", header.config()),
    ] {
        read::attribute(file, name, &read::text(value))?;
    }
    read::attribute(file, "version", &header.version())?;
    header.write(file)?;
    let rows = H::CHUNK_ROWS.min(n.max(1));
    for (name, part) in H::Block::PARTS.iter().zip(header.masked(0).parts()) {
        let data = file.new_dataset::<f32>();
        match part.ncols() {
            0 => data.shape((n, 0)).create(*name)?,
            width => data
                .chunk((rows, width))
                // Rejected rows are zeros: they should cost no disk.
                .shuffle()
                .deflate(1)
                // A checksum, which reading compares.
                .fletcher32()
                .shape((n, width))
                .create(*name)?,
        };
    }
    columns::create(file, H::COLUMNS, n)
}
