//! The unit of an inverse variance, from the FITS unit string of a flux.

/// `unit` to the power −2 as a FITS unit string that astropy and cfitsio read (they refuse
/// `(unit)**-2`); `None` for a string that is not of the FITS standard's plain form: a power of
/// ten, units with whole exponents, products and quotients.
pub(crate) fn inverse_square(unit: &str) -> Option<String> {
    let mut terms = Terms::default();
    terms.read(unit, 1)?;
    if terms.units.is_empty() && terms.ten == 0 {
        return None;
    }
    let power = |base: &str, exponent: i32| match -2 * exponent {
        0 => None,
        1 => Some(base.to_owned()),
        e => Some(format!("{base}{e}")),
    };
    let ten = (terms.ten != 0).then(|| format!("10**{}", -2 * terms.ten));
    let units = terms.units.iter().filter_map(|(base, e)| power(base, *e));
    Some(ten.into_iter().chain(units).collect::<Vec<_>>().join(" "))
}

#[derive(Default)]
struct Terms {
    /// Exponent of ten.
    ten: i32,
    units: Vec<(String, i32)>,
}

impl Terms {
    /// Reads a product of units to the power `sign`.
    fn read(&mut self, text: &str, sign: i32) -> Option<()> {
        let mut rest = text.trim();
        let mut next = sign;
        while let Some(first) = rest.chars().next() {
            match first {
                ' ' | '*' | '.' => rest = &rest[1..],
                '/' => {
                    next = -sign;
                    rest = &rest[1..];
                }
                '(' => {
                    let (inner, after) = rest[1..].split_once(')')?;
                    // A group with a power of its own is left to others.
                    if after.starts_with(['*', '^', '+', '-'])
                        || after.starts_with(char::is_numeric)
                    {
                        return None;
                    }
                    self.read(inner, next)?;
                    (rest, next) = (after, sign);
                }
                '1' if rest.starts_with("10**") || rest.starts_with("10^") => {
                    let (exponent, after) = exponent(&rest[2..])?;
                    self.ten += next * exponent?;
                    (rest, next) = (after, sign);
                }
                c if c.is_ascii_alphabetic() => {
                    let end = rest.find(|c: char| !c.is_ascii_alphabetic());
                    let (base, after) = rest.split_at(end.unwrap_or(rest.len()));
                    let (exponent, after) = exponent(after)?;
                    if after.starts_with('(') {
                        return None;
                    }
                    self.units
                        .push((base.to_owned(), next * exponent.unwrap_or(1)));
                    (rest, next) = (after, sign);
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// The exponent at the beginning of `text`, if there is one, and what follows it.
fn exponent(text: &str) -> Option<(Option<i32>, &str)> {
    let marked = text.strip_prefix("**").or_else(|| text.strip_prefix('^'));
    let digits = marked.unwrap_or(text);
    let (digits, closed) = match digits.strip_prefix('(').filter(|_| marked.is_some()) {
        Some(inner) => (inner, true),
        None => (digits, false),
    };
    let signed = usize::from(digits.starts_with(['+', '-']));
    let end = digits[signed..].find(|c: char| !c.is_ascii_digit());
    let (number, after) = digits.split_at(end.map_or(digits.len(), |e| e + signed));
    if number.is_empty() && marked.is_none() {
        return Some((None, text));
    }
    let after = if closed {
        after.strip_prefix(')')?
    } else {
        after
    };
    Some((Some(number.parse().ok()?), after))
}

#[cfg(test)]
mod tests {
    use super::inverse_square;

    #[test]
    fn plain_fits_units_are_inverted_and_squared() {
        for (unit, expected) in [
            (
                "10**-17 erg s-1 cm-2 Angstrom-1",
                "10**34 erg-2 s2 cm4 Angstrom2",
            ),
            (
                "10**-17 erg/(s cm2 Angstrom)",
                "10**34 erg-2 s2 cm4 Angstrom2",
            ),
            (
                "10^(-17) erg/s/cm**2/Angstrom",
                "10**34 erg-2 s2 cm4 Angstrom2",
            ),
            ("Jy", "Jy-2"),
            ("W.m-2.um^-1", "W-2 m4 um2"),
            ("10**-6 Jy", "10**12 Jy-2"),
        ] {
            assert_eq!(inverse_square(unit).as_deref(), Some(expected), "{unit}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for unit in [
            "",
            "sqrt(erg)",
            "1E-17 erg",
            "(erg s-1)**2",
            "erg**",
            "3 Jy",
            "erg**(1/2)",
        ] {
            assert_eq!(inverse_square(unit), None, "{unit}");
        }
    }
}
