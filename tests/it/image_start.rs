//! The Gaussian population of images that each have their own PSF and noise, and its posterior.

use crate::fixtures::cutouts::gaussian;
use crate::fixtures::image_batches::{apart, list, mean};
use selfsi::base::random::{Purpose, Rows};
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::Latent;
use selfsi::population::{ImagePrior, ImageStart};
use selfsi::transport::Start;
use tch::{Device, Kind, Tensor};

const SIDE: i64 = 10;
const PSF: usize = 5;
const D: i64 = SIDE * SIDE;

fn layout() -> ImageLayout {
    ImageLayout {
        channels: 1,
        height: SIDE as usize,
        width: SIDE as usize,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0],
            std: vec![1.0],
        },
        vector: 0,
        planes: 0,
        psf: PSF,
    }
}

/// Two images that are far from orthogonal, [2, D], and a mean image.
fn population() -> [Tensor; 2] {
    let image = |at: [f64; 2], sigma: f64, sum: f64| {
        let g = gaussian(SIDE as usize, at, sigma, sum);
        Tensor::from_slice(&g).to_kind(Kind::Float).view([1, D])
    };
    let modes = Tensor::cat(
        &[image([4.0, 4.0], 1.5, 8.0), image([5.0, 6.0], 1.2, 3.0)],
        0,
    );
    [image([4.5, 4.5], 2.0, 20.0), modes]
}

fn rows(step: u64, n: i64) -> Rows {
    Rows::range(9, Purpose::Simulate, step, n, Device::Cpu)
}

/// `n` clean images and their latents: another PSF and noise map each, some pixels masked.
fn drawn(n: i64) -> (Tensor, Latent) {
    let [mean, modes] = population();
    let x = mean + rows(1, n).normal(0, 2).matmul(&modes);
    let psf: Vec<f32> = (0..n)
        .flat_map(|i| gaussian(PSF, [2.0, 2.0], 0.6 + 0.05 * (i % 9) as f64, 1.0))
        .map(|v| v as f32)
        .collect();
    let good = rows(2, n).uniform(0, D).ge(0.05).to_kind(Kind::Float);
    let sigma = (rows(3, n).uniform(0, D) * 0.2 + 0.1) * &good + (1.0 - &good);
    let latent = Latent {
        psf: Tensor::from_slice(&psf).view([n, -1]),
        ..Latent::of_pixels(good, sigma, x.zeros_like())
    };
    (x, latent)
}

/// Each row's PSF as a matrix, [n, D, D], by the definition of a convolution with mirrored edges.
fn matrices(latent: &Latent, n: i64) -> Tensor {
    let psf = list(&latent.psf);
    let (side, p, reach) = (SIDE, PSF as i64, PSF as i64 / 2);
    let mirror = |i: i64| {
        if i < 0 {
            -1 - i
        } else if i >= side {
            2 * side - 1 - i
        } else {
            i
        }
    };
    let mut all = vec![0.0; (n * D * D) as usize];
    for i in 0..n {
        for (y, x) in (0..D).map(|j| (j / side, j % side)) {
            for (dy, dx) in (0..p * p).map(|k| (k / p, k % p)) {
                let from = mirror(y - (dy - reach)) * side + mirror(x - (dx - reach));
                let at = (i * D + y * side + x) * D + from;
                all[at as usize] += psf[(i * p * p + dy * p + dx) as usize];
            }
        }
    }
    Tensor::from_slice(&all).view([n, D, D])
}

fn observed(x: &Tensor, latent: &Latent) -> Tensor {
    let n = x.size()[0];
    let seen = matrices(latent, n).matmul(&x.to_kind(Kind::Double).unsqueeze(2));
    let seen = seen.squeeze_dim(2).to_kind(Kind::Float);
    (seen + rows(4, n).normal(0, D) * &latent.sigma) * &latent.good
}

#[test]
fn the_posterior_is_that_of_the_closed_form_row_by_row() {
    let n = 6i64;
    let (x, latent) = drawn(n);
    let y = observed(&x, &latent);
    let [mean_image, modes] = population();
    let none = || Tensor::zeros([1, D], (Kind::Float, Device::Cpu));
    let parts = [&mean_image, &modes, &none(), &none()].map(Tensor::shallow_clone);
    let prior = ImagePrior::from(parts);
    let start = ImageStart::new(&prior, &layout(), Device::Cpu);
    let (_, told) = start.anchored(&y, &latent, &rows(5, n));
    let anchor = told.anchor.unwrap();
    let double = |t: &Tensor| t.to_kind(Kind::Double);
    let c = double(&modes).tr().matmul(&double(&modes));
    let a = matrices(&latent, n);
    for i in 0..n {
        // Masked pixels are as good as infinitely noisy.
        let lost: Tensor = (1.0 - latent.good.get(i)) * 1e12;
        let noise = double(&(latent.sigma.get(i).square() + lost));
        let a = a.get(i);
        let weight = double(&latent.good.get(i)) / &noise;
        let seen = a.matmul(&double(&mean_image.view([D, 1]))).view([D]);
        // The object's amplitude by least squares; all of its light varies with it.
        let sum = |t: Tensor| t.sum(Kind::Double).double_value(&[]);
        let amplitude = sum(&weight * &seen * double(&y.get(i))) / sum(&weight * &seen * &seen);
        let c = &c * (amplitude * amplitude);
        let ac = a.matmul(&c);
        let system = ac.matmul(&a.tr()) + noise.diag(0);
        let gain = ac.tr().matmul(&Tensor::linalg_inv(&system));
        let residual = (double(&y.get(i)) - &seen * amplitude) * double(&latent.good.get(i));
        let expected =
            double(&mean_image.view([D])) + gain.matmul(&residual.unsqueeze(1)).view([D]);
        assert!(apart(&anchor.mean.get(i), &expected) < 2e-4);
        let left = (&c - gain.matmul(&ac)).diag(0).clamp_min(0.0).sqrt();
        // Pixels without light have a least scatter.
        let bright = left.gt(0.02).to_kind(Kind::Double);
        assert!(
            apart(
                &(double(&anchor.scatter.get(i)) * &bright),
                &(left * &bright)
            ) < 2e-4
        );
    }
}

#[test]
fn draws_scatter_about_the_mean_as_the_posterior_says() {
    let n = 3000i64;
    let (x, latent) = drawn(1);
    let y = observed(&x, &latent);
    let [mean_image, modes] = population();
    let rest = mean_image.zeros_like() + 0.02;
    let dark = mean_image.zeros_like();
    let prior = ImagePrior::from([mean_image, modes, rest, dark]);
    let start = ImageStart::new(&prior, &layout(), Device::Cpu);
    let (draws, told) = start.anchored(&y.expand([n, D], false), &latent.repeat(n), &rows(6, n));
    let anchor = told.anchor.unwrap();
    let centred = draws - anchor.mean.narrow(0, 0, 1);
    let scatter = centred
        .square()
        .mean_dim([0i64].as_slice(), true, Kind::Float)
        .sqrt();
    let ratio = mean(&(scatter / anchor.scatter.narrow(0, 0, 1).clamp_min(0.02)));
    assert!((ratio - 1.0).abs() < 0.03, "{ratio}");
    assert!(mean(&centred).abs() < 1e-3);
}

#[test]
fn a_learned_population_restores_with_the_errors_that_it_states() {
    let n = 400i64;
    let (x, latent) = drawn(n);
    // Fluxes over more than a decade.
    let amplitude = (rows(7, n).normal(0, 1) * 0.7).exp();
    let x = x * &amplitude;
    let y = observed(&x, &latent);
    let prior = ImagePrior::learned(&y, &latent, &layout(), 1.0);
    let start = ImageStart::new(&prior, &layout(), Device::Cpu);
    let (_, told) = start.anchored(&y, &latent, &rows(8, n));
    let anchor = told.anchor.unwrap();
    let size = |t: Tensor| t.square().mean(Kind::Double).sqrt().double_value(&[]);
    let (error, before) = (size(&anchor.mean - &x), size((&y - &x) * &latent.good));
    assert!(error < 0.5 * before, "{error} {before}");
    let lit = anchor.scatter.gt(0.05).to_kind(Kind::Float);
    let pulls = (&anchor.mean - &x) / &anchor.scatter * &lit;
    let pull = size(pulls) / size(lit.sqrt());
    assert!((0.8..1.3).contains(&pull), "{pull}");
    let again = ImagePrior::learned(&y, &latent, &layout(), 1.0);
    assert_eq!(prior.modes, again.modes);
    let none = ImagePrior::learned(&y, &latent, &layout(), 0.0);
    assert_eq!(none.rest, none.rest.zeros_like());
}
