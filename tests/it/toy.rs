//! `selfsi toy`: shapes, metrics with closed forms, the finding in closed form, the command.

use assert_cmd::Command;
use ndarray::{Array2, array};
use selfsi::base::random::{Purpose, Rows};
use selfsi::base::statistics::median;
use selfsi::config::{EpsilonShape, InterpolantConfig, Scheme, TransportConfig};
use selfsi::evaluate::{Slices, sliced_wasserstein};
use selfsi::forward::Latent;
use selfsi::lab::toy::{
    Arm, Settings, Shape, half_width, knn_divergence, learn, maximum_mean_discrepancy,
    neighbour_distances,
};
use selfsi::nets::{Fields, Params, Pass, VelocityField};
use selfsi::transport::Transport;
use std::path::Path;
use tch::{Device, Kind, Tensor};

fn rows(index: u64, n: i64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(17, Purpose::Toy, index, n, Device::Cpu)
}

fn to_array(t: &Tensor) -> Array2<f32> {
    let (n, d) = t.size2().unwrap();
    let flat = Vec::<f32>::try_from(t.contiguous().view([-1])).unwrap();
    Array2::from_shape_vec((n as usize, d as usize), flat).unwrap()
}

/// 2000 points of N((shift, 0), scale²).
fn gaussian(index: u64, shift: f64, scale: f64) -> Array2<f32> {
    let mean = Tensor::from_slice(&[shift as f32, 0.0]);
    to_array(&(rows(index, 2000).normal(0, 2) * scale + mean))
}

#[test]
fn shapes_have_the_moments_that_their_description_implies() {
    let n = 100_000;
    for (shape, squares) in [
        // E[(4 cos θ − 2)²] + w², E[(4 sin θ − 1)²] + w² for θ uniform on (0, π), w = 0.3.
        (Shape::TwoMoons, [12.09, 9.09 - 16.0 / std::f64::consts::PI]),
        // Half the radius' square, and the blob's variance.
        (Shape::EightGaussians, [8.09; 2]),
        // Uniform on (−4, 4) in either coordinate.
        (Shape::Checkerboard, [16.0 / 3.0; 2]),
    ] {
        let x = shape.sample(&rows(0, n));
        for (j, square) in squares.iter().enumerate() {
            let column = x.select(1, j as i64);
            let mean = column.mean(Kind::Double).double_value(&[]);
            let found = column.square().mean(Kind::Double).double_value(&[]);
            assert!(mean.abs() < 0.05, "{shape:?} {j}: {mean}");
            assert!(
                (found / square - 1.0).abs() < 0.015,
                "{shape:?} {j}: {found} {square}"
            );
        }
    }
}

#[test]
fn a_checkerboard_has_points_on_its_black_cells_alone() {
    let x = to_array(&Shape::Checkerboard.sample(&rows(0, 5000)));
    for p in x.rows() {
        let cell = p.mapv(|v| (v / 2.0).floor() as i64);
        assert_eq!((cell[0] + cell[1]).rem_euclid(2), 0, "{p}");
        assert!(p.iter().all(|v| v.abs() <= 4.0));
    }
}

#[test]
fn the_half_widths_are_those_of_the_shapes_own_scatter() {
    let width = |shape: Shape| half_width(shape, to_array(&shape.sample(&rows(0, 20_000))).view());
    // The medians of |N(0, 0.3²)| and of a Rayleigh variable of scale 0.3.
    let moons = width(Shape::TwoMoons).unwrap();
    assert!((moons / (0.6745 * 0.3) - 1.0).abs() < 0.04, "{moons}");
    let blobs = width(Shape::EightGaussians).unwrap();
    assert!(
        (blobs / (0.18 * 2f64.ln()).sqrt() - 1.0).abs() < 0.03,
        "{blobs}"
    );
    assert_eq!(width(Shape::Checkerboard), None);
    // On the middle line itself.
    assert_eq!(Shape::TwoMoons.offset([2.0, -1.0]).map(f64::abs), Some(0.0));
    assert!(Shape::EightGaussians.offset([4.0, 0.0]).unwrap() < 1e-12);
}

#[test]
fn neighbours_are_counted_without_oneself_where_the_sample_is_the_same() {
    let x = array![[0f32, 0.0], [1.0, 0.0], [3.0, 0.0]];
    assert_eq!(
        neighbour_distances(x.view(), x.view(), 1, true),
        [1.0, 1.0, 2.0]
    );
    assert_eq!(
        neighbour_distances(x.view(), x.view(), 2, true),
        [3.0, 2.0, 3.0]
    );
    assert_eq!(neighbour_distances(x.view(), x.view(), 1, false), [0.0; 3]);
    assert!(neighbour_distances(x.view(), x.view(), 3, true)[0].is_nan());
}

#[test]
fn a_sample_squeezed_by_a_factor_has_neighbours_nearer_by_its_square_root() {
    // The density of a plane grows by the factor: distances shrink by its root.
    let wide = gaussian(0, 0.0, 1.0);
    let mut narrow = gaussian(1, 0.0, 1.0);
    narrow.column_mut(1).mapv_inplace(|v| 0.25 * v);
    let spacing = |x: &Array2<f32>| median(neighbour_distances(x.view(), x.view(), 5, true));
    let ratio = spacing(&narrow) / spacing(&wide);
    assert!((ratio - 0.5).abs() < 0.03, "{ratio}");
}

#[test]
fn the_divergence_of_gaussians_has_its_closed_form_where_q_is_as_wide_or_wider() {
    let p = gaussian(2, 0.0, 1.0);
    for (shift, scale) in [(0.0, 1.0), (0.7, 1.0), (0.0, 1.5), (0.5, 2.0)] {
        let q = gaussian(3, shift, scale);
        let s2: f64 = scale * scale;
        let expected = s2.ln() + 1.0 / s2 - 1.0 + 0.5 * shift * shift / s2;
        let found = knn_divergence(p.view(), q.view(), 5);
        assert!(
            (found - expected).abs() < 0.08,
            "{shift} {scale}: {found} {expected}"
        );
    }
}

#[test]
fn the_divergence_is_underestimated_where_q_is_much_narrower() {
    let (p, q) = (gaussian(2, 0.0, 1.0), gaussian(3, 0.0, 0.1));
    let s2 = 0.01f64;
    let expected = s2.ln() + 1.0 / s2 - 1.0;
    let found = knn_divergence(p.view(), q.view(), 5);
    assert!(
        found > 2.0 && found < 0.2 * expected,
        "{found} of {expected}"
    );
}

#[test]
fn the_discrepancy_and_the_sliced_distance_of_shifted_gaussians_have_their_closed_forms() {
    let (p, h2) = (gaussian(4, 0.0, 1.0), 0.64f64);
    for shift in [0.0, 1.0, 2.0] {
        let q = gaussian(5, shift, 1.0);
        // E exp(−|x − y|²/(2 h²)) for x − y ~ N(δ, 2 I) in the plane.
        let near = h2 / (h2 + 2.0);
        let expected = 2.0 * near * (1.0 - (-0.5 * shift * shift / (h2 + 2.0)).exp());
        let found = maximum_mean_discrepancy(p.view(), q.view(), h2.sqrt());
        assert!(
            (found - expected).abs() < 0.012,
            "{shift}: {found} {expected}"
        );
        // ⟨(θ·δ)²⟩ = δ²/2; two samples of one population are 0.06 apart.
        let sliced = sliced_wasserstein(p.view(), q.view(), Slices::Whole, 1);
        assert!(
            (sliced - shift / 2f64.sqrt()).abs() < 0.08,
            "{shift}: {sliced}"
        );
    }
}

/// Exact fields of N(0, v) under noise of standard deviation σ = 1, γ = scale · t(1 − t).
struct Exact {
    v: f64,
    scale: f64,
    params: Params,
}

impl VelocityField for Exact {
    fn fields(&self, t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        let t = t.double_value(&[0, 0]);
        let (gamma, slope) = (self.scale * t * (1.0 - t), self.scale * (1.0 - 2.0 * t));
        let s = self.v + t * t + gamma * gamma;
        Fields {
            velocity: x * ((t + gamma * slope) / s),
            denoiser: (self.scale > 0.0).then(|| x * (gamma / s)),
            clean: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Variance that the self-consistent loop ends at, over the clean variance of an arm's width 0.3, in
/// the 20 steps of Euler of `selfsi toy` at σ = 1 with exact fields.
fn final_variance(interpolant: &InterpolantConfig, scale: f64) -> f64 {
    let (clean, n) = (0.09, 4000);
    let euler = TransportConfig {
        scheme: Scheme::Euler,
        steps: 20,
        grading: 1.0,
        ..TransportConfig::default()
    };
    let transport = Transport::new(interpolant, &euler, false);
    let ones = Tensor::ones([n, 1], (Kind::Float, Device::Cpu));
    let latent = Latent::of_pixels(ones.copy(), ones.copy(), ones.zeros_like());
    let y = rows(6, n).normal(0, 1) * (clean + 1.0f64).sqrt();
    let spread = |x: &Tensor| x.square().mean(Kind::Double).double_value(&[]);
    let mut v = clean + 1.0;
    for round in 0..100 {
        let field = Exact {
            v,
            scale,
            params: Params::new(0, Device::Cpu),
        };
        let x = transport.run(&field, &y, &latent, &rows(100 + round, n), false);
        let slope = (&x * &y).mean(Kind::Double).double_value(&[]) / spread(&y);
        v = slope * slope * (clean + 1.0) + spread(&(x - &y * slope));
    }
    v / clean
}

#[test]
fn at_the_noise_of_one_the_odes_arms_vanish_and_the_sdes_keep_their_width() {
    let ode = final_variance(&InterpolantConfig::Ode, 0.0);
    let sde = InterpolantConfig::Sde {
        gamma: 1.0,
        diffusion: EpsilonShape::Constant,
        epsilon: 0.1,
    };
    let sde = final_variance(&sde, 1.0);
    assert!(ode < 1e-3, "{ode}");
    // The recursion of the exact variances ends at 0.295.
    assert!(sde > 0.25 && sde < 0.34, "{sde}");
}

fn toy(out: &Path, threads: &str) -> Command {
    let mut command = Command::cargo_bin("selfsi").unwrap();
    command
        .args(["--threads", threads, "toy", "--out"])
        .arg(out);
    command.args(["--steps", "8", "--samples", "600", "--shape", "two-moons"]);
    command.args(["--interpolant", "ode,sde,fokker-planck"]);
    command
}

#[test]
fn the_command_writes_figure_table_and_json_the_same_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    toy(&folder.path().join("one"), "1").assert().success();
    let two = toy(&folder.path().join("two"), "2")
        .arg("--json")
        .assert()
        .success();
    assert_eq!(read("one/toy.json"), read("two/toy.json"));
    assert_eq!(read("one/toy.png"), read("two/toy.png"));
    assert_eq!(read("two/toy.json"), two.get_output().stdout);

    let json: serde_json::Value = serde_json::from_slice(&read("one/toy.json")).unwrap();
    assert_eq!(json["cases"].as_array().unwrap().len(), 2);
    let clouds = json["cases"][1]["clouds"].as_array().unwrap();
    let names: Vec<&str> = clouds.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["clean", "observed", "ODE", "SDE", "Fokker–Planck"]);
    let points = hdf5::File::open(folder.path().join("one/toy.h5")).unwrap();
    let observed = points.dataset("two-moons/sigma-1.0/observed").unwrap();
    assert_eq!(observed.shape(), [2000, 2]);
    // Against another sample of itself the truth scores better than what is noisy.
    let kl = |i: usize| clouds[i]["scores"]["divergence"].as_f64().unwrap();
    assert!(kl(0).abs() < 0.1 && kl(1) > 0.5);
    let table = String::from_utf8(read("one/toy.md")).unwrap();
    assert_eq!(
        table
            .lines()
            .filter(|l| l.starts_with("| two moons"))
            .count(),
        10
    );
}

/// Two-dimensional observations of N(0, 1) under noise of 0.5, and what the SDE restores of them.
fn restored_gaussian(set: &[&str]) -> (f64, f64, [u64; 2]) {
    tch::set_num_threads(1);
    let sigma = 0.5f64;
    let observed = |index| rows(index, 6000).normal(0, 2) * (1.0 + sigma.powi(2)).sqrt();
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    let settings = Settings::of(Arm::Sde, 1500, &set).unwrap();
    let (map, cost) = learn(Arm::Sde, &settings, &observed(40), sigma, 1).unwrap();
    let x = map.restore(&observed(41), &rows(42, 6000));
    let mean = x.mean_dim([0i64].as_slice(), false, Kind::Double);
    (
        mean.abs().max().double_value(&[]),
        x.var(true).double_value(&[]),
        cost,
    )
}

#[test]
fn the_loop_finds_the_population_with_every_lever_on_the_e_step() {
    // Batches of 256, 2 resamplings of each, 3 passes for a gradient.
    let gradients = 1500 * 256 * 2 * 3;
    for (set, e_step) in [
        (&[][..], 1500 / 8 * 20 + 20),
        (&["train.pool=8", "train.reuse=16"], 1500 / 16 * 20 + 20),
        (&["train.refresh=80"], 1500 / 8 * 20 + 20),
        (
            &["transport.scheme='heun'", "transport.steps=6"],
            1500 / 8 * 12 + 12,
        ),
    ] {
        let (mean, variance, cost) = restored_gaussian(set);
        println!("{set:?}: mean {mean:.3}, variance {variance:.3}");
        assert!(mean < 0.06, "{set:?}: {mean}");
        assert!((variance - 1.0).abs() < 0.15, "{set:?}: {variance}");
        assert_eq!(cost, [256 * e_step, gradients], "{set:?}");
    }
    let grown = ["train.growth={from=4,until=0.5}"];
    let (mean, variance, cost) = restored_gaussian(&grown);
    assert!(
        mean < 0.06 && (variance - 1.0).abs() < 0.15,
        "{mean} {variance}"
    );
    // Half of the way from 4 to 20 steps, half at 20: 16 on average.
    assert!(
        (cost[0] as f64 / (256.0 * 188.0) - 16.0).abs() < 0.1,
        "{cost:?}"
    );
}

#[test]
fn what_cannot_be_done_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, key) in [
        (["--sigma", "-1"], "--sigma"),
        (["--sigma", "0.5,1.0,0.5"], "given twice"),
        (["--set", "train.steps=3"], "train.steps"),
        (["--set", "train.reuse=0"], "train.reuse"),
        (["--set", "train.pol=2"], "train.pol"),
        (["--set", "train.growth.form=2"], "train.growth"),
        (["--steps", "0"], "--steps"),
        (["--tf32", "on"], "--tf32"),
    ] {
        let mut command = Command::cargo_bin("selfsi").unwrap();
        command
            .arg("toy")
            .arg("--out")
            .arg(folder.path().join("toy"));
        let argument = format!("{}={}", arguments[0], arguments[1]);
        let failed = command.arg(argument).assert().failure();
        let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(said.contains(key) && said.lines().count() == 1, "{said}");
    }
}
