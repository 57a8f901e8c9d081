//! The Fokker–Planck interpolant I_τ = x0 + τ σ ξ (eq. 12) of Gaussian data, in closed form.
//!
//! For x0 ~ N(m, v) the variance of I_τ is s = v + τ² σ², its velocity b = τ σ²/s · (x − m). Carried
//! back from τ = 1 by the ODE, y becomes m + √(v/(v + σ²)) (y − m); by the reverse of the heat flow
//! (ε = 1), a draw from the posterior N(m + v/(v + σ²) (y − m), v σ²/(v + σ²)).

// Its small job alone is used here.

use crate::fixtures::edited::edited;
use crate::fixtures::prepared_set;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::{D, config, hdf5_source, hdf5_survey, train};
use fitsio::FitsFile;
use ndarray::Array2;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{Config, InterpolantConfig, Scheme, TransportConfig};
use selfsi::forward::Latent;
use selfsi::interpolant::Interpolant;
use selfsi::lab::toy::{Arm, learn};
use selfsi::nets::{Fields, Params, Pass, VelocityField};
use selfsi::restored::Restored;
use selfsi::transport::Transport;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const SIGMA: f64 = 0.8;
const MEAN: f64 = 0.7;
const VARIANCE: f64 = 0.5;
const ODE: InterpolantConfig = InterpolantConfig::FokkerPlanck { epsilon: 0.0 };
const POSTERIOR: InterpolantConfig = InterpolantConfig::FokkerPlanck { epsilon: 1.0 };

/// The exact velocity where the clean side is N(MEAN, variance).
struct Exact {
    variance: f64,
    params: Params,
}

impl Exact {
    fn new(variance: f64) -> Self {
        Self {
            variance,
            params: Params::new(0, Device::Cpu),
        }
    }
}

impl VelocityField for Exact {
    fn fields(&self, t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        let s = t.square() * (SIGMA * SIGMA) + self.variance;
        Fields {
            velocity: t * (SIGMA * SIGMA) / s * (x - MEAN),
            denoiser: None,
            clean: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

fn rows(index: u64, n: i64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(3, Purpose::Toy, index, n, Device::Cpu)
}

fn normals(index: u64, n: i64, variance: f64) -> Tensor {
    rows(index, n).normal(0, 1) * variance.sqrt() + MEAN
}

fn latent(n: i64) -> Latent {
    let ones = Tensor::ones([n, 1], (Kind::Float, Device::Cpu));
    Latent::of_pixels(ones.copy(), &ones * SIGMA, ones.zeros_like())
}

/// Φ(y) in 200 steps of Heun.
fn carry(interpolant: &InterpolantConfig, field: &Exact, y: &Tensor, latent: &Latent) -> Tensor {
    let heun = TransportConfig {
        scheme: Scheme::Heun,
        steps: 200,
        grading: 1.0,
        ..TransportConfig::default()
    };
    let random = rows(9, y.size()[0]);
    Transport::new(interpolant, &heun, false).run(field, y, latent, &random, false)
}

/// Slope of x on y about their means, and the variance left.
fn regression(x: &Tensor, y: &Tensor) -> (f64, f64) {
    let mean = |t: &Tensor| t.mean(Kind::Double).double_value(&[]);
    let (x, y) = (x - mean(x), y - mean(y));
    let slope = mean(&(&x * &y)) / mean(&y.square());
    (slope, mean(&(x - y * slope).square()))
}

#[test]
fn the_path_is_the_channels_own_noise_and_its_velocity_has_the_closed_form() {
    let n = 100_000;
    let x0 = normals(0, n, VARIANCE);
    let noise = rows(1, n).normal(0, 1) * SIGMA;
    let path = Interpolant::new(&ODE, true);
    assert_eq!(path.heads(), 1);
    for time in [0.1, 0.5, 1.0] {
        let t = Tensor::full([n, 1], time, (Kind::Float, Device::Cpu));
        let s = path.sample(&t, &x0, &(&x0 + &noise), &latent(n), || unreachable!());
        assert!(
            (&s.point - (&x0 + &noise * time))
                .abs()
                .max()
                .double_value(&[])
                < 1e-5
        );
        let variance = VARIANCE + (time * SIGMA).powi(2);
        let (slope, _) = regression(&s.velocity, &s.point);
        assert!((slope - time * SIGMA * SIGMA / variance).abs() < 0.01);
    }
}

#[test]
fn the_ode_is_the_affine_map_onto_the_clean_population() {
    let y = normals(2, 1000, VARIANCE + SIGMA * SIGMA);
    let x = carry(&ODE, &Exact::new(VARIANCE), &y, &latent(1000));
    let slope = (VARIANCE / (VARIANCE + SIGMA * SIGMA)).sqrt();
    let expected = (&y - MEAN) * slope + MEAN;
    assert!((x - expected).abs().max().double_value(&[]) < 1e-3);
}

#[test]
fn the_reverse_of_the_heat_flow_draws_from_the_posterior() {
    let n = 20_000;
    let y = normals(3, n, VARIANCE + SIGMA * SIGMA);
    let (slope, left) = regression(
        &carry(&POSTERIOR, &Exact::new(VARIANCE), &y, &latent(n)),
        &y,
    );
    let s2 = SIGMA * SIGMA;
    assert!(
        (slope - VARIANCE / (VARIANCE + s2)).abs() < 0.015,
        "{slope}"
    );
    assert!(
        (left / (VARIANCE * s2 / (VARIANCE + s2)) - 1.0).abs() < 0.06,
        "{left}"
    );
}

#[test]
fn a_masked_pixel_draws_no_noise() {
    let y = normals(4, 50, 1.0);
    let mut masked = latent(50);
    masked.good = masked.good.zeros_like();
    let field = Exact::new(VARIANCE);
    let difference = carry(&POSTERIOR, &field, &y, &masked) - carry(&ODE, &field, &y, &masked);
    assert!(difference.abs().max().double_value(&[]) < 1e-6);
}

/// Corollary 1: with the exact fields of each iterate, the distance to the clean variance shrinks at
/// least as fast as the linear rate at the fixed point, 1 − (S/(S + σ²))² for the draws and
/// 1 − S/(S + σ²) for the ODE.
#[test]
fn the_iterates_contract_at_the_rate_of_the_closed_form() {
    let n = 20_000;
    let y = normals(5, n, VARIANCE + SIGMA * SIGMA);
    let gain = VARIANCE / (VARIANCE + SIGMA * SIGMA);
    for (interpolant, rate) in [(&ODE, 1.0 - gain), (&POSTERIOR, 1.0 - gain * gain)] {
        let mut v = VARIANCE + SIGMA * SIGMA;
        for _ in 0..5 {
            let x = carry(interpolant, &Exact::new(v), &y, &latent(n));
            let next = x.var(true).double_value(&[]);
            assert!(
                next - VARIANCE < rate * (v - VARIANCE) + 0.02,
                "{interpolant:?} {v} {next}"
            );
            assert!(next < v);
            v = next;
        }
    }
}

#[test]
fn the_self_consistent_loop_finds_the_clean_population_in_one_dimension() {
    tch::set_num_threads(1);
    let y = normals(6, 6000, VARIANCE + SIGMA * SIGMA);
    let settings = Arm::FokkerPlanck.settings(1000);
    let (map, _) = learn(Arm::FokkerPlanck, &settings, &y, SIGMA, 1).unwrap();
    let fresh = normals(7, 10_000, VARIANCE + SIGMA * SIGMA);
    let x = map.restore(&fresh, &rows(8, 10_000));
    let mean = x.mean(Kind::Double).double_value(&[]);
    let variance = x.var(true).double_value(&[]);
    println!("mean {mean:.3} of {MEAN}, variance {variance:.3} of {VARIANCE}");
    assert!((mean - MEAN).abs() < 0.05);
    assert!((variance / VARIANCE - 1.0).abs() < 0.15);
}

/// A survey under Gaussian noise, with `interpolant` and more lines of [train].
fn gaussian(folder: &Path, interpolant: &str, train: &str) -> String {
    let text = config(
        &folder.join("set.h5"),
        &hdf5_source(&folder.join("survey.h5")),
    );
    let (head, rest) = text.split_once("[forward]").unwrap();
    let (_, tail) = rest.split_once("[network]").unwrap();
    let tail = edited(tail, "[train]", &format!("[train]\n{train}"));
    format!(
        "{head}[forward]\nkind = 'gaussian'\nsigma = 0.3\n[network]{tail}\n[interpolant]\n{interpolant}\n"
    )
}

#[test]
fn only_additive_gaussian_noise_has_it_and_recorded_observations_are_no_end_of_it() {
    let here = Path::new(".");
    let parse = |text: &str| Config::parse(text, "job.toml", &[]);
    let error = |text: &str| parse(text).unwrap_err().to_string();

    let good = parse(&gaussian(here, "kind = 'fokker-planck'", "")).unwrap();
    assert_eq!(good.interpolant, ODE);
    assert_eq!(good.train.mix, 1.0);
    assert_eq!(parse(&good.to_toml().unwrap()).unwrap(), good);

    let mixed = error(&gaussian(here, "kind = 'fokker-planck'", "mix = 0.9"));
    assert!(mixed.contains("train.mix"), "{mixed}");
    let negative = error(&gaussian(
        here,
        "kind = 'fokker-planck'\nepsilon = -1.0",
        "",
    ));
    assert!(negative.contains("interpolant.epsilon"), "{negative}");
    let unknown = error(&gaussian(here, "kind = 'fokker-planck'\ngamma = 1.0", ""));
    assert!(unknown.contains("gamma"), "{unknown}");

    let quasar = config(here, &hdf5_source(here)) + "\n[interpolant]\nkind = 'fokker-planck'\n";
    let other = error(&quasar);
    assert!(
        other.contains("interpolant.kind") && other.contains("forward.kind"),
        "{other}"
    );
}

#[test]
fn draws_along_the_path_are_told_from_their_mean() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = gaussian(folder.path(), "kind = 'fokker-planck'\nepsilon = 1.0", "");
    std::fs::write(at("job.toml"), &text).unwrap();
    let [_, flux] = prepared_set::waves(40, D);
    let ivar = Array2::from_elem(flux.dim(), 0.3f32.powi(-2));
    let (objects, unit) = (prepared_set::objects(40), prepared_set::UNIT);
    prepared_set::write(&at("set.h5"), &text, unit, &objects, flux, ivar);
    train(&at("job.toml"), &at("run"));
    let mut restore = selfsi();
    restore.arg("restore").arg(at("run")).arg("--out");
    restore.arg(at("run/restored.fits")).assert().success();

    let catalog = Restored::open(at("run/restored.fits")).unwrap();
    assert_eq!(catalog.header().made.method.name(), "fokker-planck-sde");
    // What a population is made of, for `selfsi generate` and for the audit.
    assert_eq!(catalog.single(), "DRAW");
    let mut audit = selfsi();
    audit.args(["audit", "--simulations", "200"]).arg(at("run"));
    audit.arg(catalog.path()).assert().success();
    let mut table = FitsFile::open(at("run/restored.audit.fits")).unwrap();
    let hdu = table.hdu("AUDIT").unwrap();
    let draws: Vec<f64> = hdu.read_col(&mut table, "DRAW_CHI2").unwrap();
    assert!(draws.iter().all(|v| v.is_finite()));
    // The audit lies beside the catalog and is not taken for one.
    let mut generate = selfsi();
    generate.args(["generate", "--set", "diffusion.steps=2", "-n", "2"]);
    generate.arg(at("run")).arg("--out").arg(at("new.fits"));
    generate.assert().success();
}

#[test]
fn a_run_restores_to_a_catalog_that_names_the_method_and_claims_no_uncertainty() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    hdf5_survey(&at("survey.h5"), 24);
    std::fs::write(
        at("job.toml"),
        gaussian(folder.path(), "kind = 'fokker-planck'", ""),
    )
    .unwrap();
    selfsi()
        .arg("prepare")
        .arg(at("job.toml"))
        .assert()
        .success();
    let train = |out: &str| {
        let mut command = selfsi();
        command
            .arg("train")
            .arg(at("job.toml"))
            .arg("--out")
            .arg(at(out));
        command
    };
    train("run").assert().success();
    let mut restore = selfsi();
    restore
        .arg("restore")
        .arg(at("run"))
        .arg(at("set.h5"))
        .arg("--out")
        .arg(at("r.fits"));
    restore.assert().success();
    let mut fits = FitsFile::open(at("r.fits")).unwrap();
    let primary = fits.primary_hdu().unwrap();
    let key = |fits: &mut FitsFile, name: &str| primary.read_key::<String>(fits, name).unwrap();
    assert_eq!(key(&mut fits, "METHOD"), "fokker-planck");
    assert_eq!(key(&mut fits, "UNCERT"), "none");
    assert!(fits.hdu("SIGMA").is_err());

    // Pixels that share noise after regridding: draws along the path would be of another noise.
    let mut draws = train("draws");
    let refused = draws
        .args(["--set", "interpolant.epsilon=1.0"])
        .assert()
        .failure();
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(
        said.contains("interpolant.epsilon") && said.contains("share noise"),
        "{said}"
    );
}
