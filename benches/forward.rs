//! The forward model on a batch of 64 spectra of 1024 pixels, in spectra per second.

#![expect(missing_docs, reason = "criterion_group! makes a public function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{GridConfig, NoiseFrom, SmoothingFrom};
use selfsi::data::LogGrid;
use selfsi::forward::{CorrelatedNoise, ForwardModel, Latent, Quasar, Smoothing};
use std::hint::black_box;
use std::time::Duration;
use tch::{Device, Kind, Tensor};

const BATCH: i64 = 64;

fn forward(c: &mut Criterion) {
    let grid = LogGrid::new(&GridConfig::default());
    let d = grid.pixels as i64;
    let random = Rows::range(1, Purpose::Forward, 0, BATCH, Device::Cpu);
    let x = random.normal(9, d) * 0.1 + 1.0;
    let narrow = Tensor::linspace(0.8, 1.3, d, (Kind::Float, Device::Cpu)).repeat([BATCH, 1]);
    let recorded = Latent::from_ivar(&x.ones_like(), &narrow);

    let mut group = c.benchmark_group("forward");
    group.throughput(Throughput::Elements(BATCH as u64));
    // The widths of a resolution of 50, 43 pixels, and of SDSS.
    let wide = Tensor::full([BATCH, 1], 43.4, (Kind::Float, Device::Cpu));
    let smoothing = Smoothing::new(grid.pixels, Device::Cpu);
    group.bench_function("smooth, one width per spectrum", |b| {
        b.iter(|| smoothing.uniform(black_box(&x), &wide));
    });
    group.bench_function("smooth, a width per pixel", |b| {
        b.iter(|| smoothing.per_pixel(black_box(&x), &narrow));
    });
    for (name, smoothing, noise) in [
        (
            "quasar channel, resolution 50",
            SmoothingFrom::Resolution {
                resolution: 50.0,
                spread: 0.05,
            },
            NoiseFrom::Snr {
                min: 30.0,
                max: 50.0,
            },
        ),
        (
            "quasar channel, own lsf and ivar",
            SmoothingFrom::Lsf,
            NoiseFrom::Ivar,
        ),
    ] {
        let white = CorrelatedNoise::new(&[0.0], Device::Cpu);
        let channel = Quasar::new(0.05, smoothing, noise, &grid, white, Device::Cpu);
        group.bench_function(name, |b| {
            b.iter(|| channel.observe(black_box(&x), &recorded, &random));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = forward
}
criterion_main!(benches);
