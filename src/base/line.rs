//! Text of files and paths in messages: one line of bounded length, in which nothing steers a terminal.

use std::path::Path;

/// Characters of a message, at most.
const LINE: usize = 480;
/// Of these, kept of its end, where the remedy stands.
const END: usize = 180;
/// Characters of a path, at most, and of these kept of its end.
const PATH: usize = 160;
const NAME: usize = 110;

/// `text` as a message: what is too long loses its middle.
pub(crate) fn line(text: impl AsRef<str>) -> String {
    shortened(&escaped(text.as_ref()), LINE, END)
}

/// `path` for a message.
pub(crate) fn shown(path: &Path) -> String {
    shortened(&escaped(&path.to_string_lossy()), PATH, NAME)
}

/// `text` with control characters, and those that turn the direction of writing, spelled out as JSON does.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || turns(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character is invisible and turns, joins or parts others.
fn turns(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn shortened(text: &str, most: usize, end: usize) -> String {
    let n = text.chars().count();
    if n <= most {
        return text.to_owned();
    }
    let begin: String = text.chars().take(most - end - 1).collect();
    let end: String = text.chars().skip(n - end).collect();
    format!("{begin}…{end}")
}
