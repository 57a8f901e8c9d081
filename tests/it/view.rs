//! `selfsi view`: what the page holds is what the files hold, value by value, and nothing of it is markup.

use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::viewed::{D, DOUBTED, FLAGGED, N, NAMES, Viewed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdf5::types::VarLenUnicode;
use ndarray::{Array2, ArrayView1};
use selfsi::data::{ImageLayout, Object, PixelScale};
use selfsi::restored::{ImageTable, RestoredBlock, RestoredImagesHeader, RestoredImagesWriter};
use serde_json::Value;
use std::path::Path;

/// What the page at `path` holds for its script.
pub fn content(path: &Path) -> Value {
    let page = std::fs::read_to_string(path).unwrap();
    let (_, after) = page.split_once("id=\"content\">").unwrap();
    let (text, _) = after.split_once("</script>").unwrap();
    serde_json::from_str(text).unwrap()
}

fn view(viewed: &Viewed, more: &[&str]) -> Value {
    let out = viewed.path("page.html");
    let mut command = selfsi();
    command.arg("view").arg(viewed.folder()).args(more);
    command.arg("--out").arg(&out).assert().success();
    content(&out)
}

fn rows(content: &Value) -> Vec<u64> {
    let objects = content["objects"].as_array().unwrap();
    objects.iter().map(|o| o["row"].as_u64().unwrap()).collect()
}

/// The array `name` of object `k`, bit by bit.
fn bits(content: &Value, k: usize, name: &str) -> Option<Vec<u32>> {
    let names = content["arrays"].as_array().unwrap();
    let at = names.iter().position(|n| n == name).unwrap();
    let text = content["objects"][k]["data"][at].as_str()?;
    let bytes = STANDARD.decode(text).unwrap();
    let four = bytes
        .chunks(4)
        .map(|b| u32::from_le_bytes(b.try_into().unwrap()));
    Some(four.collect())
}

fn bits_of(values: ArrayView1<f32>) -> Option<Vec<u32>> {
    Some(values.iter().map(|v| v.to_bits()).collect())
}

#[test]
fn a_run_folder_becomes_one_page_that_holds_the_values_of_its_files() {
    let viewed = Viewed::new();
    let truth = viewed.path("truth.h5");
    let content = view(&viewed, &["--truth", truth.to_str().unwrap()]);
    assert_eq!(rows(&content), [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        (content["audit_file"].as_str(), content["total"].as_u64()),
        (Some("audit.fits"), Some(6))
    );
    let block = Viewed::block();
    let arrays = [
        ("RESTORED", &block.restored),
        ("SIGMA", block.sigma.as_ref().unwrap()),
        ("DRAW", block.draw.as_ref().unwrap()),
        ("Q16", &block.quantiles[0]),
        ("Q84", &block.quantiles[1]),
        ("OBSERVED", &block.observed),
        ("IVAR", &block.ivar),
    ];
    for (k, object) in Viewed::objects().iter().enumerate() {
        for (name, values) in &arrays {
            let there = !values.row(k).iter().all(|v| v.is_nan());
            let wanted = there.then(|| bits_of(values.row(k))).flatten();
            assert_eq!(bits(&content, k, name), wanted, "{name} of row {k}");
        }
        let clean = Viewed::clean(k);
        assert_eq!(
            bits(&content, k, "TRUTH"),
            bits_of(ArrayView1::from(&clean))
        );
        let shown = &content["objects"][k];
        assert_eq!(shown["name"], NAMES[k].replace('é', "\\u{e9}"));
        assert_eq!(
            shown["z"].as_f64(),
            Some(object.z).filter(|z| z.is_finite())
        );
        assert_eq!(shown["reason"], object.reason);
        assert_eq!(shown["lines"][0][4].as_f64(), Some(10.0 + k as f64));
        assert!(
            shown["lines"][0][0].is_null(),
            "what is not measured has no value"
        );
        assert!(
            shown["lines"][1].is_null(),
            "a line that no object shows has no column"
        );
    }
    let snr = content["objects"][0]["snr"].as_f64().unwrap();
    assert!((1.0..4.0).contains(&snr), "{snr}");
    let grid = &content["spectral"];
    assert_eq!(grid["loglam0"].as_f64(), Some(Viewed::grid().loglam0));
    assert_eq!(grid["pixels"].as_u64(), Some(D as u64));
}

#[test]
fn the_audit_and_the_run_are_found_in_the_folder() {
    let viewed = Viewed::new();
    let content = view(&viewed, &[]);
    let audit = &content["objects"][DOUBTED]["audit"];
    assert_eq!(audit["reason"], "y contradicts C IV");
    let verdicts: Vec<_> = (0..2).map(|k| &audit["features"][k]["verdict"]).collect();
    assert_eq!(verdicts, ["SUPPORTED", "CONTRADICTED"]);
    assert_eq!(
        audit["features"][1]["wave"],
        serde_json::json!([5600.0, 5540.0, 5660.0])
    );
    let curves = content["run"]["curves"].as_array().unwrap();
    assert_eq!(curves[0]["name"], "loss");
    assert_eq!(curves[0]["points"].as_array().unwrap().len(), 49);
    assert!(
        content["run"]["config"]
            .as_str()
            .unwrap()
            .contains("seed = 1")
    );
    assert!(content["run"]["evaluation"].is_null() && content["truth_file"].is_null());
}

#[test]
fn texts_of_files_are_no_markup_and_nothing_is_loaded() {
    let viewed = Viewed::new();
    view(&viewed, &[]);
    let page = std::fs::read_to_string(viewed.path("page.html")).unwrap();
    assert!(!page.contains("document.title='broken'</script>"));
    // One element of content, one for each script.
    let ends = page.matches("</script>").count();
    assert_eq!(page.matches("<script").count(), ends);
    assert!(!page.contains(" src=") && !page.contains("@import") && !page.contains("url("));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn rows_are_chosen_by_number_name_flag_or_count() {
    let viewed = Viewed::new();
    assert_eq!(rows(&view(&viewed, &["--rows", "4,0-1,0"])), [4, 0, 1]);
    assert_eq!(rows(&view(&viewed, &["--name", "last"])), [5]);
    assert_eq!(
        rows(&view(&viewed, &["--flagged"])),
        [DOUBTED as u64, FLAGGED as u64]
    );
    let some = view(&viewed, &["-n", "3"]);
    assert_eq!(rows(&some), [0, 2, 4]);
    assert_eq!(some["how"], "3 of 6, evenly spread");
    assert_eq!(
        bits(&some, 2, "OBSERVED"),
        bits_of(Viewed::block().observed.row(4))
    );
}

#[test]
fn what_cannot_be_shown_is_said_in_one_line_and_leaves_no_page() {
    let viewed = Viewed::new();
    let other = viewed.path("other");
    std::fs::create_dir(&other).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let out = viewed.path("page.html");
    let refused = |path: &Path, more: &[&str], wanted: &[&str]| {
        let mut command = selfsi();
        command
            .arg("view")
            .arg(path)
            .args(["--out", out.to_str().unwrap()]);
        let line = error_line(command.args(more));
        assert!(wanted.iter().all(|w| line.contains(w)), "{line}");
        assert!(!out.exists());
    };
    let (run, truth) = (viewed.folder(), viewed.path("truth.h5"));
    let restored = viewed.path("restored.fits");
    refused(
        run,
        &["--rows", "6"],
        &["restored.fits", "no row 6", "give 0 to 5"],
    );
    refused(run, &["--rows", "2-"], &["--rows", "`2-`"]);
    refused(run, &["--name", "nobody"], &["no object `nobody`"]);
    refused(run, &["-n", "0"], &["-n"]);
    refused(empty.path(), &[], &["no restored catalog or images in it"]);
    refused(&truth, &[], &["truth.h5", "restored"]);
    refused(&viewed.path("nothing.fits"), &[], &["nothing.fits"]);
    refused(
        run,
        &["--audit", restored.to_str().unwrap()],
        &["restored.fits", "FORMAT"],
    );
    let restored = restored.to_str().unwrap();
    refused(run, &["--truth", restored], &["restored.fits"]);
    for copy in ["a.fits", "b.fits"] {
        std::fs::copy(restored, other.join(copy)).unwrap();
    }
    refused(&other, &[], &["several restored files", "a.fits", "b.fits"]);
    std::fs::remove_file(other.join("b.fits")).unwrap();
    let mut one = selfsi();
    one.arg("view").arg(&other).assert().success();
    assert_eq!(rows(&content(&other.join("view.html"))).len(), N);

    let mut command = selfsi();
    command.args(["view", restored, "--out", restored]);
    assert!(error_line(command).contains(".html"));
    let mut command = selfsi();
    command.args([
        "view",
        restored,
        "--out",
        viewed.path("page.pdf").to_str().unwrap(),
    ]);
    assert!(error_line(command).contains("page.pdf: cannot be written"));
}

#[test]
fn an_audit_of_another_restoration_is_not_taken_for_one_of_this() {
    let viewed = Viewed::new();
    let mut made = Viewed::made();
    made.seed += 1;
    viewed.audit(made, "audit.fits");
    let mut command = selfsi();
    let out = viewed.path("page.html");
    command
        .arg("view")
        .arg(viewed.folder())
        .arg("--out")
        .arg(&out);
    let said = command.assert().success().get_output().stderr.clone();
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.contains("warning") && said.contains("audit.fits [SEED]: an audit of another"),
        "{said}"
    );
    assert!(content(&out)["audit_file"].is_null());
    let mut command = selfsi();
    command.arg("view").arg(viewed.folder());
    command.arg("--audit").arg(viewed.path("audit.fits"));
    assert!(error_line(command).contains("audit.fits [SEED]"));
}

#[test]
fn a_truth_without_the_chosen_objects_is_refused() {
    let viewed = Viewed::new();
    let truth = viewed.path("other.h5");
    let file = hdf5::File::create(&truth).unwrap();
    let grid = Viewed::grid().loglam();
    let names: Vec<VarLenUnicode> = vec!["someone".parse().unwrap()];
    let flux = Array2::<f32>::ones((1, D));
    file.new_dataset_builder()
        .with_data(&flux)
        .create("flux")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&grid)
        .create("loglam")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&names)
        .create("id")
        .unwrap();
    drop(file);
    let mut command = selfsi();
    command
        .arg("view")
        .arg(viewed.folder())
        .arg("--truth")
        .arg(&truth);
    let line = error_line(command);
    assert!(line.contains("none of the chosen objects"), "{line}");
}

/// Three images of two channels, the second flagged.
fn images(path: &Path) -> Array2<f32> {
    let header = RestoredImagesHeader {
        layout: ImageLayout {
            channels: 2,
            height: 3,
            width: 5,
            scale: PixelScale {
                softening: None,
                mean: vec![0.0; 2],
                std: vec![1.0; 2],
            },
            vector: 0,
            planes: 0,
            psf: 0,
        },
        bands: selfsi::data::Bands::of(2, &["nJy".into()], &["g".into(), "r".into()]),
        noise_known: false,
        shapes: false,
        all_draws: false,
        made: selfsi::data::Provenance {
            quantiles: vec![],
            ..Viewed::made()
        },
    };
    let values = |k: usize| Array2::from_shape_fn((3, 30), |(i, j)| (100 * k + 30 * i + j) as f32);
    let block = RestoredBlock {
        restored: values(1),
        sigma: Some(values(2)),
        sigma_prior: None,
        draw: Some(values(3)),
        quantiles: vec![],
        observed: values(4),
        ivar: Array2::zeros((3, 30)),
    };
    let object = |i: usize| Object {
        name: format!("galaxy <{i}> é"),
        flag: i32::from(i == 1),
        reason: if i == 1 { "lost" } else { "" }.into(),
        ..Object::default()
    };
    let table = ImageTable {
        objects: (0..3).map(object).collect(),
        labels: vec![-1, 4, 2],
        heldout: vec![true; 3],
        vector: Array2::zeros((3, 0)),
        shapes: None,
    };
    let mut to = RestoredImagesWriter::create(path, &header, 3).unwrap();
    to.write(&block, None).unwrap();
    to.finish(&table).unwrap();
    block.restored
}

#[test]
fn images_are_shown_from_fits_and_from_hdf5() {
    let folder = tempfile::tempdir().unwrap();
    for (file, name) in [
        ("restored.fits", "galaxy <2> \\u{e9}"),
        ("images.h5", "galaxy <2> é"),
    ] {
        let (path, out) = (folder.path().join(file), folder.path().join("page.html"));
        let restored = images(&path);
        let mut command = selfsi();
        command
            .arg("view")
            .arg(&path)
            .arg("--out")
            .arg(&out)
            .assert()
            .success();
        let content = content(&out);
        assert_eq!(content["kind"], "images");
        let shape = ["channels", "height", "width"].map(|k| content["pictures"][k].as_u64());
        assert_eq!(shape, [Some(2), Some(3), Some(5)]);
        assert_eq!(content["objects"][2]["name"], name);
        assert_eq!(bits(&content, 2, "RESTORED"), bits_of(restored.row(2)));
        assert_eq!(content["unit"], "nJy");
        let mut command = selfsi();
        command.arg("view").arg(&path).arg("--audit").arg(&path);
        assert!(error_line(command).contains(file));
    }
}

/// For the tests of the page itself.
pub fn image_page(folder: &Path) -> std::path::PathBuf {
    let (path, out) = (folder.join("restored.h5"), folder.join("page.html"));
    images(&path);
    let mut command = selfsi();
    command
        .arg("view")
        .arg(&path)
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    out
}
