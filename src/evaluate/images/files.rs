//! The files of an image run: restored images by name, rows of the clean images and of the prepared
//! set.

use super::result::ImageKind;
use crate::data::ImageLayout;
use crate::evaluate::catalogs::index;
use crate::evaluate::survey::{RunFiles, labelled};
use crate::prepare::ImageSet;
use crate::restored::RestoredImages;
use crate::survey::ImageSource;
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::collections::HashMap;
use std::path::Path;

/// Rows read at once.
const CHUNK: usize = 256;

/// One restored file, its rows by name.
pub(super) struct File {
    images: RestoredImages,
    /// Tells its rows of the table from those of the other files.
    suffix: String,
    rows: HashMap<String, usize>,
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
        Ok(File {
            suffix,
            rows: index(images.objects().iter().map(|o| o.name.as_str())),
            images,
        })
    };
    labelled(runs).map(each).collect()
}

impl File {
    /// Flag of the object called `name`, and whether it was held out.
    pub fn state(&self, name: &str) -> Option<(i32, bool)> {
        let row = *self.rows.get(name)?;
        Some((self.images.objects()[row].flag, self.images.heldout()[row]))
    }

    /// The restorations of rows `chosen` of the set, as they are shown.
    pub fn rows(
        &self,
        set: &ImageSet,
        chosen: &[usize],
    ) -> Result<Vec<(ImageKind, String, Array2<f32>)>> {
        let draws = self.images.draws();
        let kinds = if self.images.method().is_random() {
            vec![
                (ImageKind::Draw, "one SDE draw".to_owned(), "DRAW"),
                (
                    ImageKind::Mean,
                    format!("mean of {draws} SDE draws"),
                    "RESTORED",
                ),
            ]
        } else {
            vec![(ImageKind::Ode, "ODE restoration".to_owned(), "RESTORED")]
        };
        let names = chosen.iter().map(|i| &set.objects()[*i].name);
        let at: Vec<usize> = names.filter_map(|n| self.rows.get(n).copied()).collect();
        let one = |(kind, name, image): (ImageKind, String, &str)| {
            let images = self.images.image(image)?.select(Axis(0), &at);
            let images = as_shown(images, self.images.layout());
            Ok((kind, format!("{name}{}", self.suffix), images))
        };
        kinds.into_iter().map(one).collect()
    }
}

/// Values in the file's units as they are shown.
fn as_shown(images: Array2<f32>, layout: &ImageLayout) -> Array2<f32> {
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
