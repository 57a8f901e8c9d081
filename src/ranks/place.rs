//! Where the rows that one rank has lie in a batch.

use crate::base::random::{Purpose, Rows};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// A run of consecutive rows of a batch. Random numbers go by the row's number in the whole batch, so
/// that they do not depend on who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of its first row.
    pub first: i64,
    /// Rows of the whole batch; `None`: those at hand.
    of: Option<i64>,
}

impl Place {
    /// Every row of a batch.
    #[must_use]
    pub fn whole() -> Self {
        Self { first: 0, of: None }
    }

    /// `rows` of `of`.
    #[must_use]
    pub fn part(rows: &Range<i64>, of: i64) -> Self {
        Self {
            first: rows.start,
            of: Some(of),
        }
    }

    /// Rows of the whole batch of which `n` rows are at hand.
    #[must_use]
    pub fn of(&self, n: i64) -> i64 {
        self.of.unwrap_or(n)
    }

    /// The same where each row stands `copies` times in a row.
    #[must_use]
    pub fn repeated(self, copies: i64) -> Self {
        Self {
            first: self.first * copies,
            of: self.of.map(|n| n * copies),
        }
    }

    /// The random streams of the `n` rows at hand.
    #[must_use]
    pub fn streams(&self, seed: u64, purpose: Purpose, step: u64, n: i64, device: Device) -> Rows {
        let kind = (Kind::Int64, device);
        let numbers = Tensor::arange_start(self.first, self.first + n, kind);
        Rows::new(seed, purpose, step, &numbers)
    }

    /// How many of the `n` rows at hand are among the first `leading` of the batch.
    #[must_use]
    pub fn among_leading(&self, n: i64, leading: i64) -> i64 {
        (leading - self.first).clamp(0, n)
    }

    /// A number for what is drawn by batch instead of by row: ranks must not draw the same.
    #[must_use]
    pub fn index(&self, index: u64) -> u64 {
        index ^ ((self.first as u64) << 40)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_numbers_of_its_place_in_the_batch() {
        let streams = |place: Place, n| {
            let rows = place.streams(7, Purpose::Forward, 3, n, Device::Cpu);
            rows.normal(0, 5)
        };
        let whole = streams(Place::whole(), 10);
        let part = Place::part(&(4..7), 10);
        assert_eq!(streams(part, 3), whole.narrow(0, 4, 3));
        assert_eq!((part.of(3), Place::whole().of(10)), (10, 10));
        assert_eq!(part.repeated(2), Place::part(&(8..14), 20));
    }

    #[test]
    fn the_leading_rows_of_a_batch_are_those_of_its_parts() {
        for leading in 0..=10 {
            let parts = [(0, 4), (4, 3), (7, 3)];
            let counts = parts
                .map(|(first, n)| Place::part(&(first..first + n), 10).among_leading(n, leading));
            assert_eq!(counts.iter().sum::<i64>(), leading);
        }
    }
}
