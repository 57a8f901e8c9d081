//! What stands beside an image in its FITS file: its noise, in whichever form, and its bad pixels.

use crate::config::ImageDatasets;
use crate::files::fits::read::{Fits, Hdu};
use crate::{Error, Result};

/// Names of HDUs that hold an inverse variance, a variance, a standard deviation.
const IVAR: [&str; 6] = [
    "IVAR",
    "INVVAR",
    "INVVARIANCE",
    "INV_VAR",
    "INVERSE_VARIANCE",
    "IVM",
];
const VARIANCE: [&str; 2] = ["VARIANCE", "VAR"];
const SIGMA: [&str; 7] = ["ERR", "ERROR", "SIGMA", "STDDEV", "STD", "RMS", "UNCERT"];
/// Names of HDUs in which any number but 0 marks a bad pixel.
const MASK: [&str; 4] = ["MASK", "BADPIX", "BPM", "BADMASK"];
/// Names of HDUs that are no images, though it takes the config to say what they mean.
const OTHER: [&str; 14] = [
    "DQ",
    "FLAGS",
    "FLAG",
    "WHT",
    "WEIGHT",
    "WEIGHTS",
    "EXP",
    "NEXP",
    "CTX",
    "NOISE",
    "PSF",
    "BKG",
    "BACKGROUND",
    "COVERAGE",
];
/// The planes of LSST's and HSC's masks whose pixels are bad, as `MP_NAME` keys number their bits; other
/// planes, such as DETECTED, say what was found there.
const PLANES: [&str; 8] = [
    "BAD",
    "SAT",
    "INTRP",
    "CR",
    "EDGE",
    "NO_DATA",
    "SUSPECT",
    "UNMASKEDNAN",
];

/// How an HDU says the noise of each pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noise {
    Ivar,
    Variance,
    Sigma,
}

/// The HDUs that say something of an image's pixels.
#[derive(Debug)]
pub(crate) struct Companions {
    noise: Option<(usize, Noise)>,
    /// With the bits that mark a bad pixel.
    mask: Option<(usize, i64)>,
    /// The point-spread functions.
    pub psf: Option<usize>,
    /// What is done with each, and which images are not read.
    pub notes: Vec<String>,
}

fn is(name: &str, names: &[&str]) -> bool {
    names.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Whether an HDU of this name says something of an image rather than being one.
pub(crate) fn is_companion(name: &str) -> bool {
    let all = [&IVAR[..], &VARIANCE, &SIGMA, &MASK, &OTHER];
    all.iter().any(|names| is(name, names))
}

impl Companions {
    /// Those of the image in HDU `hdu`: HDUs of its `shape` by the names of the config, else by usual
    /// ones, the nearest after the image first.
    ///
    /// # Errors
    /// [`Error::Input`] for an HDU that the config names and that is not there, or is of another shape.
    pub fn of(
        fits: &mut Fits,
        hdus: &[(String, Hdu)],
        hdu: usize,
        names: &ImageDatasets,
    ) -> Result<Self> {
        let shape = &hdus[hdu].1;
        let find = |is: &dyn Fn(&str) -> bool| {
            let order = (hdu + 1..hdus.len()).chain(0..hdu);
            let mut fitting = order.filter(|k| hdus[*k].1 == *shape);
            fitting.find(|k| is(&hdus[*k].0))
        };
        let asked = |name: &str, usual: &str| -> Result<Option<usize>> {
            if name.is_empty() || name == usual {
                return Ok(None);
            }
            let found = find(&|n| n.eq_ignore_ascii_case(name));
            found.map(Some).ok_or_else(|| missing(fits, name))
        };
        let usual = ImageDatasets::default();
        let (ivar, mask) = (
            asked(&names.ivar, &usual.ivar)?,
            asked(&names.mask, &usual.mask)?,
        );
        let mut noise = ivar.map(|k| (k, Noise::Ivar));
        let kinds = [
            (&IVAR[..], Noise::Ivar),
            (&VARIANCE, Noise::Variance),
            (&SIGMA, Noise::Sigma),
        ];
        for (known, kind) in kinds {
            if noise.is_none() && !names.ivar.is_empty() {
                noise = find(&|n| is(n, known)).map(|k| (k, kind));
            }
        }
        let mask = match mask {
            None if names.mask.is_empty() => None,
            None => find(&|n| is(n, &MASK)),
            some => some,
        };
        if noise.is_none() && !names.ivar.is_empty() {
            let known = [&IVAR[..], &VARIANCE, &SIGMA];
            let noise = |name: &str| known.iter().any(|names| is(name, names));
            none_of_another_shape(fits, hdus, shape, &noise)?;
        }
        let psf = psf(fits, hdus, names)?;
        let mut found = Self {
            noise: None,
            psf,
            mask: None,
            notes: Vec::new(),
        };
        if let Some((k, mut kind)) = noise {
            fits.seek(k)?;
            // What astropy's CCDData writes of its uncertainty.
            kind = match fits.text_key("UTYPE").unwrap_or_default().to_lowercase() {
                t if t.contains("inverse") => Noise::Ivar,
                t if t.contains("variance") => Noise::Variance,
                _ => kind,
            };
            found.noise = Some((k, kind));
            if kind != Noise::Ivar || !hdus[k].0.eq_ignore_ascii_case("IVAR") {
                let what = match kind {
                    Noise::Ivar => "an inverse variance",
                    Noise::Variance => "a variance",
                    Noise::Sigma => "a standard deviation",
                };
                found
                    .notes
                    .push(format!("HDU {} is read as {what}", hdus[k].0));
            }
        }
        if let Some(k) = mask {
            let (bits, what) = marks(fits, k)?;
            found.mask = Some((k, bits));
            found
                .notes
                .push(format!("pixels of HDU {} {what} are masked", hdus[k].0));
        }
        let used = [
            Some(hdu),
            found.noise.map(|n| n.0),
            found.mask.map(|m| m.0),
            found.psf,
        ];
        for (k, (name, other)) in hdus.iter().enumerate() {
            if matches!(other, Hdu::Image(axes) if axes.len() >= 2) && !used.contains(&Some(k)) {
                let name = if name.is_empty() {
                    String::new()
                } else {
                    format!(" ({name})")
                };
                found.notes.push(format!("HDU {k}{name} is not read"));
            }
        }
        Ok(found)
    }

    /// Inverse variances, 0 where masked and infinite where unknown, of as many pixels as `get` reads of
    /// an HDU; `None` where nothing is known of them.
    pub fn ivar(&self, mut get: impl FnMut(usize) -> Result<Vec<f64>>) -> Result<Option<Vec<f64>>> {
        let mut ivar = match self.noise {
            None => None,
            Some((hdu, kind)) => {
                let invert = |v: f64| {
                    if v > 0.0 && v.is_finite() {
                        v.recip()
                    } else {
                        0.0
                    }
                };
                let values = get(hdu)?.into_iter();
                Some(match kind {
                    Noise::Ivar => values.collect::<Vec<f64>>(),
                    Noise::Variance => values.map(invert).collect(),
                    // Of a negative one nothing is known.
                    Noise::Sigma => values.map(|s| invert(s * s.max(0.0))).collect(),
                })
            }
        };
        if let Some((hdu, bits)) = self.mask {
            let marks = get(hdu)?;
            let ivar = ivar.get_or_insert_with(|| vec![f64::INFINITY; marks.len()]);
            for (v, mark) in ivar.iter_mut().zip(marks) {
                if mark.is_nan() || (mark as i64) & bits != 0 {
                    *v = 0.0;
                }
            }
        }
        Ok(ivar)
    }
}

/// The bits that mark a bad pixel in the mask of HDU `hdu`, all of them where none has a name; in words.
fn marks(fits: &mut Fits, hdu: usize) -> Result<(i64, String)> {
    fits.seek(hdu)?;
    let mut bits = 0;
    let mut named = Vec::new();
    for plane in PLANES {
        let bit = fits
            .number_key(&format!("MP_{plane}"))
            .filter(|b| (0.0..53.0).contains(b));
        if let Some(bit) = bit {
            bits |= 1i64 << bit as u32;
            named.push(plane);
        }
    }
    Ok(match named.is_empty() {
        true => (-1, "≠ 0".to_owned()),
        false => (bits, format!("with {}", named.join(", "))),
    })
}

/// Refuses HDUs that by their names hold the noise of images, none of which has their `shape`.
fn none_of_another_shape(
    fits: &Fits,
    hdus: &[(String, Hdu)],
    shape: &Hdu,
    noise: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let axes = |hdu: &Hdu| match hdu {
        Hdu::Image(axes) if axes.len() >= 2 => Some(axes.clone()),
        _ => None,
    };
    let other = hdus
        .iter()
        .find(|(name, hdu)| noise(name) && axes(hdu).is_some());
    match other {
        None => Ok(()),
        Some((name, hdu)) => Err(fits.error(
            &format!("HDU {name}"),
            &format!("shape {:?}", axes(hdu).unwrap_or_default()),
            &format!(
                "the shape of the images, {:?}",
                axes(shape).unwrap_or_default()
            ),
            "correct the file, or give survey.source.datasets.ivar = \"\": no noise is read",
        )),
    }
}

/// The HDU with the point-spread functions.
fn psf(fits: &Fits, hdus: &[(String, Hdu)], names: &ImageDatasets) -> Result<Option<usize>> {
    if names.psf.is_empty() {
        return Ok(None);
    }
    let image = |hdu: &Hdu| matches!(hdu, Hdu::Image(axes) if axes.len() >= 2);
    let named = |(name, hdu): &(String, Hdu)| name.eq_ignore_ascii_case(&names.psf) && image(hdu);
    match hdus.iter().position(named) {
        None if names.psf != ImageDatasets::default().psf => Err(fits.error(
            &format!("HDU {}", names.psf),
            "no image HDU of this name",
            "what survey.source.datasets.psf names",
            "name another HDU (selfsi inspect shows which there are)",
        )),
        found => Ok(found),
    }
}

fn missing(fits: &Fits, name: &str) -> Error {
    fits.error(
        &format!("HDU {name}"),
        "no image HDU of this name and of the images' shape",
        "what survey.source.datasets names",
        "name another HDU (selfsi inspect shows which there are)",
    )
}
