//! JPEG, by writing and reading the bytes of a file.

use crate::base::random::Rows;
use crate::config::Chroma;
use crate::{Error, Result};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;
use tch::{Device, Kind, Tensor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Largest side that the format can hold.
const LARGEST: usize = 65_535;

/// Quality q of 0.01..1, uniform in [`min`, `max`] and rounded to the hundredths of the codec,
/// [B, 1].
pub(super) fn draw(min: f64, max: f64, random: &Rows) -> Tensor {
    ((random.uniform(0, 1) * (max - min) + min) * 100.0).round() / 100.0
}

/// Refuses shapes that are no JPEG images.
pub(super) fn check(channels: usize, height: usize, width: usize, key: &str) -> Result<()> {
    let (problem, fix) = if channels != 1 && channels != 3 {
        (
            format!("JPEG holds 1 or 3 channels, but the images have {channels}"),
            "leave the stage out",
        )
    } else if height.max(width) > LARGEST {
        (
            format!(
                "JPEG holds at most {LARGEST} pixels a side, but the images are {height} × {width}"
            ),
            "crop the images",
        )
    } else {
        return Ok(());
    };
    Err(Error::config("config", key, problem, fix))
}

/// Compresses `values` [B, C, H, W] (0..255; cut and rounded to that) with each row's `quality`
/// [B, 1]. The codec runs on the host, rows in parallel.
pub(super) fn compress(values: &Tensor, quality: &Tensor, chroma: Chroma) -> Result<Tensor> {
    let size = values.size();
    let [channels, height, width] = [1, 2, 3].map(|i| size[i] as usize);
    let bytes = values
        .clamp(0.0, 255.0)
        .round()
        .to_kind(Kind::Uint8)
        .permute([0, 2, 3, 1])
        .to_device(Device::Cpu)
        .contiguous()
        .view([-1]);
    let bytes = Vec::<u8>::try_from(bytes)?;
    let quality = (quality * 100.0).round().clamp(1.0, 100.0);
    let quality = Vec::<f32>::try_from(quality.to_device(Device::Cpu).contiguous().view([-1]))?;
    let images = bytes
        .par_chunks(channels * height * width)
        .zip(&quality)
        .map(|(image, q)| {
            let file = jpeg_encode(image, [channels, height, width], *q as u8, chroma)?;
            jpeg_decode(&file)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::from_slice(&images.concat())
        .view([-1, size[2], size[3], size[1]])
        .to_device(values.device())
        .permute([0, 3, 1, 2])
        .to_kind(Kind::Float))
}

/// The JPEG file of an image of 1 (grey) or 3 (red, green, blue) channels, given as bytes
/// [H, W, C]; `quality` 1..100, on the scale of libjpeg.
///
/// # Errors
/// [`Error::Simulator`] if the codec refuses the image.
pub fn jpeg_encode(
    pixels: &[u8],
    [channels, height, width]: [usize; 3],
    quality: u8,
    chroma: Chroma,
) -> Result<Vec<u8>> {
    let side = |n: usize| u16::try_from(n).map_err(|e| codec(&e));
    let colour = if channels == 1 {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(match chroma {
        Chroma::Full => SamplingFactor::F_1_1,
        Chroma::Halved => SamplingFactor::F_2_2,
    });
    // Chroma of one pixel in four, this crate's default, is not what files out there hold.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder
        .encode(pixels, side(width)?, side(height)?, colour)
        .map_err(|e| codec(&e))?;
    Ok(file)
}

/// The bytes [H, W, C] of the image in a JPEG file.
///
/// # Errors
/// [`Error::Simulator`] if it is none.
pub fn jpeg_decode(file: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = JpegDecoder::new(ZCursor::new(file));
    decoder.decode_headers().map_err(|e| codec(&e))?;
    if decoder.input_colorspace() == Some(ColorSpace::Luma) {
        decoder.set_options(DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    decoder.decode().map_err(|e| codec(&e))
}

fn codec(e: &impl std::fmt::Display) -> Error {
    Error::simulator(
        "jpeg",
        e,
        "report the shape of this image as an error of selfsi",
    )
}
