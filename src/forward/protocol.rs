//! The bytes that pass between selfsi and a program; data/simulators/README.md documents them.
//!
//! Everything is little-endian and without padding; arrays are row by row.

use crate::Result;
use crate::base::tensors::numbers;
use crate::config::LatentUse;
use crate::data::Layout;
use tch::Tensor;

/// Version of the greeting, and the first of the protocol.
const VERSION: u32 = 1;
/// The version whose batches of spectra hold the redshift: programs that reply with it get it.
const WITH_REDSHIFT: u32 = 2;
/// Most numbers and planes that a program may describe a row by.
const MOST: usize = 65_536;
const GREETING: &[u8; 8] = b"SELFSI>F";
const REPLY: &[u8; 8] = b"F>SELFSI";
/// Bytes of the reply to the greeting.
pub(super) const REPLY_BYTES: usize = 8 + 5 * 4;
/// Bytes before the arrays of an answer.
pub(super) const HEAD_BYTES: usize = 8;

/// What a simulator says that it gives besides y.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Promise {
    /// Numbers K and planes P that describe the corruption of a row.
    pub vector: usize,
    pub planes: usize,
    pub sigma: bool,
    pub good: bool,
    /// Whether it wants ln(1 + z) of each spectrum.
    pub redshift: bool,
}

/// The first message: layout and use of the latent.
pub(super) fn greeting(layout: &Layout, latent: LatentUse) -> Vec<u8> {
    let mut out = GREETING.to_vec();
    let kind = u32::from(matches!(layout, Layout::Images(_)));
    let latent = match latent {
        LatentUse::Kept => 0,
        LatentUse::Redrawn => 1,
        LatentUse::Hidden => 2,
    };
    put(&mut out, &[VERSION, kind, latent, pixels(layout) as u32]);
    match layout {
        Layout::Spectra { grid, noise_rho } => {
            let rho = |i| noise_rho.get(i).copied().map_or(0.0, f64::from);
            out.extend(grid.loglam().iter().flat_map(|v| v.to_le_bytes()));
            out.extend((0..grid.pixels).flat_map(|i| rho(i).to_le_bytes()));
        }
        Layout::Images(image) => {
            let shape = [image.channels, image.height, image.width].map(|n| n as u32);
            put(&mut out, &shape);
            let scale = &image.scale;
            let softening = [scale.softening.unwrap_or(0.0)];
            let numbers = softening.iter().chain(&scale.mean).chain(&scale.std);
            out.extend(numbers.flat_map(|v| v.to_le_bytes()));
        }
    }
    out
}

/// D of a layout.
pub(super) fn pixels(layout: &Layout) -> usize {
    match layout {
        Layout::Spectra { grid, .. } => grid.pixels,
        Layout::Images(image) => image.pixels(),
    }
}

/// Reads the reply ([`REPLY_BYTES`]) of a program that was told of `pixels` pixels.
///
/// # Errors
/// What is wrong with it.
pub(super) fn promise(bytes: &[u8], pixels: usize) -> std::result::Result<Promise, String> {
    let (magic, rest) = bytes.split_at(REPLY.len().min(bytes.len()));
    if magic != REPLY {
        let text = String::from_utf8_lossy(bytes);
        return Err(format!(
            "its reply begins with {:?}, not with {:?}",
            text.chars().take(24).collect::<String>(),
            String::from_utf8_lossy(REPLY)
        ));
    }
    let words = words(rest);
    let [version, d, vector, planes, parts] = words[..] else {
        return Err("its reply is too short".into());
    };
    if ![VERSION, WITH_REDSHIFT].contains(&(version as u32)) {
        return Err(format!(
            "it speaks version {version} of the protocol, not {VERSION} or {WITH_REDSHIFT}"
        ));
    }
    if d != pixels {
        return Err(format!("it replies D = {d}, but rows have {pixels} pixels"));
    }
    if vector > MOST || planes > MOST {
        return Err(format!(
            "it announces {vector} numbers and {planes} planes per row, more than {MOST}"
        ));
    }
    if parts > 3 {
        return Err(format!("its reply announces unknown parts ({parts:#b})"));
    }
    Ok(Promise {
        vector,
        planes,
        sigma: parts & 1 != 0,
        good: parts & 2 != 0,
        redshift: version as u32 == WITH_REDSHIFT,
    })
}

/// One batch: how many rows, a seed for each, and the arrays.
pub(super) fn request(seeds: &[u64], arrays: &[&Tensor]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put(&mut out, &[seeds.len() as u32]);
    out.extend(seeds.iter().flat_map(|s| s.to_le_bytes()));
    for array in arrays {
        out.extend(numbers(array)?.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(out)
}

/// The two numbers at the head of an answer ([`HEAD_BYTES`]): rows, and numbers per row.
pub(super) fn head(bytes: &[u8]) -> (usize, usize) {
    match words(bytes)[..] {
        [rows, numbers] => (rows, numbers),
        _ => (0, 0),
    }
}

pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    let four = bytes.as_chunks::<4>().0;
    four.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|w| w.to_le_bytes()));
}

fn words(bytes: &[u8]) -> Vec<usize> {
    let four = bytes.as_chunks::<4>().0;
    four.iter()
        .map(|b| u32::from_le_bytes(*b) as usize)
        .collect()
}
