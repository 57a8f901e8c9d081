//! A network of the user's, as a TorchScript file, run on batches of images.

use super::psnr::DataRange;
use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use std::path::{Path, PathBuf};
use tch::{CModule, Device, Kind, Tensor};

/// Images per call.
const BATCH: usize = 64;

/// A TorchScript module; `scripts/make_metric_networks.py` makes two that fit.
#[derive(Debug)]
pub struct Network {
    path: PathBuf,
    module: CModule,
    /// What it should be, for error messages.
    expected: &'static str,
}

impl Network {
    /// Loads `path` to the host, in evaluation mode.
    ///
    /// # Errors
    /// [`Error::Input`] if it is no TorchScript file.
    pub fn load(path: &Path, expected: &'static str) -> Result<Self> {
        let mut module = CModule::load_on_device(path, Device::Cpu)
            .map_err(|e| refused(path, first_line(&e), expected))?;
        module
            .f_set_eval()
            .map_err(|e| refused(path, first_line(&e), expected))?;
        Ok(Self {
            path: path.to_path_buf(),
            module,
            expected,
        })
    }

    /// Its answers to images [N, D] (several sets of them, side by side), one row per image: [N, F].
    /// Values of `range` become those of `to`; what lies outside is cut off.
    ///
    /// # Errors
    /// [`Error::Input`] if it fails, or does not answer with as many rows of finite numbers.
    pub fn run(
        &self,
        sets: &[ArrayView2<f32>],
        shape: ImageConfig,
        range: DataRange,
        to: [f64; 2],
    ) -> Result<Array2<f64>> {
        let rows = sets.first().map_or(0, |s| s.nrows());
        let mut answers: Vec<Array2<f64>> = Vec::new();
        for first in (0..rows).step_by(BATCH) {
            let last = (first + BATCH).min(rows);
            let batch = |set: &ArrayView2<f32>| {
                let chunk = set.slice_axis(Axis(0), (first..last).into());
                let pixels: Vec<f32> = chunk.iter().copied().collect();
                let unit = (Tensor::from_slice(&pixels) - range.min) / range.width();
                (unit.clamp(0.0, 1.0) * (to[1] - to[0]) + to[0]).view([
                    (last - first) as i64,
                    shape.channels as i64,
                    shape.height as i64,
                    shape.width as i64,
                ])
            };
            let inputs: Vec<Tensor> = sets.iter().map(batch).collect();
            let answer = tch::no_grad(|| self.module.forward_ts(&inputs))
                .map_err(|e| refused(&self.path, first_line(&e), self.expected))?;
            answers.push(self.rows(&answer, last - first)?);
        }
        let views: Vec<_> = answers.iter().map(|a| a.view()).collect();
        ndarray::concatenate(Axis(0), &views)
            .map_err(|_| refused(&self.path, "answers of unequal length", self.expected))
    }

    fn rows(&self, answer: &Tensor, n: usize) -> Result<Array2<f64>> {
        let bad = |problem: &str| refused(&self.path, problem, self.expected);
        if answer.size().first() != Some(&(n as i64)) {
            let shape = answer.size();
            return Err(bad(&format!(
                "it answers {n} images with the shape {shape:?}"
            )));
        }
        let flat = answer.to_device(Device::Cpu).to_kind(Kind::Double);
        let flat = flat.reshape([n as i64, -1]).contiguous();
        let mut out = Array2::<f64>::zeros((n, flat.size()[1] as usize));
        if let Some(slice) = out.as_slice_mut() {
            flat.copy_data(slice, flat.numel());
        }
        if out.iter().any(|v| !v.is_finite()) {
            return Err(bad("its answer is not finite"));
        }
        Ok(out)
    }
}

fn refused(path: &Path, problem: impl std::fmt::Display, expected: &str) -> Error {
    Error::input(
        path,
        "",
        problem,
        expected,
        "make one with scripts/make_metric_networks.py",
    )
}

/// What libtorch says: of a failure inside a module the last line, before that the first.
fn first_line(e: &tch::TchError) -> String {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let raised = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|l| l.starts_with("RuntimeError:"));
    raised
        .or_else(|| lines.next())
        .unwrap_or_default()
        .to_owned()
}
