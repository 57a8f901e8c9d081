//! What training and restoring cost with the default network, in spectra per second: one step of
//! Algorithm 2 in its two parts, the E-step (Φ) and the fit, and Φ by itself as in `restore`.

#![expect(missing_docs, reason = "criterion_group! makes a public function")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    EpsilonShape, GridConfig, InterpolantConfig, NoiseFrom, SmoothingFrom, TrainConfig,
    TransportConfig, UNet1dConfig,
};
use selfsi::data::LogGrid;
use selfsi::fit::{Adam, gradient};
use selfsi::forward::{CorrelatedNoise, Latent, Quasar};
use selfsi::interpolant::Interpolant;
use selfsi::nets::{UNet1d, VelocityField};
use selfsi::ranks::Place;
use selfsi::train::{Observations, Pairs, Rule};
use selfsi::transport::Transport;
use std::hint::black_box;
use std::time::Duration;
use tch::Device;

/// A quarter of the default, so that ten samples do not take minutes.
const BATCH: i64 = 16;
const ODE: InterpolantConfig = InterpolantConfig::Ode;
const SDE: InterpolantConfig = InterpolantConfig::Sde {
    gamma: 1.0,
    diffusion: EpsilonShape::Channel,
    epsilon: 1.0,
};

fn observations(grid: &LogGrid) -> Observations {
    let random = Rows::range(1, Purpose::Validation, 0, BATCH, Device::Cpu);
    let flux = random.normal(0, grid.pixels as i64) + 1.0;
    let ones = flux.ones_like();
    Observations {
        latent: Latent::from_ivar(&ones, &ones),
        flux,
    }
}

fn network(interpolant: &InterpolantConfig) -> UNet1d {
    let heads = Interpolant::new(interpolant, true).heads();
    let grid = LogGrid::new(&GridConfig::default());
    UNet1d::new(&UNet1dConfig::default(), &grid, heads, 1, Device::Cpu)
}

fn transport(interpolant: &InterpolantConfig) -> Transport {
    Transport::new(interpolant, &TransportConfig::default(), true)
}

fn train(c: &mut Criterion) {
    let grid = LogGrid::new(&GridConfig::default());
    let data = observations(&grid);
    let white = CorrelatedNoise::new(&[0.0], Device::Cpu);
    let forward = Quasar::new(
        0.05,
        SmoothingFrom::Lsf,
        NoiseFrom::Ivar,
        &grid,
        white,
        Device::Cpu,
    );
    let transport = transport(&ODE);
    let (config, shape) = (TrainConfig::default(), UNet1dConfig::default());
    let rule = Rule {
        forward: &forward,
        transport: &transport,
        train: &config,
        noise_known: shape.noise_input,
        clean: None,
        seed: 1,
        place: Place::whole(),
    };
    let net = network(&ODE);
    let params = net.params();
    let mut adam = Adam::new(&params.flat());
    let mut fit = |pairs: &Pairs| {
        let portions = rule.portions(pairs, 0).unwrap();
        let found = gradient(&net, portions, |n, p| rule.loss(n, p, 0));
        let (_, gradient) = found.unwrap();
        let weights = adam.update(&params.flat(), &gradient, 1e-4, config.clip);
        params.set_flat(&weights);
    };

    let mut group = c.benchmark_group("train");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.sampling_mode(SamplingMode::Flat);
    let pairs = rule.transport(&net, &data, 0);
    group.bench_function("E-step", |b| {
        b.iter(|| rule.transport(&net, black_box(&data), 0));
    });
    group.bench_function("fit", |b| b.iter(|| fit(black_box(&pairs))));
    group.bench_function("whole step", |b| {
        b.iter(|| {
            fit(&rule.transport(&net, black_box(&data), 0));
        });
    });
    group.finish();
}

fn restore(c: &mut Criterion) {
    let grid = LogGrid::new(&GridConfig::default());
    let data = observations(&grid);
    let random = Rows::range(1, Purpose::Transport, 0, BATCH, Device::Cpu);
    let mut group = c.benchmark_group("restore");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.sampling_mode(SamplingMode::Flat);
    for (name, interpolant) in [("ode", &ODE), ("sde, one draw", &SDE)] {
        let transport = transport(interpolant);
        let net = network(interpolant);
        group.bench_function(name, |b| {
            b.iter(|| transport.run(&net, black_box(&data.flux), &data.latent, &random, false));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4));
    targets = train, restore
}
criterion_main!(benches);
