//! Restored images: what is written is what was computed, in both formats, all of it or nothing.

use ndarray::{Array2, s};
use selfsi::catalog::{
    ImageLayout, ImageTable, Object, PixelScale, Provenance, RestoredBlock, RestoredImages,
    RestoredImagesHeader, RestoredImagesWriter, flag,
};
use std::path::Path;

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
                mean: (0..channels).map(|c| 0.1 + 1e-17 * c as f64).collect(),
                std: (0..channels).map(|c| 1.0 / (3 + c) as f64).collect(),
            },
            vector,
            planes: 2 * vector,
        },
        unit: if channels > 1 { "nJy" } else { "" }.into(),
        noise_known: channels > 1,
        made: Provenance {
            method: method.into(),
            draws,
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
    let sde = header.made.method == "sde";
    let (mut observed, mut ivar) = (image(6), image(7));
    observed[[0, 3]] = f32::NAN;
    ivar.row_mut(1).fill(0.0);
    ivar[[0, 3]] = 0.0;
    RestoredBlock {
        restored: image(1),
        sigma: sde.then(|| image(2)),
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
    }
}

fn write(path: &Path, header: &RestoredImagesHeader) {
    let block = block(header);
    let mut w = RestoredImagesWriter::create(path, header, N).unwrap();
    w.write(&rows(&block, 0..2)).unwrap();
    assert!(!path.exists(), "nothing appears before it is complete");
    w.write(&rows(&block, 2..N)).unwrap();
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
            assert_eq!(read.table(), &table(vector));
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
