//! Whether files are all the parts of one restoration, each given once.

use super::Shard;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// A file and its place in the whole.
#[derive(Debug)]
pub(in crate::catalog) struct Place {
    pub path: PathBuf,
    pub shard: Shard,
    /// Rows that it holds.
    pub rows: usize,
    /// What all parts of one restoration have in common, with its name in the header.
    pub shared: Vec<(&'static str, String)>,
}

impl Place {
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
pub(in crate::catalog) fn check(parts: &[&Place]) -> Result<()> {
    check_one_restoration(parts)?;
    check_every_shard(parts)?;
    check_every_row(parts)
}

/// What the header of `file` says of its place.
///
/// # Errors
/// [`Error::Input`] if it says none.
pub(in crate::catalog) fn said(file: &Path, shard: Option<Shard>) -> Result<Shard> {
    let numbered = |s: &Shard| (1..=s.of).contains(&s.number);
    shard.filter(numbered).ok_or_else(|| {
        refused(
            file,
            "no SHARD of NSHARDS: this is a whole catalog",
            "give what selfsi restore --shard wrote",
        )
    })
}

/// For a merge of nothing.
pub(in crate::catalog) fn none_given() -> Error {
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

fn check_one_restoration(parts: &[&Place]) -> Result<()> {
    let Some(first) = parts.first() else {
        return Ok(());
    };
    for p in &parts[1..] {
        for ((key, is), (_, should)) in p.shared.iter().zip(&first.shared) {
            if is != should {
                let other = first.path.display();
                return Err(refused(
                    &p.path,
                    format!("of another restoration than {other}: {key} is {is}, there {should}"),
                    "give the shards of one restoration",
                ));
            }
        }
    }
    Ok(())
}

fn check_every_shard(parts: &[&Place]) -> Result<()> {
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
    let there = |n: &usize| parts.iter().any(|p| p.shard.number == *n);
    let missing: Vec<String> = (1..=last.shard.of)
        .filter(|n| !there(n))
        .map(|n| n.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (plural, are) = if missing.len() == 1 {
        ("", "is")
    } else {
        ("s", "are")
    };
    let (list, of) = (missing.join(", "), last.shard.of);
    Err(refused(
        &last.path,
        format!("shard{plural} {list} of {of} {are} missing"),
        &format!(
            "run selfsi restore --shard {}/{of} … and merge again",
            missing[0]
        ),
    ))
}

/// The parts lie end to end and fill the whole.
fn check_every_row(parts: &[&Place]) -> Result<()> {
    let mut next = 0;
    for p in parts {
        let (first, rows) = (p.shard.first, p.rows);
        let end = first + rows;
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
