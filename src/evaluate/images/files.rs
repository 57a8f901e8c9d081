//! The files of an image run: restored images by name, rows of the clean images and of the prepared
//! set.

use super::result::ImageKind;
use crate::data::ImageLayout;
use crate::evaluate::catalogs::{Catalog, Made};
use crate::evaluate::survey::{RunFiles, labelled};
use crate::prepare::ImageSet;
use crate::restored::RestoredImages;
use crate::survey::ImageSource;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// Rows read at once.
const CHUNK: usize = 256;

/// One restored file, its rows by name.
pub(super) type File = Catalog<RestoredImages>;

impl From<Made> for ImageKind {
    fn from(made: Made) -> Self {
        match made {
            Made::Ode => Self::Ode,
            Made::Draw => Self::Draw,
            Made::Mean => Self::Mean,
        }
    }
}

/// The restored files of `runs`, which must fit the prepared set.
pub(super) fn open_restored(runs: &[RunFiles], layout: &ImageLayout) -> Result<Vec<File>> {
    let each = |(path, suffix): (&Path, String)| {
        let images = RestoredImages::open(path)?;
        let own = images.layout();
        let size = |l: &ImageLayout| [l.channels, l.height, l.width];
        if size(own) != size(layout) || own.scale.softening != layout.scale.softening {
            return Err(Error::input(
                path,
                "",
                format!("images of shape {:?}", size(own)),
                format!("{:?} and the stretch of the prepared set", size(layout)),
                "restore them again with this run",
            ));
        }
        Ok(File::new(images, suffix))
    };
    labelled(runs).map(each).collect()
}

/// The restorations in `file` of rows `chosen` of the set, as they are shown.
pub(super) fn shown(
    file: &File,
    set: &ImageSet,
    chosen: &[usize],
) -> Result<Vec<(ImageKind, String, Array2<f32>)>> {
    let names = chosen.iter().map(|i| &set.objects()[*i].name);
    let rows: Vec<usize> = names.filter_map(|n| file.row(n)).collect();
    let restored = file.restorations(&rows)?.into_iter();
    let layout = file.file.layout();
    Ok(restored
        .map(|r| (r.made.into(), r.name, as_shown(r.values, layout)))
        .collect())
}

/// Values in the file's units as they are shown.
pub(super) fn as_shown(images: Array2<f32>, layout: &ImageLayout) -> Array2<f32> {
    match layout.scale.softening {
        Some(s) => images.mapv_into(|v| (f64::from(v) / s).asinh() as f32),
        None => images,
    }
}

/// Clean images of `rows`, as they are shown.
pub(super) fn read_clean(
    clean: &ImageSource,
    rows: &[usize],
    layout: &ImageLayout,
) -> Result<Array2<f32>> {
    let mut out = Array2::zeros((rows.len(), layout.pixels()));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|k| rows[*k]);
    for group in order.chunk_by(|a, b| rows[*a] / CHUNK == rows[*b] / CHUNK) {
        let (first, last) = (rows[group[0]], rows[group[group.len() - 1]]);
        let raw = clean.read(first..last + 1)?;
        for k in group {
            out.row_mut(*k).assign(&raw.pixels.row(rows[*k] - first));
        }
    }
    Ok(as_shown(out, layout))
}
