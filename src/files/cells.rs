//! Numbers written as text: cells of CSV files, and of FITS columns that should hold numbers.

/// What stands for an unknown value.
const UNKNOWN: [&str; 6] = ["", "nan", "null", "none", "n/a", "--"];
/// Up to here a float tells a whole number from its neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn is_unknown(text: &str) -> bool {
    UNKNOWN.iter().any(|u| text.eq_ignore_ascii_case(u))
}

/// The number that `text` is, NaN where it stands for none; `None` if it is no number.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if is_unknown(text) {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

/// The whole number that `text` is, −1 where it stands for none; `None` if it is no whole number, or was
/// rounded on its way (1.2e18).
pub(crate) fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    if is_unknown(text) {
        return Some(-1);
    }
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::{number, whole};

    #[test]
    fn digits_are_numbers_and_what_was_rounded_is_none() {
        for (text, expected) in [
            ("0002", Some(2)),
            (" 39627945043561609 ", Some(39_627_945_043_561_609)),
            ("-5", Some(-5)),
            ("3655.0", Some(3655)),
            ("", Some(-1)),
            ("NaN", Some(-1)),
            ("3.9627945043561609e16", None),
            ("3655.5", None),
            ("18446744073709551615", None),
            ("allepoch", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
        assert_eq!(number(" 2.5e0 "), Some(2.5));
        assert!(number("null").is_some_and(f64::is_nan));
        assert_eq!(number("2,5"), None);
    }
}
