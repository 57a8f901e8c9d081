//! Mock surveys with known truth: of galaxies ([`GalaxySurvey`]), and of quasars: [`Survey`] makes clean spectra, `selfsi mock` observes and
//! writes them.
//!
//! Continua and lines: [`Quasar`]; absorption: [`Forest`], damped systems; the numbers behind them and
//! their sources: `data/lines.toml`, `data/README.md`.

mod bal;
mod damage;
mod damped;
mod factors;
mod factors_file;
mod fine;
mod folder;
mod forest;
mod galaxies;
mod galaxy;
mod instrument;
mod lines;
mod quasar;
mod sky;
mod smoother;
mod spec_file;
mod survey;
mod truth;

pub use damage::{DAMAGES, Damage, damage};
pub use factors::Factors;
pub use fine::Fine;
pub use folder::{TRUTH, claim, write_sdss};
pub use forest::{Forest, tau_eff};
pub use galaxies::GalaxySurvey;
pub use galaxy::{Galaxy, moffat};
pub use instrument::{Instrument, Observed};
pub use lines::{Line, line_list};
pub use quasar::{DrawnLine, Quasar};
pub use spec_file::spec_path;
pub use survey::{Clean, Survey};
pub use truth::write_truth;
