//! The walk over a survey, chunk by chunk: one is read while the one before it is computed and the one
//! before that is written.

use super::rejected::RejectedList;
use super::report::{Details, Report};
use super::set::{SetHeader, SetWriter};
use crate::base::ahead::ahead;
use crate::data::{Object, RowBlock, flag};
use crate::{Error, Result};
use std::ops::Range;
use std::thread;

/// Rows of a chunk, at most.
const ROWS: usize = 256;
/// Bytes of the pixels of a chunk, about; of large images it holds fewer.
const MEMORY: usize = 64 << 20;
/// Chunks that wait between reading and computing, and between computing and writing.
const AHEAD: usize = 1;

/// The chunks of `rows` rows of `pixels` pixels: whole chunks of the file, but for the last.
pub(super) fn ranges<H: SetHeader>(
    rows: usize,
    pixels: usize,
) -> impl Iterator<Item = Range<usize>> + Send {
    let fit = MEMORY / (size_of::<f32>() * pixels).max(1);
    let size = (fit / H::CHUNK_ROWS * H::CHUNK_ROWS).clamp(H::CHUNK_ROWS, ROWS);
    let starts = (0..rows).step_by(size);
    starts.map(move |start| start..(start + size).min(rows))
}

/// Rows that are ready to be written.
pub(super) struct Chunk<D: Details> {
    pub objects: Vec<Object>,
    pub block: D::Block,
    pub found: D::Found,
}

/// Writes the set that `report` names, with the list of rejected rows beside it, chunk by
/// chunk, as `read` finds and `work` prepares them. `progress` receives the rows done; `unusable` says what is wrong
/// where no row can be used.
///
/// # Errors
/// Those of `read`, the error of `unusable`, [`Error::Output`] if the set cannot be written. Nothing is left
/// behind then.
pub(super) fn write<H, D, R>(
    header: &H,
    mut report: Report<D>,
    read: impl Fn(Range<usize>) -> Result<R> + Send + Sync,
    work: impl Fn(Range<usize>, R) -> Chunk<D> + Send + Sync,
    unusable: impl FnOnce(&Report<D>) -> Error,
    progress: &mut dyn FnMut(usize),
) -> Result<Report<D>>
where
    H: SetHeader<Block = D::Block>,
    D: Details,
    R: Send,
{
    let n = report.rows;
    let pixels = header.masked(0).parts()[0].ncols();
    let mut writer = SetWriter::create(&report.prepared, header, n)?;
    let mut list = RejectedList::create(&report.rejected_list)?;
    progress(0);
    thread::scope(|scope| {
        let ranges = || ranges::<H>(n, pixels);
        let read = ahead(scope, AHEAD, ranges().map(read));
        let work = |(range, raw): (_, Result<R>)| raw.map(|raw| work(range, raw));
        let chunks = ahead(scope, AHEAD, ranges().zip(read).map(work));
        for (range, chunk) in ranges().zip(chunks) {
            let chunk = chunk?;
            report.count(&chunk.objects, &chunk.block, &chunk.found);
            for (row, object) in range.clone().zip(&chunk.objects) {
                if object.flag != flag::GOOD {
                    list.add(row, object)?;
                }
            }
            writer.write(&chunk.objects, &chunk.block)?;
            progress(range.end);
        }
        Ok::<(), Error>(())
    })?;
    if report.used == 0 {
        return Err(unusable(&report));
    }
    writer.beside(|file| report.details.close(file))?;
    writer.finish()?;
    list.finish()?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::super::set::{ImageSetHeader, SpectraHeader};
    use super::ranges;

    #[test]
    fn chunks_are_bounded_in_rows_and_in_memory() {
        let spectra: Vec<_> = ranges::<SpectraHeader>(600, 1024).collect();
        assert_eq!(spectra, [0..256, 256..512, 512..600]);
        let digits: Vec<_> = ranges::<ImageSetHeader>(300, 28 * 28).collect();
        assert_eq!(digits, [0..256, 256..300]);
        let large: Vec<_> = ranges::<ImageSetHeader>(200, 3 * 400 * 400).collect();
        assert_eq!(large, [0..64, 64..128, 128..192, 192..200]);
        assert_eq!(ranges::<ImageSetHeader>(0, 784).count(), 0);
    }
}
