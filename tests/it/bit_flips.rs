//! One flipped bit in what selfsi wrote itself: found by a checksum, or of no consequence. Nothing that
//! is read is ever another number.

use crate::fixtures::trained::Trained;
use hdf5::types::TypeDescriptor;
use ndarray::{Array2, Array3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::Result;
use selfsi::config::{Config, GridConfig, MockConfig};
use selfsi::data::{ImageLayout, LogGrid, Method, Object, PixelScale, Provenance};
use selfsi::fit::Checkpoint;
use selfsi::generate::{GeneratedAxes, GeneratedHeader, GeneratedWriter, Generation};
use selfsi::mock::{Survey, write_truth};
use selfsi::prepare::Prepared;
use selfsi::restored::{
    ImageTable, Restored, RestoredBlock, RestoredImagesHeader, RestoredImagesWriter,
};
use selfsi::simulate::simulate;
use std::fmt::{Debug, Display};
use std::fs;
use std::ops::Range;
use std::path::Path;
use tch::Device;

/// Flips `count` bits of `whole` for which `may` holds, one at a time; `read` gives what it gave before,
/// or an error of one line. How many were found.
fn flipped<T: PartialEq + Debug, E: Debug + Display>(
    whole: &Path,
    count: usize,
    may: impl Fn(usize) -> bool,
    read: impl Fn(&Path) -> std::result::Result<T, E>,
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

/// Where the texts of an HDF5 file are: the one part that has no checksum.
fn heaps(path: &Path) -> Vec<Range<usize>> {
    let bytes = fs::read(path).unwrap();
    let heaps = bytes.windows(4).enumerate().filter(|(_, w)| w == b"GCOL");
    heaps
        .map(|(at, _)| {
            let size = bytes[at + 8..at + 16].try_into().unwrap();
            at..at + u64::from_le_bytes(size) as usize
        })
        .collect()
}

#[test]
fn in_a_checkpoint() {
    let t = Trained::get();
    let run = selfsi::train::Run::open(&t.run("sde")).unwrap();
    let set = Prepared::open(t.path("set.h5")).unwrap();
    let network = run.network(&set.layout(), None, Device::Cpu).unwrap();
    let read = |path: &Path| -> Result<_> {
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
    let out = t.out("flipped.fits");
    let mut restoring = t.restore("sde", &[], &out);
    restoring.arg("--save-draws").assert().success();
    let read = |path: &Path| -> Result<_> {
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
    let heaps = heaps(&set);
    let read = |path: &Path| -> Result<_> {
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

/// Every number of an HDF5 file as any program gets it, without selfsi's readers.
fn every_number(path: &Path) -> hdf5::Result<Vec<(String, Vec<u64>)>> {
    hdf5::silence_errors(true);
    let file = hdf5::File::open(path)?;
    let mut found = Vec::new();
    for name in file.member_names()? {
        let data = file.dataset(&name)?;
        let values = match data.dtype()?.to_descriptor()? {
            TypeDescriptor::Float(_) => {
                let values = data.read_raw::<f64>()?;
                values.iter().map(|v| v.to_bits()).collect()
            }
            TypeDescriptor::Integer(_) => {
                let values = data.read_raw::<i64>()?;
                values.iter().map(|v| *v as u64).collect()
            }
            _ => continue,
        };
        found.push((name, values));
    }
    Ok(found)
}

/// Flips bits outside the texts of an HDF5 file, most of which is numbers.
fn flipped_numbers(path: &Path) {
    let heaps = heaps(path);
    let may = |at: usize| !heaps.iter().any(|h| h.contains(&at));
    let found = flipped(path, 200, may, every_number);
    assert!(found > 100, "{}: {found}", path.display());
}

#[test]
fn in_the_truth_of_a_mock_survey_and_in_simulated_spectra() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, observed) = (
        folder.path().join("truth.h5"),
        folder.path().join("observed.h5"),
    );
    let config = "
        grid = { min = 4000.0, max = 6500.0, pixels = 128 }
        normalise = { kind = 'column' }
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'hdf5'
        file = 'observed.h5'
        wavelength = 'vacuum'
        flux_unit = ''
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = { from = 'resolution', resolution = 100.0, spread = 0.05 }
        noise = { from = 'snr', min = 30.0, max = 50.0 }";
    let config = Config::parse(config, "test", &[]).unwrap();
    let survey = Survey::new(
        1,
        &MockConfig {
            z_min: 2.8,
            z_max: 3.2,
            ..MockConfig::default()
        },
        (6600.0, 8000.0),
    )
    .unwrap();
    write_truth(&truth, &survey, &LogGrid::new(&config.grid), 100, |_| ()).unwrap();
    flipped_numbers(&truth);
    simulate(&config, &truth, &observed, Device::Cpu, &mut |_, _| ()).unwrap();
    flipped_numbers(&observed);
}

#[test]
fn in_simulated_images() {
    let folder = tempfile::tempdir().unwrap();
    let (clean, observed) = (
        folder.path().join("clean.h5"),
        folder.path().join("observed.h5"),
    );
    let images = Array3::from_shape_fn((100, 8, 8), |(i, j, k)| (i * j + k) as f32);
    let file = hdf5::File::create(&clean).unwrap();
    let builder = file.new_dataset_builder();
    builder.with_data(&images).create("images").unwrap();
    file.close().unwrap();
    let config = "
        image = { channels = 1, height = 8, width = 8 }
        normalise = { kind = 'pixels' }
        forward = { kind = 'gaussian', sigma = 0.1 }
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'images'
        path = 'clean.h5'
        [network]
        channels = 8
        multipliers = [1, 2]
        attention = []
        head = 8";
    let config = Config::parse(config, "test", &[]).unwrap();
    simulate(&config, &clean, &observed, Device::Cpu, &mut |_, _| ()).unwrap();
    flipped_numbers(&observed);
}

#[test]
fn in_restored_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("restored.h5");
    let n = 20;
    let header = RestoredImagesHeader {
        layout: ImageLayout {
            channels: 3,
            height: 4,
            width: 6,
            scale: PixelScale {
                softening: None,
                mean: vec![0.0; 3],
                std: vec![1.0; 3],
            },
            vector: 2,
            planes: 0,
            psf: 0,
        },
        bands: selfsi::data::Bands::of(3, &["nJy".into()], &[]),
        noise_known: true,
        shapes: false,
        all_draws: false,
        made: Provenance {
            method: Method::Ode,
            draws: 1,
            prior: false,
            quantiles: vec![],
            seed: 1,
            config_sha256: String::new(),
            run_sha256: String::new(),
            history: vec![],
        },
    };
    let image = Array2::from_shape_fn((n, 72), |(i, j)| (i * j) as f32);
    let mut writer = RestoredImagesWriter::create(&path, &header, n).unwrap();
    writer
        .write(
            &RestoredBlock {
                restored: image.clone(),
                sigma: None,
                sigma_prior: None,
                draw: None,
                quantiles: vec![],
                observed: image.clone(),
                ivar: image,
            },
            None,
        )
        .unwrap();
    writer
        .finish(&ImageTable {
            objects: vec![Object::default(); n],
            labels: vec![1; n],
            heldout: vec![false; n],
            vector: Array2::zeros((n, 2)),
            shapes: None,
        })
        .unwrap();
    flipped_numbers(&path);
}

#[test]
fn in_generated_samples() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("generated.h5");
    let grid = LogGrid::new(&GridConfig {
        pixels: 64,
        ..GridConfig::default()
    });
    let header = GeneratedHeader {
        axes: GeneratedAxes::Spectra {
            grid,
            specsys: None,
            normalised: String::new(),
        },
        unit: String::new(),
        made: Generation {
            samples: "DRAW".into(),
            training: 1,
            clean_fraction: 0.0,
            sigma_data: 1.0,
            steps: 1,
            sigma_min: 0.1,
            sigma_max: 1.0,
            rho: 7.0,
            seed: 1,
            config_sha256: String::new(),
            catalog_sha256: String::new(),
            model_sha256: String::new(),
            history: vec![],
        },
    };
    let samples = Array2::from_shape_fn((50, 64), |(i, j)| (i * j) as f32);
    let mut writer = GeneratedWriter::create(&path, &header, 50).unwrap();
    assert_eq!(writer.write(samples).unwrap(), 50);
    writer.finish().unwrap();
    flipped_numbers(&path);
}
