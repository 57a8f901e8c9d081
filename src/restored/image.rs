//! The images of a file of restorations, spectra or pictures.

use crate::data::Provenance;
use crate::data::provenance::quantile_name;
use std::fmt;

/// One of the images, a row for each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    Restored,
    Sigma,
    /// What of it is the population's.
    SigmaPrior,
    Draw,
    /// The quantile of this number in [`Provenance::quantiles`].
    Quantile(usize),
    Observed,
    Ivar,
}

impl Image {
    /// Its name in a file made so.
    pub fn name(self, made: &Provenance) -> String {
        match self {
            Self::Quantile(i) => quantile_name(made.quantiles[i]),
            other => other.to_string(),
        }
    }
}

/// For messages: a quantile by the key that names it.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restored => f.write_str("RESTORED"),
            Self::Sigma => f.write_str("SIGMA"),
            Self::SigmaPrior => f.write_str("SIGMA_PRIOR"),
            Self::Draw => f.write_str("DRAW"),
            Self::Quantile(i) => write!(f, "QUANT{}", i + 1),
            Self::Observed => f.write_str("OBSERVED"),
            Self::Ivar => f.write_str("IVAR"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Image;
    use crate::data::{Method, Provenance};

    #[test]
    fn quantiles_are_named_by_their_place_in_the_provenance() {
        let made = Provenance {
            method: Method::Sde,
            draws: 16,
            prior: false,
            quantiles: vec![0.16, 0.84],
            seed: 1,
            config_sha256: String::new(),
            run_sha256: String::new(),
            history: Vec::new(),
        };
        assert_eq!(Image::Quantile(1).name(&made), "Q84");
        assert_eq!(Image::Sigma.name(&made), "SIGMA");
    }
}
