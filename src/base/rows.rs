//! Rows of tensors, without a word to the host.

use tch::Tensor;

/// Each row `copies` times in a row.
pub(crate) fn repeated(t: &Tensor, copies: i64) -> Tensor {
    repeated_along(t, 0, copies)
}

/// The same along any axis. How many come out is told: a GPU would have to be asked, and waited for.
pub(crate) fn repeated_along(t: &Tensor, axis: usize, copies: i64) -> Tensor {
    t.repeat_interleave_self_int(copies, axis as i64, t.size()[axis] * copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_comes_as_often_as_asked_for_before_the_next() {
        let rows = Tensor::from_slice(&[1i64, 2, 3, 4]).view([2, 2]);
        let found = Vec::<i64>::try_from(repeated(&rows, 2).view([-1])).unwrap();
        assert_eq!(found, [1, 2, 1, 2, 3, 4, 3, 4]);
    }
}
