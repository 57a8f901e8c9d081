//! Errors of flux, half-light radius and ellipticity, measured on restorations and on the truth alike.

use crate::base::statistics::quantile;
use crate::config::ImageConfig;
use crate::data::PixelScale;
use crate::evaluate::json_nan;
use crate::shapes::{QUANTITIES, ShapeTable, measure};
use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// Part of a normal distribution within one standard deviation.
const INSIDE: f64 = 0.682_689_492_137_085_9;

/// The values that 68 % of the absolute errors do not exceed. NaN where nothing could be measured (`null` in
/// the file).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShapeErrors {
    /// Of the flux, relative.
    #[serde(with = "json_nan")]
    pub flux: f64,
    /// Of the half-light radius, pixels.
    #[serde(with = "json_nan")]
    pub radius: f64,
    /// Of the components of the ellipticity.
    #[serde(with = "json_nan")]
    pub ellipticity: f64,
    /// Planes that could be measured, of those whose truth can.
    pub measured: usize,
    /// Planes whose truth can be measured.
    pub of: usize,
}

/// What the table of a restored file says, against the truth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CatalogShapes {
    /// The file.
    pub name: String,
    /// Of its values.
    pub errors: ShapeErrors,
    /// Parts of the truths of flux, radius and ellipticity that lie within one stated error of the value; the
    /// error that a median over few draws has itself is added.
    pub inside: [f64; 3],
}

/// The quantities of every plane of the truth, channel by channel.
#[derive(Debug)]
pub struct TrueShapes {
    each: Vec<[f64; QUANTITIES.len()]>,
    image: ImageConfig,
    softening: Option<f64>,
}

impl TrueShapes {
    /// Of clean images `truth` [N, D], stretched as the scale says.
    #[must_use]
    pub fn of(truth: ArrayView2<f32>, image: ImageConfig, scale: &PixelScale) -> Self {
        let mut shapes = Self {
            each: Vec::new(),
            image,
            softening: scale.softening,
        };
        shapes.each = shapes.measured(truth);
        shapes
    }

    /// The shapes of the draws [m, D] of image `i`, in the unit of the truth, for each of flux (over the true
    /// one), half-light radius and ellipticity: the draws' [m, ·] and the truth's, NaN where there is none.
    pub(super) fn drawn(
        &self,
        i: usize,
        draws: ArrayView2<f32>,
    ) -> [(Array2<f32>, Array1<f32>); 3] {
        let (m, c) = (draws.nrows(), self.image.channels);
        let (found, truth) = (self.measured(draws), &self.each[i * c..(i + 1) * c]);
        [&[0usize][..], &[1], &[2, 3]].map(|which| {
            let unit = |k: usize, q: usize| if q == 0 { truth[k][0] } else { 1.0 };
            let n = which.len();
            let draws = Array2::from_shape_fn((m, c * n), |(d, j)| {
                let (k, q) = (j / n, which[j % n]);
                (found[d * c + k][q] / unit(k, q)) as f32
            });
            let truth = Array1::from_shape_fn(c * n, |j| {
                let (k, q) = (j / n, which[j % n]);
                (truth[k][q] / unit(k, q)) as f32
            });
            (draws, truth)
        })
    }

    fn measured(&self, images: ArrayView2<f32>) -> Vec<[f64; QUANTITIES.len()]> {
        let (c, plane) = (self.image.channels, [self.image.height, self.image.width]);
        let pixels = plane[0] * plane[1];
        let one = |k: usize| {
            let row = images.row(k / c);
            let values = row.iter().skip(k % c * pixels).take(pixels);
            let light = |v: &f32| match self.softening {
                Some(s) => (f64::from(*v).sinh() * s) as f32,
                None => *v,
            };
            measure(&values.map(light).collect::<Vec<_>>(), plane)
        };
        (0..images.nrows() * c).into_par_iter().map(one).collect()
    }

    /// The errors of restorations [N, D].
    #[must_use]
    pub fn errors(&self, restored: ArrayView2<f32>) -> ShapeErrors {
        self.compared(&self.measured(restored))
    }

    /// What a table of the same objects says, one row each: medians over so many `draws` of each.
    #[must_use]
    pub fn of_table(
        &self,
        name: String,
        table: &ShapeTable,
        rows: &[usize],
        draws: usize,
    ) -> CatalogShapes {
        // The median of m normal draws has π/2m of their variance itself.
        let more = (1.0 + FRAC_PI_2 / draws as f64).sqrt();
        let c = self.image.channels;
        let read = |from: &Vec<ndarray::Array2<f32>>, k: usize| {
            std::array::from_fn(|q| f64::from(from[q][[rows[k / c], k % c]]))
        };
        let planes = 0..rows.len() * c;
        let values: Vec<_> = planes.clone().map(|k| read(&table.values, k)).collect();
        let inside = |which: &[usize]| {
            let mut found = (0.0, 0.0);
            for k in planes.clone() {
                let sigma: [f64; QUANTITIES.len()] = read(&table.errors, k);
                for q in which {
                    let off = (values[k][*q] - self.each[k][*q]).abs();
                    if off.is_finite() && sigma[*q].is_finite() {
                        found.0 += f64::from(u8::from(off <= more * sigma[*q]));
                        found.1 += 1.0;
                    }
                }
            }
            found.0 / found.1
        };
        CatalogShapes {
            name,
            errors: self.compared(&values),
            inside: [inside(&[0]), inside(&[1]), inside(&[2, 3])],
        }
    }

    fn compared(&self, found: &[[f64; QUANTITIES.len()]]) -> ShapeErrors {
        let usable = |t: &&([f64; 4], &[f64; 4])| t.1.iter().all(|v| v.is_finite());
        let pairs: Vec<_> = found.iter().copied().zip(&self.each).collect();
        let pairs: Vec<_> = pairs.iter().filter(usable).collect();
        let measured: Vec<_> = pairs
            .iter()
            .filter(|p| p.0.iter().all(|v| v.is_finite()))
            .collect();
        let width = |errors: Vec<f64>| quantile(&errors, INSIDE);
        let each = |f: &dyn Fn(&[f64; 4], &[f64; 4]) -> f64| -> Vec<f64> {
            measured.iter().map(|p| f(&p.0, p.1).abs()).collect()
        };
        let ellipticity = [each(&|a, b| a[2] - b[2]), each(&|a, b| a[3] - b[3])].concat();
        ShapeErrors {
            flux: width(each(&|a, b| a[0] / b[0] - 1.0)),
            radius: width(each(&|a, b| a[1] - b[1])),
            ellipticity: width(ellipticity),
            measured: measured.len(),
            of: pairs.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_that_were_put_in_and_stated_ones_hold_their_part() {
        let (n, side) = (60, 21);
        let image = ImageConfig {
            channels: 1,
            height: side,
            width: side,
            fit: false,
        };
        let scale = PixelScale {
            softening: None,
            mean: vec![0.0],
            std: vec![1.0],
        };
        let truth = Array2::from_shape_fn((n, side * side), |(i, k)| {
            let (y, x) = ((k / side) as f64 - 10.0, (k % side) as f64 - 10.0);
            (-0.5 * (x * x + y * y) / (2.0 + 0.02 * i as f64).powi(2)).exp() as f32
        });
        let shapes = TrueShapes::of(truth.view(), image, &scale);
        let brighter = truth.mapv(|v| 1.1 * v);
        let found = shapes.errors(brighter.view());
        assert!((found.flux - 0.1).abs() < 1e-4, "{found:?}");
        assert!(found.radius < 1e-4 && found.ellipticity < 1e-4);
        assert_eq!((found.measured, found.of), (n, n));
        let mut table = ShapeTable::unknown(n, 1);
        for i in 0..n {
            let [flux, radius, e1, e2] = measure(&truth.row(i).to_vec(), [side, side]);
            // Errors of one flux in two are larger than stated.
            let off = if i % 2 == 0 { 0.05 } else { 0.2 };
            table.set(
                [i, 0],
                &[[flux + off, 0.1], [radius, 0.1], [e1, 0.1], [e2, 0.1]],
            );
        }
        let rows: Vec<usize> = (0..n).collect();
        let told = shapes.of_table("a".into(), &table, &rows, 1_000_000);
        assert!((told.inside[0] - 0.5).abs() < 1e-9 && told.inside[1] == 1.0);
    }
}
