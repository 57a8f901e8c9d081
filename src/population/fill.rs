//! Masked pixels, for methods that have no idea of their own what to put there.

use ndarray::{Array2, ArrayView2};

/// Replaces the values that are not `good` by a straight line between the nearest good ones, and
/// beyond the outermost good ones by a constant. With no good value everything becomes 0.
pub fn interpolate(values: &mut [f64], good: &[bool]) {
    let known: Vec<usize> = (0..values.len()).filter(|i| good[*i]).collect();
    let (Some(first), Some(last)) = (known.first().copied(), known.last().copied()) else {
        values.fill(0.0);
        return;
    };
    let (low, high) = (values[first], values[last]);
    values[..first].fill(low);
    values[last + 1..].fill(high);
    for pair in known.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (va, vb) = (values[a], values[b]);
        for (i, v) in values[a..b].iter_mut().enumerate().skip(1) {
            *v = va + (vb - va) * i as f64 / (b - a) as f64;
        }
    }
}

/// The observed spectra [N, D] with pixels of `ivar` = 0 interpolated.
#[must_use]
pub fn observed(flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> Array2<f32> {
    let mut out = flux.to_owned();
    for (mut row, iv) in out.rows_mut().into_iter().zip(ivar.rows()) {
        let good: Vec<bool> = iv.iter().map(|v| *v > 0.0).collect();
        if good.iter().any(|g| !g) {
            let mut values: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            interpolate(&mut values, &good);
            row.iter_mut().zip(values).for_each(|(r, v)| *r = v as f32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_become_straight_lines_and_ends_constants() {
        let mut v = [9.0, 1.0, 9.0, 3.0, 9.0];
        interpolate(&mut v, &[false, true, false, true, false]);
        assert_eq!(v, [1.0, 1.0, 2.0, 3.0, 3.0]);
        interpolate(&mut v, &[false; 5]);
        assert_eq!(v, [0.0; 5]);
    }
}
