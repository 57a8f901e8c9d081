//! Uncertain redshifts: their errors from the catalog to the prepared set and to training.

use crate::fixtures::hdf5_config::CONFIG;
use crate::fixtures::run_folder::selfsi;
use selfsi::config::Columns;
use selfsi::data::RowBlock;
use selfsi::forward::{redshift_errors, redshifts};
use selfsi::prepare::Prepared;
use selfsi::survey::read_catalog;
use selfsi::train::Observable;
use std::path::Path;
use tch::Device;

const ERRORS: [f64; 4] = [0.02, 0.0, -1.0, f64::NAN];

/// Four spectra at z = 3, the error of each named `name`.
fn catalog(folder: &Path, name: &str) {
    let file = hdf5::File::create(folder.join("catalog.h5")).unwrap();
    let put = |name: &str, values: &[f64], shape: &[usize]| {
        let data = file.new_dataset::<f64>().shape(shape).create(name).unwrap();
        data.write_raw(values).unwrap();
    };
    let loglam: Vec<f64> = (0..2200).map(|i| 3.6 + 1e-4 * f64::from(i)).collect();
    put("loglam", &loglam, &[2200]);
    put("flux", &vec![1.0; 4 * 2200], &[4, 2200]);
    put("ivar", &vec![4.0; 4 * 2200], &[4, 2200]);
    put("z", &[3.0; 4], &[4]);
    put(name, &ERRORS, &[4]);
    std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
}

#[test]
fn errors_of_redshifts_go_with_them_and_what_is_no_error_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), "z_err");
    let prepare = ["prepare", "config.toml"];
    selfsi()
        .current_dir(dir.path())
        .args(prepare)
        .assert()
        .success();
    let path = dir.path().join("set.h5");
    let set = Prepared::open(&path).unwrap();
    let errors: Vec<f64> = set.objects().iter().map(|o| o.z_err).collect();
    assert!(
        errors[0] == 0.02 && errors[1..].iter().all(|e| e.is_nan()),
        "{errors:?}"
    );
    let block = set.read_rows(&[3, 0]).unwrap();
    assert!(block.z_err[0].is_nan() && block.z_err[1] == 0.02);
    assert!(block.select(&[1]).z_err == [0.02]);
    let told = block.observations(Device::Cpu).latent;
    assert!((told.redshift_error.double_value(&[1, 0]) - 0.005).abs() < 1e-7);
    drop(set);
    // A set of before.
    let file = hdf5::File::open_rw(&path).unwrap();
    file.unlink("z_err").unwrap();
    drop(file);
    let set = Prepared::open(&path).unwrap();
    assert!(set.objects()[0].z_err.is_nan() && set.objects()[0].z == 3.0);
    assert!(set.read(0..1).unwrap().z_err[0].is_nan());
}

#[test]
fn a_name_of_ones_own_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), "sigma_z");
    let named = |name: &str| format!("survey.source.datasets.z_err={name}");
    let prepare = |name: &str| {
        let args = ["prepare", "config.toml", "--set", &named(name)];
        let mut command = selfsi();
        command.current_dir(dir.path()).args(args).output().unwrap()
    };
    assert!(prepare("sigma_z").status.success());
    let set = Prepared::open(dir.path().join("set.h5")).unwrap();
    assert!(set.objects()[0].z_err == 0.02);
    let out = prepare("absent");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.code() == Some(1) && said.contains("absent"),
        "{said}"
    );
}

#[test]
fn tables_of_sdss_name_the_column() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.csv");
    let table = "PLATE,MJD,FIBERID,Z,ZERR\n1,2,3,2.5,0.001\n1,2,4,2.5,0\n";
    std::fs::write(&path, table).unwrap();
    let columns = Columns {
        z_err: Some("zerr".to_owned()),
        ..Columns::default()
    };
    let rows = read_catalog(&path, &columns).unwrap().rows;
    assert!(rows[0].object.z_err == 0.001 && rows[1].object.z_err.is_nan());
    let unasked = read_catalog(&path, &Columns::default()).unwrap().rows;
    assert!(unasked[0].object.z_err.is_nan());
}

#[test]
fn an_error_is_one_of_ln_1_plus_z() {
    let (z, e) = ([3.0, f64::NAN], [0.04, 0.01]);
    let ln = |z: f64| redshifts(&[z]).double_value(&[0, 0]);
    let half = 0.5 * (ln(3.04) - ln(2.96));
    let told = redshift_errors(&z, &e);
    assert!((told.double_value(&[0, 0]) / half - 1.0).abs() < 1e-3);
    assert!(told.double_value(&[1, 0]).is_nan());
}
