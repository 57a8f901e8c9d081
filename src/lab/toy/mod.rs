//! Low-dimensional distributions under additive Gaussian noise: the method's own ground for tests.
//!
//! Each arm learns from noisy points alone, by the very code that surveys are restored with
//! ([`Rule`](crate::train::Rule), [`Transport`](crate::transport::Transport),
//! [`Gaussian`](crate::forward::Gaussian)); clean points serve the figure and the scores.

mod arm;
mod calibration;
mod channels;
mod clouds;
mod learn;
mod metrics;
mod settings;
mod shapes;
mod study;
mod table;

pub use arm::Arm;
pub use calibration::{Calibration, LEVELS, calibration, exact};
pub use clouds::write_clouds;
pub use learn::{Learned, learn, learn_behind, observed};
pub use metrics::{half_width, knn_divergence, maximum_mean_discrepancy, neighbour_distances};
pub use settings::Settings;
pub use shapes::Shape;
pub use study::{Case, Cloud, Plan, Scores, Study, run};
pub use table::markdown;
