//! Where something is in a spectrum or an image.

use crate::data::Object;

/// Tells where pixel i of an object is.
pub type Places<'a> = Box<dyn Fn(&Object, usize) -> Place + 'a>;

/// Where a pixel is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Å, vacuum, observed frame.
    Wavelength(f64),
    /// Column, row and channel, from 1, as FITS counts.
    Pixel {
        /// Column.
        x: usize,
        /// Row.
        y: usize,
        /// Channel.
        channel: usize,
    },
    /// There is no such pixel.
    Nowhere,
}

impl Place {
    /// Å; NaN unless it is a wavelength.
    #[must_use]
    pub fn wavelength(&self) -> f64 {
        match self {
            Self::Wavelength(w) => *w,
            _ => f64::NAN,
        }
    }

    /// Column, row and channel, from 1; NaN unless it is a pixel of an image.
    #[must_use]
    pub fn pixel(&self) -> [f64; 3] {
        match self {
            Self::Pixel { x, y, channel } => [*x as f64, *y as f64, *channel as f64],
            _ => [f64::NAN; 3],
        }
    }
}

/// The corners of what `places`, which ascend, cover: the first and the last wavelength, or the lowest and the
/// highest column and row.
pub fn extent(places: impl Iterator<Item = Place>) -> [Place; 2] {
    let join = |[low, high]: [Place; 2], next: Place| match (low, high, next) {
        (
            Place::Pixel { x, y, channel },
            Place::Pixel { x: x1, y: y1, .. },
            Place::Pixel { x: u, y: v, .. },
        ) => [
            Place::Pixel {
                x: x.min(u),
                y: y.min(v),
                channel,
            },
            Place::Pixel {
                x: x1.max(u),
                y: y1.max(v),
                channel,
            },
        ],
        (Place::Nowhere, ..) => [next; 2],
        _ => [low, next],
    };
    places.fold([Place::Nowhere; 2], join)
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wavelength(w) => write!(f, "{w:.0} A"),
            Self::Pixel { x, y, channel } => write!(f, "x {x}, y {y} of channel {channel}"),
            Self::Nowhere => write!(f, "no pixel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_of_an_island_and_of_a_run() {
        let at = |x, y| Place::Pixel { x, y, channel: 2 };
        let island = [at(4, 1), at(3, 2), at(5, 2)];
        assert_eq!(extent(island.into_iter()), [at(3, 1), at(5, 2)]);
        let run = [1.0, 2.0, 3.0].map(Place::Wavelength);
        assert_eq!(extent(run.into_iter()), [run[0], run[2]]);
    }
}
