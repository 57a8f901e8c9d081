//! Rows chosen here and there of a file that is compressed in chunks of rows.

use std::ops::Range;

/// `rows` in the runs that lie in one chunk of `chunk` rows: the range to read of the file, and where in
/// it each row of the run is. Nothing is read of chunks that hold none, and rows that ascend need each
/// chunk once.
pub(crate) fn by_chunk(
    rows: &[usize],
    chunk: usize,
) -> impl Iterator<Item = (Range<usize>, Vec<usize>)> {
    let runs = rows.chunk_by(move |a, b| a / chunk == b / chunk);
    runs.map(|run| {
        let (first, last) = run.iter().fold((usize::MAX, 0), |(first, last), row| {
            (first.min(*row), last.max(*row))
        });
        (first..last + 1, run.iter().map(|row| row - first).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::by_chunk;

    #[test]
    fn every_row_is_found_in_the_order_asked_for_and_no_more_is_read_than_its_chunk() {
        let found: Vec<_> = by_chunk(&[3, 7, 5, 12, 19, 1], 10).collect();
        let expected = [(3..8, vec![0, 4, 2]), (12..20, vec![0, 7]), (1..2, vec![0])];
        assert_eq!(found, expected);
        assert_eq!(by_chunk(&[], 10).count(), 0);
    }
}
