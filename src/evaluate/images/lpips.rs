//! LPIPS (Zhang et al. 2018): the distance of two images in the features of a trained network.

use super::network::Network;
use super::psnr::DataRange;
use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::ArrayView2;
use std::path::{Path, PathBuf};

const EXPECTED: &str = "a TorchScript module that turns two batches of images [N, C, H, W] in −1..1 into distances [N]";

/// The user's network.
#[derive(Debug)]
pub struct Lpips {
    path: PathBuf,
    network: Network,
}

impl Lpips {
    /// # Errors
    /// [`Error::Input`] if `path` is no TorchScript file.
    pub fn load(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            network: Network::load(path, EXPECTED)?,
        })
    }

    /// The distances `[N]` between the rows of `a` and `b`, both [N, D]; `range` becomes −1..1.
    ///
    /// # Errors
    /// [`Error::Input`] if the network does not take such images or answers otherwise.
    pub fn distances(
        &self,
        a: ArrayView2<f32>,
        b: ArrayView2<f32>,
        shape: ImageConfig,
        range: DataRange,
    ) -> Result<Vec<f64>> {
        let answer = self.network.run(&[a, b], shape, range, [-1.0, 1.0])?;
        if answer.ncols() != 1 {
            return Err(Error::input(
                &self.path,
                "",
                format!("{} numbers per pair of images", answer.ncols()),
                EXPECTED,
                "give --lpips its own network, not the one for --fid",
            ));
        }
        Ok(answer.column(0).to_vec())
    }
}
