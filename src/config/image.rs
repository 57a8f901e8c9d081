//! `[image]`: the data are images.

use super::forward::ForwardConfig;
use super::survey::{NormaliseConfig, SurveySource};
use super::{Config, require};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Sections that say something of spectra alone.
pub(super) const SPECTRA_ONLY: [&str; 2] = ["grid", "select"];

/// `[image]`: shape of every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Larger pictures (PNG, JPEG) are cut to their middle and averaged down to this shape; else they
    /// are rejected.
    #[serde(default)]
    pub fit: bool,
}

/// Sets what depends on whether the data are images where it is left out: `network.kind`,
/// `train.warm_start`. Refuses the sections of spectra beside `[image]`.
pub(super) fn complete(table: &mut toml::Table, origin: &str) -> Result<()> {
    let images = table.contains_key("image");
    if images && let Some(section) = SPECTRA_ONLY.iter().find(|s| table.contains_key(**s)) {
        return Err(Error::config(
            origin,
            section,
            "this section is for spectra, and [image] says that the data are images",
            "remove one of the two",
        ));
    }
    if images {
        // There is no warm start for images.
        default(table, "train", "warm_start", 0);
    }
    let kind = if images { "unet2d" } else { "unet1d" };
    default(table, "network", "kind", kind);
    Ok(())
}

/// Sets `section.key` where it is left out.
pub(super) fn default(
    table: &mut toml::Table,
    section: &str,
    key: &str,
    value: impl Into<toml::Value>,
) {
    let section = table
        .entry(section)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(section) = section.as_table_mut() {
        section.entry(key).or_insert_with(|| value.into());
    }
}

pub(super) fn check(c: &Config, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    let pixels = matches!(c.normalise, NormaliseConfig::Pixels { .. });
    let source = matches!(c.survey.source, SurveySource::Images { .. });
    let stages = matches!(c.forward, ForwardConfig::Stages { .. });
    let Some(image) = &c.image else {
        ok(
            !source,
            "survey.source.kind",
            "images, but there is no [image]",
            "add [image] with channels, height and width",
        )?;
        ok(
            !pixels,
            "normalise.kind",
            "`pixels` is for images",
            "give window, column or none, or add [image]",
        )?;
        return ok(
            !stages,
            "forward.kind",
            "`stages` is for images",
            "give quasar, gaussian or command, or add [image]",
        );
    };
    ok(
        image.channels > 0 && image.height > 1 && image.width > 1,
        "image",
        "not the shape of an image",
        "give e.g. channels = 3, height = 32, width = 32",
    )?;
    ok(
        source,
        "survey.source.kind",
        "spectra, but [image] says that the data are images",
        "give kind = \"images\", or remove [image]",
    )?;
    ok(
        pixels,
        "normalise.kind",
        "for spectra, but [image] says that the data are images",
        "give kind = \"pixels\"",
    )?;
    ok(
        c.train.warm_start == 0,
        "train.warm_start",
        "there is no warm start for images",
        "give warm_start = 0",
    )?;
    if let NormaliseConfig::Pixels {
        mean,
        std,
        softening,
    } = &c.normalise
    {
        let fits = |v: &Option<Vec<f64>>, good: &dyn Fn(f64) -> bool| {
            v.as_ref()
                .is_none_or(|v| v.len() == image.channels && v.iter().all(|x| good(*x)))
        };
        ok(
            fits(mean, &f64::is_finite) && fits(std, &|s| s > 0.0 && s.is_finite()),
            "normalise.mean",
            "mean and std are not one number (std: positive) per channel",
            "give as many as image.channels, or leave both out to have them measured",
        )?;
        ok(
            mean.is_some() == std.is_some(),
            "normalise.std",
            "one of mean and std is given",
            "give both or neither",
        )?;
        ok(
            softening.is_none_or(|s| s > 0.0 && s.is_finite()),
            "normalise.softening",
            "not positive",
            "give about the noise level of the sky, in the file's units",
        )?;
    }
    Ok(())
}
