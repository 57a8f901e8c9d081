//! Objects that the population does not hold, and redshifts that do not fit: restored, but not in silence.

use crate::fixtures::prepared_set::{NETWORK, UNIT, survey, write};
use crate::fixtures::run_folder::selfsi as command;
use crate::fixtures::trained::{restore, train};
use fitsio::FitsFile;
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::audit::audit_flag as flag;
use selfsi::config::Config;
use selfsi::data::{LogGrid, Object};
use selfsi::restored::Restored;
use std::path::Path;

const D: usize = 64;
const N: usize = 500;

/// A line at 1216 Å on a continuum, each of its own strength, at redshifts `z` (of which the recorded ones may
/// differ), under noise of 0.3; `odd` is added to what each shows.
fn written(
    path: &Path,
    text: &str,
    z: &[f64],
    recorded: &[f64],
    odd: impl Fn(usize, usize) -> f64,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(z.len() as u64);
    let grid = LogGrid::new(&Config::parse(text, "test", &[]).unwrap().grid);
    let wavelength = grid.wavelength();
    let mut flux = Array2::<f32>::zeros((z.len(), D));
    for (i, mut row) in flux.rows_mut().into_iter().enumerate() {
        let normal = |rng: &mut ChaCha8Rng| -> f64 { rng.sample(StandardNormal) };
        let strength = 2.5 + 0.9 * normal(&mut rng);
        for (j, f) in row.iter_mut().enumerate() {
            let off = (wavelength[j] / (1216.0 * (1.0 + z[i]))).ln() / (2.0 * grid.dln());
            let line = strength * (-0.5 * off * off).exp();
            *f = (1.0 + line + odd(i, j) + 0.3 * normal(&mut rng)) as f32;
        }
    }
    let object = |(i, z): (usize, &f64)| Object {
        name: format!("Q{i}"),
        z: *z,
        ..Object::default()
    };
    let objects: Vec<Object> = recorded.iter().enumerate().map(object).collect();
    let ivar = Array2::from_elem(flux.raw_dim(), 1.0 / 0.09);
    write(path, text, UNIT, &objects, flux, ivar);
}

fn column<T: fitsio::tables::ReadsCol>(path: &Path, table: &str, name: &str) -> Vec<T> {
    let mut file = FitsFile::open(path).unwrap();
    let hdu = file.hdu(table).unwrap();
    hdu.read_col(&mut file, name).unwrap()
}

#[test]
fn what_the_population_does_not_hold_is_restored_with_a_warning_and_flagged_by_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = format!(
        "{}
        [forward]
        kind = 'quasar'
        tilt = 0.0
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}
        [interpolant]
        kind = 'sure'
        [network]
        {NETWORK}
        margin = 8
        [train]
        steps = 2
        batch = 16
        heldout = 0.5
        validate_every = 2
        checkpoint_every = 2
        [restore]
        draws = 4",
        survey(&path("set.h5"), D)
    );
    std::fs::write(path("sure.toml"), &text).unwrap();
    let z: Vec<f64> = (0..N)
        .map(|i| 2.7 + 0.6 * (i * 7 % N) as f64 / N as f64)
        .collect();
    written(&path("set.h5"), &text, &z, &z, |_, _| 0.0);
    train(&path("sure.toml"), &path("run"));
    // Of 40 others the first four have no line but a slope, and the next four are recorded at 6000 km/s from
    // where they are.
    let z: Vec<f64> = (0..40).map(|i| 2.85 + 0.0075 * i as f64).collect();
    let off = |i: usize, z: &f64| {
        if (4..8).contains(&i) {
            (1.0 + z) * 1.02 - 1.0
        } else {
            *z
        }
    };
    let recorded: Vec<f64> = z.iter().enumerate().map(|(i, z)| off(i, z)).collect();
    let star = |i: usize, j: usize| match i {
        0..4 => 2.0 * (j as f64 / 32.0 - 1.0) + 1.5 * f64::from(j > 40),
        _ => 0.0,
    };
    written(&path("others.h5"), &text, &z, &recorded, star);
    let out = path("restored.fits");
    let mut restored = restore(&path("run"), &[&path("others.h5")], &out);
    let said = restored.assert().success().get_output().stdout.clone();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("unlikely under the population"), "{said}");
    let catalog = Restored::open(&out).unwrap();
    let objects = catalog.objects();
    assert!(objects.iter().all(|o| o.flag == 0 && o.loglike.is_finite()));
    assert!(objects[..4].iter().all(Object::is_unlikely));
    assert!(objects[4..8].iter().all(|o| o.loglike_p < 0.05));
    let usual = || objects[8..].iter();
    assert!(usual().filter(|o| o.is_unlikely()).count() <= 1);
    assert!(usual().filter(|o| o.loglike_p < 0.1).count() <= 9);
    // Restored they are all the same.
    assert!(
        catalog
            .image("RESTORED")
            .unwrap()
            .iter()
            .all(|v| v.is_finite())
    );
    // WARNING says so in as many rows.
    let bytes = std::fs::read(&out).unwrap();
    let words = b"unlikely under the population (LOGLIKE_P)";
    let told = bytes.windows(words.len()).filter(|w| w == words).count();
    let unlikely = objects.iter().filter(|o| o.is_unlikely()).count();
    assert_eq!(told, unlikely);

    let mut audit = command();
    audit
        .arg("audit")
        .arg(path("run"))
        .arg(&out)
        .arg(path("others.h5"));
    audit
        .args(["--simulations", "200", "--out"])
        .arg(path("audit.fits"));
    audit.arg("--json");
    let said = audit.assert().success().get_output().stdout.clone();
    let said = String::from_utf8_lossy(&said).into_owned();
    let flags: Vec<i64> = column(&path("audit.fits"), "AUDIT", "FLAG");
    let best: Vec<f64> = column(&path("audit.fits"), "AUDIT", "Z_BEST");
    assert!(
        flags[..4]
            .iter()
            .all(|f| f & i64::from(flag::LIKELIHOOD) != 0)
    );
    for i in 4..8 {
        assert!(flags[i] & i64::from(flag::REDSHIFT) != 0, "{i} {said}");
        assert!((best[i] - z[i]).abs() < 0.01, "{} {}", best[i], z[i]);
    }
    assert!(said.contains("does not fit"), "{said}");
    let wrong = |f: &&i64| *f & i64::from(flag::REDSHIFT | flag::LIKELIHOOD) != 0;
    assert!(flags[8..].iter().filter(wrong).count() <= 2);
}
