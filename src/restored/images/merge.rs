//! The parts of a restoration of images → one file, block by block.

use super::header::CONTENT;
use super::header::RestoredImagesHeader;
use super::table::ImageTable;
use super::{KIND, RestoredImages, RestoredImagesWriter};
use crate::Result;
use crate::data::Provenance;
use crate::data::provenance::quantile_name;
use crate::files::stack;
use crate::files::start::{Start, start};
use crate::restored::catalog::RestoredBlock;
use crate::restored::parts::{Merged, Place, check, none_given, said};
use crate::restored::shard::Shard;
use ndarray::{Array2, Axis, concatenate};
use std::path::{Path, PathBuf};

/// Rows that are copied together.
const BLOCK: usize = 64;

/// A file and its place in the whole.
struct Part {
    restored: RestoredImages,
    place: Place,
}

/// Whether `path` is to be read as restored images rather than spectra: only they are written as HDF5.
pub(crate) fn holds_images(path: &Path) -> bool {
    start(path).is_ok_and(|s| s == Start::Hdf5) || says_images(path)
}

/// Whether `path` says that it holds restored images.
pub(crate) fn says_images(path: &Path) -> bool {
    let content = stack::open(path, KIND)
        .ok()
        .and_then(|mut f| f.key("CONTENT"));
    content.as_deref() == Some(CONTENT)
}

/// As [`crate::restored::merge()`], for images; the extension of `out` chooses the format.
pub(crate) fn merge_images(
    files: &[PathBuf],
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Merged> {
    let mut parts = files.iter().map(|f| open(f)).collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|p| p.place.shard.number);
    check(&parts.iter().map(|p| &p.place).collect::<Vec<_>>())?;
    let Some(first) = parts.first() else {
        return Err(none_given());
    };
    let rows = first.place.shard.all;
    let header = header(first, parts.len())?;
    let mut writer = RestoredImagesWriter::create(out, &header, rows)?;
    for Part { restored, place } in &parts {
        for from in (0..place.rows).step_by(BLOCK) {
            let n = BLOCK.min(place.rows - from);
            writer.write(&block(restored, from, n)?)?;
            progress(place.shard.first + from + n, rows);
        }
    }
    let tables: Vec<&ImageTable> = parts.iter().map(|p| p.restored.table()).collect();
    writer.finish(&joined(&tables, first)?)?;
    Ok(Merged {
        rows,
        shards: parts.len(),
    })
}

fn open(file: &Path) -> Result<Part> {
    let restored = RestoredImages::open(file)?;
    let shard = said(file, restored.shard()?)?;
    let h = restored.header();
    let mut shared = h.made.shared();
    shared.extend([
        ("PIXUNIT", h.unit.clone()),
        ("NOISE", format!("known: {}", h.noise_known)),
        ("IMAGES", format!("{:?}", h.layout)),
    ]);
    let place = Place::new(file, shard, restored.objects().len(), shared);
    Ok(Part { restored, place })
}

/// The header of the first part, which also says that parts were merged.
fn header(first: &Part, shards: usize) -> Result<RestoredImagesHeader> {
    let header = first.restored.header();
    let mut history = first.restored.history()?;
    history.push(format!("merged from {shards} shards"));
    Ok(RestoredImagesHeader {
        made: Provenance {
            history,
            ..header.made.clone()
        },
        ..header.clone()
    })
}

/// The images of rows `from..from + n`.
fn block(restored: &RestoredImages, from: usize, n: usize) -> Result<RestoredBlock> {
    let header = restored.header();
    let rows = |name: &str| restored.read(name, from..from + n);
    let made = &header.made;
    let quantiles = made.quantiles.iter().map(|q| rows(&quantile_name(*q)));
    Ok(RestoredBlock {
        restored: rows("RESTORED")?,
        sigma: made.uncertain().then(|| rows("SIGMA")).transpose()?,
        draw: made.method.is_random().then(|| rows("DRAW")).transpose()?,
        quantiles: quantiles.collect::<Result<_>>()?,
        observed: rows("OBSERVED")?,
        // Not written where the noise is unknown.
        ivar: if header.noise_known {
            rows("IVAR")?
        } else {
            Array2::zeros((n, header.layout.pixels()))
        },
    })
}

/// The tables, one below the other.
fn joined(tables: &[&ImageTable], first: &Part) -> Result<ImageTable> {
    let vectors: Vec<_> = tables.iter().map(|t| t.vector.view()).collect();
    let vector = concatenate(Axis(0), &vectors);
    let vector = vector.map_err(|e| KIND.foreign(&first.place.path, "VECTOR", e))?;
    Ok(ImageTable {
        objects: tables.iter().flat_map(|t| t.objects.clone()).collect(),
        labels: tables.iter().flat_map(|t| t.labels.clone()).collect(),
        heldout: tables.iter().flat_map(|t| t.heldout.clone()).collect(),
        vector,
    })
}

impl RestoredImages {
    /// Which part of a restoration it is; `None` for a whole one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file cannot be read.
    pub fn shard(&self) -> Result<Option<Shard>> {
        let mut file = stack::open(self.path(), KIND)?;
        Ok(Shard::read(&mut |key| file.key(key)))
    }

    /// What was done, line by line.
    fn history(&self) -> Result<Vec<String>> {
        stack::open(self.path(), KIND)?.history()
    }
}
