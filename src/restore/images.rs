//! Images → restored images, in the units of the observations.

use super::Summary;
use super::batch::Restorer;
use super::image_input::ImageInput;
use super::selection::{Selection, Source, part_of};
use crate::Result;
use crate::config::Config;
use crate::data::{ImageBlock, ImageLayout, Layout, Object, flag};
use crate::restored::{ImageTable, RestoredImagesHeader, RestoredImagesWriter};
use crate::train::{Run, image_observations};
use ndarray::{Array2, Zip, s};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// One restoration of images.
#[derive(Debug, Clone, Copy)]
pub struct ImageJob<'a> {
    /// [`super::config_of`] the run.
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    /// What is restored.
    pub input: &'a ImageInput,
    /// The file to write: FITS or HDF5, by its extension.
    pub out: &'a Path,
    /// Which of its rows.
    pub selection: Selection,
    /// Where the network runs.
    pub device: Device,
}

/// Restores the input of `job` with the trained `run`. Every selected row is in the file; rows that
/// cannot be restored are NaN and flagged. Memory does not grow with the input, except for its table.
///
/// # Errors
/// [`crate::Error::Run`] if the run has no checkpoint or it does not fit the images,
/// [`crate::Error::Input`] if the selection is empty, [`crate::Error::Output`] if the file cannot be
/// written: then there is none.
pub fn restore_images(
    run: &Run,
    job: ImageJob<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary> {
    let ImageJob { config, input, .. } = job;
    let selected = input.select(job.selection)?;
    let size = config.restore.batch;
    // Of the whole, so that all parts hold the same images.
    let noise_known = input.noise_known(&selected)?;
    let (rows, shard) = part_of(job.selection, selected, input.set().objects(), size);
    let set = input.set().header();
    let layout = &set.layout;
    let source = Source {
        config,
        seed: job.seed,
        origin: input.origin(),
        device: job.device,
    };
    let restorer = Restorer::new(run, source, &Layout::Images(layout.clone()))?;
    let header = RestoredImagesHeader {
        layout: layout.clone(),
        unit: set.unit.clone(),
        noise_known,
        made: restorer.made.clone(),
    };
    let pick = |i: &usize| input.set().objects()[*i].clone();
    let mut table = ImageTable {
        objects: rows.iter().map(pick).collect(),
        labels: rows
            .iter()
            .map(|i| input.set().objects()[*i].label)
            .collect(),
        heldout: rows.iter().map(|i| input.heldout()[*i]).collect(),
        vector: Array2::zeros((rows.len(), layout.vector)),
    };
    let mut writer = RestoredImagesWriter::create(job.out, &header, rows.len())?;
    if let Some(shard) = &shard {
        writer = writer.as_shard(shard)?;
    }
    for (batch, start) in rows.chunks(size).zip((0..).step_by(size)) {
        let range = start..start + batch.len();
        let block = input.set().read_rows(batch)?;
        let objects: &mut [Object] = &mut table.objects[range.clone()];
        let observed = image_observations(&block, job.device);
        let (_, draws) = restorer.draws(&observed, objects)?;
        let draws = in_units(layout, &draws);
        let (observed, ivar) = observation(layout, &block);
        writer.write(&restorer.moments((None, &draws), objects, observed, ivar)?)?;
        table.vector.slice_mut(s![range, ..]).assign(&block.vector);
        progress(start + batch.len(), rows.len());
    }
    let good = |o: &&Object| o.flag == flag::GOOD;
    let restored = table.objects.iter().filter(good).count();
    writer.finish(&table)?;
    Ok(Summary {
        rows: rows.len(),
        restored,
    })
}

/// Normalised values [.., D] in the units of the file: [`PixelScale::restore`] on the device.
///
/// [`PixelScale::restore`]: crate::data::PixelScale::restore
pub(crate) fn in_units(layout: &ImageLayout, x: &Tensor) -> Tensor {
    let [_, channels, height, width] = layout.shape(1);
    let each = |v: &[f64]| {
        Tensor::from_slice(v)
            .view([channels, 1])
            .to_device(x.device())
    };
    let scale = &layout.scale;
    // Double: sinh enlarges the rounding of its argument.
    let planes = x.to_kind(Kind::Double).view([-1, channels, height * width]);
    let stretched = planes * each(&scale.std) + each(&scale.mean);
    let values = match scale.softening {
        Some(softening) => stretched.sinh() * softening,
        None => stretched,
    };
    values.to_kind(Kind::Float).view(x.size().as_slice())
}

/// The observation and its inverse variance in the units of the file, `[n, D]`: NaN and 0 where
/// masked. A small error δ of the normalised value is δ/slope in these units.
fn observation(layout: &ImageLayout, block: &ImageBlock) -> (Array2<f32>, Array2<f32>) {
    let plane = layout.height * layout.width;
    let (mut observed, mut ivar) = (block.pixels.clone(), block.ivar.clone());
    Zip::indexed(&mut observed)
        .and(&mut ivar)
        .for_each(|(_, j), y, weight| {
            if *weight == 0.0 {
                *y = f32::NAN;
                return;
            }
            let channel = j / plane;
            let value = layout.scale.restore(f64::from(*y), channel);
            let slope = layout.scale.slope(value, channel);
            *weight = (f64::from(*weight) * slope * slope) as f32;
            *y = value as f32;
        });
    (observed, ivar)
}
