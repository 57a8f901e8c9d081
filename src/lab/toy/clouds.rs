//! The clouds of a study as an HDF5 file, for figures of one's own.

use super::study::Study;
use crate::Result;
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read::attributes;
use crate::files::version;
use clap::ValueEnum;
use std::path::Path;

/// Writes every cloud, [N, 2], as SHAPE/sigma-SIGMA/NAME, e.g. two-moons/sigma-1.0/observed.
///
/// # Errors
/// [`crate::Error::Output`] if the file cannot be written.
pub fn write_clouds(path: &Path, study: &Study) -> Result<()> {
    let output = Output::create(path)?;
    output.put(|file| put(file, study))?;
    output.finish()
}

fn put(file: &hdf5::File, study: &Study) -> hdf5::Result<()> {
    attributes(file, &version::TOY.keys())?;
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
    Ok(())
}
