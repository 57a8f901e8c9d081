//! The transport loop and a gradient step stay on their device: no number is copied to the host, and
//! none is uploaded but by constructors. Without a GPU a transfer cannot be counted, so that it is
//! the sources that are read: these are all the ways in which tch moves numbers.

use std::path::{Path, PathBuf};

/// What a step of training and a run of Φ are made of. The rest of src/forward runs programs and codecs
/// on the host.
const ON_DEVICE: [&str; 39] = [
    "transport/mod.rs",
    "transport/reverse_noise.rs",
    "interpolant/mod.rs",
    "nets/layers.rs",
    "nets/layers1d.rs",
    "nets/layers2d.rs",
    "nets/unet1d.rs",
    "nets/unet2d.rs",
    "nets/unet2d_block.rs",
    "nets/encoder.rs",
    "nets/mlp.rs",
    "nets/norm1d.rs",
    "forward/gaussian.rs",
    "forward/quasar.rs",
    "forward/smooth.rs",
    "forward/noise.rs",
    "forward/blur.rs",
    "forward/motion.rs",
    "forward/mask.rs",
    "forward/poisson.rs",
    "forward/rays.rs",
    "forward/latent.rs",
    "forward/stages.rs",
    "forward/spectra_stages.rs",
    "forward/calibration.rs",
    "forward/detector.rs",
    "forward/sky_lines.rs",
    "forward/wanted.rs",
    "forward/lever.rs",
    "forward/line_spread.rs",
    "forward/lost.rs",
    "forward/passing.rs",
    "forward/psf.rs",
    "forward/psf_stage.rs",
    "train/rule.rs",
    "train/estep.rs",
    "train/pairs.rs",
    "fit/learner.rs",
    "fit/adam.rs",
];
const TO_HOST: [&str; 8] = [
    "Device::Cpu",
    "double_value(",
    "int64_value(",
    "f_double_value(",
    "copy_data(",
    "::try_from(",
    "numbers(",
    "tensors::",
];
/// What makes the host wait for a GPU, because the shape or the course of what follows depends on numbers there,
/// or a GPU load a library of linear algebra that it has no other use for.
const WAITS: [&str; 6] = [
    "nonzero(",
    "masked_select(",
    "unique",
    "repeat_interleave",
    "bincount(",
    "linalg_",
];
const TO_DEVICE: [&str; 4] = ["from_slice(", "to_device(", "from_data", "Tensor::from("];

fn source(file: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// Lines with the function that each stands in, comments left out.
fn lines(text: &str) -> Vec<(String, &str)> {
    let mut function = String::new();
    text.lines()
        .map(str::trim)
        .filter(|l| !l.starts_with("//"))
        .map(|line| {
            if let Some((_, rest)) = line.split_once("fn ") {
                function = rest.split(['(', '<']).next().unwrap().to_owned();
            }
            (function.clone(), line)
        })
        .collect()
}

#[test]
fn nothing_in_the_loop_comes_to_the_host() {
    for file in ON_DEVICE {
        for (function, line) in lines(&source(file)) {
            let host = TO_HOST.iter().find(|w| line.contains(**w));
            // Kernels on the host are for tests and evaluations.
            if function.ends_with("_host") {
                continue;
            }
            assert!(host.is_none(), "src/{file}, fn {function}: {line}");
        }
    }
}

#[test]
fn numbers_are_uploaded_by_constructors_alone() {
    for file in ON_DEVICE {
        for (function, line) in lines(&source(file)) {
            let upload = TO_DEVICE.iter().any(|w| line.contains(w));
            // `Latent::to_device` serves batches that come from disk.
            let constructor = ["new", "matrix", "to_device"].contains(&function.as_str());
            assert!(!upload || constructor, "src/{file}, fn {function}: {line}");
        }
    }
}

#[test]
fn nothing_in_the_loop_waits_for_the_device() {
    for file in ON_DEVICE {
        for (function, line) in lines(&source(file)) {
            let waits = WAITS.iter().find(|w| line.contains(**w));
            assert!(waits.is_none(), "src/{file}, fn {function}: {line}");
        }
    }
}

#[test]
fn nothing_takes_the_absolute_value_of_complex_numbers() {
    // libtorch has no such kernel for a GPU: it compiles one when it is first asked for.
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in walkdir::WalkDir::new(&src) {
        let path = entry.unwrap().into_path();
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = source(path.strip_prefix(&src).unwrap().to_str().unwrap());
        for statement in text.split(';') {
            let plain: String = statement.split_whitespace().collect();
            let there = ["fft_fft", "fft_rfft"].iter().any(|w| plain.contains(w));
            assert!(
                !there || !plain.contains(".abs()"),
                "{}: {statement}",
                path.display()
            );
        }
    }
}
