//! The wavelengths of spectra in a FITS file being written.

use super::sheet::Sheet;
use super::tables::Column;
use crate::Result;
use crate::data::LogGrid;
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;

impl Sheet {
    /// The table WAVELENGTH of pixels at `loglam`, log10 of Å.
    pub fn wavelengths(&mut self, loglam: &[f64]) -> Result<()> {
        let columns = [
            Column::new("WAVELENGTH", T::Double)
                .unit("Angstrom")
                .ucd("em.wl"),
            Column::new("LOGLAM", T::Double),
        ];
        let hdu = self.table("WAVELENGTH", &columns)?;
        let wavelength: Vec<f64> = loglam.iter().map(|l| 10f64.powf(*l)).collect();
        self.column(&hdu, "WAVELENGTH", &wavelength)?;
        self.column(&hdu, "LOGLAM", loglam)
    }

    /// What the wavelengths of `grid` are: the keys FRAME and WAVEREF of the primary header.
    pub fn frame(&mut self, hdu: &FitsHdu, grid: &LogGrid) -> Result<()> {
        let frame = grid.frame.name();
        self.text(hdu, "FRAME", frame, "frame of the wavelength grid")?;
        let words = format!("vacuum, {frame} frame");
        self.text(hdu, "WAVEREF", &words, "wavelengths")
    }

    /// Log-linear WCS (Greisen et al. 2006) of an image of spectra: λ = CRVAL1·exp(CDELT1 (p − 1)/CRVAL1).
    pub fn wavelength_axis(
        &mut self,
        hdu: &FitsHdu,
        grid: &LogGrid,
        specsys: Option<&str>,
    ) -> Result<()> {
        let first = 10f64.powf(grid.loglam0);
        self.text(hdu, "CTYPE1", "WAVE-LOG", "vacuum wavelength, log spacing")?;
        self.text(hdu, "CUNIT1", "Angstrom", "")?;
        self.key(hdu, "CRPIX1", (1.0, ""))?;
        self.key(hdu, "CRVAL1", (first, "first pixel"))?;
        let step = "CRVAL1 times the step in ln(wavelength)";
        self.key(hdu, "CDELT1", (first * grid.dln(), step))?;
        self.text(hdu, "CTYPE2", "OBJECT", "row of CATALOG, from 1")?;
        for (key, value) in [("CRPIX2", 1.0), ("CRVAL2", 1.0), ("CDELT2", 1.0)] {
            self.key(hdu, key, (value, ""))?;
        }
        if grid.is_rest() {
            // The word of the FITS standard for the rest frame of each source.
            self.text(
                hdu,
                "SPECSYS",
                "SOURCE",
                "frame of the wavelengths: at rest",
            )?;
        }
        let observed = if grid.is_rest() { "SPECOBS" } else { "SPECSYS" };
        match specsys {
            Some(frame) => self.text(hdu, observed, frame, "frame of the observed wavelengths"),
            None => Ok(()),
        }
    }
}
