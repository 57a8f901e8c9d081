//! stub
use crate::Result;
use std::path::Path;
pub struct EventWriter;
impl EventWriter {
    pub fn create(_f: &Path) -> Result<Self> { Ok(Self) }
    pub fn scalar(&mut self, _s: u64, _t: &str, _v: f32) -> Result<()> { Ok(()) }
    pub fn flush(&mut self) -> Result<()> { Ok(()) }
}
