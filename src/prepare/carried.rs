//! What a channel takes from a spectrum besides flux, noise and width, on the common grid.

use super::rebin::Rebin;
use crate::data::{Block, LogGrid, Spectrum};

/// Half of the window over which the sky's continuum is the median, in ln λ: some 50 Å, ten lines wide.
const HALF_WINDOW: f64 = 0.01;
/// And in pixels, at least.
const LEAST: usize = 5;

impl Rebin {
    /// Fills row `row` of the parts of `block` that it carries besides. `first` as of [`Rebin::apply`].
    ///
    /// The sky is rebinned as a flux is, in whatever pixels it is known; its lines are what it has above its
    /// running median. A row of the resolution matrix is the mean of those of the native pixels that the
    /// common one is made of, with the weights of the flux, over columns that are rebinned, too: R of the
    /// common grid is (rebinning) R (its transpose, each native pixel being the mean of the common ones in
    /// it), which is exact for light that is constant within common pixels. What a native pixel takes from
    /// beyond the grid it takes from the last common pixel. Where no row is known, R is the identity.
    pub(super) fn carry(
        &self,
        grid: &LogGrid,
        spectrum: &Spectrum,
        first: i64,
        block: &mut Block,
        row: usize,
    ) {
        let (extras, n) = (&spectrum.extras, spectrum.flux.len());
        if block.sky.ncols() > 0 {
            let sky: Vec<f64> = (0..grid.pixels)
                .map(|j| {
                    let known = self.entries(j, first, n);
                    let known = known.map(|(i, w)| {
                        (f64::from(extras.sky.get(i).copied().unwrap_or(f32::NAN)), w)
                    });
                    let (sum, weight) = known
                        .filter(|(s, _)| s.is_finite())
                        .fold((0.0, 0.0), |(s, t), (v, w)| (s + v * w, t + w));
                    sum / weight
                })
                .collect();
            for (out, line) in block.sky.row_mut(row).iter_mut().zip(lines(&sky, grid)) {
                *out = line as f32;
            }
        }
        let diagonals = block.resolution.ncols() / grid.pixels;
        if diagonals > 0 {
            let bands = self.bands(grid.pixels, spectrum, first, diagonals);
            for (out, r) in block.resolution.row_mut(row).iter_mut().zip(bands) {
                *out = r as f32;
            }
        }
    }

    /// The resolution matrix by rows, [D · `diagonals`].
    fn bands(&self, pixels: usize, spectrum: &Spectrum, first: i64, diagonals: usize) -> Vec<f64> {
        let (matrix, n) = (&spectrum.extras.resolution, spectrum.flux.len());
        let (native, half) = (matrix.len() / n.max(1), diagonals / 2);
        // The common pixels in each native one, with their shares of it.
        let mut parts: Vec<Vec<(usize, f64)>> = vec![Vec::new(); n];
        for j in 0..pixels {
            for (i, w) in self.entries(j, first, n) {
                parts[i].push((j, w));
            }
        }
        let reached = |i: &usize| !parts[*i].is_empty();
        let ends = (0..n).find(reached).zip((0..n).rfind(reached));
        // Of rising or falling wavelength.
        let edges = ends.map(|(a, b)| match parts[a][0].0 <= parts[b][0].0 {
            true => [(a, 0), (b, pixels - 1)],
            false => [(a, pixels - 1), (b, 0)],
        });
        for part in &mut parts {
            let sum: f64 = part.iter().map(|(_, w)| w).sum();
            part.iter_mut().for_each(|(_, w)| *w /= sum);
        }
        let mut all = vec![0.0; pixels * diagonals];
        for (j, out) in all.chunks_mut(diagonals).enumerate() {
            let mut add = |to: usize, share: f64| {
                let at = (to + half).saturating_sub(j).min(diagonals - 1);
                out[at] += share;
            };
            let known = |(i, _): &(usize, f64)| {
                let own = i * native..(i + 1) * native;
                spectrum.ivar[*i] > 0.0 && matrix[own].iter().any(|r| *r != 0.0)
            };
            let rows: Vec<(usize, f64)> = self.entries(j, first, n).filter(known).collect();
            let covered: f64 = rows.iter().map(|(_, w)| w).sum();
            let Some([blue, red]) = edges.filter(|_| covered > 0.0) else {
                add(j, 1.0);
                continue;
            };
            for (i, w) in rows {
                for m in 0..native {
                    let r = f64::from(matrix[i * native + m]) * w / covered;
                    let column = (i + m).saturating_sub(native / 2).min(n - 1);
                    match parts[column].as_slice() {
                        [] if column < blue.0 => add(blue.1, r),
                        [] if column > red.0 => add(red.1, r),
                        // Between two pixels of a grid with gaps nothing was seen of it.
                        [] => add(j, r),
                        some => some.iter().for_each(|(to, share)| add(*to, r * share)),
                    }
                }
            }
        }
        all
    }
}

/// Diagonals that the resolution matrix needs on `grid`, its native one having `diagonals` between the
/// native `pixels` (edges in log10 λ): what reaches farthest, and a pixel for the parts.
pub(super) fn diagonals_on(grid: &LogGrid, pixels: &[[f64; 2]], diagonals: usize) -> usize {
    let widest = pixels
        .iter()
        .map(|[a, b]| (b - a).abs())
        .fold(0.0, f64::max);
    let reach = (diagonals / 2) as f64 + 1.0;
    let half = (reach * widest / grid.dloglam).ceil() as usize + 1;
    2 * half.min(grid.pixels) + 1
}

/// `sky` `[D]` less its running median, 0 where it is not known.
fn lines(sky: &[f64], grid: &LogGrid) -> Vec<f64> {
    let half = ((HALF_WINDOW / grid.dln()) as usize).max(LEAST);
    (0..sky.len())
        .map(|j| {
            let near = &sky[j.saturating_sub(half)..(j + half + 1).min(sky.len())];
            let known = near.iter().copied().filter(|s| s.is_finite());
            let line = sky[j] - crate::base::statistics::median(known);
            if line.is_finite() { line } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GridConfig;
    use crate::data::{Carried, Centres, Extras, NativeGrid};
    use crate::prepare::Regridder;
    use crate::survey::spectra::Pixels;
    use std::sync::Arc;

    fn grid(pixels: usize) -> LogGrid {
        LogGrid::new(&GridConfig {
            min: 5000.0,
            max: 5400.0,
            pixels,
            ..GridConfig::default()
        })
    }

    /// Pixels of 0.8 Å, and a matrix of Gaussians of which the width rises, off-centre by a fifth.
    fn native() -> (Arc<[[f64; 2]]>, Vec<f32>, usize) {
        let n = 800;
        let centres: Vec<f64> = (0..n).map(|i| 4900.0 + 0.8 * i as f64).collect();
        let Some(NativeGrid::Pixels(pixels)) =
            NativeGrid::from_centres(&centres, Centres::Angstrom, false)
        else {
            panic!("pixels");
        };
        let k = 11;
        let diagonals: Vec<f32> = (0..k * n)
            .map(|at| {
                let (d, j) = (at / n, at % n);
                let off = d as f64 - 5.0 + 0.2;
                let sigma = 0.8 + j as f64 / 2000.0;
                let norm = (0..k)
                    .map(|d| (-0.5 * ((d as f64 - 4.8) / sigma).powi(2)).exp())
                    .sum::<f64>();
                ((-0.5 * (off / sigma).powi(2)).exp() / norm) as f32
            })
            .collect();
        (pixels, Extras::rows_of_diagonals(&diagonals, k), k)
    }

    #[test]
    fn the_matrix_of_the_common_grid_does_what_the_native_one_and_rebinning_do() {
        let (pixels, resolution, k) = native();
        let n = pixels.len();
        for bins in [150, 420, 1000] {
            let grid = grid(bins);
            let regridder = Regridder::new(&grid, &Pixels::Shared(pixels.clone()));
            let diagonals = diagonals_on(&grid, &pixels, k);
            let carried = Carried {
                sky: false,
                diagonals,
            };
            // Light that is constant within common pixels, and beyond them.
            let light = |j: i64| {
                let j = j.clamp(0, bins as i64 - 1);
                ((j * j * 7 + 13 * j) % 31) as f64
            };
            let seen = |edges: &[f64; 2]| {
                let at = |l: f64| (l - grid.loglam0) / grid.dloglam + 0.5;
                let (a, b) = (at(edges[0]), at(edges[1]));
                let angstrom = |x: f64| 10f64.powf(grid.loglam0 + (x - 0.5) * grid.dloglam);
                let part = |j: i64| {
                    let (from, to) = (a.max(j as f64), b.min(j as f64 + 1.0));
                    (angstrom(to) - angstrom(from)).max(0.0) * light(j)
                };
                let sum: f64 = (a.floor() as i64..=b.floor() as i64).map(part).sum();
                sum / (angstrom(b) - angstrom(a))
            };
            let x: Vec<f64> = pixels.iter().map(seen).collect();
            let blurred = |i: usize| -> f64 {
                (0..k)
                    .map(|m| {
                        let c = (i + m).saturating_sub(k / 2).min(n - 1);
                        f64::from(resolution[i * k + m]) * x[c]
                    })
                    .sum()
            };
            let spectrum = Spectrum {
                grid: NativeGrid::Pixels(pixels.clone()),
                flux: (0..n).map(|i| blurred(i) as f32).collect(),
                ivar: vec![1.0; n],
                lsf: Vec::new(),
                extras: Extras {
                    resolution: resolution.clone(),
                    ..Extras::default()
                },
            };
            let mut block = Block::carrying(1, bins, carried);
            regridder.regrid(&spectrum, &mut block, 0);
            let half = diagonals as i64 / 2;
            // At the ends a native pixel lies in part beyond the grid.
            for j in diagonals..bins - diagonals {
                let found: f64 = (0..diagonals)
                    .map(|m| {
                        let r = f64::from(block.resolution[[0, j * diagonals + m]]);
                        r * light(j as i64 + m as i64 - half)
                    })
                    .sum();
                let wanted = f64::from(block.flux[[0, j]]);
                assert!(
                    (found - wanted).abs() < 2e-4,
                    "{bins}, {j}: {found} {wanted}"
                );
            }
        }
    }

    #[test]
    fn of_the_sky_its_lines_are_kept_and_a_pixel_without_rows_blurs_nothing() {
        let (pixels, resolution, k) = native();
        let (n, grid) = (pixels.len(), grid(300));
        let carried = Carried {
            sky: true,
            diagonals: diagonals_on(&grid, &pixels, k),
        };
        let mut sky: Vec<f32> = (0..n).map(|i| 3.0 + i as f32 / 800.0).collect();
        sky[400] += 50.0;
        sky[410] = f32::NAN;
        let mut ivar = vec![1.0; n];
        ivar[300..310].fill(0.0);
        let spectrum = Spectrum {
            grid: NativeGrid::Pixels(pixels.clone()),
            flux: vec![1.0; n],
            ivar,
            lsf: Vec::new(),
            extras: Extras { sky, resolution },
        };
        let mut block = Block::carrying(1, 300, carried);
        Regridder::new(&grid, &Pixels::Shared(pixels.clone())).regrid(&spectrum, &mut block, 0);
        // All the flux of the line, and nothing elsewhere but the slope within half a window.
        let line = 10f64.powf(0.5 * (pixels[400][0] + pixels[400][1]));
        let (mut flux, mut rest) = (0.0, 0.0f64);
        for (value, w) in block.sky.row(0).iter().zip(grid.wavelength()) {
            match (w - line).abs() < 4.0 {
                true => flux += f64::from(*value) * w * grid.dln(),
                false => rest = rest.max(f64::from(value.abs())),
            }
        }
        assert!((flux / (50.0 * 0.8) - 1.0).abs() < 0.02, "{flux}");
        assert!(rest < 0.1, "{rest}");
        let masked = 10f64.powf(pixels[305][0]).log10();
        let j = ((masked - grid.loglam0) / grid.dloglam).round() as usize;
        let row = |j: usize| {
            let all = block.resolution.row(0);
            all.to_vec()[j * carried.diagonals..(j + 1) * carried.diagonals].to_vec()
        };
        assert_eq!(row(j)[carried.diagonals / 2], 1.0);
        assert!((row(j).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((row(100).iter().sum::<f32>() - 1.0).abs() < 0.01);
    }
}
