//! Tables that fpack has compressed (FITS standard 4.0, section 10.3): a row for each tile of rows, and in
//! it for each column what its values are packed to. cfitsio unpacks images by itself, tables it does not.

use super::fault::Fault;
use super::form::Form;
use super::header::{BLOCK, CARD, ENDLESS, Header};
use super::headers::data_bytes;
use super::rice;
use flate2::read::GzDecoder;
use std::io::Read;

/// Bytes that one packed byte can stand for at most, and those that any table may take.
const SHRUNK: usize = 1032;
const SMALL: usize = 1 << 20;
/// Keys that only a packed table has, or that do not hold for what it was.
const DROPPED: [&str; 11] = [
    "ZTABLE", "ZTILELEN", "ZNAXIS1", "ZNAXIS2", "ZPCOUNT", "ZHEAPPTR", "THEAP", "CHECKSUM",
    "DATASUM", "ZHECKSUM", "ZDATASUM",
];

/// The file `bytes` with its packed tables as they were, at most `most` bytes.
pub(super) fn unpacked(bytes: Vec<u8>, most: u64) -> Result<Vec<u8>, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut out, mut at, mut any) = (Vec::new(), 0, false);
    for hdu in 0.. {
        let mut rest = bytes.get(at..).unwrap_or_default();
        let header = Header::read(&mut rest).map_err(|e| e.to_string())?;
        let Some(header) = header.filter(|h| h.blocks != ENDLESS) else {
            break;
        };
        let data = at + header.blocks as usize * BLOCK;
        let size = data_bytes(&header).map_err(|f| f.in_hdu(hdu))?;
        let end = usize::try_from(size).ok().and_then(|n| data.checked_add(n));
        let end = end.ok_or_else(|| format!("HDU {hdu} has {size} bytes"))?;
        if header.is_packed() {
            any = true;
            let whole = bytes.get(data..end);
            let data_of = whole.ok_or_else(|| format!("HDU {hdu} ends early"))?;
            let packed = Packed {
                header: &header,
                data: data_of,
            };
            let table = packed.table(most.saturating_sub(out.len()));
            let table = table.map_err(|f| f.in_hdu(hdu))?;
            out.extend(packed.cards(&bytes[at..data])?);
            out.extend(table);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
        } else {
            let end = end.next_multiple_of(BLOCK).min(bytes.len());
            out.extend(&bytes[at..end]);
        }
        at = end.next_multiple_of(BLOCK);
    }
    if !any {
        return Ok(bytes);
    }
    out.extend(bytes.get(at..).unwrap_or_default());
    Ok(out)
}

/// A packed table.
struct Packed<'a> {
    header: &'a Header,
    data: &'a [u8],
}

/// A column of what it was.
struct Column<'a> {
    number: i64,
    form: Form,
    method: &'a str,
    /// Where its descriptor begins in a row of the packed table, and bytes of each of its two numbers.
    at: usize,
    half: usize,
}

impl Packed<'_> {
    fn size(&self, name: &str) -> Result<usize, String> {
        let n = self.header.within(name, -1, 0, i64::MAX)?;
        usize::try_from(n).map_err(|_| format!("{name} = {n}"))
    }

    /// The rows as they were.
    fn table(&self, most: usize) -> Result<Vec<u8>, Fault> {
        let (rows, width) = (self.size("ZNAXIS2")?, self.size("ZNAXIS1")?);
        let tile = self.size("ZTILELEN")?.clamp(1, rows.max(1));
        if self.header.whole("ZPCOUNT", 0)? != 0 {
            return Err(Fault::unread(
                "a table compressed by fpack with cells of unequal lengths",
                "unpack it with funpack",
            ));
        }
        let size = rows.checked_mul(width);
        let held = self.data.len().saturating_mul(SHRUNK).max(SMALL);
        let size = size.filter(|n| *n <= held);
        let size =
            size.ok_or_else(|| format!("{rows} rows of {width} bytes, more than it holds"))?;
        if size > most {
            let problem = format!("a packed table of {} MiB", size >> 20);
            return Err(Fault::unread(
                problem,
                "unpack it with funpack, or raise --unpack",
            ));
        }
        let columns = self.columns()?;
        let sum: usize = columns.iter().map(|c| c.form.bytes).sum();
        let (packed_width, tiles) = (self.size("NAXIS1")?, self.size("NAXIS2")?);
        if sum != width || tiles < rows.div_ceil(tile) {
            let problem =
                format!("columns of {sum} bytes in rows of {width}, {tiles} tiles of {tile} rows");
            return Err(problem.into());
        }
        let heap = self.header.within(
            "THEAP",
            i64::try_from(packed_width * tiles).unwrap_or(i64::MAX),
            0,
            i64::MAX,
        )?;
        let heap = usize::try_from(heap).unwrap_or(usize::MAX);
        let mut out = vec![0; size];
        for (t, part) in out.chunks_mut((tile * width).max(1)).enumerate() {
            let mut start = 0;
            for column in &columns {
                let values = self.values(column, t * packed_width, heap, part.len() / width);
                let values = values.ok_or_else(|| {
                    let (number, method) = (column.number, column.method);
                    format!("column {number} of tile {t} does not hold what {method} packs")
                })?;
                column.place(&values, part, start, width);
                start += column.form.bytes;
            }
        }
        Ok(out)
    }

    fn columns(&self) -> Result<Vec<Column<'_>>, Fault> {
        let mut at = 0;
        let mut columns = Vec::new();
        for number in 1..=self.header.whole("TFIELDS", 0)? {
            let form = |key: String| {
                let form = self.header.text(&key).unwrap_or_default();
                Form::of(form).ok_or_else(|| format!("{key} = '{form}'"))
            };
            let half = match form(format!("TFORM{number}"))?.kind {
                b'P' => 4,
                b'Q' => 8,
                _ => return Err(format!("TFORM{number} of a packed table").into()),
            };
            let form = form(format!("ZFORM{number}"))?;
            let method = self.header.text(&format!("ZCTYP{number}"));
            let method = method.unwrap_or("GZIP_2");
            let is_rice = matches!(form.kind, b'B' | b'I' | b'J') && method == "RICE_1";
            if !is_rice && !method.starts_with("GZIP_") {
                let problem = format!("column {number} compressed by {method}");
                return Err(Fault::unread(problem, "unpack it with funpack"));
            }
            columns.push(Column {
                number,
                form,
                method,
                at,
                half,
            });
            at += 2 * half;
        }
        Ok(columns)
    }

    /// The bytes of `column` in the tile whose descriptors begin at `row`, of `rows` rows; `None` if it
    /// holds others.
    fn values(&self, column: &Column, row: usize, heap: usize, rows: usize) -> Option<Vec<u8>> {
        let size = rows * column.form.bytes;
        if size == 0 {
            return Some(Vec::new());
        }
        let number = |k: usize| {
            let from = row + column.at + k * column.half;
            let bytes = self.data.get(from..from + column.half)?;
            let value = bytes
                .iter()
                .try_fold(0u64, |v, b| v.checked_mul(256)?.checked_add(u64::from(*b)));
            usize::try_from(value?).ok()
        };
        let (length, offset) = (number(0)?, number(1)?);
        let from = heap.checked_add(offset)?;
        let packed = self.data.get(from..from.checked_add(length)?)?;
        if column.method == "RICE_1" {
            let each = column.form.element();
            return rice::unpacked(packed, size / each, each);
        }
        let mut values = Vec::with_capacity(size);
        let mut all = GzDecoder::new(packed).take(size as u64 + 1);
        let read = all.read_to_end(&mut values);
        (read.is_ok() && values.len() == size).then_some(values)
    }

    /// The header of the table as it was, from the packed one's `cards`.
    fn cards(&self, cards: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(cards.len());
        let end = format!("{:<CARD$}", "END");
        for card in cards.chunks_exact(CARD) {
            let name = String::from_utf8_lossy(card.get(..8).unwrap_or_default());
            let name = name.trim_end();
            let of_column = |stem: &str| {
                let number = name.strip_prefix(stem)?.parse::<u32>();
                number.ok()
            };
            let number = |value: usize| format!("{name:<8}= {value:>20}");
            let changed = match name {
                "END" => break,
                _ if DROPPED.contains(&name) => continue,
                _ if of_column("ZFORM").or(of_column("ZCTYP")).is_some() => continue,
                "NAXIS1" | "NAXIS2" => Some(number(self.size(&format!("Z{name}"))?)),
                "PCOUNT" => Some(number(0)),
                _ => of_column("TFORM").map(|n| {
                    let form = self.header.text(&format!("ZFORM{n}"));
                    format!("{name:<8}= '{:<8}'", form.unwrap_or_default())
                }),
            };
            match changed {
                Some(text) => out.extend(format!("{text:<CARD$}").bytes()),
                None => out.extend(card),
            }
        }
        out.extend(end.bytes());
        out.resize(out.len().next_multiple_of(BLOCK), b' ');
        Ok(out)
    }
}

impl Column<'_> {
    /// Puts `values`, those of its rows one after the other, from byte `start` of each row of `rows` on.
    /// GZIP_2 has put the first bytes of all numbers first, then the second ones, and so on.
    fn place(&self, values: &[u8], rows: &mut [u8], start: usize, width: usize) {
        let each = match self.method {
            "GZIP_2" => self.form.element(),
            _ => 1,
        };
        let (bytes, numbers) = (self.form.bytes, values.len() / each);
        for (r, row) in rows.chunks_exact_mut(width).enumerate() {
            let cell = row[start..start + bytes].iter_mut().enumerate();
            for (b, out) in cell {
                let at = r * bytes + b;
                *out = values[at % each * numbers + at / each];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::files::fits::read::Fits;
    use fitsio::FitsFile;
    use fitsio::tables::{ColumnDataType as T, ColumnDescription};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::ffi::CString;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    const ROWS: usize = 250;

    /// A table of a column of every kind, and an image before it.
    fn plain(path: &Path) {
        let mut file = FitsFile::create(path).open().unwrap();
        let kinds = [
            ("SHORT", T::Short, 1),
            ("INT", T::Int, 1),
            ("LONG", T::LongLong, 1),
            ("SINGLE", T::Float, 3),
            ("DOUBLE", T::Double, 1),
            ("NAME", T::String, 18),
        ];
        let columns = kinds.map(|(name, kind, repeat)| {
            let mut column = ColumnDescription::new(name);
            column.with_type(kind);
            if repeat > 1 {
                column.that_repeats(repeat);
            }
            column.create().unwrap()
        });
        let hdu = file.create_table("CATALOG", &columns).unwrap();
        let rows = || 0..ROWS as i64;
        let wild = |i: i64| i * i * 7_919_777 % 65_521 - 30_000;
        let short: Vec<i32> = rows().map(|i| (wild(i) / 2) as i32).collect();
        hdu.write_col(&mut file, "SHORT", &short).unwrap();
        let whole: Vec<i32> = rows().map(|i| (wild(i) * 60_000) as i32).collect();
        hdu.write_col(&mut file, "INT", &whole).unwrap();
        let long: Vec<i64> = rows().map(|i| 39_627_945_043_561_608 + wild(i)).collect();
        hdu.write_col(&mut file, "LONG", &long).unwrap();
        let single: Vec<f32> = (0..3 * ROWS).map(|i| (i as f32).sin()).collect();
        hdu.write_col(&mut file, "SINGLE", &single).unwrap();
        let double: Vec<f64> = rows().map(|i| (i as f64).exp_m1()).collect();
        hdu.write_col(&mut file, "DOUBLE", &double).unwrap();
        let names: Vec<String> = rows().map(|i| format!("{i:018}")).collect();
        hdu.write_col(&mut file, "NAME", &names).unwrap();
        // Rows of a tile and the method of a column, for the packer.
        hdu.write_key(&mut file, "FZALG1", "RICE_1").unwrap();
        hdu.write_key(&mut file, "FZTILELN", 100i64).unwrap();
    }

    /// As fpack packs it.
    fn packed(from: &Path, to: &Path) {
        let mut file = FitsFile::open(from).unwrap();
        let name = CString::new(to.to_str().unwrap()).unwrap();
        let (mut out, mut status) = (std::ptr::null_mut(), 0);
        file.hdu(1).unwrap();
        // SAFETY: both handles are open, at a table and at nothing.
        unsafe {
            fitsio_sys::ffdkinit(&raw mut out, name.as_ptr(), &raw mut status);
            fitsio_sys::ffcrim(out, 8, 0, std::ptr::null_mut(), &raw mut status);
            fitsio_sys::fits_compress_table(file.as_raw(), out, &raw mut status);
            fitsio_sys::ffclos(out, &raw mut status);
        }
        assert_eq!(status, 0);
    }

    #[test]
    fn a_packed_table_reads_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        plain(&at("plain.fits"));
        packed(&at("plain.fits"), &at("packed.fits.fz"));
        let bytes = fs::read(at("packed.fits.fz")).unwrap();
        let mut gzip = GzEncoder::new(fs::File::create(at("gz")).unwrap(), Compression::fast());
        gzip.write_all(&bytes).unwrap();
        gzip.finish().unwrap();
        for name in ["packed.fits.fz", "gz"] {
            let mut before = Fits::open(&at("plain.fits")).unwrap();
            let mut after = Fits::open(&at(name)).unwrap();
            after.check_complete().unwrap();
            assert_eq!(after.go(1).unwrap(), before.go(1).unwrap());
            assert_eq!(after.extname(), "CATALOG");
            for column in before.columns().unwrap() {
                if column.text {
                    let texts = before.texts(&column, ROWS).unwrap();
                    assert_eq!(after.texts(&column, ROWS).unwrap(), texts);
                    continue;
                }
                let values = before.floats(&column, ROWS).unwrap();
                assert_eq!(after.floats(&column, ROWS).unwrap(), values, "{column:?}");
                if column.name == "LONG" {
                    let values = before.integers(&column, ROWS).unwrap();
                    assert_eq!(after.integers(&column, ROWS).unwrap(), values);
                }
            }
        }
    }

    #[test]
    fn a_spoilt_packed_table_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        plain(&at("plain.fits"));
        packed(&at("plain.fits"), &at("packed.fits.fz"));
        let whole = fs::read(at("packed.fits.fz")).unwrap();
        for (key, value, word) in [
            ("ZNAXIS2", "250000000", "more than it holds"),
            ("ZNAXIS2", "0", ""),
            ("ZNAXIS1", "7", "columns of"),
            ("ZNAXIS1", "-1", "ZNAXIS1 = -1"),
            ("ZTILELEN", "1", "tiles of 1 rows"),
            ("ZPCOUNT", "8", "funpack"),
            ("THEAP", "9999999", "does not hold"),
            ("ZCTYP1", "'GZIP_1  '", "column 1 of tile 0"),
            ("ZCTYP3", "'RICE_1  '", "funpack"),
            ("ZCTYP3", "'OTHER   '", "funpack"),
            ("ZFORM1", "'1J      '", "columns of"),
            ("ZFORM2", "'1PJ     '", "funpack"),
            ("TFORM1", "'1J      '", "TFORM1"),
        ] {
            let mut bytes = whole.clone();
            let card = format!("{key:<8}=");
            let found = bytes
                .chunks_exact(80)
                .position(|c| c.starts_with(card.as_bytes()));
            // THEAP is not there: in the place of a comment.
            let comment = |c: &[u8]| c.starts_with(b"FZTILELN");
            let place = found.or_else(|| bytes.chunks_exact(80).position(comment));
            let start = 80 * place.unwrap_or_else(|| panic!("no {key}"));
            let text = format!("{card} {value:>20}");
            bytes[start..start + 80].copy_from_slice(format!("{text:<80}").as_bytes());
            fs::write(at("spoilt"), bytes).unwrap();
            match Fits::open(&at("spoilt")) {
                Ok(_) => assert_eq!(word, "", "{key} = {value}"),
                Err(e) => {
                    let e = e.to_string();
                    assert!(
                        !word.is_empty() && e.contains(word) && !e.contains('\n'),
                        "{e}"
                    );
                }
            }
        }
        // Cut in its heap, or with a byte of it changed: never more or fewer bytes than there were.
        for cut in [1, 500, 3000] {
            fs::write(at("spoilt"), &whole[..whole.len() - cut]).unwrap();
            let _ = Fits::open(&at("spoilt"));
        }
        for byte in (whole.len() - 5000..whole.len()).step_by(37) {
            let mut bytes = whole.clone();
            bytes[byte] ^= 0x55;
            fs::write(at("spoilt"), bytes).unwrap();
            if let Ok(mut fits) = Fits::open(&at("spoilt")) {
                assert!(fits.seek(1).unwrap());
                assert_eq!(fits.rows().unwrap(), ROWS);
            }
        }
    }
}
