//! The training step and the restoration of the default network, to be timed beside PyTorch's:
//! benches/eager.py starts this program, and all take turns.
//!
//! Arguments: a file for the weights with a batch and its fields (safetensors), the batch size. Then,
//! on standard input, `train N`, `restore N` or `restore-bf16 N`; the answer to each is the CPU seconds of N
//! of them.

use safetensors::tensor::{Dtype, TensorView};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{
    Bf16, GridConfig, InterpolantConfig, TrainConfig, TransportConfig, UNet1dConfig,
};
use selfsi::data::LogGrid;
use selfsi::fit::{Learner, Stride};
use selfsi::forward::{CorrelatedNoise, Gaussian, Latent};
use selfsi::nets::{Pass, UNet1d, VelocityField};
use selfsi::ranks::Place;
use selfsi::train::{Observations, Rule};
use selfsi::transport::Transport;
use std::io::{BufRead, Write};
use tch::{Device, Kind, Tensor};

const PIXELS: i64 = 1024;
const SIGMA: f64 = 0.7;

fn main() {
    // cargo bench adds --bench.
    let arguments: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let [_, file, batch] = &arguments[..] else {
        eprintln!("started by benches/eager.py");
        return;
    };
    tch::set_num_threads(1);
    let batch: i64 = batch.parse().unwrap();
    let shape = UNet1dConfig::default();
    let grid = LogGrid::new(&GridConfig::default());
    let network = UNet1d::new(&shape, &grid, 1, 1, Device::Cpu);
    // No layer is left at zero, which would hide it from the comparison.
    let flat = network.params().flat();
    let z = Rows::range(4, Purpose::Weights, 0, 1, Device::Cpu).normal(0, flat.size()[0]);
    network.params().set_flat(&(flat + z.squeeze() * 0.02));

    let random = Rows::range(1, Purpose::Validation, 0, batch, Device::Cpu);
    let flux = random.normal(0, PIXELS);
    let ones = flux.ones_like();
    let data = Observations {
        latent: Latent::of_pixels(ones.copy(), &ones * SIGMA, ones.zeros_like()),
        flux,
    };
    let t = random.uniform(1, 1);
    let fields = tch::no_grad(|| network.fields(&t, &data.flux, &data.latent, Pass::default()));
    let transport = Transport::new(&InterpolantConfig::Ode, &TransportConfig::default(), true);
    let rounded = TransportConfig {
        bf16: Bf16::On,
        ..TransportConfig::default()
    };
    let rounded = Transport::new(&InterpolantConfig::Ode, &rounded, true);
    let x = transport.run(&network, &data.flux, &data.latent, &random, false);
    let mut tensors: Vec<(String, Tensor)> = vec![
        ("y".into(), data.flux.copy()),
        ("t".into(), t),
        ("velocity".into(), fields.velocity),
        ("restored".into(), x),
    ];
    tensors.extend((network.params().named().iter()).map(|(n, w)| (n.clone(), w.detach())));
    save(file, &tensors);

    let train = TrainConfig {
        resamplings: 1,
        ..TrainConfig::default()
    };
    let forward = Gaussian::new(SIGMA, CorrelatedNoise::new(&[], Device::Cpu));
    let rule = Rule {
        forward: &forward,
        transport: &transport,
        train: &train,
        noise_known: true,
        clean: None,
        seed: 1,
        place: Place::whole(),
    };
    let pairs = rule.transport(&network, &data, 0);
    let mut learner = Learner::new(Box::new(network));
    let stride = Stride {
        rate: 1e-5,
        clip: 1.0,
        ema: 0.998,
    };
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (what, n) = line.split_once(' ').unwrap();
        let n: u64 = n.parse().unwrap();
        let begin = cpu_seconds();
        for _ in 0..n {
            if what == "train" {
                let k = learner.adam.step;
                let portions = rule.portions(&pairs, k).unwrap();
                let loss = learner.descend(portions, |n, p| rule.loss(n, p, k), stride);
                let _ = loss.unwrap();
            } else {
                let net = learner.network.as_ref();
                let by = if what == "restore" {
                    &transport
                } else {
                    &rounded
                };
                let _ = by.run(net, &data.flux, &data.latent, &random, false);
            }
        }
        println!("{}", cpu_seconds() - begin);
        std::io::stdout().flush().unwrap();
    }
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn save(file: &str, tensors: &[(String, Tensor)]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, t)| {
            let flat = t.to_kind(Kind::Float).contiguous().view([-1]);
            let values = Vec::<f32>::try_from(flat).unwrap();
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, t), bytes)| {
        let shape = t.size().iter().map(|n| *n as usize).collect();
        let view = TensorView::new(Dtype::F32, shape, bytes).unwrap();
        (name.as_str(), view)
    });
    std::fs::write(file, safetensors::serialize(views, None).unwrap()).unwrap();
}
