//! Memory does not grow with the survey, but for what names its objects: a catalog and one of eight
//! times as many spectra through prepare, train (from a stream), restore, merge and inspect.

use crate::fixtures::alone::alone;
use hdf5::types::VarLenUnicode;
use ndarray::Array2;
use std::path::Path;
use std::process::{Command, Stdio};

/// Spectra of the small survey.
const N: usize = 8_000;
/// How many times as many the large one has: a peak varies by some 16 MiB with how far the reading is
/// ahead, 300 bytes for each object here.
const TIMES: usize = 8;
const PIXELS: usize = 256;
/// Largest growth of a command's peak, in bytes per further object. A spectrum with its inverse
/// variance and line-spread function takes 3,072.
const GROWTH: f64 = 1_000.0;

/// An HDF5 catalog of `n` smooth spectra with noise levels that vary.
fn catalog(path: &Path, n: usize) {
    let file = hdf5::File::create(path).unwrap();
    let loglam: Vec<f64> = (0..PIXELS)
        .map(|j| 3.6021 + 0.21 * (j as f64 + 0.5) / PIXELS as f64)
        .collect();
    file.new_dataset_builder()
        .with_data(&loglam)
        .create("loglam")
        .unwrap();
    let image = |name: &str| {
        let chunk = (256, PIXELS);
        let data = file.new_dataset::<f32>().shape((n, PIXELS)).chunk(chunk);
        data.create(name).unwrap()
    };
    let (flux, ivar) = (image("flux"), image("ivar"));
    for start in (0..n).step_by(1000) {
        let value = |(i, j): (usize, usize)| {
            let (i, x) = ((start + i) as f32, j as f32 / PIXELS as f32);
            2.0 + (6.0 * x + i).sin() * 0.5 + 0.2 * (0.37 * i * (1.0 + j as f32)).sin()
        };
        let block = Array2::from_shape_fn((1000, PIXELS), value);
        flux.write_slice(&block, (start..start + 1000, ..)).unwrap();
        let level = Array2::from_shape_fn((1000, PIXELS), |(i, _)| 20.0 + (i % 7) as f32);
        ivar.write_slice(&level, (start..start + 1000, ..)).unwrap();
    }
    let names: Vec<VarLenUnicode> = (0..n)
        .map(|i| format!("J{i:018}").parse().unwrap())
        .collect();
    file.new_dataset_builder()
        .with_data(&names)
        .create("id")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&vec![3.0; n])
        .create("z")
        .unwrap();
}

fn config(folder: &Path) {
    let text = format!(
        "seed = 5
        [grid]
        pixels = {PIXELS}
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'hdf5'
        file = 'catalog.h5'
        wavelength = 'vacuum'
        flux_unit = '10**-17 erg/(s cm2 Angstrom)'
        [normalise]
        kind = 'none'
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = {{ from = 'resolution', resolution = 500.0, spread = 0.05 }}
        noise = {{ from = 'ivar' }}
        [interpolant]
        kind = 'ode'
        [network]
        channels = [4, 8]
        patch = 16
        margin = 16
        attention = false
        embedding = 8
        [transport]
        steps = 1
        [train]
        steps = 30
        warm_start = 10
        batch = 64
        memory = 0.004
        validate_every = 30
        checkpoint_every = 30
        [restore]
        batch = 512"
    );
    std::fs::write(folder.join("job.toml"), text).unwrap();
}

/// Peak resident memory of `selfsi` in `folder`, bytes.
#[allow(clippy::zombie_processes)] // wait4 waits for it
fn peak(folder: &Path, arguments: &[&str]) -> f64 {
    let child = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
        .current_dir(folder)
        .args(["--threads", "1"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut status, pid) = (0, child.id() as i32);
    // SAFETY: the child is ours and nobody else waits for it; both results are plain data.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &mut status, 0, &mut used), pid);
        used
    };
    assert_eq!(status, 0, "{arguments:?}");
    used.ru_maxrss as f64 * 1024.0
}

#[test]
fn peaks_of_memory_grow_by_what_names_the_objects_alone() {
    // A child's peak is at least that of the process that started it.
    if !alone(
        "memory::peaks_of_memory_grow_by_what_names_the_objects_alone",
        None,
    ) {
        return;
    }
    let commands: [(&str, &[&str]); 9] = [
        ("inspect, catalog", &["inspect", "catalog.h5"]),
        ("prepare", &["prepare", "job.toml"]),
        ("inspect, set", &["inspect", "set.h5"]),
        ("train", &["train", "job.toml", "--out", "run"]),
        ("restore", &["restore", "run", "--out", "all.fits"]),
        (
            "restore --shard 1/2",
            &["restore", "run", "--out", "r.fits", "--shard", "1/2"],
        ),
        (
            "restore --shard 2/2",
            &["restore", "run", "--out", "r.fits", "--shard", "2/2"],
        ),
        (
            "merge",
            &[
                "merge",
                "r.shard-001-of-002.fits",
                "r.shard-002-of-002.fits",
                "--out",
                "merged.fits",
            ],
        ),
        ("inspect, restored", &["inspect", "all.fits"]),
    ];
    let folders = [N, TIMES * N].map(|n| {
        let folder = tempfile::tempdir().unwrap();
        catalog(&folder.path().join("catalog.h5"), n);
        config(folder.path());
        folder
    });
    for (name, arguments) in commands {
        let peaks = folders.each_ref().map(|f| peak(f.path(), arguments));
        let growth = (peaks[1] - peaks[0]) / ((TIMES - 1) * N) as f64;
        println!(
            "{name}: {:.0} MiB, {growth:.0} bytes per object",
            peaks[0] / 1048576.0
        );
        assert!(
            growth < GROWTH,
            "{name}: {growth:.0} bytes for each further object"
        );
    }
}
