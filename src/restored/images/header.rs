//! What a file of restored images says of itself: the same keys in FITS and HDF5.

use crate::data::Provenance;
use crate::data::provenance::{Key, flag_keys};
use crate::data::{Bands, ImageLayout, PixelScale};
use crate::files::stack::{self, Plan};
use crate::files::units::inverse_square;
use crate::files::version;
use crate::restored::image::Image;

/// CONTENT of every such file: what tells it from a restored catalog of spectra.
pub(crate) const CONTENT: &str = "images";
/// The image of all draws, and the key that says that there is one.
pub(super) const DRAWS: &str = "DRAWS";

/// What a file of restored images says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredImagesHeader {
    /// Shape and scale of the images.
    pub layout: ImageLayout,
    /// Units and filters of the channels.
    pub bands: Bands,
    /// Whether the noise level of any pixel is known: without one there is no IVAR.
    pub noise_known: bool,
    /// Whether the table holds measured shapes.
    pub shapes: bool,
    /// Whether the file holds all draws of each image.
    pub all_draws: bool,
    /// How they were made.
    pub made: Provenance,
}

impl RestoredImagesHeader {
    /// The images of the file, in its order.
    #[must_use]
    pub fn images(&self) -> Vec<String> {
        let images = self.kinds().into_iter();
        images.map(|i| i.name(&self.made)).collect()
    }

    /// As [`RestoredImagesHeader::images`], by what they are.
    pub(crate) fn kinds(&self) -> Vec<Image> {
        let mut images = vec![Image::Restored];
        if self.made.uncertain() {
            images.push(Image::Sigma);
            images.extend(self.made.prior.then_some(Image::SigmaPrior));
        }
        if self.made.method.is_random() {
            images.push(Image::Draw);
        }
        images.extend((0..self.made.quantiles.len()).map(Image::Quantile));
        images.push(Image::Observed);
        if self.noise_known {
            images.push(Image::Ivar);
        }
        images
    }

    /// Axes of every image of `n` rows, slowest first.
    pub(crate) fn shape(&self, n: usize) -> Vec<usize> {
        self.layout.axes(n)
    }

    /// The file of `rows` objects.
    pub(crate) fn plan(&self, rows: usize) -> Plan<'_> {
        let unit = Some(self.bands.unit().to_owned()).filter(|u| !u.is_empty());
        let draws = || stack::Image {
            name: DRAWS.to_owned(),
            unit: unit.clone(),
        };
        let image = |kind: Image| stack::Image {
            name: kind.name(&self.made),
            unit: match kind {
                Image::Ivar => inverse_square(self.bands.unit()),
                _ => unit.clone(),
            },
        };
        Plan {
            keys: self.keys(),
            history: &self.made.history,
            images: self.kinds().into_iter().map(image).collect(),
            draws: (self.all_draws).then(|| (draws(), self.made.draws)),
            shape: self.shape(rows),
            spectral: None,
        }
    }

    fn keys(&self) -> Vec<Key> {
        let l = &self.layout;
        let noise = if self.noise_known { "known" } else { "unknown" };
        let mut keys = vec![
            Key::text("CONTENT", CONTENT, "what was restored"),
            Key::text("PIXUNIT", self.bands.unit(), "unit of the pixels"),
            Key::text("NOISE", noise, "noise level of OBSERVED; unknown: no IVAR"),
            Key::whole("NVECTOR", l.vector as i64, "numbers known of a corruption"),
            Key::whole("NPLANES", l.planes as i64, "planes known of a corruption"),
        ];
        let each = |stem: &str, all: &[String], what: &'static str| -> Vec<Key> {
            let known = all.iter().enumerate().filter(|(_, text)| !text.is_empty());
            known
                .map(|(c, text)| Key::text(&format!("{stem}{}", c + 1), text, what))
                .collect()
        };
        if self.bands.unit().is_empty() {
            keys.extend(each("PIXUNIT", &self.bands.units, "unit of the channel"));
        }
        keys.extend(each("FILTER", &self.bands.filters, "filter of the channel"));
        if self.shapes {
            keys.push(Key::text(
                "SHAPES",
                "measured",
                "FLUX, RADIUS, E1, E2 over the draws",
            ));
        }
        if self.all_draws {
            keys.push(Key::text(DRAWS, "saved", "all draws of each image"));
        }
        keys.extend(version::RESTORED_IMAGES.keys());
        keys.extend(scale_keys(&l.scale));
        keys.extend(self.made.quantile_keys());
        keys.extend(flag_keys());
        keys.extend(self.made.keys());
        keys
    }

    /// The header of a file whose images have axes `shape` and whose keys `get` gives as text; or
    /// what is wrong with it.
    pub(crate) fn read(
        shape: &[usize],
        get: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let (channels, height, width) = match *shape {
            [_, h, w] => (1, h, w),
            [_, c, h, w] => (c, h, w),
            _ => return Err(format!("images of shape {shape:?}")),
        };
        let mut numbers = |stem: &str| -> Vec<f64> {
            let number = |i: usize| get(&format!("{stem}{i}"))?.parse().ok();
            (1..).map_while(number).collect()
        };
        let (mean, std, quantiles) = (numbers("MEAN"), numbers("STD"), numbers("QUANT"));
        if mean.len() != channels || std.len() != channels {
            return Err(format!("no MEAN and STD for each of {channels} channels"));
        }
        let mut text = |name: &str| get(name).unwrap_or_default();
        let softening = text("SOFTEN").parse().ok();
        let mut count = |name: &str| text(name).parse().unwrap_or(0);
        Ok(Self {
            layout: ImageLayout {
                channels,
                height,
                width,
                scale: PixelScale {
                    softening,
                    mean,
                    std,
                },
                vector: count("NVECTOR"),
                planes: count("NPLANES"),
                psf: 0,
            },
            noise_known: text("NOISE") == "known",
            shapes: text("SHAPES") == "measured",
            all_draws: text(DRAWS) == "saved",
            bands: {
                let mut each = |stem: &str| -> Vec<String> {
                    (1..=channels)
                        .map(|c| text(&format!("{stem}{c}")))
                        .collect()
                };
                let (units, filters) = (each("PIXUNIT"), each("FILTER"));
                Bands { units, filters }.or(&Bands::of(channels, &[text("PIXUNIT")], &[]))
            },
            made: Provenance::read(quantiles, get)?,
        })
    }
}

/// How the pixels were brought to order 1 for the network.
pub(crate) fn scale_keys(scale: &PixelScale) -> Vec<Key> {
    let softening = scale.softening.iter();
    let mut keys: Vec<Key> = softening
        .map(|s| Key::real("SOFTEN", *s, "softening of the asinh stretch"))
        .collect();
    for (i, (mean, std)) in scale.mean.iter().zip(&scale.std).enumerate() {
        let name = |stem: &str| format!("{stem}{}", i + 1);
        keys.push(Key::real(&name("MEAN"), *mean, "stretched: training mean"));
        keys.push(Key::real(&name("STD"), *std, "stretched: training std"));
    }
    keys
}

/// Whether the keys are those of restored images, or what they are of instead.
pub(crate) fn check(get: &mut dyn FnMut(&str) -> Option<String>) -> Result<(), String> {
    if !get("CREATOR").unwrap_or_default().starts_with("selfsi") {
        return Err("CREATOR is not selfsi".into());
    }
    match get("CONTENT").as_deref() {
        Some(CONTENT) => version::RESTORED_IMAGES.check(get),
        _ => Err("restored spectra, not images".into()),
    }
}
