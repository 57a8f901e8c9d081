//! One of n parts of a restoration, for job arrays.

use crate::data::Object;
use crate::restored::Shard;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Part `number` (from 1) of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: usize,
    of: usize,
}

impl Part {
    /// # Errors
    /// [`Error::Config`] unless 1 ≤ `number` ≤ `of`.
    pub fn new(number: usize, of: usize) -> Result<Self> {
        if (1..=of).contains(&number) {
            return Ok(Self { number, of });
        }
        Err(bad(
            format!("{number}/{of}"),
            "shards are numbered from 1 to their number",
        ))
    }

    /// Reads `3/16`.
    ///
    /// # Errors
    /// [`Error::Config`] if it is something else.
    pub fn parse(text: &str) -> Result<Self> {
        let numbers = text
            .split_once('/')
            .and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((number, of)) => Self::new(number, of),
            None => Err(bad(text.to_owned(), "not a shard")),
        }
    }

    /// The part of this task of a SLURM array, from SLURM_ARRAY_TASK_ID, _COUNT, _MIN, _MAX and
    /// _STEP as `get` gives them: the tasks in ascending order are the parts, wherever their numbers
    /// begin. `None` outside an array.
    ///
    /// # Errors
    /// [`Error::Config`] if the numbers are not those of an even array: of `--array=1,5,6`, no task
    /// can tell which one it is.
    pub fn of_slurm(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        if get("SLURM_ARRAY_TASK_ID").is_none() {
            return Ok(None);
        }
        let number = |name: &str, default: Option<usize>| {
            let key = format!("SLURM_ARRAY_TASK_{name}");
            match (get(&key), default) {
                (Some(text), _) => text
                    .parse()
                    .map_err(|_| bad(format!("{key}={text}"), "not a whole number")),
                (None, Some(default)) => Ok(default),
                (None, None) => Err(bad(key, "not set, though this is a task of an array")),
            }
        };
        let (id, count) = (number("ID", None)?, number("COUNT", None)?);
        let (min, step) = (number("MIN", None)?, number("STEP", Some(1))?.max(1));
        let max = number("MAX", Some(min + step * count.saturating_sub(1)))?;
        let even =
            id >= min && (id - min) % step == 0 && max == min + step * count.saturating_sub(1);
        let part = (id.saturating_sub(min)) / step + 1;
        if even && part <= count {
            return Self::new(part, count).map(Some);
        }
        Err(bad(
            format!("task {id} of {count}, numbered {min} to {max} by {step}"),
            "the array is uneven, so the part of this task is unknown",
        ))
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.of == 1
    }

    /// The catalog of this part of `out`: `restored.fits` → `restored.shard-003-of-016.fits`; as many
    /// digits as it takes for the names to sort.
    #[must_use]
    pub fn path(&self, out: &Path) -> PathBuf {
        let digits = self.of.to_string().len().max(3);
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let mut name = format!(
            "{stem}.shard-{:0digits$}-of-{:0digits$}",
            self.number, self.of
        );
        if let Some(extension) = out.extension() {
            name = format!("{name}.{}", extension.to_string_lossy());
        }
        out.with_file_name(name)
    }

    /// Whether [`Part::path`] gave a file this stem.
    pub(super) fn is_of(stem: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let numbers = stem.rsplit_once(".shard-");
        let numbers = numbers.and_then(|(_, numbers)| numbers.split_once("-of-"));
        numbers.is_some_and(|(i, n)| number(i) && number(n))
    }

    /// Which of `rows` rows it holds: whole batches of `batch` rows, as evenly as they go. The same
    /// batches then pass through the network as without parts, and the numbers are the same to the
    /// last bit. Empty if there are more parts than batches.
    #[must_use]
    pub fn range(&self, rows: usize, batch: usize) -> Range<usize> {
        let batches = rows.div_ceil(batch);
        let bound = |part: usize| (part * batches / self.of * batch).min(rows);
        bound(self.number - 1)..bound(self.number)
    }

    /// Its place in the restoration of `rows`, the numbers of all the rows of `objects` selected.
    pub(super) fn shard(&self, rows: &[usize], objects: &[Object], first: usize) -> Shard {
        Shard {
            number: self.number,
            of: self.of,
            first,
            all: rows.len(),
            selection_sha256: digest(rows, objects),
        }
    }
}

/// SHA-256 of rows and objects: parts of different selections or inputs differ in it.
pub(super) fn digest(rows: &[usize], objects: &[Object]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        let o = &objects[*row];
        let (plate, mjd, fiber) = (o.plate, o.mjd, o.fiberid);
        let numbers = format!("{plate} {mjd} {fiber} {} {} {}", o.z, o.norm, o.flag);
        hash.update(format!("{row} {:?} {numbers}\n", o.name));
    }
    let bytes = hash.finalize();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn bad(given: String, problem: &str) -> Error {
    Error::config(
        "selfsi restore",
        "--shard",
        format!("{given}: {problem}"),
        "give --shard I/N with I from 1 to N; 1/1 restores everything",
    )
}

#[cfg(test)]
mod tests {
    use super::Part;
    use std::path::Path;

    fn slurm(
        id: &str,
        count: &str,
        min: &str,
        max: &str,
        step: &str,
    ) -> crate::Result<Option<Part>> {
        Part::of_slurm(|key| {
            let value = match key.trim_start_matches("SLURM_ARRAY_TASK_") {
                "ID" => id,
                "COUNT" => count,
                "MIN" => min,
                "MAX" => max,
                _ => step,
            };
            (!value.is_empty()).then(|| value.to_owned())
        })
    }

    #[test]
    fn parts_are_whole_batches_end_to_end_that_differ_by_one_at_most() {
        for (rows, batch, of) in [
            (40, 8, 3),
            (41, 8, 16),
            (7, 64, 2),
            (1000, 1, 7),
            (64, 64, 1),
        ] {
            let mut next = 0;
            let mut batches = Vec::new();
            for number in 1..=of {
                let range = Part::new(number, of).unwrap().range(rows, batch);
                assert!(
                    range.start == next && range.start.is_multiple_of(batch) || range.is_empty()
                );
                batches.push(range.len().div_ceil(batch));
                next = range.end;
            }
            assert_eq!(next, rows);
            let (least, most) = (batches.iter().min().unwrap(), batches.iter().max().unwrap());
            assert!(most - least <= 1, "{batches:?}");
        }
    }

    #[test]
    fn names_sort_and_keep_the_extension() {
        let path = |n, of| {
            Part::new(n, of)
                .unwrap()
                .path(Path::new("a/restored.v2.fits"))
        };
        assert_eq!(
            path(3, 16),
            Path::new("a/restored.v2.shard-003-of-016.fits")
        );
        assert_eq!(
            path(7, 1200),
            Path::new("a/restored.v2.shard-0007-of-1200.fits")
        );
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(Part::parse("3/16").unwrap(), Part::new(3, 16).unwrap());
        for text in ["0/4", "5/4", "3", "a/b", "-1/4", "1/0", ""] {
            let e = Part::parse(text).unwrap_err().to_string();
            assert!(e.contains("--shard I/N") && !e.contains('\n'), "{e}");
        }
    }

    #[test]
    fn a_slurm_array_may_begin_and_step_as_it_likes() {
        assert_eq!(slurm("", "", "", "", "").unwrap(), None);
        for (id, count, min, max, step, number) in [
            ("0", "4", "0", "3", "1", 1),
            ("3", "4", "0", "3", "1", 4),
            ("1", "4", "1", "4", "1", 1),
            ("30", "4", "10", "40", "10", 3),
            ("5", "4", "5", "8", "", 1),
        ] {
            let part = slurm(id, count, min, max, step).unwrap();
            let of = count.parse().unwrap();
            assert_eq!(part, Some(Part::new(number, of).unwrap()));
        }
        for (id, count, min, max, step) in [
            ("5", "3", "1", "6", "1"),
            ("2", "3", "1", "5", "2"),
            ("9", "4", "1", "4", "1"),
            ("0", "4", "1", "4", "1"),
            ("2", "", "1", "4", "1"),
            ("x", "4", "1", "4", "1"),
        ] {
            let e = slurm(id, count, min, max, step).unwrap_err().to_string();
            assert!(e.contains("--shard") && !e.contains('\n'), "{e}");
        }
    }
}
