//! Where single images are on the sky, as their files say.

use crate::Result;
use crate::data::Wcs;
use crate::files::fits::read::{Fits, Hdu};

/// Of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sky {
    /// Right ascension and declination in degrees, ICRS, where both are known.
    pub place: Option<[f64; 2]>,
    /// World coordinates of its pixels.
    pub wcs: Option<Wcs>,
}

impl Sky {
    /// Nothing known.
    pub(super) const UNKNOWN: Self = Self {
        place: None,
        wcs: None,
    };
}

/// Of each of the `n` images in HDU `hdu`, whose rows and columns are the FITS `axes`, from 1: the columns RA, DEC
/// and WCS of a table of as many rows, else the keys of the images' header, else those of the first. And a note
/// where tables of distortions are left behind.
pub(super) fn of_fits(
    fits: &mut Fits,
    hdus: &[(String, Hdu)],
    (hdu, n): (usize, usize),
    axes: [usize; 2],
) -> Result<(Vec<Sky>, Option<String>)> {
    let mut one = Sky::UNKNOWN;
    let mut note = None;
    for k in [hdu, 0] {
        fits.seek(k)?;
        let cards = fits.cards()?;
        let cards = || cards.iter().map(String::as_str);
        if one.wcs.is_none() {
            one.wcs = Wcs::of_cards(cards(), axes);
            if let Some(key) = one.wcs.as_ref().and_then(|_| Wcs::lost(cards())) {
                note = Some(format!(
                    "the distortion tables of their world coordinates ({key}) are not carried along"
                ));
            }
        }
        if one.place.is_none() {
            let [ra, dec] = ["RA", "DEC"].map(|key| fits.number_key(key));
            one.place = ra.zip(dec).map(|(ra, dec)| [ra, dec]);
        }
    }
    let mut all = vec![one; n];
    for (k, (_, table)) in hdus.iter().enumerate() {
        if !matches!(table, Hdu::Table { rows, .. } if *rows == n) {
            continue;
        }
        fits.seek(k)?;
        if let Some(column) = fits.column("WCS").filter(|c| c.text) {
            let texts = fits.texts(&column, n)?;
            for (sky, text) in all.iter_mut().zip(texts) {
                sky.wcs = Wcs::parse(&text);
            }
        }
        if let (Some(ra), Some(dec)) = (fits.column("RA"), fits.column("DEC"))
            && !ra.text
            && !dec.text
        {
            let (ra, dec) = (fits.floats(&ra, n)?, fits.floats(&dec, n)?);
            for (sky, (ra, dec)) in all.iter_mut().zip(ra.into_iter().zip(dec)) {
                sky.place = Some([ra, dec]).filter(|p| p.iter().all(|v| v.is_finite()));
            }
        }
    }
    Ok((all, note))
}
