//! The list of the rows that were left out, with the reasons.

use super::report::flag_names;
use crate::base::atomic::Pending;
use crate::data::Object;
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The CSV of rejected rows, written as they come.
#[derive(Debug)]
pub(crate) struct RejectedList {
    pending: Pending,
    path: PathBuf,
    out: BufWriter<File>,
}

impl RejectedList {
    pub fn create(path: &Path) -> Result<Self> {
        let pending = Pending::new(path)?;
        let file = pending.empty().map_err(|e| unwritable(path, &e))?;
        let mut list = Self {
            pending,
            path: path.to_path_buf(),
            out: BufWriter::new(file),
        };
        list.line("row,name,plate,mjd,fiberid,z,flag,flags,reason,source")?;
        Ok(list)
    }

    pub fn add(&mut self, row: usize, o: &Object) -> Result<()> {
        self.line(&format!(
            "{row},{},{},{},{},{},{},{},{},{}",
            quoted(&o.name),
            o.plate,
            o.mjd,
            o.fiberid,
            o.z,
            o.flag,
            flag_names(o.flag).join("|"),
            quoted(&o.reason),
            quoted(&o.source)
        ))
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").map_err(|e| unwritable(&self.path, &e))
    }

    pub fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(|e| unwritable(&self.path, &e))?;
        drop(self.out);
        self.pending.commit()
    }
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::output(path, e, "check free space and permissions")
}

/// A CSV field (RFC 4180).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
