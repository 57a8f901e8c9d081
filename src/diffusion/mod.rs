//! A diffusion model of complete, clean samples, in the form of EDM (Karras et al. 2022, "Elucidating
//! the design space of diffusion-based generative models"): equation numbers are theirs.

mod edm;
mod model;
mod record;
mod sampler;
mod state;
mod trainer;

pub use edm::{Edm, Portion, portions};
pub use model::{Model, begin};
pub use record::{ModelRecord, Origin};
pub use sampler::{heun, heun_step, noise_levels};
pub use state::Header as ModelHeader;
pub use trainer::{DiffusionTrainer, MEASURED, Samples};
