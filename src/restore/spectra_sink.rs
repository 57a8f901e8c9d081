//! Restored spectra are written: the catalog, and files of single spectra beside it.

use super::files::{check_paths, desi_path, write_spectra};
use super::restorable::{Batch, Sink, Task, check_draws};
use super::shard::Part;
use crate::Result;
use crate::data::{Block, Object, flag, own_range};
use crate::lines::{BROAD_KMS, MeasuredLines, NO_LINES, over_draws};
use crate::prepare::SpectraHeader;
use crate::restored::{
    Restored, RestoredHeader, RestoredPart, RestoredWriter, desi_source, write_restored_desi,
};
use ndarray::{ArrayView2, ArrayView3, Axis};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// What is written of spectra.
#[derive(Debug, Clone)]
pub struct Output {
    /// The restored catalog (FITS).
    pub catalog: PathBuf,
    /// Folder for the restored spectra in the form of their survey: a spec file for each SDSS object, a
    /// file for each DESI coadd file. Each is either complete or absent; those in DESI's form are written
    /// after the catalog.
    pub spectra: Option<PathBuf>,
    /// Whether the catalog holds all the draws of the SDE.
    pub draws: bool,
}

/// Writes them.
pub struct SpectraSink {
    writer: RestoredWriter,
    header: RestoredHeader,
    wavelength: Vec<f64>,
    output: Output,
    part: Option<Part>,
    /// Whether some spectrum came from a file of many.
    desi: bool,
    written: usize,
}

impl SpectraSink {
    /// Lays out the catalog; hours of work are not to end in a name that cannot be written.
    pub(super) fn open(task: Task<'_, SpectraHeader>) -> Result<Self> {
        let Task { set, output, .. } = task;
        let objects = || task.rows.iter().map(|r| &set.objects()[*r]);
        if let Some(folder) = &output.spectra {
            // Other jobs write their rows into the same folder.
            let all = task.selected.iter().map(|r| &set.objects()[*r]);
            check_paths(folder, task.part, set.grid().is_rest(), all)?;
        }
        let header = RestoredHeader {
            grid: set.grid(),
            flux_unit: set.flux_unit().to_owned(),
            specsys: set.specsys().map(ToOwned::to_owned),
            line_smoothing: BROAD_KMS,
            made: task.made.clone(),
        };
        if output.draws {
            check_draws(&header.made)?;
        }
        let mut writer = RestoredWriter::create(&output.catalog, &header, objects(), output.draws)?;
        if let Some(shard) = task.shard {
            writer = writer.as_shard(shard)?;
        }
        Ok(Self {
            writer,
            wavelength: header.grid.wavelength(),
            header,
            output: output.clone(),
            part: task.part,
            desi: objects().any(|o| desi_source(o).is_some()),
            written: 0,
        })
    }
}

impl Sink<Block> for SpectraSink {
    fn write(&mut self, batch: &Batch<'_, Block>) -> Result<()> {
        let Batch {
            objects, restored, ..
        } = *batch;
        let draws = batch.all_draws()?;
        let rest = self.header.grid.is_rest();
        let shown = rest.then(|| restored.ivar.view());
        let part = RestoredPart {
            objects,
            heldout: batch.heldout,
            block: restored,
            lines: &lines(&self.wavelength, objects, draws.view(), shown),
            draws: Some(draws.view()),
        };
        self.writer.write(self.written, part)?;
        self.written += objects.len();
        match &self.output.spectra {
            Some(folder) => write_spectra(folder, &self.header, objects, restored),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<()> {
        self.writer.finish()?;
        match &self.output.spectra {
            Some(folder) if self.desi => {
                let catalog = Restored::open(&self.output.catalog)?;
                let path = |source: &Path| desi_path(folder, source, self.part);
                write_restored_desi(&catalog, &self.header.made.history, path)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The lines of restored `objects`, measured on their draws [draws, n, D]; where `shown`, inverse variances
/// [n, D], are given, on the part of them that each object shows.
fn lines(
    wavelength: &[f64],
    objects: &[Object],
    draws: ArrayView3<f32>,
    shown: Option<ArrayView2<f32>>,
) -> Vec<MeasuredLines> {
    let measured = |(i, o): (usize, &Object)| {
        if o.flag == flag::GOOD {
            let mut draws = draws.index_axis(Axis(1), i).to_owned();
            if let Some(ivar) = &shown {
                let own = own_range(ivar.row(i));
                for (j, mut pixel) in draws.columns_mut().into_iter().enumerate() {
                    if !own.contains(&j) {
                        pixel.fill(f32::NAN);
                    }
                }
            }
            over_draws(&o.observed(wavelength), draws.view(), o.z)
        } else {
            NO_LINES
        }
    };
    objects.par_iter().enumerate().map(measured).collect()
}
