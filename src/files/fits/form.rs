//! What TFORM says of a column.

/// What a column of a binary table holds in each row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub repeat: i64,
    /// The letter of its type.
    pub kind: u8,
    /// Bytes of a row; 0 of cells of unequal lengths, which lie elsewhere.
    pub bytes: usize,
}

impl Form {
    /// What TFORM says; `None` if it says no number, or one that no table has.
    pub fn of(form: &str) -> Option<Self> {
        let form = form.trim_start().to_ascii_uppercase();
        let (repeat, kind) = digits(&form);
        let repeat = match repeat {
            Some(repeat) => repeat,
            // Without a number, there is one.
            None if !form.starts_with(|c: char| c.is_ascii_digit()) => 1,
            None => return None,
        };
        let kind = kind.bytes().next().unwrap_or(b' ');
        let bytes = match kind {
            b'X' => repeat.checked_add(7)? / 8,
            b'P' | b'Q' => 0,
            kind => repeat.checked_mul(element(kind))?,
        };
        let bytes = usize::try_from(bytes).ok()?;
        Some(Self {
            repeat,
            kind,
            bytes,
        })
    }

    /// Bytes of a number whose bytes are shuffled: 1 for what is no number.
    pub fn element(self) -> usize {
        match self.kind {
            b'C' | b'M' => 1,
            kind => element(kind) as usize,
        }
    }
}

fn element(kind: u8) -> i64 {
    match kind {
        b'I' => 2,
        b'J' | b'E' => 4,
        b'K' | b'D' | b'C' => 8,
        b'M' => 16,
        _ => 1,
    }
}

/// The number that `text` begins with, if it is one, and what follows.
pub(super) fn digits(text: &str) -> (Option<i64>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    (number.parse().ok(), rest)
}
