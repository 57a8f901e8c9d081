//! The transport map Φ: from an observation at t = 1 back to a clean sample at t = 0 (eq. 2, 4).
//!
//! ODE: dX = b dt. SDE, in reverse time, with score s = −g/γ:
//! X ← X − (b − ε s) dt + √(2 ε dt) ξ; `reverse_noise` tells how ε s stays finite where γ → 0.

mod arc;
mod reverse_noise;
mod start;

pub use start::Start;

use crate::base::random::Rows;
use crate::base::workers;
use crate::config::{InterpolantConfig, Scheme, TransportConfig};
use crate::data::Layout;
use crate::forward::Latent;
use crate::interpolant::Interpolant;
use crate::nets::{Pass, VelocityField};
use crate::{Error, Result};
use reverse_noise::ReverseNoise;
use std::ops::Range;
use std::sync::Arc;
use tch::{Tensor, no_grad};

/// How Φ is integrated.
#[derive(Debug, Clone)]
pub struct Transport {
    /// The path that Φ follows back.
    pub interpolant: Interpolant,
    start: Option<Arc<dyn Start>>,
    reverse: Option<ReverseNoise>,
    scheme: Scheme,
    steps: usize,
    grading: f64,
    bf16: bool,
}

impl Transport {
    /// The transport of a config; `noise_known`: whether the network is told the noise level.
    #[must_use]
    pub fn new(config: &InterpolantConfig, transport: &TransportConfig, noise_known: bool) -> Self {
        let interpolant = Interpolant::new(config, noise_known);
        Self {
            interpolant,
            start: None,
            reverse: ReverseNoise::new(config, &interpolant),
            scheme: transport.scheme,
            steps: transport.steps,
            grading: transport.grading,
            bf16: transport.bf16.is_on(),
        }
    }

    /// The same from draws of a posterior on, for [`Interpolant::Posterior`].
    #[must_use]
    pub fn from(mut self, start: Arc<dyn Start>) -> Self {
        self.start = Some(start);
        self
    }

    /// Where the path of the observations `y` [B, D] begins, and the latent that the network is told
    /// there: the observations themselves, unless the path begins with draws of a posterior.
    pub fn beginning(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        match &self.start {
            Some(start) => no_grad(|| start.anchored(y, latent, random)),
            None => (y.shallow_clone(), latent.shallow_clone()),
        }
    }

    /// Draws of the part of the start's posterior behind the observations `y` [B, D] that is its population's and
    /// not the noise's, about its mean, [B, D]; `None` where the path begins at the observations.
    pub fn prior_error(&self, y: &Tensor, latent: &Latent, random: &Rows) -> Option<Tensor> {
        let start = self.start.as_ref()?;
        Some(no_grad(|| start.prior_error(y, latent, random)))
    }

    /// As [`Start::seen_patterns`], and `None` where the path begins at the observations.
    pub fn seen_patterns(&self, latent: &Latent) -> Option<Tensor> {
        let start = self.start.as_ref()?;
        no_grad(|| start.seen_patterns(latent))
    }

    /// The same with another diffusion, `epsilon` times its shape; 0: the ODE of the interpolant.
    #[must_use]
    pub fn with_epsilon(&self, epsilon: f64) -> Self {
        Self {
            reverse: self.reverse.map(|r| r.with_ratio(epsilon)),
            ..self.clone()
        }
    }

    /// The same with another number of steps.
    #[must_use]
    pub fn with_steps(&self, steps: usize) -> Self {
        Self {
            steps,
            ..self.clone()
        }
    }

    /// How many steps it takes.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How often it evaluates the network.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        let each = match self.scheme {
            Scheme::Euler => 1,
            Scheme::Multistep if !self.draws_noise() => 1,
            Scheme::Heun | Scheme::Multistep => 2,
        };
        each * self.steps as u64
    }

    /// Whether this is the SDE: whether noise is drawn.
    #[must_use]
    pub fn draws_noise(&self) -> bool {
        self.active().is_some()
    }

    fn active(&self) -> Option<&ReverseNoise> {
        self.reverse.as_ref().filter(|r| r.is_active())
    }

    /// Refuses draws along the Fokker–Planck path where pixels of `layout` share noise: each would
    /// need the channel's correlations.
    ///
    /// # Errors
    /// [`Error::Config`] then.
    pub fn check_noise(&self, layout: &Layout) -> Result<()> {
        match layout {
            Layout::Spectra { noise_rho, .. }
                if self.interpolant == Interpolant::FokkerPlanck
                    && self.draws_noise()
                    && noise_rho.iter().any(|r| *r != 0.0) =>
            {
                Err(Error::config(
                    "config",
                    "interpolant.epsilon",
                    "neighbouring pixels of the prepared set share noise, and the draws of the Fokker–Planck path need white noise",
                    "give interpolant.epsilon = 0 and train.epsilon = 0, or interpolant.kind = \"sde\"",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Φ(y) for observations `y` [B, D], without gradient and without leaving the device. The
    /// result is a function of y, the latent and each row's random stream alone. The SDE draws
    /// from `random`; the ODE does not use it. `dropout`: whether it is on, as in the paper.
    /// From a posterior on, the steps are those of `arc`; X begins with its draw, from `random`.
    ///
    /// The rows are shared out to all cores ([`workers`]).
    ///
    /// Euler takes the drift at the beginning of each step. Heun averages it with that at the end
    /// of the Euler step, noise included: of second order for the ODE, and in law for the SDE,
    /// whose noise does not depend on X. The last step adds no noise where ε vanishes at its end.
    pub fn run(
        &self,
        field: &dyn VelocityField,
        y: &Tensor,
        latent: &Latent,
        random: &Rows,
        dropout: bool,
    ) -> Tensor {
        let path = |y: &Tensor, latent: &Latent, random: &Rows| match self.start {
            Some(_) => self.run_from_start(field, y, latent, random, dropout),
            None => self.run_from_observed(field, y, latent, random, dropout),
        };
        in_parts(y, latent, random, path)
    }

    fn run_from_observed(
        &self,
        field: &dyn VelocityField,
        y: &Tensor,
        latent: &Latent,
        random: &Rows,
        dropout: bool,
    ) -> Tensor {
        let mut x = y.shallow_clone();
        let mut before = None;
        for k in 0..self.steps {
            let (t, u) = (self.time(k), self.time(k + 1));
            let pass = self.pass(k as u64, dropout);
            let drift = self.drift(field, t, &x, latent, pass);
            if self.scheme == Scheme::Multistep && !self.draws_noise() {
                let clean = &x - drift * t;
                x = multistep(t, u, &x, &clean, before.as_ref());
                before = Some((t, clean));
                continue;
            }
            let noise = self.noise(t, u, latent, random, k as u64);
            let end = add(&x - &drift * (t - u), noise.as_ref());
            x = if self.scheme == Scheme::Euler {
                end
            } else {
                let there = self.drift(field, u, &end, latent, pass);
                add(x - (drift + there) * (0.5 * (t - u)), noise.as_ref())
            };
        }
        x
    }

    /// Draws x ~ q(x | y) for the observations `y`.
    fn run_from_start(
        &self,
        field: &dyn VelocityField,
        y: &Tensor,
        latent: &Latent,
        random: &Rows,
        dropout: bool,
    ) -> Tensor {
        let (mut x, latent) = self.beginning(y, latent, random);
        let Some(anchor) = &latent.anchor else {
            return x;
        };
        let mut path = arc::Arc::new();
        for k in 0..self.steps {
            let (t, u) = (self.time(k), self.time(k + 1));
            let pass = self.pass(k as u64, dropout);
            let b = self.drift(field, arc::time(t), &x, &latent, pass);
            x = path.step([t, u], &x, &b, &anchor.mean);
        }
        x
    }

    /// E[x0 | y] of the observations `y` [B, D] in one evaluation, for a path from a posterior on.
    pub fn mean(
        &self,
        field: &dyn VelocityField,
        y: &Tensor,
        latent: &Latent,
        random: &Rows,
    ) -> Tensor {
        in_parts(y, latent, random, |y, latent, random| {
            let (x, latent) = self.beginning(y, latent, random);
            // At t = 1 the point says nothing of x0 that y does not: the point of the mean will do.
            let x = latent.anchor.as_ref().map_or(x, |a| a.mean.shallow_clone());
            let b = self.drift(field, 1.0, &x, &latent, self.pass(0, false));
            x - b
        })
    }

    fn pass(&self, phase: u64, dropout: bool) -> Pass {
        Pass {
            dropout,
            phase,
            bf16: self.bf16,
        }
    }

    /// Where step k begins: 1 for k = 0, 0 after the last.
    fn time(&self, k: usize) -> f64 {
        (1.0 - k as f64 / self.steps as f64).powf(self.grading)
    }

    /// b for the ODE; b − ε s for the SDE.
    fn drift(
        &self,
        field: &dyn VelocityField,
        t: f64,
        x: &Tensor,
        latent: &Latent,
        pass: Pass,
    ) -> Tensor {
        let times = x.new_full([1, 1], t, (x.kind(), x.device()));
        let fields = field.fields(&times, x, latent, pass);
        match self.active().and_then(|d| d.drift(t, &fields, latent)) {
            Some(added) => fields.velocity + added,
            None => fields.velocity,
        }
    }

    fn noise(&self, t: f64, u: f64, latent: &Latent, random: &Rows, step: u64) -> Option<Tensor> {
        let reverse = self.active().filter(|r| u > 0.0 || !r.vanishes())?;
        let unit = random.normal(step, latent.sigma.size()[1]);
        Some(unit * reverse.noise_variance(t, u, latent).sqrt())
    }
}

/// What `path` makes of the rows of a batch [B, D], without gradient, by as many threads as there are.
fn in_parts(
    y: &Tensor,
    latent: &Latent,
    random: &Rows,
    path: impl Fn(&Tensor, &Latent, &Rows) -> Tensor + Sync,
) -> Tensor {
    let rows = workers::parts(y.size()[0], y.size()[1], y.device());
    if rows.len() == 1 {
        return no_grad(|| path(y, latent, random));
    }
    let order = latent.by_redshift();
    let part = |r: &Range<i64>| {
        let index = order.narrow(0, r.start, r.end - r.start);
        let (latent, random) = (latent.select(&index), random.select(&index));
        (y.index_select(0, &index), latent, random)
    };
    let parts = rows.iter().map(part).collect();
    let work = |(y, latent, random): (Tensor, Latent, Rows)| no_grad(|| path(&y, &latent, &random));
    let made = Tensor::cat(&workers::each(parts, work), 0);
    made.index_select(0, &order.argsort(0, false))
}

/// The ODE from `t` to `u` < t, written dX/dt = (X − C)/t with C = X − t b, which for γ = 0 is
/// E[x0 | I_t] and varies slowly: C is continued linearly from its value `before`, and the linear
/// equation is then solved exactly,
/// X_u = (u/t) X_t + (1 − u/t)(C − k t) + k u ln(t/u), with k = dC/dt.
fn multistep(t: f64, u: f64, x: &Tensor, c: &Tensor, before: Option<&(f64, Tensor)>) -> Tensor {
    let held = x * (u / t) + c * (1.0 - u / t);
    let Some((earlier, c0)) = before else {
        return held;
    };
    let slope = (c - c0) / (t - earlier);
    // The limit for u → 0 is C − k t: half of it keeps the last, long extrapolation in check.
    let weight = if u > 0.0 {
        u * (t / u).ln() - (t - u)
    } else {
        -0.5 * t
    };
    held + slope * weight
}

fn add(x: Tensor, noise: Option<&Tensor>) -> Tensor {
    match noise {
        Some(n) => x + n,
        None => x,
    }
}
