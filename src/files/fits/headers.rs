//! A look at the headers before cfitsio's, which believes whatever they claim: it makes room for 10⁸
//! columns before it reads the first, divides by tile widths of 0, and writes texts as wide as they say.

use super::header::{BLOCK, Header};
use super::tiles;
use std::io::{self, Read, Seek, SeekFrom};

/// Most columns and axes that the standard allows.
const MOST: i64 = 999;

/// What is impossible in the headers of the plain FITS file `file` of `length` bytes, if anything is.
/// Where they end early, or are none, cfitsio says so itself.
pub(crate) fn impossible(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<String>> {
    let (mut at, mut hdu) = (0, 0);
    while at < length {
        file.seek(SeekFrom::Start(at))?;
        let Some(header) = Header::read(file)? else {
            break;
        };
        match data_bytes(&header) {
            Ok(bytes) => at += (header.blocks + bytes.div_ceil(BLOCK as u64)) * BLOCK as u64,
            Err(problem) => return Ok(Some(format!("HDU {hdu}: {problem}"))),
        }
        hdu += 1;
    }
    Ok(None)
}

/// Bytes of an HDU's data without padding, if its header claims nothing impossible.
pub(super) fn data_bytes(header: &Header) -> Result<u64, String> {
    header.contradiction()?;
    let (axes, columns) = (header.whole("NAXIS", 0)?, header.whole("TFIELDS", 0)?);
    if !(0..=MOST).contains(&axes) || !(0..=MOST).contains(&columns) {
        return Err(format!("{axes} axes and {columns} columns"));
    }
    let mut size: i64 = i64::from(axes > 0);
    for i in 1..=axes {
        let n = header.whole(&format!("NAXIS{i}"), 0)?;
        let grown = size.checked_mul(n).filter(|_| n >= 0);
        size = grown.ok_or_else(|| format!("NAXIS{i} = {n}"))?;
    }
    let (more, groups) = (header.whole("PCOUNT", 0)?, header.whole("GCOUNT", 1)?);
    let bits = header.whole("BITPIX", 8)?;
    let bytes = size.checked_add(more).filter(|_| more >= 0);
    let bytes = bytes.and_then(|s| s.checked_mul(groups.max(1)));
    let bytes = bytes.and_then(|s| s.checked_mul(bits.checked_abs()? / 8));
    // Room for the sum over all HDUs, which a file cannot have either.
    let bytes = match bytes.and_then(|b| u64::try_from(b).ok()) {
        Some(bytes) if bytes < 1 << 55 => bytes,
        _ => return Err(format!("PCOUNT = {more}, GCOUNT = {groups}, {size} values")),
    };
    for n in 1..=columns {
        column(header, n)?;
    }
    if header.text("ZIMAGE").is_some_and(|v| v.starts_with('T')) {
        tiles::check(header, columns, bytes)?;
    }
    Ok(bytes)
}

/// Column `n` of a table lies in its row, and a text has a width.
fn column(header: &Header, n: i64) -> Result<(), String> {
    let row = header.whole("NAXIS1", 0)?;
    let (key, Some(form)) = (format!("TFORM{n}"), header.text(&format!("TFORM{n}"))) else {
        return Ok(());
    };
    let bad = || format!("{key} = '{form}'");
    let form = form.trim_start().to_ascii_uppercase();
    let digits = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        (text[..end].parse::<i64>(), text[end..].to_owned())
    };
    if header.text("XTENSION") == Some("TABLE") {
        let (width, _) = digits(form.get(1..).unwrap_or_default());
        let width = width.map_err(|_| bad())?;
        let first = header.within(&format!("TBCOL{n}"), 1, 1, row)?;
        return match first.checked_add(width - 1) {
            Some(last) if last <= row => Ok(()),
            _ => Err(format!("{} from character {first} of {row}", bad())),
        };
    }
    let (repeat, kind) = digits(&form);
    let repeat = match repeat {
        Ok(repeat) => repeat,
        Err(_) if form.starts_with(|c: char| c.is_ascii_digit()) => return Err(bad()),
        // Without a number, there is one.
        Err(_) => 1,
    };
    let bytes = match kind.as_bytes().first() {
        Some(b'X') => Some(repeat / 8),
        Some(b'I') => repeat.checked_mul(2),
        Some(b'J' | b'E') => repeat.checked_mul(4),
        Some(b'K' | b'D' | b'C') => repeat.checked_mul(8),
        Some(b'M') => repeat.checked_mul(16),
        Some(b'P' | b'Q') => Some(0),
        _ => Some(repeat),
    };
    if bytes.is_none_or(|b| b > row) {
        return Err(format!("{} in rows of {row} bytes", bad()));
    }
    let Some(text) = kind.strip_prefix('A') else {
        return Ok(());
    };
    if text.starts_with(['-', '+', '0']) {
        return Err(format!("{}: texts without width", bad()));
    }
    let Some(axes) = header.text(&format!("TDIM{n}")) else {
        return Ok(());
    };
    let first = axes
        .split('(')
        .nth(1)
        .and_then(|a| a.split([',', ')']).next());
    match first.map(|a| a.trim().parse::<i64>()) {
        Some(Ok(width)) if (1..=repeat.max(1)).contains(&width) => Ok(()),
        _ => Err(format!("TDIM{n} = '{axes}' of {}", bad())),
    }
}
