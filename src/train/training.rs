//! The observations of training: in memory, or read from the prepared set when they are needed.

use super::observations::{CHUNK, Observations};
use crate::Result;
use crate::forward::Latent;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tch::{Device, Tensor};

/// Rows of a prepared set, on the host.
pub(super) type Read = Arc<dyn Fn(Range<usize>) -> Result<Observations> + Send + Sync>;

/// Rows that lie together on disk: those of one chunk of the file.
const BLOCK: u32 = 256;

/// The observations of training.
#[derive(Debug)]
pub enum Training {
    /// In memory, on the device of the training.
    Resident(Observations),
    /// In the prepared set, more than `train.memory` holds.
    Streamed(Streamed),
}

/// Observations that are read when they are needed.
#[derive(Clone)]
pub struct Streamed {
    read: Read,
    /// Their rows in the set, ascending.
    rows: Arc<[u32]>,
    /// So many may be in memory together, more or less.
    window: usize,
    device: Device,
}

impl From<Observations> for Training {
    fn from(observations: Observations) -> Self {
        Self::Resident(observations)
    }
}

impl Training {
    /// Those in `rows` of a set (ascending), on `device`. At most `memory` bytes of them are held, of
    /// `each` bytes one: all of them, or windows that take half of it.
    pub(super) fn of(
        read: Read,
        rows: Vec<u32>,
        (each, memory): (u64, u64),
        device: Device,
    ) -> Result<Self> {
        if rows.len() as u64 * each <= memory {
            return gathered(&read, &rows, device, &|| false).map(Self::Resident);
        }
        Ok(Self::Streamed(Streamed {
            read,
            rows: rows.into(),
            // One in use, one that is being read.
            window: (memory / each / 2) as usize,
            device,
        }))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> i64 {
        match self {
            Self::Resident(o) => o.len(),
            Self::Streamed(s) => s.rows.len() as i64,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Consecutive ones, on the device.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if they cannot be read.
    pub fn part(&self, range: Range<i64>) -> Result<Observations> {
        match self {
            Self::Resident(o) => Ok(o.narrow(range.start, range.end - range.start)),
            Self::Streamed(s) => {
                let rows = &s.rows[range.start as usize..range.end as usize];
                gathered(&s.read, rows, s.device, &|| false)
            }
        }
    }
}

impl Streamed {
    /// The observations by chunks of the file.
    pub(super) fn blocks(&self) -> Vec<Range<i64>> {
        let same = |a: &u32, b: &u32| a / BLOCK == b / BLOCK;
        let mut start = 0;
        let block = |part: &[u32]| {
            let range = start..start + part.len() as i64;
            start = range.end;
            range
        };
        self.rows.chunk_by(same).map(block).collect()
    }

    /// Blocks that make a window.
    pub(super) fn blocks_per_window(&self) -> usize {
        (self.window / BLOCK as usize).max(1)
    }

    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// Those numbered `numbers` (ascending), on the host; an unfinished part where `stop` says so.
    pub(super) fn window(&self, numbers: &[i64], stop: &dyn Fn() -> bool) -> Result<Observations> {
        let rows: Vec<u32> = numbers.iter().map(|k| self.rows[*k as usize]).collect();
        gathered(&self.read, &rows, Device::Cpu, stop)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observations on disk", self.rows.len())
    }
}

/// The observations in `rows` of a set (ascending) on `device`; only chunks of the file that hold one
/// of them are read. The memory for them is taken once. Ends early where `stop` says so.
pub(super) fn gathered(
    read: &Read,
    rows: &[u32],
    device: Device,
    stop: &dyn Fn() -> bool,
) -> Result<Observations> {
    let mut all: Option<Observations> = None;
    let mut done = 0;
    for group in rows.chunk_by(|a, b| a / CHUNK as u32 == b / CHUNK as u32) {
        if stop() {
            break;
        }
        let first = group[0];
        let whole = read(first as usize..group[group.len() - 1] as usize + 1)?;
        let wanted: Vec<i64> = group.iter().map(|r| i64::from(r - first)).collect();
        let part = whole.select(&Tensor::from_slice(&wanted));
        let all = all.get_or_insert_with(|| empty(&whole, rows.len() as i64, device));
        fill(all, done, &part);
        done += part.len();
    }
    match all {
        Some(all) => Ok(all),
        None => read(0..0),
    }
}

/// Memory for `n` rows like those of `part`, as they were read.
fn empty(part: &Observations, n: i64, device: Device) -> Observations {
    let like = |t: &Tensor| t.new_empty([n, t.size()[1]], (t.kind(), device));
    let lsf = &part.latent.lsf;
    Observations {
        flux: like(&part.flux),
        latent: Latent {
            good: like(&part.latent.good),
            sigma: like(&part.latent.sigma),
            // The one zero that stands for a line-spread function that there is not.
            lsf: if is_one_number(lsf) {
                lsf.narrow(0, 0, 1)
                    .narrow(1, 0, 1)
                    .to_device(device)
                    .expand([n, lsf.size()[1]], false)
            } else {
                like(lsf)
            },
            vector: like(&part.latent.vector),
            planes: like(&part.latent.planes),
            psf: like(&part.latent.psf),
            sky: like(&part.latent.sky),
            resolution: like(&part.latent.resolution),
            norm: like(&part.latent.norm),
            redshift: like(&part.latent.redshift),
            redshift_error: like(&part.latent.redshift_error),
            anchor: None,
        },
    }
}

fn is_one_number(t: &Tensor) -> bool {
    t.stride().iter().all(|s| *s == 0)
}

/// Puts the rows of `part` from row `at` on.
fn fill(all: &mut Observations, at: i64, part: &Observations) {
    let n = part.len();
    let put = |to: &Tensor, from: &Tensor| to.narrow(0, at, n).copy_(from);
    put(&all.flux, &part.flux);
    put(&all.latent.good, &part.latent.good);
    put(&all.latent.sigma, &part.latent.sigma);
    put(&all.latent.vector, &part.latent.vector);
    put(&all.latent.planes, &part.latent.planes);
    put(&all.latent.psf, &part.latent.psf);
    put(&all.latent.sky, &part.latent.sky);
    put(&all.latent.resolution, &part.latent.resolution);
    put(&all.latent.norm, &part.latent.norm);
    put(&all.latent.redshift, &part.latent.redshift);
    put(&all.latent.redshift_error, &part.latent.redshift_error);
    if !is_one_number(&all.latent.lsf) {
        put(&all.latent.lsf, &part.latent.lsf);
    }
}
