//! Keys that take a number or one word in its place, which is `None`.

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use std::fmt;

struct Number(&'static str);

impl Visitor<'_> for Number {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number or \"{}\"", self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        usize::try_from(number).map(Some).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        usize::try_from(number)
            .map(Some)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        match word == self.0 {
            true => Ok(None),
            false => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }
}

fn read<'de, D: Deserializer<'de>>(from: D, word: &'static str) -> Result<Option<usize>, D::Error> {
    from.deserialize_any(Number(word))
}

fn write<S: Serializer>(number: Option<usize>, word: &str, to: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => to.serialize_u64(number as u64),
        None => to.serialize_str(word),
    }
}

/// A key's type for `#[serde(with = …)]`, by its word.
macro_rules! word {
    ($name:ident, $word:literal) => {
        pub(super) struct $name;

        impl $name {
            pub(super) fn deserialize<'de, D>(from: D) -> Result<Option<usize>, D::Error>
            where
                D: Deserializer<'de>,
            {
                read(from, $word)
            }

            pub(super) fn serialize<S>(number: &Option<usize>, to: S) -> Result<S::Ok, S::Error>
            where
                S: Serializer,
            {
                write(*number, $word, to)
            }
        }
    };
}

word!(Auto, "auto");
word!(Workers, "workers");
