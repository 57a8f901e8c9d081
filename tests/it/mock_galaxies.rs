//! The mock survey of galaxies: what its files hold, and that it is a function of its seed.

use crate::fixtures::galaxies;
use crate::fixtures::run_folder::selfsi_in as selfsi;
use selfsi::config::{Config, GalaxiesConfig, ImageConfig};
use selfsi::mock::GalaxySurvey;
use selfsi::prepare::ImageSet;

fn config() -> String {
    galaxies::config(
        3,
        24,
        "[interpolant]
    kind = 'sde'
    gamma = 1.0
    diffusion = 'channel'
    epsilon = 1.0
    [train]
    steps = 2
    batch = 4
    heldout = 0.3
    validate_every = 2
    checkpoint_every = 2
    [restore]
    draws = 4
    batch = 8
    shapes = true",
    )
}

#[test]
fn galaxies_go_from_cutouts_to_a_table_of_shapes_that_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), config()).unwrap();
    let run = |args: &[&str]| selfsi(folder.path()).args(args).assert().success();
    run(&["mock", "c.toml"]);
    run(&["prepare", "c.toml"]);
    let set = ImageSet::open(folder.path().join("set.h5")).unwrap();
    assert_eq!((set.len(), set.header().layout.psf), (24, 9));
    let block = set.read(0..24).unwrap();
    let masked = block
        .ivar
        .rows()
        .into_iter()
        .filter(|r| r.iter().any(|v| *v == 0.0))
        .count();
    assert!((4..=20).contains(&masked), "{masked}");
    for psf in block.psf.rows() {
        assert!((psf.sum() - 3.0).abs() < 1e-4);
    }
    run(&["train", "c.toml", "--out", "run"]);
    run(&["restore", "run", "--out", "run/restored.fits", "--heldout"]);
    run(&["restore", "run", "--out", "a.h5", "--shard", "1/2"]);
    run(&["restore", "run", "--out", "b.h5", "--shard", "2/2"]);
    run(&[
        "merge",
        "a.shard-001-of-002.h5",
        "b.shard-002-of-002.h5",
        "--out",
        "all.h5",
    ]);
    let all = selfsi::restored::RestoredImages::open(folder.path().join("all.h5")).unwrap();
    let shapes = all.table().shapes.as_ref().unwrap();
    assert_eq!(shapes.values[0].dim(), (24, 3));
    assert!(
        shapes
            .errors
            .iter()
            .all(|e| e.iter().filter(|v| v.is_finite()).count() > 36)
    );
    let out = run(&["evaluate", "run", "--truth", "mock/truth.h5"]);
    let said = String::from_utf8(out.get_output().stdout.clone()).unwrap();
    for word in [
        "half-light radius",
        "Richardson–Lucy",
        "table, median of the draws",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // Another mock takes the place of this one, and nothing else does.
    run(&["mock", "c.toml"]);
}

#[test]
fn a_galaxy_is_a_function_of_the_seed_and_its_number_and_its_noise_is_as_stated() {
    let image = ImageConfig {
        channels: 1,
        height: 24,
        width: 24,
        fit: false,
    };
    let config = GalaxiesConfig {
        psf: 15,
        snr: [40.0, 40.0],
        bad_columns: 0.0,
        ..GalaxiesConfig::default()
    };
    let survey = |seed| GalaxySurvey::new(seed, &config, image).unwrap();
    let (a, again) = (survey(1), survey(1));
    assert_eq!(a.galaxy(7).unwrap(), again.galaxy(7).unwrap());
    assert_ne!(a.galaxy(7).unwrap(), survey(2).galaxy(7).unwrap());
    let (mut pulls, mut n) = (0.0, 0.0);
    for i in 0..30 {
        let [clean, observed, ivar] = a.galaxy(i).unwrap();
        // Far from the galaxy there is noise alone.
        for j in (0..24).chain(23 * 24..24 * 24) {
            pulls += (observed[j] - clean[j]).powi(2) * ivar[j];
            n += 1.0;
        }
    }
    assert!((pulls / n - 1.0).abs() < 0.1, "{}", pulls / n);
}

#[test]
fn a_mock_of_galaxies_needs_images_and_psfs_that_fit() {
    let bad = |text: &str| Config::parse(text, "c.toml", &[]).unwrap_err().to_string();
    let spectra = "[survey]\nprepared = 'a.h5'\n[survey.source]\nkind = 'sdss'\nspectra = 'a'\n[forward]\nkind = 'gaussian'\nsigma = 1.0\n[mock]\nkind = 'galaxies'";
    assert!(bad(spectra).contains("mock.kind"));
    assert!(bad(&config().replace("psf = 9", "psf = 8")).contains("mock.galaxies.psf"));
    let config = Config::parse(&config().replace("psf = 9", "psf = 17"), "c.toml", &[]).unwrap();
    let galaxies = config.mock.unwrap().galaxies.unwrap();
    let e = GalaxySurvey::new(1, &galaxies, config.image.unwrap()).unwrap_err();
    assert!(e.to_string().contains("larger than the cutouts"), "{e}");
}
