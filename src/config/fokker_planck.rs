//! What the Fokker–Planck interpolant asks of the other sections.

use super::{Config, ForwardConfig, InterpolantConfig, image, require};
use crate::Result;

/// Sets `train.mix` where it is left out: the path ends at fresh observations alone.
pub(super) fn complete(table: &mut toml::Table) {
    let kind = table.get("interpolant").and_then(|i| i.get("kind"));
    if kind.and_then(toml::Value::as_str) == Some("fokker-planck") {
        image::default(table, "train", "mix", 1.0);
    }
}

pub(super) fn check(c: &Config, origin: &str) -> Result<()> {
    let InterpolantConfig::FokkerPlanck { epsilon } = c.interpolant else {
        return Ok(());
    };
    require(
        matches!(c.forward, ForwardConfig::Gaussian { .. }),
        origin,
        "interpolant.kind",
        "`fokker-planck` is for additive Gaussian noise of one level, and forward.kind is another channel",
        "give interpolant.kind = \"ode\" or \"sde\", or forward.kind = \"gaussian\"",
    )?;
    require(
        epsilon >= 0.0 && epsilon.is_finite(),
        origin,
        "interpolant.epsilon",
        "negative",
        "give 0 for the probability-flow ODE, 1 for draws from the posterior",
    )?;
    require(
        c.train.mix == 1.0,
        origin,
        "train.mix",
        "the Fokker–Planck path runs from x0 to F(x0): a recorded observation is not its end",
        "leave it out, or give 1",
    )
}
