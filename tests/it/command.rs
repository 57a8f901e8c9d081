//! A program as F follows the same laws as the built-in channels.
//!
//! Needs a Python with numpy; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::python::python;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{ForwardConfig, GridConfig, LatentUse, NoiseFrom, SmoothingFrom};
use selfsi::data::{ImageLayout, Layout, LogGrid, PixelScale};
use selfsi::forward::{ForwardModel, Latent, build};
use std::path::Path;
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

const D: i64 = 64;

fn spectra(rho: f32) -> Layout {
    let grid = GridConfig {
        pixels: D as usize,
        ..GridConfig::default()
    };
    Layout::Spectra {
        grid: LogGrid::new(&grid),
        noise_rho: (0..D).map(|i| rho * (i % 4) as f32 / 3.0).collect(),
    }
}

/// 2 channels of 8 × 4 pixels, described by `vector` numbers.
fn images(vector: usize) -> Layout {
    Layout::Images(ImageLayout {
        channels: 2,
        height: 8,
        width: 4,
        scale: PixelScale {
            softening: Some(0.5),
            mean: vec![1.0, -2.0],
            std: vec![2.0, 0.5],
        },
        vector,
        planes: 0,
        psf: 0,
    })
}

/// The program `script` (below the repository) with `arguments`.
fn command(script: &str, arguments: &[&str], latent: LatentUse) -> Option<ForwardConfig> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let mut program = vec![
        python()?.display().to_string(),
        script.display().to_string(),
    ];
    program.extend(arguments.iter().map(|a| (*a).to_owned()));
    Some(ForwardConfig::Command {
        program,
        timeout: 60.0,
        latent,
        processes: Some(1),
    })
}

/// The same in as many processes.
fn with_processes(mut config: ForwardConfig, count: Option<usize>) -> ForwardConfig {
    if let ForwardConfig::Command { processes, .. } = &mut config {
        *processes = count;
    }
    config
}

fn model(config: &ForwardConfig, layout: &Layout) -> Box<dyn ForwardModel> {
    build(config, layout, Device::Cpu).unwrap()
}

fn rows(n: i64) -> Rows {
    Rows::range(5, Purpose::Forward, 9, n, Device::Cpu)
}

/// Rows of order 1.
fn clean(n: i64) -> Tensor {
    Rows::range(6, Purpose::Split, 0, n, Device::Cpu).normal(0, D)
}

/// An observation whose noise and smoothing vary, with some pixels masked.
fn recorded(n: i64) -> Latent {
    let random = Rows::range(7, Purpose::Split, 1, n, Device::Cpu);
    let good = random.uniform(0, D).gt(0.1).to_kind(Kind::Float);
    let sigma = random.uniform(1, D) * 0.5 + 0.1;
    let slope = Tensor::linspace(0.9, 1.1, D, (Kind::Float, Device::Cpu));
    let lsf = (random.uniform(2, 1) + 0.5) * slope;
    Latent::of_pixels(good, sigma, lsf)
}

fn largest(difference: &Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

#[test]
fn the_gaussian_channel_as_a_program_gives_the_same_observations_to_rounding() {
    let Some(program) = command("tests/python/simulator.py", &["well"], LatentUse::Redrawn) else {
        return;
    };
    let (x, known) = (clean(100), recorded(100));
    let (a, la) = model(&ForwardConfig::Gaussian { sigma: 0.5 }, &spectra(0.0))
        .observe(&x, &known, &rows(100))
        .unwrap();
    let (b, lb) = model(&program, &spectra(0.0))
        .observe(&x, &known, &rows(100))
        .unwrap();
    let off = largest(&(&a - &b));
    println!("largest difference {off:.2e}");
    assert!(off < 3e-6, "{off}");
    assert_eq!((la.good, la.sigma, la.lsf), (lb.good, lb.sigma, lb.lsf));
    assert_eq!(lb.vector.size(), [100, 0]);
}

#[test]
fn the_quasar_channel_as_a_program_gives_the_same_observations_to_rounding() {
    let Some(program) = command("data/simulators/quasar.py", &["0.05"], LatentUse::Redrawn) else {
        return;
    };
    let built_in = ForwardConfig::Quasar {
        tilt: 0.05,
        smoothing: SmoothingFrom::Lsf,
        noise: NoiseFrom::Ivar,
    };
    for rho in [0.0, 0.3] {
        let (x, known) = (clean(100), recorded(100));
        let (a, la) = model(&built_in, &spectra(rho))
            .observe(&x, &known, &rows(100))
            .unwrap();
        let (b, lb) = model(&program, &spectra(rho))
            .observe(&x, &known, &rows(100))
            .unwrap();
        let off = largest(&(&a - &b));
        println!("largest difference {off:.2e}");
        assert!(off < 2e-5, "{off}");
        assert_eq!((la.good, la.lsf), (lb.good.shallow_clone(), lb.lsf));
        assert_eq!(largest(&((la.sigma - lb.sigma) * lb.good)), 0.0);
    }
}

#[test]
fn a_program_with_generators_of_its_own_has_the_moments_of_the_channel() {
    let Some(program) = command("data/simulators/gaussian.py", &["0.5"], LatentUse::Redrawn) else {
        return;
    };
    let n = 4000;
    let x = clean(n);
    let nothing = Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like());
    let (y, latent) = model(&program, &spectra(0.0))
        .observe(&x, &nothing, &rows(n))
        .unwrap();
    assert_eq!(largest(&(latent.sigma - 0.5)), 0.0);
    let z = (y - &x) / 0.5;
    let mean = |t: Tensor| t.mean(Kind::Double).double_value(&[]);
    let count = (n * D) as f64;
    // Of independent standard normals: standard errors of the first four moments, of the
    // correlation with x and with the neighbour; five of each.
    for (moment, expected, variance) in [
        (mean(z.shallow_clone()), 0.0, 1.0),
        (mean(z.square()), 1.0, 2.0),
        (mean(z.pow_tensor_scalar(3)), 0.0, 15.0),
        (mean(z.pow_tensor_scalar(4)), 3.0, 96.0),
        (mean(&z * &x), 0.0, 1.0),
        (
            mean(z.narrow(1, 0, D - 1) * z.narrow(1, 1, D - 1)),
            0.0,
            1.0,
        ),
        (
            mean(z.narrow(0, 0, n - 1) * z.narrow(0, 1, n - 1)),
            0.0,
            1.0,
        ),
    ] {
        let error = (variance / count).sqrt();
        assert!(
            (moment - expected).abs() < 5.0 * error,
            "{moment} {expected} {error}"
        );
    }
}

#[test]
fn a_row_is_observed_alike_in_any_batch() {
    for (script, argument) in [
        ("data/simulators/gaussian.py", "0.5"),
        ("data/simulators/quasar.py", "0.05"),
    ] {
        let Some(program) = command(script, &[argument], LatentUse::Redrawn) else {
            return;
        };
        let f = model(&program, &spectra(0.2));
        let (x, known) = (clean(20), recorded(20));
        let (whole, latents) = f.observe(&x, &known, &rows(20)).unwrap();
        let index = Tensor::from_slice(&[17i64, 3, 4]);
        let random = Rows::new(5, Purpose::Forward, 9, &index);
        let (part, latent) = f
            .observe(&x.index_select(0, &index), &known.select(&index), &random)
            .unwrap();
        assert_eq!(part, whole.index_select(0, &index), "{script}");
        assert_eq!(latent.sigma, latents.sigma.index_select(0, &index));
    }
}

#[test]
fn any_number_of_processes_gives_the_same_observations() {
    for (script, argument) in [
        ("data/simulators/gaussian.py", "0.5"),
        ("data/simulators/quasar.py", "0.05"),
    ] {
        let Some(program) = command(script, &[argument], LatentUse::Redrawn) else {
            return;
        };
        let observed = |count, n| {
            let f = model(&with_processes(program.clone(), count), &spectra(0.2));
            f.observe(&clean(n), &recorded(n), &rows(n)).unwrap()
        };
        let (y, latent) = observed(Some(1), 20);
        for count in [Some(2), Some(3), None] {
            let (other, told) = observed(count, 20);
            assert_eq!(y, other, "{script}, {count:?} processes");
            assert_eq!(latent.sigma, told.sigma);
        }
        // More processes than rows.
        assert_eq!(observed(Some(3), 2).0, y.narrow(0, 0, 2));
    }
}

#[test]
fn an_error_of_any_process_is_the_error_of_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("now");
    std::fs::write(&marker, "").unwrap();
    let arguments = ["crash", marker.to_str().unwrap()];
    let Some(program) = command("tests/python/simulator.py", &arguments, LatentUse::Redrawn) else {
        return;
    };
    let f = model(&with_processes(program, Some(2)), &spectra(0.0));
    let e = f.observe(&clean(6), &recorded(6), &rows(6)).unwrap_err();
    assert!(e.to_string().contains("ended (exit status: 1)"), "{e}");
}

fn seeing(latent: LatentUse) -> Option<ForwardConfig> {
    command("data/simulators/seeing.py", &["0.5", "1.5", "0.1"], latent)
}

#[test]
fn a_redrawn_latent_is_told_and_a_hidden_one_is_not() {
    let Some(program) = seeing(LatentUse::Redrawn) else {
        return;
    };
    let n = 200;
    let (x, known) = (clean(n), recorded(n));
    let f = model(&program, &images(1));
    assert_eq!(f.widths(), (1, 0));
    let (y, latent) = f.observe(&x, &known, &rows(n)).unwrap();
    let (low, high) = (latent.vector.min(), latent.vector.max());
    assert!(low.double_value(&[]) > 0.5 && low.double_value(&[]) < 0.55);
    assert!(high.double_value(&[]) < 1.5 && high.double_value(&[]) > 1.45);
    assert_eq!(latent.planes.size(), [n, 0]);
    assert_eq!(largest(&((&latent.sigma - 0.1) * &latent.good)), 0.0);
    assert_eq!(latent.good, known.good);

    let f = model(&seeing(LatentUse::Hidden).unwrap(), &images(0));
    assert_eq!(f.widths(), (0, 0));
    let (hidden, latent) = f.observe(&x, &known, &rows(n)).unwrap();
    assert_eq!(hidden, y);
    assert_eq!(latent.vector.size(), [n, 0]);
    // What the observations say of their noise stands.
    assert_eq!(
        largest(&((&latent.sigma - &known.sigma) * &latent.good)),
        0.0
    );
}

#[test]
fn a_kept_latent_is_the_observations_own() {
    let Some(program) = seeing(LatentUse::Kept) else {
        return;
    };
    let n = 200;
    let x = clean(n);
    let mut known = recorded(n);
    known.good = known.good.ones_like();
    let f = model(&program, &images(1));
    // No width leaves an image as it is; one of 30 pixels, its mean.
    let width = (Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(2) * 30)
        .to_kind(Kind::Float)
        .unsqueeze(1);
    known.vector = width.shallow_clone();
    let (y, latent) = f.observe(&x, &known, &rows(n)).unwrap();
    assert_eq!(latent.vector, width);
    let images = x.view([n, 2, 32]);
    let means = images.mean_dim([-1i64].as_slice(), true, Kind::Float);
    let kept = means.expand_as(&images).reshape([n, D]);
    let expected = x.where_self(&width.lt(1.0), &kept);
    let noise = (y - expected) / 0.1;
    let variance = noise.square().mean(Kind::Double).double_value(&[]);
    assert!(
        (variance - 1.0).abs() < 5.0 * (2.0 / (n * D) as f64).sqrt(),
        "{variance}"
    );
    // Without a recorded width there is nothing to keep.
    let e = f
        .observe(&x, &recorded(n), &rows(n))
        .unwrap_err()
        .to_string();
    assert!(e.contains("seeing.py") && e.contains("kept"), "{e}");
}

#[test]
fn numbers_that_describe_the_corruption_of_a_spectrum_are_refused() {
    let Some(tells) = command("tests/python/simulator.py", &["tells"], LatentUse::Redrawn) else {
        return;
    };
    let e = build(&tells, &spectra(0.0), Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(e.contains("3 numbers") && e.contains("hidden"), "{e}");
}

#[test]
fn batches_larger_than_any_pipe_pass() {
    let Some(program) = command("tests/python/simulator.py", &["well"], LatentUse::Redrawn) else {
        return;
    };
    let n = 20_000;
    let x = clean(n);
    let nothing = Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like());
    let f = model(&program, &spectra(0.0));
    let begin = Instant::now();
    let (y, _) = f.observe(&x, &nothing, &rows(n)).unwrap();
    println!("{n} rows of {D} pixels: {:?}", begin.elapsed());
    assert_eq!(y.size(), [n, D]);
}

#[test]
fn a_diverged_network_is_not_put_down_to_the_program() {
    let Some(program) = command("tests/python/simulator.py", &["well"], LatentUse::Redrawn) else {
        return;
    };
    let f = model(&program, &spectra(0.0));
    let e = f
        .observe(&(clean(4) * f64::NAN), &recorded(4), &rows(4))
        .unwrap_err()
        .to_string();
    assert!(e.contains("not run") && e.contains("learning_rate"), "{e}");
    let _ = f.observe(&clean(4), &recorded(4), &rows(4)).unwrap();
}

/// Whether there is a process, which is not waiting to be reaped.
fn is_alive(entry: &Path) -> bool {
    let status = std::fs::read_to_string(entry.join("stat")).unwrap_or_default();
    let state = status.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|s| !s.starts_with('Z'))
}

#[test]
fn the_program_ends_with_the_model_even_if_that_lived_in_another_thread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let argument = ["pid", file.to_str().unwrap()];
    let Some(program) = command("tests/python/simulator.py", &argument, LatentUse::Redrawn) else {
        return;
    };
    let f = std::thread::spawn(move || model(&program, &spectra(0.0)))
        .join()
        .unwrap();
    // The thread that built it is gone; the program is not.
    std::thread::sleep(Duration::from_millis(200));
    let _ = f.observe(&clean(4), &recorded(4), &rows(4)).unwrap();
    // The program, and one that it has started.
    let pids = std::fs::read_to_string(&file).unwrap();
    let entries = pids
        .split_whitespace()
        .map(|pid| Path::new("/proc").join(pid));
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|e| e.exists()) || cfg!(not(target_os = "linux")));
    drop(f);
    // The one that is not our child goes as soon as the system gets round to it.
    assert!(!entries[0].exists());
    let gone = || !is_alive(&entries[1]);
    assert!((0..200).any(|_| gone() || {
        std::thread::sleep(Duration::from_millis(10));
        false
    }));
}
