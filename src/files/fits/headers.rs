//! A look at the headers before cfitsio's, which believes whatever sizes they claim: it makes room for
//! 10⁸ columns before it reads the first.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

const BLOCK: usize = 2880;
const CARD: usize = 80;
/// Blocks of a header that has no end: more than any file has.
const ENDLESS: u64 = 1 << 40;
/// Most columns and axes that the standard allows.
const MOST: i64 = 999;

/// What is impossible in the headers of the plain FITS file `file`, if anything is. Where they end
/// early, or are none, cfitsio says so itself.
pub(crate) fn impossible(file: &mut File) -> io::Result<Option<String>> {
    let length = file.metadata()?.len();
    let (mut at, mut hdu) = (0, 0);
    while at < length {
        file.seek(SeekFrom::Start(at))?;
        let Some((keys, blocks)) = header(file)? else {
            break;
        };
        match data_bytes(&keys) {
            Ok(bytes) => at += (blocks + bytes.div_ceil(BLOCK as u64)) * BLOCK as u64,
            Err(problem) => return Ok(Some(format!("HDU {hdu}: {problem}"))),
        }
        hdu += 1;
    }
    Ok(None)
}

/// The integers of the header that begins here, and its length in blocks; `None` if there is none.
fn header(file: &mut File) -> io::Result<Option<(HashMap<String, i64>, u64)>> {
    let mut keys = HashMap::new();
    let mut block = [0; BLOCK];
    for blocks in 1.. {
        match file.read_exact(&mut block) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break,
            other => other?,
        }
        for card in block.chunks_exact(CARD) {
            let name = String::from_utf8_lossy(&card[..8]).trim_end().to_owned();
            if name == "END" {
                return Ok(Some((keys, blocks)));
            }
            if blocks == 1 && keys.is_empty() && !matches!(name.as_str(), "SIMPLE" | "XTENSION") {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&card[8..]);
            let value = text.trim_start_matches(['=', ' ']).split([' ', '/']).next();
            // What is no integer is of no consequence here, but shows that the header has begun.
            let value = value.and_then(|v| v.parse().ok()).unwrap_or(0);
            keys.entry(name).or_insert(value);
        }
    }
    // Without an end, it is the last; cfitsio goes by its sizes before it misses the end.
    Ok((!keys.is_empty()).then_some((keys, ENDLESS)))
}

/// Bytes of an HDU's data without padding.
fn data_bytes(keys: &HashMap<String, i64>) -> Result<u64, String> {
    let get = |name: &str, absent: i64| keys.get(name).copied().unwrap_or(absent);
    let (axes, columns) = (get("NAXIS", 0), get("TFIELDS", 0));
    if !(0..=MOST).contains(&axes) || !(0..=MOST).contains(&columns) {
        return Err(format!("{axes} axes and {columns} columns"));
    }
    let mut size: i64 = i64::from(axes > 0);
    for i in 1..=axes {
        let n = get(&format!("NAXIS{i}"), 0);
        let grown = size.checked_mul(n).filter(|_| n >= 0);
        size = grown.ok_or_else(|| format!("NAXIS{i} = {n}"))?;
    }
    let (more, groups) = (get("PCOUNT", 0), get("GCOUNT", 1));
    let bytes = size.checked_add(more).filter(|_| more >= 0);
    let bytes = bytes.and_then(|s| s.checked_mul(groups.max(1)));
    let bytes = bytes.and_then(|s| s.checked_mul(get("BITPIX", 8).checked_abs()? / 8));
    // Room for the sum over all HDUs, which a file cannot have either.
    match bytes.and_then(|b| u64::try_from(b).ok()) {
        Some(bytes) if bytes < 1 << 55 => Ok(bytes),
        _ => Err(format!("PCOUNT = {more}, GCOUNT = {groups}, {size} values")),
    }
}
