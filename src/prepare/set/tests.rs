//! Prepared sets of both kinds, written and read back.

use super::{ImageSet, ImageSetHeader, Prepared, PreparedSet, SetHeader, SetWriter, SpectraHeader};
use crate::config::GridConfig;
use crate::data::{Bands, ImageLayout, LogGrid, Object, PixelScale, RowBlock, flag};
use std::fmt::Debug;
use std::ops::Range;

fn spectra() -> SpectraHeader {
    let grid = LogGrid::new(&GridConfig {
        pixels: 32,
        ..GridConfig::default()
    });
    SpectraHeader {
        carried: Default::default(),
        grid,
        noise_rho: vec![0.1; 32],
        flux_unit: "unit".into(),
        level_mean: None,
        specsys: Some("BARYCENT".into()),
        config: "seed = 1".into(),
    }
}

fn images(softening: Option<f64>, vector: usize, planes: usize) -> ImageSetHeader {
    ImageSetHeader {
        layout: ImageLayout {
            channels: 2,
            height: 3,
            width: 4,
            scale: PixelScale {
                softening,
                mean: vec![0.5, 0.25],
                std: vec![1.5, 2.0],
            },
            vector,
            planes,
            psf: 0,
        },
        bands: Bands::of(2, &["nmgy".into()], &["g".into(), "r".into()]),
        config: "seed = 1".into(),
    }
}

fn object(i: usize) -> Object {
    Object {
        name: format!("Ωbject {i}"),
        flag: if i == 1 { flag::SNR } else { flag::GOOD },
        reason: if i == 1 { "S/N 0.1" } else { "" }.into(),
        source: "spec.fits".into(),
        ..Object::default()
    }
}

fn spectrum(i: usize) -> Object {
    Object {
        plate: 3655,
        fiberid: i as i64,
        z: 2.0 + i as f64,
        z_err: 0.01 * i as f64,
        z_grid: 1.99 + i as f64,
        norm: 0.5 + i as f64,
        ..object(i)
    }
}

fn image(i: usize) -> Object {
    let label = [7, 8, 9, -1, 3][i];
    Object { label, ..object(i) }
}

/// Writes five rows in two blocks, reads them back in others, and gives the set and all of its rows.
fn round_trip<H: SetHeader + PartialEq>(
    header: &H,
    object: fn(usize) -> Object,
) -> (PreparedSet<H>, H::Block)
where
    H::Block: PartialEq + Debug,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    let mut all = header.masked(5);
    for (k, part) in all.parts_mut().into_iter().enumerate() {
        let values = part.iter_mut().enumerate();
        values.for_each(|(i, v)| *v = (1000 * k + i) as f32);
    }
    all.parts_mut()[1][[0, 0]] = f32::INFINITY;
    let objects: Vec<Object> = (0..5).map(object).collect();
    if let [norm, z, z_err] = &mut all.columns_mut()[..] {
        **norm = objects.iter().map(|o| o.norm).collect();
        **z = objects.iter().map(|o| o.z).collect();
        **z_err = objects.iter().map(|o| o.z_err).collect();
    }
    let part = |r: Range<usize>| all.select(&r.collect::<Vec<_>>());
    let mut w = SetWriter::create(&path, header, 5).unwrap();
    w.write(&objects[..2], &part(0..2)).unwrap();
    assert!(!path.exists(), "nothing appears before it is complete");
    assert!(w.write(&objects[2..4], &part(2..5)).is_err());
    w.write(&objects[2..], &part(2..5)).unwrap();
    assert!(w.write(&objects[4..], &part(4..5)).is_err(), "a sixth row");
    w.finish().unwrap();

    let set = PreparedSet::<H>::open(&path).unwrap();
    assert_eq!((set.len(), set.config()), (5, "seed = 1"));
    assert_eq!(format!("{:?}", set.objects()), format!("{objects:?}"));
    assert_eq!(set.read(0..5).unwrap(), all);
    assert_eq!(set.read(1..3).unwrap(), part(1..3));
    assert_eq!(set.rows().read(1..3).unwrap(), part(1..3));
    let e = set.read(4..6).unwrap_err().to_string();
    assert!(e.contains("rows 4..6") && e.contains("0..5"), "{e}");
    assert_eq!(set.read_rows(&[3, 0, 4]).unwrap(), all.select(&[3, 0, 4]));
    (set, all)
}

#[test]
fn spectra_written_block_by_block_are_read_back_in_any_blocks() {
    let header = spectra();
    let (set, all) = round_trip(&header, spectrum);
    assert_eq!(set.noise_rho(), header.noise_rho);
    assert_eq!((set.flux_unit(), set.specsys()), ("unit", Some("BARYCENT")));
    assert!((set.grid().loglam0 - header.grid.loglam0).abs() < 1e-12);
    assert!((set.grid().dloglam - header.grid.dloglam).abs() < 1e-12);
    assert_eq!(all.select(&[3, 0]).z, [5.0, 2.0]);
}

#[test]
fn images_written_block_by_block_are_read_back_in_any_blocks() {
    for header in [images(None, 0, 0), images(Some(0.1), 2, 1)] {
        let (set, all) = round_trip(&header, image);
        assert_eq!(set.header(), &header);
        assert_eq!(all.vector.ncols(), header.layout.vector);
    }
}

#[test]
fn an_incomplete_set_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    let w = SetWriter::create(&path, &spectra(), 3).unwrap();
    assert!(w.finish().unwrap_err().to_string().contains("row 0"));
    let w = SetWriter::create(&path, &images(None, 0, 0), 3).unwrap();
    assert!(w.finish().unwrap_err().to_string().contains("row 0"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_not_a_prepared_set_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let refused = || {
        let spectra = Prepared::open(&path).unwrap_err().to_string();
        let images = ImageSet::open(&path).unwrap_err().to_string();
        assert!(!spectra.contains('\n') && !images.contains('\n'));
        [spectra, images]
    };
    std::fs::write(&path, "not HDF5").unwrap();
    for e in refused() {
        assert!(e.contains("not a readable HDF5 file"), "{e}");
    }
    hdf5::File::create(&path).unwrap().close().unwrap();
    for e in refused() {
        assert!(e.contains("selfsi prepare"), "{e}");
    }
}

#[test]
fn a_set_of_impossible_images_is_refused_before_memory_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.h5");
    for shape in [[-2i64, 3, 4, 0, 0], [i64::MAX, i64::MAX, 2, 0, 0]] {
        let header = images(None, 0, 0);
        SetWriter::create(&path, &header, 0)
            .unwrap()
            .finish()
            .unwrap();
        let file = hdf5::File::open_rw(&path).unwrap();
        file.dataset("shape").unwrap().write_raw(&shape).unwrap();
        file.close().unwrap();
        let e = ImageSet::open(&path).unwrap_err().to_string();
        assert!(
            e.contains("dataset shape") && e.contains("selfsi prepare"),
            "{e}"
        );
    }
}
