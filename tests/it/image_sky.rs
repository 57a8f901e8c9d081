//! Where images are on the sky, their units and filters: from the files to what is restored, against astropy.

use crate::fixtures::cutouts::cutout;
use crate::fixtures::image_run::ImageRun;
use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::{error_line, selfsi};
use selfsi::config::{ImageConfig, ImageDatasets};
use selfsi::restored::RestoredImages;
use selfsi::survey::{ImageSource, RawImages};
use std::path::Path;

fn image(height: usize, width: usize, fit: bool) -> ImageConfig {
    ImageConfig {
        channels: 1,
        height,
        width,
        fit,
    }
}

fn read(folder: &Path, image: &ImageConfig, coarse: usize) -> RawImages {
    let paths = [folder.to_path_buf()];
    let source = ImageSource::of_detector(&paths, &ImageDatasets::default(), image, coarse);
    let source = source.unwrap();
    source.read(0..source.len()).unwrap()
}

#[test]
fn world_coordinates_are_carried_and_follow_the_pixels_that_are_cut_out_or_divided() {
    let Some(python) = python() else { return };
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let folder = run.path("sky");
    std::fs::create_dir(&folder).unwrap();
    let script = |what: &str| {
        let arguments = [what.to_owned(), folder.display().to_string()];
        check(&python, "sky.py", &arguments);
    };
    script("make");
    for (name, image, coarse) in [
        ("whole", image(12, 17, false), 1),
        ("cut", image(8, 8, true), 1),
        ("fine", image(24, 34, false), 2),
    ] {
        std::fs::create_dir(folder.join(name)).unwrap();
        let raw = read(&folder.join("large"), &image, coarse);
        for (k, sky) in raw.sky.iter().enumerate() {
            let header = sky.wcs.as_ref().unwrap().header();
            std::fs::write(folder.join(name).join(format!("image-{k}.hdr")), header).unwrap();
        }
    }
    for name in ["restored.fits", "restored.h5"] {
        let out = folder.join(name);
        run.restore(&[&folder.join("small")], &out)
            .assert()
            .success();
        let file = RestoredImages::open(&out).unwrap();
        assert_eq!(file.header().bands.words(), ["HSC-R (nJy)"]);
    }
    script("check");
    // Restored images are images, too, and keep it.
    let again = read(&folder.join("restored.fits"), &image(8, 8, false), 1);
    let first = RestoredImages::open(folder.join("restored.fits")).unwrap();
    for (sky, object) in again.sky.iter().zip(first.objects()) {
        assert_eq!(sky.wcs.as_ref().unwrap().text(), object.wcs);
        assert_eq!(sky.place, Some([object.ra, object.dec]));
    }
}

#[test]
fn coarse_images_come_onto_the_fine_grid_pixel_by_pixel_with_their_noise_and_masks() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<f64> = (0..12).map(f64::from).collect();
    let mut ivar: Vec<f64> = pixels.iter().map(|v| 1.0 + v).collect();
    ivar[5] = 0.0;
    let path = folder.path().join("one.fits");
    cutout(
        &path,
        &[("SCI", &[3, 4], &pixels), ("IVAR", &[3, 4], &ivar)],
    );
    let raw = read(folder.path(), &image(6, 8, false), 2);
    let found = raw.ivar.unwrap();
    for (i, v) in raw.pixels.iter().enumerate() {
        let coarse = i / 8 / 2 * 4 + i % 8 / 2;
        assert_eq!(f64::from(*v), pixels[coarse]);
        assert_eq!(f64::from(found[[0, i]]), ivar[coarse]);
    }
    assert!(raw.notes.keys().any(|n| n.contains("2 × 2 of the grid")));
    // Images on the fine grid are as before; of another shape, one line names both.
    let of = |image: &ImageConfig, coarse| {
        let paths = [path.clone()];
        ImageSource::of_detector(&paths, &ImageDatasets::default(), image, coarse)
    };
    assert_eq!(of(&image(3, 4, false), 3).unwrap().len(), 1);
    let refused = of(&image(6, 6, false), 2).unwrap_err().to_string();
    assert!(
        refused.contains("3 × 3 pixels of the detector"),
        "{refused}"
    );
}

/// Prepares the images of `folder`, of two channels, and says what is wrong.
fn prepared(folder: &Path, keys: &str) -> Result<std::path::PathBuf, String> {
    let set = folder.join("set.h5");
    let _ = std::fs::remove_file(&set);
    let text = format!(
        "[image]
        channels = 2
        height = 4
        width = 4
        [survey]
        prepared = '{}'
        [survey.source]
        kind = 'images'
        path = '{}'
        {keys}
        [normalise]
        kind = 'pixels'
        [forward]
        kind = 'gaussian'
        sigma = 0.1",
        set.display(),
        folder.join("images").display(),
    );
    let config = folder.join("config.toml");
    std::fs::write(&config, text).unwrap();
    let mut command = selfsi();
    command.arg("prepare").arg(&config);
    match command.output().unwrap().status.success() {
        true => Ok(set),
        false => Err(error_line(&mut command)),
    }
}

#[test]
fn each_channel_has_its_unit_and_filter_and_contradictions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let pixels: Vec<f64> = (0..32).map(|i| f64::from(i * i % 17)).collect();
    let write = |name: &str, second: &str| {
        let path = images.join(name);
        cutout(&path, &[("SCI", &[2, 4, 4], &pixels)]);
        let mut file = fitsio::FitsFile::edit(&path).unwrap();
        let hdu = file.primary_hdu().unwrap();
        for (key, value) in [
            ("BUNIT1", "nJy"),
            ("BUNIT2", "mJy"),
            ("BAND0", "g"),
            ("BAND1", second),
        ] {
            hdu.write_key(&mut file, key, value).unwrap();
        }
    };
    write("a.fits", "r");
    write("b.fits", "r");
    let of = |set: &Path| {
        selfsi::prepare::ImageSet::open(set)
            .unwrap()
            .header()
            .bands
            .clone()
    };
    let set = prepared(folder.path(), "").unwrap();
    assert_eq!(of(&set).words(), ["g (nJy)", "r (mJy)"]);
    assert_eq!(of(&set).unit(), "");
    // The config's names of filters count.
    let named = "unit = ['nJy', 'mJy']\nfilters = ['HSC-G', 'HSC-R']";
    assert_eq!(
        of(&prepared(folder.path(), named).unwrap()).words(),
        ["HSC-G (nJy)", "HSC-R (mJy)"]
    );
    let refused = prepared(folder.path(), "unit = 'nJy'").unwrap_err();
    for part in [
        "a.fits",
        "unit of channel 2 is `mJy`",
        "`nJy`",
        "survey.source.unit",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let refused = prepared(folder.path(), "filters = ['g']").unwrap_err();
    assert!(refused.contains("image.channels"), "{refused}");
    // Files of another filter are refused, where the config names none.
    write("c.fits", "i");
    let refused = prepared(folder.path(), "").unwrap_err();
    assert!(
        refused.contains("the filter of channel 2 is `i` in the file"),
        "{refused}"
    );
}
