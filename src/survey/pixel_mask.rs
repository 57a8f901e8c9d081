//! Which pixels of SDSS spectra are bad: SPPIXMASK bits by name.

use crate::config::{MaskConfig, MaskKind};
use crate::data::{Masked, Spectrum};
use crate::{Error, Result};

/// Names and bits of SPPIXMASK, the `and_mask` and `or_mask` of SDSS and BOSS spectra: idlutils
/// `data/sdss/sdssMaskbits.par`, <https://www.sdss4.org/dr17/algorithms/bitmasks/#SPPIXMASK>.
pub const SPPIXMASK: [(&str, u32); 26] = [
    ("NOPLUG", 0),
    ("BADTRACE", 1),
    ("BADFLAT", 2),
    ("BADARC", 3),
    ("MANYBADCOLUMNS", 4),
    ("MANYREJECTED", 5),
    ("LARGESHIFT", 6),
    ("BADSKYFIBER", 7),
    ("NEARWHOPPER", 8),
    ("WHOPPER", 9),
    ("SMEARIMAGE", 10),
    ("SMEARHIGHSN", 11),
    ("SMEARMEDSN", 12),
    ("NEARBADPIXEL", 16),
    ("LOWFLAT", 17),
    ("FULLREJECT", 18),
    ("PARTIALREJECT", 19),
    ("SCATTEREDLIGHT", 20),
    ("CROSSTALK", 21),
    ("NOSKY", 22),
    ("BRIGHTSKY", 23),
    ("NODATA", 24),
    ("COMBINEREJ", 25),
    ("BADFLUXFACTOR", 26),
    ("BADSKYCHI", 27),
    ("REDMONSTER", 28),
];

/// `[survey.mask]` with its names looked up.
#[derive(Debug, Clone, Copy)]
pub struct PixelMask {
    /// Which mask of a file is read.
    pub kind: MaskKind,
    /// Bits of it that mask a pixel.
    pub bits: u32,
    /// Inverse variances at or below this mask a pixel, in the file's units.
    pub ivar_min: f64,
}

impl PixelMask {
    /// Looks the bit names up.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest name for one that SPPIXMASK does not have.
    pub fn new(config: &MaskConfig) -> Result<Self> {
        let mut bits = 0;
        for name in &config.bits {
            let upper = name.to_uppercase();
            match SPPIXMASK.iter().find(|(n, _)| *n == upper) {
                Some((_, bit)) => bits |= 1 << bit,
                None => return Err(unknown(name, &upper)),
            }
        }
        Ok(Self {
            kind: config.kind,
            bits,
            ivar_min: config.ivar_min,
        })
    }

    /// The column that this mask reads, if any.
    #[must_use]
    pub fn column(&self) -> Option<&'static str> {
        match self.kind {
            MaskKind::And => Some("and_mask"),
            MaskKind::Or => Some("or_mask"),
            MaskKind::None => None,
        }
    }

    /// Masks the bad pixels of `spectrum`; `mask` may be empty (no mask column). Gives how many for which
    /// reason.
    pub fn apply(&self, spectrum: &mut Spectrum, mask: &[i64]) -> Masked {
        spectrum.mask(self.ivar_min, |i| {
            mask.get(i).is_some_and(|m| (*m as u32) & self.bits != 0)
        })
    }
}

fn unknown(name: &str, upper: &str) -> Error {
    let nearest = SPPIXMASK
        .iter()
        .max_by(|a, b| strsim::jaro(a.0, upper).total_cmp(&strsim::jaro(b.0, upper)));
    Error::config(
        "config",
        "survey.mask.bits",
        format!("`{name}` is no SPPIXMASK bit"),
        format!("did you mean `{}`?", nearest.map_or("", |n| n.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NativeGrid;

    #[test]
    fn bits_are_chosen_by_name_and_an_unknown_name_meets_the_nearest() {
        let mut config = MaskConfig {
            bits: vec!["brightsky".into(), "NODATA".into()],
            ..MaskConfig::default()
        };
        assert_eq!(PixelMask::new(&config).unwrap().bits, (1 << 23) | (1 << 24));
        config.bits = vec!["BRIGTHSKY".into()];
        let e = PixelMask::new(&config).unwrap_err().to_string();
        assert!(e.contains("BRIGHTSKY?") || e.contains("`BRIGHTSKY`"), "{e}");
    }

    #[test]
    fn nan_infinite_tiny_and_flagged_pixels_are_masked_and_their_flux_is_zero() {
        let mut s = Spectrum {
            grid: NativeGrid::Sdss { first: 36000 },
            flux: vec![1.0, f32::NAN, 1.0, 1.0, f32::INFINITY, 1.0, 1.0],
            ivar: vec![1.0, 1.0, f32::NAN, 1e-7, 1.0, f32::INFINITY, 1.0],
            lsf: vec![],
            extras: Default::default(),
        };
        let mask = PixelMask::new(&MaskConfig::default()).unwrap();
        mask.apply(&mut s, &[1 << 16, 0, 0, 0, 0, 0, 1 << 23]);
        assert_eq!(s.ivar, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(s.flux, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
