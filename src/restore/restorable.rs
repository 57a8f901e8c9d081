//! What restoring spectra and restoring images differ in: what is given, how observations become tensors,
//! the units, and what is written.

use super::given::Given;
use super::shard::Part;
use crate::base::tensors::numbers;
use crate::config::{Config, SurveySource};
use crate::data::{Object, Provenance, flag};
use crate::prepare::{PreparedSet, SetHeader};
use crate::restored::{RestoredBlock, Shard};
use crate::train::Observable;
use crate::{Error, Result};
use ndarray::{Array2, Array3, Axis};
use std::path::Path;
use tch::Tensor;

/// A kind of data that a run restores, by what its prepared sets say of themselves.
pub trait Restorable: SetHeader<Block: Observable> {
    /// What is to be written.
    type Output;
    /// What writes it.
    type Sink: Sink<Self::Block>;

    /// The survey that was given, by its content; `None` for a prepared set.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if it is none of the known kinds, or cannot be restored by a run of `config`.
    fn survey(config: &Config, given: Given<'_>) -> Result<Option<SurveySource>>;

    /// Prepares `source` by the rules of `config`; gives what the user should know of it.
    ///
    /// # Errors
    /// As [`crate::prepare::prepare_from`].
    fn prepare(
        config: &Config,
        source: &SurveySource,
        given: Given<'_>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<String>>;

    /// Whether a set is one that a run of `config` can restore.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if it is on another grid, of another shape or scale.
    fn check(config: &Config, set: &PreparedSet<Self>) -> Result<()>;

    /// In what a set that was given differs from what the run was trained on, if in anything: it is
    /// restored all the same, but nothing was learned there.
    fn unlike_training(_config: &Config, _set: &PreparedSet<Self>) -> Option<String> {
        None
    }

    /// Normalised values `[.., n, D]` of `objects` in the units of the input.
    fn in_units(&self, draws: &Tensor, objects: &[Object]) -> Tensor;

    /// Whether the units are a multiple of the normalised values: of a stretched scale the mean of values is
    /// not the value of the mean.
    fn is_linear(&self) -> bool;

    /// The observations of `objects` and their inverse variances in the units of the input, [n, D] each.
    fn observed(&self, block: &Self::Block, objects: &[Object]) -> (Array2<f32>, Array2<f32>);

    /// Opens what is to be written.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if it cannot be, [`crate::Error::Config`] if the run cannot give it.
    fn sink(task: Task<'_, Self>) -> Result<Self::Sink>;
}

/// What a sink is to be opened for.
pub struct Task<'a, H: Restorable> {
    pub set: &'a PreparedSet<H>,
    /// The rows of the whole restoration, and those that are written here.
    pub selected: &'a [usize],
    pub rows: &'a [usize],
    /// Which part of the whole they are, if they are not all.
    pub part: Option<Part>,
    pub shard: Option<&'a Shard>,
    pub output: &'a H::Output,
    /// Whether shapes are to be measured.
    pub shapes: bool,
    pub made: &'a Provenance,
}

/// Takes the restored rows, batch by batch in their order.
pub trait Sink<B> {
    /// Writes the next rows.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk refuses.
    fn write(&mut self, batch: &Batch<'_, B>) -> Result<()>;

    /// Completes what is written.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk refuses.
    fn finish(self) -> Result<()>;
}

/// Some restored rows.
pub struct Batch<'a, B> {
    /// Those whose restoration is not finite are flagged.
    pub objects: &'a [Object],
    /// Whether each was kept out of training.
    pub heldout: &'a [bool],
    /// As the set holds them.
    pub block: &'a B,
    pub restored: &'a RestoredBlock,
    /// [draws, n, D], in the units of the input.
    pub draws: &'a Tensor,
}

impl<B> Batch<'_, B> {
    /// The draws on the host; NaN in the rows that are flagged.
    pub(super) fn all_draws(&self) -> Result<Array3<f32>> {
        let size: Vec<usize> = self.draws.size().iter().map(|v| *v as usize).collect();
        let flat = numbers(self.draws)?;
        let mut all = Array3::from_shape_fn((size[0], size[1], size[2]), |(k, i, j)| {
            flat[(k * size[1] + i) * size[2] + j]
        });
        for (i, o) in self.objects.iter().enumerate() {
            if o.flag != flag::GOOD {
                all.index_axis_mut(Axis(1), i).fill(f32::NAN);
            }
        }
        Ok(all)
    }
}

/// The ODE has no draws to save.
pub(super) fn check_draws(made: &Provenance) -> Result<()> {
    if made.method.is_random() {
        return Ok(());
    }
    Err(Error::config(
        "selfsi restore",
        "--save-draws",
        "this run gives one restoration of each object, no draws",
        "leave it out, or train with [interpolant] kind = \"sde\"",
    ))
}
