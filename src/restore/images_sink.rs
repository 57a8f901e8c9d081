//! Restored images are written.

use super::restorable::{Batch, Sink, Task};
use crate::Result;
use crate::data::{ImageBlock, flag};
use crate::prepare::{ImageSet, ImageSetHeader};
use crate::restored::{ImageTable, RestoredImagesHeader, RestoredImagesWriter};
use ndarray::{Array2, s};

/// Images that are read together to see whether any has a noise level.
const CHUNK: usize = 64;

/// Writes them; the table is in memory.
pub struct ImagesSink {
    writer: RestoredImagesWriter,
    table: ImageTable,
}

impl ImagesSink {
    pub(super) fn open(task: Task<'_, ImageSetHeader>) -> Result<Self> {
        let set = task.set.header();
        let header = RestoredImagesHeader {
            layout: set.layout.clone(),
            unit: set.unit.clone(),
            // Of the whole, so that all parts hold the same images.
            noise_known: noise_known(task.set, task.selected)?,
            made: task.made.clone(),
        };
        let rows = task.rows.len();
        let mut writer = RestoredImagesWriter::create(task.output, &header, rows)?;
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
            },
        })
    }
}

impl Sink<ImageBlock> for ImagesSink {
    fn write(&mut self, batch: &Batch<'_, ImageBlock>) -> Result<()> {
        self.writer.write(batch.restored)?;
        let table = &mut self.table;
        let rows = table.objects.len()..table.objects.len() + batch.objects.len();
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
