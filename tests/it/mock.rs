//! The mock survey is what it says it is: moments of the population, of the forest and of the noise.

use crate::fixtures::fits_text::texts;
use approx::assert_relative_eq;
use fitsio::FitsFile;
use selfsi::config::{Config, GridConfig, MockConfig};
use selfsi::data::LogGrid;
use selfsi::mock::{
    DAMAGES, Damage, Instrument, Survey, claim, damage, spec_path, tau_eff, write_sdss, write_truth,
};
use selfsi::prepare::Prepared;
use selfsi::survey::Truth;
use std::fs;

const Z: (f64, f64) = (2.75, 3.25);
const WINDOW: (f64, f64) = (6600.0, 8000.0);

fn survey(seed: u64) -> Survey {
    let config = MockConfig {
        z_min: Z.0,
        z_max: Z.1,
        ..MockConfig::default()
    };
    Survey::new(seed, &config, WINDOW).unwrap()
}

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig::default())
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let mean = |get: fn(&(f64, f64)) -> f64| pairs.iter().map(get).sum::<f64>() / n;
    let (a, b) = (mean(|p| p.0), mean(|p| p.1));
    let covariance = |x: fn(&(f64, f64)) -> (f64, f64), m: (f64, f64)| {
        pairs
            .iter()
            .map(|p| (x(p).0 - m.0) * (x(p).1 - m.1))
            .sum::<f64>()
    };
    covariance(|p| (p.0, p.1), (a, b))
        / (covariance(|p| (p.0, p.0), (a, a)) * covariance(|p| (p.1, p.1), (b, b))).sqrt()
}

#[test]
fn the_mean_transmission_follows_becker_2013_and_falls_with_redshift() {
    let (survey, grid) = (survey(1), grid());
    let wavelength = grid.wavelength();
    // Three ranges of absorption redshift inside the pure Lyα forest (1045-1160 Å rest).
    let edges = [2.45, 2.6, 2.75, 2.9];
    let mut sums = [(0.0, 0.0, 0.0); 3];
    for i in 0..1500 {
        let (quasar, clean) = survey.clean_on(i, &grid);
        let bare = survey.unabsorbed_on(i, &grid);
        for ((l, c), u) in wavelength.iter().zip(&clean).zip(&bare) {
            let rest = l / (1.0 + quasar.z);
            let z = l / 1215.67 - 1.0;
            if !(1045.0..1160.0).contains(&rest) {
                continue;
            }
            if let Some(k) = (0..3).find(|k| (edges[*k]..edges[k + 1]).contains(&z)) {
                sums[k].0 += f64::from(c / u);
                sums[k].1 += (-tau_eff(z)).exp();
                sums[k].2 += 1.0;
            }
        }
    }
    // Damped systems take about 1 % on top of the forest.
    let ratio = sums.map(|s| s.0 / s.1);
    for r in ratio {
        assert!((0.965..1.005).contains(&r), "{ratio:?}");
    }
    let mean = sums.map(|s| s.0 / s.2);
    assert!(mean[0] > mean[1] && mean[1] > mean[2], "{mean:?}");
}

#[test]
fn absorption_takes_light_and_never_adds_any() {
    let (survey, grid) = (survey(2), grid());
    for i in 0..20 {
        let (_, clean) = survey.clean_on(i, &grid);
        let bare = survey.unabsorbed_on(i, &grid);
        assert!(
            clean
                .iter()
                .zip(&bare)
                .all(|(c, u)| *c >= 0.0 && *c <= u * 1.0001)
        );
    }
}

#[test]
fn lines_are_correlated_as_in_real_quasars() {
    let survey = survey(3);
    let line = |name: &str| survey.lines().iter().position(|l| l.name == name).unwrap();
    let (broad, narrow, si) = (
        line("C IV broad"),
        line("C IV narrow"),
        line("Si IV + O IV]"),
    );
    let quasars: Vec<_> = (0..4000).map(|i| survey.quasar(i)).collect();
    let pair = |get: &dyn Fn(&selfsi::mock::Quasar) -> (f64, f64)| -> f64 {
        correlation(&quasars.iter().map(get).collect::<Vec<_>>())
    };
    // Baldwin effect: fainter equivalent widths in brighter quasars.
    let baldwin = pair(&|q| (q.level.ln(), q.lines[broad].ew.ln()));
    assert!((-0.5..-0.15).contains(&baldwin), "{baldwin}");
    // Strengths and widths go together; strong C IV is the least blueshifted.
    assert!(pair(&|q| (q.lines[broad].ew.ln(), q.lines[si].ew.ln())) > 0.3);
    assert!(pair(&|q| (q.lines[narrow].width.ln(), q.lines[si].width.ln())) > 0.8);
    assert!(pair(&|q| (q.lines[broad].ew.ln(), q.lines[broad].shift)) > 0.3);
    assert!(
        quasars
            .iter()
            .all(|q| (Z.0..=Z.1).contains(&q.z) && q.level > 0.0)
    );
}

#[test]
fn the_level_is_the_mean_flux_of_the_window() {
    let survey = survey(4);
    let window = LogGrid::new(&GridConfig {
        min: WINDOW.0,
        max: WINDOW.1,
        pixels: 500,
        ..GridConfig::default()
    });
    for i in 0..20 {
        let (quasar, clean) = survey.clean_on(i, &window);
        // A mean over wavelength: pixels are wider in the red.
        let (sum, width) = clean
            .iter()
            .zip(window.wavelength())
            .fold((0.0, 0.0), |(s, w), (f, l)| (s + f64::from(*f) * l, w + l));
        assert_relative_eq!(sum / width, quasar.level, max_relative = 2e-3);
    }
}

#[test]
fn residuals_against_the_channel_are_unit_normal_in_units_of_ivar() {
    for (resolution, snr) in [(5000.0, [0.5, 2.0]), (50.0, [30.0, 50.0])] {
        let survey = survey(5);
        let config = MockConfig {
            resolution,
            snr,
            ..MockConfig::default()
        };
        let instrument = Instrument::new(&survey, &config, grid()).unwrap();
        let (mut n, mut sum, mut square) = (0.0, 0.0, 0.0);
        for i in 0..30 {
            let o = instrument.observe(i);
            assert!(o.tilt.abs() <= config.tilt && (snr[0]..=snr[1]).contains(&o.snr));
            for ((f, m), v) in o.flux.iter().zip(&o.noiseless).zip(&o.ivar) {
                if *v > 0.0 {
                    let r = (f64::from(*f) - m) * f64::from(*v).sqrt();
                    n += 1.0;
                    sum += r;
                    square += r * r;
                }
            }
        }
        assert!(n > 80_000.0);
        assert!((sum / n).abs() < 5.0 / f64::sqrt(n), "mean {}", sum / n);
        assert!(
            (square / n - 1.0).abs() < 5.0 * f64::sqrt(2.0 / n),
            "{}",
            square / n
        );
    }
}

#[test]
fn the_signal_to_noise_is_that_of_a_common_pixel() {
    let (survey, grid) = (survey(6), grid());
    let config = MockConfig {
        snr: [2.0, 2.0],
        ..MockConfig::default()
    };
    let instrument = Instrument::new(&survey, &config, grid).unwrap();
    for i in 0..5 {
        let o = instrument.observe(i);
        let inside = |j: usize| {
            let l = 10f64.powf((o.first + j as i64) as f64 * 1e-4);
            (4000.0..6500.0).contains(&l)
        };
        let pixels: Vec<usize> = (0..o.flux.len()).filter(|j| inside(*j)).collect();
        let mean = pixels.iter().map(|j| o.noiseless[*j]).sum::<f64>() / pixels.len() as f64;
        let mut sigma: Vec<f64> = pixels
            .iter()
            .filter(|j| o.ivar[**j] > 0.0)
            .map(|j| 1.0 / f64::from(o.ivar[*j]).sqrt())
            .collect();
        sigma.sort_by(f64::total_cmp);
        let common = sigma[sigma.len() / 2] / (grid.dloglam / 1e-4).sqrt();
        assert_relative_eq!(mean / common, 2.0, max_relative = 0.02);
    }
}

#[test]
fn without_tilt_and_blur_the_instrument_sees_the_truth() {
    let (survey, grid) = (survey(7), grid());
    let config = MockConfig {
        tilt: 0.0,
        resolution: 1e6,
        snr: [30.0, 30.0],
        ..MockConfig::default()
    };
    let instrument = Instrument::new(&survey, &config, grid).unwrap();
    let o = instrument.observe(11);
    let native = LogGrid {
        loglam0: o.first as f64 * 1e-4,
        dloglam: 1e-4,
        pixels: o.noiseless.len(),
        frame: selfsi::config::Frame::Observed,
    };
    let (_, clean) = survey.clean_on(11, &native);
    for (a, b) in o.noiseless.iter().zip(clean) {
        assert!((a - f64::from(b)).abs() < 0.01 * f64::from(b).abs() + 1e-3);
    }
}

#[test]
fn an_object_depends_on_the_seed_and_its_number_alone() {
    let grid = grid();
    let (a, b) = (survey(8), survey(8));
    // In another order, and on another grid of the same survey.
    let first = a.clean_on(3, &grid).1;
    let _ = b.clean_on(9, &grid);
    assert_eq!(first, b.clean_on(3, &grid).1);
    assert_ne!(first, survey(9).clean_on(3, &grid).1);
    assert_eq!(a.object(3).name, b.object(3).name);
    assert_eq!(a.object(3).z, b.object(3).z);
    let names: std::collections::HashSet<_> = (0..2000).map(|i| a.object(i).name).collect();
    assert_eq!(names.len(), 2000);
}

#[test]
fn the_truth_does_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let survey = survey(10);
    let written = [1, 2].map(|threads| {
        let path = folder.path().join(format!("{threads}.h5"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| write_truth(&path, &survey, &grid(), 30, |_| ()))
            .unwrap();
        let file = hdf5::File::open(&path).unwrap();
        file.dataset("flux").unwrap().read_2d::<f32>().unwrap()
    });
    assert_eq!(written[0], written[1]);
    assert!(written[0].iter().all(|f| f.is_finite()));
}

#[test]
fn the_truth_holds_the_spectra_before_absorption_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.h5");
    let survey = survey(10);
    write_truth(&path, &survey, &grid(), 3, |_| ()).unwrap();
    let truth = Truth::open(&path, &grid()).unwrap();
    let names: Vec<String> = (0..3).map(|i| survey.object(i).name).collect();
    let rows: Vec<usize> = names.iter().map(|n| truth.find(n).unwrap()).collect();
    // In units of each spectrum's level, as the flux is.
    let norm = [1.0, 2.0, 4.0];
    let flux = truth.read(&rows, &norm).unwrap();
    let continuum = truth.continuum(&rows, &norm).unwrap().unwrap();
    for (i, norm) in norm.iter().enumerate() {
        for (j, bare) in survey.unabsorbed_on(i, &grid()).iter().enumerate() {
            assert_relative_eq!(f64::from(continuum[[i, j]]) * norm, f64::from(*bare));
            assert!(flux[[i, j]] <= continuum[[i, j]] * 1.001, "{i} {j}");
        }
    }
    drop(truth);
    // A truth of before, or of another maker, has none.
    hdf5::File::open_rw(&path)
        .unwrap()
        .unlink("continuum")
        .unwrap();
    let older = Truth::open(&path, &grid()).unwrap();
    assert!(older.continuum(&rows, &norm).unwrap().is_none());
}

#[test]
fn a_survey_on_disk_is_whole_and_damaged_as_announced() {
    const N: usize = 21;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mock");
    let survey = survey(11);
    let config = MockConfig::default();
    let instrument = Instrument::new(&survey, &config, grid()).unwrap();
    // Twice: a mock survey may be made again over itself.
    for _ in 0..2 {
        claim(&root, "made = 'by a test'").unwrap();
        write_sdss(&root, &survey, &instrument, N, DAMAGES.len(), |_| ()).unwrap();
    }
    let names = texts(&root.join("catalog.fits"), "CATALOG", "SDSS_NAME");
    assert_eq!(names.len(), N);
    for (i, name) in names.iter().enumerate() {
        let object = survey.object(i);
        assert_eq!(*name, object.name);
        let path = root.join("spectra").join(spec_path(&object));
        match damage(i, N, DAMAGES.len()) {
            Some(Damage::Missing) => assert!(!path.exists()),
            Some(Damage::Empty) => assert_eq!(fs::metadata(&path).unwrap().len(), 0),
            Some(_) => assert!(path.exists()),
            None => {
                let mut f = FitsFile::open(&path).unwrap();
                let telescope: String = f
                    .primary_hdu()
                    .unwrap()
                    .read_key(&mut f, "TELESCOP")
                    .unwrap();
                assert_eq!(telescope, "SDSS 2.5-M");
                let h = f.hdu("COADD").unwrap();
                let flux: Vec<f32> = h.read_col(&mut f, "flux").unwrap();
                let loglam: Vec<f64> = h.read_col(&mut f, "loglam").unwrap();
                let observed = instrument.observe(i);
                assert_eq!(flux, observed.flux);
                assert_relative_eq!(loglam[0], observed.first as f64 * 1e-4, epsilon = 1e-6);
                let h = f.hdu("SPECOBJ").unwrap();
                let z: Vec<f32> = h.read_col(&mut f, "Z").unwrap();
                assert_relative_eq!(f64::from(z[0]), object.z, epsilon = 1e-6);
            }
        }
    }
}

/// cfitsio would see a selection in brackets; names that are not UTF-8 are beyond fitsio.
#[test]
fn a_folder_may_have_any_name_of_utf_8_and_another_is_refused_in_one_line() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let survey = survey(11);
    let config = MockConfig::default();
    let instrument = Instrument::new(&survey, &config, grid()).unwrap();
    let write = |name: &[u8]| {
        let root = folder.path().join(std::ffi::OsStr::from_bytes(name));
        claim(&root, "made = 'by a test'").unwrap();
        let written = write_sdss(&root, &survey, &instrument, 1, 0, |_| ());
        written.map(|()| root)
    };
    let e = write(b"\xff").unwrap_err().to_string();
    assert!(e.contains("utf-8") && !e.contains('\n'), "{e}");
    for name in [&b"a[1]b"[..], b"a(b)"] {
        let root = write(name).unwrap();
        assert!(root.join("catalog.fits").is_file());
        let spectrum = root.join("spectra").join(spec_path(&survey.object(0)));
        assert!(spectrum.is_file());
    }
}

#[test]
fn a_folder_that_holds_something_else_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
    let e = claim(folder.path(), "").unwrap_err().to_string();
    assert!(e.contains("not empty") && !e.contains('\n'), "{e}");
    assert!(folder.path().join("thesis.tex").exists());
}

#[test]
fn preparing_the_survey_flags_exactly_the_damaged_files_and_keeps_the_noise_honest() {
    const N: usize = 140;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mock");
    let text = format!(
        r#"
        [survey]
        prepared = "{0}/set.h5"
        [survey.source]
        kind = "sdss"
        catalog = "{0}/catalog.fits"
        spectra = "{0}/spectra"
        [normalise]
        kind = "window"
        min = 6600.0
        max = 8000.0
        snr_min = 2.0
        [forward]
        kind = "gaussian"
        sigma = 0.5
        [mock]
        tilt = 0.0
        snr = [2.0, 3.0]
        resolution = 1e5
        "#,
        root.display()
    );
    let config = Config::parse(&text, "test", &[]).unwrap();
    let survey = survey(12);
    let mock = config.mock.as_ref().unwrap();
    let instrument = Instrument::new(&survey, mock, grid()).unwrap();
    claim(&root, "").unwrap();
    write_sdss(&root, &survey, &instrument, N, 14, |_| ()).unwrap();
    let out = root.join("set.h5");
    selfsi::prepare::prepare(&config, &out, &mut |_, _| ()).unwrap();

    let set = Prepared::open(&out).unwrap();
    let block = set.read(0..N).unwrap();
    let (mut n, mut square) = (0.0, 0.0);
    for (i, object) in set.objects().iter().enumerate() {
        assert_eq!(object.name, survey.object(i).name);
        assert_eq!(object.flag != 0, damage(i, N, 14).is_some(), "{object:?}");
        if object.flag != 0 {
            continue;
        }
        let (_, truth) = survey.clean_on(i, &grid());
        for ((f, v), t) in block.flux.row(i).iter().zip(block.ivar.row(i)).zip(truth) {
            if *v > 0.0 {
                let r = (f64::from(*f) - f64::from(t) / object.norm) * f64::from(*v).sqrt();
                square += r * r;
                n += 1.0;
            }
        }
    }
    // Masked neighbours and sky-line edges within a pixel leave a per cent or two.
    assert!((square / n - 1.0).abs() < 0.04, "{}", square / n);
}
