//! Checkpoints put together otherwise than selfsi does it, with a checksum that fits.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use std::collections::HashMap;

/// Names, shapes and bytes of tensors of single precision.
pub type Parts = Vec<(String, Vec<usize>, Vec<u8>)>;

/// The key under which a header holds the checksum of everything else.
const SUM: &str = "crc32c";

/// A file of this header, filed under `key`, and these tensors.
pub fn sealed(key: &str, mut header: Value, parts: &Parts) -> Option<Vec<u8>> {
    let mut sorted: Vec<(&str, &[u8])> =
        parts.iter().map(|(n, _, b)| (n.as_str(), &b[..])).collect();
    sorted.sort_unstable();
    let begin = crc32c::crc32c(header.to_string().as_bytes());
    let sum = sorted.iter().fold(begin, |sum, (name, data)| {
        crc32c::crc32c_append(crc32c::crc32c_append(sum, name.as_bytes()), data)
    });
    header.as_object_mut()?.insert(SUM.to_owned(), sum.into());
    let views: Option<Vec<_>> = parts
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).ok()?;
            Some((name.as_str(), view))
        })
        .collect();
    let metadata = HashMap::from([(key.to_owned(), header.to_string())]);
    safetensors::serialize(views?, Some(metadata)).ok()
}

/// Key, header and tensors of a file.
pub fn unsealed(bytes: &[u8]) -> Option<(String, Value, Parts)> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    let (key, text) = metadata.metadata().as_ref()?.iter().next()?;
    let mut header: Value = serde_json::from_str(text).ok()?;
    header.as_object_mut()?.remove(SUM);
    let file = SafeTensors::deserialize(bytes).ok()?;
    let parts = file.tensors().into_iter();
    let parts = parts.map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()));
    Some((key.clone(), header, parts.collect()))
}
