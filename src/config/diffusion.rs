//! `[diffusion]`: the diffusion model of `selfsi generate`, with the settings of EDM (Karras et al.
//! 2022) as defaults.

use super::network::NetworkConfig;
use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// `[diffusion]`. Noise levels σ are in normalised flux (or normalised pixels).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiffusionConfig {
    /// Optimiser steps.
    pub steps: u64,
    /// Restored samples per step.
    pub batch: usize,
    /// Largest learning rate of Adam, after the warm-up.
    pub learning_rate: f64,
    /// Fraction of the steps over which the learning rate rises, before its cosine descent.
    pub warmup: f64,
    /// Largest norm of the gradient.
    pub clip: f64,
    /// Decay of the averaged weights, per step: they are the model.
    pub ema: f64,
    /// Noise levels of training: ln σ is normal with this mean …
    pub p_mean: f64,
    /// … and this standard deviation.
    pub p_std: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// The network; what is left out is as in the run's `[network]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    /// How samples are drawn.
    pub sampler: SamplerConfig,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            steps: 20_000,
            batch: 64,
            learning_rate: 1e-3,
            warmup: 0.05,
            clip: 1.0,
            ema: 0.999,
            p_mean: -1.2,
            p_std: 1.2,
            checkpoint_every: 500,
            network: None,
            sampler: SamplerConfig::default(),
        }
    }
}

/// `[diffusion.sampler]`: how samples are drawn; no part of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerConfig {
    /// Heun steps, two evaluations of the network each but the last.
    pub steps: usize,
    /// The last noise level before 0.
    pub sigma_min: f64,
    /// The first noise level.
    pub sigma_max: f64,
    /// Noise levels are equally spaced in σ^(1/ρ).
    pub rho: f64,
    /// Samples drawn together.
    pub batch: usize,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            steps: 256,
            sigma_min: 0.002,
            sigma_max: 80.0,
            rho: 7.0,
            batch: 64,
        }
    }
}

/// Sets the keys of `[diffusion.network]`, where there is one, that are left out: as in `[network]`.
pub(super) fn complete(table: &mut toml::Table) {
    let run = table.get("network").cloned();
    let own = table
        .get_mut("diffusion")
        .and_then(|d| d.get_mut("network"))
        .and_then(toml::Value::as_table_mut);
    let (Some(toml::Value::Table(run)), Some(own)) = (run, own) else {
        return;
    };
    for (key, value) in run {
        own.entry(key).or_insert(value);
    }
}

pub(super) fn check(d: &DiffusionConfig, origin: &str) -> Result<()> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
        require(yes, origin, &format!("diffusion.{key}"), problem, fix)
    };
    ok(
        d.steps > 0 && d.batch > 0,
        "steps",
        "steps and batch must be positive",
        "raise them",
    )?;
    ok(
        positive(d.learning_rate) && positive(d.clip),
        "learning_rate",
        "learning_rate and clip must be positive",
        "give e.g. learning_rate = 1e-3, clip = 1.0",
    )?;
    ok(
        (0.0..1.0).contains(&d.warmup) && (0.0..1.0).contains(&d.ema),
        "ema",
        "warmup or ema is not in 0..1",
        "give e.g. warmup = 0.05, ema = 0.999",
    )?;
    ok(
        d.p_mean.is_finite() && positive(d.p_std),
        "p_std",
        "p_mean must be finite and p_std positive",
        "give e.g. p_mean = -1.2, p_std = 1.2",
    )?;
    ok(
        d.checkpoint_every > 0,
        "checkpoint_every",
        "must be positive",
        "give e.g. 500",
    )?;
    let s = &d.sampler;
    ok(
        s.steps > 1 && s.batch > 0,
        "sampler.steps",
        "fewer than 2 steps, or an empty batch",
        "give e.g. steps = 256, batch = 64",
    )?;
    ok(
        positive(s.sigma_min) && s.sigma_max > s.sigma_min && s.sigma_max.is_finite(),
        "sampler.sigma_max",
        "not above sigma_min, or sigma_min is not positive",
        "give e.g. sigma_min = 0.002, sigma_max = 80.0",
    )?;
    ok(
        positive(s.rho),
        "sampler.rho",
        "not positive",
        "give e.g. 7.0",
    )?;
    match &d.network {
        Some(n) => super::network::check(n, &format!("{origin} [diffusion]")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const MINIMAL: &str = "
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'sdss'
        catalog = 'DR16Q.fits'
        spectra = 'spectra'
        [forward]
        kind = 'gaussian'
        sigma = 0.5
        [network]
        channels = [8, 16]";

    fn parse(overrides: &[&str]) -> Result<Config> {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
        Config::parse(MINIMAL, "test", &overrides)
    }

    #[test]
    fn without_the_section_the_defaults_are_those_of_edm_and_the_digest_stays() {
        let config = parse(&[]).unwrap();
        assert!(!config.to_toml().unwrap().contains("diffusion]"));
        let d = config.diffusion_or_default();
        assert_eq!((d.p_mean, d.p_std), (-1.2, 1.2));
        let s = d.sampler;
        assert_eq!(
            (s.sigma_min, s.sigma_max, s.rho, s.steps),
            (0.002, 80.0, 7.0, 256)
        );
    }

    #[test]
    fn a_network_of_its_own_takes_what_is_left_out_from_the_runs() {
        let config = parse(&["diffusion.network.kernel=7"]).unwrap();
        let NetworkConfig::Unet1d(network) = config.diffusion_or_default().network.unwrap() else {
            panic!("not a network for spectra");
        };
        assert_eq!((network.kernel, network.channels), (7, vec![8, 16]));
        let again = Config::parse(&config.to_toml().unwrap(), "again", &[]).unwrap();
        assert_eq!(again.diffusion, config.diffusion);
    }

    #[test]
    fn out_of_range_values_name_their_key() {
        for (set, key) in [
            ("diffusion.steps=0", "diffusion.steps"),
            ("diffusion.sampler.steps=1", "diffusion.sampler.steps"),
            (
                "diffusion.sampler.sigma_max=1e-4",
                "diffusion.sampler.sigma_max",
            ),
            ("diffusion.network.kernel=4", "network.kernel"),
            ("diffusion.sigma=4", "did you mean"),
        ] {
            let e = parse(&[set]).unwrap_err().to_string();
            assert!(e.contains(key), "{set}: {e}");
        }
    }
}
