//! A look at the headers before cfitsio's, which believes whatever they claim: it makes room for 10⁸
//! columns before it reads the first, divides by tile widths of 0, and writes texts as wide as they say.

use super::fault::Fault;
use super::form::{Form, digits};
use super::header::{BLOCK, Header};
use super::tiles;
use std::io::{self, Read, Seek, SeekFrom};

/// Most columns and axes that the standard allows.
const MOST: i64 = 999;

/// How far the HDUs of a file reach by their headers, in bytes.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Where the data of the last HDU end, and where they do filled up to whole blocks.
    pub data: u64,
    pub padded: u64,
    pub hdus: usize,
    /// Whether there is a table that fpack has compressed.
    pub packed: bool,
}

/// How far the plain FITS file `file` of `length` bytes reaches; the inner error says what is impossible
/// in its headers. Where they end early, or are none, cfitsio says so itself.
pub(super) fn reach(
    file: &mut (impl Read + Seek),
    length: u64,
) -> io::Result<Result<Reach, Fault>> {
    let mut reach = Reach::default();
    for hdu in 0.. {
        if reach.padded >= length {
            break;
        }
        file.seek(SeekFrom::Start(reach.padded))?;
        let Some(header) = Header::read(file)? else {
            break;
        };
        let bytes = match data_bytes(&header) {
            Ok(bytes) => bytes,
            Err(fault) => return Ok(Err(fault.in_hdu(hdu))),
        };
        let data = reach.padded + header.blocks * BLOCK as u64;
        reach.data = data + bytes;
        reach.padded = data + bytes.next_multiple_of(BLOCK as u64);
        reach.packed |= header.is_packed();
        reach.hdus += 1;
    }
    Ok(Ok(reach))
}

/// Bytes of an HDU's data without padding, if its header claims nothing impossible.
pub(super) fn data_bytes(header: &Header) -> Result<u64, Fault> {
    header.contradiction()?;
    let (axes, columns) = (header.whole("NAXIS", 0)?, header.whole("TFIELDS", 0)?);
    if !(0..=MOST).contains(&axes) || !(0..=MOST).contains(&columns) {
        return Err(format!("{axes} axes and {columns} columns").into());
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
        _ => return Err(format!("PCOUNT = {more}, GCOUNT = {groups}, {size} values").into()),
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
    let upper = form.trim_start().to_ascii_uppercase();
    if header.text("XTENSION") == Some("TABLE") {
        let (width, _) = digits(upper.get(1..).unwrap_or_default());
        let width = width.ok_or_else(bad)?;
        let first = header.within(&format!("TBCOL{n}"), 1, 1, row)?;
        return match first.checked_add(width - 1) {
            Some(last) if last <= row => Ok(()),
            _ => Err(format!("{} from character {first} of {row}", bad())),
        };
    }
    let form = Form::of(form).ok_or_else(bad)?;
    if i64::try_from(form.bytes).map_or(true, |b| b > row) {
        return Err(format!("{} in rows of {row} bytes", bad()));
    }
    let (_, kind) = digits(&upper);
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
        Some(Ok(width)) if (1..=form.repeat.max(1)).contains(&width) => Ok(()),
        _ => Err(format!("TDIM{n} = '{axes}' of {}", bad())),
    }
}
