//! The peaks of a restored image above what surrounds them.

use super::feature::{Base, Feature, PEAK, most_significant};

/// σ in pixels of the smoothing before peaks are looked for.
const SMOOTHING: f64 = 1.0;
/// A peak's pixels rise above its base by this part of its prominence.
const FOOT: f64 = 0.1;

/// The most significant peaks of an image `x` of `channels` planes of [height, width], where the noise of the
/// observation is `scale` (infinite where masked).
#[must_use]
pub fn features([channels, height, width]: [usize; 3], x: &[f32], scale: &[f32]) -> Vec<Feature> {
    let plane = height * width;
    let all = (0..channels).flat_map(|c| {
        let first = c * plane;
        let smooth = smoothed(&x[first..first + plane], [height, width]);
        let own = peaks(&smooth, [height, width]);
        own.into_iter().map(move |f| shifted(f, first))
    });
    most_significant(all, x, scale).collect()
}

/// A feature of the plane that begins at pixel `first`. All planes are whole rows, so that the place in a plane
/// is the place in the image but for a number of rows.
fn shifted(mut f: Feature, first: usize) -> Feature {
    f.peak += first;
    f.pixels.iter_mut().for_each(|i| *i += first);
    if let Base::Plane { rim, .. } = &mut f.base {
        rim.iter_mut().for_each(|i| *i += first);
    }
    f
}

/// Every local maximum of the plane `s` with the pixels around it that rise above the base of its prominence.
/// Neighbours are those along an edge or a corner.
fn peaks(s: &[f64], [height, width]: [usize; 2]) -> Vec<Feature> {
    let mut order: Vec<usize> = (0..s.len()).collect();
    order.sort_by(|a, b| s[*b].total_cmp(&s[*a]).then(a.cmp(b)));
    // Islands that grow together as the water falls: each pixel points towards the top of its island.
    let mut towards: Vec<Option<usize>> = vec![None; s.len()];
    let mut bases: Vec<(usize, f64)> = Vec::new();
    for &i in &order {
        towards[i] = Some(i);
        for j in neighbours(i, [height, width]) {
            if towards[j].is_none() {
                continue;
            }
            let (a, b) = (top(&mut towards, i), top(&mut towards, j));
            // The lower top ends where it meets the higher one.
            let (high, low) = if s[a] > s[b] || (s[a] == s[b] && a < b) {
                (a, b)
            } else {
                (b, a)
            };
            if high != low {
                if low != i {
                    bases.push((low, s[i]));
                }
                towards[low] = Some(high);
            }
        }
    }
    // The highest meets no other: its base is the sky.
    bases.extend(order.first().map(|i| (*i, s[order[order.len() / 2]])));
    let feature = |(peak, base): (usize, f64)| {
        let level = base + FOOT * (s[peak] - base);
        let (pixels, rim) = island(s, peak, level, [height, width]);
        // What fills half of the image is its background.
        let blob = !rim.is_empty() && 2 * pixels.len() < s.len();
        blob.then_some(Feature {
            name: PEAK,
            peak,
            pixels,
            base: Base::Plane { rim, width },
        })
    };
    bases.into_iter().filter_map(feature).collect()
}

/// The top of the island of `i`.
fn top(towards: &mut [Option<usize>], i: usize) -> usize {
    let mut at = i;
    while let Some(next) = towards[at].filter(|n| *n != at) {
        // Halve the way for the next one.
        towards[at] = towards[next];
        at = next;
    }
    at
}

/// The pixels above `level` that hang together with `peak`, ascending, and those that touch them.
fn island(s: &[f64], peak: usize, level: f64, shape: [usize; 2]) -> (Vec<usize>, Vec<usize>) {
    let (mut inside, mut rim) = (vec![peak], Vec::new());
    let mut seen = vec![false; s.len()];
    seen[peak] = true;
    let mut next = 0;
    while next < inside.len() {
        for j in neighbours(inside[next], shape) {
            if !std::mem::replace(&mut seen[j], true) {
                if s[j] > level { &mut inside } else { &mut rim }.push(j);
            }
        }
        next += 1;
    }
    inside.sort_unstable();
    rim.sort_unstable();
    (inside, rim)
}

fn neighbours(i: usize, [height, width]: [usize; 2]) -> impl Iterator<Item = usize> {
    let (y, x) = (i / width, i % width);
    let rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
    let columns = move || x.saturating_sub(1)..=(x + 1).min(width - 1);
    rows.flat_map(move |r| columns().map(move |c| r * width + c))
        .filter(move |j| *j != i)
}

/// A plane smoothed by a Gaussian that the edges cut.
fn smoothed(x: &[f32], [height, width]: [usize; 2]) -> Vec<f64> {
    let reach = (4.0 * SMOOTHING) as usize;
    let kernel = |k: usize| (-0.5 * (k as f64 / SMOOTHING).powi(2)).exp();
    // Along one axis of `n` pixels that are `step` apart.
    let along = |v: &dyn Fn(usize) -> f64, at: usize, n: usize, step: usize| {
        let k = at / step % n;
        let near = k.saturating_sub(reach)..=(k + reach).min(n - 1);
        let (sum, norm) = near.fold((0.0, 0.0), |(sum, norm), j| {
            let weight = kernel(k.abs_diff(j));
            (sum + weight * v(at + j * step - k * step), norm + weight)
        });
        sum / norm
    };
    let rows: Vec<f64> = (0..x.len())
        .map(|i| along(&|j| f64::from(x[j]), i, width, 1))
        .collect();
    (0..x.len())
        .map(|i| along(&|j| rows[j], i, height, width))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 24, 32];

    fn blob(x: &mut [f32], [c, y, x0]: [usize; 3], width: f64, height: f64) {
        let [_, h, w] = SHAPE;
        for i in 0..h * w {
            let r2 = (i / w).abs_diff(y).pow(2) + (i % w).abs_diff(x0).pow(2);
            x[c * h * w + i] += (height * (-0.5 * r2 as f64 / width.powi(2)).exp()) as f32;
        }
    }

    #[test]
    fn blobs_are_found_in_their_channel_and_leave_the_sky_behind() {
        let mut x = vec![0.5f32; SHAPE.iter().product()];
        blob(&mut x, [0, 8, 7], 1.5, 1.0);
        blob(&mut x, [1, 12, 20], 2.0, 2.0);
        blob(&mut x, [1, 12, 26], 1.0, 1.0);
        let found = features(SHAPE, &x, &vec![0.05; x.len()]);
        let peaks: Vec<usize> = found.iter().map(|f| f.peak).collect();
        let at = |[c, y, x]: [usize; 3]| (c * 24 + y) * 32 + x;
        assert_eq!(peaks, [at([1, 12, 20]), at([0, 8, 7]), at([1, 12, 26])]);
        let without = found[1].removed(&x);
        let left = without[..24 * 32].iter().copied().fold(0.0, f32::max);
        assert!(left < 0.65, "{left}");
        // The smaller of two that touch ends where it meets the other.
        let pixels = &found[2].pixels;
        assert!(pixels.contains(&at([1, 12, 26])) && !pixels.contains(&at([1, 12, 22])));
    }

    #[test]
    fn what_noise_would_hide_and_masked_pixels_are_not_listed() {
        let mut x = vec![0.0f32; SHAPE.iter().product()];
        blob(&mut x, [0, 12, 12], 1.5, 0.2);
        assert!(features(SHAPE, &x, &vec![0.5; x.len()]).is_empty());
        assert!(features(SHAPE, &x, &vec![f32::INFINITY; x.len()]).is_empty());
        assert_eq!(features(SHAPE, &x, &vec![0.02; x.len()]).len(), 1);
    }
}
