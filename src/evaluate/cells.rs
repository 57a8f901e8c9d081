//! Cells of tables: numbers with as many digits as they deserve, aligned for the terminal or piped for Markdown.

/// A value with its standard error; an error that is not known is left out.
pub(crate) fn with_error(value: f64, error: f64) -> String {
    if error.is_finite() {
        format!("{} ± {}", number(value), one_digit(error))
    } else {
        number(value)
    }
}

fn one_digit(v: f64) -> String {
    let digits = -v.abs().max(1e-12).log10().floor() as i32;
    format!("{v:.*}", digits.clamp(0, 6) as usize)
}

/// Three significant digits.
pub(crate) fn number(v: f64) -> String {
    if !v.is_finite() {
        return "–".to_owned();
    }
    let digits = 2 - v.abs().max(1e-12).log10().floor() as i32;
    format!("{v:.*}", digits.clamp(0, 6) as usize)
}

pub(crate) fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            table
                .iter()
                .map(|r| r[c].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |r: &Vec<String>| {
        let cells = r.iter().zip(&widths).enumerate().map(|(c, (cell, w))| {
            if c == 0 {
                format!("{cell:<w$}")
            } else {
                format!("{cell:>w$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    table.iter().map(line).collect()
}

pub(crate) fn piped(table: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (i, row) in table.iter().enumerate() {
        // A bar inside a cell would end it.
        let cells: Vec<String> = row.iter().map(|c| c.replace('|', "\\|")).collect();
        out += &format!("| {} |\n", cells.join(" | "));
        if i == 0 {
            out += &format!("|---|{}\n", "--:|".repeat(row.len() - 1));
        }
    }
    out
}
