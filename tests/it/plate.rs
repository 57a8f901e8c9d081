//! SDSS plate files: the spectra of a plate in one file are those of its spec files.

use crate::fixtures::plate_files::{plate, results};
use crate::fixtures::survey_files::{Spec, catalog};
use assert_cmd::Command;
use selfsi::config::Config;
use selfsi::data::{Block, flag};
use selfsi::inspect::inspect;
use selfsi::prepare::{Prepared, prepare};
use std::path::Path;

fn specs() -> [Spec; 3] {
    [
        Spec::new(12),
        Spec {
            level: 5.0,
            flagged: true,
            ..Spec::new(13)
        },
        Spec {
            not_finite: true,
            ..Spec::new(15)
        },
    ]
}

fn config(folder: &Path, source: &str, set: &str) -> Config {
    let text = format!(
        "[survey]
        prepared = '{set}'
        [survey.source]
        kind = 'sdss'
        {source}
        [normalise]
        kind = 'none'
        [select]
        z_min = 2.0
        z_max = 4.0
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    let mut c = Config::parse(&text, "test", &[]).unwrap();
    c.survey.prepared = folder.join(set);
    c
}

fn prepared(config: &Config) -> (Prepared, Block) {
    prepare(config, &config.survey.prepared, &mut |_, _| {}).unwrap();
    let set = Prepared::open(&config.survey.prepared).unwrap();
    let block = set.read(0..set.len()).unwrap();
    (set, block)
}

#[test]
fn a_plate_file_gives_what_its_spec_files_give() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (apart, together) = (folder.join("apart"), folder.join("together"));
    std::fs::create_dir(&apart).unwrap();
    std::fs::create_dir(&together).unwrap();
    for s in specs() {
        s.write(&apart.join(s.file_name()));
    }
    plate(&apart, &specs());
    std::fs::rename(
        apart.join("spPlate-3655-55240.fits"),
        together.join("spPlate-3655-55240.fits"),
    )
    .unwrap();
    // One more row than the plate has: fibre 900 is nowhere.
    catalog(
        &folder.join("catalog.fits"),
        &[(15, 2.8), (12, 2.9), (13, 3.0), (900, 3.1)],
        &[],
    );
    let source = |spectra: &Path| {
        let catalog = folder.join("catalog.fits");
        format!(
            "spectra = '{}'\ncatalog = '{}'",
            spectra.display(),
            catalog.display()
        )
    };
    let (one, block) = prepared(&config(folder, &source(&apart), "apart.h5"));
    let (other, same) = prepared(&config(folder, &source(&together), "together.h5"));
    assert_eq!(block.flux, same.flux);
    assert_eq!(block.ivar, same.ivar);
    assert_eq!(block.lsf, same.lsf);
    for (a, b) in one.objects().iter().zip(other.objects()) {
        assert_eq!((&a.name, a.z, a.flag), (&b.name, b.z, b.flag));
    }
    assert_eq!(other.objects()[3].flag, flag::UNREADABLE);
    assert!(
        other.objects()[0]
            .source
            .ends_with("spPlate-3655-55240.fits row 2")
    );
}

#[test]
fn without_a_catalog_redshifts_come_from_the_spzbest_file_beside() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for s in specs() {
        s.write(&folder.join(s.file_name()));
    }
    plate(folder, &specs());
    let path = folder.join("spPlate-3655-55240.fits");
    let source = format!("spectra = '{}'", path.display());
    assert!(!inspect(&path).unwrap().problems.is_empty());
    std::fs::create_dir(folder.join("v5_13_0")).unwrap();
    results(
        &folder.join("v5_13_0/spZbest-3655-55240.fits"),
        &[15, 12],
        2.75,
        0.0,
    );
    let (set, _) = prepared(&config(folder, &source, "set.h5"));
    let o = set.objects();
    let names: Vec<&str> = o.iter().map(|o| &*o.name).collect();
    assert_eq!(
        names,
        ["3655-55240-0012", "3655-55240-0013", "3655-55240-0015"]
    );
    assert_eq!((o[0].z, o[0].ra, o[0].dec), (2.75, 150.0, 2.0));
    assert_eq!((o[1].flag, &*o[1].reason), (flag::REDSHIFT, "no redshift"));
    let facts = inspect(&path).unwrap();
    assert_eq!(facts.kind, "SDSS plate");
    assert!(facts.problems.is_empty(), "{:?}", facts.problems);
}

#[test]
fn a_file_that_is_no_plate_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spPlate-1-2.fits");
    results(&path, &[1], 2.0, 0.0);
    let c = config(
        folder.path(),
        &format!("spectra = '{}'", path.display()),
        "set.h5",
    );
    let e = prepare(&c, &c.survey.prepared, &mut |_, _| {}).unwrap_err();
    let e = e.to_string();
    assert!(e.contains("spPlate-1-2.fits") && e.contains("HDU 0"), "{e}");
    assert!(!e.contains('\n') && !c.survey.prepared.exists());
}

#[test]
fn a_plate_is_opened_as_often_for_one_fibre_as_for_many() {
    let opened = |fibres: &[i64]| {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let specs: Vec<Spec> = fibres.iter().map(|f| Spec::new(*f)).collect();
        for s in &specs {
            s.write(&folder.join(s.file_name()));
        }
        plate(folder, &specs);
        let rows: Vec<_> = fibres.iter().map(|f| (*f, 2.8)).collect();
        catalog(&folder.join("catalog.fits"), &rows, &[]);
        let source = "spectra = 'spPlate-3655-55240.fits'\ncatalog = 'catalog.fits'";
        let config = config(Path::new(""), source, "set.h5").to_toml().unwrap();
        std::fs::write(folder.join("job.toml"), config).unwrap();
        let out = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
            .current_dir(folder)
            .args(["prepare", "job.toml", "-v", "--threads", "1"])
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        let reads = said.matches("reading spPlate-3655-55240.fits").count();
        assert!(out.status.success() && reads > 0, "{said}");
        reads
    };
    assert_eq!(opened(&[12]), opened(&[12, 13, 15, 16]));
}
