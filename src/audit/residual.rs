//! Does F(x̂) explain y? χ² over all pixels, and the strongest local feature of the residual.

use super::sight::Sight;
use tch::{Device, Kind, Tensor};

/// How a restoration explains its observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Σ r² of the whitened residual r.
    pub chi2: f64,
    /// Good pixels.
    pub dof: f64,
    /// The largest matched-filter response, in standard deviations of white noise; negative where y
    /// lacks what F(x̂) has.
    pub local: f64,
    /// Its pixel.
    pub at: usize,
}

impl Fit {
    /// χ² in standard deviations from its expectation under white noise.
    #[must_use]
    pub fn excess(&self) -> f64 {
        (self.chi2 - self.dof) / (2.0 * self.dof).sqrt()
    }
}

/// The fit of each row with the whitened residual `r` [B, D], 0 where `good` is.
///
/// # Errors
/// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
pub fn fits(sight: &dyn Sight, r: &Tensor, good: &Tensor) -> crate::Result<Vec<Fit>> {
    let pixels = r.size()[1];
    let response = sight.response(r, good).flatten(1, 2);
    let (_, index) = response.abs().max_dim(1, true);
    let local = response.gather(1, &index, false).squeeze_dim(1);
    let sum = |t: &Tensor| t.sum_dim_intlist([-1i64].as_slice(), false, Kind::Double);
    let columns = [sum(&r.square()), sum(good), local.to_kind(Kind::Double)];
    let host = |t: &Tensor| Vec::<f64>::try_from(t.to_device(Device::Cpu));
    let [chi2, dof, local] = [host(&columns[0])?, host(&columns[1])?, host(&columns[2])?];
    let index = index.squeeze_dim(1).to_device(Device::Cpu);
    let at = Vec::<i64>::try_from(index)?;
    Ok((0..at.len())
        .map(|i| Fit {
            chi2: chi2[i],
            dof: dof[i],
            local: local[i],
            at: (at[i] % pixels) as usize,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::line_filter::LineFilter;
    use super::super::spectra_sight::SpectraSight;
    use super::*;
    use crate::base::random::{Purpose, Rows};

    fn ones(rows: i64, pixels: i64) -> Tensor {
        Tensor::ones([rows, pixels], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_line_of_known_strength_is_found_where_it_is_with_its_sign() {
        let x = Tensor::arange(300, (Kind::Float, Device::Cpu));
        let line = (((&x - 120.0) / 4.0).square() * -0.5).exp();
        let line = &line / line.square().sum(Kind::Float).sqrt();
        let sight = SpectraSight::new(vec![0.0; 300], Device::Cpu);
        let fit = fits(&sight, &(line * -7.0).unsqueeze(0), &ones(1, 300)).unwrap()[0];
        assert_eq!(fit.at, 120);
        assert!((fit.local + 7.0).abs() < 1e-4 && (fit.chi2 - 49.0).abs() < 1e-3);
        assert_eq!(fit.dof, 300.0);
    }

    #[test]
    fn under_white_noise_each_response_is_standard_normal_and_the_maximum_keeps_the_union_bound() {
        let (rows, pixels) = (500, 256);
        let noise = Rows::range(3, Purpose::Audit, 0, rows, Device::Cpu).normal(0, pixels);
        let good = ones(rows, pixels);
        let filter = LineFilter::new(pixels as usize, Device::Cpu);
        let response = filter.response(&noise, &good);
        let variance = response.square().mean(Kind::Double).double_value(&[]);
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        let sight = SpectraSight::new(vec![0.0; pixels as usize], Device::Cpu);
        let fits = fits(&sight, &noise, &good).unwrap();
        // Bonferroni: P(max > 4.5) ≤ 5 widths × 256 positions × 6.8e-6 = 0.9 %: 4.4 of 500.
        let beyond = |s: f64| fits.iter().filter(|f| f.local.abs() > s).count();
        assert!(beyond(4.5) <= 10, "{}", beyond(4.5));
        // With 256 independent positions of the narrowest kernel alone, most exceed 2.5.
        assert!(beyond(2.5) > 400, "{}", beyond(2.5));
        // χ² of 256: mean and variance of the excess.
        let mean = fits.iter().map(Fit::excess).sum::<f64>() / rows as f64;
        let square = fits.iter().map(|f| f.excess().powi(2)).sum::<f64>() / rows as f64;
        assert!(
            mean.abs() < 0.2 && (square - 1.0).abs() < 0.25,
            "{mean} {square}"
        );
    }
}
