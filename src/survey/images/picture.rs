//! One decoded picture.

/// A decoded picture: samples row by row, the channels of a pixel side by side.
pub(crate) struct Picture {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub samples: Vec<f32>,
}
