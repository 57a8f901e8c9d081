//! Every image config of survey_configs/ runs as it stands, given the folder that it asks for: here
//! with a small network, on a few images in the form of the real ones.

use assert_cmd::Command;
use selfsi::config::Chroma;
use selfsi::forward::jpeg_encode;
use std::path::{Path, PathBuf};

/// Of each kind; a training and a held-out part need some.
const IMAGES: usize = 48;
/// What a test can afford: the path, not the result.
const SMALL: [&str; 9] = [
    "network.channels=8",
    "network.multipliers=[1,1]",
    "network.blocks=1",
    "network.attention=[]",
    "network.dropout=0",
    "transport.steps=2",
    "train.steps=1",
    "train.batch=8",
    "train.heldout=0.3",
];

fn noise(i: usize) -> u8 {
    (i.wrapping_mul(2_654_435_761) >> 13) as u8
}

/// CIFAR-10 in its binary form: a label, then 3 × 32 × 32 bytes.
fn cifar(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let bytes: Vec<u8> = (0..IMAGES * 3073)
        .map(|i| match i % 3073 {
            0 => (i / 3073 % 10) as u8,
            p => (p / 13) as u8 / 2 + noise(i) / 2,
        })
        .collect();
    std::fs::write(folder.join("data_batch_1.bin"), bytes).unwrap();
}

/// Pictures of CelebA's size.
fn celeba(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let (height, width) = (218, 178);
    for k in 0..IMAGES {
        let pixels: Vec<u8> = (0..height * width * 3)
            .map(|i| (i / width / 3) as u8 / 2 + noise(i / 300 + 7919 * k) / 2)
            .collect();
        let jpeg = jpeg_encode(&pixels, [3, height, width], 90, Chroma::Halved).unwrap();
        std::fs::write(folder.join(format!("{k:06}.jpg")), jpeg).unwrap();
    }
}

fn configs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("survey_configs/images");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_image_config_simulates_prepares_and_trains() {
    let folder = tempfile::tempdir().unwrap();
    cifar(&folder.path().join("cifar"));
    celeba(&folder.path().join("celeba"));
    let mut done = 0;
    for config in configs() {
        let name = config.file_stem().unwrap().to_string_lossy().into_owned();
        if ["galaxies", "detector"].contains(&&*name) {
            continue; // real observations: nothing to simulate
        }
        let data = if name == "celeba-jpeg" {
            "celeba"
        } else {
            "cifar"
        };
        let out = format!("out/{name}");
        let observed = format!("{out}/observed.h5");
        let run = |arguments: &[&str]| {
            let mut command = Command::cargo_bin("selfsi").unwrap();
            command.current_dir(folder.path()).args(["--threads", "1"]);
            command.arg(arguments[0]).arg(&config).args(&arguments[1..]);
            for set in SMALL {
                command.args(["--set", set]);
            }
            let output = command.output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {arguments:?}: {words}");
        };
        run(&["simulate", "--from", data, "--out", &observed]);
        run(&["prepare"]);
        run(&["train", "--out", &format!("{out}/run")]);
        done += 1;
    }
    assert_eq!(done, 21);
}
