//! `selfsi config`: what the reference says, on the command line.

use crate::fixtures::run_folder::{failure, selfsi};

fn said(arguments: &[&str]) -> String {
    let output = selfsi().arg("config").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_is_explained_as_the_reference_has_it() {
    assert_eq!(
        said(&["--explain", "train.reuse"]),
        "train.reuse\n  integer ≥ 1; default 4\n  Steps that each transported batch serves, with fresh F, t and z in each.\n"
    );
    let coadds = said(&["--explain", "survey.source.coadds"]);
    let first =
        "survey.source.coadds (with kind = \"desi\")\n  path, or list of paths; must be given\n";
    assert!(coadds.starts_with(first), "{coadds}");
    let kinds = said(&["--explain", "forward.kind"]);
    assert!(kinds.contains("\n  \"gaussian\": y = x + σ ξ."), "{kinds}");
}

#[test]
fn every_key_is_listed_in_a_line_with_its_default() {
    let list = said(&["--list"]);
    let line = |key: &str| list.lines().find(|l| l.split(' ').next() == Some(key));
    assert_eq!(
        line("grid.pixels").map(|l| l.split_whitespace().nth(1)),
        Some(Some("1024"))
    );
    assert!(list.lines().count() > 150);
    let all: Vec<serde_json::Value> = serde_json::from_str(&said(&["--list", "--json"])).unwrap();
    assert_eq!(all.len(), list.lines().count());
    assert_eq!(all[0]["key"], "seed");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let mut command = selfsi();
    let said = failure(command.args(["config", "--explain", "train.bach"]));
    assert!(said.contains("did you mean `train.batch`"), "{said}");
    let output = selfsi()
        .args(["config", "--list", "--explain", "seed"])
        .output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
