//! Wavelengths in air and in vacuum.

/// Vacuum wavelength in Å of a wavelength in standard air in Å.
///
/// Ciddor (1996, Applied Optics 35, 1566), iterated twice on the vacuum wavelength: the form of
/// `airtovac` in idlutils and the IDL Astronomy Library, which SDSS uses. Below 2000 Å, where
/// wavelengths are in vacuum by convention, it changes nothing.
#[must_use]
pub fn air_to_vacuum(air: f64) -> f64 {
    if air < 2000.0 {
        return air;
    }
    let mut vacuum = air;
    for _ in 0..2 {
        let sigma2 = (1e4 / vacuum).powi(2);
        let index = 1.0 + 5.792_105e-2 / (238.0185 - sigma2) + 1.679_17e-3 / (57.362 - sigma2);
        vacuum = air * index;
    }
    vacuum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_idl_library_comes_out() {
        assert!((air_to_vacuum(6056.125) - 6057.8019).abs() < 5e-5);
    }

    #[test]
    fn the_ultraviolet_is_left_alone() {
        assert!((air_to_vacuum(1500.0) - 1500.0).abs() < f64::EPSILON);
    }
}
