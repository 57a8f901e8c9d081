//! One flipped bit in what selfsi wrote itself: found by a checksum, or of no consequence. Nothing that
//! is read is ever another number.

#[allow(dead_code)] // its HDF5 survey serves other tests
mod trained;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::Result;
use selfsi::catalog::{Object, Prepared, Restored};
use selfsi::train::Checkpoint;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use tch::Device;
use trained::Trained;

/// Flips `count` bits of `whole` for which `may` holds, one at a time; `read` gives what it gave before,
/// or an error of one line. How many were found.
fn flipped<T: PartialEq + Debug>(
    whole: &Path,
    count: usize,
    may: impl Fn(usize) -> bool,
    read: impl Fn(&Path) -> Result<T>,
) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(whole.file_name().unwrap());
    let bytes = fs::read(whole).unwrap();
    let expected = read(whole).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut found = 0;
    for _ in 0..count {
        let at = rng.random_range(0..bytes.len());
        if !may(at) {
            continue;
        }
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 1 << rng.random_range(0..8);
        fs::write(&path, spoilt).unwrap();
        match read(&path) {
            Ok(same) => assert!(same == expected, "byte {at}: something else is read"),
            Err(e) => {
                assert_eq!(e.to_string().lines().count(), 1, "{e}");
                found += 1;
            }
        }
    }
    found
}

/// Numbers as bits, so that NaN equals itself.
fn bits<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    values.into_iter().map(|v| v.to_bits()).collect()
}

#[test]
fn in_a_checkpoint() {
    let t = Trained::get();
    let run = selfsi::train::Run::open(&t.run("sde")).unwrap();
    let set = Prepared::open(t.path("set.h5")).unwrap();
    let network = run.network(&set.layout(), Device::Cpu).unwrap();
    let read = |path: &Path| {
        let checkpoint = Checkpoint::open(path)?;
        let state = checkpoint.state(network.params(), Device::Cpu)?;
        let numbers = |t: &tch::Tensor| bits(&Vec::<f32>::try_from(t.view([-1])).unwrap());
        let restored = state.restored.as_ref().map(numbers);
        let parts = [&state.weights, &state.averaged, &state.adam_first];
        let more = [&state.adam_second, &state.teacher];
        let numbers: Vec<_> = parts.into_iter().chain(more).map(numbers).collect();
        Ok((checkpoint.header, numbers, restored))
    };
    let newest = run.newest().unwrap();
    let found = flipped(&newest, 400, |_| true, read);
    assert!(found > 395, "{found} of 400");
}

#[test]
fn in_a_restored_catalog() {
    let t = Trained::get();
    let out = t.path("flipped.fits");
    let mut restoring = t.restore("sde", &[], &out);
    restoring.arg("--save-draws").assert().success();
    let read = |path: &Path| {
        let restored = Restored::open(path)?;
        let image = |name| restored.image(name).map(|v| bits(&v));
        let images = ["RESTORED", "SIGMA", "DRAW", "OBSERVED", "IVAR"].map(image);
        let images = images.into_iter().collect::<Result<Vec<_>>>()?;
        let rows = restored.objects().iter().map(|o| format!("{o:?}"));
        Ok((rows.collect::<Vec<_>>(), images))
    };
    let found = flipped(&out, 200, |_| true, read);
    assert!(found > 195, "{found} of 200");
}

#[test]
fn in_a_prepared_set() {
    let set = Trained::get().path("set.h5");
    // The heap of the texts is the one part of an HDF5 file that has no checksum.
    let bytes = fs::read(&set).unwrap();
    let heaps = bytes.windows(4).enumerate().filter(|(_, w)| w == b"GCOL");
    let heaps: Vec<_> = heaps
        .map(|(at, _)| {
            let size = bytes[at + 8..at + 16].try_into().unwrap();
            at..at + u64::from_le_bytes(size) as usize
        })
        .collect();
    let read = |path: &Path| {
        let set = Prepared::open(path)?;
        let block = set.read(0..set.len())?;
        let row = |o: &Object| {
            let places = [o.ra, o.dec, o.z, o.norm].map(f64::to_bits);
            (places, o.plate, o.mjd, o.fiberid, o.thing_id, o.flag)
        };
        let rows: Vec<_> = set.objects().iter().map(row).collect();
        let images = [&block.flux, &block.ivar, &block.lsf].map(bits);
        let loglam: Vec<u64> = set.grid().loglam().iter().map(|v| v.to_bits()).collect();
        Ok((rows, images, loglam))
    };
    let found = flipped(&set, 400, |at| !heaps.iter().any(|h| h.contains(&at)), read);
    assert!(found > 100, "{found}");
}
