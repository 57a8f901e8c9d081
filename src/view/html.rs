//! The page: markup, style, scripts and content in one file.

use super::content::Content;
use crate::base::atomic::Pending;
use crate::{Error, Result};
use std::io::{self, BufWriter, Write};
use std::path::Path;

const PAGE: &str = include_str!("page/page.html");
const STYLES: [&str; 2] = [
    include_str!("page/vendor/uPlot.min.css"),
    include_str!("page/page.css"),
];
/// In the order in which they use each other.
const SCRIPTS: [&str; 8] = [
    include_str!("page/vendor/uPlot.iife.min.js"),
    include_str!("page/base.js"),
    include_str!("page/charts.js"),
    include_str!("page/table.js"),
    include_str!("page/spectrum.js"),
    include_str!("page/images.js"),
    include_str!("page/run.js"),
    include_str!("page/main.js"),
];

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Objects on the page.
    pub objects: usize,
    /// Objects of the catalog.
    pub of: usize,
    /// Bytes of the page.
    pub bytes: u64,
}

/// Writes the page of `content` to `out`.
pub(super) fn write(out: &Path, content: &Content) -> Result<Shown> {
    let pending = Pending::new(out)?;
    let written = pending.empty().and_then(|file| {
        let mut to = BufWriter::new(file);
        page(&mut to, content)?;
        to.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .metadata()
    });
    let bytes = written.map_err(|e| Error::output(out, e, "check free space and permissions"))?;
    pending.commit()?;
    Ok(Shown {
        objects: content.objects.len(),
        of: content.total,
        bytes: bytes.len(),
    })
}

/// The template with its marks replaced.
fn page(to: &mut impl Write, content: &Content) -> io::Result<()> {
    let mut rest = PAGE;
    for (mark, part) in [
        ("/*STYLE*/", Part::Style),
        ("/*CONTENT*/", Part::Content),
        ("<!--SCRIPTS-->", Part::Script),
    ] {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        to.write_all(before.as_bytes())?;
        match part {
            Part::Style => STYLES.iter().try_for_each(|s| to.write_all(s.as_bytes()))?,
            Part::Script => SCRIPTS
                .iter()
                .try_for_each(|s| write!(to, "<script>\n{s}</script>\n"))?,
            Part::Content => serde_json::to_writer(Inert(&mut *to), content)?,
        }
        rest = after;
    }
    to.write_all(rest.as_bytes())
}

enum Part {
    Style,
    Content,
    Script,
}

/// Passes JSON on as text that a browser takes for no markup: `<`, `>` and `&`, which JSON has in strings
/// alone, become escapes.
struct Inert<W>(W);

impl<W: Write> Write for Inert<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        for piece in json.split_inclusive(|b| matches!(b, b'<' | b'>' | b'&')) {
            match piece.split_last() {
                Some((b @ (b'<' | b'>' | b'&'), before)) => {
                    self.0.write_all(before)?;
                    write!(self.0, "\\u{b:04x}")?;
                }
                _ => self.0.write_all(piece)?,
            }
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Inert, PAGE, SCRIPTS, STYLES};

    #[test]
    fn no_text_of_a_file_ends_the_element_that_holds_it() {
        let names = [
            "</script><script>alert(1)</script>",
            "<!--",
            "a & b",
            "\"\\'\u{2028}é",
        ];
        let mut out = Vec::new();
        serde_json::to_writer(Inert(&mut out), &names).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, names);
    }

    #[test]
    fn the_parts_of_the_page_fit_into_their_elements() {
        let marks = ["/*STYLE*/", "/*CONTENT*/", "<!--SCRIPTS-->"];
        let places = marks.map(|m| PAGE.find(m).unwrap());
        assert!(places.is_sorted());
        for script in SCRIPTS {
            assert!(!script.contains("</script") && !script.contains("<!--"));
        }
        for style in STYLES {
            assert!(!style.contains("</style"));
        }
    }
}
