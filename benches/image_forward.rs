//! The stages of the forward model of images on a batch of 64 images of CIFAR's shape, in images
//! per second.

#![expect(missing_docs, reason = "criterion_group! makes a public function")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::LatentUse::Redrawn;
use selfsi::config::{Chroma, StageConfig};
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::{ForwardModel, Latent, Stages};
use std::hint::black_box;
use std::time::Duration;
use tch::Device;

const BATCH: i64 = 64;

fn stages() -> Vec<(&'static str, StageConfig)> {
    let jpeg = |chroma| StageConfig::Jpeg {
        min: 0.1,
        max: 1.0,
        chroma,
        latent: Redrawn,
    };
    let mask = StageConfig::mask(0.5, Redrawn);
    let motion = StageConfig::Motion {
        length: 5,
        latent: Redrawn,
    };
    let rays = StageConfig::Rays {
        rays: 16,
        latent: Redrawn,
    };
    vec![
        ("mask", mask),
        ("noise", StageConfig::noise(0.1)),
        ("blur", StageConfig::Blur { sigma: 1.0 }),
        ("poisson", StageConfig::Poisson { rate: 0.25 }),
        ("photon", StageConfig::Photon { gain: 0.1 }),
        ("motion", motion),
        ("jpeg 4:4:4", jpeg(Chroma::Full)),
        ("jpeg 4:2:0", jpeg(Chroma::Halved)),
        ("rays", rays),
    ]
}

fn image_forward(c: &mut Criterion) {
    let layout = ImageLayout {
        channels: 3,
        height: 32,
        width: 32,
        scale: PixelScale {
            softening: None,
            mean: vec![120.0; 3],
            std: vec![60.0; 3],
        },
        vector: 0,
        planes: 0,
        psf: 0,
    };
    let random = Rows::range(1, Purpose::Forward, 0, BATCH, Device::Cpu);
    let x = random.normal(9, layout.pixels() as i64);
    let recorded = Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like());

    let mut group = c.benchmark_group("image_forward");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, stage) in stages() {
        let model = Stages::new(&[stage], &layout, Device::Cpu).expect("stages of 3 channels");
        group.bench_function(name, |b| {
            b.iter(|| model.observe(black_box(&x), &recorded, &random));
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
    targets = image_forward
}
criterion_main!(benches);
