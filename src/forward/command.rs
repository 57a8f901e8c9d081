//! Any program as F: batches are streamed through its stdin and stdout. It may be started several times: each
//! process gets a share of the rows of every batch, with their seeds.

use super::latent::Latent;
use super::model::ForwardModel;
use super::process::Program;
use super::protocol;
use super::protocol::{HEAD_BYTES, Promise, REPLY_BYTES};
use crate::Result;
use crate::base::random::Rows;
use crate::config::LatentUse;
use crate::data::Layout;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use tch::{Kind, Tensor};

/// A program that speaks the protocol of data/simulators/README.md.
#[derive(Debug)]
pub struct Command {
    /// One at least.
    programs: Vec<Mutex<Program>>,
    promise: Promise,
    latent: LatentUse,
    layout: Layout,
}

impl Command {
    /// Starts `program` as often as `processes` says (`None`: once for each thread) and tells each of the
    /// layout; a batch may take it `timeout` seconds.
    ///
    /// # Errors
    /// [`Error::Simulator`](crate::Error::Simulator) if it cannot be started or does not reply as the protocol says.
    pub fn start(
        program: &[String],
        timeout: f64,
        processes: Option<usize>,
        latent: LatentUse,
        layout: &Layout,
    ) -> Result<Self> {
        let processes = processes.unwrap_or_else(rayon::current_num_threads).max(1);
        let begun = |_| {
            let mut program = Program::start(program, timeout)?;
            program.send(protocol::greeting(layout, latent));
            Ok(program)
        };
        // All begin before the first must have replied.
        let mut programs = (0..processes).map(begun).collect::<Result<Vec<_>>>()?;
        let mut promise = None;
        for program in &mut programs {
            let made = promised(program, latent, layout)?;
            if *promise.get_or_insert(made) != made {
                return Err(program.failed(
                    "its processes reply differently",
                    "let the reply depend on the greeting alone, or set forward.processes = 1",
                ));
            }
        }
        Ok(Self {
            programs: programs.into_iter().map(Mutex::new).collect(),
            promise: promise.unwrap_or_default(),
            latent,
            layout: layout.clone(),
        })
    }

    /// Numbers per plane, H · W.
    fn plane(&self) -> usize {
        match &self.layout {
            Layout::Spectra { .. } => 0,
            Layout::Images(image) => image.height * image.width,
        }
    }

    /// Widths of the arrays of an answer, each with its name; those that are not given have none.
    fn widths_of_answer(&self, d: usize) -> [(&'static str, usize); 5] {
        let Promise {
            vector,
            planes,
            sigma,
            good,
            ..
        } = self.promise;
        // What is kept goes to the program and does not come back.
        let drawn = usize::from(self.latent != LatentUse::Kept);
        [
            ("y", d),
            ("sigma", usize::from(sigma) * d),
            ("good", usize::from(good) * d),
            ("vector", drawn * vector),
            ("planes", drawn * planes * self.plane()),
        ]
    }

    /// Sends each process its share of a batch and returns the arrays of the answers, in the order of the rows.
    fn exchange(&self, x: &Tensor, recorded: &Latent, seeds: &[u64]) -> Result<[Vec<f32>; 5]> {
        let (n, count) = (seeds.len(), self.programs.len());
        let mut shares = Vec::new();
        for (k, program) in self.programs.iter().enumerate() {
            let rows = k * n / count..(k + 1) * n / count;
            let (start, size) = (rows.start as i64, rows.len() as i64);
            if size > 0 {
                let part = (x.narrow(0, start, size), recorded.narrow(start, size));
                shares.push((program, part, &seeds[rows]));
            }
        }
        if shares.len() < 2 {
            return self.asked(&self.programs[0], x, recorded, seeds);
        }
        let answers = thread::scope(|scope| {
            let ask = |(program, (x, recorded), seeds): (_, (Tensor, Latent), _)| {
                scope.spawn(move || self.asked(program, &x, &recorded, seeds))
            };
            let begun: Vec<_> = shares.into_iter().map(ask).collect();
            let over = |t: ScopedJoinHandle<'_, _>| t.join().unwrap_or_else(|p| resume_unwind(p));
            begun.into_iter().map(over).collect::<Result<Vec<_>>>()
        });
        Ok(appended(answers?))
    }

    /// Sends some rows to a process and returns the arrays of its answer.
    fn asked(
        &self,
        program: &Mutex<Program>,
        x: &Tensor,
        recorded: &Latent,
        seeds: &[u64],
    ) -> Result<[Vec<f32>; 5]> {
        // The program is as it was before a panic: it is only ever told whole batches.
        let mut program = program.lock().unwrap_or_else(PoisonError::into_inner);
        let arrays = self.arrays(&program, x, recorded)?;
        program.send(protocol::request(seeds, &arrays)?);
        let widths = self.widths_of_answer(x.size()[1] as usize);
        let (rows, numbers) = (seeds.len(), widths.iter().map(|(_, w)| w).sum::<usize>());
        let head = protocol::head(&program.receive(HEAD_BYTES)?);
        if head != (rows, numbers) {
            return Err(program.failed(
                format!(
                    "its answer has {} rows of {} numbers, not {rows} rows of {numbers}",
                    head.0, head.1
                ),
                "see data/simulators/README.md; nothing else may be printed to stdout",
            ));
        }
        let bytes = program.receive(4 * numbers * rows)?;
        let mut left = &protocol::floats(&bytes)[..];
        let mut parts: [Vec<f32>; 5] = Default::default();
        for ((name, width), part) in widths.into_iter().zip(&mut parts) {
            let (these, rest) = left.split_at(width * rows);
            self.check_answer(&program, name, these, width)?;
            *part = these.to_vec();
            left = rest;
        }
        Ok(parts)
    }

    /// What the program is told of a batch, in the order of the protocol.
    fn arrays<'a>(
        &self,
        program: &Program,
        x: &'a Tensor,
        recorded: &'a Latent,
    ) -> Result<Vec<&'a Tensor>> {
        let mut arrays = vec![x, &recorded.good, &recorded.sigma];
        if matches!(self.layout, Layout::Spectra { .. }) {
            arrays.push(&recorded.lsf);
            if self.promise.redshift {
                arrays.push(&recorded.redshift);
            }
        }
        if self.latent != LatentUse::Kept {
            return Ok(arrays);
        }
        let found = (recorded.vector.size()[1], recorded.planes.size()[1]);
        let planes = self.promise.planes * self.plane();
        if found != (self.promise.vector as i64, planes as i64) {
            return Err(program.failed(
                format!(
                    "it takes {} numbers and {planes} plane values per row as kept, but the \
                     observations come with {} and {}",
                    self.promise.vector, found.0, found.1
                ),
                "prepare the observations with what describes them, or set forward.latent",
            ));
        }
        arrays.extend([&recorded.vector, &recorded.planes]);
        Ok(arrays)
    }

    /// Refuses numbers that the array `name` of an answer, `width` a row, cannot hold.
    fn check_answer(
        &self,
        program: &Program,
        name: &str,
        values: &[f32],
        width: usize,
    ) -> Result<()> {
        let ok: fn(f32) -> bool = match name {
            "sigma" => |v| v.is_finite() && v >= 0.0,
            "good" => |v| v == 0.0 || v == 1.0,
            _ => f32::is_finite,
        };
        let Some(at) = values.iter().position(|v| !ok(*v)) else {
            return Ok(());
        };
        Err(program.failed(
            format!(
                "{name} of row {} of the batch, {}, is {}",
                at / width,
                self.place(at % width),
                values[at]
            ),
            "y must be finite, at masked pixels too; sigma finite and not negative; good 0 or 1",
        ))
    }

    /// Where number `i` of a row is.
    fn place(&self, i: usize) -> String {
        match &self.layout {
            Layout::Images(image) if i < image.pixels() => {
                let (h, w) = (image.height, image.width);
                format!(
                    "channel {}, line {}, column {}",
                    i / (h * w),
                    i / w % h,
                    i % w
                )
            }
            _ => format!("pixel {i}"),
        }
    }

    /// A network that has diverged must not be put down to the program.
    fn check_finite(&self, x: &Tensor) -> Result<()> {
        if x.isfinite().all().int64_value(&[]) != 0 {
            return Ok(());
        }
        let program = self.programs[0].lock();
        Err(program.unwrap_or_else(PoisonError::into_inner).failed(
            "it was not run: the clean rows that it should observe are not finite",
            "lower train.learning_rate, or check the data with selfsi inspect",
        ))
    }
}

/// What a process replies to the greeting.
fn promised(program: &mut Program, latent: LatentUse, layout: &Layout) -> Result<Promise> {
    let reply = program.receive(REPLY_BYTES)?;
    let foreign = |problem: String| {
        program.failed(
            problem,
            "see data/simulators/README.md; nothing else may be printed to stdout",
        )
    };
    let promise = protocol::promise(&reply, protocol::pixels(layout)).map_err(foreign)?;
    if matches!(layout, Layout::Spectra { .. })
        && (promise.vector, promise.planes) != (0, 0)
        && latent != LatentUse::Hidden
    {
        return Err(program.failed(
            format!(
                "it gives {} numbers and {} planes per row, but a network for spectra takes none",
                promise.vector, promise.planes
            ),
            "let it give none, or set forward.latent = \"hidden\"",
        ));
    }
    Ok(promise)
}

/// The arrays of some answers, one after the other.
fn appended(answers: Vec<[Vec<f32>; 5]>) -> [Vec<f32>; 5] {
    let mut all: [Vec<f32>; 5] = Default::default();
    for answer in answers {
        for (to, from) in all.iter_mut().zip(answer) {
            to.extend(from);
        }
    }
    all
}

impl ForwardModel for Command {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        self.check_finite(x)?;
        let n = x.size()[0];
        let [y, sigma, good, vector, planes] = self.exchange(x, recorded, &random.seeds()?)?;
        // n · 0 numbers do not tell their width: the shapes come from the promise.
        let tensor = |values: &[f32], width: i64| {
            Tensor::from_slice(values)
                .view([n, width])
                .to_device(x.device())
        };
        let d = x.size()[1];
        let none = || x.new_zeros([n, 0], (Kind::Float, x.device()));
        // Kept and hidden masks are the observation's own.
        let good = if self.promise.good && self.latent == LatentUse::Redrawn {
            tensor(&good, d)
        } else {
            recorded.good.shallow_clone()
        };
        let sigma = if self.promise.sigma && self.latent != LatentUse::Hidden {
            tensor(&sigma, d) * &good + (1.0 - &good)
        } else {
            &recorded.sigma * &good + (1.0 - &good)
        };
        let mut latent =
            Latent::of_pixels(good, sigma, recorded.lsf.shallow_clone()).at(&recorded.redshift);
        let (k, p) = self.widths();
        (latent.vector, latent.planes) = match self.latent {
            LatentUse::Kept => (
                recorded.vector.shallow_clone(),
                recorded.planes.shallow_clone(),
            ),
            LatentUse::Redrawn => (
                tensor(&vector, k as i64),
                tensor(&planes, (p * self.plane()) as i64),
            ),
            LatentUse::Hidden => (none(), none()),
        };
        Ok((latent.fill_masked(&tensor(&y, d), random), latent))
    }

    fn takes_parts(&self) -> bool {
        false
    }

    fn widths(&self) -> (usize, usize) {
        match self.latent {
            LatentUse::Hidden => (0, 0),
            LatentUse::Kept | LatentUse::Redrawn => (self.promise.vector, self.promise.planes),
        }
    }
}
