//! `make real`: real quasars seen twice. Only where the data and a Python with requirements/check.txt are.

use crate::fixtures::python::python;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::shared_data::shared;
use selfsi::prepare::Prepared;
use std::path::Path;
use std::process::Command;

#[test]
fn no_object_is_in_both_training_and_test_and_the_config_prepares() {
    let (Some(real), Some(python)) = (shared("real"), python()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/real.py");
    let mut make = Command::new(&python);
    make.arg(&script).arg("make").arg(&real).arg(&out);
    make.args(["--window", "optical", "--seed", "2"]);
    let made = make.output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut prepare = selfsi();
    prepare.arg("prepare").arg(out.join("config.toml"));
    prepare.assert().success();
    let set = Prepared::open(out.join("prepared.h5")).unwrap();
    assert!(set.len() > 80 && set.grid().is_rest());
    let names = |file: &str| -> Vec<String> {
        let file = hdf5::File::open(out.join(file)).unwrap();
        let ids = file.dataset("id").unwrap();
        let ids = ids.read_raw::<hdf5::types::FixedAscii<40>>().unwrap();
        let id = |i: &hdf5::types::FixedAscii<40>| i.as_str().split(' ').next().unwrap().to_owned();
        ids.iter().map(id).collect()
    };
    let (train, test) = (names("train.h5"), names("test.h5"));
    assert!(!test.is_empty() && test.iter().all(|t| !train.contains(t)));
}
