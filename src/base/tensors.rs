//! Numbers across the border between libtorch's tensors and ndarray's arrays, which live on the host.

use crate::Result;
use ndarray::Array2;
use tch::{Device, Kind, Tensor};

/// The numbers of a tensor of any shape, the last axis fastest.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if they cannot be copied to the host.
pub(crate) fn numbers(t: &Tensor) -> Result<Vec<f32>> {
    let host = t.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    Ok(Vec::<f32>::try_from(host.view([-1]))?)
}

/// A tensor [n, D] as an array.
///
/// # Errors
/// As [`numbers`].
pub(crate) fn matrix(t: &Tensor) -> Result<Array2<f32>> {
    let (n, d) = t.size2()?;
    let flat = numbers(t)?;
    let at = |(i, j): (usize, usize)| flat[i * d as usize + j];
    Ok(Array2::from_shape_fn((n as usize, d as usize), at))
}

/// The rows of all `parts`, of which there is one at least, one after the other.
pub(crate) fn joined(mut parts: Vec<Tensor>) -> Tensor {
    match parts.len() {
        1 => parts.remove(0),
        _ => Tensor::cat(&parts, 0),
    }
}

/// An array [n, D] as a tensor on `device`.
pub(crate) fn tensor(a: &Array2<f32>, device: Device) -> Tensor {
    let shape = [a.nrows() as i64, a.ncols() as i64];
    let standard = a.as_standard_layout();
    Tensor::from_slice(standard.as_slice().unwrap_or_default())
        .view(shape)
        .to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn what_goes_over_and_comes_back_is_the_same_whatever_its_layout() {
        let a = array![[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        for a in [a.clone(), a.reversed_axes()] {
            let t = tensor(&a, Device::Cpu);
            assert_eq!(matrix(&t).unwrap(), a);
            assert_eq!(matrix(&t.transpose(0, 1)).unwrap(), a.t());
        }
    }
}
