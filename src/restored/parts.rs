//! Whether files are all the parts of one restoration, each given once.

use super::shard::Shard;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Counts of one merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Rows of the whole.
    pub rows: usize,
    /// Parts that it was made of.
    pub shards: usize,
}

/// Missing parts that a message names.
const NAMED: usize = 10;

/// A file that holds a part of the whole.
#[derive(Debug)]
pub(crate) struct PartFile {
    pub path: PathBuf,
    pub shard: Shard,
    /// Rows that it holds.
    pub rows: usize,
    /// What all parts of one restoration have in common, with its name in the header.
    pub shared: Vec<(&'static str, String)>,
}

impl PartFile {
    /// `shared` is joined by what the shard itself says of the whole.
    pub fn new(
        path: &Path,
        shard: Shard,
        rows: usize,
        mut shared: Vec<(&'static str, String)>,
    ) -> Self {
        shared.extend([
            ("NSHARDS", shard.of.to_string()),
            ("NROWSALL", shard.all.to_string()),
            ("SELSHA", shard.selection_sha256.clone()),
        ]);
        Self {
            path: path.to_path_buf(),
            shard,
            rows,
            shared,
        }
    }
}

/// Whether `parts`, in the order of their numbers, are one restoration.
///
/// # Errors
/// [`Error::Input`] if they are of different ones, one of them is missing or given twice, or their
/// rows do not lie end to end.
pub(crate) fn check(parts: &[&PartFile]) -> Result<()> {
    check_one_restoration(parts)?;
    check_every_shard(parts)?;
    check_every_row(parts)
}

/// What the header of `file` says of the part that it holds.
///
/// # Errors
/// [`Error::Input`] if it says none.
pub(crate) fn said(file: &Path, shard: Option<Shard>) -> Result<Shard> {
    let numbered = |s: &Shard| (1..=s.of).contains(&s.number);
    shard.filter(numbered).ok_or_else(|| {
        refused(
            file,
            "without the keys SHARD and NSHARDS: this is a whole catalog",
            "give what selfsi restore --shard wrote",
        )
    })
}

/// For a merge of nothing.
pub(crate) fn none_given() -> Error {
    Error::config(
        "selfsi merge",
        "SHARDS",
        "no file is given",
        "give what selfsi restore --shard wrote",
    )
}

fn refused(file: &Path, problem: impl std::fmt::Display, fix: &str) -> Error {
    Error::input(
        file,
        "",
        problem,
        "every part of one restoration, once",
        fix,
    )
}

fn check_one_restoration(parts: &[&PartFile]) -> Result<()> {
    let Some(first) = parts.first() else {
        return Ok(());
    };
    for p in &parts[1..] {
        for ((key, is), (_, should)) in p.shared.iter().zip(&first.shared) {
            if is != should {
                let other = first.path.display();
                return Err(refused(
                    &p.path,
                    format!(
                        "belongs to another restoration than {other}: {key} is {is} here, {should} there"
                    ),
                    "give the shards of one restoration",
                ));
            }
        }
    }
    Ok(())
}

fn check_every_shard(parts: &[&PartFile]) -> Result<()> {
    for pair in parts.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if a.shard.number == b.shard.number {
            let (number, of) = (a.shard.number, a.shard.of);
            let other = a.path.display();
            return Err(refused(
                &b.path,
                format!("shard {number} of {of} is given twice, first as {other}"),
                "leave one of them out",
            ));
        }
    }
    let Some(last) = parts.last() else {
        return Ok(());
    };
    let of = last.shard.of;
    // Every number is there once, from 1 to `of` at most.
    let missing = of - parts.len();
    let given: BTreeSet<usize> = parts.iter().map(|p| p.shard.number).collect();
    let named = (1..=of).filter(|n| !given.contains(n)).take(NAMED);
    let named: Vec<String> = named.map(|n| n.to_string()).collect();
    let Some(first) = named.first() else {
        return Ok(());
    };
    let (plural, are) = if missing == 1 {
        ("", "is")
    } else {
        ("s", "are")
    };
    let more = match missing - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(refused(
        &last.path,
        format!(
            "shard{plural} {}{more} of {of} {are} missing",
            named.join(", ")
        ),
        &format!("run selfsi restore --shard {first}/{of} … and merge again"),
    ))
}

/// The parts lie end to end and fill the whole.
fn check_every_row(parts: &[&PartFile]) -> Result<()> {
    let mut next = 0;
    for p in parts {
        let (first, rows) = (p.shard.first, p.rows);
        let end = first.saturating_add(rows);
        let last = p.shard.number == p.shard.of;
        if first != next || end > p.shard.all || (last && end != p.shard.all) {
            return Err(refused(
                &p.path,
                format!(
                    "rows {first} to {end} of {} do not follow on row {next}: rows overlap or are missing",
                    p.shard.all
                ),
                "restore this shard and its neighbours again",
            ));
        }
        next = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PartFile, Shard, check};
    use std::path::Path;

    #[test]
    fn however_many_parts_a_header_claims_a_few_of_the_missing_are_named() {
        let shard = Shard {
            number: 3,
            of: usize::MAX,
            first: 0,
            all: 9,
            selection_sha256: String::new(),
        };
        let part = PartFile::new(Path::new("a.fits"), shard, 9, vec![]);
        let e = check(&[&part]).unwrap_err().to_string();
        let missing = usize::MAX - 11;
        let words = format!("shards 1, 2, 4, 5, 6, 7, 8, 9, 10, 11 and {missing} more of");
        assert!(e.contains(&words) && !e.contains('\n'), "{e}");
    }

    #[test]
    fn a_part_whose_first_row_is_beyond_all_numbers_does_not_follow() {
        let shard = Shard {
            number: 1,
            of: 1,
            first: usize::MAX,
            all: 9,
            selection_sha256: String::new(),
        };
        let part = PartFile::new(Path::new("a.fits"), shard, 9, vec![]);
        let e = check(&[&part]).unwrap_err().to_string();
        assert!(e.contains("do not follow"), "{e}");
    }
}
