//! Integers compressed by RICE_1 (FITS standard 4.0, section 10.4.1): differences of neighbours, coded in
//! blocks of 32.

/// Integers of a block.
const BLOCK: usize = 32;

/// `n` integers of `size` bytes (1, 2 or 4), most significant byte first; `None` where `packed` ends early.
pub(super) fn unpacked(packed: &[u8], n: usize, size: usize) -> Option<Vec<u8>> {
    let bits = 8 * size as u32;
    // Bits that say how a block is coded, and the code of one whose differences are whole integers.
    let (coding, whole) = match size {
        1 => (3, 6),
        2 => (4, 14),
        _ => (5, 25),
    };
    let mut source = Bits { packed, at: 0 };
    let mut last = source.take(bits)?;
    let mut out = Vec::with_capacity(n * size);
    while out.len() < n * size {
        let block = BLOCK.min(n - out.len() / size);
        let code = source.take(coding)?;
        for _ in 0..block {
            let difference = match code {
                0 => 0,
                code if code > whole => source.take(bits)?,
                code => {
                    let low = code - 1;
                    let high = source.zeros()?.checked_shl(low).unwrap_or(0);
                    high | source.take(low)?
                }
            };
            // Even ones are positive, odd ones negative.
            let signed = (difference >> 1) ^ (difference & 1).wrapping_neg();
            last = last.wrapping_add(signed);
            out.extend(last.to_be_bytes().get(4 - size..)?);
        }
    }
    Some(out)
}

/// Bits from the most significant one of each byte on.
struct Bits<'a> {
    packed: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn next(&mut self) -> Option<u32> {
        let byte = self.packed.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    fn take(&mut self, n: u32) -> Option<u32> {
        (0..n).try_fold(0u32, |value, _| Some(value << 1 | self.next()?))
    }

    /// The number of zeros before the next one.
    fn zeros(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.next()? == 0 {
            zeros += 1;
        }
        Some(zeros)
    }
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn equal_integers_take_no_bits_and_what_ends_early_is_none() {
        assert_eq!(unpacked(&[0, 5, 0], 3, 2).unwrap(), [0, 5, 0, 5, 0, 5]);
        // Code 1: a difference is as many zeros as it says, and a one.
        let packed = [7, 0b0010_0110, 0b1000_0000];
        assert_eq!(unpacked(&packed, 3, 1).unwrap(), [8, 8, 7]);
        for packed in [&[][..], &[0], &[0, 5], &[0, 5, 0b1111_0000]] {
            assert_eq!(unpacked(packed, 3, 2), None);
        }
    }
}
