//! The survey: object `i` is a function of the seed and `i` alone, whatever the number of threads
//! and whatever grid is asked for.

use super::bal;
use super::bal::Outflow;
use super::damped;
use super::damped::Damped;
use super::factors::Factors;
use super::fine;
use super::fine::{Fine, OVERSAMPLING};
use super::forest::Forest;
use super::lines::{Line, line_list};
use super::quasar::Quasar;
use crate::config::{Frame, MockConfig, PopulationConfig, Redshifts};
use crate::data::{LogGrid, Object};
use crate::prepare::z_grid;
use crate::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bluest wavelength for which lines of sight are laid out, Å: fixed, so that a line of sight does
/// not depend on the grid. Narrower than any optical survey's blue end, less 10 % for smoothing.
const BLUE: f64 = 3200.0;
/// Spectra on one mock plate. Its numbers lie beyond those of any real SDSS plate.
const FIBERS: usize = 500;
const FIRST_PLATE: i64 = 20_001;

/// What a random stream is for: each (object, purpose) has its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Identity,
    Quasar,
    Forest,
    Damped,
    Observation,
    Outflow,
    Scores,
}

/// A mock survey: settings and shared tables.
pub struct Survey {
    seed: u64,
    z: (f64, f64),
    law: Redshifts,
    /// Parts of the quasars with broad absorption lines and with a damped system.
    kinds: (f64, Option<f64>),
    /// The window whose mean flux is an object's level, Å.
    window: (f64, f64),
    lines: Vec<Line>,
    factors: Option<Factors>,
    forest: Forest,
}

/// A clean spectrum and what it was made from.
#[derive(Debug, Clone)]
pub struct Clean {
    /// The parameters.
    pub quasar: Quasar,
    /// The flux, before the instrument.
    pub spectrum: Fine,
}

impl Survey {
    /// A survey of the quasars of `config`, their level being the mean flux in `window` Å.
    ///
    /// # Errors
    /// As [`line_list`] and [`Factors::read`].
    pub fn new(seed: u64, config: &MockConfig, window: (f64, f64)) -> Result<Self> {
        let z = (config.z_min, config.z_max);
        Ok(Self {
            seed,
            z,
            law: config.redshifts,
            kinds: (config.bal, config.dla),
            window,
            lines: line_list()?,
            factors: match &config.population {
                PopulationConfig::Lines => None,
                PopulationConfig::Factors { file, beyond } => Some(Factors::read(file, *beyond)?),
            },
            forest: Forest::new(z.1, BLUE),
        })
    }

    /// The window whose mean flux is an object's level, Å.
    #[must_use]
    pub fn window(&self) -> (f64, f64) {
        self.window
    }

    /// The emission lines, in the order of [`Quasar::lines`].
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The factor model that its quasars are drawn from, if they are.
    #[must_use]
    pub fn factors(&self) -> Option<&Factors> {
        self.factors.as_ref()
    }

    /// Whether the spectra show the lines of the list at the rest wavelength `rest`, Å.
    #[must_use]
    pub fn has_lines_at(&self, rest: f64) -> bool {
        self.factors.as_ref().is_none_or(|f| {
            let [first, last] = f.range();
            f.is_extended() && !(first..=last).contains(&rest)
        })
    }

    /// Rest wavelengths, Å, of which the spectra on `grid` and the level's window are made, and those of
    /// spectra observed over `observed` Å.
    fn needed(&self, grid: &LogGrid, observed: Option<[f64; 2]>) -> [f64; 2] {
        let at_rest = |[blue, red]: [f64; 2]| [blue / (1.0 + self.z.1), red / (1.0 + self.z.0)];
        let (first, n) = span(grid);
        let own = [first, first + n as i64].map(|i| 10f64.powf(fine::loglam(i)));
        let own = match grid.frame {
            Frame::Observed => at_rest(own),
            // Moved by whole pixels.
            Frame::Rest => [own[0] * (1.0 - grid.dln()), own[1] * (1.0 + grid.dln())],
        };
        let more = [Some(self.window.into()), observed]
            .into_iter()
            .flatten()
            .map(at_rest);
        more.fold(own, |a, b| [a[0].min(b[0]), a[1].max(b[1])])
    }

    /// Checks that the population has all wavelengths of which the spectra on `grid`, the level's window and
    /// spectra observed over `observed` Å are made.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file of the factor model and both ranges.
    pub fn check_covers(
        &self,
        config: &MockConfig,
        grid: &LogGrid,
        observed: Option<[f64; 2]>,
    ) -> Result<()> {
        let (Some(factors), Some(file)) = (&self.factors, config.population.file()) else {
            return Ok(());
        };
        let ([low, high], [first, last]) = (self.needed(grid, observed), factors.range());
        if factors.is_extended() || (first <= low && high <= last) {
            return Ok(());
        }
        Err(Error::input(
            file,
            "dataset wavelength",
            format!(
                "{first:.0} to {last:.0} Å, and this survey shows rest wavelengths {low:.0} to {high:.0} Å"
            ),
            "a model of all rest wavelengths that are observed, on the grid or in the window of the level",
            "give mock.population.beyond = \"lines\" (the line list beyond the model), or narrow mock.z_min, mock.z_max, mock.wavelength and grid",
        ))
    }

    pub(super) fn rng(&self, i: usize, purpose: Purpose) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(8 * i as u64 + purpose as u64);
        rng
    }

    /// Redshift, level, continuum and lines of object `i`.
    #[must_use]
    pub fn quasar(&self, i: usize) -> Quasar {
        let rng = &mut self.rng(i, Purpose::Quasar);
        let mut quasar = Quasar::draw(rng, self.z, self.law, &self.lines);
        if let Some(factors) = &self.factors {
            quasar.scores = factors.draw(&mut self.rng(i, Purpose::Scores));
        }
        quasar
    }

    /// The unabsorbed spectrum of `quasar` at the rest wavelengths `rest` (Å, ascending), in units of its own.
    fn unscaled(&self, quasar: &Quasar, rest: &[f64]) -> Vec<f64> {
        match &self.factors {
            None => quasar.emission(rest),
            Some(factors) => factors.emission(quasar, rest),
        }
    }

    /// Identity and position of object `i`; its redshift is the one of [`Survey::quasar`].
    #[must_use]
    pub fn object(&self, i: usize) -> Object {
        let mut rng = self.rng(i, Purpose::Identity);
        let plate = i / FIBERS;
        // Plates tile the sky in a spiral; objects lie within 1.5 degrees of their plate's centre.
        let turn = plate as f64 * 0.618_033_988_75;
        let (ra0, dec0) = (
            360.0 * turn.fract(),
            -10.0 + 70.0 * (plate as f64 * 0.754_877_666).fract(),
        );
        let dec = dec0 + 3.0 * (rng.random::<f64>() - 0.5);
        let ra =
            (ra0 + 3.0 * (rng.random::<f64>() - 0.5) / dec.to_radians().cos()).rem_euclid(360.0);
        Object {
            name: sdss_name(ra, dec),
            plate: FIRST_PLATE + plate as i64,
            mjd: 59_000 + plate as i64,
            fiberid: (i % FIBERS) as i64 + 1,
            thing_id: 900_000_001 + i as i64,
            ra,
            dec,
            z: self.quasar(i).z,
            ..Object::default()
        }
    }

    /// The damped systems in front of object `i`.
    #[must_use]
    pub fn damped(&self, i: usize) -> Vec<Damped> {
        let z = self.quasar(i).z;
        let z_min = (BLUE / 1215.67 - 1.0).clamp(0.0, z);
        let rng = &mut self.rng(i, Purpose::Damped);
        match self.kinds.1 {
            None => damped::draw(rng, z_min, z),
            Some(part) => damped::draw_one(rng, part, z_min, z),
        }
    }

    /// Its outflow, if it has one.
    #[must_use]
    pub fn outflow(&self, i: usize) -> Option<Outflow> {
        bal::draw(&mut self.rng(i, Purpose::Outflow), self.kinds.0)
    }

    /// The clean spectrum of object `i` in fine pixels that cover `blue` to `red` Å, in
    /// 1e-17 erg/s/cm²/Å.
    #[must_use]
    pub fn clean(&self, i: usize, blue: f64, red: f64) -> Clean {
        let (first, n) = pixels(blue.log10(), red.log10());
        self.clean_pixels(i, first, n)
    }

    fn clean_pixels(&self, i: usize, first: i64, n: usize) -> Clean {
        let quasar = self.quasar(i);
        let mut flux = self.emission(&quasar, first, n);
        // Nothing absorbs redward of the quasar's Lyα but the wings of damped systems.
        let z = quasar.z;
        let mut transmission =
            self.forest
                .transmission(&mut self.rng(i, Purpose::Forest), z, first, n);
        for d in self.damped(i) {
            damped::absorb(d, first, &mut transmission);
        }
        if let Some(flow) = self.outflow(i) {
            flow.absorb(z, first, &mut transmission);
        }
        for (f, t) in flux.iter_mut().zip(transmission) {
            *f *= t;
        }
        Clean {
            quasar,
            spectrum: Fine { first, flux },
        }
    }

    /// The redshift by which SDSS spectra of object `i` are moved to `grid`: [`Object::z_grid`].
    #[must_use]
    pub fn z_grid(&self, i: usize, grid: &LogGrid) -> f64 {
        z_grid(grid, self.quasar(i).z)
    }

    /// Where the pixels of `grid` were observed of object `i`.
    fn observed(&self, i: usize, grid: &LogGrid) -> LogGrid {
        LogGrid {
            loglam0: grid.loglam0 + (1.0 + self.z_grid(i, grid)).log10(),
            ..*grid
        }
        .in_frame(Frame::Observed)
    }

    /// The clean spectrum of object `i` averaged over the pixels of `grid`, `[D]`.
    #[must_use]
    pub fn clean_on(&self, i: usize, grid: &LogGrid) -> (Quasar, Vec<f32>) {
        let grid = &self.observed(i, grid);
        let (first, n) = span(grid);
        let clean = self.clean_pixels(i, first, n);
        let flux = clean.spectrum.rebin(grid);
        (clean.quasar, flux.iter().map(|f| *f as f32).collect())
    }

    /// The spectrum of object `i` before any absorption, averaged over the pixels of `grid`, `[D]`.
    #[must_use]
    pub fn unabsorbed_on(&self, i: usize, grid: &LogGrid) -> Vec<f32> {
        let grid = &self.observed(i, grid);
        let (first, n) = span(grid);
        let spectrum = Fine {
            first,
            flux: self.emission(&self.quasar(i), first, n),
        };
        spectrum.rebin(grid).iter().map(|f| *f as f32).collect()
    }

    /// Unabsorbed spectrum in fine pixels: evaluated at every fourth, for it is smooth.
    pub(super) fn emission(&self, quasar: &Quasar, first: i64, n: usize) -> Vec<f64> {
        let coarse = OVERSAMPLING;
        let nodes: Vec<f64> = (0..n / coarse + 2)
            .map(|k| 10f64.powf(fine::loglam(first + (k * coarse) as i64)) / (1.0 + quasar.z))
            .collect();
        let scale = quasar.level / self.window_mean(quasar);
        let at = self.unscaled(quasar, &nodes);
        (0..n)
            .map(|i| {
                let (k, f) = (i / coarse, (i % coarse) as f64 / coarse as f64);
                scale * (at[k] * (1.0 - f) + at[k + 1] * f)
            })
            .collect()
    }

    /// Mean of the unscaled emission over the level's window: no forest lies there.
    fn window_mean(&self, quasar: &Quasar) -> f64 {
        const NODES: usize = 400;
        let (a, b) = self.window;
        let lambda: Vec<f64> = (0..NODES)
            .map(|k| a + (b - a) * (k as f64 + 0.5) / NODES as f64)
            .collect();
        let rest: Vec<f64> = lambda.iter().map(|l| l / (1.0 + quasar.z)).collect();
        self.unscaled(quasar, &rest).iter().sum::<f64>() / NODES as f64
    }
}

/// First fine pixel and number of fine pixels that cover `low` to `high` in log10 wavelength.
fn pixels(low: f64, high: f64) -> (i64, usize) {
    let first = fine::index(low) - 2;
    (first, (fine::index(high) + 3 - first).max(0) as usize)
}

/// As [`pixels`], for the outer edges of `grid`.
fn span(grid: &LogGrid) -> (i64, usize) {
    let low = grid.loglam0 - 0.5 * grid.dloglam;
    pixels(low, low + grid.pixels as f64 * grid.dloglam)
}

/// The SDSS form HHMMSS.ss±DDMMSS.s: truncated, not rounded.
fn sdss_name(ra: f64, dec: f64) -> String {
    let t = (ra / 15.0 * 3600.0 * 100.0) as i64;
    let d = (dec.abs() * 3600.0 * 10.0) as i64;
    format!(
        "{:02}{:02}{:02}.{:02}{}{:02}{:02}{:02}.{}",
        t / 360_000,
        t / 6000 % 60,
        t / 100 % 60,
        t % 100,
        if dec < 0.0 { '-' } else { '+' },
        d / 36_000,
        d / 600 % 60,
        d / 10 % 60,
        d % 10
    )
}

#[cfg(test)]
mod tests {
    use super::sdss_name;

    #[test]
    fn names_follow_the_iau_form_of_sdss() {
        assert_eq!(sdss_name(180.0, -1.5), "120000.00-013000.0");
        assert_eq!(sdss_name(0.0, 45.253_91), "000000.00+451514.0");
    }
}
