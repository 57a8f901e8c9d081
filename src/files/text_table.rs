//! Tables as text: CSV with any common separator, ECSV (astropy), and what VizieR calls TSV.
//!
//! ECSV: <https://github.com/astropy/astropy-APEs/blob/main/APE6.rst>. VizieR puts units and a line of
//! dashes below the names.

use crate::base::regular;
use crate::{Error, Result};
use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const ECSV: &str = "# %ECSV";
/// Bytes that are read of a file at most, unpacked: a gzipped one may hold more than it looks.
const MOST: u64 = 4 << 30;
/// Lines in which a table says how it is laid out.
const HEAD: usize = 1000;
/// Separators that are recognised by the line of names.
const SEPARATORS: [u8; 4] = *b",\t;|";

/// A table as text. It is read anew for each column: no more of it is in memory than that.
#[derive(Debug)]
pub(crate) struct TextTable {
    path: PathBuf,
    separator: u8,
    names: Vec<String>,
    /// Lines of units and dashes between the names and the first row.
    skipped: usize,
    rows: usize,
}

impl TextTable {
    /// Looks at the names and counts the rows.
    ///
    /// # Errors
    /// [`Error::Input`] if the file cannot be read or its rows are of unequal lengths.
    pub fn open(path: &Path) -> Result<Self> {
        let mut table = Self {
            path: path.to_path_buf(),
            separator: match form(path).map_err(|e| unreadable(path, &e))? {
                Form::Separated(separator) => separator,
                Form::Other(what, format) => return Err(to_be_converted(path, what, format)),
                Form::Page => {
                    return Err(Error::input(
                        path,
                        "",
                        "a page of HTML, not a table",
                        "a FITS table, or one as text (CSV, ECSV)",
                        "download the catalog again: this may be what the server says is wrong",
                    ));
                }
            },
            names: Vec::new(),
            skipped: 0,
            rows: 0,
        };
        for (i, record) in table.reader()?.records().enumerate() {
            let record = record.map_err(|e| table.malformed(&e))?;
            if i == 0 {
                table.names = record.iter().map(str::to_owned).collect();
            } else if table.skipped == 0 && i <= 2 && is_rule(&record) {
                table.skipped = i;
            }
            table.rows = i;
        }
        table.rows -= table.skipped;
        Ok(table)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.rows
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.names
    }

    /// The cells of the column called `name`, whatever its case, each with `read`.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none, or `read` gives `None` for a cell: it is not `expected`.
    pub fn column<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut names = self.names.iter();
        let Some(at) = names.position(|n| n.eq_ignore_ascii_case(name)) else {
            return Err(self.error(name, "missing", expected));
        };
        let mut out = Vec::with_capacity(self.rows);
        for record in self.reader()?.records().skip(1 + self.skipped) {
            let record = record.map_err(|e| self.malformed(&e))?;
            let cell = record.get(at).unwrap_or_default();
            let Some(value) = read(cell) else {
                let line = record.position().map_or(0, csv::Position::line);
                let place = format!("line {line} column {name}");
                return Err(self.error(&place, &format!("`{cell}`"), expected));
            };
            out.push(value);
        }
        Ok(out)
    }

    fn reader(&self) -> Result<Reader<Box<dyn Read>>> {
        let file = unpacked(&self.path).map_err(|e| unreadable(&self.path, &e))?;
        Ok(ReaderBuilder::new()
            .delimiter(self.separator)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .has_headers(false)
            .from_reader(file))
    }

    fn malformed(&self, e: &csv::Error) -> Error {
        Error::input(
            &self.path,
            "",
            e,
            "a table as text (CSV, ECSV), as many cells in each row as there are names",
            "check the file, or convert it to FITS (astropy: Table.read(…).write(\"catalog.fits\"))",
        )
    }

    fn error(&self, place: &str, problem: &str, expected: &str) -> Error {
        let fix = "map another column in [survey.source.columns], or mend the file";
        Error::input(&self.path, place, problem, expected, fix)
    }
}

/// The file, or what it holds if it is gzipped.
fn unpacked(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(regular::open(path)?);
    Ok(match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file).take(MOST)),
        _ => Box::new(file),
    })
}

fn unreadable(path: &Path, e: &std::io::Error) -> Error {
    Error::input(path, "", e, "a readable table", "check the path")
}

/// That the table `path`, which is `what`, must be converted first, by astropy, which reads it as `format`.
pub(crate) fn to_be_converted(path: &Path, what: &str, format: &str) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fits = Path::new(&*name).with_extension("fits");
    let fits = fits.display();
    let format = match format {
        "" => String::new(),
        format => format!(", format=\"{format}\""),
    };
    Error::input(
        path,
        "",
        format!("{what}, which is not read as a catalog"),
        "a FITS table, or one as text (CSV, ECSV)",
        format!(
            "convert it: python3 -c 'from astropy.table import Table; Table.read(\"{name}\"{format}).write(\"{fits}\")'"
        ),
    )
}

/// How a table as text is laid out.
enum Form {
    /// With this between the cells.
    Separated(u8),
    /// What it is, and what astropy calls it.
    Other(&'static str, &'static str),
    Page,
}

/// How the table `path` is laid out: ECSV says what is between the cells, of others the line of names tells.
fn form(path: &Path) -> std::io::Result<Form> {
    let mut ecsv = false;
    let mut names = None;
    let mut words = Vec::new();
    for line in BufReader::new(unpacked(path)?).lines().take(HEAD) {
        let line = line?;
        ecsv |= line.starts_with(ECSV);
        if let (true, Some(said)) = (ecsv, line.strip_prefix("# delimiter:")) {
            let said = said.trim().trim_matches(['\'', '"']);
            return Ok(Form::Separated(said.bytes().next().unwrap_or(b' ')));
        }
        if line.starts_with("Byte-by-byte Description") {
            return Ok(Form::Other("a machine-readable table of CDS", "ascii.cds"));
        }
        words.push(line.trim_start_matches('#').split_whitespace().count());
        if names.is_some() || line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        names = Some(line.trim_start_matches('\u{feff}').to_owned());
        if ecsv {
            return Ok(Form::Separated(b' '));
        }
    }
    let names = names.unwrap_or_default();
    let blanks = names.split_whitespace().count();
    let rows = words.iter().filter(|w| **w == blanks).count();
    Ok(match names.trim_start().bytes().next() {
        Some(b'<') => Form::Page,
        Some(b'\\' | b'|') => Form::Other("a table of IPAC", "ascii.ipac"),
        _ => {
            let times = |s: &u8| names.bytes().filter(|b| b == s).count();
            match SEPARATORS.iter().rev().max_by_key(|s| times(s)) {
                Some(separator) if times(separator) > 0 => Form::Separated(*separator),
                _ if blanks > 1 && rows > 1 => {
                    Form::Other("a table with blanks between its columns", "ascii")
                }
                _ => Form::Separated(b','),
            }
        }
    })
}

/// Whether a line is one of dashes.
fn is_rule(record: &StringRecord) -> bool {
    let dashes = |cell: &str| cell.len() > 1 && cell.bytes().all(|b| b == b'-');
    record.iter().any(dashes) && record.iter().all(|c| c.is_empty() || dashes(c) || c == "-")
}

#[cfg(test)]
mod tests {
    use super::TextTable;
    use crate::files::cells::{number, whole};

    fn z(text: &str) -> crate::Result<(Vec<i64>, Vec<f64>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog");
        std::fs::write(&path, text).unwrap();
        let table = TextTable::open(&path)?;
        let ids = table.column("plate", "whole numbers", whole)?;
        assert_eq!(ids.len(), table.count());
        Ok((ids, table.column("Z", "numbers", number)?))
    }

    #[test]
    fn every_common_kind_is_read() {
        for text in [
            "PLATE,Z\n3655,2.5\n3656,3\n",
            "\u{feff}Plate;z\r\n\"3655\";2.5\r\n3656;3",
            "#Table1\nplate,z\n3655,2.5\n3656,3.0\n",
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: PLATE, datatype: int64}\nPLATE Z\n3655 2.5\n3656 3.0\n",
            "# %ECSV 1.0\n# ---\n# delimiter: ','\nPLATE,Z,name\n3655,2.5,\"a, b\"\n3656,3.0,\n",
            "#\n#   VizieR\n\nPlate\tz\n \t\n-----\t---\n 3655\t2.5\n3656 \t3.0\n",
            "plate|z\n-----|---\n3655|2.5\n3656|3.0\n",
        ] {
            assert_eq!(
                z(text).unwrap(),
                (vec![3655, 3656], vec![2.5, 3.0]),
                "{text}"
            );
        }
    }

    #[test]
    fn a_cell_that_is_no_number_is_named_with_its_line() {
        let e = z("PLATE,Z\n3655,2.5\n3656,high\n").unwrap_err().to_string();
        assert!(e.contains("line 3 column Z") && e.contains("`high`"), "{e}");
        let e = z("PLATE,Z\n3655,2.5\n3656\n").unwrap_err().to_string();
        assert!(e.contains("line: 3"), "{e}");
        let e = z("PLATES,Z\n3655,2.5\n").unwrap_err().to_string();
        assert!(e.contains("plate") && e.contains("missing"), "{e}");
        assert!(z("").is_err());
    }
}
