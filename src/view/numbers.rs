//! Pixel values on a page: float32, little-endian, in base64. Every bit of a value survives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::ArrayView1;
use serde::{Serialize, Serializer};

/// The values of one array of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers(String);

impl Numbers {
    /// `None` where there is no value, only NaN.
    pub fn of(values: ArrayView1<'_, f32>) -> Option<Self> {
        if values.iter().all(|v| v.is_nan()) {
            return None;
        }
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Some(Self(STANDARD.encode(bytes)))
    }

    /// Bytes of a page that `pixels` values take.
    pub fn size(pixels: usize) -> usize {
        (4 * pixels).div_ceil(3) * 4
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ndarray::array;

    #[test]
    fn every_bit_of_a_value_survives() {
        let values = array![1.5f32, -0.0, f32::NAN, f32::INFINITY, 1e-42, f32::MAX, 0.1];
        let Numbers(text) = Numbers::of(values.view()).unwrap();
        assert_eq!(text.len(), Numbers::size(values.len()));
        let bytes = STANDARD.decode(text).unwrap();
        let back = bytes
            .chunks(4)
            .map(|b| u32::from_le_bytes(b.try_into().unwrap()));
        assert!(back.eq(values.iter().map(|v| v.to_bits())));
    }

    #[test]
    fn an_array_without_a_value_is_none() {
        assert_eq!(Numbers::of(array![f32::NAN, f32::NAN].view()), None);
        assert!(Numbers::of(array![f32::NAN, 0.0].view()).is_some());
    }
}
