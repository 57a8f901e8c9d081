//! Reading spec files, and rebinning, in spectra per second.

#![expect(missing_docs, reason = "criterion_group! makes a public function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selfsi::config::{GridConfig, MaskConfig};
use selfsi::data::{Block, LogGrid, NativeGrid, Spectrum};
use selfsi::prepare::Regridder;
use selfsi::survey::{PixelMask, read_spec};
use std::hint::black_box;

#[path = "../tests/it/fixtures/survey_files.rs"]
#[allow(dead_code)] // the tests use more of it
mod survey_files;

fn spec_file(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mask = PixelMask::new(&MaskConfig::default()).expect("the default mask");
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    for gzip in [false, true] {
        let spec = survey_files::Spec {
            gzip,
            ..survey_files::Spec::new(1)
        };
        let path = folder.path().join(spec.file_name());
        spec.write(&path);
        let name = if gzip { "spec.fits.gz" } else { "spec.fits" };
        group.bench_function(name, |b| {
            b.iter(|| read_spec(black_box(&path), &mask, true).map(|s| s.spectrum.flux.len()));
        });
    }
    group.finish();
}

fn regrid(c: &mut Criterion) {
    let grid = LogGrid::new(&GridConfig::default());
    let regridder = Regridder::sdss(&grid);
    let spectrum = Spectrum {
        grid: NativeGrid::Sdss { first: 35500 },
        flux: vec![1.0; 4600],
        ivar: vec![1.0; 4600],
        lsf: vec![1.0; 4600],
        extras: Default::default(),
    };
    let mut block = Block::masked(1, grid.pixels);
    let mut group = c.benchmark_group("regrid");
    group.throughput(Throughput::Elements(1));
    group.bench_function("sdss to 1024 pixels", |b| {
        b.iter(|| regridder.regrid(black_box(&spectrum), &mut block, 0));
    });
    group.finish();
}

criterion_group!(benches, spec_file, regrid);
criterion_main!(benches);
