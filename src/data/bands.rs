//! What the channels of images are called and measured in.

use serde::Serialize;

/// Unit and filter of each channel; empty texts where a file does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bands {
    /// FITS unit strings, `[C]`.
    pub units: Vec<String>,
    /// Names of the filters, `[C]`.
    pub filters: Vec<String>,
}

impl Bands {
    /// Nothing known of `channels` channels.
    #[must_use]
    pub fn unknown(channels: usize) -> Self {
        Self::of(channels, &[], &[])
    }

    /// Of `channels` channels: a list of one counts for all, and one of another length for none.
    #[must_use]
    pub fn of(channels: usize, units: &[String], filters: &[String]) -> Self {
        let each = |all: &[String]| match all {
            [one] => vec![one.trim().to_owned(); channels],
            all if all.len() == channels => all.iter().map(|t| t.trim().to_owned()).collect(),
            _ => vec![String::new(); channels],
        };
        Self {
            units: each(units),
            filters: each(filters),
        }
    }

    /// The unit that all channels have; empty where they differ.
    #[must_use]
    pub fn unit(&self) -> &str {
        let first = self.units.first().map_or("", |u| u);
        match self.units.iter().all(|u| u == first) {
            true => first,
            false => "",
        }
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.units.iter().chain(&self.filters).all(String::is_empty)
    }

    /// Where this says nothing, what `other` says.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let each = |own: &[String], other: &[String]| {
            let pair = own.iter().zip(other);
            pair.map(|(a, b)| if a.is_empty() { b } else { a }.clone())
                .collect()
        };
        Self {
            units: each(&self.units, &other.units),
            filters: each(&self.filters, &other.filters),
        }
    }

    /// Each channel in words: filter and unit, as far as they are known.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let pair = self.filters.iter().zip(&self.units);
        pair.map(|(filter, unit)| match (&**filter, &**unit) {
            (filter, "") => filter.to_owned(),
            ("", unit) => unit.to_owned(),
            (filter, unit) => format!("{filter} ({unit})"),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_counts_for_all_channels_and_files_fill_in_what_a_config_leaves_out() {
        let text = |all: &[&str]| -> Vec<String> { all.iter().map(|t| (*t).to_owned()).collect() };
        let config = Bands::of(2, &text(&["Jy"]), &[]);
        assert_eq!((config.unit(), config.is_unknown()), ("Jy", false));
        let file = Bands::of(2, &text(&["nJy", "mJy"]), &text(&["g", "r "]));
        assert_eq!(file.unit(), "");
        let both = config.or(&file);
        assert_eq!(both.words(), ["g (Jy)", "r (Jy)"]);
        assert!(Bands::of(2, &text(&["a", "b", "c"]), &[]).is_unknown());
    }
}
