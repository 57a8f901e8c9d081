//! A mock quasar survey with known truth: [`Survey`] makes clean spectra, `selfsi mock` observes and
//! writes them.
//!
//! Continua and lines: [`Quasar`]; absorption: [`Forest`], damped systems; the numbers behind them and
//! their sources: `data/lines.toml`, `data/README.md`.

mod damped;
mod fine;
mod forest;
mod lines;
mod quasar;
mod survey;
mod truth;

pub use fine::Fine;
pub use forest::{Forest, tau_eff};
pub use lines::{Line, line_list};
pub use quasar::{DrawnLine, Quasar};
pub use survey::{Clean, Survey};
pub use truth::write_truth;
