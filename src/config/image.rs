//! `[image]`: the data are images.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Sections that say something of spectra alone.
pub(super) const SPECTRA_ONLY: [&str; 2] = ["grid", "select"];

/// `[image]`: shape of every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// Channels of each image, C.
    pub channels: usize,
    /// Rows of pixels, H.
    pub height: usize,
    /// Columns of pixels, W.
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
    // What comes with each observation the network is told.
    if images
        && has_stage(table, &|s| {
            is(s, "kind", "noise") && s.contains_key("from") && !is(s, "from", "sigma")
        })
    {
        default(table, "network", "noise_input", true);
    }
    if images
        && has_stage(table, &|s| {
            is(s, "kind", "psf") && is(s, "from", "hdu") && !is(s, "latent", "hidden")
        })
    {
        default(table, "network", "psf_input", true);
    }
    Ok(())
}

fn is(stage: &toml::Table, key: &str, value: &str) -> bool {
    stage.get(key).and_then(toml::Value::as_str) == Some(value)
}

fn has_stage(table: &toml::Table, is_one: &dyn Fn(&toml::Table) -> bool) -> bool {
    let stages = table.get("forward").and_then(|f| f.get("stages"));
    let stages = stages.and_then(toml::Value::as_array).into_iter().flatten();
    stages.filter_map(toml::Value::as_table).any(is_one)
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
