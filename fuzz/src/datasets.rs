//! HDF5 files that HDF5 takes, but that are not what they should be: datasets and attributes of another
//! type, shape or content, or none. (Bytes that HDF5 itself must judge are the target `hdf5`.)

use super::job;
use hdf5::types::VarLenUnicode;
use hdf5::{File, H5Type};
use selfsi::data::{Block, Carried, ImageBlock, ImageLayout, LogGrid, Object, PixelScale};
use selfsi::prepare::{ImageSetHeader, SetWriter, SpectraHeader};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Rows of a whole file.
const ROWS: usize = 3;
const ATTRIBUTES: [&str; 8] = [
    "format",
    "version",
    "config",
    "unit",
    "flux_unit",
    "specsys",
    "wavelength",
    "mean",
];
/// What else may be looked for.
const DATASETS: [&str; 6] = ["id", "z", "level", "lsf", "wave", "restored"];
/// Values of the largest dataset that is filled.
const MOST: usize = 1 << 20;
const SIZES: [usize; 8] = [0, 1, 2, 3, 8, 63, 64, 1000];
const VALUES: [f64; 8] = [0.0, 1.0, -1.0, 1e30, -1e30, 0.5, f64::NAN, f64::INFINITY];

/// Makes the file at `path` that `data` describes: its first byte chooses a whole file, and each four
/// that follow an edit of it.
pub fn make(path: &Path, data: &[u8]) {
    let (choice, edits) = data.split_first().unwrap_or((&0, &[]));
    static WHOLE: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    let whole = WHOLE.get_or_init(|| {
        [prepared, images, catalog].map(|write| {
            write(path);
            fs::read(path).expect("what was written")
        })
    });
    fs::write(path, &whole[usize::from(choice % 3)]).expect("a temporary file");
    let file = File::open_rw(path).expect("what was written");
    for edit in edits.chunks_exact(4).take(8) {
        let [what, how, shape, value] = [edit[0], edit[1], edit[2], edit[3]].map(usize::from);
        // An edit that HDF5 refuses is none.
        if what & 1 == 0 {
            let name = ATTRIBUTES[what / 2 % ATTRIBUTES.len()];
            let _ = attribute(&file, name, how, value);
        } else {
            let mut names = file.member_names().expect("the names");
            names.extend(DATASETS.map(str::to_owned));
            let _ = dataset(&file, &names[what / 2 % names.len()], how, shape, value);
        }
    }
}

fn attribute(file: &File, name: &str, how: usize, value: usize) -> hdf5::Result<()> {
    let _ = file.delete_attr(name);
    let v = VALUES[value % VALUES.len()];
    match how % 5 {
        0 => Ok(()),
        1 => file
            .new_attr::<i64>()
            .create(name)?
            .write_scalar(&(v as i64)),
        2 => file.new_attr::<f64>().create(name)?.write_scalar(&v),
        3 => {
            let values = vec![v; SIZES[value / 8 % 4]];
            let attribute = file.new_attr::<f64>().shape(values.len()).create(name)?;
            attribute.write_raw(&values)
        }
        _ => {
            let texts = [
                "",
                "air",
                "vacuum",
                "selfsi-images",
                "\n",
                "Å",
                "[grid]",
                "nm",
            ];
            let text: VarLenUnicode = texts[value % texts.len()].parse().unwrap_or_default();
            file.new_attr::<VarLenUnicode>()
                .create(name)?
                .write_scalar(&text)
        }
    }
}

/// Data that are not where they are looked for, or not as many as is said.
fn elsewhere(file: &File, name: &str, shape: &[usize], how: usize) -> hdf5::Result<()> {
    let huge = 1 << (20 + how / 8 % 32);
    let new = file.new_dataset::<f64>();
    match how % 8 {
        0 => file.link_soft(name, name),
        1 => file.link_soft("/flux", name),
        2 => file.link_external("/dev/zero", "flux", name),
        3 => file.link_external("", "/flux", name),
        4 => new
            .external("/dev/zero", 0, 64)
            .shape(shape)
            .create(name)
            .map(drop),
        5 => new
            .virtual_map("/dev/zero", "z", 3, .., 3, ..)
            .shape(3)
            .create(name)
            .map(drop),
        6 => new
            .chunk((1, 64))
            .shape((huge.., 64))
            .create(name)
            .map(drop),
        _ => {
            let data = new
                .chunk((1, 64))
                .deflate(1)
                .shape((huge.., 64))
                .create(name)?;
            data.write_slice(&ndarray::Array2::<f64>::ones((1, 64)), (0..1, ..))
        }
    }
}

fn dataset(file: &File, name: &str, how: usize, shape: usize, value: usize) -> hdf5::Result<()> {
    let old = file.dataset(name).map(|d| d.shape()).unwrap_or_default();
    if old.is_empty() || how & 8 == 0 {
        let _ = file.unlink(name);
    }
    let shape = match shape % 5 {
        // One that an edit before has made huge cannot be filled.
        0 if old.iter().product::<usize>() <= MOST => old,
        0 => vec![],
        1 => vec![],
        2 => vec![SIZES[shape / 5 % 8]],
        3 => vec![SIZES[shape / 5 % 4], SIZES[shape / 20 % 8]],
        _ => vec![2, SIZES[shape / 5 % 4], SIZES[shape / 20 % 4]],
    };
    let n: usize = shape.iter().product();
    let v = VALUES[value % 8];
    let rising = |i: usize| {
        if value & 8 == 0 {
            v
        } else {
            v + i as f64 * 1e-3
        }
    };
    if how >= 192 {
        let _ = file.unlink(name);
        return elsewhere(file, name, &shape, value);
    }
    match how % 8 {
        0 => Ok(()),
        1 | 2 => filled(
            file,
            name,
            &shape,
            (0..n).map(|i| rising(i) as f32).collect(),
        ),
        3 => filled(file, name, &shape, (0..n).map(rising).collect()),
        4 => filled(
            file,
            name,
            &shape,
            (0..n).map(|i| rising(i) as i64).collect(),
        ),
        5 => filled(
            file,
            name,
            &shape,
            (0..n).map(|i| rising(i) as u8).collect(),
        ),
        6 => filled(file, name, &shape, vec![value & 16 == 0; n]),
        _ => {
            let texts = (0..n).map(|i| format!("{}", i * value).parse().unwrap_or_default());
            filled::<VarLenUnicode>(file, name, &shape, texts.collect())
        }
    }
}

fn filled<T: H5Type>(file: &File, name: &str, shape: &[usize], v: Vec<T>) -> hdf5::Result<()> {
    let data = file.new_dataset::<T>().shape(shape).create(name)?;
    data.write_raw(&v)
}

fn objects() -> Vec<Object> {
    let object = |i| Object {
        name: format!("O{i}"),
        z: 3.0,
        ..Object::default()
    };
    (0..ROWS).map(object).collect()
}

fn prepared(path: &Path) {
    let grid = LogGrid::new(&job().grid);
    let header = SpectraHeader {
        carried: Carried::default(),
        grid,
        noise_rho: vec![0.0; grid.pixels],
        flux_unit: "Jy".into(),
        level_mean: None,
        specsys: None,
        config: super::JOB.into(),
    };
    let mut set = SetWriter::create(path, &header, ROWS).expect("a set");
    let block = Block::masked(ROWS, grid.pixels);
    set.write(&objects(), &block).expect("its rows");
    set.finish().expect("a whole set");
}

fn images(path: &Path) {
    let header = ImageSetHeader {
        layout: ImageLayout {
            channels: 2,
            height: 2,
            width: 2,
            scale: PixelScale {
                softening: None,
                mean: vec![0.0; 2],
                std: vec![1.0; 2],
            },
            vector: 1,
            planes: 1,
            psf: 1,
        },
        bands: selfsi::data::Bands::of(2, &["nJy".into()], &[]),
        config: String::new(),
    };
    let mut set = SetWriter::create(path, &header, ROWS).expect("a set");
    let block = ImageBlock::masked(ROWS, &header.layout);
    set.write(&objects(), &block).expect("its rows");
    set.finish().expect("a whole set");
}

/// A catalog of spectra as users have them, and a truth.
fn catalog(path: &Path) {
    spectra(path).expect("a catalog");
}

fn spectra(path: &Path) -> hdf5::Result<()> {
    let file = File::create(path)?;
    let loglam = LogGrid::new(&job().grid).loglam();
    let shape = [ROWS, loglam.len()];
    for name in ["flux", "ivar"] {
        filled(&file, name, &shape, vec![1f32; ROWS * loglam.len()])?;
    }
    filled(&file, "loglam", &[loglam.len()], loglam)?;
    filled(&file, "z", &[ROWS], vec![3.0; ROWS])?;
    filled(&file, "id", &[ROWS], (0..ROWS as i64).collect())?;
    file.close()
}
