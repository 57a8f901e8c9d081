//! `selfsi audit`: a restoration that invents or loses a line is flagged, a right one is not.

mod fits_text;
mod prepared_set;
mod run_folder;

use assert_cmd::Command;
use fits_text::texts;
use fitsio::FitsFile;
use fitsio::images::ReadImage;
use ndarray::Array2;
use prepared_set::{UNIT, objects, survey};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use run_folder::{failure, selfsi};
use selfsi::data::flag;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const N: usize = 120;
const D: usize = 64;
/// Noise of the observations, normalised flux.
const SIGMA: f64 = 0.3;
/// Width of the lines, σ in pixels.
const WIDTH: f64 = 2.0;
/// Every spectrum has a line at pixel 14; none has one here.
const EMPTY: usize = 36;

/// Spectra of two lines of varying strength, observed with noise: a set, and four runs on it.
struct Survey {
    folder: tempfile::TempDir,
}

impl Survey {
    fn get() -> &'static Self {
        static SURVEY: OnceLock<Survey> = OnceLock::new();
        SURVEY.get_or_init(Self::make)
    }

    fn make() -> Self {
        let survey = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let strength: Vec<[f64; 2]> = (0..N)
            .map(|_| [1.5 + 0.3 * normal(), 0.8 + 0.2 * normal()])
            .collect();
        let flux = Array2::from_shape_fn((N, D), |(i, j)| {
            let lines = strength[i][0] * line(j, 14) + strength[i][1] * line(j, 50);
            (1.0 + lines + SIGMA * normal()) as f32
        });
        let mut ivar = Array2::from_elem((N, D), SIGMA.powi(-2) as f32);
        ivar.row_mut(4).fill(0.0);
        let mut objects = objects(N);
        for (i, o) in objects.iter_mut().enumerate() {
            (o.z, o.norm) = (0.0, 1.0 + (i % 3) as f64);
        }
        objects[4].flag = flag::SNR;
        objects[4].reason = "too little signal".into();
        let text = survey.config("kind = 'ode'", "");
        prepared_set::write(&survey.path("set.h5"), &text, UNIT, &objects, flux, ivar);
        let sde = "kind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0";
        for (run, interpolant, train) in [
            ("ode", "kind = 'ode'", ""),
            ("sde", sde, ""),
            ("half-1", sde, "half = 1"),
            ("half-2", sde, "half = 2"),
        ] {
            let toml = survey.path(&format!("{run}.toml"));
            std::fs::write(&toml, survey.config(interpolant, train)).unwrap();
            let mut c = selfsi();
            c.arg("train").arg(&toml).arg("--out").arg(survey.path(run));
            c.assert().success();
            let mut c = selfsi();
            c.arg("restore")
                .arg(survey.path(run))
                .arg("--out")
                .arg(survey.catalog(run));
            c.assert().success();
        }
        survey
    }

    fn config(&self, interpolant: &str, train: &str) -> String {
        format!(
            "{}
            [forward]
            kind = 'quasar'
            tilt = 0.02
            smoothing = {{ from = 'lsf' }}
            noise = {{ from = 'ivar' }}
            [network]
            channels = [8, 16]
            patch = 4
            margin = 8
            attention = false
            embedding = 8
            [interpolant]
            {interpolant}
            [transport]
            steps = 4
            [train]
            steps = 300
            warm_start = 280
            batch = 32
            learning_rate = 4e-3
            heldout = 0.3
            validate_every = 300
            checkpoint_every = 300
            ema = 0.98
            {train}
            [restore]
            draws = 4",
            survey(&self.path("set.h5"), D)
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The restored catalog of a run.
    fn catalog(&self, run: &str) -> PathBuf {
        self.path(&format!("{run}.fits"))
    }
}

/// A line of height 1 at pixel `at`.
fn line(pixel: usize, at: usize) -> f64 {
    (-0.5 * ((pixel as f64 - at as f64) / WIDTH).powi(2)).exp()
}

fn image(path: &Path, name: &str) -> Vec<f32> {
    let mut f = FitsFile::open(path).unwrap();
    let hdu = f.hdu(name).unwrap();
    Vec::<f32>::read_image(&mut f, &hdu).unwrap()
}

fn column<T: fitsio::tables::ReadsCol>(path: &Path, table: &str, name: &str) -> Vec<T> {
    let mut f = FitsFile::open(path).unwrap();
    let hdu = f.hdu(table).unwrap();
    hdu.read_col(&mut f, name).unwrap()
}

/// A copy of a catalog with lines of some standard deviations of the data added to RESTORED and
/// DRAW: (row, pixel, strength).
fn planted(catalog: &Path, copy: &str, lines: &[(usize, usize, f64)]) -> PathBuf {
    let path = Survey::get().path(copy);
    std::fs::copy(catalog, &path).unwrap();
    let ivar = image(&path, "IVAR");
    let mut f = FitsFile::edit(&path).unwrap();
    for name in ["RESTORED", "DRAW"] {
        let Ok(hdu) = f.hdu(name) else { continue };
        let mut flux = Vec::<f32>::read_image(&mut f, &hdu).unwrap();
        for (row, at, sigmas) in lines {
            let weight = |i: usize| f64::from(ivar[row * D + i]) * line(i, *at).powi(2);
            let amplitude = sigmas / (0..D).map(weight).sum::<f64>().sqrt();
            for i in 0..D {
                flux[row * D + i] += (amplitude * line(i, *at)) as f32;
            }
        }
        hdu.write_section(&mut f, 0, flux.len(), &flux).unwrap();
        let mut status = 0;
        // SAFETY: an open file, at the HDU just written: its checksums are renewed.
        unsafe { fitsio_sys::ffpcks(f.as_raw(), &mut status) };
        assert_eq!(status, 0);
    }
    path
}

fn audit(run: &str, catalog: &Path) -> Command {
    let mut c = selfsi();
    c.arg("--json")
        .arg("audit")
        .arg(Survey::get().path(run))
        .arg(catalog);
    c.args(["--simulations", "300"]);
    c
}

fn json(mut command: Command) -> serde_json::Value {
    let output = command.assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether the wavelength is that of `pixel`, within two.
fn near(catalog: &Path, wave: f64, pixel: usize) -> bool {
    let grid: Vec<f64> = column(catalog, "WAVELENGTH", "WAVELENGTH");
    let found = grid.iter().position(|w| *w > wave * (1.0 - 1e-9));
    found.is_some_and(|f| f.abs_diff(pixel) <= 2)
}

#[test]
fn an_invented_line_is_flagged_where_it_was_planted_and_others_no_more_than_by_chance() {
    for run in ["ode", "sde"] {
        let catalog = Survey::get().catalog(run);
        let lines = [(10, 28, 8.0), (50, EMPTY, 8.0), (90, 42, 10.0)];
        let planted = planted(&catalog, &format!("invented-{run}.fits"), &lines);
        let before = std::fs::read(&planted).unwrap();
        let result = json(audit(run, &planted));
        assert_eq!(
            std::fs::read(&planted).unwrap(),
            before,
            "the catalog is not changed"
        );

        let table = planted.with_extension("audit.fits");
        let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
        let is_planted = |i: &usize| lines.iter().any(|l| l.0 == *i);
        // 0.24 are expected at most: two come by chance in 2 of 100 surveys.
        let by_chance = (0..N).filter(|i| flags[*i] > 1 && !is_planted(i)).count();
        assert!(by_chance <= 1, "{run}: {result:#}");
        assert_eq!(result["flagged"], 3 + by_chance, "{run}: {result:#}");
        assert!((result["expected_by_chance"].as_f64().unwrap() - 0.238).abs() < 1e-9);
        let s: Vec<f64> = column(&table, "AUDIT", "LOCAL_S");
        let wave: Vec<f64> = column(&table, "AUDIT", "LOCAL_WAVE");
        for (row, pixel, _) in lines {
            assert!(flags[row] & 4 == 4 && s[row] < -5.0, "{run}: {}", s[row]);
            assert!(near(&catalog, wave[row], pixel), "{run}: {}", wave[row]);
        }
        // What cannot be audited stays, with its reason.
        let reason = texts(&table, "AUDIT", "REASON");
        let chi2: Vec<f64> = column(&table, "AUDIT", "CHI2");
        assert!(flags[4] == 1 && chi2[4].is_nan());
        assert_eq!(reason[4], "not restored: too little signal");
    }
}

#[test]
fn features_are_supported_undecided_or_contradicted_by_the_data() {
    let catalog = Survey::get().catalog("sde");
    // Row 30 keeps its line at pixel 14 and gets one that is not there; row 60 loses its own.
    let lines = [(30, EMPTY, 10.0), (60, 14, -11.0)];
    let planted = planted(&catalog, "features.fits", &lines);
    let result = json(audit("sde", &planted));
    let table = planted.with_extension("audit.fits");
    let row: Vec<i64> = column(&table, "FEATURES", "ROW");
    let verdict = texts(&table, "FEATURES", "VERDICT");
    let wave: Vec<f64> = column(&table, "FEATURES", "WAVE");
    let delta: Vec<f64> = column(&table, "FEATURES", "DELTA_CHI2");
    let of = |object: usize, pixel: usize| {
        let here = |k: &usize| row[*k] == object as i64 + 1 && near(&catalog, wave[*k], pixel);
        (0..row.len())
            .find(here)
            .unwrap_or_else(|| panic!("{object} {pixel}: {result:#}"))
    };
    let (own, invented) = (of(30, 14), of(30, EMPTY));
    assert_eq!(verdict[own], "SUPPORTED", "{}", delta[own]);
    assert_eq!(verdict[invented], "CONTRADICTED", "{}", delta[invented]);
    assert!(delta[own] > 30.0 && delta[invented] < -30.0);
    assert_eq!(result["contradicted"], 1);
    // Nearly every spectrum's first line is supported.
    let first =
        (0..row.len()).filter(|k| near(&catalog, wave[*k], 14) && verdict[*k] == "SUPPORTED");
    assert!(first.count() > 100);

    // A line that y shows and the restoration lost: the residual is positive there.
    let s: Vec<f64> = column(&table, "AUDIT", "LOCAL_S");
    let at: Vec<f64> = column(&table, "AUDIT", "LOCAL_WAVE");
    let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
    assert!(
        s[60] > 6.0 && flags[60] & 4 == 4 && near(&catalog, at[60], 14),
        "{}",
        s[60]
    );
}

#[test]
fn two_halves_are_disjoint_and_where_they_disagree_is_told() {
    let survey = Survey::get();
    let restored = ["half-1", "half-2"].map(|r| survey.catalog(r));
    // What neither trained on is held out from both, and no more.
    let held = |p: &Path| column::<i32>(p, "CATALOG", "HELDOUT");
    let (a, b) = (held(&restored[0]), held(&restored[1]));
    let both: Vec<i32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
    assert_eq!(both, held(&survey.catalog("sde")));
    assert!(a != b);

    let other = planted(&restored[1], "other.fits", &[(20, EMPTY, 40.0)]);
    let mut command = audit("half-1", &restored[0]);
    command.arg("--other").arg(&other);
    let result = json(command);
    let table = restored[0].with_extension("audit.fits");
    let flags: Vec<i64> = column(&table, "AUDIT", "FLAG");
    let wave: Vec<f64> = column(&table, "AUDIT", "HALF_WAVE");
    let max: Vec<f64> = column(&table, "AUDIT", "HALF_MAX");
    assert!(flags[20] & 32 == 32 && max[20] < -3.0, "{result:#}");
    assert!(near(&restored[0], wave[20], EMPTY));
    assert!(max[4].is_nan(), "nothing to compare");

    let mut same = audit("half-1", &restored[0]);
    same.arg("--other").arg(&restored[0]);
    assert!(failure(same).contains("same run"));
}

#[test]
fn how_a_catalog_was_restored_it_says_itself() {
    let survey = Survey::get();
    let catalog = survey.path("other-draws.fits");
    let how = "restore={draws=2, quantiles=[0.25], batch=7}";
    let mut restore = selfsi();
    restore.args(["--set", how, "restore"]);
    restore.arg(survey.path("sde")).arg("--out").arg(&catalog);
    restore.assert().success();
    json(audit("sde", &catalog));
    let table = catalog.with_extension("audit.fits");
    let mut fits = FitsFile::open(table).unwrap();
    let primary = fits.primary_hdu().unwrap();
    assert_eq!(primary.read_key::<i64>(&mut fits, "NDRAWS").unwrap(), 2);
}

#[test]
fn what_does_not_belong_together_is_refused_in_one_line() {
    let survey = Survey::get();
    let catalog = survey.catalog("sde");
    assert!(failure(audit("ode", &catalog)).contains("RUNSHA"));
    let with = |option: &str, value: &str| {
        let mut command = audit("sde", &catalog);
        command.args([option, value]);
        failure(command)
    };
    assert!(with("--set", "transport.steps=5").contains("repeat the --set"));
    assert!(with("--set", "restore.draws=5").contains("the catalog holds 4 draws"));
    assert!(with("--set", "train.half=1").contains("trained otherwise"));
    assert!(with("--alpha", "2").contains("--alpha"));
    assert!(with("--out", &catalog.display().to_string()).contains("--out"));
    assert!(failure(audit("sde", &survey.path("set.h5"))).contains("set.h5"));
}

#[test]
fn astropy_reads_the_tables_with_units_and_checksums() {
    let Some(python) = std::env::var_os("SELFSI_CHECK_PYTHON") else {
        eprintln!("skipped: SELFSI_CHECK_PYTHON names no Python with requirements/check.txt");
        return;
    };
    let survey = Survey::get();
    let (catalog, out) = (survey.catalog("sde"), survey.path("checked.fits"));
    let mut command = audit("sde", &catalog);
    command.arg("--out").arg(&out);
    json(command);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_audit.py");
    let mut check = Command::new(python);
    check.arg(script).arg(&out).arg(&catalog).assert().success();
}
