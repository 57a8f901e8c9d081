//! Use of a trained run: observations → restored catalog, batch by batch.

use crate::catalog::{
    Block, Object, Prepared, RestoredBlock, RestoredHeader, RestoredWriter, flag,
};
use crate::config::Config;
use crate::interpolant::Interpolant;
use crate::nets::UNet1d;
use crate::random::{Purpose, Rows};
use crate::train::{Run, config_sha256, is_heldout, observations};
use crate::transport::Transport;
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::path::Path;
use tch::{Device, Tensor, no_grad};

/// Which rows of the input to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Only those kept out of training.
    pub heldout_only: bool,
    /// First row.
    pub first: usize,
    /// At most this many.
    pub count: usize,
}

/// Counts of one restoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub rows: usize,
    pub restored: usize,
}

/// Restores the prepared set `input` with the trained `run` and writes `out`. Every selected row is
/// written; rows that cannot be restored are NaN and flagged. Memory does not grow with the set.
///
/// # Errors
/// [`Error::Run`] if the run has no checkpoint, [`Error::Input`] if the input is on another grid
/// or the selection is empty, [`Error::Output`] if `out` cannot be written.
pub fn restore(
    run: &Run,
    input: &Prepared,
    out: &Path,
    selection: Selection,
    device: Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary> {
    let config = run.config();
    let (network, run_sha256) = run.trained(device)?;
    let rows = rows(config, input, selection)?;
    let interpolant = Interpolant::new(&config.interpolant, config.network.noise_input);
    let sde = interpolant != Interpolant::Ode;
    let header = RestoredHeader {
        grid: input.grid(),
        flux_unit: input.flux_unit().to_owned(),
        interpolant: if sde { "sde" } else { "ode" }.into(),
        draws: if sde { config.restore.draws } else { 1 },
        quantiles: if sde {
            config.restore.quantiles.clone()
        } else {
            Vec::new()
        },
        seed: config.seed,
        config_sha256: config_sha256(config)?,
        run_sha256,
        history: vec![
            format!("restored from {}", input.path().display()),
            format!("by run {}", run.folder().display()),
        ],
    };
    let restorer = Restorer {
        network,
        transport: Transport::new(
            &config.interpolant,
            &config.transport,
            config.network.noise_input,
        ),
        header: &header,
        seed: config.seed,
        device,
    };
    let mut writer = RestoredWriter::create(out, &header, rows.len())?;
    let mut objects: Vec<Object> = rows.iter().map(|r| input.objects()[*r].clone()).collect();
    let mut restored = 0;
    for (batch, start) in rows
        .chunks(config.restore.batch)
        .zip((0..).step_by(config.restore.batch))
    {
        let block = read(input, batch)?;
        let part = &mut objects[start..start + batch.len()];
        let result = restorer.block(&block, batch, part)?;
        restored += part.iter().filter(|o| o.flag == flag::GOOD).count();
        writer.write(start, &result)?;
        progress(start + batch.len(), rows.len());
    }
    let heldout: Vec<bool> = objects
        .iter()
        .map(|o| is_heldout(&o.name, config.seed, config.train.heldout))
        .collect();
    writer.finish(&objects, &heldout)?;
    Ok(Summary {
        rows: rows.len(),
        restored,
    })
}

fn rows(config: &Config, input: &Prepared, s: Selection) -> Result<Vec<usize>> {
    let grid = crate::catalog::LogGrid::new(&config.grid);
    let (a, b) = (grid, input.grid());
    if a.pixels != b.pixels
        || (a.loglam0 - b.loglam0).abs() > 1e-9
        || (a.dloglam - b.dloglam).abs() > 1e-12
    {
        return Err(Error::input(
            input.path(),
            "loglam",
            "this set is on another wavelength grid than the run was trained on",
            format!(
                "{} pixels from {} to {} Å",
                config.grid.pixels, config.grid.min, config.grid.max
            ),
            "prepare it with the run's config.toml",
        ));
    }
    let rows: Vec<usize> = (0..input.len())
        .filter(|i| {
            !s.heldout_only
                || is_heldout(&input.objects()[*i].name, config.seed, config.train.heldout)
        })
        .skip(s.first)
        .take(s.count)
        .collect();
    if rows.is_empty() {
        return Err(Error::input(
            input.path(),
            "",
            "no row is selected",
            "at least one",
            "change --mintarget, -n or --heldout",
        ));
    }
    Ok(rows)
}

fn read(input: &Prepared, rows: &[usize]) -> Result<Block> {
    let first = rows.first().copied().unwrap_or(0);
    let last = rows.last().copied().unwrap_or(0);
    let whole = input.read(first..last + 1)?;
    let index: Vec<usize> = rows.iter().map(|r| r - first).collect();
    let pick = |a: &Array2<f32>| a.select(Axis(0), &index);
    Ok(Block {
        flux: pick(&whole.flux),
        ivar: pick(&whole.ivar),
        lsf: pick(&whole.lsf),
    })
}

struct Restorer<'a> {
    network: UNet1d,
    transport: Transport,
    header: &'a RestoredHeader,
    seed: u64,
    device: Device,
}

impl Restorer<'_> {
    /// Restores the rows numbered `rows` of the input; flags what does not come out finite.
    fn block(
        &self,
        block: &Block,
        rows: &[usize],
        objects: &mut [Object],
    ) -> Result<RestoredBlock> {
        let o = observations(block, self.device);
        let numbers: Vec<i64> = rows.iter().map(|r| *r as i64).collect();
        let numbers = Tensor::from_slice(&numbers).to_device(self.device);
        let draws: Vec<Tensor> = no_grad(|| {
            (0..self.header.draws as u64)
                .map(|draw| {
                    let stream = |purpose| Rows::new(self.seed, purpose, draw, &numbers);
                    let y = o.filled(&stream(Purpose::MaskFill));
                    self.transport.run(
                        &self.network,
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
        let deviation = draws.std_dim([0i64].as_slice(), draws.size()[0] > 1, false);
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
