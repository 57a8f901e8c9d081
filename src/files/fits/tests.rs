//! Files that claim what they do not hold, and texts of every width.

use super::read::Fits;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

const PRIMARY: [&str; 4] = [
    "SIMPLE  =                    T",
    "BITPIX  = 8",
    "NAXIS   = 0",
    "EXTEND  = T",
];

/// An HDU of these cards and this data, filled up to whole blocks.
fn hdu(cards: &[String], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards
        .iter()
        .flat_map(|c| format!("{c:<80}").into_bytes())
        .collect();
    bytes.extend(format!("{:<80}", "END").bytes());
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

/// A file of an empty primary HDU and one more.
fn file(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let own = |cards: &[&str]| cards.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
    let mut bytes = hdu(&own(&PRIMARY), &[]);
    bytes.extend(hdu(&own(cards), data));
    bytes
}

struct Written {
    _folder: TempDir,
    path: PathBuf,
}

fn written(bytes: &[u8]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.fits");
    std::fs::write(&path, bytes).unwrap();
    Written {
        _folder: folder,
        path,
    }
}

/// What is said where the file is opened or its HDU 1 gone to.
fn refused(bytes: &[u8]) -> String {
    let file = written(bytes);
    let found = Fits::open(&file.path).and_then(|mut f| f.check_complete().and_then(|()| f.go(1)));
    let text = found.unwrap_err().to_string();
    assert!(text.contains("file.fits") && !text.contains('\n'), "{text}");
    text
}

fn texts_of(bytes: &[u8], name: &str) -> crate::Result<Vec<String>> {
    let file = written(bytes);
    let mut fits = Fits::open(&file.path)?;
    fits.seek(1)?;
    let (column, rows) = (fits.column(name).unwrap(), fits.rows()?);
    fits.texts(&column, rows)
}

/// A table of `rows` rows with a number and a text of `width` characters; ASCII or binary.
fn table(ascii: bool, rows: usize, width: usize) -> (Vec<u8>, Vec<String>) {
    let names: Vec<String> = (0..rows).map(|i| format!("{i:0width$}")).collect();
    let (kind, number) = if ascii { ("TABLE", 6) } else { ("BINTABLE", 4) };
    let row = |i: usize| match ascii {
        true => format!("{i:5} {}", names[i]).into_bytes(),
        false => [&(i as i32).to_be_bytes()[..], names[i].as_bytes()].concat(),
    };
    let data: Vec<u8> = (0..rows).flat_map(row).collect();
    let forms = match ascii {
        true => ["I5".to_owned(), format!("A{width}")],
        false => ["J".to_owned(), format!("{width}A")],
    };
    let cards = [
        format!("XTENSION= '{kind:<8}'"),
        "BITPIX  = 8".into(),
        "NAXIS   = 2".into(),
        format!("NAXIS1  = {}", number + width),
        format!("NAXIS2  = {rows}"),
        "PCOUNT  = 0".into(),
        "GCOUNT  = 1".into(),
        "TFIELDS = 2".into(),
        "TTYPE1  = 'N'".into(),
        "TBCOL1  = 1".into(),
        format!("TFORM1  = '{}'", forms[0]),
        "TTYPE2  = 'NAME'".into(),
        format!("TBCOL2  = {}", number + 1),
        format!("TFORM2  = '{}'", forms[1]),
    ];
    let mut bytes = file(&[], &[]);
    bytes.truncate(2880);
    bytes.extend(hdu(&cards, &data));
    (bytes, names)
}

#[test]
fn texts_of_ascii_and_of_binary_tables_come_whole_whatever_their_width() {
    for ascii in [true, false] {
        for (rows, width) in [
            (40, 18),
            (3, 18),
            (1, 60),
            (200, 5),
            (5000, 9),
            (7, 1),
            (2, 3000),
        ] {
            let (bytes, names) = table(ascii, rows, width);
            let last = |n: &String| n[n.len().saturating_sub(width)..].to_owned();
            let found = texts_of(&bytes, "name").unwrap();
            let expected: Vec<String> = names.iter().map(last).collect();
            assert_eq!(found, expected, "ascii {ascii}, {rows} × {width}");
        }
    }
}

#[test]
fn a_text_column_outside_its_row_or_without_a_width_is_refused() {
    let (bytes, _) = table(true, 3, 18);
    for (from, to, word) in [
        ("TBCOL2  = 7 ", "TBCOL2  = 0 ", "TBCOL2"),
        ("TBCOL2  = 7 ", "TBCOL2  = 8 ", "TFORM2"),
        ("'A18'", "'A99'", "TFORM2"),
    ] {
        let text = refused(&edited(&bytes, from, to));
        assert!(text.contains(word), "{text}");
    }
    let (bytes, _) = table(false, 3, 18);
    for form in ["'9A0' ", "'9A-5'", "'99A' ", "'999J'"] {
        let text = refused(&edited(&bytes, "'18A' ", form));
        assert!(text.contains("TFORM2"), "{form}: {text}");
    }
    let text = refused(&edited(&bytes, "TBCOL2  = 5     ", "TDIM2   = '(0,4)'"));
    assert!(text.contains("TDIM2"), "{text}");
}

#[test]
fn several_texts_in_a_cell_and_texts_of_unequal_lengths_are_no_names() {
    let (bytes, _) = table(false, 3, 18);
    let text = texts_of(&edited(&bytes, "'18A'  ", "'18A6' "), "NAME").unwrap_err();
    assert!(text.to_string().contains("several texts"), "{text}");
    let (bytes, _) = table(false, 3, 8);
    let text = texts_of(&edited(&bytes, "'8A'    ", "'1PA(4)'"), "NAME").unwrap_err();
    assert!(text.to_string().contains("unequal lengths"), "{text}");
}

#[test]
fn what_follows_a_tab_or_stands_in_quotes_is_no_size() {
    let (bytes, _) = table(false, 3, 18);
    for (from, to) in [
        ("TFIELDS = 2", "TFIELDS =\t20000000"),
        ("TFIELDS = 2", "TFIELDS = '20000000' "),
        ("TFIELDS = 2", "TFIELDS = 20000000 "),
        ("NAXIS2  = 3", "NAXIS2  = 3.0E9"),
        ("PCOUNT  = 0 ", "PCOUNT  = -5"),
    ] {
        let text = refused(&edited(&bytes, from, to));
        assert!(
            text.contains(from[..6].trim()) || text.contains("columns"),
            "{text}"
        );
    }
    let text = refused(&edited(&bytes, "TTYPE1  = 'N'", "NAXIS1  = 99 "));
    assert!(text.contains("NAXIS1 is there twice"), "{text}");
}

fn tiled(tile: &str, method: &str, block: &str, column: &str) -> Vec<u8> {
    let cards = [
        "XTENSION= 'BINTABLE'",
        "BITPIX  = 8",
        "NAXIS   = 2",
        "NAXIS1  = 8",
        "NAXIS2  = 1",
        "PCOUNT  = 0",
        "GCOUNT  = 1",
        "TFIELDS = 1",
        &format!("TTYPE1  = '{column}'"),
        "TFORM1  = '1PB(8)'",
        "ZIMAGE  = T",
        &format!("ZCMPTYPE= '{method}'"),
        "ZBITPIX = 16",
        "ZNAXIS  = 2",
        "ZNAXIS1 = 8",
        "ZNAXIS2 = 1",
        &format!("ZTILE1  = {tile}"),
        "ZTILE2  = 1",
        "ZNAME1  = 'BLOCKSIZE'",
        &format!("ZVAL1   = {block}"),
        "ZNAME2  = 'BYTEPIX'",
        "ZVAL2   = 2",
    ];
    file(&cards, &[0; 8])
}

#[test]
fn tiles_that_cfitsio_does_not_survive_are_refused() {
    let whole = "COMPRESSED_DATA";
    for (tile, method, block, column, word) in [
        ("0", "RICE_1", "32", whole, "ZTILE1 = 0"),
        ("-8", "RICE_1", "32", whole, "ZTILE1 = -8"),
        ("4000000000", "RICE_1", "32", whole, "ZTILE1"),
        ("8", "RICE_1", "0", whole, "ZVAL1 = 0"),
        ("8", "HCOMPRESS_1", "32", whole, "funpack"),
        ("8", "PLIO_1", "32", whole, "funpack"),
        ("8", "RICE_1", "32", "UNCOMPRESSED_DATA", "funpack"),
    ] {
        let text = refused(&tiled(tile, method, block, column));
        assert!(text.contains(word), "{word}: {text}");
    }
    let sound = written(&tiled("8", "RICE_1", "32", whole));
    Fits::open(&sound.path).unwrap();
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_gzipped_file_may_be_of_several_members_and_followed_by_zeros() {
    let (bytes, names) = table(true, 40, 18);
    for parts in [
        vec![&bytes[..]],
        vec![&bytes[..1000], &bytes[1000..5000], &bytes[5000..]],
        vec![&bytes[..], &[0; 2880]],
    ] {
        let mut packed: Vec<u8> = parts.into_iter().flat_map(gzipped).collect();
        packed.extend([0; 512]);
        assert_eq!(
            texts_of(&packed, "NAME").unwrap(),
            names.iter().map(|n| n[..18].to_owned()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_gzipped_file_that_expands_beyond_what_its_headers_say_is_refused() {
    let (bytes, _) = table(true, 40, 18);
    let mut bomb = bytes.clone();
    bomb.resize(bytes.len() + (64 << 20), 0);
    let text = refused(&gzipped(&bomb));
    assert!(text.contains("larger than its headers say"), "{text}");
    // A header that claims more than is allowed is believed no further.
    let huge = edited(&bytes, "NAXIS2  = 40         ", "NAXIS2  = 900000000  ");
    let text = refused(&gzipped(&huge));
    assert!(text.contains("--unpack"), "{text}");
    let text = refused(&gzipped(&bytes)[..300]);
    assert!(text.contains("truncated or damaged"), "{text}");
    let text = refused(b"BZh91AY and so on");
    assert!(text.contains("unpack it first"), "{text}");
}

/// `bytes` with `to` where `from` first stands, and over what follows it.
fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("no {from}"));
    let mut edited = bytes.to_vec();
    edited[at..at + to.len()].copy_from_slice(to.as_bytes());
    edited
}

#[test]
fn what_follows_the_last_hdu_is_left_and_its_last_block_need_not_be_full() {
    let (bytes, names) = table(false, 40, 18);
    let short = bytes.len() - 2880 + 40 * 22;
    let after = |more: &[u8]| [&bytes[..], more].concat();
    for (what, whole) in [
        ("as it is", bytes.clone()),
        ("unpadded", bytes[..short].to_vec()),
        ("a block filled in part", bytes[..short + 7].to_vec()),
        ("blocks of zeros", after(&[0; 5 * 2880])),
        ("some zeros", after(&[0; 777])),
        ("a page", after(&b"<html>".repeat(100))),
        ("one line feed", after(b"\n")),
    ] {
        for whole in [whole.clone(), gzipped(&whole)] {
            let file = written(&whole);
            let mut fits = Fits::open(&file.path).unwrap();
            fits.check_complete()
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(fits.hdus().unwrap(), 2, "{what}");
            assert_eq!(texts_of(&whole, "NAME").unwrap(), names, "{what}");
        }
    }
    for (what, cut) in [
        ("data", bytes[..short - 1].to_vec()),
        ("a header", after(b"XTENSION= 'BINTABLE'")),
        ("the first letters of one", after(b"XTEN")),
    ] {
        let text = refused(&cut);
        assert!(text.contains("truncated"), "{what}: {text}");
    }
    for cut in [&b"XTENSION= 'BINTABLE'"[..], b"XTEN"] {
        assert!(refused(&gzipped(&after(cut))).contains("truncated"));
    }
}
