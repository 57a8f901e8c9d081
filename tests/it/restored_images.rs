//! Restored images: what is written is what was computed, in both formats, all of it or nothing; and
//! what is computed where the answer is known: untrained, the transport is the identity.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::{error_line, selfsi};
use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, s};
use selfsi::data::{Bands, ImageLayout, Method, Object, PixelScale, Provenance, flag};
use selfsi::plot::{Choice, catalog_images, save};
use selfsi::restored::{
    ImageTable, RestoredBlock, RestoredImages, RestoredImagesHeader, RestoredImagesWriter,
};
use std::path::{Path, PathBuf};

const N: usize = 5;

fn header(channels: usize, method: &str, draws: usize, vector: usize) -> RestoredImagesHeader {
    let sde = method == "sde";
    RestoredImagesHeader {
        layout: ImageLayout {
            channels,
            height: 4,
            width: 6,
            scale: PixelScale {
                softening: (channels > 1).then_some(0.1),
                mean: (0..channels).map(|c| 0.1 - 1e-9 * c as f64).collect(),
                std: (0..channels).map(|c| 0.3 + c as f64).collect(),
            },
            vector,
            planes: 2 * vector,
            psf: 0,
        },
        bands: match channels {
            1 => Bands::unknown(1),
            n => Bands::of(n, &["nJy".into()], &["g".into(), "r".into(), "z".into()]),
        },
        noise_known: channels > 1,
        shapes: false,
        all_draws: false,
        made: Provenance {
            method: Method::named(method).unwrap(),
            draws,
            prior: sde && draws > 1,
            quantiles: if sde { vec![0.16, 0.975] } else { vec![] },
            seed: 9_007_199_254_740_993,
            config_sha256: "a".repeat(64),
            run_sha256: "b".repeat(64),
            history: vec!["input: set.h5".into(), "restored by run r".into()],
        },
    }
}

/// Other values in every image; row 1 is flagged and NaN, a pixel of row 0 is masked.
fn block(header: &RestoredImagesHeader) -> RestoredBlock {
    let d = header.layout.pixels();
    let image = |k: usize| {
        let mut a = Array2::from_shape_fn((N, d), |(i, j)| (1000 * k + d * i + j) as f32);
        a.row_mut(1).fill(f32::NAN);
        a
    };
    let sde = header.made.method == Method::Sde;
    let (mut observed, mut ivar) = (image(6), image(7));
    observed[[0, 3]] = f32::NAN;
    ivar.row_mut(1).fill(0.0);
    ivar[[0, 3]] = 0.0;
    RestoredBlock {
        restored: image(1),
        sigma: sde.then(|| image(2)),
        sigma_prior: sde.then(|| image(8)),
        draw: sde.then(|| image(3)),
        quantiles: header
            .made
            .quantiles
            .iter()
            .map(|q| image((100.0 * q) as usize))
            .collect(),
        observed,
        ivar,
    }
}

fn rows(b: &RestoredBlock, range: std::ops::Range<usize>) -> RestoredBlock {
    let cut = |a: &Array2<f32>| a.slice(s![range.clone(), ..]).to_owned();
    RestoredBlock {
        restored: cut(&b.restored),
        sigma: b.sigma.as_ref().map(cut),
        sigma_prior: b.sigma_prior.as_ref().map(cut),
        draw: b.draw.as_ref().map(cut),
        quantiles: b.quantiles.iter().map(cut).collect(),
        observed: cut(&b.observed),
        ivar: cut(&b.ivar),
    }
}

fn table(vector: usize) -> ImageTable {
    let object = |i: usize| Object {
        name: format!("galaxy {i}"),
        flag: if i == 1 { flag::COVERAGE } else { flag::GOOD },
        reason: if i == 1 { "no good pixel" } else { "" }.into(),
        source: format!("file.h5 row {i}"),
        ..Object::default()
    };
    ImageTable {
        objects: (0..N).map(object).collect(),
        labels: vec![3, -1, 0, 7, 1],
        heldout: vec![true, false, false, true, false],
        vector: Array2::from_shape_fn((N, vector), |(i, k)| (10 * i + k) as f32 + 0.5),
        shapes: None,
    }
}

fn write(path: &Path, header: &RestoredImagesHeader) {
    let block = block(header);
    let mut w = RestoredImagesWriter::create(path, header, N).unwrap();
    // Of each image, the first is DRAW.
    let all = (header.all_draws).then(|| {
        let draw = block.draw.as_ref().unwrap();
        let axes = (header.made.draws, N, draw.ncols());
        Array3::from_shape_fn(axes, |(k, i, j)| draw[[i, j]] + k as f32)
    });
    let draws = |range| all.as_ref().map(|d| d.slice(s![.., range, ..]));
    w.write(&rows(&block, 0..2), draws(0..2)).unwrap();
    assert!(!path.exists(), "nothing appears before it is complete");
    if header.all_draws {
        let error = w.write(&rows(&block, 2..N), draws(0..2)).unwrap_err();
        assert!(error.to_string().contains("draws"), "{error}");
    }
    w.write(&rows(&block, 2..N), draws(2..N)).unwrap();
    w.finish(&table(header.layout.vector)).unwrap();
}

fn same(a: &Array2<f32>, b: &Array2<f32>) -> bool {
    let equal = |(x, y): (&f32, &f32)| x == y || (x.is_nan() && y.is_nan());
    a.dim() == b.dim() && a.iter().zip(b).all(equal)
}

#[test]
fn restored_images_are_read_back_as_they_were_written_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["fits", "h5"] {
        for (channels, method, draws, vector) in
            [(1, "ode", 1, 0), (3, "sde", 8, 2), (3, "sde", 1, 1)]
        {
            let path = folder
                .path()
                .join(format!("r{channels}{draws}.{extension}"));
            let header = header(channels, method, draws, vector);
            write(&path, &header);
            let read = RestoredImages::open(&path).unwrap();
            let mut expected = header.clone();
            expected.made.history.clear();
            assert_eq!(read.header(), &expected);
            // As text: positions are NaN, unknown.
            let (a, b) = (read.table(), table(vector));
            assert_eq!(format!("{a:?}"), format!("{b:?}"));
            let b = block(&header);
            let mut images = vec![("RESTORED", &b.restored), ("OBSERVED", &b.observed)];
            if channels > 1 {
                images.push(("IVAR", &b.ivar));
                images.push(("DRAW", b.draw.as_ref().unwrap()));
                images.push(("Q16", &b.quantiles[0]));
                images.push(("Q97.5", &b.quantiles[1]));
            }
            if draws > 1 {
                images.push(("SIGMA", b.sigma.as_ref().unwrap()));
                images.push(("SIGMA_PRIOR", b.sigma_prior.as_ref().unwrap()));
            }
            assert_eq!(read.header().images().len(), images.len());
            for (name, written) in images {
                assert!(same(&read.image(name).unwrap(), written), "{name}");
                let part = written.slice(s![2..4, ..]).to_owned();
                assert!(same(&read.read(name, 2..4).unwrap(), &part), "{name}");
            }
        }
    }
}

#[test]
fn inspect_tells_restored_images_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    for (file, channels, method, draws) in [("r.fits", 3, "sde", 4), ("r.h5", 1, "ode", 1)] {
        let path = folder.path().join(file);
        write(&path, &header(channels, method, draws, 2));
        let found = serde_json::to_value(selfsi::inspect::inspect(&path).unwrap()).unwrap();
        assert_eq!(found["kind"], "restored images", "{file}");
        assert_eq!(found["images"], N);
        assert_eq!(found["channels"], channels);
        assert_eq!(found["method"], method);
        assert_eq!(found["flagged"], 1);
    }
}

#[test]
fn inspect_takes_damaged_restored_images_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["r.fits", "r.h5"] {
        let path = folder.path().join(file);
        write(&path, &header(3, "sde", 4, 2));
        let mut bytes = std::fs::read(&path).unwrap();
        // The class 7 of row 3, in FITS's order of bytes or HDF5's.
        let label: [u8; 24] = if file == "r.fits" {
            let mut row = [0u8; 24];
            (row[7], row[23]) = (7, 1);
            row
        } else {
            let mut rows = [0u8; 24];
            (rows[8], rows[16]) = (7, 1);
            rows
        };
        let at = bytes.windows(24).position(|w| w == label).unwrap();
        bytes[at + label.iter().position(|b| *b == 7).unwrap()] = 6;
        std::fs::write(&path, bytes).unwrap();
        let e = selfsi::inspect::inspect(&path).unwrap_err().to_string();
        assert!(e.contains(file) && !e.contains('\n'), "{e}");
    }
}

#[test]
fn rows_that_are_missing_or_too_many_and_other_extensions_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let header = header(3, "sde", 8, 2);
    let block = block(&header);
    for extension in ["fits", "h5"] {
        let path = folder.path().join(format!("r.{extension}"));
        let create = || RestoredImagesWriter::create(&path, &header, N).unwrap();
        let mut w = create();
        w.write(&rows(&block, 0..3), None).unwrap();
        assert!(w.write(&rows(&block, 0..3), None).is_err());
        assert!(w.finish(&table(2)).is_err());
        let mut without_draw = rows(&block, 0..3);
        without_draw.draw = None;
        let error = create().write(&without_draw, None).unwrap_err().to_string();
        assert!(error.contains("a block without DRAW"), "{error}");
    }
    let error = RestoredImagesWriter::create(folder.path().join("r.txt"), &header, N);
    let error = error.err().unwrap().to_string();
    assert!(error.contains("neither .fits nor .h5"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_of_something_else_is_named_so_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (fits, h5) = (folder.path().join("a.fits"), folder.path().join("a.h5"));
    let file = fitsio::FitsFile::create(&fits).open().unwrap();
    drop(file);
    hdf5::File::create(&h5).unwrap().close().unwrap();
    for path in [fits, h5, folder.path().join("absent.fits"), "r.txt".into()] {
        let error = RestoredImages::open(&path).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
    }
    let path = folder.path().join("r.fits");
    write(&path, &header(1, "ode", 1, 0));
    let read = RestoredImages::open(&path).unwrap();
    let error = read.image("SIGMA").unwrap_err().to_string();
    assert!(error.contains("RESTORED, OBSERVED"), "{error}");
    assert!(read.read("OBSERVED", 3..N + 1).is_err());
}

/// The largest difference relative to 1 + |a|; NaN in one alone counts as infinite.
fn apart(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    let each = a
        .iter()
        .zip(b)
        .map(|(x, y)| match (x.is_nan(), y.is_nan()) {
            (true, true) => 0.0,
            (false, false) => (x - y).abs() / (1.0 + x.abs()),
            _ => f32::INFINITY,
        });
    each.fold(0.0, f32::max)
}

fn open(path: &Path) -> RestoredImages {
    RestoredImages::open(path).unwrap()
}

#[test]
fn an_untrained_ode_gives_back_what_was_observed_in_the_units_of_the_file() {
    for (channels, softening) in [(3, Some(0.5)), (1, None)] {
        let run = ImageRun::new(channels, softening, "kind = 'ode'");
        let out = run.path("ode.fits");
        run.restore(&[], &out).assert().success();
        let r = open(&out);
        let (restored, observed) = (r.image("RESTORED").unwrap(), r.image("OBSERVED").unwrap());
        let raw = run.raw();
        let ivar = r.image("IVAR").unwrap();
        for ((i, j), v) in raw.pixels.indexed_iter() {
            let (x, y, w) = (restored[[i, j]], observed[[i, j]], raw.ivar[[i, j]]);
            if i == ImageRun::EMPTY {
                assert!(x.is_nan() && y.is_nan() && ivar[[i, j]] == 0.0);
            } else if w == 0.0 {
                // What is masked is filled in, and OBSERVED says so.
                assert!(x.is_finite() && y.is_nan() && ivar[[i, j]] == 0.0);
            } else {
                assert!(
                    (y - v).abs() < 1e-5 * (1.0 + v.abs()),
                    "observed {y}, not {v}"
                );
                assert!(
                    (x - v).abs() < 1e-5 * (1.0 + v.abs()),
                    "restored {x}, not {v}"
                );
                assert!(
                    (ivar[[i, j]] / w - 1.0).abs() < 1e-4,
                    "{} {w}",
                    ivar[[i, j]]
                );
            }
        }
        let o = r.objects();
        assert_eq!(o[ImageRun::EMPTY].flag, flag::COVERAGE);
        assert!(!o[ImageRun::EMPTY].reason.is_empty());
        assert!(o.iter().filter(|o| o.flag == flag::GOOD).count() == o.len() - 1);
        assert_eq!(o[2].name, "galaxy 2");
        assert_eq!(r.labels(), (0..ImageRun::N as i64).collect::<Vec<_>>());
        assert!(r.heldout().contains(&true) && r.heldout().contains(&false));
        let h = r.header();
        assert_eq!(
            (r.method(), r.draws(), h.bands.unit()),
            (Method::Ode, 1, "nJy")
        );
        assert_eq!(h.layout.scale.softening, softening);
        assert_eq!(
            (h.made.config_sha256.len(), h.made.run_sha256.len()),
            (64, 64)
        );
    }
}

#[test]
fn all_draws_are_saved_where_they_are_asked_for_and_are_those_of_the_moments() {
    let sde = "kind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0";
    let run = ImageRun::new(2, None, sde);
    for extension in ["fits", "h5"] {
        let [out, bare] = ["draws", "bare"].map(|name| run.path(&format!("{name}.{extension}")));
        let mut c = run.restore(&[], &out);
        c.arg("--save-draws").assert().success();
        run.restore(&[], &bare).assert().success();
        let (r, bare) = (open(&out), open(&bare));
        assert!(bare.all_draws().unwrap().is_none());
        let mut draws = r.all_draws().unwrap().unwrap();
        for name in bare.header().images() {
            assert!(same(&r.image(&name).unwrap(), &bare.image(&name).unwrap()));
        }
        let image = |name| r.image(name).unwrap();
        let (mean, sigma, first) = (image("RESTORED"), image("SIGMA"), image("DRAW"));
        for i in 0..ImageRun::N {
            let x = draws.of(i).unwrap();
            assert_eq!(x.dim(), (r.draws(), mean.ncols()));
            let close = |a: &Array1<f32>, b: ArrayView1<f32>| {
                let pairs = a.iter().zip(b);
                pairs
                    .into_iter()
                    .all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs()))
            };
            if i == ImageRun::EMPTY {
                assert!(x.iter().all(|v| v.is_nan()));
                continue;
            }
            assert!(close(&x.mean_axis(Axis(0)).unwrap(), mean.row(i)));
            assert!(close(&x.std_axis(Axis(0), 1.0), sigma.row(i)));
            assert_eq!(x.row(0), first.row(i));
        }
        assert!(draws.of(ImageRun::N).is_err());
    }
    // The ODE has none.
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let out = run.path("ode.fits");
    let mut c = run.restore(&[], &out);
    let output = c.arg("--save-draws").assert().code(1).get_output().clone();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("--save-draws") && words.contains("no draws"));
    assert!(!out.exists());
}

#[test]
fn moments_are_those_of_the_draws_in_the_units_of_the_file() {
    let sde = "kind = 'sde'\ngamma = 1.0\ndiffusion = 'gamma'\nepsilon = 1.0";
    let run = ImageRun::new(3, Some(0.5), sde);
    let out = run.path("two.h5");
    let mut c = run.restore(&[], &out);
    c.args([
        "--set",
        "restore.draws=2",
        "--set",
        "restore.quantiles=[0.5]",
    ]);
    c.assert().success();
    let r = open(&out);
    assert_eq!((r.method(), r.draws()), (Method::Sde, 2));
    let [mean, sigma, draw, median] =
        ["RESTORED", "SIGMA", "DRAW", "Q50"].map(|n| r.image(n).unwrap());
    // Of two draws m ± d: mean and median m, unbiased standard deviation √2 |d|.
    assert!(apart(&mean, &median) < 1e-5);
    let expected = (&mean - &draw).mapv(|d| d.abs() * std::f32::consts::SQRT_2);
    assert!(apart(&sigma, &expected) < 1e-4);
    assert!(sigma.iter().any(|s| *s > 0.01));
    assert!(sigma.row(ImageRun::EMPTY).iter().all(|s| s.is_nan()));
}

#[test]
fn an_image_becomes_the_same_whatever_is_restored_with_it_from_whatever_file_into_whatever_format()
{
    let sde = "kind = 'sde'\ngamma = 1.0\ndiffusion = 'gamma'\nepsilon = 1.0";
    let run = ImageRun::new(1, Some(0.5), sde);
    let whole = run.path("whole.fits");
    run.restore(&[], &whole).assert().success();
    let whole = open(&whole);
    let raw = run.raw_file();
    // A config is told by what it holds, not by its name.
    let survey = run.path("survey.txt");
    std::fs::copy(run.path("config.toml"), &survey).unwrap();
    for (inputs, name) in [
        (vec![], "part.h5"),
        (vec![raw.as_path()], "raw.fits"),
        (vec![survey.as_path()], "survey.h5"),
    ] {
        let out = run.path(name);
        let mut c = run.restore(&inputs, &out);
        c.args(["--mintarget", "2", "-n", "5", "--set", "restore.batch=2"]);
        c.assert().success();
        let part = open(&out);
        for image in ["RESTORED", "DRAW", "SIGMA", "OBSERVED", "IVAR"] {
            let (a, b) = (whole.read(image, 2..7).unwrap(), part.image(image).unwrap());
            assert!(apart(&a, &b) < 1e-4, "{name} {image}: {}", apart(&a, &b));
        }
        assert_eq!(part.objects()[3].name, whole.objects()[5].name);
        assert_eq!(part.heldout(), &whole.heldout()[2..7]);
    }
    let out = run.path("heldout.fits");
    run.restore(&[], &out).arg("--heldout").assert().success();
    assert!(open(&out).heldout().iter().all(|h| *h));
    assert!(!run.path("raw.fits.prepared.h5").exists());
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let out = run.path("bad.fits");
    let other = ImageRun::new(3, None, "kind = 'ode'");
    for (inputs, arguments, word) in [
        (vec![], vec!["--spectra", "x"], "--spectra"),
        (vec![], vec!["--catalog", "x"], "--catalog"),
        (vec![other.path("set.h5")], vec![], "[3, 8, 8]"),
        (vec![run.path("absent.h5")], vec![], "absent.h5"),
        (vec![], vec!["--mintarget", "99"], "no row is selected"),
    ] {
        let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
        let line = error_line(run.restore(&inputs, &out).args(arguments));
        assert!(line.contains(word), "{line}");
    }
    let line = error_line(&mut run.restore(&[], &run.path("bad.txt")));
    assert!(line.contains("neither .fits nor .h5"), "{line}");
    let line = error_line(&mut run.restore(&[], &run.path("set.h5")));
    assert!(line.contains("this is the input"), "{line}");
    run.restore(&[], &out).assert().success();
    let plot = |arguments: &[&str]| {
        let mut c = selfsi();
        c.args(["plot", "images"]).arg(&out).args(arguments);
        c
    };
    let png = run.path("grid.png").display().to_string();
    for (arguments, word) in [
        (vec!["--row", "99"], "no row 99"),
        (vec!["--name", "M 31"], "M 31"),
        (vec!["--truth", "absent.h5"], "absent.h5"),
    ] {
        let line = error_line(plot(&["--out", &png]).args(arguments));
        assert!(line.contains(word), "{line}");
    }
    let line = error_line(plot(&["--out", "grid.gif"]).args(["--count", "2"]));
    assert!(line.contains(".png nor .svg"), "{line}");
    assert!(!Path::new(&png).exists());
}

/// Width, height and RGB bytes.
fn decode(path: &Path) -> (usize, usize, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    (info.width as usize, info.height as usize, bytes)
}

#[test]
fn the_picture_shows_the_pixels_of_every_image_enlarged() {
    let folder = tempfile::tempdir().unwrap();
    for (channels, method, kinds) in [
        (1, "ode", vec!["OBSERVED", "RESTORED"]),
        (3, "sde", vec!["OBSERVED", "RESTORED", "DRAW", "SIGMA"]),
    ] {
        let file = folder.path().join(format!("{method}.fits"));
        let header = header(channels, method, 8, 0);
        write(&file, &header);
        let choice = Choice {
            rows: vec![0, 4],
            ..Choice::default()
        };
        let grid = catalog_images(&file, None, &choice).unwrap();
        let (png, svg) = (
            folder.path().join("grid.png"),
            folder.path().join("grid.svg"),
        );
        save(&png, &grid).unwrap();
        save(&svg, &grid).unwrap();
        assert_eq!((grid.rows.len(), grid.titles.len()), (kinds.len(), 2));
        let (width, _, bytes) = decode(&png);
        let at = |x: usize, y: usize| {
            let k = 3 * (y * width + x);
            [bytes[k], bytes[k + 1], bytes[k + 2]]
        };
        let read = open(&file);
        let (plane, zoom) = (24, grid.zoom());
        let stretch = |v: f32| match header.layout.scale.softening {
            Some(s) => (f64::from(v) / s).asinh(),
            None => f64::from(v),
        };
        for (row, kind) in kinds.iter().enumerate() {
            for (column, object) in [0, 4].into_iter().enumerate() {
                let image = read.read(kind, object..object + 1).unwrap();
                // The first and last number of an object's images are the extremes (see `block`).
                let range = read.read("RESTORED", object..object + 1).unwrap();
                let (low, high) = (range[[0, 0]], range[[0, channels * plane - 1]]);
                let shade = |v: f32| {
                    let part = if *kind == "SIGMA" {
                        f64::from(v) / f64::from(image[[0, channels * plane - 1]])
                    } else {
                        (stretch(v) - stretch(low)) / (stretch(high) - stretch(low))
                    };
                    (255.0 * part).clamp(0.0, 255.0)
                };
                let (x0, y0) = grid.corner(row, column);
                assert_eq!(at(x0 - 3, y0 + zoom), [255; 3], "white between panels");
                for j in 0..plane {
                    let seen = at(
                        x0 + zoom * (j % 6) + zoom / 2,
                        y0 + zoom * (j / 6) + zoom / 2,
                    );
                    if *kind == "OBSERVED" && object == 0 && j == 3 {
                        assert_eq!(seen, [240, 228, 66], "masked");
                        continue;
                    }
                    for (k, byte) in seen.into_iter().enumerate() {
                        let expected = shade(image[[0, (k % channels) * plane + j]]);
                        assert!((f64::from(byte) - expected).abs() <= 0.51, "{kind} {j}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_truth_is_found_by_name_and_shown() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let (out, png) = (run.path("r.h5"), run.path("grid.png"));
    run.restore(&[], &out).assert().success();
    let truth = run.raw_file();
    let mut c = selfsi();
    c.args(["plot", "images"])
        .arg(&out)
        .arg("--truth")
        .arg(&truth);
    c.arg("--out").arg(&png).assert().success();
    let choice = Choice {
        names: vec!["galaxy 5".into()],
        ..Choice::default()
    };
    let grid = catalog_images(&out, Some(&truth), &choice).unwrap();
    let labels: Vec<&str> = grid.rows.iter().map(|r| r.label.as_str()).collect();
    assert_eq!(labels, ["observed", "restored", "truth"]);
    // Untrained, observed and restored are the clean image itself, where nothing is masked.
    let panel = |row: usize| grid.rows[row].panels[0].as_ref().unwrap();
    assert_eq!(panel(0), panel(2));
    assert_eq!(panel(1), panel(2));
    if let Some(folder) = std::env::var_os("SELFSI_PICTURES") {
        std::fs::copy(&png, PathBuf::from(folder).join("images.png")).unwrap();
    }
}

#[test]
fn astropy_and_h5py_read_what_is_written() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (channels, method, draws, vector) in [(1, "ode", 1, 0), (3, "sde", 8, 2)] {
        let files = ["fits", "h5"].map(|e| folder.path().join(format!("{method}.{e}")));
        let header = RestoredImagesHeader {
            all_draws: draws > 1,
            ..header(channels, method, draws, vector)
        };
        files.iter().for_each(|file| write(file, &header));
        check(&python, "restored_images.py", &files);
    }
}
