//! The keys of one FITS header as cfitsio takes them, where they decide how much it reads or makes room for.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};

pub(super) const BLOCK: usize = 2880;
pub(super) const CARD: usize = 80;
/// Most blocks of a header that are read in search of its end: 2.9 MB, more than any file has.
const MOST_BLOCKS: u64 = 1000;
/// Blocks of a header that has no end: more than any file has.
pub(super) const ENDLESS: u64 = 1 << 40;

/// The keys of a header, and its length.
#[derive(Debug)]
pub(super) struct Header {
    values: HashMap<String, String>,
    /// A key that decides sizes and stands there twice with different values.
    twice: Option<String>,
    pub blocks: u64,
}

impl Header {
    /// The header that begins here; `None` if there is none.
    pub fn read(file: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = Self {
            values: HashMap::new(),
            twice: None,
            blocks: ENDLESS,
        };
        let mut block = [0; BLOCK];
        for blocks in 1..=MOST_BLOCKS {
            match file.read_exact(&mut block) {
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => break,
                other => other?,
            }
            for (n, card) in block.chunks_exact(CARD).enumerate() {
                let (name, value) = parts(card);
                if (blocks, n) == (1, 0) && !matches!(&*name, "SIMPLE" | "XTENSION") {
                    return Ok(None);
                }
                if name == "END" {
                    header.blocks = blocks;
                    return Ok(Some(header));
                }
                header.note(name, value);
            }
        }
        // Without an end, it is the last; cfitsio goes by its sizes before it misses the end.
        Ok((!header.values.is_empty()).then_some(header))
    }

    /// Readers go by the first of two keys of one name, cfitsio by either.
    fn note(&mut self, name: String, value: String) {
        let first = self
            .values
            .entry(name.clone())
            .or_insert_with(|| value.clone());
        if *first != value && decides(&name) {
            self.twice = Some(name);
        }
    }

    /// The value of a key as text, without quotes.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?;
        let inner = value.strip_prefix('\'');
        Some(inner.map_or(value.as_str(), |v| v.trim_end_matches('\'').trim_end()))
    }

    /// Whether it is the header of a table that fpack has compressed.
    pub fn is_packed(&self) -> bool {
        self.text("ZTABLE").is_some_and(|v| v.starts_with('T'))
    }

    /// The value of a key that must be a whole number. cfitsio takes more for one (after tabs, in
    /// quotes, with decimals), which the standard does not.
    pub fn whole(&self, name: &str, absent: i64) -> Result<i64, String> {
        match self.values.get(name) {
            None => Ok(absent),
            Some(v) => v
                .parse()
                .map_err(|_| format!("{name} = {v}, not a whole number")),
        }
    }

    /// As [`Header::whole`], refused outside `from..=to`.
    pub fn within(&self, name: &str, absent: i64, from: i64, to: i64) -> Result<i64, String> {
        let value = self.whole(name, absent)?;
        if (from..=to).contains(&value) {
            return Ok(value);
        }
        Err(format!("{name} = {value}"))
    }

    /// What is said twice and differently, if anything is.
    pub fn contradiction(&self) -> Result<(), String> {
        let twice = self.twice.as_ref();
        twice.map_or(Ok(()), |name| {
            Err(format!("{name} is there twice, with different values"))
        })
    }
}

/// Whether a key decides sizes.
fn decides(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        stem,
        "BITPIX" | "NAXIS" | "PCOUNT" | "GCOUNT" | "TFIELDS" | "TFORM" | "TBCOL" | "TDIM"
    ) || matches!(
        stem,
        "ZIMAGE" | "ZCMPTYPE" | "ZBITPIX" | "ZNAXIS" | "ZTILE" | "ZVAL" | "ZNAME"
    ) || matches!(stem, "ZTABLE" | "ZTILELEN" | "ZFORM" | "ZCTYP" | "THEAP")
}

/// Name (in capitals) and value of a card, found as cfitsio finds them: it takes an `=` in any column,
/// and HIERARCH keys for plain ones. Of a value in quotes the quotes are kept.
fn parts(card: &[u8]) -> (String, String) {
    let card = card.split(|b| *b == 0).next().unwrap_or_default();
    let card = String::from_utf8_lossy(card).into_owned();
    let plain = card.strip_prefix("HIERARCH ").unwrap_or(&card);
    let name = match plain.len() == card.len() {
        true => plain.split([' ', '=']).next(),
        false => plain.split('=').next().map(str::trim),
    };
    let after = match card.get(8..10) {
        Some("= ") => card.get(10..),
        _ => card.split_once('=').map(|(_, v)| v),
    };
    let value = after.unwrap_or_default().trim_start_matches(' ');
    let end = match value.strip_prefix('\'') {
        Some(text) => text.find('\'').map_or(value.len(), |n| n + 2),
        None => value.find([' ', '/']).unwrap_or(value.len()),
    };
    let value = value.get(..end).unwrap_or(value).to_owned();
    (name.unwrap_or_default().to_ascii_uppercase(), value)
}
