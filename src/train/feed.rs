//! The observations of each step: picked from memory, or out of a window of the prepared set, of
//! which the next one is read while the network is busy with this one.

use super::doubt::Doubt;
use super::observations::{Observations, concatenate};
use super::training::{Streamed, Training};
use crate::Result;
use crate::fit::{Pick, Sampler};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use tch::{Device, Tensor};

/// What a step trains on: a function of the sampler and the step alone, whatever is in memory.
#[derive(Debug)]
pub struct Feed<'a> {
    training: &'a Training,
    sampler: Sampler,
    /// Which places of each batch are needed.
    share: Range<usize>,
    /// What becomes of the redshifts.
    doubt: Option<Doubt>,
    /// Windows in memory, with their numbers.
    held: Vec<(u64, Observations)>,
    coming: Option<Coming>,
}

/// A window that is being read.
#[derive(Debug)]
struct Coming {
    number: u64,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<Result<Observations>>>,
}

impl<'a> Feed<'a> {
    /// Batches of `batch` observations.
    #[must_use]
    pub fn new(training: &'a Training, seed: u64, batch: usize) -> Self {
        let sampler = match training {
            Training::Resident(o) => Sampler::new(seed, o.len(), batch),
            Training::Streamed(s) => {
                Sampler::in_windows(seed, s.blocks(), s.blocks_per_window(), batch)
            }
        };
        Self::in_order(training, sampler)
    }

    /// In the order of `sampler`, whose rows are those of `training`.
    #[must_use]
    pub fn in_order(training: &'a Training, sampler: Sampler) -> Self {
        Self {
            training,
            sampler,
            share: 0..usize::MAX,
            doubt: None,
            held: Vec::new(),
            coming: None,
        }
    }

    /// Of each batch, the rows at the places `share` alone: one at least.
    #[must_use]
    pub fn of(mut self, share: Range<i64>) -> Self {
        self.share = share.start as usize..share.end as usize;
        self
    }

    /// With redshifts as wrong as pipelines' are: see [`Doubt`].
    #[must_use]
    pub fn doubting(self, doubt: Doubt) -> Self {
        Self {
            doubt: Some(doubt),
            ..self
        }
    }

    /// The observations of step `step`, on the device of the training.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the set cannot be read any more.
    pub fn batch(&mut self, step: u64) -> Result<Observations> {
        let picks = self.sampler.picks(step);
        let picks = &picks[self.share.start..self.share.end.min(picks.len())];
        let mut batch = match self.training {
            Training::Resident(all) => {
                let rows: Vec<i64> = picks.iter().map(|p| p.row).collect();
                all.select(&Tensor::from_slice(&rows).to_device(all.flux.device()))
            }
            Training::Streamed(source) => self.streamed(source, picks)?,
        };
        if let Some(doubt) = &self.doubt {
            let first = self.share.start as i64;
            batch.latent.redshift = doubt.of(&batch.latent, step, first);
        }
        Ok(batch)
    }

    fn streamed(&mut self, source: &Streamed, picks: &[Pick]) -> Result<Observations> {
        // What is over makes room before anything else is read.
        let wanted = |number: &u64| picks.iter().any(|p| p.window == *number);
        self.held.retain(|(number, _)| wanted(number));
        let mut parts = Vec::new();
        for run in picks.chunk_by(|a, b| a.window == b.window) {
            let at: Vec<i64> = run.iter().map(|p| p.at).collect();
            let window = self.window(source, run[0].window)?;
            let part = window.select(&Tensor::from_slice(&at));
            parts.push(part.to_device(source.device()));
        }
        let last = picks.last().map_or(0, |p| p.window);
        if self.held.len() == 1 && self.coming.is_none() {
            self.coming = Some(self.reading(source, last + 1));
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => concatenate(&parts),
        })
    }

    /// A window: held, waited for, or read now.
    fn window(&mut self, source: &Streamed, number: u64) -> Result<&Observations> {
        if !self.held.iter().any(|(n, _)| *n == number) {
            let coming = self.coming.take();
            let mut coming = coming.filter(|c| c.number == number);
            let window = match coming.as_mut().and_then(|c| c.reader.take()) {
                Some(reader) => reader
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                None => source.window(&self.sampler.window(number), &|| false)?,
            };
            self.held.push((number, window));
        }
        let place = self.held.iter().position(|(n, _)| *n == number);
        Ok(&self.held[place.unwrap_or(0)].1)
    }

    fn reading(&mut self, source: &Streamed, number: u64) -> Coming {
        let rows = self.sampler.window(number);
        let stop = Arc::new(AtomicBool::new(false));
        let (source, stopped) = (source.clone(), Arc::clone(&stop));
        let read = move || source.window(&rows, &|| stopped.load(Ordering::Relaxed));
        Coming {
            number,
            stop,
            reader: Some(thread::spawn(read)),
        }
    }
}

impl Drop for Coming {
    /// Waits for the reader: HDF5 must not be in use when the process ends.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // What it read, or why it could not, is of no interest any more.
            let _ = reader.join();
        }
    }
}

impl Observations {
    /// On another device.
    #[must_use]
    pub fn to_device(self, device: Device) -> Self {
        if self.flux.device() == device {
            return self;
        }
        Self {
            flux: self.flux.to_device(device),
            latent: self.latent.to_device(device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::training::Read;
    use super::*;
    use crate::forward::Latent;

    /// A set of `n` rows of 3 pixels that are the row's number, as training sees it: without every
    /// seventh, `memory` of them in memory.
    fn training(n: usize, memory: u64) -> Training {
        let read: Read = Arc::new(move |rows: std::ops::Range<usize>| {
            assert!(rows.end <= n);
            let flux: Vec<f32> = rows.clone().flat_map(|r| [r as f32; 3]).collect();
            let flux = Tensor::from_slice(&flux).view([rows.len() as i64, 3]);
            let ivar = &flux + 1.0;
            Ok(Observations {
                latent: Latent::from_ivar(&ivar, &(&flux * 2.0)),
                flux,
            })
        });
        let rows = (0..n as u32).filter(|r| r % 7 != 3).collect();
        Training::of(read, rows, (1, memory), Device::Cpu).unwrap()
    }

    fn same(a: &Observations, b: &Observations) -> bool {
        a.flux == b.flux
            && a.latent.good == b.latent.good
            && a.latent.sigma == b.latent.sigma
            && a.latent.lsf == b.latent.lsf
    }

    #[test]
    fn batches_from_the_stream_are_those_from_memory_in_the_same_order() {
        let (resident, streamed) = (training(3000, 3000), training(3000, 1100));
        let Training::Streamed(source) = &streamed else {
            panic!("more than the memory");
        };
        assert!(matches!(resident, Training::Resident(_)));
        assert_eq!(resident.len(), streamed.len());
        let (blocks, each) = (source.blocks(), source.blocks_per_window());
        assert_eq!((blocks.len(), each), (12, 2));
        let order = Sampler::in_windows(5, blocks, each, 32);
        let mut from_memory = Feed::in_order(&resident, order);
        let mut from_stream = Feed::new(&streamed, 5, 32);
        // More than two epochs, then back, as after a resumption.
        for step in (0..180).chain([7, 8, 100]) {
            let (a, b) = (
                from_memory.batch(step).unwrap(),
                from_stream.batch(step).unwrap(),
            );
            assert!(same(&a, &b), "step {step}");
            assert!(from_stream.held.len() <= 2);
        }
        let mut late = Feed::new(&streamed, 5, 32);
        assert!(same(
            &late.batch(101).unwrap(),
            &from_memory.batch(101).unwrap()
        ));
        let parts = [&resident, &streamed].map(|t| t.part(100..1700).unwrap());
        assert!(same(&parts[0], &parts[1]));
    }

    #[test]
    fn a_set_that_cannot_be_read_any_more_is_an_error_of_the_step_that_wants_it() {
        let read: Read = Arc::new(|rows: std::ops::Range<usize>| {
            let problem = || crate::Error::input("set.h5", "flux", "gone", "rows", "put it back");
            (rows.start < 256)
                .then(|| Tensor::zeros([rows.len() as i64, 2], tch::kind::FLOAT_CPU))
                .map(|flux| Observations {
                    latent: Latent::from_ivar(&flux.ones_like(), &flux),
                    flux,
                })
                .ok_or_else(problem)
        });
        let training = Training::of(read, (0..2000).collect(), (1, 600), Device::Cpu).unwrap();
        let mut feed = Feed::new(&training, 1, 64);
        let failed = (0..40).find_map(|step| feed.batch(step).err());
        assert!(failed.unwrap().to_string().contains("gone"));
    }
}
