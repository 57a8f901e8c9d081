//! Where an image is on the sky: the world coordinates of its FITS header (Calabretta & Greisen 2002).

/// Keys of an axis i or of a pair of axes i, j, without their numbers; parameters of projections (PVi_m, PSi_m,
/// WATi_m) have the number of their axis first.
const OF_AXIS: [&str; 6] = ["CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT", "CROTA"];
const OF_AXES: [&str; 2] = ["CD", "PC"];
const PARAMETERS: [&str; 3] = ["PV", "PS", "WAT"];
/// Keys of the whole system.
const OF_ALL: [&str; 8] = [
    "LONPOLE", "LATPOLE", "RADESYS", "RADECSYS", "EQUINOX", "EPOCH", "MJD-OBS", "DATE-OBS",
];
/// Polynomials of SIP (Shupe et al. 2005): from pixels, and back to them.
const SIP: [&str; 4] = ["A", "B", "AP", "BP"];
/// Distortions by tables in further HDUs, which do not come along.
const TABLES: [&str; 4] = ["CPDIS", "CQDIS", "D2IMDIS", "DP"];

/// The world coordinates of one image: keys of a FITS header and their values, as they stand in cards.
#[derive(Debug, Clone, PartialEq)]
pub struct Wcs {
    cards: Vec<(String, String)>,
}

impl Wcs {
    /// From the `cards` of a header whose `axes` (numbers from 1) are those along the rows and the columns of the
    /// image; `None` where they do not say what both are.
    pub fn of_cards<'a>(cards: impl Iterator<Item = &'a str>, axes: [usize; 2]) -> Option<Self> {
        let mut kept: Vec<(String, String)> = Vec::new();
        for card in cards {
            let Some((name, value)) = split(card) else {
                continue;
            };
            let Some(name) = renamed(name, axes) else {
                continue;
            };
            if !value.is_empty() && kept.iter().all(|(other, _)| *other != name) {
                kept.push((name, value.to_owned()));
            }
        }
        let wcs = Self { cards: kept };
        let whole = ["CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2"];
        let whole = whole.iter().all(|key| wcs.value(key).is_some());
        whole.then_some(wcs)
    }

    /// From [`Wcs::text`], or from cards of 80 characters one after the other.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('\n') {
            return Self::of_cards(text.lines(), [1, 2]);
        }
        let bytes = text.as_bytes().chunks(80);
        let cards: Vec<&str> = bytes
            .map(|card| std::str::from_utf8(card).unwrap_or_default())
            .collect();
        Self::of_cards(cards.into_iter(), [1, 2])
    }

    /// Short, one key a line.
    #[must_use]
    pub fn text(&self) -> String {
        let lines = self.cards.iter().map(|(k, v)| format!("{k:<8}= {v}\n"));
        lines.collect()
    }

    /// Cards of 80 characters, one after the other: what astropy's `Header.fromstring` and `WCS` take.
    #[must_use]
    pub fn header(&self) -> String {
        let card = |(key, value): &(String, String)| {
            let value = match value.starts_with('\'') {
                true => value.clone(),
                false => format!("{value:>20}"),
            };
            format!("{:<80}", format!("{key:<8}= {value}"))
        };
        self.cards.iter().map(card).collect()
    }

    /// Of the part of the image whose first pixel is number (x, y) of the whole, from 0.
    #[must_use]
    pub fn cropped(mut self, [x, y]: [usize; 2]) -> Self {
        self.change("CRPIX1", &|v| v - x as f64);
        self.change("CRPIX2", &|v| v - y as f64);
        self
    }

    /// Of the same image on a grid of `factor` × `factor` pixels in each of its pixels.
    #[must_use]
    pub fn finer(mut self, factor: usize) -> Self {
        let f = factor as f64;
        for i in 1..=2 {
            // Pixel 1 is centred on 1: its edge, at 1/2, is that of the fine grid.
            self.change(&format!("CRPIX{i}"), &|v| (v - 0.5) * f + 0.5);
            self.change(&format!("CDELT{i}"), &|v| v / f);
            for j in 1..=2 {
                self.change(&format!("CD{i}_{j}"), &|v| v / f);
            }
        }
        let names: Vec<String> = self.cards.iter().map(|(k, _)| k.clone()).collect();
        for name in names {
            if let Some(order) = sip_order(&name) {
                self.change(&name, &|v| v * f.powi(1 - order));
            }
        }
        self
    }

    /// Tables of distortions that a header names and that do not come along.
    pub fn lost<'a>(mut cards: impl Iterator<Item = &'a str>) -> Option<&'static str> {
        cards.find_map(|card| {
            let (name, _) = split(card)?;
            let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
            TABLES.into_iter().find(|t| *t == stem)
        })
    }

    fn value(&self, key: &str) -> Option<&str> {
        let found = self.cards.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }

    /// Changes a number; CRPIX is 0 where it is not given.
    fn change(&mut self, key: &str, f: &dyn Fn(f64) -> f64) {
        if key.starts_with("CRPIX") && self.value(key).is_none() {
            self.cards.push((key.to_owned(), "0.0".to_owned()));
        }
        for (_, value) in self.cards.iter_mut().filter(|(name, _)| name == key) {
            if let Ok(number) = value.replace(['D', 'd'], "E").parse::<f64>() {
                *value = format!("{:?}", f(number)).replace('e', "E");
            }
        }
    }
}

/// The order p + q of a coefficient `A_p_q`, else `None`.
fn sip_order(name: &str) -> Option<i32> {
    let mut parts = name.split('_');
    let stem = parts.next()?;
    let (p, q) = (parts.next()?, parts.next()?);
    let known = SIP.contains(&stem) && parts.next().is_none();
    (known).then_some(p.parse::<i32>().ok()? + q.parse::<i32>().ok()?)
}

/// The key by which the number of each of `axes` is 1 or 2; `None` for one that is not of the two axes, or says
/// nothing of world coordinates.
fn renamed(name: &str, axes: [usize; 2]) -> Option<String> {
    let number = |text: &str| {
        let n: usize = text.parse().ok()?;
        axes.iter().position(|a| *a == n).map(|k| k + 1)
    };
    if OF_ALL.contains(&name) || sip_order(name).is_some() {
        return Some(name.to_owned());
    }
    if let Some((stem, what)) = name.split_once('_')
        && SIP.contains(&stem)
        && matches!(what, "ORDER" | "DMAX")
    {
        return Some(name.to_owned());
    }
    if let Some(stem) = OF_AXIS.into_iter().find(|s| name.starts_with(s)) {
        return Some(format!("{stem}{}", number(&name[stem.len()..])?));
    }
    if let Some(stem) = OF_AXES.into_iter().find(|s| name.starts_with(s)) {
        let (i, j) = name[stem.len()..].split_once('_')?;
        return Some(format!("{stem}{}_{}", number(i)?, number(j)?));
    }
    let stem = PARAMETERS.into_iter().find(|s| name.starts_with(s))?;
    let (i, m) = name[stem.len()..].split_once('_')?;
    let whole = m.bytes().all(|b| b.is_ascii_digit());
    whole.then_some(format!("{stem}{}_{m}", number(i)?))
}

/// Key and value of a card, the value of a text with its quotes.
fn split(card: &str) -> Option<(&str, &str)> {
    let (name, rest) = (card.get(..8)?, card.get(8..)?);
    let rest = rest.strip_prefix('=')?.trim();
    let value = match rest.strip_prefix('\'') {
        // A quote within a text stands twice.
        Some(text) => {
            let mut at = 0;
            loop {
                let next = at + text.get(at..)?.find('\'')?;
                match text[next + 1..].starts_with('\'') {
                    true => at = next + 2,
                    false => break &rest[..next + 2],
                }
            }
        }
        None => rest.split('/').next().unwrap_or_default().trim(),
    };
    Some((name.trim_end(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 11] = [
        "SIMPLE  =                    T / a comment",
        "CTYPE2  = 'RA---TAN-SIP'       / it's 'quoted'",
        "CTYPE3  = 'DEC--TAN-SIP'",
        "CRVAL2  =        1.5000001D+02",
        "CRVAL3  =                 -2.5",
        "CRPIX2  =                 16.5 / middle",
        "CD2_2   = -7.28E-05",
        "CD3_3   =  7.28E-05",
        "CD1_2   =  1.0",
        "A_2_0   =  1e-4",
        "CTYPE1  = 'FILTER'",
    ];

    #[test]
    fn the_keys_of_the_two_axes_are_kept_and_numbered_anew() {
        let wcs = Wcs::of_cards(HEADER.into_iter(), [2, 3]).unwrap();
        assert_eq!(wcs.value("CTYPE1"), Some("'RA---TAN-SIP'"));
        assert_eq!(wcs.value("CRVAL1"), Some("1.5000001D+02"));
        assert_eq!(wcs.value("CD1_2"), None);
        assert_eq!(wcs.cards.len(), 8);
        assert_eq!(Wcs::parse(&wcs.text()).as_ref(), Some(&wcs));
        assert_eq!(Wcs::parse(&wcs.header()).as_ref(), Some(&wcs));
        assert_eq!(wcs.header().len(), 80 * 8);
        // Of other axes nothing is said.
        assert_eq!(Wcs::of_cards(HEADER.into_iter(), [1, 2]), None);
    }

    #[test]
    fn a_part_shifts_the_reference_pixel_and_finer_pixels_are_smaller() {
        let wcs = Wcs::of_cards(HEADER.into_iter(), [2, 3]).unwrap();
        let part = wcs.clone().cropped([4, 3]);
        assert_eq!(part.value("CRPIX1"), Some("12.5"));
        assert_eq!(part.value("CRPIX2"), Some("-3.0"));
        let fine = wcs.finer(2);
        assert_eq!(fine.value("CRPIX1"), Some("32.5"));
        assert_eq!(fine.value("CD2_2"), Some("3.64E-5"));
        assert_eq!(fine.value("A_2_0"), Some("5E-5"));
    }
}
