//! The parts of a restoration → one file, block by block. Spectra and images differ in how their tables
//! are joined, and in nothing else.

use super::catalog::{LINE_SMOOTHING, Restored, RestoredHeader};
use super::images::{ImageTable, RestoredImages, RestoredImagesHeader, RestoredImagesWriter};
use super::parts::{Merged, PartFile, check, none_given, said};
use super::restorations::Restorations;
use super::writer::{RestoredPart, RestoredWriter};
use crate::Result;
use crate::data::{Object, Provenance};
use crate::files::overwrite::check_output;
use crate::lines::NO_LINES;
use std::path::{Path, PathBuf};

/// A file that may be a part of a restoration.
trait Parted: Restorations + Sized {
    type Writer;

    /// Reads header and table.
    fn open(file: &Path) -> Result<Self>;

    /// Everything else that the parts must share, with its name in the header.
    fn shared(&self) -> Result<Vec<(&'static str, String)>>;

    /// Lays out the whole of `parts`, of `rows` rows, made by `made`.
    fn lay_out(parts: &[&Self], rows: usize, made: Provenance, out: &Path) -> Result<Self::Writer>;

    /// Writes the rows of this part, of which the first is row `first` of the whole; `written` is told
    /// how many of them are done.
    fn copy(
        &self,
        first: usize,
        to: &mut Self::Writer,
        written: &mut dyn FnMut(usize),
    ) -> Result<()>;

    fn finish(parts: &[&Self], writer: Self::Writer) -> Result<()>;
}

/// A part, and the file that holds it.
struct Part<R> {
    restored: R,
    file: PartFile,
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
    check_output(out, inputs, "give --out another name")?;
    match files.first() {
        Some(first) if RestoredImages::is_one(first) => {
            merge_of::<RestoredImages>(files, out, progress)
        }
        _ => merge_of::<Restored>(files, out, progress),
    }
}

fn merge_of<R: Parted>(
    files: &[PathBuf],
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Merged> {
    let parts = files.iter().map(|f| open::<R>(f));
    let mut parts = parts.collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|p| p.file.shard.number);
    check(&parts.iter().map(|p| &p.file).collect::<Vec<_>>())?;
    let Some(first) = parts.first() else {
        return Err(none_given());
    };
    let rows = first.file.shard.all;
    let mut history = first.restored.history()?;
    history.push(format!("merged from {} shards", parts.len()));
    let made = Provenance {
        history,
        ..first.restored.made().clone()
    };
    let all: Vec<&R> = parts.iter().map(|p| &p.restored).collect();
    let mut writer = R::lay_out(&all, rows, made, out)?;
    for Part { restored, file } in &parts {
        let first = file.shard.first;
        restored.copy(first, &mut writer, &mut |done| progress(first + done, rows))?;
    }
    R::finish(&all, writer)?;
    Ok(Merged {
        rows,
        shards: parts.len(),
    })
}

fn open<R: Parted>(file: &Path) -> Result<Part<R>> {
    let restored = R::open(file)?;
    let shard = said(file, restored.part()?)?;
    let mut shared = restored.made().shared();
    shared.extend(restored.shared()?);
    let file = PartFile::new(file, shard, restored.objects().len(), shared);
    Ok(Part { restored, file })
}

/// Whether all draws are in a part.
fn saved(draws: bool) -> String {
    if draws { "saved" } else { "not saved" }.to_owned()
}

impl Parted for Restored {
    type Writer = RestoredWriter;

    fn open(file: &Path) -> Result<Self> {
        Self::open(file)
    }

    fn shared(&self) -> Result<Vec<(&'static str, String)>> {
        let h = self.header();
        let draws = self.draws()?.is_some();
        Ok(vec![
            ("FLUXUNIT", h.flux_unit.clone()),
            ("SPECSYS", format!("{:?}", h.specsys)),
            ("WAVELENGTH", format!("{:?}", h.grid)),
            (LINE_SMOOTHING, h.line_smoothing.to_string()),
            ("DRAWS", saved(draws)),
        ])
    }

    fn lay_out(parts: &[&Self], _: usize, made: Provenance, out: &Path) -> Result<Self::Writer> {
        let header = RestoredHeader {
            made,
            ..parts[0].header().clone()
        };
        let objects: Vec<&Object> = parts.iter().flat_map(|p| p.objects()).collect();
        let draws = parts[0].draws()?.is_some();
        let mut writer = RestoredWriter::create(out, &header, objects.into_iter(), draws)?;
        // A grid fitted to the pixels could differ from them in the last digit.
        writer.loglam = parts[0].loglam()?;
        Ok(writer)
    }

    fn copy(
        &self,
        first: usize,
        to: &mut Self::Writer,
        written: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let lines = self.lines()?;
        let lines = lines.unwrap_or_else(|| vec![NO_LINES; self.objects().len()]);
        let mut draws = self.draws()?;
        self.each_block(&mut |these, block| {
            let draws = draws.as_mut().map(|d| d.of_rows(these.clone()));
            let draws = draws.transpose()?;
            let part = RestoredPart {
                objects: &self.objects()[these.clone()],
                heldout: &self.heldout()[these.clone()],
                block,
                lines: &lines[these.clone()],
                draws: draws.as_ref().map(|d| d.view()),
            };
            to.write(first + these.start, part)?;
            written(these.end);
            Ok(())
        })
    }

    fn finish(_: &[&Self], writer: Self::Writer) -> Result<()> {
        writer.finish()
    }
}

impl Parted for RestoredImages {
    type Writer = RestoredImagesWriter;

    fn open(file: &Path) -> Result<Self> {
        Self::open(file)
    }

    fn shared(&self) -> Result<Vec<(&'static str, String)>> {
        let h = self.header();
        Ok(vec![
            ("PIXUNIT, FILTER", h.bands.words().join(", ")),
            ("NOISE", format!("known: {}", h.noise_known)),
            ("IMAGES", format!("{:?}", h.layout)),
            ("DRAWS", saved(h.all_draws)),
        ])
    }

    fn lay_out(parts: &[&Self], rows: usize, made: Provenance, out: &Path) -> Result<Self::Writer> {
        let header = RestoredImagesHeader {
            made,
            ..parts[0].header().clone()
        };
        RestoredImagesWriter::create(out, &header, rows)
    }

    fn copy(&self, _: usize, to: &mut Self::Writer, written: &mut dyn FnMut(usize)) -> Result<()> {
        let mut draws = self.all_draws()?;
        self.each_block(&mut |these, block| {
            let draws = draws.as_mut().map(|d| d.of_rows(these.clone()));
            let draws = draws.transpose()?;
            to.write(block, draws.as_ref().map(|d| d.view()))?;
            written(these.end);
            Ok(())
        })
    }

    fn finish(parts: &[&Self], writer: Self::Writer) -> Result<()> {
        let tables: Vec<&ImageTable> = parts.iter().map(|p| p.table()).collect();
        let table = ImageTable::joined(&tables);
        let bad = |e| parts[0].kind().foreign(parts[0].path(), "VECTOR", e);
        writer.finish(&table.map_err(bad)?)
    }
}
