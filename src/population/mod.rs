//! What the observations and the known channel tell of the population's mean and covariance.

mod blur;
mod channel;
pub(crate) mod fill;
mod filter;
mod learned;
pub(crate) mod linalg;
mod modes;
mod moments;
mod noise_law;
mod structured;

pub use blur::blur_matrix;
pub use channel::Channel;
pub use fill::{interpolate, observed as fill_masked};
pub use filter::LinearFilter;
pub use learned::learn;
pub use linalg::eigen;
pub use moments::{Accumulator, Learned, Moments};
