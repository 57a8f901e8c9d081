//! What a unit string says, in whichever of the spellings that surveys use.

use std::iter::Peekable;
use std::str::Chars;

/// Metre, kilogram, second; then what only counts: photons and electrons, counts, steradians, pixels.
const BASES: usize = 7;
type Exponents = [i32; BASES];

const NONE: Exponents = [0; BASES];
const LENGTH: Exponents = [1, 0, 0, 0, 0, 0, 0];
const TIME: Exponents = [0, 0, 1, 0, 0, 0, 0];
const FREQUENCY: Exponents = [0, 0, -1, 0, 0, 0, 0];
const ENERGY: Exponents = [2, 1, -2, 0, 0, 0, 0];
const POWER: Exponents = [2, 1, -3, 0, 0, 0, 0];
const FLUX_DENSITY: Exponents = [0, 1, -2, 0, 0, 0, 0];
const PARTICLES: Exponents = [0, 0, 0, 1, 0, 0, 0];
const COUNTS: Exponents = [0, 0, 0, 0, 1, 0, 0];
const ANGLE: Exponents = [0, 0, 0, 0, 0, 1, 0];
const PIXELS: Exponents = [0, 0, 0, 0, 0, 0, 1];

/// Janskys of a maggy, the flux of AB magnitude 0.
const MAGGY: f64 = 3631.0;
/// Steradians of a square arc second.
const ARCSEC2: f64 = 2.350_443_053_909_789e-11;

/// Names, power of ten and factor that lead to SI, and what is measured.
type Known = (&'static [&'static str], i32, f64, Exponents);

const UNITS: [Known; 26] = [
    (
        &["Angstrom", "Angstroms", "Ang", "Angs", "A", "AA", "Å", "Å"],
        -10,
        1.0,
        LENGTH,
    ),
    (
        &["nm", "nanometer", "nanometers", "nanometre"],
        -9,
        1.0,
        LENGTH,
    ),
    (
        &[
            "um",
            "µm",
            "μm",
            "micron",
            "microns",
            "micrometer",
            "micrometers",
            "micrometre",
        ],
        -6,
        1.0,
        LENGTH,
    ),
    (&["mm"], -3, 1.0, LENGTH),
    (&["cm", "CM"], -2, 1.0, LENGTH),
    (&["m", "meter", "meters", "metre"], 0, 1.0, LENGTH),
    (&["km"], 3, 1.0, LENGTH),
    (&["s", "S", "sec", "second", "seconds"], 0, 1.0, TIME),
    (&["Hz", "hertz"], 0, 1.0, FREQUENCY),
    (&["erg", "ergs"], -7, 1.0, ENERGY),
    (&["J", "joule"], 0, 1.0, ENERGY),
    (&["W", "watt"], 0, 1.0, POWER),
    (&["mW"], -3, 1.0, POWER),
    (&["Jy", "jansky"], -26, 1.0, FLUX_DENSITY),
    (&["mJy"], -29, 1.0, FLUX_DENSITY),
    (&["uJy", "µJy", "μJy"], -32, 1.0, FLUX_DENSITY),
    (&["nJy"], -35, 1.0, FLUX_DENSITY),
    (&["MJy"], -20, 1.0, FLUX_DENSITY),
    (&["maggy", "maggies", "mgy"], -26, MAGGY, FLUX_DENSITY),
    (
        &["nanomaggy", "nanomaggies", "nanomaggys", "nmgy"],
        -35,
        MAGGY,
        FLUX_DENSITY,
    ),
    (&["photon", "photons", "ph"], 0, 1.0, PARTICLES),
    (&["electron", "electrons"], 0, 1.0, PARTICLES),
    (
        &["ct", "cts", "count", "counts", "adu", "DN"],
        0,
        1.0,
        COUNTS,
    ),
    (&["sr"], 0, 1.0, ANGLE),
    (&["arcsec2"], 0, ARCSEC2, ANGLE),
    (&["pix", "pixel", "pixels"], 0, 1.0, PIXELS),
];

/// A unit: 10^`ten` · `factor` times one of SI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantity {
    ten: i32,
    factor: f64,
    bases: Exponents,
}

impl Quantity {
    const ONE: Self = Self {
        ten: 0,
        factor: 1.0,
        bases: NONE,
    };

    /// What `text` says; `None` where that is not understood.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = Words(text.trim().chars().peekable());
        let read = words.product(1)?;
        words.0.peek().is_none().then_some(read)
    }

    /// Å of one of this unit, if it is a length.
    pub fn angstroms(self) -> Option<f64> {
        (self.bases == LENGTH).then(|| self.factor * power_of_ten(self.ten + 10))
    }

    /// Å of the unit of wavelengths, or of those in the logarithm, that `text` says: `nm`, `log10(nm)`,
    /// `dex(nm)`, `[nm]`; `None` if it says no length.
    pub fn of_wavelength(text: &str) -> Option<f64> {
        let text = text.trim();
        let start = ["log10", "log", "dex", ""].iter().find_map(|log| {
            let (head, tail) = text.split_at_checked(log.len())?;
            head.eq_ignore_ascii_case(log).then_some(tail)
        })?;
        let inner = start.trim().trim_matches(['(', ')', '[', ']']);
        Self::read(inner)?.angstroms()
    }

    /// Whether both measure the same.
    pub fn measures_as(self, other: Self) -> bool {
        self.bases == other.bases
    }

    /// Whether both are the same unit.
    pub fn is(self, other: Self) -> bool {
        let ratio = self.factor / other.factor * power_of_ten(self.ten - other.ten);
        self.bases == other.bases && (ratio - 1.0).abs() < 1e-6
    }

    pub fn power(self, n: i32) -> Self {
        Self {
            ten: self.ten * n,
            factor: self.factor.powi(n),
            bases: self.bases.map(|e| e * n),
        }
    }

    fn times(self, other: Self) -> Self {
        let mut bases = self.bases;
        bases.iter_mut().zip(other.bases).for_each(|(a, b)| *a += b);
        Self {
            ten: self.ten + other.ten,
            factor: self.factor * other.factor,
            bases,
        }
    }
}

/// Whether two unit strings mean the same; `None` where they differ and one is not understood.
pub(crate) fn agree(one: &str, other: &str) -> Option<bool> {
    if let (Some(one), Some(other)) = (Quantity::read(one), Quantity::read(other)) {
        return Some(one.is(other));
    }
    let plain = |text: &str| -> String { text.to_lowercase().split_whitespace().collect() };
    (plain(one) == plain(other)).then_some(true)
}

/// 10ⁿ; exact wherever a float is.
fn power_of_ten(n: i32) -> f64 {
    format!("1e{n}").parse().unwrap_or(f64::NAN)
}

/// The characters of a unit string that are still to be read.
struct Words<'a>(Peekable<Chars<'a>>);

impl Words<'_> {
    /// Factors up to the end or a closing bracket, to the power `sign`. A division applies to what
    /// follows it alone.
    fn product(&mut self, sign: i32) -> Option<Quantity> {
        let (mut product, mut next) = (Quantity::ONE, sign);
        while let Some(c) = self.0.peek().copied() {
            let factor = match c {
                ')' | ']' => break,
                '/' => {
                    next = -sign;
                    self.0.next();
                    continue;
                }
                ' ' | '*' | '.' | '·' | '×' => {
                    self.0.next();
                    continue;
                }
                '(' => {
                    self.0.next();
                    let inner = self.product(1)?;
                    self.0.next_if_eq(&')')?;
                    inner.power(self.exponent()?.unwrap_or(1))
                }
                c if c.is_ascii_digit() => self.number()?,
                c if c.is_alphabetic() => self.unit()?,
                _ => return None,
            };
            product = product.times(factor.power(next));
            next = sign;
        }
        Some(product)
    }

    fn digits(&mut self) -> String {
        std::iter::from_fn(|| self.0.next_if(char::is_ascii_digit)).collect()
    }

    /// 1e-17, 10**-17, 10^(-17), 10-17, 3.5.
    fn number(&mut self) -> Option<Quantity> {
        let mut text = self.digits();
        if text == "10"
            && let Some(ten) = self.exponent()?
        {
            return Some(Quantity {
                ten,
                ..Quantity::ONE
            });
        }
        let mut rest = self.0.clone();
        if rest.next() == Some('.') && rest.peek().is_none_or(|c| !c.is_alphabetic()) {
            self.0.next();
            text = format!("{text}.{}", self.digits());
        }
        let factor = text.parse::<f64>().ok().filter(|f| *f > 0.0)?;
        let mut ahead = Words(self.0.clone());
        let mut ten = 0;
        if matches!(ahead.0.next(), Some('e' | 'E'))
            && let Some(exponent) = ahead.integer()
        {
            (self.0, ten) = (ahead.0, exponent);
        }
        Some(Quantity {
            ten,
            factor,
            ..Quantity::ONE
        })
    }

    fn unit(&mut self) -> Option<Quantity> {
        let name: String = std::iter::from_fn(|| self.0.next_if(|c| c.is_alphabetic())).collect();
        let exponent = self.exponent()?.unwrap_or(1);
        if name.eq_ignore_ascii_case("arcsec") {
            // Only areas of the sky are met in units of flux.
            let areas = (exponent % 2 == 0).then_some(exponent / 2)?;
            return named("arcsec2").map(|q| q.power(areas));
        }
        named(&name).map(|q| q.power(exponent))
    }

    /// The exponent that follows, if there is one: **-2, ^2, ^{-2}, **(-2), -2, 2.
    fn exponent(&mut self) -> Option<Option<i32>> {
        let mut ahead = Words(self.0.clone());
        let marked = match ahead.0.next_if_eq(&'^') {
            Some(_) => true,
            None => ahead.0.next_if_eq(&'*').is_some() && ahead.0.next_if_eq(&'*').is_some(),
        };
        if !marked {
            ahead = Words(self.0.clone());
        }
        let close = match ahead.0.peek() {
            Some('(') if marked => Some(')'),
            Some('{') if marked => Some('}'),
            _ => None,
        };
        close.and_then(|_| ahead.0.next());
        let Some(exponent) = ahead.integer() else {
            return (!marked).then_some(None);
        };
        if let Some(close) = close {
            ahead.0.next_if_eq(&close)?;
        }
        self.0 = ahead.0;
        Some(Some(exponent))
    }

    fn integer(&mut self) -> Option<i32> {
        let sign = self.0.next_if(|c| matches!(c, '-' | '+' | '−'));
        let size: i32 = self.digits().parse().ok().filter(|n| *n < 1000)?;
        Some(if matches!(sign, Some('-' | '−')) {
            -size
        } else {
            size
        })
    }
}

/// The unit of this name: as it is written, else a word of three letters or more whatever its case.
fn named(name: &str) -> Option<Quantity> {
    let find = |is: &dyn Fn(&str) -> bool| UNITS.iter().find(|u| u.0.iter().any(|n| is(n)));
    let word = |n: &str| n.len() > 2 && !n.ends_with("Jy") && n.eq_ignore_ascii_case(name);
    let (_, ten, factor, bases) = find(&|n| n == name).or_else(|| find(&word))?;
    Some(Quantity {
        ten: *ten,
        factor: *factor,
        bases: *bases,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUX: &str = "10**-17 erg s-1 cm-2 Angstrom-1";

    #[test]
    fn every_spelling_of_a_flux_density_is_the_same() {
        for text in [
            "1E-17 erg/cm^2/s/Ang",
            "10^-17 ergs/s/cm^2/Angs",
            "1e-17 erg / (Angstrom s cm2)",
            "10**-17 erg/(s cm2 Angstrom)",
            "10**-17 erg/s/cm^2/Angstrom",
            "10^(-17) erg s^{-1} cm^{-2} A^{-1}",
            "10-17 erg/s/cm2/Å",
            "1.0E-17 ERG S-1 CM-2 ANGSTROM-1",
            "1e-17 erg.s**-1.cm**-2.Angstrom**-1",
            "1E-17*erg*(s*cm^2*Angstrom)^-1",
            "1e-20 W/m2/Angstrom",
            "10**-19 W m-2 nm-1",
            "10**-16 erg/cm2/s/nm",
        ] {
            assert_eq!(agree(text, FLUX), Some(true), "{text}");
        }
        let inverse = Quantity::read("10**+34 (s2 cm4 Angstrom2) / erg2").unwrap();
        assert!(inverse.is(Quantity::read(FLUX).unwrap().power(-2)));
    }

    #[test]
    fn another_scale_or_measure_is_another_unit() {
        for text in [
            "1E-20 erg/s/cm^2/Angstrom",
            "erg/s/cm^2/Angstrom",
            "10**-17 erg/s/cm^2/nm",
            "10**-17 erg/s/cm^2/Hz",
            "Jy",
            "MJy",
            "nanomaggies",
            "counts/s",
        ] {
            assert_eq!(agree(text, FLUX), Some(false), "{text}");
        }
        assert_eq!(agree("MJy", "mJy"), Some(false));
        assert_eq!(agree("nanomaggy", "3.631 uJy"), Some(true));
        assert_eq!(agree("MJy/sr", "MJy sr-1"), Some(true));
        assert_eq!(agree("nJy / arcsec^2", "nJy arcsec-2"), Some(true));
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for text in [
            "furlong",
            "erg**",
            "erg/s)",
            "(erg/s",
            "mag(AB)",
            "sqrt(erg)",
            "10**",
            "0 Jy",
        ] {
            assert_eq!(Quantity::read(text), None, "{text}");
        }
        assert_eq!(agree("furlong", FLUX), None);
        assert_eq!(agree("Furlong ", "furlong"), Some(true));
    }

    #[test]
    fn wavelengths_are_exact_in_angstroms() {
        for (text, angstroms) in [
            ("Å", 1.0),
            ("nm", 10.0),
            ("micron", 1e4),
            ("µm", 1e4),
            ("m", 1e10),
            ("0.1 nm", 1.0),
        ] {
            let read = Quantity::read(text).and_then(Quantity::angstroms);
            assert_eq!(read, Some(angstroms), "{text}");
        }
        assert_eq!(Quantity::read("Hz").and_then(Quantity::angstroms), None);
        for text in ["nm", "log10(nm)", "Log10 (nm)", "dex(nm)", "[nm]", "log nm"] {
            assert_eq!(Quantity::of_wavelength(text), Some(10.0), "{text}");
        }
        for text in ["Hz", "log", "", "dex", "log10(furlong)"] {
            assert_eq!(Quantity::of_wavelength(text), None, "{text}");
        }
    }
}
