//! What our HDF5 files are made of: attributes, columns of texts, and numbers with checksums.

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type, Location};

/// Bytes of a chunk, at most, unless a row alone is longer: rows are also read one by one, and a chunk is
/// read as a whole.
const CHUNK: usize = 1 << 18;
/// Rows of a chunk, at most: of a column written block by block through handles that are closed in
/// between, a chunk is read and written again for each block in it.
const ROWS: usize = 1024;

/// Text without interior NUL, which HDF5 cannot hold.
pub(crate) fn text(s: &str) -> VarLenUnicode {
    s.replace('\0', " ").parse().unwrap_or_default()
}

/// Writes an attribute.
///
/// # Errors
/// HDF5's.
pub(crate) fn attribute<T: H5Type>(at: &Location, name: &str, value: &T) -> hdf5::Result<()> {
    at.new_attr::<T>().create(name)?.write_scalar(value)
}

/// A dataset of numbers of the given axes, rows first, with checksums (Fletcher-32) that every reader
/// compares.
///
/// # Errors
/// HDF5's.
pub(crate) fn numbers<T: H5Type>(file: &File, name: &str, axes: &[usize]) -> hdf5::Result<Dataset> {
    let builder = file.new_dataset::<T>().chunk(chunk::<T>(axes));
    builder.fletcher32().shape(axes).create(name)
}

/// As [`numbers`] of axes [K, rows, ..]: rows of one of the K are read without those of the others.
///
/// # Errors
/// HDF5's.
pub(crate) fn planes(file: &File, name: &str, axes: &[usize]) -> hdf5::Result<Dataset> {
    let mut chunks = vec![1];
    chunks.extend(chunk::<f32>(&axes[1..]));
    let builder = file.new_dataset::<f32>().chunk(chunks);
    builder.fletcher32().shape(axes).create(name)
}

/// Writes a column of numbers under its name in lower case.
///
/// # Errors
/// HDF5's.
pub(crate) fn column<T: H5Type>(file: &File, name: &str, values: &[T]) -> hdf5::Result<Dataset> {
    let data = numbers::<T>(file, &name.to_lowercase(), &[values.len()])?;
    data.write_raw(values)?;
    Ok(data)
}

/// Writes a column of texts under its name in lower case.
///
/// # Errors
/// HDF5's.
pub(crate) fn texts<'a>(
    file: &File,
    name: &str,
    values: impl IntoIterator<Item = &'a str>,
) -> hdf5::Result<()> {
    let values: Vec<VarLenUnicode> = values.into_iter().map(text).collect();
    file.new_dataset::<VarLenUnicode>()
        .shape(values.len())
        .create(name.to_lowercase().as_str())?
        .write_raw(&values)
}

/// Whole rows, a power of two of them: blocks of as many, or of a multiple, fill their chunks.
fn chunk<T>(axes: &[usize]) -> Vec<usize> {
    let mut chunk: Vec<usize> = axes.iter().map(|n| (*n).max(1)).collect();
    if let Some((rows, row)) = chunk.split_first_mut() {
        let bytes = row.iter().product::<usize>() * size_of::<T>();
        let most = (CHUNK / bytes).clamp(1, ROWS);
        *rows = (*rows).min(1 << most.ilog2());
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::chunk;

    #[test]
    fn chunks_are_whole_rows_of_no_more_than_a_quarter_of_a_mebibyte() {
        assert_eq!(chunk::<f64>(&[1_000_000]), [1024]);
        assert_eq!(chunk::<f32>(&[1_000_000, 336]), [128, 336]);
        assert_eq!(chunk::<f32>(&[50, 1024]), [50, 1024]);
        assert_eq!(chunk::<f32>(&[9, 3, 512, 512]), [1, 3, 512, 512]);
        assert_eq!(chunk::<f32>(&[0, 7]), [1, 7]);
    }
}
