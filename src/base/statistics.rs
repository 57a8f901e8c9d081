//! Samples and their statistics. A value that is NaN or infinite was not measured: each function says what it
//! makes of one.

/// At most `most` of `rows`, evenly spread.
pub(crate) fn evenly<T: Copy>(rows: &[T], most: usize) -> Vec<T> {
    let n = rows.len();
    let taken = most.min(n);
    (0..taken).map(|k| rows[k * n / taken]).collect()
}

/// Median of the finite values, the mean of the middle two of an even number; NaN where there are none.
/// Values that are not finite are left out.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut v: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    if v.is_empty() {
        return f64::NAN;
    }
    let middle = v.len() / 2;
    let odd = v.len() % 2 == 1;
    let (below, upper, _) = v.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + *upper)
}

/// Standard deviation of a sample (n − 1); NaN of fewer than two values. One value that is not finite
/// makes it NaN: leave such values out before.
#[must_use]
pub fn standard_deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    if n < 2.0 {
        return f64::NAN;
    }
    let mean = values.clone().sum::<f64>() / n;
    (values.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// The value that the part `p` (0 to 1) of `values` is at most, between neighbours in proportion; NaN of
/// none, or where one of them is not finite.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> f64 {
    if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
        return f64::NAN;
    }
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let place = p.clamp(0.0, 1.0) * (v.len() - 1) as f64;
    let low = (place as usize).min(v.len() - 1);
    let above = place - low as f64;
    v[low] * (1.0 - above) + v[(low + 1).min(v.len() - 1)] * above
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_middle_two() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median([-1.0, -1.0, 5.0, -1.0]), -1.0);
        assert_eq!(median([7.0]), 7.0);
    }

    #[test]
    fn what_is_not_finite_is_left_out_of_the_median() {
        let values = [f64::NAN, 1.0, f64::INFINITY, 2.0, f64::NEG_INFINITY, 9.0];
        assert_eq!(median(values), 2.0);
        assert!(median([f64::NAN]).is_nan() && median([]).is_nan());
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let values = [4.0, 0.0, 2.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0].map(|p| quantile(&values, p)),
            [0.0, 1.0, 2.0, 4.0]
        );
        assert!(quantile(&[], 0.5).is_nan() && quantile(&[1.0, f64::NAN], 0.0).is_nan());
    }

    #[test]
    fn a_standard_deviation_needs_two_finite_values() {
        assert_eq!(standard_deviation([1.0, 3.0].into_iter()), 2f64.sqrt());
        for few in [
            &[][..],
            &[1.0],
            &[1.0, f64::NAN, 2.0],
            &[1.0, f64::INFINITY],
        ] {
            assert!(standard_deviation(few.iter().copied()).is_nan(), "{few:?}");
        }
    }
}
