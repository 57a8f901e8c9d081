//! Ranks by MPI. Numbers go through the host: nothing is asked of the MPI but its plain form.

use crate::{Error, Result};
use ::mpi::Threading;
use ::mpi::collective::SystemOperation;
use ::mpi::environment::Universe;
use ::mpi::request::scope;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, CommunicatorCollectives, Root};
use tch::{Device, Kind, Tensor, no_grad};

/// Numbers that are summed together (4 MiB): the next ones are copied meanwhile.
const BUCKET: usize = 1 << 20;

/// All ranks. MPI ends when this is dropped: the communicator first, hence the order.
pub(super) struct World {
    world: SimpleCommunicator,
    local: usize,
    _universe: Universe,
}

impl World {
    /// Starts MPI.
    pub fn start() -> Result<Self> {
        // One thread alone calls it.
        let (universe, _) = ::mpi::initialize_with_threading(Threading::Funneled)
            .ok_or_else(|| Error::config("MPI", "MPI_Init", "it runs already", "report this"))?;
        let world = universe.world();
        let local = world.split_shared(world.rank()).rank() as usize;
        Ok(Self {
            world,
            local,
            _universe: universe,
        })
    }

    pub fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    pub fn size(&self) -> usize {
        self.world.size() as usize
    }

    /// The number of this rank among those that share its memory.
    pub fn local_rank(&self) -> usize {
        self.local
    }

    /// The least of every rank's `number`.
    pub fn least(&self, number: usize) -> usize {
        let (mine, mut least) = (number as u64, 0u64);
        self.world
            .all_reduce_into(&mine, &mut least, SystemOperation::min());
        least as usize
    }

    /// The words of rank `from`.
    pub fn words(&self, from: usize, mine: String) -> String {
        let root = self.world.process_at_rank(from as i32);
        let mut length = mine.len() as u64;
        root.broadcast_into(&mut length);
        let mut bytes = mine.into_bytes();
        bytes.resize(length as usize, 0);
        root.broadcast_into(&mut bytes[..]);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Overwrites `numbers` with those of rank 0.
    pub fn tell(&self, numbers: &mut [f64]) {
        self.world.process_at_rank(0).broadcast_into(numbers);
    }

    /// The sum over ranks of a vector [P]. While one bucket is summed the next is copied from the
    /// device.
    pub fn sum(&self, flat: &Tensor) -> Result<Tensor> {
        let flat = no_grad(|| flat.detach().to_kind(Kind::Float).contiguous());
        let n = flat.numel();
        let (mut sent, mut got) = (vec![0f32; n], vec![0f32; n]);
        let buckets = sent.chunks_mut(BUCKET).zip(got.chunks_mut(BUCKET));
        scope(|scope| {
            let mut running = None;
            let mut copied = Ok(());
            for (i, (send, receive)) in buckets.enumerate() {
                let (start, length) = ((i * BUCKET) as i64, send.len());
                let part = flat.narrow(0, start, length as i64).to_device(Device::Cpu);
                // Every bucket is summed whatever happens: the other ranks wait for it.
                copied = copied.and(part.f_copy_data(send, length));
                let sum = self.world.immediate_all_reduce_into(
                    scope,
                    &*send,
                    receive,
                    SystemOperation::sum(),
                );
                if let Some(before) = running.replace(sum) {
                    before.wait_without_status();
                }
            }
            if let Some(last) = running {
                last.wait_without_status();
            }
            copied
        })?;
        Ok(Tensor::from_slice(&got).to_device(flat.device()))
    }

    /// Ends all ranks.
    pub fn abort(&self) -> ! {
        self.world.abort(1)
    }
}

impl Drop for World {
    /// A rank that panics would wait here for the others, which wait for it elsewhere.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort();
        }
    }
}
