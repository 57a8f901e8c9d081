//! Wavelengths that no pixel covers are masked, and named by inspect: nothing is made up there.

use crate::fixtures::desi_files::{UNIT, coadd};
use crate::fixtures::survey_files::{Spec, hdf5_catalog};
use selfsi::config::Config;
use selfsi::data::Block;
use selfsi::inspect::inspect;
use selfsi::prepare::{Prepared, prepare};
use std::fs;
use std::path::Path;

/// The first spectrum of `source` on 500 pixels of 4000 to 6500 Å, with their wavelengths.
fn prepared(folder: &Path, source: &str) -> (Vec<f64>, Block) {
    let set = folder.join("set.h5");
    let text = format!(
        "[grid]\npixels = 500\n[survey]\nprepared = '{}'\n[survey.mask]\nkind = 'none'\n[survey.source]\n{source}
        [select]\ncoverage_min = 0.1\n[normalise]\nkind = 'none'\n[forward]\nkind = 'gaussian'\nsigma = 0.5",
        set.display()
    );
    let config = Config::parse(&text, "test", &[]).unwrap();
    prepare(&config, &set, &mut |_, _| ()).unwrap();
    let set = Prepared::open(&set).unwrap();
    (set.grid().wavelength(), set.read(0..1).unwrap())
}

/// Every pixel between the two wavelengths is masked, every other one is good.
fn masked_between(low: f64, high: f64, (wave, block): &(Vec<f64>, Block)) {
    let width = 3.0;
    for (w, v) in wave.iter().zip(block.ivar.row(0)) {
        let inside = (low + width..high - width).contains(w);
        let outside = !(low - width..high + width).contains(w);
        assert!(!inside || *v == 0.0, "{w} Å is made up");
        assert!(!outside || *v > 0.0, "{w} Å is lost");
    }
}

fn named(file: &Path, gap: &str) {
    let problems = inspect(file).unwrap().problems.join("\n");
    assert!(problems.contains(gap), "{problems}");
}

#[test]
fn of_an_hdf5_catalog_on_any_grid() {
    let linear = |w: f64| w.log10();
    let log = |w: f64| 3.5 + 1e-4 * w;
    let steps: [&dyn Fn(i32) -> f64; 2] = [&|i| linear(3800.0 + 2.0 * f64::from(i)), &|i| {
        log(f64::from(i))
    }];
    for step in steps {
        for falling in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("catalog.h5");
            let covered = |l: &f64| !(4600.0..5500.0).contains(&10f64.powf(*l));
            let mut loglam: Vec<f64> = (0..3600).map(step).filter(covered).collect();
            if falling {
                loglam.reverse();
            }
            hdf5_catalog(&file, 2, &loglam, &[]);
            let source = format!(
                "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = 'Jy'",
                file.display()
            );
            masked_between(4600.0, 5500.0, &prepared(folder.path(), &source));
            named(&file, "no pixel covers 4");
        }
    }
}

#[test]
fn of_an_sdss_spectrum_off_the_lattice() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec {
        gap: true,
        shift: 0.3e-4,
        ..Spec::new(1)
    };
    fs::create_dir(folder.path().join("spectra")).unwrap();
    let file = folder.path().join("spectra").join(spec.file_name());
    spec.write(&file);
    let source = format!("kind = 'sdss'\nspectra = '{}'", file.display());
    masked_between(4998.0, 5021.0, &prepared(folder.path(), &source));
    named(&file, "no pixel covers 4998.");
}

#[test]
fn of_a_desi_arm_between_two_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coadd-main-dark-1.fits");
    coadd(&file, &[7, 8], &["B", "Z"], &[0, 0], UNIT);
    let source = format!("kind = 'desi'\ncoadds = '{}'", file.display());
    // B ends at 5800.4 Å, Z begins at 7519.6 Å.
    masked_between(5800.4, 7519.6, &prepared(folder.path(), &source));
    named(&file, "no R arm");
}
