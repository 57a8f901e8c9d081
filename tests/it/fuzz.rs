//! The fuzz targets (fuzz/) without libFuzzer: what selfsi writes is taken, and what a deterministic
//! mutator makes of it is taken or refused in one line, without a panic.

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use crate::fixtures::alone::alone;
use crate::fixtures::trained::{self, Trained};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use targets::{TARGETS, Target};

/// Changes `bytes` outside `spared` in one of the ways in which files are damaged and texts mistyped.
fn mutate(bytes: &mut Vec<u8>, spared: &[Range<usize>], rng: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.random_range(0..bytes.len());
    if spared.iter().any(|s| s.contains(&at)) {
        return;
    }
    let end = spared.iter().map(|s| s.start).filter(|s| *s > at).min();
    let longest = end.unwrap_or(bytes.len()).min(at + 32);
    let part = at..rng.random_range(at..=longest);
    match rng.random_range(0..8) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes[part].fill([0, 0xff, b' ', b'9'][rng.random_range(0..4)]),
        3 if bytes[at].is_ascii_digit() => bytes[at] = b'0' + rng.random_range(0..10),
        4 if spared.is_empty() => bytes.truncate(at),
        5 if spared.is_empty() => drop(bytes.drain(part)),
        6 if spared.is_empty() => {
            let copied = bytes[part.clone()].to_vec();
            drop(bytes.splice(part.start..part.start, copied));
        }
        _ => {
            let from = rng.random_range(0..=bytes.len() - part.len());
            bytes.copy_within(from..from + part.len(), part.start);
        }
    }
}

/// Feeds the target with the seeds, which it must take, and with `rounds` damaged ones of each.
fn fed(name: &str, seeds: &[Vec<u8>], rounds: usize, spared: impl Fn(&[u8]) -> Vec<Range<usize>>) {
    let found = TARGETS.iter().find(|(n, _)| *n == name);
    let (_, target): &(&str, Target) = found.unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        assert!(target(seed), "seed {number} of {name} is not taken");
        let spared = spared(seed);
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        for _ in 0..rounds {
            let mut bytes = seed.clone();
            for _ in 0..rng.random_range(1..=4) {
                mutate(&mut bytes, &spared, &mut rng);
            }
            target(&bytes);
        }
        for cut in 0..20 {
            target(&seed[..seed.len() * cut / 20]);
        }
    }
}

fn nothing(_: &[u8]) -> Vec<Range<usize>> {
    Vec::new()
}

/// A copy in which the word `from` is another one, of the same length.
fn renamed(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

fn file(path: PathBuf) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn config() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("survey_configs");
    let files = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter();
    let files = files
        .map(Result::unwrap)
        .filter(|e| e.file_type().is_file());
    let mut seeds: Vec<Vec<u8>> = files.map(|e| file(e.into_path())).collect();
    seeds.push(targets::JOB.as_bytes().to_vec());
    fed("config", &seeds, 400, nothing);
}

#[test]
fn fits() {
    if !alone("fuzz::fits", Some(trained::made())) {
        return;
    }
    let t = Trained::get();
    let restored = t.out("fuzzed.fits");
    let mut restoring = t.restore("sde", &[], &restored);
    restoring.arg("--save-draws").assert().success();
    let restored = file(restored);
    // Without checksums, what is spoilt is read on.
    let plain = renamed(restored.clone(), b"CHECKSUM=", b"CHECKSUX=");
    let plain = renamed(plain, b"DATASUM =", b"DATASUX =");
    let specs = walkdir::WalkDir::new(t.path("mock/spectra")).sort_by_file_name();
    let mut specs = specs.into_iter().map(Result::unwrap);
    let spec = specs.find(|e| e.file_type().is_file()).unwrap();
    let seeds = [
        restored,
        plain,
        file(t.path("mock/catalog.fits")),
        file(spec.into_path()),
    ];
    fed("fits", &seeds, 300, nothing);
}

#[test]
fn hdf5() {
    if !alone("fuzz::hdf5", Some(trained::made())) {
        return;
    }
    let t = Trained::get();
    let seeds = [file(t.path("set.h5")), file(t.path("mock/truth.h5"))];
    // HDF5 itself does not survive everything (docs/reference/faults.md): spared is what has no checksum, the heap
    // of the texts, and the length of the file.
    let heaps = |bytes: &[u8]| {
        let found = bytes.windows(4).enumerate().filter(|(_, w)| w == b"GCOL");
        let size = |at: usize| u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
        found.map(|(at, _)| at..at + size(at) as usize).collect()
    };
    fed("hdf5", &seeds, 120, heaps);
}

#[test]
fn datasets() {
    if !alone("fuzz::datasets", None) {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for kind in 0..3 {
        assert!(targets::datasets(&[kind]), "kind {kind}, whole");
        for _ in 0..400 {
            let mut edits: Vec<u8> = vec![kind];
            edits.extend((0..4 * rng.random_range(1..=3)).map(|_| rng.random::<u8>()));
            targets::datasets(&edits);
        }
    }
}

#[test]
fn tables() {
    if !alone("fuzz::tables", None) {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for kind in 0..5 {
        assert!(targets::tables(&[kind]), "kind {kind}, whole");
        for _ in 0..300 {
            let mut edits: Vec<u8> = vec![kind];
            edits.extend((0..3 * rng.random_range(1..=3)).map(|_| rng.random::<u8>()));
            // Digits in the header do most harm.
            let last = edits.len() - 1;
            if rng.random() {
                edits[last] = b'0' + edits[last] % 10;
            }
            targets::tables(&edits);
        }
    }
}

#[test]
fn pictures() {
    if !alone("fuzz::pictures", None) {
        return;
    }
    let pixels: Vec<u8> = (0..192).map(|i| (i * 7 % 256) as u8).collect();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
    encoder
        .encode(&pixels, 8, 8, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    fed("pictures", &[png, jpeg], 400, nothing);
}

#[test]
fn checkpoint() {
    let run = selfsi::train::Run::open(&Trained::get().run("sde")).unwrap();
    fed("checkpoint", &[file(run.newest().unwrap())], 1000, nothing);
}

#[test]
fn protocol() {
    targets::begin();
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    // Choice of the job; version, D, K, P, parts; rows, numbers; the numbers.
    let answer = |choice: u8, reply: [u32; 5], numbers: u32| {
        let ones = vec![1f32.to_bits(); 2 * numbers as usize];
        [
            &[choice][..],
            b"F>SELFSI",
            &words(&reply),
            &words(&[2, numbers]),
            &words(&ones),
        ]
        .concat()
    };
    let seeds = [
        answer(1, [1, 8, 0, 0, 0], 8),
        answer(0, [1, 8, 0, 0, 3], 24),
        answer(0x82, [1, 12, 1, 1, 1], 37),
        answer(0x81, [1, 12, 0, 0, 2], 24),
    ];
    fed("protocol", &seeds, 30, nothing);
}
