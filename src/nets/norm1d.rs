//! The norm of the network for spectra: group normalisation and, after it, scale and shift from the time.

use super::layers::GroupNorm;
use super::params::Params;
use tch::{Kind, Tensor};

/// Group normalisation, and what the time makes of it.
#[derive(Debug)]
pub(super) struct Norm(GroupNorm);

impl Norm {
    pub fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        Self(GroupNorm::new(p, name, channels))
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        if Self::is_plain(x) {
            return self.0.forward(x);
        }
        self.affine(x, &self.0.weight, &self.0.bias)
    }

    /// norm(x) · (1 + scale) + shift, with one `scale` and `shift` per channel, [B, C] or [1, C].
    pub fn modulated(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Tensor {
        if Self::is_plain(x) {
            let over = |t: &Tensor| t.unsqueeze(-1).unsqueeze(-1);
            return over(shift).addcmul(&self.0.forward(x), &over(&(scale + 1.0)));
        }
        let (scale, shift) = (scale.to_kind(Kind::Float) + 1.0, shift.to_kind(Kind::Float));
        let bias = shift.addcmul(&scale, &self.0.bias);
        self.affine(x, &(scale * &self.0.weight), &bias)
    }

    /// Whether libtorch's own group norm is the better one: it is one kernel, and its gradient another.
    fn is_plain(x: &Tensor) -> bool {
        x.device().is_cuda() || x.requires_grad()
    }

    /// (x − mean)/deviation · `weight` + `bias`, both [C], [1, C] or [B, C], computed in fp32. All that
    /// comes after the moments is one factor and one summand per channel, so that the map is written
    /// once. libtorch's kernel for channels side by side takes the moments in the same way, but goes
    /// through memory group by group: several times slower where groups are narrow.
    fn affine(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let (b, c, groups) = (x.size()[0], x.size()[1], self.0.groups);
        let count = (x.numel() as i64 / (b * groups)) as f64;
        let mean = |x: &Tensor| {
            let sums = x.sum_dim_intlist([2, 3].as_slice(), false, None);
            let sums = sums.view([b, groups, c / groups]);
            sums.sum_dim_intlist([2].as_slice(), true, None) / count
        };
        let by_group = |t: &Tensor| t.view([-1, groups, c / groups]);
        let map = x.to_kind(Kind::Float);
        let centre = mean(&map);
        let variance = (mean(&(&map * &map)) - centre.square()).clamp_min(0.0);
        let factor = by_group(weight) * (variance + GroupNorm::EPSILON).rsqrt();
        let summand = by_group(bias) - &factor * centre;
        let out = summand
            .view([b, c, 1, 1])
            .addcmul(&map, &factor.view([b, c, 1, 1]));
        out.to_kind(x.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers1d::layout;
    use super::super::layers1d::tests::{largest_difference, normals};
    use super::*;
    use tch::Device;

    #[test]
    fn the_norm_is_libtorchs_with_scale_and_shift_after_it() {
        let mut p = Params::new(3, Device::Cpu);
        let layer = Norm::new(&mut p, "norm", 48);
        p.set_flat(&normals(0, &[96]));
        let x = normals(1, &[2, 48, 144]) * 3.0 + normals(2, &[1, 48, 1]);
        let plain = layer.0.forward(&x.unsqueeze(2)).detach();
        let x = layout(&x);
        let with_gradient = x.copy().set_requires_grad(true);
        assert!(largest_difference(&layer.forward(&x), &plain) < 1e-5);
        for rows in [1, 2] {
            let (scale, shift) = (normals(3, &[rows, 48]), normals(4, &[rows, 48]));
            let over = |t: &Tensor| t.view([rows, 48, 1, 1]);
            let expected = &plain * (over(&scale) + 1.0) + over(&shift);
            for x in [&x, &with_gradient] {
                let found = layer.modulated(x, &scale, &shift);
                assert!(largest_difference(&found, &expected) < 1e-4);
            }
        }
    }
}
