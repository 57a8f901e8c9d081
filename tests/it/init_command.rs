//! `selfsi init`: a config for whatever observations there are, that loads and prepares as it is.

use crate::fixtures::desi_files;
use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::shared_data::shared;
use crate::fixtures::survey_files::{Spec, catalog};
use crate::fixtures::trained::{Trained, hdf5_survey};
use selfsi::config::{Config, Frame, NormaliseConfig, SurveySource};
use std::path::PathBuf;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = selfsi();
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    /// The config that `selfsi init` writes and its text, after `selfsi prepare` has used it.
    fn init(&self, arguments: &[&str]) -> (Config, String) {
        let command = [&["init", "--out", "my.toml"], arguments].concat();
        self.command(&command).assert().success();
        let text = std::fs::read_to_string(self.path("my.toml")).unwrap();
        let config = Config::load(self.path("my.toml"), &[]).unwrap();
        self.command(&["prepare", "my.toml"]).assert().success();
        assert!(self.path("my.prepared.h5").is_file());
        (config, text)
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let command = [&["init", "--out", "my.toml"], arguments].concat();
        error_line(&mut self.command(&command))
    }
}

fn questions(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|l| l.strip_prefix("# ? "))
        .collect()
}

#[test]
fn sdss_files_and_their_catalog_give_grid_redshifts_window_and_channel() {
    let (mock, folder) = (Trained::get().path("mock"), Folder::new());
    let (spectra, catalog) = (mock.join("spectra"), mock.join("catalog.fits"));
    let paths = [&spectra, &catalog].map(|p| p.to_str().unwrap());
    let (config, text) = folder.init(&[paths[0], "--catalog", paths[1]]);
    let SurveySource::Sdss {
        spectra: s,
        catalog: c,
        ..
    } = &config.survey.source
    else {
        panic!("{text}")
    };
    assert_eq!((s, c.as_ref()), (&vec![spectra.clone()], Some(&catalog)));
    // The mock: redshifts 2.75 to 3.25, spectra of 3600 to 10000 Å and more.
    assert!(
        config.select.z_min >= 2.74 && config.select.z_max <= 3.26,
        "{text}"
    );
    assert!(
        config.grid.min < 4000.0 && config.grid.max > 8000.0,
        "{text}"
    );
    assert!(matches!(config.normalise, NormaliseConfig::Window { .. }));
    assert!(config.forward.has_closed_form() && config.interpolant.is_sure());
    assert!(
        questions(&text).iter().any(|q| q.contains("calibrated")),
        "{text}"
    );
    // What the user knows takes the place of what was found, and a catalog is told from spectra.
    let force = [
        "--force",
        "--set",
        "grid.min=4000",
        "--set",
        "grid.max=6500.0",
        "--seed",
        "7",
    ];
    let (config, text) = folder.init(&[&paths[..], &force].concat());
    assert_eq!(
        (config.grid.min, config.grid.max, config.seed),
        (4000.0, 6500.0, 7)
    );
    let NormaliseConfig::Window { min, .. } = config.normalise else {
        panic!("{text}")
    };
    assert!(min >= 6490.0, "a window outside of the grid: {text}");
}

#[test]
fn a_config_is_not_replaced_unless_that_is_asked_for() {
    let folder = Folder::new();
    std::fs::write(folder.path("my.toml"), "mine").unwrap();
    let said = folder.refused(&["."]);
    assert!(
        said.contains("my.toml") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(folder.path("my.toml")).unwrap(),
        "mine"
    );
}

#[test]
fn desi_coadds_are_told_by_their_names() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("tile")).unwrap();
    let coadd = folder.path("tile/coadd-main-dark-1.fits");
    let unit = "10**-17 erg/(s cm2 Angstrom)";
    desi_files::coadd(&coadd, &[11, 12], &["B", "R", "Z"], &[0, 0], unit);
    let redrock = folder.path("tile/redrock-main-dark-1.fits");
    desi_files::redshifts(&redrock, "REDSHIFTS", &[11, 12], &[2.5, 2.6]);
    let (config, text) = folder.init(&["tile"]);
    assert!(
        matches!(config.survey.source, SurveySource::Desi { .. }),
        "{text}"
    );
    assert_eq!((config.select.z_min, config.select.z_max), (2.5, 2.6));
}

#[test]
fn of_an_hdf5_catalog_medium_and_unit_are_asked_for_not_guessed() {
    let folder = Folder::new();
    hdf5_survey(&folder.path("cat.h5"), 12);
    let said = folder.refused(&["cat.h5"]);
    for key in [
        "--set survey.source.wavelength=vacuum",
        "--set survey.source.flux_unit=",
    ] {
        assert!(said.contains(key), "{said}");
    }
    assert!(!folder.path("my.toml").exists());
    let known = [
        "cat.h5",
        "--set",
        "survey.source.wavelength=vacuum",
        "--set",
        "survey.source.flux_unit='1E-17 erg/cm^2/s/Ang'",
    ];
    let (config, text) = folder.init(&known);
    assert!(
        matches!(config.survey.source, SurveySource::Hdf5 { .. }),
        "{text}"
    );
    assert!(
        config.grid.pixels % 32 == 0 && config.grid.min >= 3890.0,
        "{text}"
    );
}

#[test]
fn images_give_their_shape_and_noise() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("stamps")).unwrap();
    for i in 0..8u32 {
        let path = folder.path(&format!("stamps/{i}.fits"));
        let description = fitsio::images::ImageDescription {
            data_type: fitsio::images::ImageType::Float,
            dimensions: &[16, 16],
        };
        let mut f = fitsio::FitsFile::create(path).open().unwrap();
        let hdu = f.create_image("PICTURE", &description).unwrap();
        let noise = |p: u32| f64::from((p * 7919 + i * 104_729) % 101) / 101.0;
        let pixels: Vec<f32> = (0..256).map(|p| noise(p) as f32).collect();
        hdu.write_image(&mut f, &pixels).unwrap();
    }
    let (config, text) = folder.init(&["stamps"]);
    let shape = config.image.unwrap();
    assert!(shape.channels == 1 && shape.height > 1, "{text}");
    assert!(
        text.contains("[[forward.stages]]\nkind = \"noise\""),
        "{text}"
    );
    assert!(
        questions(&text).iter().any(|q| q.contains("seeing")),
        "{text}"
    );
}

#[test]
fn what_is_no_survey_is_refused_in_a_line() {
    let folder = Folder::new();
    catalog(&folder.path("catalog.fits"), &[(1, 3.0)], &[]);
    let said = folder.refused(&["catalog.fits"]);
    assert!(said.contains("no observations"), "{said}");
    let spec = Spec::new(1);
    spec.write(&folder.path(&spec.file_name()));
    let set = Trained::get().path("set.h5");
    let said = folder.refused(&[set.to_str().unwrap()]);
    assert!(said.contains("selfsi-prepared"), "{said}");
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.refused(&["empty"]);
    assert!(!folder.path("my.toml").exists());
}

#[test]
fn real_spectra_of_every_kind_are_prepared_by_the_config_that_init_writes() {
    let Some(data) = shared("sdss/spectra") else {
        return;
    };
    let folder = Folder::new();
    let (config, text) = folder.init(&[data.to_str().unwrap()]);
    assert!(
        config.select.z_max > 3.0 && config.grid.frame == Frame::Rest,
        "{text}"
    );
    let of = |name: &str| data.join("../..").join(name).display().to_string();
    let (coadd, catalog) = (
        of("desi/coadd-main-dark-9144.fits"),
        of("desi/QSO_cat_fuji_dark_healpix_with_main.fits.gz"),
    );
    let (config, text) = folder.init(&["--force", &coadd, "--catalog", &catalog]);
    assert!(config.grid.max > 9500.0, "{text}");
    let known = [
        "--set",
        "survey.source.wavelength=vacuum",
        "--set",
        "survey.source.flux_unit='1E-17 erg/cm^2/s/Ang'",
    ];
    let quasars = of("real/quasars.h5");
    let (config, text) = folder.init(&[&["--force", &*quasars], &known[..]].concat());
    assert!(config.select.z_min < 0.1, "{text}");
}
