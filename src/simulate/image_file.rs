//! An HDF5 image set of observations, as `selfsi prepare` reads it by its default dataset names.

use crate::Result;
use crate::data::{Bands, ImageLayout};
use crate::files::hdf5::content::{attribute, numbers, text};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read::attributes;
use crate::files::version;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::{Array2, ArrayD, ArrayView1, IxDyn};
use std::path::Path;

/// Images per chunk of the file.
const CHUNK_ROWS: usize = 64;

/// Observations in the file's units; row i of every array belongs to the i-th.
pub(super) struct Block {
    /// Channel by channel, [n, D]; NaN where masked.
    pub images: Array2<f32>,
    /// 0 where masked, infinite where no noise level is known, [n, D].
    pub ivar: Array2<f32>,
    /// [n, K].
    pub vector: Array2<f32>,
    /// [n, P · H · W].
    pub planes: Array2<f32>,
    /// [n, C · P · P].
    pub psf: Array2<f32>,
}

/// The set under construction: images and ivar [N, H, W, C] ([N, H, W] for one channel), vector
/// [N, K], planes [N, P, H, W], psf [N, C, P, P], id and ans [N]; attributes mean, std, softening and unit.
pub(super) struct ImageFile {
    output: Output,
    channels: usize,
    height: usize,
    width: usize,
    written: usize,
}

impl ImageFile {
    /// Starts a set of `n` images.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be made.
    pub fn create(
        path: &Path,
        layout: &ImageLayout,
        bands: &Bands,
        config: &str,
        n: usize,
    ) -> Result<Self> {
        let output = Output::create(path)?;
        output.put(|file| start(file, layout, bands, config, n))?;
        Ok(Self {
            output,
            channels: layout.channels,
            height: layout.height,
            width: layout.width,
            written: 0,
        })
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk refuses.
    pub fn write(&mut self, names: &[String], labels: &[i64], block: &Block) -> Result<()> {
        self.output
            .put(|file| self.put(file, names, labels, block))?;
        self.written += names.len();
        Ok(())
    }

    fn put(
        &self,
        file: &File,
        names: &[String],
        labels: &[i64],
        block: &Block,
    ) -> hdf5::Result<()> {
        let rows = self.written..self.written + names.len();
        let slab = |data: &Dataset| -> Hyperslab {
            let mut slab: Vec<SliceOrIndex> = vec![(..).into(); data.ndim()];
            slab[0] = rows.clone().into();
            slab.into()
        };
        let (c, h, w) = (self.channels, self.height, self.width);
        for (name, values) in [
            ("images", &block.images),
            ("ivar", &block.ivar),
            ("vector", &block.vector),
            ("planes", &block.planes),
            ("psf", &block.psf),
        ] {
            let Ok(data) = file.dataset(name) else {
                continue;
            };
            let flat: Vec<f32> = match name {
                // [C, H, W] of each image becomes [H, W, C].
                "images" | "ivar" => {
                    let each = values.rows().into_iter();
                    each.flat_map(|row| (0..c * h * w).map(move |i| row[(i % c) * h * w + i / c]))
                        .collect()
                }
                _ => values.iter().copied().collect(),
            };
            let mut shape = data.shape();
            shape[0] = names.len();
            let array = ArrayD::from_shape_vec(IxDyn(&shape), flat)
                .map_err(|e| hdf5::Error::from(e.to_string()))?;
            data.write_slice(&array, slab(&data))?;
        }
        let names: Vec<VarLenUnicode> = names.iter().map(|s| text(s)).collect();
        let id = file.dataset("id")?;
        id.write_slice(ArrayView1::from(&names), slab(&id))?;
        let ans = file.dataset("ans")?;
        ans.write_slice(ArrayView1::from(labels), slab(&ans))
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk refuses.
    pub fn finish(self) -> Result<()> {
        self.output.finish()
    }
}

fn start(
    file: &File,
    layout: &ImageLayout,
    bands: &Bands,
    config: &str,
    n: usize,
) -> hdf5::Result<()> {
    for (key, value) in [
        ("unit", bands.unit()),
        ("selfsi_version", env!("CARGO_PKG_VERSION")),
        ("config", config),
    ] {
        attribute(file, key, &text(value))?;
    }
    attributes(file, &version::SIMULATED_IMAGES.keys())?;
    for (key, all) in [("units", &bands.units), ("filters", &bands.filters)] {
        if all.iter().any(|text| !text.is_empty()) {
            let texts: Vec<VarLenUnicode> = all.iter().map(|t| text(t)).collect();
            let each = file
                .new_attr::<VarLenUnicode>()
                .shape(all.len())
                .create(key)?;
            each.write_raw(&texts)?;
        }
    }
    for (key, values) in [("mean", &layout.scale.mean), ("std", &layout.scale.std)] {
        let each = file.new_attr::<f64>().shape(values.len()).create(key)?;
        each.write_raw(values)?;
    }
    if let Some(softening) = layout.scale.softening {
        attribute(file, "softening", &softening)?;
    }
    let (c, h, w) = (layout.channels, layout.height, layout.width);
    let image = match c {
        1 => vec![n, h, w],
        _ => vec![n, h, w, c],
    };
    let mut shapes = vec![("images", image.clone()), ("ivar", image)];
    if layout.vector > 0 {
        shapes.push(("vector", vec![n, layout.vector]));
    }
    if layout.planes > 0 {
        shapes.push(("planes", vec![n, layout.planes, h, w]));
    }
    if layout.psf > 0 {
        let side = layout.psf;
        shapes.push(("psf", vec![n, c, side, side]));
    }
    for (name, shape) in shapes {
        let mut chunk = shape.clone();
        chunk[0] = CHUNK_ROWS.min(n.max(1));
        file.new_dataset::<f32>()
            .chunk(chunk)
            .shuffle()
            .deflate(1)
            .fletcher32()
            .shape(shape)
            .create(name)?;
    }
    file.new_dataset::<VarLenUnicode>().shape(n).create("id")?;
    numbers::<i64>(file, "ans", &[n])?;
    Ok(())
}
