//! The cards of an HDU's header.

use super::read::{Fits, from_c};
use crate::Result;
use fitsio_sys as c;
use std::os::raw::{c_char, c_int};

/// Length of a header record (FLEN_CARD), with room to spare.
const CARD: usize = 96;

impl Fits {
    /// The HISTORY lines of the current HDU, as they are broken there.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the header is damaged.
    pub fn history(&mut self) -> Result<Vec<String>> {
        let lines = self.cards()?.into_iter();
        let line = |card: String| Some(card.strip_prefix("HISTORY")?.trim().to_owned());
        Ok(lines.filter_map(line).collect())
    }

    /// The cards of the current HDU, without the blanks at their ends.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the header is damaged.
    pub fn cards(&mut self) -> Result<Vec<String>> {
        let (mut records, mut status): (c_int, c_int) = (0, 0);
        // SAFETY: the handle is open, as below; the room left is not asked for.
        unsafe { c::ffghsp(self.file, &mut records, std::ptr::null_mut(), &mut status) };
        let mut cards = Vec::new();
        for record in 1..=records {
            let mut card = [0 as c_char; CARD];
            // SAFETY: a record has 80 characters and a NUL, for which there is room.
            unsafe { c::ffgrec(self.file, record, card.as_mut_ptr(), &mut status) };
            cards.push(from_c(&card));
        }
        self.checked(status, "header")?;
        Ok(cards)
    }
}
