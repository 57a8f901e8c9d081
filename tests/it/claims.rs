//! What files claim against what they hold: sizes of datasets and pictures, and checkpoints put together
//! otherwise. Nothing takes the memory that is claimed, and nothing panics.

use crate::fixtures::hdf5_config::CONFIG;
use crate::fixtures::run_folder::{checkpoints, failure, selfsi};
use crate::fixtures::sealed::{Parts, sealed, unsealed};
use crate::fixtures::trained::Trained;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_dataset_that_claims_more_than_its_file_holds_takes_no_memory_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), CONFIG).unwrap();
    let catalog = folder.path().join("catalog.h5");
    for (rows, written, word) in [
        (1_000_000_000, false, "nothing was ever written"),
        (1_000_000_000, true, "can hold"),
        (1 << 50, true, "can hold"),
    ] {
        let file = hdf5::File::create(&catalog).unwrap();
        let loglam: Vec<f64> = (0..2000).map(|i| 3.6 + 1e-4 * f64::from(i)).collect();
        file.new_dataset_builder()
            .with_data(&loglam)
            .create("loglam")
            .unwrap();
        for name in ["flux", "ivar"] {
            let data = file.new_dataset::<f32>().chunk((1, 2000)).deflate(1);
            let data = data.shape((2.., 2000)).create(name).unwrap();
            if written {
                data.write(&ndarray::Array2::<f32>::ones((2, 2000)))
                    .unwrap();
            }
            data.resize((rows, 2000)).unwrap();
        }
        file.close().unwrap();
        let mut command = selfsi();
        command
            .current_dir(folder.path())
            .args(["prepare", "c.toml"]);
        let text = failure(command.timeout(Duration::from_secs(60)));
        assert!(
            text.contains(word) && text.contains("dataset flux"),
            "{text}"
        );
        assert!(!folder.path().join("set.h5").exists());
        let mut command = selfsi();
        command
            .arg("inspect")
            .arg(&catalog)
            .timeout(Duration::from_secs(60));
        let shown = command.assert().success().get_output().stdout.clone();
        assert!(String::from_utf8(shown).unwrap().contains(word));
    }
}

/// A PNG file without pixels whose header claims `side`² of them.
fn png(path: &Path, side: u32) {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().unwrap());
    // An empty IDAT chunk before IEND.
    let end = bytes.len() - 12;
    let idat = [0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xaf, 0x06, 0x1e];
    bytes.splice(end..end, idat);
    std::fs::write(path, bytes).unwrap();
}

/// A JPEG file of 8 × 8 pixels whose header claims `side`².
fn jpeg(path: &Path, side: u16) {
    let mut bytes = Vec::new();
    let varied: Vec<u8> = (0..8 * 8 * 3).map(|i| (i * 7 % 256) as u8).collect();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder
        .encode(&varied, 8, 8, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let at = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let [high, low] = side.to_be_bytes();
    bytes[at + 5..at + 9].copy_from_slice(&[high, low, high, low]);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_picture_that_claims_to_be_huge_is_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["a.png", "a.jpg"] {
        match name {
            "a.png" => png(&at(name), 20_000),
            _ => jpeg(&at(name), 16_000),
        }
        let mut command = selfsi();
        command
            .arg("inspect")
            .arg(at(name))
            .timeout(Duration::from_secs(60));
        let text = failure(command);
        assert!(
            text.contains("000") && text.contains("values in a picture"),
            "{text}"
        );
    }
    std::fs::write(
        at("c.toml"),
        "[image]\nchannels = 3\nheight = 8\nwidth = 8\n[survey]\nprepared = 'set.h5'
        [survey.source]\nkind = 'images'\npath = ['pictures']\n[normalise]\nkind = 'pixels'
        [forward]\nkind = 'gaussian'\nsigma = 0.5\n",
    )
    .unwrap();
    std::fs::create_dir(at("pictures")).unwrap();
    png(&at("pictures/a.png"), 20_000);
    jpeg(&at("pictures/b.jpg"), 8);
    jpeg(&at("pictures/c.jpg"), 16_000);
    let mut command = selfsi();
    command
        .current_dir(folder.path())
        .args(["prepare", "c.toml"]);
    command.timeout(Duration::from_secs(60)).assert().success();
    let rejected = std::fs::read_to_string(at("set.h5.rejected.csv")).unwrap();
    assert!(
        rejected.contains("height 20000") && rejected.contains("height 16000"),
        "{rejected}"
    );
}

/// A change of the header and the tensors of a checkpoint.
type Edit<'a> = &'a dyn Fn(&mut Value, &mut Parts);

/// The newest checkpoint of `run` after `edit`, with a checksum that fits.
fn edit(run: &Path, edit: impl Fn(&mut Value, &mut Parts)) {
    let path = checkpoints(run).pop().unwrap();
    let (key, mut header, mut parts) = unsealed(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut header, &mut parts);
    std::fs::write(&path, sealed(&key, header, &parts).unwrap()).unwrap();
}

#[test]
fn a_checkpoint_put_together_otherwise_is_refused_in_one_line() {
    let t = Trained::get();
    let resume = |run: &Path| {
        let mut command = selfsi();
        command
            .arg("train")
            .arg(t.path("sde.toml"))
            .arg("--out")
            .arg(run)
            .arg("--resume");
        command
    };
    let cut = |parts: &mut Parts, name: &str| {
        let (_, shape, bytes) = parts.iter_mut().find(|(n, ..)| n == name).unwrap();
        shape[0] -= 1;
        bytes.truncate(shape.iter().product::<usize>() * 4);
    };
    let edits: [(&str, Edit<'_>); 5] = [
        ("values where the run has", &|_, parts| {
            cut(parts, "estep/pool")
        }),
        ("values where the run has", &|_, parts| {
            cut(parts, "validation/restored")
        }),
        ("not both there", &|_, parts| {
            parts.retain(|(n, ..)| n != "estep/pool")
        }),
        ("which the run does not have", &|header, _| {
            header["pool"] = json!([9_000_000_000u64])
        }),
        ("and the run has 4", &|header, _| {
            header["step"] = json!(u64::MAX)
        }),
    ];
    for (number, (word, change)) in edits.into_iter().enumerate() {
        let run = t.out(&format!("run-{number}"));
        crate::fixtures::run_folder::copy(&t.run("sde"), &run);
        edit(&run, change);
        let text = failure(resume(&run));
        assert!(text.contains(word), "{word}: {text}");
    }
    // Without its checksum, nothing says that it is whole.
    let run = t.copy("sde");
    let path = checkpoints(&run).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (key, header, parts) = unsealed(&bytes).unwrap();
    let whole = sealed(&key, header, &parts).unwrap();
    let at = whole.windows(6).position(|w| w == b"crc32c").unwrap();
    let mut without = whole.clone();
    without[at + 5] = b'x';
    std::fs::write(&path, without).unwrap();
    let text = failure(resume(&run));
    assert!(text.contains("lacks its checksum"), "{text}");
    // As it was, it is taken.
    std::fs::write(&path, whole).unwrap();
    resume(&run).assert().success();
}
