//! What a column of a table is.

use std::os::raw::c_int;

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub text: bool,
    /// Elements per row (characters for text, of all texts of the cell).
    pub repeat: usize,
    /// Characters of one text.
    pub(super) width: usize,
    /// Whether the cells are of unequal lengths (TFORM `P`, `Q`), or of complex numbers.
    pub(super) odd: bool,
    pub(super) number: c_int,
}

impl Column {
    /// The key that says its unit.
    pub fn unit_key(&self) -> String {
        format!("TUNIT{}", self.number)
    }
}
