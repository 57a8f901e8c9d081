//! CIFAR-10 batches, binary version: 32×32 RGB, one byte a value, channel by channel. No batch is in
//! memory as a whole.

use super::image_file::ImageFile;
use super::kind;
use super::kind::{CIFAR_RECORD as RECORD, Start};
use super::raw::RawImages;
use crate::base::regular;
use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::Array2;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of an image: 3 × 32 × 32. The label stands before it.
const IMAGE: usize = 3072;
const CLASSES: u8 = 10;

/// One batch file.
#[derive(Debug)]
pub(crate) struct Batch {
    path: PathBuf,
    labels: Vec<i64>,
}

impl Batch {
    /// Opens a batch and reads its labels.
    ///
    /// # Errors
    /// [`Error::Input`] if it is damaged, or [image] has another shape.
    pub fn open(path: &Path, image: &ImageConfig) -> Result<Self> {
        let shape = [image.channels, image.height, image.width];
        if shape != [3, 32, 32] {
            return Err(Error::input(
                path,
                "",
                format!("CIFAR-10 images have 3 channels of 32 × 32, [image] says {shape:?}"),
                "the same shape",
                "give channels = 3, height = 32, width = 32",
            ));
        }
        if kind::start(path)? == Start::Pickle {
            return Err(kind::pickled(path));
        }
        let bytes = std::fs::metadata(path).map_err(|e| damaged(path, e))?.len();
        if bytes == 0 || !bytes.is_multiple_of(RECORD) {
            return Err(damaged(
                path,
                format!("{bytes} bytes, not a multiple of {RECORD}"),
            ));
        }
        let mut file = regular::open(path).map_err(|e| damaged(path, e))?;
        let mut record = vec![0u8; RECORD as usize];
        let mut labels = Vec::new();
        for row in 0..bytes / RECORD {
            file.read_exact(&mut record).map_err(|e| damaged(path, e))?;
            if record[0] >= CLASSES {
                return Err(damaged(
                    path,
                    format!("label {} of row {row} is not 0..9", record[0]),
                ));
            }
            labels.push(i64::from(record[0]));
        }
        Ok(Self {
            path: path.to_path_buf(),
            labels,
        })
    }
}

impl ImageFile for Batch {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn labels(&self) -> Option<Vec<i64>> {
        Some(self.labels.clone())
    }

    /// `data_batch_1-00012`.
    fn names(&self) -> Option<Vec<String>> {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = file.trim_end_matches(".bin");
        let name = |i| format!("{stem}-{i:05}");
        Some((0..self.labels.len()).map(name).collect())
    }

    /// Pixel values 0..255.
    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let mut file = regular::open(&self.path).map_err(|e| damaged(&self.path, e))?;
        let mut pixels = Array2::zeros((rows.len(), IMAGE));
        let mut bytes = vec![0u8; IMAGE];
        for (row, mut out) in rows.zip(pixels.rows_mut()) {
            file.seek(SeekFrom::Start(row as u64 * RECORD + 1))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|e| damaged(&self.path, e))?;
            out.iter_mut()
                .zip(&bytes)
                .for_each(|(o, b)| *o = f32::from(*b));
        }
        Ok(RawImages::of_pixels(pixels))
    }
}

fn damaged(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::input(
        path,
        "",
        problem,
        "a batch of CIFAR-10, binary version",
        "unpack the archive again, or give another file",
    )
}
