//! What the network for images costs, in images per second, and what its two options gain: the
//! fields alone as in the transport, and the fields with their gradient as in the fit.

#![expect(missing_docs, reason = "criterion_group! makes a public function")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::UNet2dConfig;
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::Latent;
use selfsi::nets::{Pass, UNet2d, VelocityField};
use std::hint::black_box;
use std::time::Duration;
use tch::{Device, Kind, Tensor, no_grad};

const BATCH: i64 = 8;
const PIXELS: i64 = 3 * 32 * 32;

/// Half the default's channels and a third of its blocks, so that ten samples take seconds.
fn network(channels_last: bool, bf16: bool) -> UNet2d {
    let config = UNet2dConfig {
        channels: 32,
        blocks: 1,
        channels_last,
        bf16,
        ..UNet2dConfig::default()
    };
    let image = ImageLayout {
        channels: 3,
        height: 32,
        width: 32,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
        },
        vector: 0,
        planes: 0,
        psf: 0,
    };
    UNet2d::new(&config, &image, 1, UNet2d::INTERPOLANT, 1, Device::Cpu)
}

fn input() -> (Tensor, Tensor, Latent) {
    let random = Rows::range(1, Purpose::Validation, 0, BATCH, Device::Cpu);
    let x = random.normal(0, PIXELS);
    let one = || x.ones_like();
    let latent = Latent::of_pixels(one(), one(), one());
    (random.uniform(1, 1), x, latent)
}

fn options(c: &mut Criterion) {
    let (t, x, latent) = input();
    let pass = Pass::default();
    for part in ["fields", "fit"] {
        let mut group = c.benchmark_group(part);
        group.throughput(Throughput::Elements(BATCH as u64));
        group.sampling_mode(SamplingMode::Flat);
        for (name, channels_last, bf16) in [
            ("plain", false, false),
            ("channels_last", true, false),
            ("bf16", false, true),
            ("channels_last, bf16", true, true),
        ] {
            let net = network(channels_last, bf16);
            let fields = || net.fields(&t, black_box(&x), &latent, pass).velocity;
            if part == "fields" {
                group.bench_function(name, |b| b.iter(|| no_grad(fields)));
            } else {
                group.bench_function(name, |b| {
                    b.iter(|| {
                        let loss = (fields() - &x).square().mean(Kind::Float);
                        net.params().gradient(&loss)
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4));
    targets = options
}
criterion_main!(benches);
