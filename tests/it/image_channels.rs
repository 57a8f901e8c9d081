//! Each stage of the forward model of images does what its documentation says: closed forms.

use crate::fixtures::image_batches::{
    MEAN, STD, apart, clean, layout, list, mean, observe, pictures, variance,
};
use selfsi::config::{Chroma, LatentUse, StageConfig};
use selfsi::forward::{Latent, Stages};
use tch::{Device, IndexOp, Kind, Tensor};

const SHAPE: [usize; 3] = [3, 16, 12];

fn blur(sigma: f64) -> StageConfig {
    StageConfig::Blur { sigma }
}

fn one(stage: StageConfig, shape: [usize; 3], x: &Tensor) -> Tensor {
    observe(&[stage], shape, x, &clean(x)).0
}

/// One point of flux 1 in the middle of a square of `n` (odd) pixels, `copies` of it.
fn point(n: i64, copies: i64) -> Tensor {
    let x = Tensor::zeros([copies, n, n], (Kind::Float, Device::Cpu));
    let _ = x.i((.., n / 2, n / 2)).fill_(1.0);
    x.view([copies, -1])
}

/// `x` with the number `value` (of each row) recorded.
fn told(x: &Tensor, value: &[f32]) -> Latent {
    Latent {
        vector: Tensor::from_slice(value).view([-1, 1]),
        ..clean(x)
    }
}

#[test]
fn a_blurred_point_is_the_gaussian_cut_at_three_sigma() {
    let (n, sigma, radius) = (21i64, 1.2, 4i64);
    let y = one(blur(sigma), [1, 21, 21], &point(n, 1)).view([n, n]);
    let g = |i: i64| {
        let w = |i: i64| (-0.5 * (i as f64 / sigma).powi(2)).exp();
        let sum: f64 = (-radius..=radius).map(w).sum();
        if i.abs() > radius { 0.0 } else { w(i) / sum }
    };
    for i in 0..n {
        for j in 0..n {
            let expected = g(i - n / 2) * g(j - n / 2);
            assert!((y.double_value(&[i, j]) - expected).abs() < 1e-7);
        }
    }
}

#[test]
fn blur_keeps_constants_and_flux_even_where_the_kernel_exceeds_the_image() {
    for (shape, sigma) in [(SHAPE, 1.0), ([2, 3, 2], 2.5), ([1, 5, 40], 4.0)] {
        let x = pictures(4, shape);
        let y = one(blur(sigma), shape, &x);
        let flux = |t: &Tensor| t.sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
        assert!(apart(&flux(&x), &flux(&y)) < 1e-4);
        let constant = x.ones_like();
        assert!(apart(&one(blur(sigma), shape, &constant), &constant) < 1e-6);
    }
}

#[test]
fn two_blurs_are_one_of_the_root_of_the_summed_squares() {
    let shape = [1, 41, 41];
    let x = point(41, 1);
    let twice = observe(&[blur(1.5), blur(2.0)], shape, &x, &clean(&x)).0;
    let once = one(blur(2.5), shape, &x);
    // The kernels are cut at 3σ: a relative error of exp(−9/2) there, of the peak's height.
    assert!(apart(&twice, &once) < 0.02 * once.max().double_value(&[]));
}

#[test]
fn noise_has_its_deviation_and_the_latent_says_so_through_blur_motion_and_rays() {
    let x = Tensor::zeros([4000, 3 * 16 * 12], (Kind::Float, Device::Cpu));
    let motion = StageConfig::Motion {
        length: 5,
        latent: LatentUse::Kept,
    };
    let rays = StageConfig::Rays {
        rays: 6,
        latent: LatentUse::Redrawn,
    };
    let noise = StageConfig::noise(0.3);
    let more = StageConfig::noise(0.4);
    let known = told(&x, &[0.2; 4000]);
    for (stages, recorded, margin) in [
        (vec![noise.clone(), more], clean(&x), 0),
        (vec![noise.clone(), blur(1.0)], clean(&x), 0),
        (vec![noise.clone(), motion], known, 2),
        (vec![noise, rays], clean(&x), 0),
    ] {
        let (y, latent) = observe(&stages, SHAPE, &x, &recorded);
        // Motion adds a pixel and its mirror image at the edges, where its level is rough.
        let inner = |t: &Tensor| {
            t.square()
                .mean_dim([0i64].as_slice(), false, Kind::Float)
                .view([3, 16, 12])
                .i((.., margin..16 - margin, margin..12 - margin))
        };
        let (measured, said) = (inner(&y), inner(&latent.sigma));
        // 4000 values a pixel: 2.2 % each, the largest of 576 beyond 3 σ.
        assert!(apart(&(&measured / &said), &said.ones_like()) < 0.1);
        assert!((mean(&measured) / mean(&said) - 1.0).abs() < 5e-3);
    }
}

#[test]
fn additive_poisson_counts_have_the_rate_as_mean_and_variance() {
    let x = Tensor::full([300, 576], 0.25, (Kind::Float, Device::Cpu));
    for rate in [0.1, 0.25, 0.5, 9.0, 11.0, 300.0] {
        let (y, latent) = observe(&[StageConfig::Poisson { rate }], SHAPE, &x, &clean(&x));
        let counts = y - 0.25;
        assert!(counts.frac().abs().max().double_value(&[]) < 1e-3 * rate.max(1.0));
        // 172,800 values: standard errors √(λ/n) and λ √((2 + 1/λ)/n).
        let n = 172_800f64;
        assert!((mean(&counts) - rate).abs() < 4.0 * (rate / n).sqrt());
        let error = rate * ((2.0 + 1.0 / rate) / n).sqrt();
        assert!((variance(&counts) - rate).abs() < 4.0 * error, "{rate}");
        assert!((mean(&latent.sigma) - rate.sqrt()).abs() < 1e-5 * rate);
    }
}

#[test]
fn photon_noise_is_poisson_in_the_counts_of_the_file_values() {
    let n = 300 * 576;
    for (counts, gain) in [
        (0.3, 0.01),
        (5.0, 2.0),
        (9.9, 0.1),
        (10.1, 0.1),
        (2000.0, 5.0),
    ] {
        let value = counts / gain;
        let x = Tensor::full([300, 576], (value - MEAN) / STD, (Kind::Float, Device::Cpu));
        let (y, latent) = observe(&[StageConfig::Photon { gain }], SHAPE, &x, &clean(&x));
        let k = (y * STD + MEAN) * gain;
        let n = f64::from(n);
        assert!((mean(&k) - counts).abs() < 4.0 * (counts / n).sqrt());
        let error = counts * ((2.0 + 1.0 / counts) / n).sqrt();
        assert!((variance(&k) - counts).abs() < 4.0 * error, "{counts}");
        // Third central moment λ, of a standard error near √(15/n) λ^1.5.
        let third = mean(&(&k - counts).pow_tensor_scalar(3));
        let error = ((15.0 * counts.powi(3) + 40.0 * counts.powi(2) + counts) / n).sqrt();
        assert!((third - counts).abs() < 4.0 * error, "{counts}: {third}");
        assert_eq!(latent.sigma.max().double_value(&[]), 0.0);
    }
    // Nothing comes from below zero.
    let dark = Tensor::full([1, 576], (-50.0 - MEAN) / STD, (Kind::Float, Device::Cpu));
    let y = one(StageConfig::Photon { gain: 1.0 }, SHAPE, &dark);
    assert!(apart(&(y * STD + MEAN), &dark.zeros_like()) < 1e-4);
}

#[test]
fn motion_averages_along_a_line_of_the_told_direction() {
    let n = 15i64;
    let stage = |length| StageConfig::Motion {
        length,
        latent: LatentUse::Kept,
    };
    let directions = [0.0f32, 0.11, 0.25, 0.5, 0.6, 0.87];
    let x = point(n, 6);
    let kernel = |length| {
        observe(&[stage(length)], [1, 15, 15], &x, &told(&x, &directions))
            .0
            .view([6, n, n])
    };
    let k = kernel(7);
    for (i, direction) in directions.iter().enumerate() {
        let mut m = [0.0; 4];
        for row in 0..n {
            for column in 0..n {
                // y upwards, as the angle turns.
                let (x, y) = ((column - n / 2) as f64, (n / 2 - row) as f64);
                let w = k.double_value(&[i as i64, row, column]);
                for (m, v) in m.iter_mut().zip([1.0, x * x, x * y, y * y]) {
                    *m += w * v;
                }
            }
        }
        assert!((m[0] - 1.0).abs() < 1e-6);
        // The line's variance L²/12, widened by the interpolation: 1/12 along, 1/6 across.
        let angle = f64::from(*direction) * std::f64::consts::PI;
        let (s, c) = angle.sin_cos();
        let along = c * c * m[1] + 2.0 * s * c * m[2] + s * s * m[3];
        let across = s * s * m[1] - 2.0 * s * c * m[2] + c * c * m[3];
        let mixed = s * c * (m[3] - m[1]) + (c * c - s * s) * m[2];
        assert!(
            (along / (50.0 / 12.0) - 1.0).abs() < 0.1,
            "{direction}: {along}"
        );
        assert!(
            across < 0.25 && mixed.abs() < 0.05,
            "{direction}: {across} {mixed}"
        );
    }
    // Along the rows it is the mean of the pixels themselves.
    let line = kernel(5).i((0, 7, 5..10));
    assert!(apart(&line, &Tensor::full([5], 0.2, (Kind::Float, Device::Cpu))) < 1e-6);
    let constant = x.ones_like();
    assert!(
        apart(
            &one(
                StageConfig::Motion {
                    length: 31,
                    latent: LatentUse::Hidden
                },
                [1, 15, 15],
                &constant
            ),
            &constant
        ) < 1e-5
    );
}

#[test]
fn rays_keep_the_measured_fourier_modes_and_nothing_else() {
    let stage = |latent| StageConfig::Rays { rays: 4, latent };
    for shape in [[3, 16, 12], [1, 9, 15], [2, 8, 7]] {
        let (h, w) = (shape[1] as i64, shape[2] as i64);
        let x = pictures(20, shape);
        let (y, latent) = observe(&[stage(LatentUse::Redrawn)], shape, &x, &clean(&x));
        let again = observe(&[stage(LatentUse::Kept)], shape, &y, &latent).0;
        assert!(apart(&again, &y) < 1e-5);
        let modes = |t: &Tensor| {
            t.view([20, -1, h, w])
                .fft_fft2(None::<&[i64]>, [-2i64, -1], "ortho")
                .fft_fftshift([-2i64, -1].as_slice())
        };
        let mask = latent.planes.view([20, 1, h, w]);
        let left = modes(&y) - modes(&x) * &mask;
        assert!(left.abs().max().double_value(&[]) < 1e-5);
        // The origin is on every line; a line takes a mode per column or per row.
        assert_eq!(mean(&mask.i((.., 0, h / 2, w / 2))), 1.0);
        let count = list(&mask.sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float));
        let most = 4.0 * (h.max(w) + 1) as f64;
        assert!(count.iter().all(|n| *n <= most && *n >= h.min(w) as f64));
    }
}

#[test]
fn a_mask_loses_its_share_of_pixels_in_all_channels_and_puts_normals_there() {
    let x = pictures(2000, SHAPE) + 3.0;
    let stage = StageConfig::mask(0.3, LatentUse::Redrawn);
    let (y, latent) = observe(&[stage, blur(1.0)], SHAPE, &x, &clean(&x));
    let whole = one(blur(1.0), SHAPE, &x);
    let good = latent.good.view([2000, 3, -1]);
    assert!((mean(&good) - 0.7).abs() < 3e-3);
    assert_eq!(apart(&good.i((.., 0)), &good.i((.., 2))), 0.0);
    // Pixels are lost independently of their neighbours.
    let good = good.i((.., 0));
    let pairs = mean(&(good.narrow(1, 0, 191) * good.narrow(1, 1, 191)));
    assert!((pairs - 0.49).abs() < 4e-3);
    assert_eq!(apart(&(&y * &latent.good), &(whole * &latent.good)), 0.0);
    let lost = y.masked_select(&latent.good.eq(0.0));
    assert!(mean(&lost).abs() < 0.01 && (variance(&lost) - 1.0).abs() < 0.015);
    let level = latent.sigma.masked_select(&latent.good.eq(0.0));
    assert_eq!((mean(&level), variance(&level)), (1.0, 0.0));
}

#[test]
fn jpeg_of_full_quality_is_nearly_the_image_and_of_low_quality_is_not() {
    let stage = |chroma| StageConfig::Jpeg {
        min: 0.01,
        max: 1.0,
        chroma,
        latent: LatentUse::Kept,
    };
    for shape in [[3, 32, 32], [1, 17, 30], [3, 9, 23]] {
        let x = pictures(4, shape);
        let error = |chroma, quality: f32| {
            let y = observe(&[stage(chroma)], shape, &x, &told(&x, &[quality; 4])).0;
            mean(&(y - &x).square()).sqrt() * STD
        };
        assert!(error(Chroma::Full, 1.0) < 1.5);
        let (good, poor) = (error(Chroma::Full, 0.9), error(Chroma::Full, 0.05));
        assert!(good < 4.0 && poor > 2.0 * good, "{good} {poor}");
        let halved = error(Chroma::Halved, 1.0);
        assert!(
            halved < 12.0 && (shape[0] == 3) == (halved > 1.5),
            "{halved}"
        );
    }
}

#[test]
fn jpeg_refuses_images_of_two_channels_in_one_line() {
    let stage = StageConfig::Jpeg {
        min: 0.1,
        max: 1.0,
        chroma: Chroma::Full,
        latent: LatentUse::Hidden,
    };
    let error = Stages::new(&[blur(1.0), stage], &layout([2, 8, 8]), Device::Cpu).unwrap_err();
    assert_eq!(
        error.to_string(),
        "config: key `forward.stages[1]`: JPEG holds 1 or 3 channels, but the images have 2; leave the stage out"
    );
}
