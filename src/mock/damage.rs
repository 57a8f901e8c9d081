//! Files damaged on purpose, each in another way, so that every error path of a reader is walked.

use super::instrument::Observed;

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The catalog names a file that is not there.
    Missing,
    /// Cut short, as by a broken transfer.
    Truncated,
    /// Of length zero.
    Empty,
    /// Without the ivar column.
    NoColumn,
    /// Every flux is NaN.
    NotFinite,
    /// Every ivar is 0.
    NoInformation,
    /// At wavelengths far from the others'.
    WrongRange,
}

/// In the order in which they are dealt out.
pub const DAMAGES: [Damage; 7] = [
    Damage::Missing,
    Damage::Truncated,
    Damage::NoColumn,
    Damage::NotFinite,
    Damage::NoInformation,
    Damage::Empty,
    Damage::WrongRange,
];

/// Native pixels by which a spectrum of the wrong range is shifted: a factor 2.5 in wavelength.
const SHIFT: i64 = 4000;

/// How object `i` of `n` is damaged when `broken` are: spread evenly over the survey.
#[must_use]
pub fn damage(i: usize, n: usize, broken: usize) -> Option<Damage> {
    (0..broken)
        .find(|b| (2 * b + 1) * n / (2 * broken) == i)
        .map(|b| DAMAGES[b % DAMAGES.len()])
}

impl Damage {
    /// Damages the spectrum's values, where that is the way.
    pub fn spoil(self, o: &mut Observed) {
        match self {
            Self::NotFinite => o.flux.fill(f32::NAN),
            Self::NoInformation => o.ivar.fill(0.0),
            Self::WrongRange => o.first += SHIFT,
            Self::Missing | Self::Truncated | Self::Empty | Self::NoColumn => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_as_many_are_damaged_as_asked_and_each_in_another_way() {
        let hit: Vec<Damage> = (0..100).filter_map(|i| damage(i, 100, 7)).collect();
        assert_eq!(hit, DAMAGES);
        assert_eq!((0..5).filter_map(|i| damage(i, 5, 5)).count(), 5);
        assert_eq!((0..5).filter_map(|i| damage(i, 5, 0)).count(), 0);
    }
}
