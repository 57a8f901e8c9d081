//! One population for spectra that each show a part of a grid of the rest frame.

use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::config::{ForwardConfig, Frame, GridConfig};
use selfsi::data::{Block, LogGrid};
use selfsi::population::{Amplitudes, Channel, Drift, RestFilter, RestPopulation};

const L: usize = 36;
/// Pixels that each spectrum shows.
const SHOWN: usize = 17;
const SIGMA: f64 = 0.1;
/// What the mean loses per unit of t at the pixels that fade.
const FALL: f64 = 0.6;
const FADING: std::ops::Range<usize> = 6..9;

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        frame: Frame::Rest,
        min: 900.0,
        max: 7000.0,
        pixels: L,
    })
}

fn channel() -> Channel {
    let forward = ForwardConfig::Gaussian { sigma: SIGMA };
    Channel::new(&forward, &grid(), &[0.0; L], &[0.0; L]).unwrap()
}

/// In the blue spectra differ by much and in the red by little; some pixels fade with redshift.
fn clean(z: f64, rng: &mut impl RngExt) -> Array1<f64> {
    let mut normal = || -> f64 { rng.sample(StandardNormal) };
    let [slope, line, other, amplitude] = std::array::from_fn(|_| normal());
    let t = z.ln_1p() - 2.0f64.ln();
    let at = |e: usize| {
        let x = e as f64 / L as f64;
        let bump = |c: f64, w: f64| (-0.5 * ((x - c) / w).powi(2)).exp();
        let fade = if FADING.contains(&e) { FALL * t } else { 0.0 };
        let broad = 0.5 * slope * (0.6 - x).max(0.0);
        1.0 + bump(0.45, 0.05) - fade
            + broad
            + 0.3 * line * bump(0.45, 0.05)
            + 0.1 * other * bump(0.8, 0.08)
    };
    let scale = (0.3 * amplitude).exp();
    (0..L).map(|e| scale * at(e)).collect()
}

/// Noisy spectra of redshifts 0 to 4, each with some half of the pixels, and the clean ones.
fn survey(n: usize, z: impl Fn(f64) -> f64, seed: u64) -> (Block, Array2<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut block = Block::masked(n, L);
    let mut truth = Array2::zeros((n, L));
    let dln = grid().dln();
    for i in 0..n {
        block.z[i] = z(rng.random());
        let clean = clean(block.z[i], &mut rng);
        // At redshift 4 from the first pixel on.
        let first = ((5.0f64.ln() - block.z[i].ln_1p()) / dln) as usize;
        for j in first..(first + SHOWN).min(L) {
            block.flux[[i, j]] = (clean[j] + SIGMA * rng.sample::<f64, _>(StandardNormal)) as f32;
            block.ivar[[i, j]] = SIGMA.powi(-2) as f32;
        }
        truth.row_mut(i).assign(&clean);
    }
    (block, truth)
}

fn learned(block: &Block) -> RestPopulation {
    let rows = || std::iter::once(Ok(block.clone()));
    let found = RestPopulation::learn(rows, &grid(), &channel(), Amplitudes::Scale);
    found.unwrap().unwrap()
}

/// Mean square error of restored spectra over the pixels that each shows.
fn error(population: RestPopulation, (block, truth): &(Block, Array2<f64>)) -> f64 {
    let filter = RestFilter::new(population, channel());
    let (mut sum, mut n) = (0.0, 0.0);
    for i in 0..block.z.len() {
        let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
        let mean = filter.posterior(flux, ivar, block.z[i]).unwrap().mean();
        for j in (0..L).filter(|j| ivar[*j] > 0.0) {
            sum += (mean[j] - truth[[i, j]]).powi(2);
            n += 1.0;
        }
    }
    sum / n
}

#[test]
fn spectra_of_other_redshifts_do_no_harm() {
    // The red half is quiet, but the amplitudes of spectra that show the blue are those of the blue.
    let near = |u: f64| 0.6 * u;
    let test = survey(100, near, 9);
    let alone = error(learned(&survey(90, near, 1).0), &test);
    let all = error(learned(&survey(600, |u| 4.0 * u, 2).0), &test);
    assert!(all < 1.1 * alone, "{} {}", alone.sqrt(), all.sqrt());
}

#[test]
fn what_goes_with_redshift_is_found_and_is_no_scatter() {
    let found = learned(&survey(500, |u| 4.0 * u, 3).0);
    let drift = found.drift.as_ref().unwrap();
    let slope = |e: usize| drift.slope[e];
    let mean = |pixels: std::ops::Range<usize>| {
        pixels.clone().map(slope).sum::<f64>() / pixels.len() as f64
    };
    assert!((mean(FADING) + FALL).abs() < 0.15, "{}", mean(FADING));
    assert!(mean(12..30).abs() < 0.1, "{}", mean(12..30));
    let again = Drift::from_stored(&drift.stored()).unwrap();
    assert_eq!(&again, drift);
    // Beyond the redshifts that show a pixel it says what it says there.
    assert_eq!(drift.at(4.0, 0, L), drift.at(40.0, 0, L));
    assert!(drift.at(-0.5, 0, L).iter().all(|v| v.is_finite()));
    let mut damaged = drift.stored();
    damaged[[1, 3]] = f64::NAN;
    assert!(Drift::from_stored(&damaged).is_none());
}

#[test]
fn learned_again_it_is_the_same_to_the_bit() {
    let (block, _) = survey(100, |u| 4.0 * u, 4);
    let [a, b] = [&block, &block].map(learned);
    assert_eq!((a.mean, a.factor, a.drift), (b.mean, b.factor, b.drift));
}

#[test]
fn spectra_that_show_all_of_the_grid_are_not_parts() {
    let (mut block, truth) = survey(100, |u| 4.0 * u, 5);
    assert!(learned(&block).drift.is_some());
    block.flux = truth.mapv(|f| f as f32);
    block.ivar.fill(SIGMA.powi(-2) as f32);
    assert!(learned(&block).drift.is_none());
}
