//! PNG and SVG files, drawn with an embedded font: the same picture on every machine.

use crate::base::atomic;
use crate::config::Frame;
use crate::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontFamily, register_font};
use std::path::Path;
use std::sync::OnceLock;

/// Something that can be drawn on any backend.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws on the whole of `root`, which is white.
    ///
    /// # Errors
    /// The backend's.
    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB>;
}

/// The name of a wavelength axis.
pub(super) fn axis_name(frame: Frame) -> &'static str {
    match frame {
        Frame::Observed => "observed wavelength [Å, vacuum]",
        Frame::Rest => "rest wavelength [Å, vacuum]",
    }
}

/// The result of drawing on a backend.
pub type Drawn<DB> =
    std::result::Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Draws `picture` into `path`: PNG or SVG, as its extension says.
///
/// # Errors
/// [`Error::Output`] for another extension, or if the file cannot be written.
pub fn save(path: &Path, picture: &impl Picture) -> Result<()> {
    fonts(path)?;
    let failed = |e: &dyn std::fmt::Display| Error::output(path, e, "report this with the command");
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let (width, height) = picture.size();
    match extension.as_deref() {
        Some("png") => {
            let mut pixels = vec![0; 3 * width as usize * height as usize];
            {
                let root =
                    BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
                root.fill(&WHITE)
                    .and_then(|()| picture.draw(&root))
                    .map_err(|e| failed(&e))?;
                root.present().map_err(|e| failed(&e))?;
            }
            let mut bytes = Vec::new();
            encode(&mut bytes, &pixels, width, height).map_err(|e| failed(&e))?;
            atomic::write(path, &bytes)
        }
        Some("svg") => {
            let mut text = String::new();
            {
                let root = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
                root.fill(&WHITE)
                    .and_then(|()| picture.draw(&root))
                    .map_err(|e| failed(&e))?;
                root.present().map_err(|e| failed(&e))?;
            }
            atomic::write(path, text.as_bytes())
        }
        _ => Err(Error::output(
            path,
            "the extension is neither .png nor .svg",
            "name it e.g. spectra.png",
        )),
    }
}

fn encode(
    bytes: &mut Vec<u8>,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> std::result::Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Plots are mostly runs of one colour: no filter and all of deflate make them three times smaller. The
    // filter comes second, since a compression brings one of its own.
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

/// Registers the embedded font, once per process.
fn fonts(path: &Path) -> Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        register_font(
            "sans-serif",
            FontStyle::Normal,
            epaint_default_fonts::UBUNTU_LIGHT,
        )
        .is_ok()
    });
    if *done {
        Ok(())
    } else {
        Err(Error::output(
            path,
            "the embedded font is unusable",
            "report this",
        ))
    }
}

/// Text of `size` pixels in `colour`.
#[must_use]
pub fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    (FontFamily::SansSerif, size).into_font().color(&colour)
}

/// Colours, distinguishable also by the colour-blind (Okabe and Ito).
pub const OBSERVED: RGBColor = RGBColor(165, 165, 165);
pub const RESTORED: RGBColor = RGBColor(0, 114, 178);
pub const TRUTH: RGBColor = RGBColor(213, 94, 0);
pub const DRAW: RGBColor = RGBColor(0, 158, 115);
pub const SMOOTHED: RGBColor = RGBColor(204, 121, 167);
pub const MASKED: RGBColor = RGBColor(240, 228, 66);
pub const INK: RGBColor = RGBColor(40, 40, 40);
pub const FAINT: RGBColor = RGBColor(190, 190, 190);

/// Draws a legend in one line from `at`: coloured strokes with their names.
///
/// # Errors
/// The backend's.
pub fn legend<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    at: (i32, i32),
    entries: &[(&str, RGBColor)],
) -> Drawn<DB> {
    let (mut x, y) = at;
    for (name, colour) in entries {
        root.draw(&Rectangle::new(
            [(x, y + 7), (x + 34, y + 12)],
            colour.filled(),
        ))?;
        root.draw(&Text::new((*name).to_owned(), (x + 42, y), text(20, INK)))?;
        x += 80 + 10 * name.chars().count() as i32;
    }
    Ok(())
}

/// The points of a line, cut where a value is missing and held inside `range`, so that nothing is
/// drawn over the frame.
#[must_use]
pub fn pieces(
    x: &[f64],
    y: impl Iterator<Item = Option<f64>>,
    range: &std::ops::Range<f64>,
) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = vec![Vec::new()];
    for (x, y) in x.iter().zip(y) {
        match (y, pieces.last_mut()) {
            (Some(y), Some(piece)) if y.is_finite() => {
                piece.push((*x, y.clamp(range.start, range.end)))
            }
            (_, Some(piece)) if !piece.is_empty() => pieces.push(Vec::new()),
            _ => {}
        }
    }
    pieces.retain(|p| !p.is_empty());
    pieces
}
