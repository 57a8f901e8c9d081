//! A pixel that no noise and no light explains is masked, and named with the number of such pixels.

use crate::fixtures::desi_files::image;
use crate::fixtures::small::{images, prepared, spectra};
use crate::fixtures::survey_files::hdf5_catalog;
use fitsio::FitsFile;
use fitsio::images::ImageType;
use ndarray::s;

#[test]
fn of_one_spectrum_among_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let loglam: Vec<f64> = (35500..38500).map(|k| f64::from(k) * 1e-4).collect();
    hdf5_catalog(&path, 40, &loglam, &[]);
    let source = format!(
        "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = 'Jy'",
        path.display()
    );
    let flux = hdf5::File::open_rw(&path).unwrap().dataset("flux").unwrap();
    let clean = spectra(folder.path(), &source, "").unwrap();
    assert_eq!((clean.used, clean.details.impossible_pixels), (40, 0));
    let before = prepared(folder.path()).1;
    flux.write_slice(&[1e30f32, -1e20], s![7, 1500..1502])
        .unwrap();
    drop(flux);
    let report = spectra(folder.path(), &source, "").unwrap();
    assert_eq!((report.used, report.details.impossible_pixels), (40, 2));
    assert_eq!(report.details.impossible, ["Q7"]);
    let note =
        "1 spectra have pixels far beyond what their noise and level allow (2 in all, masked): Q7";
    assert!(report.to_string().contains(note), "{report}");
    let after = prepared(folder.path()).1;
    for (i, (a, b)) in after
        .flux
        .rows()
        .into_iter()
        .zip(before.flux.rows())
        .enumerate()
    {
        let changed = a.iter().zip(b).filter(|(a, b)| a != b).count();
        assert!(
            if i == 7 { changed < 4 } else { changed == 0 },
            "{i}: {changed}"
        );
        assert!(a.iter().all(|f| f.abs() < 1e4));
    }
}

#[test]
fn of_one_image_among_many() {
    let folder = tempfile::tempdir().unwrap();
    let mut pixels: Vec<f32> = (0..3 * 1024).map(|j| 10.0 + (j as f32).sin()).collect();
    pixels[1024 + 99] = 1e30;
    let path = folder.path().join("cube.fits");
    let mut file = FitsFile::create(&path).open().unwrap();
    image(
        &mut file,
        "SCI",
        ImageType::Float,
        &[3, 32, 32],
        &pixels,
        "",
    );
    drop(file);
    let source = format!("kind = 'images'\npath = '{}'", path.display());
    let report = images(folder.path(), &source).unwrap();
    assert_eq!((report.used, report.details.impossible_pixels), (3, 1));
    assert_eq!(report.details.impossible, ["row-0000001"]);
    assert!(report.details.std[0] < 2.0, "{:?}", report.details.std);
}
