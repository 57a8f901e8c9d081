//! One batch of observations through the transport: draws, their moments, physical units.

use crate::Result;
use crate::catalog::{Block, Object, RestoredBlock, RestoredHeader, flag};
use crate::nets::VelocityField;
use crate::random::{Purpose, Rows};
use crate::train::observations;
use crate::transport::Transport;
use ndarray::Array2;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor, no_grad};

pub(super) struct Restorer<'a> {
    pub network: Box<dyn VelocityField>,
    pub transport: Transport,
    pub header: &'a RestoredHeader,
    pub device: Device,
}

impl Restorer<'_> {
    /// Restores the spectra of `objects`; flags what does not come out finite.
    pub fn block(&self, block: &Block, objects: &mut [Object]) -> Result<RestoredBlock> {
        let o = observations(block, self.device);
        let numbers: Vec<i64> = objects.iter().map(stream_of).collect();
        let numbers = Tensor::from_slice(&numbers).to_device(self.device);
        let draws: Vec<Tensor> = no_grad(|| {
            (0..self.header.draws as u64)
                .map(|draw| {
                    let stream = |purpose| Rows::new(self.header.seed, purpose, draw, &numbers);
                    let y = o.filled(&stream(Purpose::MaskFill));
                    self.transport.run(
                        self.network.as_ref(),
                        &y,
                        &o.latent,
                        &stream(Purpose::Transport),
                        false,
                    )
                })
                .collect()
        });
        let draws = Tensor::stack(&draws, 0);
        let sde = self.header.interpolant == "sde";
        let norms: Vec<f32> = objects.iter().map(|o| o.norm as f32).collect();
        let norm = Tensor::from_slice(&norms)
            .to_device(self.device)
            .unsqueeze(1);
        let mean = draws.mean_dim([0i64].as_slice(), false, tch::Kind::Float);
        let finite: Vec<bool> = mean
            .isfinite()
            .all_dim(-1, false)
            .to_device(Device::Cpu)
            .try_into()?;
        let usable: Vec<bool> = objects
            .iter_mut()
            .zip(&finite)
            .map(|(o, f)| mark(o, *f))
            .collect();
        let physical = |t: &Tensor| to_array(&(t * &norm), &usable);
        let quantile = |q: &f64| physical(&draws.quantile_scalar(*q, 0, false, "linear"));
        let scaled = |a: &Array2<f32>, power: i32| {
            let mut a = a.clone();
            for (mut row, n) in a.rows_mut().into_iter().zip(&norms) {
                row.mapv_inplace(|v| v * n.powi(power));
            }
            a
        };
        // One draw has no scatter: NaN, which libtorch would only give with a warning.
        let deviation = if draws.size()[0] > 1 {
            draws.std_dim([0i64].as_slice(), true, false)
        } else {
            mean.full_like(f64::NAN)
        };
        Ok(RestoredBlock {
            restored: physical(&mean)?,
            sigma: sde.then(|| physical(&deviation)).transpose()?,
            draw: sde.then(|| physical(&draws.get(0))).transpose()?,
            quantiles: self
                .header
                .quantiles
                .iter()
                .map(quantile)
                .collect::<Result<_>>()?,
            observed: scaled(&block.flux, 1),
            ivar: scaled(&block.ivar, -2),
        })
    }
}

/// The number of an object's random stream. It comes from the object's identity: what it is
/// restored to depends neither on the batch nor on the file it is in, nor on its place there.
fn stream_of(o: &Object) -> i64 {
    let identity = if o.plate >= 0 && o.fiberid >= 0 {
        format!("{}-{}-{}", o.plate, o.mjd, o.fiberid)
    } else {
        o.name.clone()
    };
    let digest = Sha256::digest(identity.as_bytes());
    let bytes = digest.iter().take(8);
    bytes.fold(0u64, |k, b| (k << 8) | u64::from(*b)) as i64
}

/// Whether a row is usable; a restoration that is not finite is flagged.
fn mark(object: &mut Object, finite: bool) -> bool {
    if object.flag == flag::GOOD && !finite {
        object.flag = flag::NOT_FINITE;
        object.reason = "the restoration is not finite".into();
    }
    object.flag == flag::GOOD
}

/// [n, D] on the host; NaN in the rows that are not usable.
fn to_array(t: &Tensor, usable: &[bool]) -> Result<Array2<f32>> {
    let (n, d) = (t.size()[0] as usize, t.size()[1] as usize);
    let flat = Vec::<f32>::try_from(t.to_device(Device::Cpu).contiguous().view([-1]))?;
    Ok(Array2::from_shape_fn((n, d), |(i, j)| {
        if usable[i] { flat[i * d + j] } else { f32::NAN }
    }))
}
