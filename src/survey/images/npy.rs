//! npy arrays (numpy.save), C or Fortran order, read in blocks.

use super::axes::Axes;
use super::image_file::ImageFile;
use super::onto::Onto;
use super::raw::RawImages;
use crate::base::regular;
use crate::config::ImageConfig;
use crate::{Error, Result};
use npyz::{DType, Deserialize, NpyHeader, Order, TypeChar, TypeRead};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest header that is read, in bytes: a plain array has less than 200.
const HEADER: usize = 1 << 10;
/// Most brackets that a header may open: a plain array opens two. With each one that stands within
/// another the parser may take several times as long.
const BRACKETS: usize = 8;

/// An npy file of images.
#[derive(Debug)]
pub(crate) struct Npy {
    path: PathBuf,
    onto: Onto,
    axes: Axes,
    header: Header,
}

/// What the header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub shape: Vec<usize>,
    fortran: bool,
    array: Numbers,
    /// Byte at which the data begin.
    offset: u64,
}

/// The type of an array, and how so many of its numbers are made of their bytes.
#[derive(Debug)]
struct Numbers {
    dtype: DType,
    bytes: usize,
    decode: fn(&DType, &[u8], usize) -> std::io::Result<Vec<f32>>,
}

impl Numbers {
    /// `None` for anything but integers, bool, float32 and float64.
    fn of(dtype: DType) -> Option<Self> {
        let DType::Plain(kind) = &dtype else {
            return None;
        };
        let decode: fn(&DType, &[u8], usize) -> std::io::Result<Vec<f32>> =
            match (kind.type_char(), kind.size_field()) {
                (TypeChar::Float, 4) => |t, b, n| all(t, b, n, |v: f32| v),
                (TypeChar::Float, 8) => |t, b, n| all(t, b, n, |v: f64| v as f32),
                (TypeChar::Int, 1) => |t, b, n| all(t, b, n, |v: i8| f32::from(v)),
                (TypeChar::Int, 2) => |t, b, n| all(t, b, n, |v: i16| f32::from(v)),
                (TypeChar::Int, 4) => |t, b, n| all(t, b, n, |v: i32| v as f32),
                (TypeChar::Int, 8) => |t, b, n| all(t, b, n, |v: i64| v as f32),
                (TypeChar::Uint, 1) => |t, b, n| all(t, b, n, |v: u8| f32::from(v)),
                (TypeChar::Uint, 2) => |t, b, n| all(t, b, n, |v: u16| f32::from(v)),
                (TypeChar::Uint, 4) => |t, b, n| all(t, b, n, |v: u32| v as f32),
                (TypeChar::Uint, 8) => |t, b, n| all(t, b, n, |v: u64| v as f32),
                (TypeChar::Bool, 1) => |t, b, n| all(t, b, n, |v: bool| f32::from(u8::from(v))),
                _ => return None,
            };
        Some(Self {
            bytes: kind.num_bytes()?,
            dtype,
            decode,
        })
    }
}

/// `count` numbers of the type `dtype` out of `bytes`.
fn all<T: Deserialize>(
    dtype: &DType,
    mut bytes: &[u8],
    count: usize,
    number: impl Fn(T) -> f32,
) -> std::io::Result<Vec<f32>> {
    let reader = T::reader(dtype).map_err(std::io::Error::other)?;
    (0..count)
        .map(|_| reader.read_one(&mut bytes).map(&number))
        .collect()
}

impl Npy {
    /// Opens an array and checks its shape.
    ///
    /// # Errors
    /// [`Error::Input`] if it is damaged, of another type than numbers, or of another shape.
    pub fn open(path: &Path, image: &ImageConfig, coarse: usize) -> Result<Self> {
        let header = header(path)?;
        let (axes, onto) = Onto::of(&header.shape, image, coarse, path, "array")?;
        Ok(Self {
            path: path.to_path_buf(),
            onto,
            axes,
            header,
        })
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
        let file = &self.onto.file;
        let d = file.channels * file.height * file.width;
        let (n, all) = (rows.len(), self.axes.n);
        let Header { array, offset, .. } = &self.header;
        let bad = |e: std::io::Error| damaged(&self.path, e);
        let mut open = regular::open(&self.path).map_err(bad)?;
        let mut get = |first: usize, count: usize| -> Result<Vec<f32>> {
            let mut raw = vec![0u8; count * array.bytes];
            let at = offset + (first * array.bytes) as u64;
            open.seek(SeekFrom::Start(at)).map_err(bad)?;
            open.read_exact(&mut raw).map_err(bad)?;
            (array.decode)(&array.dtype, &raw, count).map_err(bad)
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
        let pixels = self.axes.rows(flat, file, &self.path)?;
        let mut raw = RawImages::of_pixels(self.onto.rows(pixels));
        raw.notes = self.onto.note().into_iter().map(|note| (note, n)).collect();
        Ok(raw)
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
    // What the header claims and how it is built, before memory and time are taken for it.
    let mut start = [0u8; 12];
    file.read_exact(&mut start).map_err(bad)?;
    let [.., a, b, c, d] = start;
    let claimed = match start[6] {
        1 => u32::from(u16::from_le_bytes([a, b])),
        _ => u32::from_le_bytes([a, b, c, d]),
    };
    if claimed as usize > HEADER {
        return Err(damaged(path, "a header of impossible length"));
    }
    let mut text = Vec::new();
    let mut rest = file.by_ref().take(u64::from(claimed));
    rest.read_to_end(&mut text).map_err(bad)?;
    let no_array = || damaged(path, "a header that is cut or is none of an array");
    if text.iter().filter(|b| b"([{".contains(b)).count() > BRACKETS {
        return Err(no_array());
    }
    file.rewind().map_err(bad)?;
    let found = NpyHeader::from_reader(&mut file).map_err(|_| no_array())?;
    let offset = file.stream_position().map_err(bad)?;
    let descr = found.dtype().descr();
    let array = Numbers::of(found.dtype()).ok_or_else(|| {
        Error::input(
            path,
            "array",
            format!("type `{}`", descr.trim_matches('\'')),
            "integers, float32 or float64",
            "save it with .astype(\"float32\")",
        )
    })?;
    let bytes = |n: u64, axis: &u64| n.checked_mul(*axis);
    let bytes = found.shape().iter().try_fold(array.bytes as u64, bytes);
    if bytes.and_then(|b| b.checked_add(offset)) != Some(length) {
        let shape = found.shape();
        return Err(damaged(
            path,
            format!("{length} bytes do not hold an array of shape {shape:?}"),
        ));
    }
    let axes = found.shape().iter().map(|a| usize::try_from(*a));
    Ok(Header {
        shape: axes
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| damaged(path, e))?,
        fortran: found.order() == Order::Fortran,
        array,
        offset,
    })
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
