//! FITS files made in code, whose claims are then edited: ASCII tables, texts of a binary table, an image
//! compressed in tiles, a cube, a table that fpack has compressed, gzipped or not.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Display;
use std::io::Write;

const BLOCK: usize = 2880;

fn cards(cards: &[(&str, &dyn Display)]) -> Vec<u8> {
    let card =
        |(name, value): &(&str, &dyn Display)| format!("{:<80}", format!("{name:<8}= {value}"));
    let mut bytes: Vec<u8> = cards.iter().flat_map(|c| card(c).into_bytes()).collect();
    bytes.extend(format!("{:<80}", "END").bytes());
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    bytes
}

fn with(mut bytes: Vec<u8>, data: &[u8]) -> Vec<u8> {
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn primary() -> Vec<u8> {
    cards(&[
        ("SIMPLE", &"T"),
        ("BITPIX", &8),
        ("NAXIS", &0),
        ("EXTEND", &"T"),
    ])
}

/// A catalog of three rows as an ASCII table.
fn ascii() -> Vec<u8> {
    let rows: String = (1..=3)
        .map(|i| format!("{:5}{:6}{i:4}{:8.4} {i:018}", 3655, 55240, 2.5))
        .collect();
    let table = cards(&[
        ("XTENSION", &"'TABLE   '"),
        ("BITPIX", &8),
        ("NAXIS", &2),
        ("NAXIS1", &42),
        ("NAXIS2", &3),
        ("PCOUNT", &0),
        ("GCOUNT", &1),
        ("TFIELDS", &5),
        ("TTYPE1", &"'PLATE'"),
        ("TBCOL1", &1),
        ("TFORM1", &"'I5'"),
        ("TTYPE2", &"'MJD'"),
        ("TBCOL2", &6),
        ("TFORM2", &"'I6'"),
        ("TTYPE3", &"'FIBERID'"),
        ("TBCOL3", &12),
        ("TFORM3", &"'I4'"),
        ("TTYPE4", &"'Z'"),
        ("TBCOL4", &16),
        ("TFORM4", &"'F8.4'"),
        ("TTYPE5", &"'SDSS_NAME'"),
        ("TBCOL5", &25),
        ("TFORM5", &"'A18'"),
    ]);
    [primary(), with(table, rows.as_bytes())].concat()
}

/// The same as a binary table.
fn binary() -> Vec<u8> {
    let row = |i: i32| {
        let numbers = [3655, 55240, i].map(i32::to_be_bytes).concat();
        [
            numbers,
            2.5f32.to_be_bytes().to_vec(),
            format!("{i:018}").into_bytes(),
        ]
        .concat()
    };
    let rows: Vec<u8> = (1..=3).flat_map(row).collect();
    let table = cards(&[
        ("XTENSION", &"'BINTABLE'"),
        ("BITPIX", &8),
        ("NAXIS", &2),
        ("NAXIS1", &34),
        ("NAXIS2", &3),
        ("PCOUNT", &0),
        ("GCOUNT", &1),
        ("TFIELDS", &5),
        ("TTYPE1", &"'PLATE'"),
        ("TFORM1", &"'J'"),
        ("TTYPE2", &"'MJD'"),
        ("TFORM2", &"'J'"),
        ("TTYPE3", &"'FIBERID'"),
        ("TFORM3", &"'J'"),
        ("TTYPE4", &"'Z'"),
        ("TFORM4", &"'E'"),
        ("TTYPE5", &"'SDSS_NAME'"),
        ("TFORM5", &"'18A'"),
    ]);
    [primary(), with(table, &rows)].concat()
}

/// An image of 8 × 8 whose rows are tiles, all pixels 5: per tile the first pixel and a block without
/// differences, of RICE_1.
fn tiled() -> Vec<u8> {
    let rows = (0..8i32).flat_map(|i| [3i32.to_be_bytes(), (3 * i).to_be_bytes()].concat());
    let heap = [0u8, 5, 0].repeat(8);
    let table = cards(&[
        ("XTENSION", &"'BINTABLE'"),
        ("BITPIX", &8),
        ("NAXIS", &2),
        ("NAXIS1", &8),
        ("NAXIS2", &8),
        ("PCOUNT", &heap.len()),
        ("GCOUNT", &1),
        ("TFIELDS", &1),
        ("TTYPE1", &"'COMPRESSED_DATA'"),
        ("TFORM1", &"'1PB(3)'"),
        ("ZIMAGE", &"T"),
        ("ZCMPTYPE", &"'RICE_1'"),
        ("ZBITPIX", &16),
        ("ZNAXIS", &2),
        ("ZNAXIS1", &8),
        ("ZNAXIS2", &8),
        ("ZTILE1", &8),
        ("ZTILE2", &1),
        ("ZNAME1", &"'BLOCKSIZE'"),
        ("ZVAL1", &32),
        ("ZNAME2", &"'BYTEPIX'"),
        ("ZVAL2", &2),
    ]);
    let data: Vec<u8> = rows.chain(heap).collect();
    [primary(), with(table, &data)].concat()
}

/// A cube of two images of 8 × 8.
fn cube() -> Vec<u8> {
    let pixels: Vec<u8> = (0..128u16).flat_map(u16::to_be_bytes).collect();
    let image = cards(&[
        ("SIMPLE", &"T"),
        ("BITPIX", &16),
        ("NAXIS", &3),
        ("NAXIS1", &8),
        ("NAXIS2", &8),
        ("NAXIS3", &2),
    ]);
    with(image, &pixels)
}

/// The binary table without its names as fpack packs it: a tile of two rows, and one of one.
fn packed() -> Vec<u8> {
    let gzip = |bytes: &[u8]| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).expect("memory");
        out.finish().expect("memory")
    };
    let tile = |fibres: &[i32]| {
        let rows = fibres.len();
        let same = |number: i32| gzip(&number.to_be_bytes().repeat(rows));
        // The first fibre, and differences of 0 and 1, each a 1 after as many zeros as twice it.
        let rice = [&fibres[0].to_be_bytes()[..], &[0b0000_1100, 0b1000_0000]].concat();
        // The first bytes of all, then the second ones.
        let z: Vec<u8> = 2.5f32
            .to_be_bytes()
            .iter()
            .flat_map(|b| vec![*b; rows])
            .collect();
        [same(3655), same(55240), rice, gzip(&z)]
    };
    let tiles = [tile(&[1, 2]), tile(&[3])];
    let (mut cells, mut heap) = (Vec::new(), Vec::<u8>::new());
    for cell in tiles.iter().flatten() {
        cells.extend(
            [cell.len() as i32, heap.len() as i32]
                .map(i32::to_be_bytes)
                .concat(),
        );
        heap.extend(cell);
    }
    let table = cards(&[
        ("XTENSION", &"'BINTABLE'"),
        ("BITPIX", &8),
        ("NAXIS", &2),
        ("NAXIS1", &32),
        ("NAXIS2", &2),
        ("PCOUNT", &heap.len()),
        ("GCOUNT", &1),
        ("TFIELDS", &4),
        ("TTYPE1", &"'PLATE'"),
        ("TFORM1", &"'1PB(99)'"),
        ("TTYPE2", &"'MJD'"),
        ("TFORM2", &"'1PB(99)'"),
        ("TTYPE3", &"'FIBERID'"),
        ("TFORM3", &"'1PB(9)'"),
        ("TTYPE4", &"'Z'"),
        ("TFORM4", &"'1PB(99)'"),
        ("ZTABLE", &"T"),
        ("ZTILELEN", &2),
        ("ZNAXIS1", &16),
        ("ZNAXIS2", &3),
        ("ZPCOUNT", &0),
        ("ZFORM1", &"'1J'"),
        ("ZCTYP1", &"'GZIP_1'"),
        ("ZFORM2", &"'1J'"),
        ("ZCTYP2", &"'GZIP_1'"),
        ("ZFORM3", &"'1J'"),
        ("ZCTYP3", &"'RICE_1'"),
        ("ZFORM4", &"'1E'"),
        ("ZCTYP4", &"'GZIP_2'"),
    ]);
    cells.extend(heap);
    [primary(), with(table, &cells)].concat()
}

/// The file that `data` describes: its first byte chooses a whole one, and each three that follow an edit
/// of it: a place, in 16 bits, and a byte.
pub fn make(data: &[u8]) -> Vec<u8> {
    let (choice, edits) = data.split_first().unwrap_or((&0, &[]));
    let kinds = [ascii, binary, tiled, cube, packed];
    let mut bytes = kinds[usize::from(choice % 5)]();
    for edit in edits.chunks_exact(3).take(16) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = edit[2];
    }
    bytes
}
