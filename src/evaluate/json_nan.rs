//! JSON has no NaN: what could not be measured is written as null and read back as NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Of a field that is absent.
pub fn nan() -> f64 {
    f64::NAN
}

/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(s)
}

/// # Errors
/// The deserializer's.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or(f64::NAN))
}
