//! `inspect` of a folder of spectra, and of the survey that a config names, which it does not prepare; and
//! HDF5 files whose every spectrum has a grid, or which have a block of the user's before them.

use crate::fixtures::survey_files::{Spec, catalog, hdf5_catalog};
use selfsi::config::{AirOrVacuum, Datasets};
use selfsi::inspect::inspect;
use selfsi::survey::Hdf5Catalog;
use std::path::Path;

fn spectra(folder: &Path) {
    std::fs::create_dir(folder.join("s")).unwrap();
    for (fiber, zwarning) in [(1, 0), (2, 4), (3, 0)] {
        let spec = Spec {
            zwarning,
            ..Spec::new(fiber)
        };
        spec.write(&folder.join("s").join(spec.file_name()));
    }
    std::fs::write(folder.join("s/notes.bin"), [0u8, 1, 2]).unwrap();
}

#[test]
fn a_folder_is_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    spectra(folder.path());
    let text = inspect(&folder.path().join("s")).unwrap().to_string();
    for words in [
        "folder of spectra",
        "files            4",
        "SDSS spectra 3",
        "v5_13_0 3",
        "spectra          3",
        "would be used    2",
        "redshift         2.9 to 2.9",
        "1 ZWARNING: 3655-55240-0002 (ZWARNING = 4)",
        "1 files are nothing that selfsi knows: notes.bin",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn the_survey_of_a_config_is_summed_up_by_its_rules_and_not_prepared() {
    let folder = tempfile::tempdir().unwrap();
    spectra(folder.path());
    let place = folder.path().display();
    catalog(
        &folder.path().join("c.fits"),
        &[(1, 3.0), (3, 5.0), (9, 3.0)],
        &[],
    );
    let config = format!(
        "[grid]
        pixels = 256
        [survey]
        prepared = '{place}/set.h5'
        [survey.source]
        kind = 'sdss'
        spectra = '{place}/s'
        catalog = '{place}/c.fits'
        [select]
        z_max = 4.0
        [normalise]
        kind = 'none'
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    let path = folder.path().join("job.toml");
    std::fs::write(&path, config).unwrap();
    let facts = inspect(&path).unwrap();
    let text = facts.to_string();
    for words in [
        "would be used    1",
        "1 REDSHIFT: 000000.03+000000.0 (redshift 5.0000 outside -inf-4)",
        "1 UNREADABLE",
        "1 catalog rows have no spectrum",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(facts.kind, "survey");
    assert!(!folder.path().join("set.h5").exists());
}

#[test]
fn a_block_of_the_users_before_an_hdf5_file_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let loglam: Vec<f64> = (0..64).map(|i| 3.6 + 1e-3 * f64::from(i)).collect();
    hdf5_catalog(&path, 2, &loglam, &[]);
    let plain = std::fs::read(&path).unwrap();
    for size in [512, 2048] {
        // As h5jam does it: the addresses in the file are relative to where it begins.
        let block = [b"#! a script".to_vec(), vec![0; size - 11]].concat();
        std::fs::write(&path, [block, plain.clone()].concat()).unwrap();
        assert_eq!(inspect(&path).unwrap().kind, "HDF5 catalog");
        let sets = Datasets::default();
        let catalog = Hdf5Catalog::open(&path, &sets, AirOrVacuum::Vacuum).unwrap();
        assert_eq!(catalog.read(0..2).unwrap()[1].flux[0], 2.0);
    }
}
