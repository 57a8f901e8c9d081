//! Images from every format to the prepared set, and observations made of them, as a user does.

use crate::fixtures::edited::edited;
use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::selfsi_in as selfsi;
use crate::fixtures::shared;
use hdf5::types::VarLenUnicode;
use ndarray::{Array, Array2, Array3, Array4, ArrayD, Axis, Dimension, IxDyn, s};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{Config, ImageConfig, ImageDatasets};
use selfsi::data::{PixelScale, flag};
use selfsi::inspect::inspect;
use selfsi::prepare::{ImageDetails, ImageSet, Report, ScaleFrom, prepare_images};
use selfsi::survey::ImageSource;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tch::Device;

const WRITER: &str = "images.py";

fn image(channels: usize, height: usize, width: usize) -> ImageConfig {
    ImageConfig {
        fit: false,
        channels,
        height,
        width,
    }
}

fn open(path: &Path, image: &ImageConfig) -> selfsi::Result<ImageSource> {
    ImageSource::open(&[path.to_path_buf()], &ImageDatasets::default(), image)
}

/// The files that Python wrote; `None` where there is no Python for it.
fn written_by_python() -> Option<&'static Path> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let python = python()?;
    let folder = FOLDER.get_or_init(|| {
        let folder = shared::folder();
        check(&python, WRITER, &[&folder]);
        folder
    });
    Some(folder)
}

#[test]
fn every_format_is_read_as_the_packages_of_python_wrote_it() {
    let Some(folder) = written_by_python() else {
        return;
    };
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    assert!(manifest.lines().count() > 30);
    for line in manifest.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| fields[i].parse::<usize>().unwrap();
        let shape = image(number(1), number(2), number(3));
        let (n, allowed): (usize, f32) = (number(4), fields[5].parse().unwrap());
        let source = open(&folder.join(fields[0]), &shape).unwrap();
        let bytes = std::fs::read(folder.join(format!("{}.expected", fields[0]))).unwrap();
        let expected: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let d = shape.channels * shape.height * shape.width;
        let expected = Array2::from_shape_vec((n, d), expected).unwrap();
        assert_eq!(source.len(), n, "{line}");
        // In any blocks.
        for (start, end) in [(0, n), (0, 1), (n / 2, n), (n - 1, n)] {
            let raw = source.read(start..end).unwrap();
            assert_eq!(raw.problems, vec![None; end - start], "{line}");
            let expected = expected.slice(s![start..end, ..]);
            for (a, b) in raw.pixels.iter().zip(expected) {
                let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= allowed;
                assert!(same, "{line}: {a} is not {b}");
            }
        }
        assert!(source.read(0..n + 1).is_err());
        // And `inspect` finds the same images in it.
        let found = inspect(&folder.join(fields[0])).unwrap();
        let fact = |name: &str| found.facts.iter().find(|f| f.0 == name).unwrap().1.clone();
        assert_eq!((found.kind, fact("images")), ("images", n.into()), "{line}");
        assert_eq!(fact("width"), shape.width);
    }
}

#[test]
fn names_and_labels_come_from_the_file() {
    let Some(folder) = written_by_python() else {
        return;
    };
    let at = |name: &str| folder.join(name);
    let cifar = image(3, 32, 32);
    let binary = open(&at("cifar-binary"), &cifar).unwrap();
    assert_eq!(binary.names()[7], "data_batch_2-00002");
    assert!(binary.labels().iter().all(|l| (0..10).contains(l)));
    // Pickles are refused, in a folder too.
    for python in ["cifar-python", "cifar-python/test_batch"] {
        let e = open(&at(python), &cifar).unwrap_err().to_string();
        assert!(!e.contains('\n') && e.contains("data/cifar10.py"), "{e}");
    }
    let small = image(3, 6, 5);
    let cube = open(&at("channels.fits"), &small).unwrap();
    assert_eq!((&cube.names()[1][..], cube.labels()[1]), ("b", 3));
    assert_eq!(cube.read(0..2).unwrap().ivar.unwrap()[[1, 7]], 1.0);
    let set = open(&at("first.h5"), &small).unwrap();
    let raw = set.read(1..3).unwrap();
    assert_eq!((&set.names()[3][..], set.widths()), ("J3", (2, 1)));
    assert_eq!(raw.vector, ndarray::array![[2.0, 3.0], [4.0, 5.0]]);
    assert_eq!(raw.planes, Array2::<f32>::ones((2, 30)));
    assert_eq!(raw.ivar.unwrap(), Array2::from_elem((2, 90), 4.0));
    assert_eq!(
        open(&at("galaxy10.h5"), &small).unwrap().labels(),
        [0, 1, 2, 3]
    );
    let pictures = open(&at("fits-folder"), &image(1, 6, 5)).unwrap();
    assert_eq!(pictures.names(), ["deeper/0.fits", "deeper/1.fits"]);
    assert!(pictures.origin(1).ends_with("fits-folder/deeper/1.fits"));
}

#[test]
fn several_paths_follow_one_another_as_one_set() {
    let Some(folder) = written_by_python() else {
        return;
    };
    let at = |name: &str| folder.join(name);
    let paths = [at("one.npy"), at("galaxy10.h5"), at("png-rgb")];
    let all = ImageSource::open(&paths, &ImageDatasets::default(), &image(3, 6, 5)).unwrap();
    assert_eq!((all.len(), all.labels()[4]), (9, 3));
    assert_eq!(all.names()[..2], ["row-0000000", "row-0000001"]);
    let raw = all.read(0..9).unwrap();
    // The same pictures, three times.
    assert_eq!(raw.pixels.row(0), raw.pixels.row(1));
    assert_eq!(
        raw.pixels.slice(s![1..5, ..]),
        raw.pixels.slice(s![5..9, ..])
    );
    assert_eq!(
        all.read(4..6).unwrap().pixels,
        raw.pixels.slice(s![4..6, ..])
    );
    let mut paths = paths.to_vec();
    paths.push(at("first.h5"));
    let e = ImageSource::open(&paths, &ImageDatasets::default(), &image(3, 6, 5)).unwrap_err();
    assert!(e.to_string().contains("2 numbers and 1 planes"), "{e}");
}

#[test]
fn a_picture_that_cannot_be_used_is_a_rejected_row_with_its_reason() {
    let Some(folder) = written_by_python() else {
        return;
    };
    let c = config(folder, "mixed", &[]);
    let c = edited(&c, "1, height = 8, width = 8", "3, height = 6, width = 5");
    let config = Config::parse(&c, "test", &[]).unwrap();
    let report = prepare(&config).unwrap();
    assert_eq!(
        (report.rows, report.used, report.rejected["UNREADABLE"]),
        (6, 1, 5)
    );
    let set = ImageSet::open(&report.prepared).unwrap();
    for (object, words) in set.objects().iter().zip([
        "",
        "alpha",
        "3 channels, height 4, width 5",
        "not a whole PNG",
        "neither PNG, JPEG nor FITS",
        "a cube of 4 images",
    ]) {
        assert_eq!(object.flag == flag::GOOD, words.is_empty());
        assert!(
            object.reason.contains(words) && !object.reason.contains('\n'),
            "{}",
            object.reason
        );
    }
    let list = std::fs::read_to_string(&report.rejected_list).unwrap();
    assert_eq!(list.lines().count(), 6);
    assert_eq!(set.read(1..2).unwrap().ivar.sum(), 0.0);
}

/// A config for images of 1 × 8 × 8 in `source`.
fn config(folder: &Path, source: &str, normalise: &[&str]) -> String {
    format!(
        "seed = 5
image = {{ channels = 1, height = 8, width = 8 }}
[survey]
prepared = '{}'
[survey.source]
kind = 'images'
path = '{}'
unit = 'nmgy'
[normalise]
kind = 'pixels'
{}
[forward]
kind = 'gaussian'
sigma = 0.5
[network]
kind = 'unet2d'
channels = 8
multipliers = [1]
blocks = 1
attention = []
head = 4
[train]
steps = 2
batch = 4
warm_start = 0
checkpoint_every = 1
validate_every = 2
[transport]
steps = 2
",
        folder.join("set.h5").display(),
        folder.join(source).display(),
        normalise.join("\n")
    )
}

fn parse(text: &str) -> Config {
    Config::parse(text, "test", &[]).unwrap()
}

fn prepare(config: &Config) -> selfsi::Result<Report<ImageDetails>> {
    let (source, out) = (&config.survey.source, config.survey.prepared.clone());
    prepare_images(config, source, &out, &mut |_, _| ())
}

/// Writes datasets of an HDF5 image set.
fn hdf5_set<D: Dimension>(path: &Path, images: &Array<f32, D>, more: &[(&str, ArrayD<f32>)]) {
    let file = hdf5::File::create(path).unwrap();
    file.new_dataset_builder()
        .with_data(images)
        .create("images")
        .unwrap();
    for (name, values) in more {
        file.new_dataset_builder()
            .with_data(values)
            .create(*name)
            .unwrap();
    }
}

/// `n` images of 8 × 8, between −3 and 3 in the middle and up to 1e3 in their tails.
fn clean(n: usize) -> Array3<f32> {
    let normal = Rows::range(11, Purpose::Weights, 0, n as i64, Device::Cpu).normal(0, 64);
    let flat: Vec<f32> = normal.contiguous().view([-1]).try_into().unwrap();
    let sharp = flat.iter().map(|v| 2.0 * v + v.powi(5)).collect();
    Array3::from_shape_vec((n, 8, 8), sharp).unwrap()
}

#[test]
fn masked_pixels_are_neither_flux_nor_part_of_the_measured_scale() {
    let folder = tempfile::tempdir().unwrap();
    let mut images = clean(20).into_dyn();
    let mut ivar = ArrayD::from_elem(IxDyn(&[20, 8, 8]), 4.0f32);
    images[[0, 0, 0]] = f32::NAN;
    images[[1, 2, 3]] = f32::INFINITY;
    (images[[2, 0, 0]], ivar[[2, 0, 0]]) = (1e9, 0.0);
    (images[[3, 0, 0]], ivar[[3, 0, 0]]) = (1e9, f32::NAN);
    (images[[4, 0, 0]], ivar[[4, 0, 0]]) = (1e9, -1.0);
    ivar[[5, 0, 0]] = f32::INFINITY;
    // Too little of it is left, and what is left is wild.
    images.index_axis_mut(Axis(0), 6).fill(f32::NAN);
    images[[6, 0, 0]] = 1e9;
    hdf5_set(&folder.path().join("a.h5"), &images, &[("ivar", ivar)]);
    let c = parse(&config(folder.path(), "a.h5", &["softening = 0.5"]));
    let report = prepare(&c).unwrap();
    assert_eq!((report.used, report.rejected["COVERAGE"]), (19, 1));
    assert_eq!(report.details.scale_from, ScaleFrom::Measured);
    // The closed form: mean and standard deviation of asinh(v/0.5) over the good pixels.
    let bad = [(0, 0), (1, 19), (2, 0), (3, 0), (4, 0)];
    let mut values = Vec::new();
    for (i, image) in images.outer_iter().enumerate().filter(|(i, _)| *i != 6) {
        for (_, v) in image
            .iter()
            .enumerate()
            .filter(|(j, _)| !bad.contains(&(i, *j)))
        {
            values.push((f64::from(*v) / 0.5).asinh());
        }
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(
        (report.details.mean[0] - mean).abs() < 1e-12
            && (report.details.std[0] - std).abs() < 1e-12
    );
    assert!((report.details.masked - 5.0 / (19.0 * 64.0)).abs() < 1e-12);
    let set = ImageSet::open(&report.prepared).unwrap();
    let block = set.read(0..20).unwrap();
    for (i, j) in bad {
        assert_eq!((block.pixels[[i, j]], block.ivar[[i, j]]), (0.0, 0.0));
    }
    assert_eq!(block.ivar[[5, 0]], f32::INFINITY);
    assert_eq!(
        (block.pixels.row(6).sum(), block.ivar.row(6).sum()),
        (0.0, 0.0)
    );
    assert!(set.objects()[6].reason.contains("1 of 64 pixels are good"));
    // Noise levels are in the unit in which the stretch is linear, whatever the value.
    let scale = &set.header().layout.scale;
    let v = f64::from(images[[7, 4, 4]]);
    let (pixel, ivar) = (block.pixels[[7, 36]], block.ivar[[7, 36]]);
    assert!((f64::from(pixel) - ((v / 0.5).asinh() - mean) / std).abs() < 1e-5);
    let expected = 4.0 * scale.linear_unit(0).powi(2);
    assert!((f64::from(ivar) / expected - 1.0).abs() < 1e-5);
    assert_eq!(set.header().bands.unit(), "nmgy");
}

#[test]
fn the_configs_scale_goes_before_the_recorded_one_and_that_before_measuring() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    hdf5_set(&path, &clean(9), &[]);
    let scale = |more: &[&str]| {
        let report = prepare(&parse(&config(folder.path(), "a.h5", more))).unwrap();
        (
            report.details.scale_from,
            report.details.mean[0],
            report.details.std[0],
            report.details.softening,
        )
    };
    assert_eq!(scale(&[]).0, ScaleFrom::Measured);
    let file = hdf5::File::open_rw(&path).unwrap();
    for (name, value) in [("mean", 1.5), ("std", 2.5)] {
        file.new_attr::<f64>()
            .shape(1)
            .create(name)
            .unwrap()
            .write_raw(&[value])
            .unwrap();
    }
    file.close().unwrap();
    assert_eq!(scale(&[]), (ScaleFrom::File, 1.5, 2.5, None));
    // The recorded scale is not of stretched values.
    assert_eq!(scale(&["softening = 1.0"]).0, ScaleFrom::Measured);
    let own = scale(&["mean = [3.0]", "std = [4.0]", "softening = 1.0"]);
    assert_eq!(own, (ScaleFrom::Config, 3.0, 4.0, Some(1.0)));
}

/// Clean images, observations of them and the config, in a folder.
fn simulated(n: usize, normalise: &[&str]) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    hdf5_set(&folder.path().join("clean.h5"), &clean(n), &[]);
    let text = config(folder.path(), "observed.h5", normalise);
    std::fs::write(folder.path().join("c.toml"), &text).unwrap();
    simulate(folder.path(), "observed.h5").success();
    (folder, parse(&text))
}

fn simulate(folder: &Path, out: &str) -> assert_cmd::assert::Assert {
    let mut command = selfsi(folder);
    command.args(["simulate", "c.toml", "--from", "clean.h5", "--out", out]);
    command.assert()
}

#[test]
fn prepared_observations_have_the_law_of_f_around_the_clean_images() {
    for normalise in [&[][..], &["softening = 0.5"]] {
        let (_folder, config) = simulated(400, normalise);
        let report = prepare(&config).unwrap();
        assert_eq!(
            (report.used, report.details.scale_from),
            (400, ScaleFrom::File)
        );
        let set = ImageSet::open(&report.prepared).unwrap();
        let block = set.read(0..400).unwrap();
        let scale = &set.header().layout.scale;
        let noise: Vec<f64> = clean(400)
            .iter()
            .zip(&block.pixels)
            .map(|(x, y)| f64::from(*y) - scale.normalise(f64::from(*x), 0))
            .collect();
        let n = noise.len() as f64;
        let moment = |k: i32| noise.iter().map(|v| (v / 0.5).powi(k)).sum::<f64>() / n;
        // 25600 numbers: standard errors 0.006, 0.009, 0.06.
        assert!(moment(1).abs() < 0.03, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.045, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.3, "{}", moment(4));
        // σ = 0.5 throughout, whatever the stretch did to it in the file's units.
        assert!(block.ivar.iter().all(|v| (v / 4.0 - 1.0).abs() < 1e-3));
        // The scale is that of the clean images: they have mean 0 and variance 1 in its units.
        let normal = |v: &f32| scale.normalise(f64::from(*v), 0);
        let mean = clean(400).iter().map(normal).sum::<f64>() / n;
        assert!(mean.abs() < 1e-9);
    }
}

#[test]
fn what_is_missing_in_the_clean_images_stays_missing_and_names_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut images = Array4::from_shape_fn((5, 8, 8, 3), |(i, y, x, c)| (i + y * x + c) as f32);
    images[[2, 1, 0, 1]] = f32::NAN;
    let path = folder.path().join("clean.h5");
    hdf5_set(&path, &images, &[]);
    let file = hdf5::File::open_rw(&path).unwrap();
    let names: Vec<VarLenUnicode> = "a b c d e".split(' ').map(|s| s.parse().unwrap()).collect();
    file.new_dataset_builder()
        .with_data(&names)
        .create("id")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&[5i64, 4, 3, 2, 1])
        .create("ans")
        .unwrap();
    file.close().unwrap();
    let text = config(
        folder.path(),
        "observed.h5",
        &["mean = [1.0, 2.0, 3.0]", "std = [2.0, 2.0, 2.0]"],
    );
    std::fs::write(
        folder.path().join("c.toml"),
        edited(&text, "channels = 1,", "channels = 3,"),
    )
    .unwrap();
    simulate(folder.path(), "observed.h5").success();
    let file = hdf5::File::open(folder.path().join("observed.h5")).unwrap();
    let y: ArrayD<f32> = file.dataset("images").unwrap().read_dyn().unwrap();
    let ivar: ArrayD<f32> = file.dataset("ivar").unwrap().read_dyn().unwrap();
    assert_eq!(y.shape(), [5, 8, 8, 3]);
    for (at, v) in y.indexed_iter() {
        let missing = at == IxDyn(&[2, 1, 0, 1]);
        assert_eq!((v.is_nan(), ivar[&at] == 0.0), (missing, missing));
        // Noise of 0.5 × 2 in the file's units.
        assert!(
            missing || ((v - images[[at[0], at[1], at[2], at[3]]]).abs() < 6.0 && ivar[&at] == 1.0)
        );
    }
    let set = open(&folder.path().join("observed.h5"), &image(3, 8, 8)).unwrap();
    assert_eq!(
        (&set.names()[3][..], set.labels()),
        ("d", &[5, 4, 3, 2, 1][..])
    );
    let expected = PixelScale {
        softening: None,
        mean: vec![1.0, 2.0, 3.0],
        std: vec![2.0; 3],
    };
    assert_eq!(set.scale(), Some(&expected));
    // The same seed gives the same observations.
    simulate(folder.path(), "again.h5").success();
    let again = open(&folder.path().join("again.h5"), &image(3, 8, 8)).unwrap();
    let (a, b) = (again.read(3..5).unwrap(), set.read(3..5).unwrap());
    assert_eq!(a, b);
}

#[test]
fn bad_input_is_one_line_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let f = |shape: &[usize]| ArrayD::from_shape_fn(IxDyn(shape), |i| i[0] as f32);
    std::fs::write(at("noise.bin"), b"nothing that anybody knows").unwrap();
    std::fs::write(
        at("cut.npy"),
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'sh",
    )
    .unwrap();
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::write(at("batch.bin"), vec![1u8; 2 * 3073]).unwrap();
    std::fs::write(at("pickle"), b"\x80\x02cos\nsystem\n(U\x02idtR.").unwrap();
    hdf5_set(&at("shape.h5"), &f(&[4, 9, 8]), &[]);
    hdf5_set(&at("same.h5"), &f(&[4, 8, 8]).mapv(|_| 3.0), &[]);
    hdf5_set(&at("nan.h5"), &f(&[4, 8, 8]).mapv(|_| f32::NAN), &[]);
    hdf5_set(&at("ivar.h5"), &f(&[4, 8, 8]), &[("ivar", f(&[4, 8]))]);
    hdf5_set(&at("vector.h5"), &f(&[4, 8, 8]), &[("vector", f(&[3, 2]))]);
    hdf5_set(&at("cubes.h5"), &f(&[4, 8, 8, 8]), &[]);
    for (source, set, words) in [
        ("absent.h5", "", "absent.h5"),
        ("noise.bin", "", "not an image format"),
        ("cut.npy", "", "npy"),
        ("empty", "", "a folder without images"),
        ("batch.bin", "", "channels = 3, height = 32, width = 32"),
        ("pickle", "", "data/cifar10.py"),
        ("shape.h5", "", "[4, 9, 8]"),
        ("same.h5", "", "the same everywhere"),
        (
            "nan.h5",
            "normalise={kind='pixels',mean=[0.0],std=[1.0]}",
            "COVERAGE 4",
        ),
        ("nan.h5", "", "no usable image"),
        ("ivar.h5", "", "dataset ivar"),
        ("vector.h5", "", "dataset vector"),
        ("cubes.h5", "image.channels=8", "fits both"),
        (
            "same.h5",
            "survey.source.datasets.images='galaxies'",
            "galaxies",
        ),
    ] {
        std::fs::write(at("c.toml"), config(folder.path(), source, &[])).unwrap();
        let mut command = selfsi(folder.path());
        command.args(["prepare", "c.toml"]);
        if !set.is_empty() {
            command.args(["--set", set]);
        }
        one_error(&command.assert().failure(), words);
        let left: Vec<PathBuf> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| {
                let name = p.file_name().unwrap().to_string_lossy().into_owned();
                name.contains("set.h5") || name.contains(".part")
            })
            .collect();
        assert!(left.is_empty(), "{source}: {left:?}");
        let mut command = selfsi(folder.path());
        command.args(["simulate", "c.toml", "--from", source, "--out", "out.h5"]);
        command.args(["--set", "forward.sigma=1.0"]);
        if words != "COVERAGE 4" && !set.contains("image") && words != "dataset vector" {
            one_error(&command.assert().failure(), words);
            assert!(!at("out.h5").exists());
        }
    }
}

/// An npy file of `version` whose header claims `length` bytes (its own, if `None`).
fn npy(path: &Path, version: u8, length: Option<u32>, header: &str, data: usize) {
    let length = length.unwrap_or(header.len() as u32).to_le_bytes();
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    bytes.extend(if version == 1 {
        &length[..2]
    } else {
        &length[..]
    });
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_npy_file_that_is_not_what_its_header_says_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    let whole = header("'<f4'", "(2, 8, 8)");
    npy(&path, 1, None, &whole, 512);
    assert_eq!(open(&path, &image(1, 8, 8)).unwrap().len(), 2);
    let nested = format!("{}{}", "[".repeat(1000), "]".repeat(20));
    for (version, length, header, data, words) in [
        (
            1,
            None,
            whole.clone(),
            511,
            "do not hold an array of shape [2, 8, 8]",
        ),
        (
            1,
            None,
            whole.clone(),
            513,
            "do not hold an array of shape [2, 8, 8]",
        ),
        (
            1,
            Some(4000),
            whole.clone(),
            512,
            "a header of impossible length",
        ),
        (
            2,
            Some(u32::MAX),
            whole.clone(),
            512,
            "a header of impossible length",
        ),
        (9, None, whole, 512, "none of an array"),
        (
            1,
            None,
            header("'<f4'", "(4294967296, 4294967296, 8)"),
            0,
            "do not hold",
        ),
        (
            1,
            None,
            header("'<f4'", "(-2, 8, 8)"),
            512,
            "none of an array",
        ),
        (1, None, header("'<f4'", "128"), 512, "none of an array"),
        (1, None, nested, 512, "none of an array"),
        (1, None, header("'<c8'", "(2, 8, 8)"), 1024, "type `<c8`"),
        (1, None, header("'|O'", "(2, 8, 8)"), 512, "type `|O`"),
        (
            1,
            None,
            header("[('a', '<f4')]", "(2, 8, 8)"),
            512,
            "type `[('a'",
        ),
        (1, None, header("'<f4'", "(2, 9, 8)"), 576, "[2, 9, 8]"),
    ] {
        npy(&path, version, length, &header, data);
        let e = open(&path, &image(1, 8, 8)).unwrap_err().to_string();
        assert!(
            !e.contains('\n') && e.contains(words) && e.contains("a.npy"),
            "{words}: {e}"
        );
    }
}

fn one_error(result: &assert_cmd::assert::Assert, words: &str) {
    let text = String::from_utf8_lossy(&result.get_output().stderr).into_owned();
    let errors: Vec<&str> = text.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{words}: {text}");
    assert!(errors[0].contains(words), "{words}: {text}");
}

#[test]
fn training_wants_the_shape_the_scale_and_the_latents_of_the_prepared_set() {
    let (folder, config) = simulated(40, &[]);
    prepare(&config).unwrap();
    for (set, words) in [
        ("image={channels=1,height=4,width=16}", "[1, 8, 8]"),
        (
            "normalise={kind='pixels',mean=[0.0],std=[1.0]}",
            "not normalised as",
        ),
        (
            "normalise={kind='pixels',softening=3.0}",
            "not normalised as",
        ),
    ] {
        let mut command = selfsi(folder.path());
        command.args(["train", "c.toml", "--out", "run", "--set", set]);
        one_error(&command.assert().failure(), words);
        assert!(!folder.path().join("run").exists());
    }
    // Observations with a number each, and an F that tells the network none.
    let vector = ArrayD::from_elem(IxDyn(&[40, 1]), 1.0f32);
    hdf5_set(
        &folder.path().join("observed.h5"),
        &clean(40),
        &[("vector", vector)],
    );
    prepare(&config).unwrap();
    let mut command = selfsi(folder.path());
    command.args(["train", "c.toml", "--out", "run"]);
    one_error(&command.assert().failure(), "1 numbers and 0 planes");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_run_records_the_scale_it_was_trained_with_and_can_be_resumed() {
    let (folder, config) = simulated(40, &["softening = 0.5"]);
    let report = prepare(&config).unwrap();
    let train = |more: &[&str]| {
        let mut command = selfsi(folder.path());
        command.args(["train", "c.toml", "--out", "run"]).args(more);
        command.assert()
    };
    train(&[]).success();
    let text = std::fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    let mut run = Config::parse(&text, "run", &[]).unwrap();
    run.survey.prepared = folder.path().join("again.h5");
    let again = prepare(&run).unwrap();
    assert_eq!(again.details.scale_from, ScaleFrom::Config);
    assert_eq!(
        (&again.details.mean, &again.details.std),
        (&report.details.mean, &report.details.std)
    );
    train(&["--resume"]).success();
}
