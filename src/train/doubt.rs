//! Redshifts as training tells them: with errors, and for a few rows not at all.

use crate::base::random::{Purpose, Rows};
use crate::forward::Latent;
use tch::{Kind, Tensor};

/// Part of the rows whose redshift is kept from the network, so that it knows what to do of an object
/// without one.
const UNTOLD: f64 = 0.05;

/// What becomes of the redshifts of a batch: each row's gets another error in each step.
#[derive(Debug, Clone, Copy)]
pub struct Doubt {
    /// Of the errors.
    pub seed: u64,
    /// Scatter of the errors of ln(1 + z) of rows that have no error of their own: a velocity in units of
    /// the speed of light.
    pub scatter: f64,
}

impl Doubt {
    /// ln(1 + z) as it is told in step `step` of the rows of a batch from its row `first` on, [n, 1].
    pub fn of(&self, latent: &Latent, step: u64, first: i64) -> Tensor {
        let redshift = &latent.redshift;
        let n = redshift.size()[0];
        let numbers = Tensor::arange_start(first, first + n, (Kind::Int64, redshift.device()));
        let rows = Rows::new(self.seed, Purpose::Redshift, step, &numbers);
        let error = latent.redshift_error.nan_to_num(self.scatter, 0.0, 0.0);
        let told = redshift + rows.normal(0, 1) * error;
        told.masked_fill(&rows.uniform(1, 1).lt(UNTOLD), f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    const N: i64 = 20_000;

    /// Objects at ln(1 + z) = 1.4, known to `error`.
    fn objects(error: f64) -> Latent {
        let of = |value: f64| Tensor::full([N, 1], value, (Kind::Float, Device::Cpu));
        let pixels = of(1.0);
        Latent::of_pixels(pixels.copy(), pixels.copy(), pixels)
            .at(&of(1.4))
            .unsure_by(&of(error))
    }

    #[test]
    fn errors_have_the_scatter_differ_by_step_and_do_not_depend_on_the_share() {
        let doubt = Doubt {
            seed: 3,
            scatter: 1e-3,
        };
        // Without an error of their own, and with one.
        for (error, scatter) in [(f64::NAN, 1e-3), (5e-3, 5e-3)] {
            let exact = objects(error);
            let told = doubt.of(&exact, 7, 0);
            let off = (&told - &exact.redshift).masked_select(&told.isfinite()) / scatter;
            let hidden = 1.0 - off.size()[0] as f64 / N as f64;
            assert!(
                (hidden - UNTOLD).abs() < 4.0 * (UNTOLD / N as f64).sqrt(),
                "{hidden}"
            );
            let found = off.std(true).double_value(&[]);
            assert!((found - 1.0).abs() < 0.02, "{found}");
            let part = doubt.of(&exact.narrow(0, 50), 7, 100);
            let same = |a: &Tensor, b: &Tensor| {
                a.nan_to_num(-1.0, 0.0, 0.0) == b.nan_to_num(-1.0, 0.0, 0.0)
            };
            assert!(same(&part, &told.narrow(0, 100, 50)));
            assert!(!same(&doubt.of(&exact, 8, 0), &told));
        }
    }
}
