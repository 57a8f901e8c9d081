//! The restored catalog and the files of single objects: what is written is what was computed, all
//! of it or nothing, from whatever kind of input, in any order.

use crate::fixtures::edited::edited;
use crate::fixtures::resealed::reseal;
use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::trained::{N, Trained, config, hdf5_source, hdf5_survey, restore, train};
use ndarray::{Array2, s};
use selfsi::config::{GridConfig, MaskConfig};
use selfsi::data::{LogGrid, Method, Object, Provenance, flag};
use selfsi::lines::{BROAD_KMS, NO_LINES};
use selfsi::prepare::Prepared;
use selfsi::restored::{
    Restored, RestoredBlock, RestoredHeader, RestoredPart, RestoredWriter, restored_spec_path,
    write_restored_spec,
};
use selfsi::survey::{PixelMask, read_spec};
use std::path::{Path, PathBuf};

const UNIT: &str = "10**-17 erg s-1 cm-2 Angstrom-1";

fn header(interpolant: &str) -> RestoredHeader {
    RestoredHeader {
        grid: LogGrid::new(&GridConfig {
            pixels: 32,
            ..GridConfig::default()
        }),
        flux_unit: UNIT.into(),
        specsys: Some("HELIOCEN".into()),
        line_smoothing: BROAD_KMS,
        made: Provenance {
            method: Method::named(interpolant).unwrap(),
            draws: if interpolant == "sde" { 8 } else { 1 },
            prior: false,
            quantiles: if interpolant == "sde" {
                vec![0.025, 0.5]
            } else {
                vec![]
            },
            seed: 7,
            config_sha256: "a".repeat(64),
            run_sha256: "b".repeat(64),
            history: vec![],
        },
    }
}

/// Five objects; the second is flagged, the last has no numbers of SDSS.
fn objects() -> Vec<Object> {
    let object = |i: usize| Object {
        name: format!("J{i}+Ω"),
        plate: 15_000,
        mjd: 59_146,
        fiberid: 4_544_940_698 + i as i64,
        thing_id: 77,
        label: -1,
        wcs: String::new(),
        z_grid: 0.0,
        ra: 120.5,
        dec: -3.25,
        z: 2.5 + i as f64,
        z_err: 0.001 * (1 + i) as f64,
        loglike: -1234.5 - i as f64,
        loglike_p: 0.25,
        norm: 3.0,
        flag: if i == 1 { flag::SNR } else { flag::GOOD },
        reason: if i == 1 {
            "S/N at 5000 Å".into()
        } else {
            String::new()
        },
        source: "spec.fits".into(),
    };
    let mut all: Vec<Object> = (0..5).map(object).collect();
    all[4] = Object {
        name: "H4".into(),
        ..Object::default()
    };
    all
}

/// Every image holds other values; row 1 is NaN, pixel 3 of row 0 was not observed.
fn block(sde: bool) -> RestoredBlock {
    let image = |k: usize| {
        let mut a = Array2::from_shape_fn((5, 32), |(i, j)| (1000 * k + 32 * i + j + 1) as f32);
        a.row_mut(1).fill(f32::NAN);
        a
    };
    let mut ivar = image(6);
    ivar.row_mut(1).fill(0.0);
    ivar[[0, 3]] = 0.0;
    RestoredBlock {
        restored: image(1),
        sigma: sde.then(|| image(2)),
        sigma_prior: None,
        draw: sde.then(|| image(3)),
        quantiles: if sde {
            vec![image(4), image(5)]
        } else {
            vec![]
        },
        observed: image(6).mapv(|v| if v.is_nan() { 0.0 } else { v }),
        ivar,
    }
}

fn part(b: &RestoredBlock, from: usize, to: usize) -> RestoredBlock {
    let cut = |a: &Array2<f32>| a.slice(s![from..to, ..]).to_owned();
    RestoredBlock {
        restored: cut(&b.restored),
        sigma: b.sigma.as_ref().map(cut),
        sigma_prior: None,
        draw: b.draw.as_ref().map(cut),
        quantiles: b.quantiles.iter().map(cut).collect(),
        observed: cut(&b.observed),
        ivar: cut(&b.ivar),
    }
}

fn same(a: &Array2<f32>, b: &Array2<f32>) -> bool {
    a.dim() == b.dim()
        && a.iter()
            .zip(b)
            .all(|(x, y)| x == y || (x.is_nan() && y.is_nan()))
}

/// What a folder holds, below it too.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    walk.into_iter().map(|e| e.unwrap().into_path()).collect()
}

#[test]
fn a_catalog_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["ode", "sde"] {
        // A name in which cfitsio would see a selection of its own.
        let path = folder.path().join(format!("{kind}[1].fits"));
        let (h, b, o) = (header(kind), block(kind == "sde"), objects());
        let heldout = [true, false, false, true, false];
        let mut w = RestoredWriter::create(&path, &h, o.iter(), false).unwrap();
        for (from, to) in [(3, 5), (0, 3)] {
            let written = RestoredPart {
                objects: &o[from..to],
                heldout: &heldout[from..to],
                block: &part(&b, from, to),
                lines: &vec![NO_LINES; to - from],
                draws: None,
            };
            w.write(from, written).unwrap();
        }
        assert!(!path.exists(), "nothing appears before it is complete");
        w.finish().unwrap();

        let r = Restored::open(&path).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(r.header().grid.loglam0, h.grid.loglam0));
        assert!(close(r.header().grid.dloglam, h.grid.dloglam));
        let read = RestoredHeader {
            grid: h.grid,
            ..r.header().clone()
        };
        assert_eq!(read, h);
        assert_eq!(r.heldout(), heldout);
        for (read, written) in r.objects().iter().zip(&o) {
            // FITS is ASCII: other letters are spelled out, and nothing else changes.
            let spelled = Object {
                name: written.name.replace('Ω', "\\u{3a9}"),
                reason: written.reason.replace('Å', "Angstrom"),
                ..written.clone()
            };
            assert_eq!(format!("{read:?}"), format!("{spelled:?}"));
        }
        assert!(same(&r.image("RESTORED").unwrap(), &b.restored));
        assert!(same(&r.image("OBSERVED").unwrap(), &b.observed));
        assert!(same(&r.image("IVAR").unwrap(), &b.ivar));
        if kind == "sde" {
            assert!(same(&r.image("SIGMA").unwrap(), b.sigma.as_ref().unwrap()));
            assert!(same(&r.image("DRAW").unwrap(), b.draw.as_ref().unwrap()));
            assert!(same(&r.image("Q2.5").unwrap(), &b.quantiles[0]));
            assert!(same(&r.image("Q50").unwrap(), &b.quantiles[1]));
        } else {
            let e = r.image("SIGMA").unwrap_err().to_string();
            assert!(e.contains("SIGMA") && !e.contains('\n'), "{e}");
        }
    }
}

#[test]
fn an_unfinished_catalog_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("restored.fits");
    let (objects, block) = (objects(), part(&block(false), 0, 3));
    let create = || RestoredWriter::create(&path, &header("ode"), objects.iter(), false).unwrap();
    let three = RestoredPart {
        objects: &objects[..3],
        heldout: &[false; 3],
        block: &block,
        lines: &[NO_LINES; 3],
        draws: None,
    };
    let mut w = create();
    w.write(0, three).unwrap();
    drop(w);
    let mut w = create();
    w.write(0, three).unwrap();
    let e = w.finish().unwrap_err().to_string();
    assert!(e.contains("3 of 5 rows"), "{e}");
    let e = create().write(3, three).unwrap_err().to_string();
    assert!(e.contains("rows 3..6 of 5") && !e.contains('\n'), "{e}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_place_that_cannot_be_written_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.join("restored.fits");
    let e = RestoredWriter::create(&path, &header("ode"), objects().iter(), false);
    let e = e.err().unwrap().to_string();
    assert!(e.contains("cannot be written") && !e.contains('\n'), "{e}");
}

#[test]
fn a_single_object_is_read_back_as_an_sdss_spectrum() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["ode", "sde"] {
        let (h, b, o) = (header(kind), block(kind == "sde"), &objects()[0]);
        let path = restored_spec_path(folder.path(), o).unwrap();
        assert!(path.ends_with("15000/spec-15000-59146-4544940698.fits"));
        let _ = std::fs::remove_file(&path);
        write_restored_spec(&path, &h, o, &b, 0).unwrap();
        let every = MaskConfig {
            ivar_min: 0.0,
            ..MaskConfig::default()
        };
        let spec = read_spec(&path, &PixelMask::new(&every).unwrap(), true).unwrap();
        assert_eq!(
            (spec.object.plate, spec.object.mjd, spec.object.fiberid),
            (o.plate, o.mjd, o.fiberid)
        );
        assert_eq!((spec.object.z, spec.object.ra), (o.z, o.ra));
        for (j, (flux, ivar)) in spec
            .spectrum
            .flux
            .iter()
            .zip(&spec.spectrum.ivar)
            .enumerate()
        {
            // Without draws no uncertainty is stated; where nothing was observed the mask says so.
            let expected = if kind == "sde" && j != 3 {
                b.sigma.as_ref().unwrap()[[0, j]].powi(-2)
            } else {
                0.0
            };
            assert_eq!(*ivar, expected, "pixel {j}");
            assert!(*ivar == 0.0 || *flux == b.restored[[0, j]]);
        }
    }
    // An object of an HDF5 catalog has no place in this form.
    let e = restored_spec_path(folder.path(), &objects()[4]).unwrap_err();
    assert!(e.to_string().contains("without --spectra"), "{e}");
}

#[test]
fn every_row_is_in_the_catalog_and_the_rejected_ones_are_nan_with_a_reason() {
    let t = Trained::get();
    let out = t.out("every.fits");
    t.restore("ode", &[], &out).assert().success();
    let set = Prepared::open(t.path("set.h5")).unwrap();
    let r = Restored::open(&out).unwrap();
    assert_eq!((r.objects().len(), r.objects().len()), (N, set.len()));
    assert_eq!(r.header().specsys.as_deref(), Some("HELIOCEN"));
    let (restored, ivar) = (r.image("RESTORED").unwrap(), r.image("IVAR").unwrap());
    let observed = r.image("OBSERVED").unwrap();
    let block = set.read(0..N).unwrap();
    let mut rejected = 0;
    for (i, o) in r.objects().iter().enumerate() {
        assert_eq!(o.flag != 0, !o.reason.is_empty());
        if o.flag == flag::GOOD {
            assert!(restored.row(i).iter().all(|v| v.is_finite()));
            for j in 0..observed.ncols() {
                let flux = block.flux[[i, j]] * o.norm as f32;
                assert!((observed[[i, j]] - flux).abs() <= 1e-6 * flux.abs());
            }
        } else {
            rejected += 1;
            assert!(restored.row(i).iter().all(|v| v.is_nan()));
            assert!(ivar.row(i).iter().all(|v| *v == 0.0));
        }
    }
    assert_eq!(rejected, 5);
}

#[test]
fn a_restoration_does_not_depend_on_batches_selections_or_the_place_of_a_row() {
    let t = Trained::get();
    let whole = t.out("whole.fits");
    t.restore("sde", &[], &whole).assert().success();
    let whole = Restored::open(&whole).unwrap();
    for (name, arguments) in [
        ("batch", &["--set", "restore.batch=7"][..]),
        ("heldout", &["--heldout"]),
        ("middle", &["--mintarget", "9", "-n", "5"]),
    ] {
        let out = t.out(&format!("{name}.fits"));
        t.restore("sde", &[], &out)
            .args(arguments)
            .assert()
            .success();
        let r = Restored::open(&out).unwrap();
        match name {
            "batch" => assert_eq!(r.objects().len(), N),
            "middle" => assert_eq!(r.objects()[0].name, whole.objects()[9].name),
            _ => assert!(r.heldout().iter().all(|h| *h) && r.objects().len() < N),
        }
        for hdu in ["RESTORED", "SIGMA", "DRAW", "Q16", "OBSERVED"] {
            let (a, b) = (whole.image(hdu).unwrap(), r.image(hdu).unwrap());
            agree(&whole, &a, &r, &b);
        }
    }
}

#[test]
fn the_same_bits_come_out_for_every_batch() {
    let t = Trained::get();
    let whole = t.out("auto.fits");
    t.restore("sde", &[], &whole).assert().success();
    let whole = Restored::open(&whole).unwrap();
    for batch in ["64", "32", "16", "8"] {
        let out = t.out(&format!("batch-{batch}.fits"));
        let mut c = t.restore("sde", &[], &out);
        c.args(["--set", &format!("restore.batch={batch}")]);
        c.assert().success();
        let r = Restored::open(&out).unwrap();
        for hdu in ["RESTORED", "SIGMA", "DRAW", "Q16"] {
            let (a, b) = (whole.image(hdu).unwrap(), r.image(hdu).unwrap());
            assert!(same(&a, &b), "{hdu}, batches of {batch}");
        }
    }
}

/// Rows of the same objects are equal, up to the order in which a batch is summed.
fn agree(whole: &Restored, a: &Array2<f32>, part: &Restored, b: &Array2<f32>) {
    for (i, o) in part.objects().iter().enumerate() {
        let key = |p: &Object| (p.plate, p.mjd, p.fiberid);
        let k = whole
            .objects()
            .iter()
            .position(|p| key(p) == key(o))
            .unwrap();
        for (x, y) in a.row(k).iter().zip(b.row(i)) {
            let equal = (x - y).abs() <= 1e-4 * (1.0 + x.abs());
            assert!(equal || (x.is_nan() && y.is_nan()), "{}: {x} {y}", o.name);
        }
    }
}

#[test]
fn raw_spectra_are_restored_as_prepared_ones_are() {
    let t = Trained::get();
    let whole = t.out("prepared.fits");
    t.restore("sde", &[&t.path("set.h5")], &whole)
        .assert()
        .success();
    let whole = Restored::open(&whole).unwrap();
    let good: Vec<&Object> = whole.objects().iter().filter(|o| o.flag == 0).collect();
    let (one, two) = (Path::new(&good[0].source), Path::new(&good[1].source));
    let odd = t.out("my favourite quasar.fits");
    std::fs::copy(one, &odd).unwrap();
    let (spectra, survey) = (t.path("mock/spectra"), t.path("ode.toml"));
    let before = listing(t.path("mock").as_path());
    for (name, inputs, catalog, rows) in [
        ("folder", vec![spectra.as_path()], false, N - 1),
        ("named", vec![spectra.as_path()], true, N - 1),
        ("survey", vec![survey.as_path()], false, N),
        ("one", vec![one], false, 1),
        ("two", vec![one, two], true, 2),
        ("odd", vec![odd.as_path()], false, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join(format!("{name}.fits"));
        let mut c = t.restore("sde", &inputs, &out);
        if catalog {
            c.arg("--catalog").arg(t.path("mock/catalog.fits"));
        }
        c.assert().success();
        // No trace of the temporary set.
        assert_eq!(listing(folder.path()).len(), 2, "{name}");
        let r = Restored::open(&out).unwrap();
        assert_eq!(r.objects().len(), rows, "{name}");
        for hdu in ["RESTORED", "DRAW"] {
            let (a, b) = (whole.image(hdu).unwrap(), r.image(hdu).unwrap());
            agree(&whole, &a, &r, &b);
        }
        for (o, heldout) in r.objects().iter().zip(r.heldout()) {
            let key = |p: &Object| (p.plate, p.mjd, p.fiberid);
            let k = whole
                .objects()
                .iter()
                .position(|p| key(p) == key(o))
                .unwrap();
            let known = &whole.objects()[k];
            assert_eq!(o.flag != 0, known.flag != 0, "{name}: {}", o.reason);
            assert_eq!(*heldout, whole.heldout()[k], "{name}: {}", o.name);
            assert!(o.flag != 0 || (o.z - known.z).abs() < 1e-6);
        }
    }
    assert_eq!(before, listing(t.path("mock").as_path()));
}

#[test]
fn objects_have_files_of_their_own_only_where_they_were_restored() {
    let t = Trained::get();
    for run in ["ode", "sde"] {
        let (out, folder) = (
            t.out(&format!("{run}-own.fits")),
            t.out(&format!("{run}-own")),
        );
        let mut c = t.restore(run, &[], &out);
        c.arg("--spectra").arg(&folder).assert().success();
        let r = Restored::open(&out).unwrap();
        let restored = r.image("RESTORED").unwrap();
        let mask = PixelMask::new(&MaskConfig::default()).unwrap();
        let mut files = 0;
        for (i, o) in r.objects().iter().enumerate() {
            let path = restored_spec_path(&folder, o).unwrap();
            assert_eq!(path.exists(), o.flag == 0);
            if o.flag == 0 {
                files += 1;
                let spec = read_spec(&path, &mask, true).unwrap();
                assert_eq!(spec.object.z, o.z);
                let known = spec.spectrum.ivar.iter().filter(|v| **v > 0.0).count();
                assert_eq!(known > 0, run == "sde");
                for (j, v) in spec.spectrum.ivar.iter().enumerate() {
                    assert!(*v == 0.0 || spec.spectrum.flux[j] == restored[[i, j]]);
                }
            }
        }
        assert_eq!(files, N - 5);
    }
}

#[test]
fn the_observations_themselves_are_never_overwritten() {
    let t = Trained::get();
    let mut c = t.restore("ode", &[], &t.out("over.fits"));
    let e = error_line(c.arg("--spectra").arg(t.path("mock/spectra")));
    assert!(e.contains("the observation itself"), "{e}");
    for input in [t.path("set.h5"), t.path("mock/catalog.fits")] {
        let e = error_line(&mut t.restore("ode", &[&input], &input));
        assert!(e.contains("this is the input"), "{e}");
    }
    assert!(!t.out("over.fits").exists());
}

#[test]
fn an_hdf5_catalog_is_read_as_the_runs_own_was() {
    let t = Trained::get();
    let (file, other) = (t.out("survey.h5"), t.out("looks-prepared.h5"));
    hdf5_survey(&file, 30);
    hdf5_survey(&other, 6);
    // A run on SDSS files cannot know its datasets.
    let out = t.out("hdf5.fits");
    let e = error_line(&mut t.restore("ode", &[&file], &out));
    assert!(e.contains("write a config") && !out.exists(), "{e}");

    let toml = t.out("hdf5.toml");
    let text = config(&t.out("hdf5-set.h5"), &hdf5_source(&file));
    std::fs::write(
        &toml,
        edited(
            &text,
            "from = 'lsf'",
            "from = 'resolution', resolution = 500.0, spread = 0.05",
        ),
    )
    .unwrap();
    selfsi().arg("prepare").arg(&toml).assert().success();
    let run = t.out("run-hdf5");
    train(&toml, &run);
    restore(&run, &[&other], &out).assert().success();
    let r = Restored::open(&out).unwrap();
    assert_eq!(r.objects().len(), 6);
    assert_eq!(r.objects()[5].flag & flag::COVERAGE, flag::COVERAGE);
    // The file does not say in which frame its wavelengths are.
    assert_eq!(r.header().specsys, None);
    assert_eq!(r.header().flux_unit, "10**-17 erg/(s cm2 Angstrom)");
    let own = t.out("hdf5-own");
    let e = error_line(
        restore(&run, &[&other], &t.out("no.fits"))
            .arg("--spectra")
            .arg(&own),
    );
    assert!(e.contains("neither the plate, MJD and fibre"), "{e}");
    assert!(!own.exists() && !t.out("no.fits").exists());
}

#[test]
fn what_cannot_be_restored_is_told_in_one_line_and_nothing_is_left() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.fits");
    let noise = t.out("noise.bin");
    std::fs::write(&noise, [0u8, 1, 2, 3, 0, 0, 9, 9, 9]).unwrap();
    let broken = t.out("broken.fits");
    std::fs::write(&broken, "SIMPLE  = not really").unwrap();
    let (spectra, set) = (t.path("mock/spectra"), t.path("set.h5"));
    for (inputs, expected) in [
        (vec![t.out("nowhere")], "nowhere"),
        (vec![noise], "neither FITS, HDF5 nor TOML"),
        (vec![broken], "UNREADABLE 1"),
        (vec![t.path("run-ode")], "no spec file"),
        (vec![spectra, set], "several kinds"),
    ] {
        let paths: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
        let e = error_line(&mut t.restore("ode", &paths, &out));
        assert!(e.contains(expected), "{expected}: {e}");
        assert_eq!(listing(folder.path()).len(), 1, "{expected}");
    }
    let e = error_line(t.restore("ode", &[], &out).args(["--set", "train.batch=9"]));
    assert!(e.contains("[restore] and [transport]"), "{e}");
}

#[test]
fn a_full_disk_is_told_in_one_line_and_nothing_is_left() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.fits");
    // A limit on the size of files stands for a full disk: the catalog takes 60 kB.
    let script = format!(
        "trap '' XFSZ; ulimit -f 20; exec {} restore {} --out {}",
        assert_cmd::cargo::cargo_bin("selfsi").display(),
        t.run("ode").display(),
        out.display()
    );
    let mut c = assert_cmd::Command::new("bash");
    let e = error_line(c.arg("-c").arg(script));
    assert!(e.contains("cannot be written"), "{e}");
    assert_eq!(listing(folder.path()).len(), 1);
}

#[test]
fn the_seed_moves_the_draws_and_nothing_else() {
    let t = Trained::get();
    let read = |name: &str, arguments: &[&str]| {
        let out = t.out(name);
        t.restore("sde", &[], &out)
            .args(arguments)
            .assert()
            .success();
        Restored::open(&out).unwrap()
    };
    let (a, b) = (read("a.fits", &[]), read("b.fits", &[]));
    let c = read("c.fits", &["--seed", "99"]);
    let image = |r: &Restored, hdu: &str| r.image(hdu).unwrap();
    assert!(same(&image(&a, "DRAW"), &image(&b, "DRAW")));
    assert!(!same(&image(&a, "DRAW"), &image(&c, "DRAW")));
    assert!(same(&image(&a, "OBSERVED"), &image(&c, "OBSERVED")));
    assert_eq!(a.heldout(), c.heldout());
    assert_eq!((a.header().made.seed, c.header().made.seed), (5, 99));
    // One draw tells nothing of its uncertainty.
    let single = read("single.fits", &["--set", "restore.draws=1"]);
    assert!(image(&single, "SIGMA").iter().all(|v| v.is_nan()));
}

#[test]
fn what_the_run_did_not_learn_from_is_restored_and_told_in_one_line() {
    let t = Trained::get();
    let warnings = |run: &Path, inputs: &[&Path], out: &str| {
        let out = t.out(out);
        let output = restore(run, inputs, &out).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        let restored = Restored::open(&out).unwrap();
        let good = |r: &Restored| r.objects().iter().filter(|o| o.flag == flag::GOOD).count();
        assert_eq!(good(&restored), N - 5);
        let said = |l: &&str| l.contains("extrapolations");
        text.lines()
            .filter(said)
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(&t.run("ode"), &[], "own.fits"), [""; 0]);

    // Another level.
    let other = t.out("other-level.h5");
    let mut prepare = selfsi();
    prepare.arg("prepare").arg(t.path("ode.toml"));
    prepare.arg("--set").arg("normalise.max=7900.0");
    prepare
        .arg("--set")
        .arg(format!("survey.prepared={}", other.display()));
    prepare.assert().success();
    let said = warnings(&t.run("ode"), &[&other], "other-level.fits");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("[normalise]") && !said[0].contains("redshifts"));

    // A run that learned from nearer quasars only.
    let near = t.out("run-near");
    std::fs::create_dir(&near).unwrap();
    for name in ["config.toml", "best.safetensors"] {
        std::fs::copy(t.run("ode").join(name), near.join(name)).unwrap();
    }
    let toml = near.join("config.toml");
    let mut table: toml::Table = std::fs::read_to_string(&toml).unwrap().parse().unwrap();
    table["select"]["z_max"] = toml::Value::Float(1.0);
    std::fs::write(&toml, table.to_string()).unwrap();
    reseal(&near);
    let said = warnings(&near, &[], "near.fits");
    assert_eq!(said.len(), 1, "{said:?}");
    let counted = format!("{0} of {0} usable rows", N - 5);
    assert!(said[0].contains(&counted) && !said[0].contains("[normalise]"));
}
