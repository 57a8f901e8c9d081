//! What restoring images needs: images on the scale of the run, which leads back to the units of the file.

use super::given::Given;
use super::images_sink::{ImagesOutput, ImagesSink};
use super::restorable::{Restorable, Task};
use crate::config::{Config, SurveySource};
use crate::data::{ImageBlock, ImageLayout, Object};
use crate::files::hdf5::read::format_of;
use crate::files::start::{Start, start};
use crate::prepare::{ImageSet, ImageSetHeader, SetHeader, prepare_images, with_scale_of};
use crate::{Error, Result};
use ndarray::{Array2, Zip};
use std::path::Path;
use tch::{Kind, Tensor};

impl Restorable for ImageSetHeader {
    type Output = ImagesOutput;
    type Sink = ImagesSink;

    fn survey(config: &Config, given: Given<'_>) -> Result<Option<SurveySource>> {
        if given.catalog.is_some() {
            let problem = "for spectra, but this run restores images";
            return Err(Error::config(
                "selfsi restore",
                "--catalog",
                problem,
                "leave it out",
            ));
        }
        if let [path] = given.paths {
            match start(path) {
                Ok(Start::Text) => return Ok(Some(Config::load(path, &[])?.survey.source)),
                Ok(Start::Hdf5) if format_of(path)?.as_deref() == Some(Self::FORMAT) => {
                    return Ok(None);
                }
                _ => {}
            }
        }
        // Anything else is read as the run's own images were.
        let (datasets, unit, filters) = match &config.survey.source {
            SurveySource::Images {
                datasets,
                unit,
                filters,
                ..
            } => (datasets.clone(), unit.clone(), filters.clone()),
            _ => Default::default(),
        };
        Ok(Some(SurveySource::Images {
            path: given.paths.to_vec(),
            datasets,
            unit,
            filters,
        }))
    }

    fn prepare(
        config: &Config,
        source: &SurveySource,
        _: Given<'_>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<String>> {
        prepare_images(config, source, out, progress)?;
        Ok(Vec::new())
    }

    fn check(config: &Config, set: &ImageSet) -> Result<()> {
        with_scale_of(config, set).map(|_| ())
    }

    fn is_linear(&self) -> bool {
        self.layout.scale.softening.is_none()
    }

    fn in_units(&self, draws: &Tensor, _: &[Object]) -> Tensor {
        in_units(&self.layout, draws)
    }

    fn observed(&self, block: &ImageBlock, _: &[Object]) -> (Array2<f32>, Array2<f32>) {
        observation(&self.layout, block)
    }

    fn sink(task: Task<'_, Self>) -> Result<ImagesSink> {
        ImagesSink::open(task)
    }
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
/// masked. A noise level is in the unit in which the stretch is linear.
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
            let slope = layout.scale.slope(0.0, channel);
            *weight = (f64::from(*weight) * slope * slope) as f32;
            *y = value as f32;
        });
    (observed, ivar)
}
