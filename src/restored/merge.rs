//! The parts of a restoration → one restored catalog, block by block.

use super::catalog::{Restored, RestoredBlock, RestoredHeader, foreign, numbers, seek};
use super::parts::{Merged, Place, check, none_given, said};
use super::writer::{RestoredPart, RestoredWriter};
use crate::Result;
use crate::base::atomic::not_an_input;
use crate::data::provenance::quantile_name;
use crate::data::{Object, Provenance};
use crate::files::fits::read::Fits;
use crate::lines::NO_LINES;
use crate::restored::images::merge::{holds_images, merge_images};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// Rows that are copied together.
const BLOCK: usize = 64;

/// A file and its place in the whole.
struct Part {
    restored: Restored,
    place: Place,
}

/// Writes the restored catalog, or the restored images, whose parts are `files`, in any order: what
/// the restoration would have written in one go, except for its HISTORY. Memory does not grow with it,
/// except for its table.
///
/// # Errors
/// [`Error::Input`] if a file is not a part, parts are of different restorations, or a row is
/// missing or given twice; [`Error::Output`] if `out` is an input or cannot be written. Then there is
/// no output.
///
/// [`Error::Input`]: crate::Error::Input
/// [`Error::Output`]: crate::Error::Output
pub fn merge(
    files: &[PathBuf],
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Merged> {
    let inputs = files.iter().map(PathBuf::as_path);
    not_an_input(out, inputs, "give --out another name")?;
    if files.first().is_some_and(|f| holds_images(f)) {
        return merge_images(files, out, progress);
    }
    let mut parts = files.iter().map(|f| open(f)).collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|p| p.place.shard.number);
    check(&parts.iter().map(|p| &p.place).collect::<Vec<_>>())?;
    write(&parts, out, progress)
}

fn open(file: &Path) -> Result<Part> {
    let restored = Restored::open(file)?;
    let shard = said(file, restored.shard()?)?;
    let shared = shared(&restored)?;
    let place = Place::new(file, shard, restored.objects().len(), shared);
    Ok(Part { restored, place })
}

/// Everything that the parts must share, with its name in the header.
fn shared(restored: &Restored) -> Result<Vec<(&'static str, String)>> {
    let h = restored.header();
    let draws = restored.draws()?.is_some();
    let mut shared = h.made.shared();
    shared.extend([
        ("FLUXUNIT", h.flux_unit.clone()),
        ("SPECSYS", format!("{:?}", h.specsys)),
        ("WAVELENGTH", format!("{:?}", h.grid)),
        ("DRAWS", if draws { "saved" } else { "not saved" }.into()),
    ]);
    Ok(shared)
}

fn write(parts: &[Part], out: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<Merged> {
    let Some(first) = parts.first() else {
        return Err(none_given());
    };
    let rows = first.place.shard.all;
    let header = RestoredHeader {
        made: Provenance {
            history: history(first, parts.len())?,
            ..first.restored.header().made.clone()
        },
        ..first.restored.header().clone()
    };
    let objects: Vec<&Object> = parts.iter().flat_map(|p| p.restored.objects()).collect();
    let draws = first.restored.draws()?.is_some();
    let mut writer = RestoredWriter::create(out, &header, objects.into_iter(), draws)?;
    // A grid fitted to the pixels could differ from them in the last digit.
    writer.loglam = loglam(&first.restored)?;
    for p in parts {
        copy(p, &mut writer, progress)?;
    }
    writer.finish()?;
    Ok(Merged {
        rows,
        shards: parts.len(),
    })
}

/// What the first part says, and that parts were merged.
fn history(first: &Part, shards: usize) -> Result<Vec<String>> {
    let mut fits = Fits::open(first.restored.path())?;
    fits.seek(0)?;
    let mut lines = fits.history()?;
    lines.push(format!("merged from {shards} shards"));
    Ok(lines)
}

fn loglam(restored: &Restored) -> Result<Vec<f64>> {
    let mut fits = Fits::open(restored.path())?;
    seek(&mut fits, restored.path(), "WAVELENGTH")?;
    let pixels = restored.header().grid.pixels;
    numbers(&mut fits, restored.path(), "LOGLAM", pixels)
}

/// Copies the rows of one part.
fn copy(
    part: &Part,
    writer: &mut RestoredWriter,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<()> {
    let (restored, shard) = (&part.restored, &part.place.shard);
    let rows = restored.objects().len();
    if rows == 0 {
        return Ok(());
    }
    let lines = restored.lines()?;
    let lines = lines.unwrap_or_else(|| vec![NO_LINES; rows]);
    let mut images = Images::open(restored)?;
    let mut draws = restored.draws()?;
    for from in (0..rows).step_by(BLOCK) {
        let n = BLOCK.min(rows - from);
        let these = from..from + n;
        let draws = draws.as_mut().map(|d| d.of_rows(these.clone()));
        let draws = draws.transpose()?;
        let part = RestoredPart {
            objects: &restored.objects()[these.clone()],
            heldout: &restored.heldout()[these.clone()],
            block: &images.block(from, n)?,
            lines: &lines[these],
            draws: draws.as_ref().map(|d| d.view()),
        };
        writer.write(shard.first + from, part)?;
        progress(shard.first + from + n, shard.all);
    }
    Ok(())
}

/// The images [N, D] of one part, open for reading.
struct Images<'a> {
    fits: Fits,
    restored: &'a Restored,
}

impl<'a> Images<'a> {
    fn open(restored: &'a Restored) -> Result<Self> {
        Ok(Self {
            fits: Fits::open(restored.path())?,
            restored,
        })
    }

    fn block(&mut self, from: usize, n: usize) -> Result<RestoredBlock> {
        let header = self.restored.header();
        let random = header.made.method.is_random();
        let mut rows = |name: &str| self.rows(name, from, n);
        Ok(RestoredBlock {
            restored: rows("RESTORED")?,
            sigma: random.then(|| rows("SIGMA")).transpose()?,
            draw: random.then(|| rows("DRAW")).transpose()?,
            quantiles: header
                .made
                .quantiles
                .iter()
                .map(|q| rows(&quantile_name(*q)))
                .collect::<Result<_>>()?,
            observed: rows("OBSERVED")?,
            ivar: rows("IVAR")?,
        })
    }

    fn rows(&mut self, name: &str, from: usize, n: usize) -> Result<Array2<f32>> {
        let path = self.restored.path();
        let pixels = self.restored.header().grid.pixels;
        seek(&mut self.fits, path, name)?;
        let data = self.fits.section(from * pixels, n * pixels)?;
        Array2::from_shape_vec((n, pixels), data).map_err(|e| foreign(path, name, &e.to_string()))
    }
}
