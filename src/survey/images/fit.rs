//! A picture cut and averaged down to the shape of `[image]`.

use super::picture::Picture;

/// The largest middle part with the proportions of `height` × `width`, averaged over the areas of
/// the new pixels; `None` if the picture is smaller than that.
pub(crate) fn fit(picture: &Picture, height: usize, width: usize) -> Option<Picture> {
    let scale = f64::min(
        picture.height as f64 / height as f64,
        picture.width as f64 / width as f64,
    );
    if scale < 1.0 {
        return None;
    }
    let rows = overlaps(picture.height, height, scale);
    let columns = overlaps(picture.width, width, scale);
    let c = picture.channels;
    let mut samples = Vec::with_capacity(height * width * c);
    for (row, column) in rows
        .iter()
        .flat_map(|r| columns.iter().map(move |k| (r, k)))
    {
        for channel in 0..c {
            let part = row.iter().flat_map(|(i, a)| {
                column.iter().map(move |(j, b)| {
                    a * b * f64::from(picture.samples[(i * picture.width + j) * c + channel])
                })
            });
            samples.push(part.sum::<f64>() as f32);
        }
    }
    Some(Picture {
        channels: c,
        height,
        width,
        samples,
    })
}

/// For each of the `to` new pixels, `scale` old ones long, in the middle of `from` old pixels: which
/// of them it covers and what part of it they are.
fn overlaps(from: usize, to: usize, scale: f64) -> Vec<Vec<(usize, f64)>> {
    let start = 0.5 * (from as f64 - to as f64 * scale);
    (0..to)
        .map(|k| {
            let (a, b) = (start + k as f64 * scale, start + (k + 1) as f64 * scale);
            (a.max(0.0) as usize..from.min(b.ceil() as usize))
                .map(|i| {
                    let part = b.min(i as f64 + 1.0) - a.max(i as f64);
                    (i, part.max(0.0) / scale)
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Height 6, width 9, two channels: sample = 100 channel + 10 row + column.
    fn picture() -> Picture {
        let sample = |i: usize| (100 * (i % 2) + 10 * (i / 18) + (i / 2) % 9) as f32;
        Picture {
            channels: 2,
            height: 6,
            width: 9,
            samples: (0..6 * 9 * 2).map(sample).collect(),
        }
    }

    #[test]
    fn whole_pixels_are_averaged_and_the_middle_is_kept() {
        // 3 × 3 blocks of rows 0..6 and of columns 1.5..7.5.
        let small = fit(&picture(), 2, 2).unwrap();
        assert_eq!((small.height, small.width), (2, 2));
        // The mean of a ramp over a block is its value in the block's middle.
        let expected = [12.5, 112.5, 15.5, 115.5, 42.5, 142.5, 45.5, 145.5];
        for (found, wanted) in small.samples.iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-4, "{:?}", small.samples);
        }
    }

    #[test]
    fn the_own_shape_changes_nothing_and_a_small_picture_is_refused() {
        assert_eq!(fit(&picture(), 6, 9).unwrap().samples, picture().samples);
        assert!(fit(&picture(), 7, 3).is_none());
    }
}
