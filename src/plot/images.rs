//! Images before and after: one column per object, one row per kind of image.

use super::canvas::{Drawn, INK, MASKED, Picture, legend, text};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Side of a panel that is aimed at, in pixels of the picture.
const SIDE: usize = 128;
/// Room for the labels of rows, and between panels.
const LEFT: usize = 96;
const GAP: usize = 6;
const TITLES: usize = 34;
const LINE: usize = 20;
/// Width of a letter of the titles, roughly.
const LETTER: usize = 7;
const NARROWEST: usize = 640;

/// One kind of image of all objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRow {
    /// What the row shows.
    pub label: String,
    /// Colours [H · W], row by row, the first row at the top; `None` where the object has no such
    /// image.
    pub panels: Vec<Option<Vec<Shade>>>,
}

/// The colour of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// Red, green, blue.
    Colour([u8; 3]),
    /// A pixel without a value.
    Masked,
}

/// A grid of images, enlarged without interpolation.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageGrid {
    /// Pixels of every image.
    pub height: usize,
    /// Columns of pixels of every image.
    pub width: usize,
    /// One title per object.
    pub titles: Vec<String>,
    /// From top to bottom.
    pub rows: Vec<ImageRow>,
    /// What is shown and how, line by line below the grid.
    pub notes: Vec<String>,
}

impl ImageGrid {
    /// Pixels of the picture per pixel of an image.
    #[must_use]
    pub fn zoom(&self) -> usize {
        (SIDE / self.height.max(self.width).max(1)).max(1)
    }

    /// Upper left corner of a panel.
    #[must_use]
    pub fn corner(&self, row: usize, column: usize) -> (usize, usize) {
        let zoom = self.zoom();
        (
            LEFT + column * (zoom * self.width + GAP),
            TITLES + row * (zoom * self.height + GAP),
        )
    }

    fn masked(&self) -> bool {
        let panels = self.rows.iter().flat_map(|r| r.panels.iter().flatten());
        panels.flatten().any(|s| *s == Shade::Masked)
    }
}

impl Picture for ImageGrid {
    fn size(&self) -> (u32, u32) {
        let (x, y) = self.corner(self.rows.len(), self.titles.len());
        let lines = self.notes.len() + usize::from(self.masked());
        (x.max(NARROWEST) as u32, (y + (lines + 1) * LINE) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        let (zoom, at) = (self.zoom(), |v: usize| v as i32);
        for (column, title) in self.titles.iter().enumerate() {
            let (x, _) = self.corner(0, column);
            let room = (zoom * self.width / LETTER).max(3);
            root.draw(&Text::new(
                shortened(title, room),
                (at(x), 14),
                text(14, INK),
            ))?;
        }
        for (row, images) in self.rows.iter().enumerate() {
            let (_, y) = self.corner(row, 0);
            let middle = y + zoom * self.height / 2 - 8;
            root.draw(&Text::new(
                images.label.clone(),
                (8, at(middle)),
                text(16, INK),
            ))?;
            for (column, panel) in images.panels.iter().enumerate() {
                if let Some(panel) = panel {
                    self.panel(root, self.corner(row, column), panel)?;
                }
            }
        }
        let (_, mut y) = self.corner(self.rows.len(), 0);
        for note in &self.notes {
            root.draw(&Text::new(note.clone(), (8, at(y)), text(15, INK)))?;
            y += LINE;
        }
        if self.masked() {
            legend(root, (8, at(y)), &[("masked", MASKED)])?;
        }
        Ok(())
    }
}

impl ImageGrid {
    /// Runs of one colour are one rectangle: few elements in an SVG.
    fn panel<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        corner: (usize, usize),
        panel: &[Shade],
    ) -> Drawn<DB> {
        let zoom = self.zoom();
        for (line, shades) in panel.chunks(self.width).enumerate() {
            let mut from = 0;
            for run in shades.chunk_by(|a, b| a == b) {
                let colour = match run[0] {
                    Shade::Colour([r, g, b]) => RGBColor(r, g, b),
                    Shade::Masked => MASKED,
                };
                let (x, y) = (corner.0 + from * zoom, corner.1 + line * zoom);
                let (right, bottom) = (x + run.len() * zoom, y + zoom);
                root.draw(&Rectangle::new(
                    [(x as i32, y as i32), (right as i32, bottom as i32)],
                    colour.filled(),
                ))?;
                from += run.len();
            }
        }
        Ok(())
    }
}

/// `title` in at most `room` letters.
fn shortened(title: &str, room: usize) -> String {
    if title.chars().count() <= room {
        return title.to_owned();
    }
    // The end of a name tells more than its beginning: it numbers.
    let skip = title.chars().count() + 1 - room;
    format!("…{}", title.chars().skip(skip).collect::<String>())
}

/// How values become brightness: 0 at `low`, 1 at `high`, linear or as asinh(v/softening).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The value of black.
    pub low: f64,
    /// The value of white.
    pub high: f64,
    /// Of the asinh; `None`: linear.
    pub softening: Option<f64>,
}

impl Stretch {
    /// From the smallest to the largest of `values`; missing ones (NaN) aside.
    #[must_use]
    pub fn of(values: &[f32], softening: Option<f64>) -> Self {
        let finite = || {
            values
                .iter()
                .map(|v| f64::from(*v))
                .filter(|v| v.is_finite())
        };
        let (low, high) = (
            finite().fold(f64::NAN, f64::min),
            finite().fold(f64::NAN, f64::max),
        );
        Self {
            low,
            high,
            softening,
        }
    }

    /// The brightness of `v`, 0 to 255.
    #[must_use]
    pub fn shade(&self, v: f64) -> u8 {
        let stretched = |v: f64| self.softening.map_or(v, |s| (v / s).asinh());
        let (low, high) = (stretched(self.low), stretched(self.high));
        let range = if high > low { high - low } else { 1.0 };
        (255.0 * (stretched(v) - low) / range)
            .round()
            .clamp(0.0, 255.0) as u8
    }

    /// An image [C · H · W] as colours [H · W]: RGB for three channels, else the grey of their mean.
    /// A pixel with a missing channel counts as masked.
    #[must_use]
    pub fn shades(&self, image: &[f32], channels: usize) -> Vec<Shade> {
        let plane = image.len() / channels;
        let pixel = |j: usize| {
            let values: Vec<f64> = (0..channels)
                .map(|c| f64::from(image[c * plane + j]))
                .collect();
            match values[..] {
                _ if values.iter().any(|v| !v.is_finite()) => Shade::Masked,
                [r, g, b] => Shade::Colour([r, g, b].map(|v| self.shade(v))),
                _ => {
                    let mean = values.iter().sum::<f64>() / channels as f64;
                    Shade::Colour([self.shade(mean); 3])
                }
            }
        };
        (0..plane).map(pixel).collect()
    }
}
