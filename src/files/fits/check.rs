//! Whether a file is whole, and holds what was written.

use super::extent::BITS;
use super::read::Fits;
use super::tiles::SHRUNK;
use crate::Result;
use fitsio_sys as c;

impl Fits {
    /// Compares the length of the file with where its last HDU ends: cfitsio says nothing of bytes
    /// after it (an HDU cut off in its header), nor of data that nobody has read yet.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is cut off.
    pub fn check_complete(&mut self) -> Result<()> {
        let last = self.hdus()?.saturating_sub(1);
        self.seek(last)?;
        let (mut head, mut data, mut end, mut status) = (0, 0, 0, 0);
        // SAFETY: the handle is open (as in every call below).
        unsafe { c::ffghadll(self.file, &mut head, &mut data, &mut end, &mut status) };
        self.checked(status, "")?;
        let (length, end) = (self.extent.bytes, usize::try_from(end).unwrap_or_default());
        if length == end {
            return Ok(());
        }
        let problem = format!("{length} bytes, but HDU {last} ends at {end}: truncated or damaged");
        Err(self.error(
            "",
            &problem,
            "a complete FITS file",
            "copy or download the file again",
        ))
    }

    /// As [`Fits::check_complete`], of a file that selfsi has just written: its last block is filled up, too.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is cut off.
    pub(super) fn check_filled(&mut self) -> Result<()> {
        self.check_complete()?;
        if self.as_it_lies() {
            return Ok(());
        }
        Err(self.error(
            "",
            "its last block is cut off",
            "a complete FITS file",
            "check the free space of the disk",
        ))
    }

    /// Refuses to make room for more values than the file can hold.
    pub(crate) fn check_room(&mut self, n: usize, what: &str) -> Result<()> {
        // Images compressed in tiles are known by cfitsio alone.
        let mut status = 0;
        let tiles = unsafe { c::fits_is_compressed_image(self.file, &mut status) } != 0;
        self.checked(status, what)?;
        let shrunk = if tiles { SHRUNK } else { BITS };
        if n <= self.extent.bytes.saturating_mul(shrunk) {
            return Ok(());
        }
        let place = format!("{} {what}", self.place());
        Err(self.error(
            &place,
            &format!("{n} values, more than the file can hold: truncated or damaged"),
            "a complete FITS file",
            "copy or download the file again",
        ))
    }

    /// Compares every HDU with its CHECKSUM and DATASUM, where it has them; reads the whole file.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if one does not fit.
    pub fn check_sums(&mut self) -> Result<()> {
        for hdu in 0..self.hdus()? {
            self.seek(hdu)?;
            let (mut data, mut whole, mut status) = (0, 0, 0);
            // -1: wrong; 0: the key is absent; 1: right.
            unsafe { c::ffvcks(self.file, &mut data, &mut whole, &mut status) };
            self.checked(status, "")?;
            let wrong = match (data, whole) {
                (-1, _) => "DATASUM",
                (_, -1) => "CHECKSUM",
                _ => continue,
            };
            let place = self.place();
            return Err(self.error(
                &place,
                &format!("{wrong} does not match: the file was damaged or edited"),
                "what was written",
                "copy the file again; if you edited it, renew its checksums (astropy: fitscheck --write)",
            ));
        }
        Ok(())
    }
}
