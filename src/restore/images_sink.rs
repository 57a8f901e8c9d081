//! Restored images are written.

use super::restorable::{Batch, Sink, Task, check_draws};
use crate::Result;
use crate::base::tensors::matrix;
use crate::data::{ImageBlock, ImageLayout, flag};
use crate::prepare::{ImageSet, ImageSetHeader};
use crate::restored::{ImageTable, RestoredImagesHeader, RestoredImagesWriter};
use crate::shapes::{ShapeTable, over_draws};
use ndarray::{Array2, Axis, s};
use rayon::prelude::*;
use std::path::PathBuf;

/// What is written of images.
#[derive(Debug, Clone)]
pub struct ImagesOutput {
    /// FITS or HDF5, by its extension.
    pub file: PathBuf,
    /// Whether it holds all the draws.
    pub draws: bool,
}

/// Images that are read together to see whether any has a noise level.
const CHUNK: usize = 64;

/// Writes them; the table is in memory.
pub struct ImagesSink {
    writer: RestoredImagesWriter,
    table: ImageTable,
    layout: ImageLayout,
    /// Whether all of them are written.
    draws: bool,
}

impl ImagesSink {
    pub(super) fn open(task: Task<'_, ImageSetHeader>) -> Result<Self> {
        let set = task.set.header();
        let header = RestoredImagesHeader {
            layout: set.layout.clone(),
            bands: set.bands.clone(),
            // Of the whole, so that all parts hold the same images.
            noise_known: noise_known(task.set, task.selected)?,
            shapes: task.shapes,
            all_draws: task.output.draws,
            made: task.made.clone(),
        };
        if header.all_draws {
            check_draws(&header.made)?;
        }
        let rows = task.rows.len();
        let mut writer = RestoredImagesWriter::create(&task.output.file, &header, rows)?;
        if let Some(shard) = task.shard {
            writer = writer.as_shard(shard)?;
        }
        Ok(Self {
            writer,
            table: ImageTable {
                objects: Vec::with_capacity(rows),
                labels: Vec::with_capacity(rows),
                heldout: Vec::with_capacity(rows),
                vector: Array2::zeros((rows, set.layout.vector)),
                shapes: (task.shapes).then(|| ShapeTable::unknown(rows, set.layout.channels)),
            },
            layout: set.layout.clone(),
            draws: header.all_draws,
        })
    }
}

impl Sink<ImageBlock> for ImagesSink {
    fn write(&mut self, batch: &Batch<'_, ImageBlock>) -> Result<()> {
        let draws = (self.draws).then(|| batch.all_draws()).transpose()?;
        let draws = draws.as_ref().map(|d| d.view());
        self.writer.write(batch.restored, draws)?;
        let table = &mut self.table;
        let rows = table.objects.len()..table.objects.len() + batch.objects.len();
        if let Some(shapes) = &mut table.shapes {
            measure(shapes, rows.start, batch, &self.layout)?;
        }
        let mut vector = table.vector.slice_mut(s![rows, ..]);
        vector.assign(&batch.block.vector);
        table.labels.extend(batch.objects.iter().map(|o| o.label));
        table.objects.extend_from_slice(batch.objects);
        table.heldout.extend_from_slice(batch.heldout);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.writer.finish(&self.table)
    }
}

/// Measures the shapes of the usable rows of a batch, which are the table's from `first` on.
fn measure(
    shapes: &mut ShapeTable,
    first: usize,
    batch: &Batch<'_, ImageBlock>,
    layout: &ImageLayout,
) -> Result<()> {
    let plane = [layout.height, layout.width];
    let (n, c) = (batch.objects.len(), layout.channels);
    // [draws · n · C, H · W].
    let flat = batch.draws.view([-1, (plane[0] * plane[1]) as i64]);
    let all = matrix(&flat)?;
    let draws = all.nrows() / (n * c).max(1);
    let usable = (0..n * c).filter(|k| batch.objects[k / c].flag == flag::GOOD);
    let found: Vec<_> = usable
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|k| {
            let rows: Vec<usize> = (0..draws).map(|d| d * n * c + k).collect();
            (k, over_draws(all.select(Axis(0), &rows).view(), plane))
        })
        .collect();
    for (k, measured) in found {
        shapes.set([first + k / c, k % c], &measured);
    }
    Ok(())
}

/// Whether the noise level of any pixel of the usable ones of `rows` is known.
fn noise_known(set: &ImageSet, rows: &[usize]) -> Result<bool> {
    let usable = |i: &usize| set.objects()[*i].flag == flag::GOOD;
    let rows: Vec<usize> = rows.iter().copied().filter(usable).collect();
    for part in rows.chunks(CHUNK) {
        let ivar = set.read_rows(part)?.ivar;
        if ivar.iter().any(|v| *v > 0.0 && v.is_finite()) {
            return Ok(true);
        }
    }
    Ok(false)
}
