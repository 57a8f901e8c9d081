//! TensorBoard event files: scalars in TFRecord framing, the protocol buffers written by hand.
//!
//! A record is its length (u64), the masked CRC-32C of the length, the bytes and their masked
//! CRC-32C, all little endian. An `Event` has wall_time (1), step (2), file_version (3) or
//! summary (5); a `Summary.Value` has tag (1) and simple_value (2).

use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends scalars to its own event file.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventWriter {
    /// A new `events.out.tfevents.*` in `folder`.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be created.
    pub fn create(folder: &Path) -> Result<Self> {
        let stamp = (now() * 1e3) as u64;
        let path = folder.join(format!("events.out.tfevents.{stamp}.selfsi"));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| failed(&path, &e))?;
        let mut writer = Self {
            path,
            file: BufWriter::new(file),
        };
        let mut event = double_field(1, now());
        event.extend(bytes_field(3, b"brain.Event:2"));
        writer.record(&event)?;
        Ok(writer)
    }

    /// One number.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn scalar(&mut self, step: u64, tag: &str, value: f32) -> Result<()> {
        let mut v = bytes_field(1, tag.as_bytes());
        v.push(2 << 3 | 5);
        v.extend(value.to_le_bytes());
        let mut event = double_field(1, now());
        event.push(2 << 3);
        event.extend(varint(step));
        event.extend(bytes_field(5, &bytes_field(1, &v)));
        self.record(&event)
    }

    /// Hands all records to the system.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| failed(&self.path, &e))
    }

    fn record(&mut self, data: &[u8]) -> Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked_crc(data).to_le_bytes());
        self.file
            .write_all(&record)
            .map_err(|e| failed(&self.path, &e))
    }
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::output(path, e, "check free space and permissions")
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn double_field(number: u8, value: f64) -> Vec<u8> {
    let mut out = vec![number << 3 | 1];
    out.extend(value.to_le_bytes());
    out
}

fn bytes_field(number: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(data.len() as u64));
    out.extend(data);
    out
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_and_carry_tag_step_and_value() {
        let folder = tempfile::tempdir().unwrap();
        let mut w = EventWriter::create(folder.path()).unwrap();
        w.scalar(300, "train/loss", 0.5).unwrap();
        w.flush().unwrap();
        let bytes = std::fs::read(&w.path).unwrap();
        let mut records = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            assert_eq!(
                rest[12 + n..16 + n],
                masked_crc(&rest[12..12 + n]).to_le_bytes()
            );
            records.push(&rest[12..12 + n]);
            rest = &rest[16 + n..];
        }
        assert_eq!(records.len(), 2);
        let event = &records[1][9..];
        assert_eq!(event[..3], [0x10, 0xac, 0x02], "step 300 as a varint");
        assert!(event.ends_with(&0.5f32.to_le_bytes()));
        assert!(event.windows(10).any(|w| w == b"train/loss"));
    }
}
