//! Other redshifts that an observation may be at: lines taken for one another, and small offsets.

/// Rest wavelengths, Å, of the lines that are taken for one another: Lyα, C IV, C III], Mg II, Hβ.
const LINES: [f64; 5] = [1215.67, 1549.06, 1908.73, 2798.75, 4862.68];
/// Offsets, km/s, to either side.
const OFFSETS: [f64; 4] = [1500.0, 3000.0, 6000.0, 10_000.0];
/// Speed of light, km/s.
const LIGHT: f64 = 299_792.458;

/// The redshifts that one recorded as `z` may really be.
pub(super) fn others(z: f64) -> impl Iterator<Item = f64> {
    let confused = LINES.iter().flat_map(|taken_for| {
        let other = LINES.iter().filter(move |line| *line != taken_for);
        other.map(move |line| taken_for / line)
    });
    let offsets = OFFSETS.iter().flat_map(|v| [-v / LIGHT, v / LIGHT]);
    let factors = confused.chain(offsets.map(|v| 1.0 + v));
    factors
        .map(move |f| (1.0 + z) * f - 1.0)
        .filter(|z| *z > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_taken_for_another_is_among_them() {
        // Mg II of an object at z = 1 taken for Lyα.
        let recorded = 2.0 * 2798.75 / 1215.67 - 1.0;
        assert!(others(recorded).any(|z| (z - 1.0).abs() < 1e-9));
        assert!(others(0.1).all(|z| z > 0.0) && others(f64::NAN).count() == 0);
    }
}
