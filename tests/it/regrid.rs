//! Rebinning against independent references: closed forms, and the cumulative integral.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::config::GridConfig;
use selfsi::data::{Block, Centres, LogGrid, NativeGrid, Spectrum};
use selfsi::prepare::{Rebin, Regridder};

fn grid(pixels: usize) -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 4000.0,
        max: 6500.0,
        pixels,
        ..GridConfig::default()
    })
}

/// Edges in Å of the common pixels, [D + 1].
fn edges_of(g: &LogGrid) -> Vec<f64> {
    (0..=g.pixels)
        .map(|j| 10f64.powf(g.loglam0 + (j as f64 - 0.5) * g.dloglam))
        .collect()
}

fn rebinned(g: &LogGrid, edges: &[f64], flux: Vec<f64>, ivar: Vec<f64>) -> Block {
    let log: Vec<f64> = edges.iter().map(|e| e.log10()).collect();
    let single = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect();
    let spectrum = Spectrum {
        grid: NativeGrid::Pixels(log.windows(2).map(|w| [w[0], w[1]]).collect()),
        flux: single(flux),
        ivar: single(ivar),
        lsf: vec![],
        extras: Default::default(),
    };
    let mut block = Block::masked(1, g.pixels);
    Regridder::sdss(g).regrid(&spectrum, &mut block, 0);
    block
}

/// Pixel edges with random widths, from `a` to beyond `b` Å.
fn ragged(rng: &mut ChaCha8Rng, a: f64, b: f64, mean: f64) -> Vec<f64> {
    let mut edges = vec![a];
    while edges[edges.len() - 1] < b {
        edges.push(edges[edges.len() - 1] + mean * rng.random_range(0.2..1.8));
    }
    edges
}

/// Piecewise-linear cumulative integral of `flux` at `x`.
fn integral(edges: &[f64], flux: &[f64], x: f64) -> f64 {
    edges
        .windows(2)
        .zip(flux)
        .map(|(e, f)| f * (x.clamp(e[0], e[1]) - e[0]))
        .sum()
}

#[test]
fn any_spectrum_on_any_pixels_agrees_with_the_difference_of_its_cumulative_integral() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let g = grid(97);
    // Native pixels finer, as wide as, and wider than the common ones (15-40 Å).
    for mean in [3.0, 25.0, 120.0] {
        let edges = ragged(&mut rng, 3700.0, 6900.0, mean);
        let n = edges.len() - 1;
        let flux: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..3.0)).collect();
        let b = rebinned(&g, &edges, flux.clone(), vec![1.0; n]);
        for (e, f) in edges_of(&g).windows(2).zip(b.flux.row(0)) {
            let exact =
                (integral(&edges, &flux, e[1]) - integral(&edges, &flux, e[0])) / (e[1] - e[0]);
            assert!((f64::from(*f) - exact).abs() < 2e-5, "{mean}: {f} {exact}");
        }
    }
}

/// Where native edges fall on common ones, a linear spectrum is exactly its value in the middle.
#[test]
fn a_linear_spectrum_stays_linear() {
    let g = grid(200);
    let common = edges_of(&g);
    let edges: Vec<f64> = common
        .windows(2)
        .flat_map(|e| [e[0], e[0] + 0.3 * (e[1] - e[0])])
        .chain([common[200]])
        .collect();
    let line = |w: f64| 2.0 - 3e-4 * (w - 5000.0);
    let flux: Vec<f64> = edges
        .windows(2)
        .map(|e| line(0.5 * (e[0] + e[1])))
        .collect();
    let n = flux.len();
    let b = rebinned(&g, &edges, flux, vec![1.0; n]);
    for (e, f) in common.windows(2).zip(b.flux.row(0)) {
        assert!((f64::from(*f) - line(0.5 * (e[0] + e[1]))).abs() < 1e-6);
    }
}

/// A top hat that begins and ends inside common pixels: each holds the part that it covers.
#[test]
fn a_top_hat_keeps_its_edges_and_its_area() {
    let g = grid(64);
    let (low, high) = (4512.3, 5201.7);
    let edges = vec![3900.0, low, high, 6600.0];
    let b = rebinned(&g, &edges, vec![0.0, 1.0, 0.0], vec![1.0; 3]);
    let mut area = 0.0;
    for (e, f) in edges_of(&g).windows(2).zip(b.flux.row(0)) {
        let covered = (e[1].min(high) - e[0].max(low)).max(0.0) / (e[1] - e[0]);
        assert!((f64::from(*f) - covered).abs() < 1e-6, "{e:?}");
        area += f64::from(*f) * (e[1] - e[0]);
    }
    assert!((area / (high - low) - 1.0).abs() < 1e-6);
}

/// The covariance of the common pixels is W diag(1/ivar) Wᵀ with W written out as a dense matrix:
/// ivar is its diagonal, for unequal native variances, and `noise_rho` its neighbours, for equal
/// ones; pixels farther apart share nothing when native pixels are narrower than common ones.
#[test]
fn variances_and_covariances_are_those_of_the_dense_weight_matrix() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let g = grid(40);
    let edges = ragged(&mut rng, 3900.0, 6600.0, 20.0);
    let n = edges.len() - 1;
    let common = edges_of(&g);
    let w = Array2::from_shape_fn((40, n), |(j, i)| {
        let overlap = common[j + 1].min(edges[i + 1]) - common[j].max(edges[i]);
        overlap.max(0.0) / (common[j + 1] - common[j])
    });
    let ivar: Vec<f64> = (0..n).map(|_| rng.random_range(0.1..10.0)).collect();
    let b = rebinned(&g, &edges, vec![1.0; n], ivar.clone());
    let variance = Array2::from_diag(&ndarray::Array1::from(ivar).mapv(f64::recip));
    let covariance = w.dot(&variance).dot(&w.t());
    for j in 0..40 {
        let v = f64::from(b.ivar[[0, j]]);
        assert!((v * covariance[[j, j]] - 1.0).abs() < 1e-5, "{j}");
    }
    let equal = w.dot(&w.t());
    let log: Vec<f64> = edges.iter().map(|e| e.log10()).collect();
    let pixels: Vec<_> = log.windows(2).map(|w| [w[0], w[1]]).collect();
    let rho = Rebin::new(&g, &pixels, 0).noise_rho();
    for j in 0..39 {
        let exact = equal[[j, j + 1]] / (equal[[j, j]] * equal[[j + 1, j + 1]]).sqrt();
        assert!((f64::from(rho[j]) - exact).abs() < 1e-6, "{j}");
    }
    assert_eq!(rho[39], 0.0);
    assert!((0..37).all(|j| equal[[j, j + 3]] == 0.0));
}

/// k equal native pixels in each common one: ivar adds up, and neighbours share no noise.
#[test]
fn pixels_that_nest_add_their_ivar_and_share_no_noise() {
    let g = grid(50);
    for k in [1, 2, 5] {
        let step = g.dloglam / k as f64;
        let first = g.loglam0 - 0.5 * g.dloglam + 0.5 * step;
        let centres: Vec<f64> = (0..50 * k).map(|i| first + i as f64 * step).collect();
        let native = NativeGrid::from_centres(&centres, Centres::Log10, false).unwrap();
        let rebin = Rebin::new(&g, &native.pixels(centres.len()), 0);
        assert!(rebin.noise_rho().iter().all(|r| r.abs() < 1e-6), "{k}");
        let spectrum = Spectrum {
            grid: native,
            flux: vec![1.0; 50 * k],
            ivar: vec![3.0; 50 * k],
            lsf: vec![2.0; 50 * k],
            extras: Default::default(),
        };
        let mut b = Block::masked(1, 50);
        Regridder::sdss(&g).regrid(&spectrum, &mut b, 0);
        for (v, l) in b.ivar.iter().zip(&b.lsf) {
            // Equal in log: the widths in Å differ by 1 % within a pixel, the ivar by 1e-5.
            assert!((v / (3.0 * k as f32) - 1.0).abs() < 1e-3, "{k}: {v}");
            assert!((l * k as f32 - 2.0).abs() < 1e-4, "{k}: {l}");
        }
    }
}
