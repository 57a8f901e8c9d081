//! Which spectra take part, and in words why the others do not.

use crate::base::statistics::median;
use crate::config::{Frame, SelectConfig};
use crate::data::{Object, flag, own_range};
use ndarray::{Array2, ArrayView1};

/// Adds a flag and its reason to an object.
pub(crate) fn reject(object: &mut Object, bit: i32, reason: &str) {
    object.flag |= bit;
    if !object.reason.is_empty() {
        object.reason.push_str("; ");
    }
    object.reason.push_str(reason);
}

/// What can be said before the spectrum is read: redshift and ZWARNING.
pub(crate) fn by_catalog(config: &SelectConfig, object: &mut Object, zwarning: Option<i64>) {
    let (z, low, high) = (object.z, config.z_min, config.z_max);
    let any = low == f64::NEG_INFINITY && high == f64::INFINITY;
    if !any && !(low..=high).contains(&z) {
        let reason = if z.is_nan() {
            "no redshift".to_owned()
        } else {
            format!("redshift {z:.4} outside {low}-{high}")
        };
        reject(object, flag::REDSHIFT, &reason);
    }
    if let Some(warning) = zwarning.filter(|w| config.zwarning && *w != 0) {
        reject(object, flag::ZWARNING, &format!("ZWARNING = {warning}"));
    }
}

/// Signal-to-noise of each good pixel of one spectrum.
pub(crate) fn snr(flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> Vec<f64> {
    let good = flux.iter().zip(ivar).filter(|(_, v)| **v > 0.0);
    good.map(|(f, v)| f64::from(*f) * f64::from(*v).sqrt())
        .collect()
}

/// Median signal-to-noise per good pixel of each of some spectra [n, D]; NaN where there is none.
pub(crate) fn median_snr(flux: &Array2<f32>, ivar: &Array2<f32>) -> Vec<f32> {
    let rows = flux.rows().into_iter().zip(ivar.rows());
    rows.map(|(flux, ivar)| median(snr(flux, ivar)) as f32)
        .collect()
}

/// Good pixels that a spectrum on a grid of the rest frame has at least: as many as a grid has at least.
const FEWEST: usize = 16;

/// What the spectrum on the common grid says: coverage and median S/N per good pixel. `why` tells what
/// covers so little of it, if that is known.
///
/// The coverage is the part of the grid's pixels that are good: in the observed frame of all, in the rest
/// frame of those from the first good one to the last, of which there must be [`FEWEST`].
pub(crate) fn by_spectrum(
    config: &SelectConfig,
    frame: Frame,
    object: &mut Object,
    flux: ArrayView1<f32>,
    ivar: ArrayView1<f32>,
    why: impl FnOnce() -> Option<String>,
) {
    let snr = snr(flux, ivar);
    let whole = match frame {
        Frame::Observed => flux.len(),
        Frame::Rest => own_range(ivar).len(),
    };
    let covered = snr.len() as f64 / whole.max(1) as f64;
    let too_few = frame == Frame::Rest && snr.len() < FEWEST;
    if covered < config.coverage_min || snr.is_empty() || too_few {
        let found = match frame {
            Frame::Observed => format!("{:.1} % of the grid has good data", 100.0 * covered),
            Frame::Rest if too_few => format!("{} pixels of the grid have good data", snr.len()),
            Frame::Rest => format!("{:.1} % of its own range has good data", 100.0 * covered),
        };
        let wanted = match too_few {
            true => FEWEST.to_string(),
            false => format!("{:.1} %", 100.0 * config.coverage_min),
        };
        let reason = format!(
            "{found}, {wanted} wanted{}",
            why().map(|w| format!(": {w}")).unwrap_or_default()
        );
        reject(object, flag::COVERAGE, &reason);
    }
    let found = median(snr);
    if found < config.snr_min {
        let reason = format!("S/N {found:.2} per pixel, {} wanted", config.snr_min);
        reject(object, flag::SNR, &reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    #[test]
    fn every_reason_is_kept() {
        let config = SelectConfig {
            z_min: 2.0,
            z_max: 3.0,
            snr_min: 1.0,
            ..SelectConfig::default()
        };
        let mut o = Object {
            z: 3.5,
            ..Object::default()
        };
        by_catalog(&config, &mut o, Some(4));
        let flux = Array1::from(vec![0.1f32; 10]);
        let ivar = Array1::from((0..10).map(|i| (i % 2) as f32).collect::<Vec<_>>());
        by_spectrum(
            &config,
            Frame::Observed,
            &mut o,
            flux.view(),
            ivar.view(),
            || None,
        );
        let all = flag::REDSHIFT | flag::ZWARNING | flag::COVERAGE | flag::SNR;
        assert_eq!(o.flag, all);
        assert_eq!(o.reason.split("; ").count(), 4, "{}", o.reason);
    }

    #[test]
    fn in_the_rest_frame_coverage_is_that_of_the_objects_own_range() {
        let judged = |frame: Frame, from: usize, to: usize, step: usize| {
            let mut o = Object::default();
            let ivar = Array1::from_shape_fn(200, |i| {
                f32::from((from..to).contains(&i) && (i - from).is_multiple_of(step))
            });
            let flux = Array1::<f32>::ones(200);
            let config = SelectConfig::default();
            by_spectrum(&config, frame, &mut o, flux.view(), ivar.view(), || None);
            o
        };
        assert_eq!(judged(Frame::Observed, 50, 100, 1).flag, flag::COVERAGE);
        assert_eq!(judged(Frame::Rest, 50, 100, 1).flag, flag::GOOD);
        let half = judged(Frame::Rest, 50, 150, 2);
        assert_eq!(half.flag, flag::COVERAGE);
        assert!(
            half.reason.contains("50.5 % of its own range"),
            "{}",
            half.reason
        );
        let few = judged(Frame::Rest, 190, 200, 1);
        assert!(
            few.reason
                .contains("10 pixels of the grid have good data, 16 wanted")
        );
        assert_eq!(judged(Frame::Rest, 0, 0, 1).flag, flag::COVERAGE);
    }

    #[test]
    fn without_limits_a_missing_redshift_is_no_fault() {
        let mut o = Object::default();
        by_catalog(&SelectConfig::default(), &mut o, None);
        assert_eq!(o.flag, flag::GOOD);
    }
}
