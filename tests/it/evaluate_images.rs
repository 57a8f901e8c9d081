//! `selfsi evaluate` on the files of an image run.

use assert_cmd::Command;
use hdf5::types::VarLenUnicode;
use ndarray::{Array2, Array3, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use selfsi::config::Config;
use selfsi::data::{ImageBlock, ImageLayout, Method, Object, PixelScale, Provenance, flag};
use selfsi::evaluate::images::{ImageEvaluation, ImageKind};
use selfsi::prepare::{ImageSetHeader, SetWriter};
use selfsi::restored::{ImageTable, RestoredBlock, RestoredImagesHeader, RestoredImagesWriter};
use std::path::{Path, PathBuf};

const N: usize = 120;
const SIDE: usize = 12;
const D: usize = SIDE * SIDE;
const NOISE: f32 = 0.5;
const DRAWS: usize = 8;
/// Of the file's units.
const MEAN: f64 = 10.0;
const STD: f64 = 4.0;

/// A run of an image survey whose restorations are the truth itself (ODE, restored.h5) and the truth
/// with noise (SDE, restored-sde.fits). Even images are held out; image 4 is unusable, image 8 not
/// in the truth, image 12's restoration NaN, image 16's truth incomplete.
struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        Self::with_lost(0)
    }

    /// The first `lost` pixels of each image are.
    fn with_lost(lost: usize) -> Self {
        let study = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(study.path("run")).unwrap();
        let text = format!(
            "seed = 3
            image = {{ channels = 1, height = {SIDE}, width = {SIDE} }}
            normalise = {{ kind = 'pixels' }}
            train = {{ warm_start = 0 }}
            [survey]
            prepared = '{}'
            [survey.source]
            kind = 'images'
            path = 'observed.h5'
            unit = 'nJy'
            [network]
            channels = 8
            multipliers = [1, 2]
            blocks = 1
            attention = []
            head = 8
            [forward]
            kind = 'stages'
            [[forward.stages]]
            kind = 'noise'
            sigma = {NOISE}",
            study.path("set.h5").display()
        );
        let config = Config::parse(&text, "test", &[]).unwrap();
        std::fs::write(study.path("run/config.toml"), config.to_toml().unwrap()).unwrap();

        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut normals = |n: usize, d: usize| {
            Array2::<f32>::from_shape_simple_fn((n, d), || StandardNormal.sample(&mut rng))
        };
        let amplitude = normals(N, 2);
        let x = Array2::from_shape_fn((N, D), |(i, k)| {
            let (y, x) = ((k / SIDE) as f32, (k % SIDE) as f32);
            amplitude[[i, 0]] * (x / 4.0).sin() + amplitude[[i, 1]] * (y / 3.0).cos()
        });
        let y = &x + &(normals(N, D) * NOISE);
        let draw = &x + &(normals(N, D) * 0.2);
        let layout = ImageLayout {
            channels: 1,
            height: SIDE,
            width: SIDE,
            scale: PixelScale {
                softening: None,
                mean: vec![MEAN],
                std: vec![STD],
            },
            vector: 0,
            planes: 0,
            psf: 0,
        };
        study.set(&layout, &y, lost);
        let units = |x: &Array2<f32>| x.mapv(|v| (f64::from(v) * STD + MEAN) as f32);
        study.truth(units(&x));
        study.restored(
            "run/restored.h5",
            &layout,
            "ode",
            &units(&x),
            &units(&x),
            None,
        );
        let (mean, draw) = (units(&x), units(&draw));
        // Draws as the truth is one, about something off by as much as they scatter; half as much where the
        // observation is lost.
        let about = &x + &(normals(N, D) * 0.2);
        let mut draws = Array3::zeros((DRAWS, N, D));
        for mut one in draws.outer_iter_mut() {
            let mut off = normals(N, D) * 0.2;
            off.slice_mut(s![.., ..lost]).mapv_inplace(|v| v / 2.0);
            one.assign(&units(&(&about + &off)));
        }
        study.restored(
            "run/restored-sde.fits",
            &layout,
            "sde",
            &mean,
            &draw,
            Some(draws),
        );
        study
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn objects() -> Vec<Object> {
        let object = |i: usize| Object {
            name: format!("image-{i}"),
            flag: if i == 4 { flag::COVERAGE } else { flag::GOOD },
            ..Object::default()
        };
        (0..N).map(object).collect()
    }

    fn set(&self, layout: &ImageLayout, y: &Array2<f32>, lost: usize) {
        let mut ivar = Array2::from_elem((N, D), NOISE.powi(-2));
        ivar.slice_mut(s![.., ..lost]).fill(0.0);
        let header = ImageSetHeader {
            layout: layout.clone(),
            bands: selfsi::data::Bands::of(layout.channels, &["nJy".into()], &[]),
            config: String::new(),
        };
        let block = ImageBlock {
            pixels: y.clone(),
            ivar,
            vector: Array2::zeros((N, 0)),
            planes: Array2::zeros((N, 0)),
            psf: Array2::zeros((N, 0)),
        };
        let mut writer = SetWriter::create(self.path("set.h5"), &header, N).unwrap();
        writer.write(&Self::objects(), &block).unwrap();
        writer.finish().unwrap();
    }

    /// In reverse order, without image 8.
    fn truth(&self, x: Array2<f32>) {
        let rows: Vec<usize> = (0..N).rev().filter(|i| *i != 8).collect();
        let mut images = x.select(ndarray::Axis(0), &rows);
        let at = rows.iter().position(|i| *i == 16).unwrap();
        images[[at, 3]] = f32::NAN;
        let size = (rows.len(), SIDE, SIDE);
        let images = images.into_shape_with_order(size).unwrap();
        let names: Vec<VarLenUnicode> = rows
            .iter()
            .map(|i| format!("image-{i}").parse().unwrap())
            .collect();
        let file = hdf5::File::create(self.path("clean.h5")).unwrap();
        let put = file.new_dataset_builder();
        put.with_data(&images).create("images").unwrap();
        let put = file.new_dataset_builder();
        put.with_data(&names).create("id").unwrap();
    }

    fn restored(
        &self,
        name: &str,
        layout: &ImageLayout,
        method: &str,
        mean: &Array2<f32>,
        draw: &Array2<f32>,
        draws: Option<Array3<f32>>,
    ) {
        let sde = method == "sde";
        let header = RestoredImagesHeader {
            layout: layout.clone(),
            bands: selfsi::data::Bands::of(layout.channels, &["nJy".into()], &[]),
            noise_known: true,
            shapes: false,
            all_draws: draws.is_some(),
            made: Provenance {
                method: Method::named(method).unwrap(),
                draws: if sde { DRAWS } else { 1 },
                prior: false,
                quantiles: Vec::new(),
                seed: 1,
                config_sha256: "a".repeat(64),
                run_sha256: "b".repeat(64),
                history: Vec::new(),
            },
        };
        let mut restored = mean.clone();
        if !sde {
            restored[[12, 0]] = f32::NAN;
        }
        let block = RestoredBlock {
            restored,
            sigma: sde.then(|| Array2::from_elem((N, D), 0.2)),
            sigma_prior: None,
            draw: sde.then(|| draw.clone()),
            quantiles: Vec::new(),
            observed: mean.clone(),
            ivar: Array2::from_elem((N, D), 1.0),
        };
        let mut writer = RestoredImagesWriter::create(self.path(name), &header, N).unwrap();
        let draws = draws.as_ref().map(|d| d.view());
        writer.write(&block, draws).unwrap();
        let table = ImageTable {
            objects: Self::objects(),
            labels: vec![-1; N],
            heldout: (0..N).map(|i| i % 2 == 0).collect(),
            vector: Array2::zeros((N, 0)),
            shapes: None,
        };
        writer.finish(&table).unwrap();
    }

    fn evaluate(&self) -> Command {
        let mut c = Command::cargo_bin("selfsi").unwrap();
        c.arg("evaluate").arg(self.path("run"));
        c.arg("--truth").arg(self.path("clean.h5"));
        c
    }
}

#[test]
fn held_out_usable_images_with_truth_count_and_every_method_has_a_row() {
    let study = Study::new();
    study.evaluate().assert().success();
    let text = std::fs::read_to_string(study.path("run/evaluation.json")).unwrap();
    let e: ImageEvaluation = serde_json::from_str(&text).unwrap();
    // 60 held out, less images 4, 8, 12 and 16.
    assert_eq!((e.images, e.without_truth, e.not_finite), (56, 2, 1));
    assert_eq!((e.unit.as_str(), e.shape), ("nJy", [1, SIDE, SIDE]));
    assert_eq!(e.learned_from, N - 1);
    let row = |kind: ImageKind| e.rows.iter().find(|r| r.kind == kind).unwrap();
    let names: Vec<&str> = e.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(names[2], "Wiener filter");

    // The noise, in the file's units.
    let observed = row(ImageKind::Observed);
    let noise = f64::from(NOISE) * STD;
    assert!((observed.rmse.mean / noise - 1.0).abs() < 0.03);
    let peak = 20.0 * (e.range.width() / noise).log10();
    assert!((observed.psnr.mean - peak).abs() < 0.3);
    assert!(observed.rmse.mean_error < 0.1 && observed.rmse.mean_error > 0.0);
    // A perfect restoration.
    let ode = row(ImageKind::Ode);
    assert!(ode.rmse.mean < 1e-5 && (ode.ssim.mean - 1.0).abs() < 1e-9 && ode.distance < 1e-5);
    let draw = row(ImageKind::Draw);
    assert!((draw.rmse.mean / (0.2 * STD) - 1.0).abs() < 0.05);
    assert!(draw.name.starts_with("one SDE draw (run/restored-sde"));
    // Two waves in noise: the Wiener filter leaves little of it.
    assert!(e.rows[2].rmse.mean < 0.6 * observed.rmse.mean);
    assert!(e.rows[2].rmse.mean <= 1.01 * e.rows[1].rmse.mean);

    let table = std::fs::read_to_string(study.path("run/evaluation.md")).unwrap();
    for part in [
        "56 held-out images",
        "| observed |",
        "PSNR",
        "tuned on the truth",
        "not finite",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains("LPIPS"));
}

#[test]
fn coverage_is_told_of_the_pixels_that_were_seen_and_of_those_that_were_lost() {
    let study = Study::with_lost(D / 2);
    let said = study.evaluate().assert().success().get_output().clone();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("Lost pixels have no observation"), "{said}");
    let text = std::fs::read_to_string(study.path("run/evaluation.json")).unwrap();
    let e: ImageEvaluation = serde_json::from_str(&text).unwrap();
    // The ODE's file has no draws.
    let [c] = &e.calibration[..] else {
        panic!("{e:?}")
    };
    assert!(c.name.starts_with("8 SDE draws (run/restored-sde") && c.draws == DRAWS);
    let parts: Vec<&str> = c.pixels.iter().map(|p| &*p.part).collect();
    assert_eq!(parts, ["all pixels", "seen pixels", "lost pixels"]);
    let (seen, lost) = (&c.pixels[1], &c.pixels[2]);
    // Binomial errors at most: 0.8 % at 50 %, of 4032 pixels.
    for found in &seen.coverage {
        assert!(
            (found.found.value - found.nominal).abs() < 0.025,
            "{found:?}"
        );
    }
    assert!((seen.spread_over_error - 1.0).abs() < 0.03);
    assert!(lost.coverage[1].found.value < 0.5, "{lost:?}");
    assert!(lost.spread_over_error < 0.6);
    let table = std::fs::read_to_string(study.path("run/evaluation.md")).unwrap();
    assert!(table.contains("| lost pixels | 56 |"), "{table}");
    // And drawn.
    let picture = study.path("calibration.svg");
    let mut c = Command::cargo_bin("selfsi").unwrap();
    c.args(["plot", "calibration"]).arg(study.path("run"));
    c.arg("--out").arg(&picture).assert().success();
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(
        svg.contains("lost pixels") && !svg.contains("pull"),
        "{svg}"
    );
}

#[test]
fn networks_add_their_columns_and_too_few_images_are_warned_of() {
    let study = Study::new();
    // One channel where the networks of tests/data take three.
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let refused = study
        .evaluate()
        .arg("--lpips")
        .arg(data.join("lpips.pt"))
        .assert()
        .failure();
    let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(
        error.contains("lpips.pt") && error.trim().lines().count() == 1,
        "{error}"
    );
    assert!(!study.path("run/evaluation.json").exists());

    // A traced network of one number per pixel: more features than images.
    let path = study.path("features.pt");
    let side = SIDE as i64;
    let mut flatten = |inputs: &[tch::Tensor]| vec![inputs[0].reshape([-1, side * side])];
    let example = tch::Tensor::zeros([2, 1, side, side], (tch::Kind::Float, tch::Device::Cpu));
    tch::CModule::create_by_tracing("Flatten", "forward", &[example], &mut flatten)
        .unwrap()
        .save(&path)
        .unwrap();
    let found = study.evaluate().arg("--fid").arg(&path).assert().success();
    let error = String::from_utf8_lossy(&found.get_output().stderr).into_owned();
    assert!(
        error.contains("FID from 56 images in 144 features"),
        "{error}"
    );
    let text = std::fs::read_to_string(study.path("run/evaluation.json")).unwrap();
    let e: ImageEvaluation = serde_json::from_str(&text).unwrap();
    let fid = |kind| e.rows.iter().find(|r| r.kind == kind).unwrap().fid.unwrap();
    assert!(fid(ImageKind::Ode).abs() < 1e-3 && fid(ImageKind::Observed) > 0.1);
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let study = Study::new();
    for (arguments, part) in [
        (vec!["--truth", "missing.h5"], "missing.h5"),
        (vec!["--most", "1"], "left to score"),
    ] {
        let mut c = Command::cargo_bin("selfsi").unwrap();
        c.arg("evaluate").arg(study.path("run"));
        if arguments[0] != "--truth" {
            c.arg("--truth").arg(study.path("clean.h5"));
        }
        let refused = c.args(&arguments).assert().failure();
        let error = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(
            error.contains(part) && error.trim().lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn the_baselines_that_sample_and_the_control_add_rows_and_say_how_they_were_made() {
    let study = Study::new();
    let few = [
        "--baselines",
        "--baseline-steps",
        "4",
        "--most",
        "6",
        "--threads",
        "1",
    ];
    study.evaluate().args(few).assert().success();
    let text = std::fs::read_to_string(study.path("run/evaluation.json")).unwrap();
    let e: ImageEvaluation = serde_json::from_str(&text).unwrap();
    assert_eq!((e.images, e.rows.len()), (6, 9));
    let control = |r: &&selfsi::evaluate::images::ImageRow| r.name.starts_with("control");
    let row = e.rows.iter().find(control).unwrap();
    assert!(row.rmse.mean.is_finite() && row.rmse.mean < 20.0 * STD);
    let note = e.notes.iter().find(|n| n.starts_with("Control")).unwrap();
    assert!(note.contains("4 steps"), "{note}");
    for kind in [ImageKind::Dps, ImageKind::EmPosterior] {
        let row = e.rows.iter().find(|r| r.kind == kind).unwrap();
        // In the file's units, like the others.
        assert!(row.rmse.mean.is_finite() && row.rmse.mean < 20.0 * STD);
    }
    // The truth has 119 images: 6 are scored, 29 tuned on, one is incomplete.
    assert!(e.notes[0].contains("flatters"), "{:?}", e.notes);
    let table = std::fs::read_to_string(study.path("run/evaluation.md")).unwrap();
    assert!(table.contains("| DPS (clean data") && table.contains("strength ζ"));

    let photon = "forward={kind='stages', stages=[{kind='photon', gain=2.0}]}";
    study
        .evaluate()
        .args(few)
        .args(["--set", photon])
        .assert()
        .success();
    let text = std::fs::read_to_string(study.path("run/evaluation.json")).unwrap();
    let e: ImageEvaluation = serde_json::from_str(&text).unwrap();
    assert_eq!(e.rows.len(), 7);
    assert!(e.notes[0].contains("photon noise"), "{:?}", e.notes);
}
