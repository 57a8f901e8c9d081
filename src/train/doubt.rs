//! Redshifts as training tells them: with errors, and for a few rows not at all.

use crate::base::random::{Purpose, Rows};
use tch::{Kind, Tensor};

/// Part of the rows whose redshift is kept from the network, so that it knows what to do of an object
/// without one.
const UNTOLD: f64 = 0.05;

/// What becomes of the redshifts of a batch: each row's gets another error in each step.
#[derive(Debug, Clone, Copy)]
pub struct Doubt {
    /// Of the errors.
    pub seed: u64,
    /// Scatter of the errors of ln(1 + z): a velocity in units of the speed of light.
    pub scatter: f64,
}

impl Doubt {
    /// ln(1 + z) as it is told in step `step` of the rows of a batch from its row `first` on, [n, 1].
    pub fn of(&self, redshift: &Tensor, step: u64, first: i64) -> Tensor {
        let n = redshift.size()[0];
        let numbers = Tensor::arange_start(first, first + n, (Kind::Int64, redshift.device()));
        let rows = Rows::new(self.seed, Purpose::Redshift, step, &numbers);
        let told = redshift + rows.normal(0, 1) * self.scatter;
        told.masked_fill(&rows.uniform(1, 1).lt(UNTOLD), f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn errors_have_the_scatter_differ_by_step_and_do_not_depend_on_the_share() {
        let doubt = Doubt {
            seed: 3,
            scatter: 1e-3,
        };
        let n = 20_000;
        let exact = Tensor::full([n, 1], 1.4, (Kind::Float, Device::Cpu));
        let told = doubt.of(&exact, 7, 0);
        let off = (&told - &exact).masked_select(&told.isfinite()) / doubt.scatter;
        let hidden = 1.0 - off.size()[0] as f64 / n as f64;
        assert!(
            (hidden - UNTOLD).abs() < 4.0 * (UNTOLD / n as f64).sqrt(),
            "{hidden}"
        );
        let scatter = off.std(true).double_value(&[]);
        assert!((scatter - 1.0).abs() < 0.02, "{scatter}");
        let part = doubt.of(&exact.narrow(0, 0, 50), 7, 100);
        let same =
            |a: &Tensor, b: &Tensor| a.nan_to_num(-1.0, 0.0, 0.0) == b.nan_to_num(-1.0, 0.0, 0.0);
        assert!(same(&part, &told.narrow(0, 100, 50)));
        assert!(!same(&doubt.of(&exact, 8, 0), &told));
    }
}
