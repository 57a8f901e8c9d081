//! Files under construction: a lock tells whether somebody is writing them, whatever process that is.

use crate::fixtures::trained::Trained;
use std::fs::{self, File};
use std::path::PathBuf;

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim().to_owned()
}

#[test]
fn what_nobody_holds_is_removed_and_what_somebody_holds_stays() {
    let t = Trained::get();
    let out = t.out("out.fits");
    let part = |process: &str, host: &str| -> PathBuf {
        let path = t.out(&format!(".old.fits.{host}.{process}.part"));
        fs::write(&path, "half").unwrap();
        path
    };
    let here = host();
    // A process that is not there: of another container, say, whose numbers are others.
    let written = part("2147483646", &here);
    let lock = File::open(&written).unwrap();
    lock.lock_shared().unwrap();
    // A process that is there, but is not the one that wrote this.
    let left = part(&std::process::id().to_string(), &here);
    // On another machine, whose locks may not reach us.
    let far = part("1", "elsewhere");
    // No file under construction.
    let other = t.out(".old.fits.part");
    fs::write(&other, "").unwrap();
    t.restore("ode", &[], &out).assert().success();
    assert!(out.exists() && written.exists() && far.exists() && other.exists());
    assert!(!left.exists());
    // Not by closing it: a command that another test is about to start holds it open until it runs.
    lock.unlock().unwrap();
    t.restore("ode", &[], &out).assert().success();
    assert!(!written.exists() && far.exists() && other.exists());
}
