//! Which objects of a catalog a page shows.

use super::content::Chosen;
use crate::data::Object;
use crate::evaluate::evenly;
use crate::{Error, Result};
use std::path::Path;

/// Objects on a page where nothing else is asked for.
const COUNT: usize = 200;
/// Bytes of pixel values on such a page, at most,
const BYTES: usize = 14_000_000;
/// unless so few objects need more.
const FEW: usize = 20;
/// On any page: browsers fail beyond.
const MOST: usize = 400_000_000;

/// Which objects of a catalog a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// At most so many, evenly spread over the catalog; `None`: 200, and fewer, but not below 20, where
    /// the page would exceed 15 MB.
    pub count: Option<usize>,
    /// Of the objects that the catalog or the audit flags alone.
    pub flagged: bool,
    /// These rows, counted from 0, and these names, instead.
    pub rows: Vec<usize>,
    /// Names of objects.
    pub names: Vec<String>,
}

impl Choice {
    /// The rows to show of the catalog `path`, where an object takes `size` bytes of the page; `against`
    /// tells what else flags each row.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such object.
    pub(super) fn of(
        &self,
        path: &Path,
        objects: &[Object],
        against: impl Iterator<Item = bool>,
        size: usize,
    ) -> Result<Chosen> {
        let chosen = self.chosen(path, objects, against, size)?;
        let (n, most) = (chosen.rows.len(), MOST / size.max(1));
        if n > most {
            return Err(Error::config(
                "selfsi view",
                "-n",
                format!("{n} objects are too many for a page"),
                format!("give at most {most} of this size"),
            ));
        }
        Ok(chosen)
    }

    fn chosen(
        &self,
        path: &Path,
        objects: &[Object],
        against: impl Iterator<Item = bool>,
        size: usize,
    ) -> Result<Chosen> {
        let bad = |problem: String, fix: String| {
            Error::input(path, "CATALOG", problem, "an object of this catalog", fix)
        };
        if objects.is_empty() {
            return Err(bad("no objects".into(), "give a catalog with rows".into()));
        }
        if !self.rows.is_empty() || !self.names.is_empty() {
            let mut rows = Vec::new();
            for row in &self.rows {
                let last = objects.len() - 1;
                if *row > last {
                    return Err(bad(
                        format!("there is no row {row}"),
                        format!("give 0 to {last}"),
                    ));
                }
                rows.push(*row);
            }
            for name in &self.names {
                let row = objects.iter().position(|o| o.name == *name);
                rows.push(row.ok_or_else(|| {
                    bad(
                        format!("there is no object `{name}`"),
                        "see its NAME column".into(),
                    )
                })?);
            }
            let mut seen = std::collections::HashSet::new();
            rows.retain(|r| seen.insert(*r));
            return Ok(Chosen {
                how: "as asked for".into(),
                rows,
            });
        }
        let flagged = objects.iter().zip(against).map(|(o, a)| o.flag != 0 || a);
        let pool: Vec<usize> = (0..)
            .zip(flagged)
            .filter(|(_, f)| *f || !self.flagged)
            .map(|(i, _)| i)
            .collect();
        if pool.is_empty() {
            return Err(bad(
                "no object is flagged".into(),
                "leave --flagged out".into(),
            ));
        }
        let fitting = (BYTES / size.max(1)).max(FEW);
        let count = self.count.unwrap_or(COUNT.min(fitting));
        let mut how = if self.flagged { "flagged" } else { "" }.to_owned();
        if count < pool.len() {
            let of = format!("{} of {}", count, pool.len());
            let limit = if self.count.is_none() && fitting < COUNT {
                " (-n shows more)"
            } else {
                ""
            };
            how = format!(
                "{how}{}{of}, evenly spread{limit}",
                if how.is_empty() { "" } else { ": " }
            );
        }
        Ok(Chosen {
            rows: evenly(&pool, count),
            how,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Choice;
    use crate::data::Object;
    use std::path::Path;

    fn chosen(choice: &Choice, n: usize, size: usize) -> (usize, String) {
        let objects = vec![Object::default(); n];
        let none = std::iter::repeat_n(false, n);
        let chosen = choice.of(Path::new("a.fits"), &objects, none, size);
        let chosen = chosen.unwrap();
        (chosen.rows.len(), chosen.how)
    }

    #[test]
    fn a_page_is_small_unless_more_is_asked_for() {
        let all = Choice::default();
        assert_eq!(chosen(&all, 150, 40_000), (150, String::new()));
        assert_eq!(
            chosen(&all, 1000, 40_000),
            (200, "200 of 1000, evenly spread".into())
        );
        // Spectra of 7,781 pixels, and images that are larger still.
        let more = "evenly spread (-n shows more)";
        assert_eq!(
            chosen(&all, 1000, 290_000),
            (48, format!("48 of 1000, {more}"))
        );
        assert_eq!(
            chosen(&all, 1000, 6_000_000),
            (20, format!("20 of 1000, {more}"))
        );
        let many = Choice {
            count: Some(300),
            ..Choice::default()
        };
        assert_eq!(chosen(&many, 1000, 290_000).0, 300);
    }

    #[test]
    fn a_page_that_no_browser_opens_is_refused() {
        let objects = vec![Object::default(); 3000];
        let many = Choice {
            count: Some(3000),
            ..Choice::default()
        };
        let none = std::iter::repeat_n(false, 3000);
        let e = many.of(Path::new("a.fits"), &objects, none, 290_000);
        let e = e.err().unwrap().to_string();
        assert!(
            e.contains("3000 objects") && e.contains("at most 1379"),
            "{e}"
        );
    }
}
