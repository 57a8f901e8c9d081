//! What a run says while it trains: metrics.jsonl, TensorBoard events, a progress bar.

use super::tensorboard::EventWriter;
use super::validation::{Validation, erased_fault};
use crate::base::atomic;
use crate::base::cpu;
use crate::base::messages::{PROGRESS, bars, driven};
use crate::base::regular;
use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A line of metrics.jsonl.
#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    step: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lr: Option<f64>,
    /// Passes of one observation through the network so far, in units of a forward one: E-step,
    /// gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluations: Option<[u64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spectra_per_s: Option<f64>,
    /// Processor seconds of the run so far, those before a resumption included.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denoising: Option<Denoising>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<&'a Validation>,
}

/// Denoising losses of a diffusion model's averaged weights, with the same noise for both: how much
/// better it knows its training samples than others is what it has memorised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Denoising {
    /// Mean loss on samples that are trained on.
    pub training: f64,
    /// `None` where no sample is held out.
    pub heldout: Option<f64>,
}

/// Writes the metrics of one run.
pub struct Log {
    path: PathBuf,
    file: File,
    events: EventWriter,
    bar: ProgressBar,
    quiet: bool,
    steps: u64,
    since: Instant,
    from: u64,
    batch: u64,
    /// Processor seconds of the run before this process.
    spent: f64,
}

impl Log {
    /// Appends to the run in `folder`, from step `start` on: lines of a later step, left by a run
    /// that was killed after its last checkpoint, are dropped first.
    ///
    /// # Errors
    /// [`Error::Output`] if the files cannot be written.
    pub fn open(folder: &Path, start: u64, steps: u64, batch: usize, quiet: bool) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let kept: String = before(&path)?
            .lines()
            .filter(|l| step_of(l).is_some_and(|s| s <= start && start > 0))
            .flat_map(|l| [l, "\n"])
            .collect();
        atomic::write(&path, kept.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|e| failed(&path, &e))?;
        let bar = if bars() && !quiet {
            ProgressBar::new(steps)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:32} {pos}/{len} loss {msg} · {elapsed} elapsed, {eta} left",
        ) {
            bar.set_style(style);
        }
        bar.set_position(start);
        bar.reset_eta();
        Ok(Self {
            events: EventWriter::create(folder)?,
            path,
            file,
            bar,
            quiet,
            steps,
            since: Instant::now(),
            from: start,
            batch: batch as u64,
            spent: cpu_seconds(&kept).unwrap_or(0.0),
        })
    }

    /// After step `step`: the mean loss since the last call, the learning rate, and what the steps so
    /// far cost ([`Line::evaluations`]).
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn progress(
        &mut self,
        step: u64,
        loss: f64,
        lr: f64,
        evaluations: Option<[u64; 2]>,
    ) -> Result<()> {
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = ((step - self.from) * self.batch) as f64 / seconds.max(1e-9);
        (self.since, self.from) = (Instant::now(), step);
        self.bar.set_position(step);
        self.bar
            .set_message(format!("{loss:.5} · {rate:.0} spectra/s"));
        if driven() {
            log::info!(target: PROGRESS, "training: {step}/{}", self.steps);
        }
        self.line(&Line {
            step,
            loss: Some(loss),
            lr: Some(lr),
            evaluations,
            spectra_per_s: Some(rate),
            cpu_s: Some(self.spent + cpu::seconds()).filter(|s| s.is_finite()),
            ..Line::default()
        })?;
        self.events.scalar(step, "train/loss", loss as f32)?;
        self.events.scalar(step, "train/learning_rate", lr as f32)?;
        self.events.scalar(step, "train/spectra_per_s", rate as f32)
    }

    /// A validation, and whether it is the best so far.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn validation(&mut self, step: u64, v: &Validation, best: bool) -> Result<()> {
        self.line(&Line {
            step,
            validation: Some(v),
            ..Line::default()
        })?;
        for (tag, value) in [
            ("score", v.score),
            ("spectra", v.spectra),
            ("power", v.power),
            ("edge_ratio", v.edge_ratio),
        ] {
            self.events
                .scalar(step, &format!("validation/{tag}"), value as f32)?;
        }
        if let Some(drift) = v.drift {
            self.events.scalar(step, "validation/drift", drift as f32)?;
        }
        if let Some(erased) = v.erased {
            (self.events).scalar(step, "validation/erased", erased as f32)?;
        }
        if let Some(p) = v.proxies {
            let (knn, gaussian) = (p.knn.value as f32, p.gaussian.value as f32);
            self.events.scalar(step, "validation/kl_knn", knn)?;
            self.events
                .scalar(step, "validation/kl_gaussian", gaussian)?;
        }
        self.events.flush()?;
        let mark = if best { ", best so far" } else { "" };
        let (low, high) = extremes(&v.power_ratio);
        let erased = (v.erased).map_or(String::new(), |r| format!(", erased {r:.3}"));
        self.say(&format!(
            "step {step}: score {:.4} (spectra {:.4}, power {:.4}), power ratio {low:.3}..{high:.3}, edge {:.3}{erased}{mark}",
            v.score, v.spectra, v.power, v.edge_ratio
        ));
        if let Some(fault) = erased_fault(v.erased) {
            self.bar.suspend(|| log::warn!("step {step}: {fault}"));
        }
        // The validation's time is no part of the training rate.
        self.since = Instant::now();
        Ok(())
    }

    /// How well a diffusion model denoises after step `step`.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn denoising(&mut self, step: u64, found: Denoising) -> Result<()> {
        self.line(&Line {
            step,
            denoising: Some(found),
            ..Line::default()
        })?;
        let losses = [
            ("training", Some(found.training)),
            ("heldout", found.heldout),
        ];
        for (tag, loss) in losses {
            if let Some(loss) = loss {
                self.events
                    .scalar(step, &format!("denoising/{tag}"), loss as f32)?;
            }
        }
        self.events.flush()?;
        let heldout = found.heldout.map_or("none".into(), |l| format!("{l:.4}"));
        self.say(&format!(
            "step {step}: denoising loss {:.4}, on held-out samples {heldout}",
            found.training
        ));
        // As in a validation.
        self.since = Instant::now();
        Ok(())
    }

    /// A line for the user, above the bar.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| log::info!(target: PROGRESS, "{text}"));
        }
    }

    /// Ends the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&mut self, line: &Line) -> Result<()> {
        let text =
            serde_json::to_string(line).map_err(|e| Error::output(&self.path, e, "report this"))?;
        // In one call: a kill leaves the whole line or none of it.
        let whole = text + "\n";
        (self.file.write_all(whole.as_bytes())).map_err(|e| failed(&self.path, &e))
    }
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::output(path, e, "check free space and permissions")
}

/// What an earlier start has logged. Bytes that are no text spoil their own line alone.
fn before(path: &Path) -> Result<String> {
    match regular::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(failed(path, &e)),
    }
}

/// Processor seconds that the run in `folder` has taken, as its metrics.jsonl says; `None` where it does
/// not.
pub(crate) fn cpu_seconds_of(folder: &Path) -> Option<f64> {
    cpu_seconds(&before(&folder.join("metrics.jsonl")).ok()?)
}

/// The last `cpu_s` of these lines.
fn cpu_seconds(lines: &str) -> Option<f64> {
    lines.lines().rev().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line.get("cpu_s")?.as_f64()
    })
}

fn step_of(line: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(line)
        .ok()?
        .get("step")?
        .as_u64()
}

fn extremes(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(*v), h.max(*v))
        })
}
