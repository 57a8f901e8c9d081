//! The clouds of a study as an HDF5 file, for figures of one's own.

use super::Study;
use crate::atomic::Pending;
use crate::{Error, Result};
use clap::ValueEnum;
use std::path::Path;

/// Writes every cloud, [N, 2], as SHAPE/sigma-SIGMA/NAME, e.g. two-moons/sigma-1.0/observed.
///
/// # Errors
/// [`Error::Output`] if the file cannot be written.
pub fn write_clouds(path: &Path, study: &Study) -> Result<()> {
    hdf5::silence_errors(true);
    let pending = Pending::new(path)?;
    put(pending.path(), study)
        .map_err(|e| Error::output(path, e, "check free space and permissions"))?;
    pending.commit()
}

fn put(path: &Path, study: &Study) -> hdf5::Result<()> {
    let file = hdf5::File::create(path)?;
    for case in &study.cases {
        let shape = case.shape.to_possible_value();
        let shape = shape.as_ref().map_or("", |v| v.get_name());
        let group = file.create_group(&format!("{shape}/sigma-{:?}", case.sigma))?;
        for cloud in &case.clouds {
            let data = cloud.points.as_standard_layout();
            group
                .new_dataset_builder()
                .with_data(data.view())
                .create(cloud.name.as_str())?;
        }
    }
    file.close()
}
