//! Whether a run contracts, stalls or drifts, judged from the observation side alone: its
//! validations' estimates of KL(μ ‖ F#Φ#μ) ([`crate::train::Proxies`]) from one to the next.

mod history;
mod report;
mod trend;

pub use history::{History, Validated};
pub use report::Diagnosis;
pub use trend::{Trend, Verdict};
