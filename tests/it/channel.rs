//! The quasar channel does to the light what its documentation says: moments, closed forms, and
//! the latent that it returns.

use ndarray::Array1;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{GridConfig, NoiseFrom, SmoothingFrom};
use selfsi::data::LogGrid;
use selfsi::forward::{CorrelatedNoise, ForwardModel, Latent, Quasar, gaussian_smooth_host};
use selfsi::population::blur_matrix;
use tch::{Device, IndexOp, Kind, Tensor};

const D: usize = 128;
/// 1/R in natural-log wavelength is 5.3 pixels of the grid.
const LOW: SmoothingFrom = SmoothingFrom::Resolution {
    resolution: 50.0,
    spread: 0.05,
};
/// A kernel so narrow that it does nothing.
const SHARP: SmoothingFrom = SmoothingFrom::Resolution {
    resolution: 1e9,
    spread: 0.0,
};
const SNR: NoiseFrom = NoiseFrom::Snr { min: 0.5, max: 2.0 };

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 4000.0,
        max: 6500.0,
        pixels: D,
        ..GridConfig::default()
    })
}

fn channel(tilt: f64, smoothing: SmoothingFrom, noise: NoiseFrom) -> Quasar {
    let white = CorrelatedNoise::new(&[0.0; D], Device::Cpu);
    Quasar::new(tilt, smoothing, noise, &grid(), white, Device::Cpu)
}

/// Nothing masked, noise of deviation `sigma`, line-spread function of width `lsf` everywhere.
fn recorded(n: i64, sigma: f64, lsf: f64) -> Latent {
    let ones = Tensor::ones([n, D as i64], (Kind::Float, Device::Cpu));
    Latent::of_pixels(ones.shallow_clone(), &ones * sigma, ones * lsf)
}

fn rows(n: i64) -> Rows {
    Rows::range(9, Purpose::Forward, 0, n, Device::Cpu)
}

/// `n` copies of one spectrum.
fn spectra(n: i64, flux: &[f64]) -> Tensor {
    let row: Vec<f32> = flux.iter().map(|v| *v as f32).collect();
    Tensor::from_slice(&row).unsqueeze(0).repeat([n, 1])
}

fn list(t: &Tensor) -> Vec<f64> {
    t.to_kind(Kind::Double)
        .contiguous()
        .view([-1])
        .try_into()
        .unwrap()
}

/// A Gaussian line of deviation `s` pixels at pixel `centre`, of unit flux.
fn line(centre: f64, s: f64) -> Vec<f64> {
    (0..D)
        .map(|i| {
            (-0.5 * ((i as f64 - centre) / s).powi(2)).exp() / (s * std::f64::consts::TAU.sqrt())
        })
        .collect()
}

/// A slope that does not end at the edges, a step and a line.
fn quasar() -> Vec<f64> {
    line(80.0, 3.0)
        .iter()
        .enumerate()
        .map(|(i, l)| 0.5 + 0.005 * i as f64 + f64::from(i > 40) + 9.0 * l)
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean, variance and fourth central moment.
fn moments(values: &[f64]) -> [f64; 3] {
    let m = mean(values);
    let power = |p| mean(&values.iter().map(|v| (v - m).powi(p)).collect::<Vec<_>>());
    [m, power(2), power(4)]
}

#[test]
fn the_tilt_is_linear_in_wavelength_about_the_middle_with_a_uniform_amplitude() {
    let n = 20_000;
    let x = quasar();
    let f = channel(0.05, SHARP, NoiseFrom::Ivar);
    let (y, _) = f
        .observe(&spectra(n, &x), &recorded(n, 0.0, 0.0), &rows(n))
        .unwrap();
    let wavelength = grid().wavelength();
    let (first, last) = (wavelength[0], wavelength[D - 1]);
    let mean = list(&y.mean_dim([0i64].as_slice(), false, Kind::Double));
    let variance = list(
        &y.to_kind(Kind::Double)
            .var_dim([0i64].as_slice(), true, false),
    );
    for i in 0..D {
        let lever = 2.0 * (wavelength[i] - first) / (last - first) - 1.0;
        let expected = (x[i] * lever * 0.05).powi(2) / 3.0;
        // Five standard errors, and the rounding of f32.
        let error = 5.0 * (expected / n as f64).sqrt() + 1e-6;
        assert!((mean[i] - x[i]).abs() < error, "{i}");
        assert!(
            (variance[i] - expected).abs() < 0.04 * expected + 1e-10,
            "{i}"
        );
    }
    // One amplitude tilts the whole spectrum: seen at the last pixel, it explains the first one.
    let amplitude = |i: usize| list(&(y.i((.., i as i64)).to_kind(Kind::Double) / x[i] - 1.0));
    let (blue, red) = (amplitude(0), amplitude(D - 1));
    for (b, r) in blue.iter().zip(&red) {
        assert!((b + r).abs() < 1e-5 && r.abs() < 0.05 + 1e-5);
    }
    let [_, second, fourth] = moments(&red);
    assert!((fourth / second.powi(2) - 1.8).abs() < 0.03, "uniform");
}

#[test]
fn each_spectrum_is_smoothed_by_the_width_that_its_latent_states() {
    let n = 2000;
    let x = quasar();
    let f = channel(0.0, LOW, NoiseFrom::Ivar);
    let (y, latent) = f
        .observe(&spectra(n, &x), &recorded(n, 0.0, 0.0), &rows(n))
        .unwrap();
    for i in 0..20 {
        let width = latent.lsf.double_value(&[i, 0]);
        for (a, b) in list(&y.get(i)).iter().zip(gaussian_smooth_host(&x, width)) {
            assert!((a - b).abs() < 2e-5, "{i}: {a} {b}");
        }
    }
    let widths = list(&latent.lsf.i((.., 0)));
    assert!(
        latent
            .lsf
            .eq_tensor(&latent.lsf.i((.., ..1)).expand_as(&y))
            .all()
            .int64_value(&[])
            == 1
    );
    // The inverse width is what varies, uniformly by ±5 %.
    let inverse: Vec<f64> = widths
        .iter()
        .map(|w| 1.0 / (w * 50.0 * grid().dln()))
        .collect();
    assert!(
        inverse
            .iter()
            .all(|v| (0.95 - 1e-6..1.05 + 1e-6).contains(v))
    );
    let [mean, variance, _] = moments(&inverse);
    assert!((mean - 1.0).abs() < 5.0 * 0.05 / (3.0 * n as f64).sqrt());
    assert!((variance / (0.05f64.powi(2) / 3.0) - 1.0).abs() < 0.1);
}

#[test]
fn a_line_keeps_its_place_and_flux_and_its_width_adds_in_quadrature() {
    let (s, centre, n) = (3.0, 63.0, 10);
    let f = channel(0.0, LOW, NoiseFrom::Ivar);
    let (y, latent) = f
        .observe(
            &spectra(n, &line(centre, s)),
            &recorded(n, 0.0, 0.0),
            &rows(n),
        )
        .unwrap();
    for i in 0..n {
        let width = s.hypot(latent.lsf.double_value(&[i, 0]));
        let flux = list(&y.get(i));
        assert!((flux.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        for (a, b) in flux.iter().zip(line(centre, width)) {
            assert!((a - b).abs() < 1e-6, "{i}: {a} {b}");
        }
    }
}

#[test]
fn a_constant_stays_constant_and_no_flux_leaves_at_the_edges() {
    let n = 10;
    let f = channel(0.0, LOW, NoiseFrom::Ivar);
    let observe = |x: &[f64]| {
        f.observe(&spectra(n, x), &recorded(n, 0.0, 0.0), &rows(n))
            .unwrap()
            .0
    };
    let off = observe(&[0.7; D]) - 0.7;
    assert!(off.abs().max().double_value(&[]) < 1e-6);
    // A line on the last pixel: half of it would be lost without the reflection.
    let edge = line(D as f64 - 1.0, 0.5);
    let flux = observe(&edge).sum_dim_intlist([-1i64].as_slice(), false, Kind::Double);
    for f in list(&flux) {
        assert!((f - edge.iter().sum::<f64>()).abs() < 1e-5);
    }
}

#[test]
fn the_spectrographs_own_width_is_followed_pixel_by_pixel() {
    let x = quasar();
    let width: Vec<f64> = (0..D).map(|i| 1.0 + 0.3 * i as f64 / D as f64).collect();
    let mut known = recorded(1, 0.0, 0.0);
    known.lsf = spectra(1, &width);
    let f = channel(0.0, SmoothingFrom::Lsf, NoiseFrom::Ivar);
    let (y, latent) = f.observe(&spectra(1, &x), &known, &rows(1)).unwrap();
    let exact = blur_matrix(&width).dot(&Array1::from(x.clone()));
    for (a, b) in list(&y).iter().zip(&exact) {
        // A part in a thousand of the spectrum's contrast.
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    assert_eq!(latent.lsf, known.lsf);
    // An unknown width (0) is no smoothing.
    let (y, _) = f
        .observe(&spectra(1, &x), &recorded(1, 0.0, 0.0), &rows(1))
        .unwrap();
    for (a, b) in list(&y).iter().zip(&x) {
        assert!((a - b).abs() < 1e-5);
    }
}

#[test]
fn the_noise_level_is_the_mean_flux_over_a_uniform_snr() {
    let n = 20_000;
    let x = quasar();
    let f = channel(0.0, SHARP, SNR);
    let (y, latent) = f
        .observe(&spectra(n, &x), &recorded(n, 0.3, 0.0), &rows(n))
        .unwrap();
    let sigma = list(&latent.sigma.i((.., 0)));
    let snr: Vec<f64> = sigma.iter().map(|s| mean(&x) / (s - 1e-4)).collect();
    assert!(snr.iter().all(|s| (0.4999..2.0001).contains(s)));
    let [m, variance, fourth] = moments(&snr);
    let ideal = 1.5f64.powi(2) / 12.0;
    assert!((m - 1.25).abs() < 5.0 * (ideal / n as f64).sqrt());
    assert!((variance / ideal - 1.0).abs() < 0.04);
    assert!((fourth / variance.powi(2) - 1.8).abs() < 0.05, "uniform");
    // The level that the latent states is the one that the noise has, pixel by pixel, white.
    let u = (y - spectra(n, &x)) / &latent.sigma;
    standard(&u);
    let pairs = u.narrow(1, 0, D as i64 - 1) * u.narrow(1, 1, D as i64 - 1);
    assert!(pairs.mean(Kind::Double).double_value(&[]).abs() < 5e-3);
}

#[test]
fn the_noise_follows_each_spectrums_own_ivar() {
    let n = 20_000;
    let ivar: Vec<f64> = (0..D).map(|i| 1.0 + i as f64 / 10.0).collect();
    let ivar = spectra(n, &ivar);
    let known = Latent::from_ivar(&ivar, &ivar.zeros_like());
    let x = quasar();
    let f = channel(0.0, SmoothingFrom::Lsf, NoiseFrom::Ivar);
    let (y, latent) = f.observe(&spectra(n, &x), &known, &rows(n)).unwrap();
    assert_eq!(latent.sigma, known.sigma);
    standard(&((y - spectra(n, &x)) * ivar.sqrt()));
}

#[test]
fn masked_pixels_hold_standard_normals_whatever_the_spectrum() {
    let n = 20_000;
    let masked: Vec<i64> = (30..50).collect();
    let mut ivar = vec![4.0; D];
    ivar[30..50].fill(0.0);
    let ivar = spectra(n, &ivar);
    let known = Latent::from_ivar(&ivar, &ivar.zeros_like());
    let only = |t: &Tensor| t.index_select(1, &Tensor::from_slice(&masked));
    for noise in [SNR, NoiseFrom::Ivar] {
        let f = channel(0.05, LOW, noise);
        let x = spectra(n, &quasar());
        let (y, latent) = f.observe(&x, &known, &rows(n)).unwrap();
        standard(&only(&y));
        assert_eq!(latent.good, known.good);
        assert_eq!(only(&latent.sigma), only(&known.sigma));
        // Not a trace of another spectrum in the same pixels.
        let (other, _) = f.observe(&(x * 1e3 - 70.0), &known, &rows(n)).unwrap();
        assert_eq!(only(&y), only(&other));
        // Nor of the noise beside them.
        let product = only(&y).i((.., 0)) * y.i((.., 29));
        let beside = y
            .i((.., 29))
            .square()
            .mean(Kind::Double)
            .double_value(&[])
            .sqrt();
        assert!(
            product.mean(Kind::Double).double_value(&[]).abs() < 5.0 * beside / (n as f64).sqrt()
        );
    }
}

#[test]
fn a_spectrum_is_observed_alike_in_any_batch() {
    let n = 12;
    let x = spectra(n, &quasar()) + rows(n).normal(77, D as i64) * 0.1;
    let known = recorded(n, 0.4, 1.2);
    for (smoothing, noise) in [(LOW, SNR), (SmoothingFrom::Lsf, NoiseFrom::Ivar)] {
        let f = channel(0.05, smoothing, noise);
        let (whole, latents) = f.observe(&x, &known, &rows(n)).unwrap();
        let index = Tensor::from_slice(&[7i64, 2, 11]);
        let part = Rows::new(9, Purpose::Forward, 0, &index);
        let (few, latent) = f
            .observe(&x.index_select(0, &index), &known.select(&index), &part)
            .unwrap();
        assert_eq!(few, whole.index_select(0, &index));
        let expected = latents.select(&index);
        assert_eq!(latent.sigma, expected.sigma);
        assert_eq!(latent.lsf, expected.lsf);
        assert_eq!(latent.good, expected.good);
    }
}

/// Mean 0, variance 1 and kurtosis 3, over all and in each column, within five standard errors.
fn standard(u: &Tensor) {
    let [m, variance, fourth] = moments(&list(u));
    let n = u.numel() as f64;
    assert!(m.abs() < 5.0 / n.sqrt(), "mean {m}");
    assert!(
        (variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
        "variance {variance}"
    );
    assert!(
        (fourth - 3.0).abs() < 5.0 * (96.0 / n).sqrt(),
        "fourth moment {fourth}"
    );
    let rows = (u.size()[0] as f64).sqrt();
    let columns = u.to_kind(Kind::Double);
    let off = columns.var_dim([0i64].as_slice(), true, false) - 1.0;
    assert!(off.abs().max().double_value(&[]) < 5.0 * 2f64.sqrt() / rows);
}
