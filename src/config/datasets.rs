//! `[survey.source.datasets]`: the datasets of an HDF5 catalog, and the medium of its wavelengths.

use serde::{Deserialize, Serialize};

/// The medium in which wavelengths were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AirOrVacuum {
    /// Standard air: converted to vacuum on reading.
    Air,
    /// Vacuum: taken as they are.
    Vacuum,
}

/// Dataset paths of an HDF5 catalog. `flux`, `ivar` are [N, n]; the grid is `loglam` (log10 Å) or
/// `wave` (Å), `[n]`, or [N, n] where each spectrum has its own; the rest are `[N]` and optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Datasets {
    /// Flux, [N, n].
    pub flux: String,
    /// Inverse variance of the flux, [N, n]; 0: masked.
    pub ivar: String,
    /// Whether the fluxes carry no noise: `ivar` is then not read, and every pixel that is finite
    /// counts as measured at S/N 10⁶ of its spectrum's RMS. For `train.clean`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub noiseless: bool,
    /// log10 of the wavelength; ignored in favour of `wave` when that is given.
    pub loglam: String,
    /// Wavelengths, Å, `[n]` or [N, n]; in place of `loglam`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// Unit of the wavelengths, where the attribute of their dataset does not say it: Å unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave_unit: Option<String>,
    /// Marks of bad pixels, [N, n] or `[n]`: not 0, or for `and_mask` and `or_mask` the bits of
    /// `survey.mask.bits`. Under these names and `mask` it may be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// Width of the line-spread function, σ in pixels of the file's grid, [N, n] or `[n]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsf: Option<String>,
    /// The sky that was subtracted, per Å as the flux, [N, n]; read where `[forward]` has a stage `sky`,
    /// under the name `sky` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sky: Option<String>,
    /// Diagonals of the resolution matrices, as DESI writes them, [K, n] or [N, K, n]; read where
    /// `[forward]` smooths by them, under the name `resolution` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Redshifts, `[N]`.
    pub z: String,
    /// Standard deviations of the redshifts, `[N]`; under the name `z_err` it may be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_err: Option<String>,
    /// Names of the objects: strings or integers.
    pub id: String,
    /// A positive brightness per object, for `normalise.kind = "column"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Default for Datasets {
    fn default() -> Self {
        Self {
            flux: "flux".into(),
            ivar: "ivar".into(),
            noiseless: false,
            loglam: "loglam".into(),
            wave: None,
            wave_unit: None,
            mask: None,
            lsf: None,
            sky: None,
            resolution: None,
            z: "z".into(),
            z_err: None,
            id: "id".into(),
            level: None,
        }
    }
}
