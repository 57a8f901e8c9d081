//! npy arrays (numpy.save), C or Fortran order, read in blocks.
//!
//! Format: numpy.lib.format, versions 1 to 3: magic, version, header length, a Python dict, data.

use super::axes::Axes;
use super::image_file::ImageFile;
use super::raw::RawImages;
use crate::base::regular;
use crate::config::ImageConfig;
use crate::{Error, Result};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest header that is read: a plain array's is below 200 bytes.
const HEADER: usize = 1 << 16;

/// An npy file of images.
#[derive(Debug)]
pub(crate) struct Npy {
    path: PathBuf,
    image: ImageConfig,
    axes: Axes,
    header: Header,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub shape: Vec<usize>,
    fortran: bool,
    number: Number,
    big_endian: bool,
    /// Byte at which the data begin.
    offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Float(usize),
    Signed(usize),
    Unsigned(usize),
}

impl Number {
    fn bytes(self) -> usize {
        match self {
            Self::Float(n) | Self::Signed(n) | Self::Unsigned(n) => n,
        }
    }

    /// The number in `b`, least significant byte first.
    fn decode(self, b: [u8; 8]) -> f32 {
        let [b0, b1, b2, b3, ..] = b;
        let bits = u64::from_le_bytes(b);
        match self {
            Self::Float(4) => f32::from_le_bytes([b0, b1, b2, b3]),
            Self::Float(_) => f64::from_le_bytes(b) as f32,
            Self::Unsigned(_) => bits as f32,
            Self::Signed(n) => {
                // The sign is moved to the top bit and back.
                let shift = 64 - 8 * n as u32;
                (((bits << shift) as i64) >> shift) as f32
            }
        }
    }
}

impl Npy {
    /// Opens an array and checks its shape.
    ///
    /// # Errors
    /// [`Error::Input`] if it is damaged, of another type than numbers, or of another shape.
    pub fn open(path: &Path, image: &ImageConfig) -> Result<Self> {
        let header = header(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            image: *image,
            axes: Axes::of(&header.shape, image, path, "array")?,
            header,
        })
    }

    fn number(&self, bytes: &[u8]) -> f32 {
        let mut b = [0u8; 8];
        b[..bytes.len()].copy_from_slice(bytes);
        if self.header.big_endian {
            b[..bytes.len()].reverse();
        }
        self.header.number.decode(b)
    }
}

impl ImageFile for Npy {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.axes.n
    }

    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let d = self.image.channels * self.image.height * self.image.width;
        let (n, all) = (rows.len(), self.axes.n);
        let bytes = self.header.number.bytes();
        let bad = |e: std::io::Error| damaged(&self.path, e);
        let mut file = regular::open(&self.path).map_err(bad)?;
        let mut get = |first: usize, count: usize| -> Result<Vec<f32>> {
            let mut raw = vec![0u8; count * bytes];
            let at = self.header.offset + (first * bytes) as u64;
            file.seek(SeekFrom::Start(at)).map_err(bad)?;
            file.read_exact(&mut raw).map_err(bad)?;
            Ok(raw.chunks_exact(bytes).map(|b| self.number(b)).collect())
        };
        let flat = if self.header.fortran {
            // The first axis runs fastest: the images are side by side, number by number.
            let mut flat = vec![0.0; n * d];
            let inner: Vec<usize> = match d == self.header.shape.iter().product::<usize>() {
                true => self.header.shape.clone(),
                false => self.header.shape[1..].to_vec(),
            };
            for f in 0..d {
                let c = c_index(f, &inner);
                for (i, v) in get(f * all + rows.start, n)?.into_iter().enumerate() {
                    flat[i * d + c] = v;
                }
            }
            flat
        } else {
            get(rows.start * d, n * d)?
        };
        let pixels = self.axes.rows(flat, &self.image, &self.path)?;
        Ok(RawImages::of_pixels(pixels))
    }
}

/// Position in C order of what is at `f` in Fortran order.
fn c_index(f: usize, shape: &[usize]) -> usize {
    let mut rest = f;
    let mut index = 0;
    let mut stride: usize = shape.iter().product();
    for axis in shape {
        stride /= axis;
        index += rest % axis * stride;
        rest /= axis;
    }
    index
}

/// Reads the header of `path`.
///
/// # Errors
/// [`Error::Input`] if it is none, or the file is not as long as it says.
pub(crate) fn header(path: &Path) -> Result<Header> {
    let bad = |e: std::io::Error| damaged(path, e);
    let file = regular::open(path).map_err(bad)?;
    let length = file.metadata().map_err(bad)?.len();
    let mut file = BufReader::new(file);
    let mut start = [0u8; 8];
    file.read_exact(&mut start).map_err(bad)?;
    let mut size = [0u8; 4];
    let width = if start[6] == 1 { 2 } else { 4 };
    file.read_exact(&mut size[..width]).map_err(bad)?;
    let size = u32::from_le_bytes(size) as usize;
    if size > HEADER {
        return Err(damaged(path, "a header of impossible length"));
    }
    let mut text = vec![0u8; size];
    file.read_exact(&mut text).map_err(bad)?;
    let text = String::from_utf8_lossy(&text);
    let (number, big_endian) = number(path, &text)?;
    let shape = value(&text, "shape").and_then(|v| {
        let inner = v.strip_prefix('(')?.split_once(')')?.0;
        let parts = inner.split(',').map(str::trim).filter(|p| !p.is_empty());
        parts
            .map(|p| p.parse::<usize>().ok())
            .collect::<Option<Vec<_>>>()
    });
    let shape = shape.ok_or_else(|| damaged(path, "a header without shape"))?;
    let fortran = value(&text, "fortran_order").is_some_and(|v| v.starts_with("True"));
    let offset = (8 + width + size) as u64;
    let count = shape
        .iter()
        .try_fold(number.bytes(), |n, a| n.checked_mul(*a));
    if count.is_none_or(|c| offset + c as u64 != length) {
        return Err(damaged(
            path,
            format!("{length} bytes do not hold an array of shape {shape:?}"),
        ));
    }
    Ok(Header {
        shape,
        fortran,
        number,
        big_endian,
        offset,
    })
}

/// What follows `'key':` in the header.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = text.find(&format!("'{key}'"))?;
    Some(text[at..].split_once(':')?.1.trim_start())
}

fn number(path: &Path, text: &str) -> Result<(Number, bool)> {
    let descr = value(text, "descr").unwrap_or_default();
    let descr = descr.split('\'').nth(1).unwrap_or_default();
    let (order, kind) = descr.split_at(descr.len().min(1));
    let number = match kind {
        "f4" => Number::Float(4),
        "f8" => Number::Float(8),
        "i1" => Number::Signed(1),
        "i2" => Number::Signed(2),
        "i4" => Number::Signed(4),
        "i8" => Number::Signed(8),
        "u1" | "b1" => Number::Unsigned(1),
        "u2" => Number::Unsigned(2),
        "u4" => Number::Unsigned(4),
        "u8" => Number::Unsigned(8),
        _ => {
            return Err(Error::input(
                path,
                "array",
                format!("type `{descr}`"),
                "integers, float32 or float64",
                "save it with .astype(\"float32\")",
            ));
        }
    };
    Ok((number, order == ">"))
}

fn damaged(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::input(
        path,
        "",
        problem,
        "a complete npy file",
        "write it again with numpy.save",
    )
}
