//! Random numbers without state: each is a hash of (seed, purpose, step, row, position).
//!
//! Nothing has to be saved for a resumed run to be bit-identical, and what a row receives does not
//! depend on the batch it happens to be in. The hash is the finaliser of SplitMix64 (Steele, Lea &
//! Flood 2014), applied to counters on the tensor's own device.

use std::cell::Cell;
use tch::{Device, Kind, Tensor};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX2: u64 = 0x94d0_49bb_1331_11eb;

/// What the numbers are for: streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// First weights of a network.
    Weights = 1,
    /// Order of the rows in an epoch.
    Shuffle = 2,
    /// Which rows are held out.
    Split = 3,
    /// Noise of Φ's SDE.
    Transport = 4,
    /// What F draws in training.
    Forward = 5,
    /// Times t and latents z of I_t.
    Interpolant = 6,
    /// What masked pixels hold.
    MaskFill = 7,
    /// Everything that a validation draws.
    Validation = 8,
    /// Which activations dropout silences.
    Dropout = 9,
    /// Clean draws from the Gaussian population.
    WarmStart = 10,
    /// What F draws in `simulate`.
    Simulate = 11,
    /// Which clean rows a batch takes.
    Clean = 12,
    /// Points of the toy studies.
    Toy = 20,
    /// Which half of a survey an object belongs to.
    Halves = 21,
    /// Noise levels and noise in training the diffusion model.
    Diffusion = 22,
    /// Generated samples.
    Generate = 23,
    /// Training and sampling of the baselines.
    Baselines = 31,
    /// Simulated observations of the audit.
    Audit = 40,
    /// Which transported batch of the pool a step takes.
    Pool = 50,
    /// Errors of the redshifts that the network is told.
    Redshift = 60,
    /// Directions in which a risk is probed.
    Probe = 70,
    /// Draws of the population that a path begins with, while it is learned.
    Start = 80,
}

/// A seed that depends on all of its arguments.
#[must_use]
pub fn derive(seed: u64, purpose: Purpose, index: u64) -> u64 {
    hash(hash(seed.wrapping_add(GOLDEN)) ^ hash((purpose as u64).wrapping_mul(GOLDEN)) ^ index)
}

/// A uniform number in [0, 1) that depends on all of its arguments.
#[must_use]
pub fn derive_uniform(seed: u64, purpose: Purpose, index: u64) -> f64 {
    (derive(seed, purpose, index) >> 11) as f64 / (1u64 << 53) as f64
}

fn hash(x: u64) -> u64 {
    let mut z = x.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(MIX1);
    z = (z ^ (z >> 27)).wrapping_mul(MIX2);
    z ^ (z >> 31)
}

thread_local!(static DROPOUT: Cell<u64> = const { Cell::new(0) });

/// Which activations dropout silences is drawn by layer and not by row: seeded before each use, so that
/// what is computed again after a resumption comes out the same. Of a GPU, torch's own generator draws.
pub(crate) fn seed_dropout(seed: u64, index: u64) {
    let seed = derive(seed, Purpose::Dropout, index);
    DROPOUT.set(seed);
    tch::manual_seed((seed >> 1) as i64);
}

/// What this thread's next [`dropout`] draws from.
pub(super) fn dropout_of_part() -> u64 {
    DROPOUT.get()
}

/// `work` with a stream for [`dropout`] that depends on `seed` and `part` alone.
pub(super) fn with_dropout<T>(seed: u64, part: u64, work: impl FnOnce() -> T) -> T {
    let before = DROPOUT.replace(hash(seed ^ hash(part)));
    let made = work();
    DROPOUT.set(before);
    made
}

/// `x` with each number silenced with probability `p`, the others scaled up to the same mean.
pub(crate) fn dropout(x: &Tensor, p: f64) -> Tensor {
    if x.device().is_cuda() {
        return x.dropout(p, true);
    }
    let seed = DROPOUT.get();
    DROPOUT.set(hash(seed));
    let least = (p * f64::from(u32::MAX)) as u32;
    let keep = (1.0 / (1.0 - p)) as f32;
    let kept = |bits: u32| if bits < least { 0.0 } else { keep };
    // Two numbers from each hash.
    let pair = |k: u64| {
        let bits = hash(seed.wrapping_add(k));
        [kept(bits as u32), kept((bits >> 32) as u32)]
    };
    let n = x.numel();
    let mut factors: Vec<f32> = (0..n.div_ceil(2) as u64).flat_map(pair).collect();
    factors.truncate(n);
    x * Tensor::from_slice(&factors)
        .view(x.size().as_slice())
        .to_kind(x.kind())
}

/// Random tensors for a batch of rows; each row has its own stream.
#[derive(Debug)]
pub struct Rows {
    /// `[B, 1]` 64-bit keys.
    keys: Tensor,
}

impl Rows {
    /// Streams for `rows` (their numbers in the data, or in the run), int64 `[B]`.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, step: u64, rows: &Tensor) -> Self {
        let base = derive(seed, purpose, step) as i64;
        let keys = hash_tensor(&(rows.unsqueeze(-1) * (GOLDEN as i64) + base));
        Self { keys }
    }

    /// Streams for rows 0..n on `device`.
    #[must_use]
    pub fn range(seed: u64, purpose: Purpose, step: u64, n: i64, device: Device) -> Self {
        Self::new(
            seed,
            purpose,
            step,
            &Tensor::arange(n, (Kind::Int64, device)),
        )
    }

    /// The streams of the `n` rows from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        Self {
            keys: self.keys.narrow(0, start, n),
        }
    }

    /// The streams of the rows `index` (int64 `[n]`).
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        Self {
            keys: self.keys.index_select(0, index),
        }
    }

    /// The streams of all `parts`, one after the other.
    #[must_use]
    pub fn concatenate(parts: &[Self]) -> Self {
        let keys: Vec<&Tensor> = parts.iter().map(|p| &p.keys).collect();
        Self {
            keys: Tensor::cat(&keys, 0),
        }
    }

    /// Independent streams for the same rows: the `index`-th of their children.
    #[must_use]
    pub fn child(&self, index: u64) -> Self {
        Self {
            keys: hash_tensor(&(&self.keys + hash(index ^ MIX1) as i64)),
        }
    }

    /// `copies` consecutive streams for each row: row i becomes rows i·copies … i·copies + copies − 1.
    #[must_use]
    pub fn split(&self, copies: i64) -> Self {
        let n = self.keys.size()[0];
        let index = Tensor::arange(copies, (Kind::Int64, self.keys.device()));
        let keys = &self.keys + (index + 1) * (MIX2 as i64);
        Self {
            keys: hash_tensor(&keys.view([n * copies, 1])),
        }
    }

    /// The rows' keys on the host, `[B]`: what a program outside seeds its own generators with.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if they cannot be copied there.
    pub fn seeds(&self) -> crate::Result<Vec<u64>> {
        let keys = self.keys.to_device(Device::Cpu).view([-1]);
        let keys = Vec::<i64>::try_from(keys)?;
        Ok(keys.into_iter().map(|k| k as u64).collect())
    }

    /// Standard normals `[B, n]` (Box–Muller), number `draw` of this stream.
    pub fn normal(&self, draw: u64, n: i64) -> Tensor {
        // Two 24-bit uniforms of one 64-bit hash; (k + ½)/2²⁴ is never 0.
        let [first, second] = self.uniforms(draw, (n + 1) / 2, [40, 12]);
        let radius = (first.log() * -2.0).sqrt();
        let angle = second * std::f64::consts::TAU;
        let pair = Tensor::cat(&[&radius * angle.cos(), &radius * angle.sin()], 1);
        pair.narrow(1, 0, n)
    }

    /// Uniforms on (0, 1), `[B, n]`, number `draw` of this stream.
    pub fn uniform(&self, draw: u64, n: i64) -> Tensor {
        let [uniform] = self.uniforms(draw, n, [40]);
        uniform
    }

    /// Of each of `n` hashes the 24 bits from each of `shifts` on, as floats in (0, 1), `[B, n]`.
    fn uniforms<const K: usize>(&self, draw: u64, n: i64, shifts: [u32; K]) -> [Tensor; K] {
        match self.keys.device() {
            Device::Cpu => self.uniforms_of_words(draw, n, shifts),
            _ => self.uniforms_of_tensors(draw, n, shifts),
        }
    }

    /// On the processor: in registers, a quarter of the time that as many operators on tensors take.
    fn uniforms_of_words<const K: usize>(
        &self,
        draw: u64,
        n: i64,
        shifts: [u32; K],
    ) -> [Tensor; K] {
        let rows = self.keys.size()[0] as usize;
        let mut keys = vec![0i64; rows];
        self.keys.contiguous().copy_data(&mut keys, rows);
        let draw = hash(draw);
        let mut found = [(); K].map(|()| Vec::with_capacity(rows * n as usize));
        for key in keys {
            let first = (key as u64).wrapping_add(draw);
            for j in 0..n as u64 {
                let bits = hash(first.wrapping_add(j.wrapping_mul(GOLDEN)));
                for (found, shift) in found.iter_mut().zip(shifts) {
                    let mantissa = (bits >> shift) & 0x00ff_ffff;
                    found.push((mantissa as f32 + 0.5) * (1.0 / 16_777_216.0));
                }
            }
        }
        found.map(|f| Tensor::from_slice(&f).view([rows as i64, n]))
    }

    /// On a device: by operators that overwrite what they were given.
    fn uniforms_of_tensors<const K: usize>(
        &self,
        draw: u64,
        n: i64,
        shifts: [u32; K],
    ) -> [Tensor; K] {
        let counter = Tensor::arange(n, (Kind::Int64, self.keys.device())) * (GOLDEN as i64);
        let first = counter + hash(draw).wrapping_add(GOLDEN) as i64;
        let bits = mixed(&self.keys + first);
        shifts.map(|shift| {
            let mantissa = bits.bitwise_right_shift_tensor_scalar(i64::from(shift));
            let mut uniform = mantissa.bitwise_and(0x00ff_ffff).to_kind(Kind::Float);
            uniform += 0.5;
            uniform *= 1.0 / 16_777_216.0;
            uniform
        })
    }
}

fn hash_tensor(x: &Tensor) -> Tensor {
    mixed(x + GOLDEN as i64)
}

/// [`hash`] of what [`GOLDEN`] has been added to.
fn mixed(z: Tensor) -> Tensor {
    let z = xor_shift(&z, 30) * (MIX1 as i64);
    let z = xor_shift(&z, 27) * (MIX2 as i64);
    xor_shift(&z, 31)
}

/// z ^ (z >> k) with a logical shift (torch's shift of int64 is arithmetic).
fn xor_shift(z: &Tensor, k: i64) -> Tensor {
    let mut shifted = z.bitwise_right_shift_tensor_scalar(k);
    let shifted = shifted.bitwise_and_((u64::MAX >> k) as i64);
    shifted.bitwise_xor_tensor(z)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: i64) -> Rows {
        Rows::range(7, Purpose::Transport, 3, n, Device::Cpu)
    }

    #[test]
    fn tensor_and_scalar_hashes_agree() {
        let x = Tensor::from_slice(&[0i64, 1, -5, i64::MAX]);
        let got: Vec<i64> = hash_tensor(&x).try_into().unwrap();
        assert_eq!(got, [0i64, 1, -5, i64::MAX].map(|v| hash(v as u64) as i64));
    }

    #[test]
    fn the_processor_and_a_device_draw_the_same_bits() {
        // A part of a batch: keys that do not lie in a row.
        let rows = rows(9).select(&Tensor::from_slice(&[7i64, 0, 3]));
        for rows in [rows.narrow(1, 2), rows.child(3), rows.split(2)] {
            let words = rows.uniforms_of_words(5, 33, [40, 12]);
            assert_eq!(words, rows.uniforms_of_tensors(5, 33, [40, 12]));
        }
        let none = rows.narrow(0, 0).uniforms_of_words(5, 3, [40]);
        assert_eq!(none[0].size(), [0, 3]);
    }

    #[test]
    fn normals_have_the_moments_of_a_standard_normal() {
        let x = rows(2000).normal(0, 501);
        let mean = x.mean(Kind::Double).double_value(&[]);
        let var = (&x * &x).mean(Kind::Double).double_value(&[]);
        let fourth = x.pow_tensor_scalar(4).mean(Kind::Double).double_value(&[]);
        // 1e6 numbers: standard errors 1e-3, 1.4e-3, 1e-2.
        assert!(mean.abs() < 5e-3 && (var - 1.0).abs() < 7e-3 && (fourth - 3.0).abs() < 5e-2);
        let neighbours = (x.narrow(1, 0, 500) * x.narrow(1, 1, 500)).mean(Kind::Double);
        assert!(neighbours.double_value(&[]).abs() < 5e-3);
        let pair = (x.narrow(1, 0, 250) * x.narrow(1, 251, 250)).mean(Kind::Double);
        assert!(pair.double_value(&[]).abs() < 7e-3);
    }

    #[test]
    fn a_row_gets_the_same_numbers_in_any_batch() {
        let whole = rows(10).normal(4, 33);
        let part =
            Rows::new(7, Purpose::Transport, 3, &Tensor::from_slice(&[6i64, 2])).normal(4, 33);
        assert_eq!(part.get(0), whole.get(6));
        assert_eq!(part.get(1), whole.get(2));
    }

    #[test]
    fn streams_of_other_steps_purposes_children_and_copies_differ() {
        let a = rows(4).normal(0, 8);
        for other in [
            rows(4).normal(1, 8),
            Rows::range(7, Purpose::Forward, 3, 4, Device::Cpu).normal(0, 8),
            Rows::range(7, Purpose::Transport, 4, 4, Device::Cpu).normal(0, 8),
            rows(4).child(0).normal(0, 8),
            rows(2).split(2).normal(0, 8),
        ] {
            assert!((&a - other).abs().min().double_value(&[]) > 0.0);
        }
    }
}
