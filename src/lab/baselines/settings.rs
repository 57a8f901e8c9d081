//! How much the baselines work, and which of them.

use crate::evaluate::Baseline;

/// How much work there is. The defaults are for minutes on two cores.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Training steps of the prior of DPS, and of EM in all its rounds.
    pub training: u64,
    /// Steps of DPS's sampler.
    pub dps_steps: usize,
    /// Steps of EM's sampler, two evaluations each.
    pub em_steps: usize,
    /// Conjugate gradients per evaluation.
    pub iterations: usize,
    /// Rounds of EM with a Gaussian prior, where none is known from the start, and with a diffusion
    /// prior.
    pub rounds: (u64, u64),
    /// Steps of the trainings that are as long as the run's; `None`: as much processor time as that took.
    pub steps: Option<u64>,
    /// Which rows are made.
    pub methods: Vec<Baseline>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            training: 1200,
            dps_steps: 100,
            em_steps: 16,
            iterations: 8,
            rounds: (8, 4),
            steps: None,
            methods: Baseline::ALL.to_vec(),
        }
    }
}

impl Settings {
    /// With no more than `steps` steps of training and of each sampler.
    #[must_use]
    pub fn at_most(self, steps: u64) -> Self {
        let few = usize::try_from(steps).unwrap_or(usize::MAX);
        Self {
            training: self.training.min(steps),
            dps_steps: self.dps_steps.min(few),
            em_steps: self.em_steps.min(few),
            steps: Some(self.steps.map_or(steps, |s| s.min(steps))),
            ..self
        }
    }
}
