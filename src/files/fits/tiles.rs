//! The keys of an image compressed in tiles. cfitsio divides by them and makes room by them; some of its
//! decoders go where the data say, beyond what they were given.

use super::fault::Fault;
use super::header::Header;

/// Values that one byte can stand for at most, compressed.
pub(super) const SHRUNK: usize = 1032;
/// Most axes of such an image (MAX_COMPRESS_DIM).
const MOST: i64 = 6;
/// The methods whose decoders stay within the tile.
const METHODS: [&str; 4] = ["RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2"];
/// Pixels that a tile may have in a file however small.
const SMALL: i64 = 1 << 20;

const FUNPACK: &str = "unpack it with funpack";

/// Refuses what cfitsio does not survive, in a table of `columns` columns and `bytes` bytes.
pub(super) fn check(header: &Header, columns: i64, bytes: u64) -> Result<(), Fault> {
    let method = header.text("ZCMPTYPE").unwrap_or_default();
    if !METHODS.contains(&method) {
        return Err(Fault::unread(
            format!("an image compressed by {method} (RICE_1, GZIP_1 and GZIP_2 are read)"),
            FUNPACK,
        ));
    }
    header.whole("ZBITPIX", 0)?;
    // By it cfitsio finds its place in a table of random numbers.
    header.within("ZDITHER0", 1, 1, 10_000)?;
    let axes = header.within("ZNAXIS", 0, 1, MOST)?;
    let most = i64::try_from(bytes).unwrap_or(i64::MAX);
    let most = most.saturating_mul(SHRUNK as i64).max(SMALL);
    let (mut pixels, mut tile) = (1i64, 1i64);
    for i in 1..=axes {
        let n = header.within(&format!("ZNAXIS{i}"), 0, 0, i64::MAX)?;
        let usual = if i == 1 { n.max(1) } else { 1 };
        let t = header.within(&format!("ZTILE{i}"), usual, 1, i64::MAX)?;
        let within = |product: i64, n: i64| product.checked_mul(n).filter(|p| *p <= most);
        pixels =
            within(pixels, n).ok_or_else(|| format!("ZNAXIS{i} = {n}, more than the data hold"))?;
        tile = within(tile, t).ok_or_else(|| format!("ZTILE{i} = {t}, more than the data hold"))?;
    }
    for column in 1..=columns {
        if header
            .text(&format!("TTYPE{column}"))
            .is_some_and(|n| n.eq_ignore_ascii_case("UNCOMPRESSED_DATA"))
        {
            return Err(Fault::unread(
                "an image with tiles that are not compressed (UNCOMPRESSED_DATA)",
                FUNPACK,
            ));
        }
    }
    if method.starts_with("RICE") {
        // Very old files have another meaning for ZVAL2.
        let old = header.text("ZNAME2") == Some("NOISEBIT");
        let (block, bytes) = (
            header.whole("ZVAL1", 0)?,
            if old { 4 } else { header.whole("ZVAL2", 4)? },
        );
        let known = |block: i64, bytes: i64| {
            matches!(block, 16 | 32 | 64) && matches!(bytes, 1 | 2 | 4 | 8)
        };
        // Some writers have exchanged the two.
        if !known(block, bytes) && !known(bytes, block) {
            let problem = format!(
                "ZVAL1 = {block} and ZVAL2 = {bytes}, not the block and pixel sizes of RICE_1"
            );
            return Err(problem.into());
        }
    }
    Ok(())
}
