//! One FITS file being written: keys, images, history, checksums. It appears when complete.

use super::read::Fits;
use crate::base::atomic::Pending;
use crate::base::program::{CREATOR, LIBVERS};
use crate::data::provenance::{Key, Value};
use crate::{Error, Result};
use fitsio::hdu::FitsHdu;
use fitsio::headers::WritesKey;
use fitsio::images::{ImageDescription, ImageType, WriteImage};
use fitsio::{FileOpenMode, FitsFile};
use std::ffi::CString;
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// cfitsio's mode of opening.
const READWRITE: i32 = 1;

/// A FITS file under construction. Dropped without [`Sheet::finish`], it leaves nothing.
pub(crate) struct Sheet {
    target: PathBuf,
    pub(crate) file: FitsFile,
    pending: Pending,
}

impl Sheet {
    /// # Errors
    /// [`Error::Output`] if the file cannot be made.
    pub fn create(target: &Path) -> Result<Self> {
        let pending = Pending::new(target)?;
        let failed = |e| Error::output(target, problem(&e), "check free space and permissions");
        Ok(Self {
            target: target.to_path_buf(),
            file: pending.open(create_fits).map_err(failed)?,
            pending,
        })
    }

    pub fn primary(&mut self) -> Result<FitsHdu> {
        self.file
            .primary_hdu()
            .map_err(|e| self.failed(&problem(&e)))
    }

    /// Makes `hdu` the current one.
    pub fn go(&mut self, hdu: &FitsHdu) -> Result<()> {
        let mut status = 0;
        // SAFETY: the handle is open; cfitsio checks the number itself and may be told to give no type.
        unsafe {
            let number = hdu.number as i32 + 1;
            fitsio_sys::ffmahd(
                self.file.as_raw(),
                number,
                std::ptr::null_mut(),
                &mut status,
            );
        }
        self.checked(status)
    }

    pub fn key<T: WritesKey>(&mut self, hdu: &FitsHdu, name: &str, value: T) -> Result<()> {
        hdu.write_key(&mut self.file, name, value)
            .map_err(|e| self.failed(&problem(&e)))
    }

    pub fn text(&mut self, hdu: &FitsHdu, name: &str, value: &str, comment: &str) -> Result<()> {
        self.key(hdu, name, (ascii(value), comment))
    }

    /// Writes keys of the primary header.
    pub fn keys(&mut self, keys: &[Key]) -> Result<()> {
        let hdu = self.primary()?;
        for Key {
            name,
            value,
            comment,
        } in keys
        {
            match value {
                Value::Text(v) => self.text(&hdu, name, v, comment)?,
                Value::Whole(v) => self.key(&hdu, name, (*v, *comment))?,
                Value::Real(v) => self.key(&hdu, name, (*v, *comment))?,
            }
        }
        Ok(())
    }

    /// A logical key of the primary header, which fitsio cannot write.
    pub fn truth(&mut self, name: &str, comment: &str) -> Result<()> {
        self.primary()?;
        let (name, comment) = (c_text(name), c_text(comment));
        let mut status = 0;
        // SAFETY: the handle is open, both texts end in NUL.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffpkyl(f, name.as_ptr(), 1, comment.as_ptr(), &mut status);
        }
        self.checked(status)
    }

    /// DATE and the HISTORY lines of the primary header.
    pub fn history(&mut self, lines: &[String]) -> Result<()> {
        self.primary()?;
        let mut status = 0;
        // SAFETY: the handle is open, the texts end in NUL.
        unsafe {
            fitsio_sys::ffpdat(self.file.as_raw(), &mut status);
            for line in lines {
                let line = c_text(line);
                fitsio_sys::ffphis(self.file.as_raw(), line.as_ptr(), &mut status);
            }
        }
        self.checked(status)
    }

    /// An empty image of 32-bit floats, axes in C order.
    pub fn image(&mut self, name: &str, dimensions: &[usize]) -> Result<FitsHdu> {
        self.image_of(name, ImageType::Float, dimensions)
    }

    /// An empty image of numbers of the given kind, axes in C order.
    pub fn image_of(
        &mut self,
        name: &str,
        data_type: ImageType,
        dimensions: &[usize],
    ) -> Result<FitsHdu> {
        let description = ImageDescription {
            data_type,
            dimensions,
        };
        self.file
            .create_image(name, &description)
            .map_err(|e| self.failed(&problem(&e)))
    }

    /// Writes pixels from number `from` of an image on.
    pub fn pixels<T: WriteImage>(&mut self, hdu: &FitsHdu, from: usize, data: &[T]) -> Result<()> {
        hdu.write_section(&mut self.file, from, from + data.len(), data)
            .map_err(|e| self.failed(&problem(&e)))
    }

    /// Writes CHECKSUM and DATASUM of every HDU and gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        let (mut hdus, mut status) = (0, 0);
        // SAFETY: the handle is open; cfitsio checks the HDU numbers itself.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffthdu(f, &mut hdus, &mut status);
            for i in 1..=hdus {
                fitsio_sys::ffmahd(f, i, std::ptr::null_mut(), &mut status);
                fitsio_sys::ffpcks(f, &mut status);
            }
            fitsio_sys::ffflus(f, &mut status);
        }
        self.checked(status)?;
        let Self {
            file,
            pending,
            target,
        } = self;
        drop(file);
        // cfitsio says nothing of the last bytes, should the disk refuse them.
        let written = Fits::open(pending.path()).and_then(|mut f| {
            f.check_filled()?;
            f.check_sums()
        });
        written.map_err(|_| cut_short(&target))?;
        pending.commit()
    }

    pub fn failed(&self, e: &dyn Display) -> Error {
        Error::output(&self.target, e, "check free space and permissions")
    }

    pub(crate) fn checked(&self, status: i32) -> Result<()> {
        if status == 0 {
            Ok(())
        } else {
            Err(self.failed(&words(status)))
        }
    }
}

/// Cards of an empty primary HDU, as cfitsio begins a file.
const EMPTY: [&str; 7] = [
    "SIMPLE  =                    T / file does conform to FITS standard",
    "BITPIX  =                    8 / number of bits per data pixel",
    "NAXIS   =                    0 / number of data axes",
    "EXTEND  =                    T / FITS dataset may contain extensions",
    "COMMENT   FITS (Flexible Image Transport System) format is defined in 'Astronomy",
    "COMMENT   and Astrophysics', volume 376, page 359; bibcode: 2001A&A...376..359H",
    "END",
];

/// A new FITS file with an empty primary HDU that says what made it. It is begun here, because cfitsio
/// would remove the file that is there with its lock; and fitsio's own call lets cfitsio take brackets in
/// the name for its syntax, and panics where the name is not UTF-8.
///
/// # Errors
/// cfitsio's, or that the name is not UTF-8.
pub(crate) fn create_fits(path: &Path) -> fitsio::errors::Result<FitsFile> {
    let cards: String = EMPTY.iter().map(|card| format!("{card:<80}")).collect();
    std::fs::write(path, format!("{cards:<2880}"))?;
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut raw = std::ptr::null_mut();
    let mut status = 0;
    // SAFETY: the name ends in NUL and outlives the call.
    unsafe { fitsio_sys::ffdkopn(&mut raw, name.as_ptr(), READWRITE, &mut status) };
    fitsio::errors::check_status(status)?;
    // SAFETY: the handle was just opened by cfitsio for writing and is given away here.
    let mut file = unsafe { FitsFile::from_raw(raw, FileOpenMode::READWRITE) }?;
    let hdu = file.primary_hdu()?;
    hdu.write_key(
        &mut file,
        "CREATOR",
        (&**CREATOR, "program, version, commit"),
    )?;
    // No room for a comment.
    hdu.write_key(&mut file, "LIBVERS", (&**LIBVERS, ""))?;
    Ok(file)
}

/// Compares the length of a FITS file that was just written with what it must have: cfitsio says
/// nothing of the last bytes, should the disk refuse them.
///
/// # Errors
/// [`Error::Output`] if it is shorter.
pub(crate) fn check_written(path: &Path) -> Result<()> {
    let whole = Fits::open(path).and_then(|mut f| f.check_filled());
    whole.map_err(|_| cut_short(path))
}

fn cut_short(target: &Path) -> Error {
    Error::output(
        target,
        "the disk did not take all of it",
        "check free space and permissions",
    )
}

/// cfitsio's account of a failed write.
pub(crate) fn problem(e: &fitsio::errors::Error) -> String {
    match e {
        fitsio::errors::Error::Fits(e) => format!("cfitsio {}: {}", e.status, e.message),
        other => other.to_string(),
    }
}

/// FITS knows ASCII alone: the ångström is spelled out, any other character becomes `\u{…}`.
pub(crate) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            'Å' => out.push_str("Angstrom"),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

pub(crate) fn c_text(text: &str) -> CString {
    CString::new(ascii(text)).unwrap_or_default()
}

fn words(status: i32) -> String {
    let mut text = [0 as std::os::raw::c_char; 256];
    // SAFETY: the buffer is longer than FLEN_STATUS (31).
    unsafe {
        fitsio_sys::ffgerr(status, text.as_mut_ptr());
        fitsio_sys::ffcmsg();
    }
    let bytes = text.iter().map(|b| *b as u8).take_while(|b| *b != 0);
    let text = String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned();
    format!("cfitsio {status}: {text}")
}
