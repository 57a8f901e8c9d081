//! The prepared set of spectra: one survey on the common grid.

use super::columns::{Column, OF_SPECTRA};
use super::header::SetHeader;
use super::opened::Opened;
use super::reader::PreparedSet;
use crate::Result;
use crate::config::Frame;
use crate::data::{Block, Carried, Layout, LogGrid};
use crate::files::hdf5::read;
use crate::files::version;
use hdf5::File;

/// A prepared set of spectra open for reading.
pub type Prepared = PreparedSet<SpectraHeader>;

/// What a set of spectra says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SpectraHeader {
    /// The grid of every spectrum, vacuum wavelengths.
    pub grid: LogGrid,
    /// Correlation of the noise of pixel i with pixel i+1 caused by regridding, `[D]`; last 0.
    pub noise_rho: Vec<f32>,
    /// The mean spectrum that levels are against, `[D]`, NaN where it is not known; of
    /// `normalise.kind = "amplitude"` alone.
    pub level_mean: Option<Vec<f32>>,
    /// What the spectra bring besides.
    pub carried: Carried,
    /// FITS unit string of the physical flux (before division by the norm).
    pub flux_unit: String,
    /// Reference frame of the wavelengths, as FITS names it; `None` where the input did not say.
    pub specsys: Option<String>,
    /// The TOML text of the job that made the set.
    pub config: String,
}

impl SetHeader for SpectraHeader {
    type Block = Block;
    const FORMAT: &'static str = version::PREPARED.name();
    const WHAT: &'static str = "a prepared set";
    /// 1 MiB at 1024 pixels, HDF5's default chunk cache.
    const CHUNK_ROWS: usize = 256;
    const VERSION: i64 = 2;
    const COLUMNS: &'static [Column] = OF_SPECTRA;

    fn read(file: &Opened) -> Result<Self> {
        let loglam = file.column::<f64>("loglam", None)?;
        let grid = LogGrid::of(&loglam).ok_or_else(|| {
            let expected = "pixels of equal width in log wavelength";
            file.wrong("dataset loglam", "not equally spaced", expected)
        })?;
        let text = |name| read::text_attribute(&file.file, name);
        let frame = text("frame");
        let grid = match frame.as_deref() {
            None => grid,
            Some(name) => grid.in_frame(Frame::named(name).ok_or_else(|| {
                file.wrong(
                    "attribute frame",
                    format!("`{name}`"),
                    "`observed` or `rest`",
                )
            })?),
        };
        let width = |name| match file.has(name) {
            true => file
                .dataset(name)
                .map(|d| d.shape().get(1).copied().unwrap_or(0)),
            false => Ok(0),
        };
        let (sky, numbers) = (width("sky")?, width("resolution")?);
        let diagonals = numbers / grid.pixels;
        if ![0, grid.pixels].contains(&sky)
            || numbers != diagonals * grid.pixels
            || numbers > 0 && diagonals % 2 == 0
        {
            return Err(file.wrong(
                "datasets sky, resolution",
                format!("{sky} and {numbers} numbers of each spectrum"),
                "as many as pixels, and an odd number of times as many; or none",
            ));
        }
        Ok(Self {
            carried: Carried {
                sky: sky > 0,
                diagonals,
            },
            grid,
            noise_rho: file.column("noise_rho", Some(grid.pixels))?,
            level_mean: match file.has("level_mean") {
                true => Some(file.column("level_mean", Some(grid.pixels))?),
                false => None,
            },
            flux_unit: text("flux_unit").unwrap_or_default(),
            specsys: text("specsys"),
            config: text("config").unwrap_or_default(),
        })
    }

    fn write(&self, file: &File) -> hdf5::Result<()> {
        let (given, pixels) = (self.noise_rho.len(), self.grid.pixels);
        if given != pixels {
            return Err(format!("{given} noise correlations for {pixels} pixels").into());
        }
        for (name, value) in [
            ("wavelength", "vacuum"),
            ("frame", self.grid.frame.name()),
            ("flux_unit", &self.flux_unit),
        ] {
            read::attribute(file, name, &read::text(value))?;
        }
        if let Some(frame) = &self.specsys {
            read::attribute(file, "specsys", &read::text(frame))?;
        }
        read::column(file, "loglam", &self.grid.loglam())?;
        read::column(file, "noise_rho", &self.noise_rho)?;
        if let Some(mean) = &self.level_mean {
            read::column(file, "level_mean", mean)?;
        }
        Ok(())
    }

    fn version(&self) -> i64 {
        if self.grid.is_rest() { 2 } else { 1 }
    }

    fn layout(&self) -> Layout {
        Layout::Spectra {
            grid: self.grid,
            noise_rho: self.noise_rho.clone(),
        }
    }

    fn masked(&self, n: usize) -> Block {
        Block::carrying(n, self.grid.pixels, self.carried)
    }

    fn config(&self) -> &str {
        &self.config
    }
}

impl Prepared {
    /// The wavelengths of every spectrum.
    #[must_use]
    pub fn grid(&self) -> LogGrid {
        self.header().grid
    }

    /// As [`SpectraHeader::flux_unit`].
    #[must_use]
    pub fn flux_unit(&self) -> &str {
        &self.header().flux_unit
    }

    /// As [`SpectraHeader::specsys`].
    #[must_use]
    pub fn specsys(&self) -> Option<&str> {
        self.header().specsys.as_deref()
    }

    /// As [`SpectraHeader::noise_rho`].
    #[must_use]
    pub fn noise_rho(&self) -> &[f32] {
        &self.header().noise_rho
    }
}
