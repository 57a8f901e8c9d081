//! The grid of a survey of spectra: of the observed frame, or of the rest frame where the redshifts differ too
//! much for one window of observed wavelengths.

use super::draft::Table;
use super::given::{gives, number, text};
use super::spectra::Seen;
use crate::config::Frame;
use crate::{Error, Result};

/// Pixels of the grid, at most, and what their number is a multiple of: the network halves it.
const MOST: f64 = 4096.0;
const MULTIPLE: f64 = 32.0;
/// Up to so many pixels of the files in the range the grid has as many, beyond it half as many.
const FINE: f64 = 1536.0;
/// Pixels of a grid of the rest frame at most: the covariance of all with all is learned.
const MOST_AT_REST: f64 = 2304.0;
/// A wider range of redshifts has no lines in one place …
pub(super) const WIDE: f64 = 0.6;
/// … and this part of the objects on either side does not count: a few stars make no survey of all redshifts.
const TAILS: f64 = 0.05;
/// Rest wavelengths that a smaller part of the spectra shows are left out …
const SHOWN: f64 = 0.05;
/// … and those below: next to no light passes the Lyman limit, 911.8 Å.
const BLUEST: f64 = 900.0;

/// A grid in the making.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub frame: Frame,
    /// Å, in its frame.
    pub range: [f64; 2],
    pub pixels: f64,
    /// Pixels of the files in one of the grid.
    ratio: f64,
}

impl Grid {
    /// For what was seen, and what the user gave.
    ///
    /// # Errors
    /// [`Error::Config`] if most spectra have no wavelengths in common.
    pub fn new(seen: &Seen, set: &[String]) -> Result<Self> {
        let frame = frame(seen, set);
        let found = match frame {
            Frame::Observed => seen.coverage().map(|w| w / 10.0),
            Frame::Rest => at_rest(seen).map(|w| w / 10.0),
        };
        let [low, high] = [found[0].ceil() * 10.0, found[1].floor() * 10.0];
        let low = number(set, "grid.min").unwrap_or(low);
        let high = number(set, "grid.max").unwrap_or(high);
        if low.is_nan() || high.is_nan() || low >= high {
            let problem = "most spectra have no range of wavelengths in common";
            let fix =
                "give --set grid.min=... and --set grid.max=... in Å, or a part of the spectra";
            return Err(Error::config("selfsi init", "grid", problem, fix));
        }
        let native = (high / low).log10() / seen.width;
        let given = number(set, "grid.pixels");
        if frame == Frame::Observed {
            let wanted = if native > FINE { native / 2.0 } else { native };
            let rounded = ((wanted / MULTIPLE).round() * MULTIPLE).clamp(4.0 * MULTIPLE, MOST);
            let pixels = given.unwrap_or(rounded);
            return Ok(Self {
                frame,
                range: [low, high],
                pixels,
                ratio: native / pixels,
            });
        }
        // Whole pixels of the files, so that noise stays white.
        let ratio = (native / given.unwrap_or(MOST_AT_REST)).ceil();
        let fit = (native / ratio / MULTIPLE).floor() * MULTIPLE;
        let pixels = given.unwrap_or(fit.max(4.0 * MULTIPLE));
        let high = match gives(set, "grid.max") {
            true => high,
            false => low * 10f64.powf(pixels * ratio * seen.width),
        };
        Ok(Self {
            frame,
            range: [low, high],
            pixels,
            ratio: (high / low).log10() / seen.width / pixels,
        })
    }

    /// Width of a pixel, dex.
    pub fn width(&self) -> f64 {
        (self.range[1] / self.range[0]).log10() / self.pixels
    }

    /// `[grid]`.
    pub fn table(&self, seen: &Seen) -> Table {
        let ([low, high], n) = (self.range, self.pixels as i64);
        let each = format!("each {:.1} of the files' pixels wide", self.ratio);
        if self.frame == Frame::Observed {
            return Table::new("grid")
                .question("less than this, if only a part matters: it costs less, and [normalise] may lie outside")
                .key("min", low, "Å, vacuum, observed frame: nine spectra in ten begin before it")
                .key("max", high, "Å: nine in ten end after it")
                .key("pixels", n, each);
        }
        let whole = match seen.is_even && (self.ratio - self.ratio.round()).abs() < 1e-6 {
            true => format!(
                "each {:.0} whole pixels of the files: noise stays white",
                self.ratio
            ),
            false => each,
        };
        Table::new("grid")
            .question("less than this, if only some lines matter: it costs less")
            .key(
                "frame",
                "rest",
                "z differs too much for one window: each spectrum is moved by its redshift",
            )
            .key(
                "min",
                low,
                "Å, vacuum, rest frame; what a spectrum does not show is masked",
            )
            .key(
                "max",
                high,
                format!(
                    "Å: fewer than {:.0} % of the spectra show what lies beyond",
                    100.0 * SHOWN
                ),
            )
            .key("pixels", n, whole)
    }
}

/// The frame: as given, the observed one where the range is given without it, else by the redshifts.
fn frame(seen: &Seen, set: &[String]) -> Frame {
    match text(set, "grid.frame").as_deref() {
        Some("rest") => return Frame::Rest,
        Some(_) => return Frame::Observed,
        None => (),
    }
    let bounds = ["grid.min", "grid.max"].iter().any(|key| gives(set, key));
    let least = number(set, "select.z_min").unwrap_or(f64::NEG_INFINITY);
    let most = number(set, "select.z_max").unwrap_or(f64::INFINITY);
    let mut z: Vec<f64> = seen.redshifts.clone();
    z.retain(|z| z.is_finite() && (least..=most).contains(z));
    z.sort_by(f64::total_cmp);
    let tail = (TAILS * z.len() as f64) as usize;
    let wide = z.len() > 2 * tail && z[z.len() - 1 - tail] - z[tail] > WIDE;
    match wide && !bounds {
        true => Frame::Rest,
        false => Frame::Observed,
    }
}

/// First and last rest wavelength that enough of the spectra show, Å.
fn at_rest(seen: &Seen) -> [f64; 2] {
    let shown = seen.at_rest();
    let enough = (SHOWN * shown.len() as f64).ceil().max(1.0) as usize;
    // Where the number of spectra that have begun and not ended reaches `enough`, from either side.
    let mut steps: Vec<(f64, i64)> = shown
        .iter()
        .flat_map(|[a, b]| [(*a, 1), (*b, -1)])
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let (mut open, mut found) = (0, [f64::NAN; 2]);
    for (at, step) in steps {
        let before = open;
        open += step;
        if open >= enough as i64 && found[0].is_nan() {
            found[0] = at;
        }
        if before >= enough as i64 && open < enough as i64 {
            found[1] = at;
        }
    }
    [found[0].max(BLUEST), found[1]]
}
