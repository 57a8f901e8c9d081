//! The stages of the forward model of images against scipy, numpy and Pillow.
//!
//! Needs a Python with requirements/check.txt; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::image_batches::{self, MEAN, STD, clean, list, observe, pictures};
use crate::fixtures::python::{check, python, save};
use selfsi::config::{Chroma, LatentUse, PsfConfig, PsfFrom, StageConfig};
use selfsi::data::ImageLayout;
use selfsi::forward::{ForwardModel, Latent, Stages, jpeg_decode, jpeg_encode};
use std::path::Path;
use tch::{Device, Kind, Tensor};

fn blurs(folder: &Path) {
    for (i, (shape, sigma)) in [([3, 16, 12], 1.0), ([1, 7, 5], 2.3), ([2, 40, 3], 0.4)]
        .into_iter()
        .enumerate()
    {
        let x = pictures(3, shape);
        let y = observe(&[StageConfig::Blur { sigma }], shape, &x, &clean(&x)).0;
        let size = [3, shape[0], shape[1], shape[2]].map(|n| n as i64);
        save(folder, &format!("blur_{i}_x"), &x, &size);
        save(folder, &format!("blur_{i}_y"), &y, &size);
        let sigma = Tensor::from(sigma);
        save(folder, &format!("blur_{i}_sigma"), &sigma, &[]);
    }
}

fn motions(folder: &Path) {
    for length in [3, 5, 9] {
        let stage = StageConfig::Motion {
            length,
            latent: LatentUse::Redrawn,
        };
        let x = pictures(6, [2, 14, 17]);
        let (y, latent) = observe(&[stage], [2, 14, 17], &x, &clean(&x));
        save(folder, &format!("motion_{length}_x"), &x, &[6, 2, 14, 17]);
        save(folder, &format!("motion_{length}_y"), &y, &[6, 2, 14, 17]);
        let direction = &latent.vector;
        save(
            folder,
            &format!("motion_{length}_direction"),
            direction,
            &[6],
        );
    }
}

fn psfs(folder: &Path) {
    for (h, w, side) in [(14i64, 17i64, 9usize), (9, 9, 9)] {
        let (n, c) = (3i64, 2i64);
        let x = pictures(n, [2, h as usize, w as usize]);
        let all = (n * c) as usize * side * side;
        let psf: Vec<f32> = (0..all)
            .map(|i| ((i * 7919) % 101) as f32 / 4000.0)
            .collect();
        let psf = Tensor::from_slice(&psf).view([n, -1]);
        let layout = ImageLayout {
            psf: side,
            ..image_batches::layout([2, h as usize, w as usize])
        };
        let stage = StageConfig::Psf(PsfConfig {
            from: PsfFrom::Hdu,
            file: None,
            fwhm: None,
            beta: None,
            pixel: None,
            latent: None,
        });
        let recorded = Latent {
            psf: psf.shallow_clone(),
            ..clean(&x)
        };
        let f = Stages::new(&[stage], &layout, Device::Cpu).unwrap();
        let y = f.observe(&x, &recorded, &image_batches::rows(n)).unwrap().0;
        save(folder, &format!("psf_{h}_x"), &x, &[n, c, h, w]);
        save(folder, &format!("psf_{h}_y"), &y, &[n, c, h, w]);
        let p = side as i64;
        save(folder, &format!("psf_{h}_k"), &psf, &[n, c, p, p]);
    }
}

fn rays(folder: &Path) {
    for (h, w) in [(16, 12), (9, 15)] {
        let stage = StageConfig::Rays {
            rays: 1,
            latent: LatentUse::Redrawn,
        };
        let shape = [3, h, w];
        let x = pictures(30, shape);
        let (y, latent) = observe(&[stage], shape, &x, &clean(&x));
        let (h, w) = (h as i64, w as i64);
        save(folder, &format!("rays_{h}_x"), &x, &[30, 3, h, w]);
        save(folder, &format!("rays_{h}_y"), &y, &[30, 3, h, w]);
        save(
            folder,
            &format!("rays_{h}_mask"),
            &latent.planes,
            &[30, h, w],
        );
    }
}

/// Means on both sides of where the sampler changes its method.
fn photons(folder: &Path) {
    let means = [0.2f32, 3.0, 9.9, 10.1, 30.0, 400.0];
    let n = 200_000;
    let (gain, shape) = (2.0, [1, 500, 400]);
    let value = Tensor::from_slice(&means).unsqueeze(1) / gain;
    let x = ((value - MEAN) / STD).expand([6, n], false);
    let y = observe(&[StageConfig::Photon { gain }], shape, &x, &clean(&x)).0;
    save(folder, "photon_counts", &((y * STD + MEAN) * gain), &[6, n]);
    save(folder, "photon_means", &Tensor::from_slice(&means), &[6]);
}

fn jpegs(folder: &Path) {
    for (i, shape) in [[3usize, 32, 32], [3, 21, 37], [1, 24, 19]]
        .into_iter()
        .enumerate()
    {
        let [c, h, w] = shape;
        let values = (pictures(1, shape) * STD + MEAN).round().clamp(0.0, 255.0);
        let size = [h as i64, w as i64, c as i64];
        let pixels = values.view([size[2], size[0], size[1]]).permute([1, 2, 0]);
        save(folder, &format!("jpeg_{i}_x"), &pixels, &size);
        let bytes: Vec<u8> = list(&pixels).iter().map(|v| *v as u8).collect();
        for (name, chroma) in [("444", Chroma::Full), ("420", Chroma::Halved)] {
            for quality in [5u8, 30, 75, 95, 100] {
                let file = jpeg_encode(&bytes, shape, quality, chroma).unwrap();
                let name = format!("jpeg_{i}_{name}_{quality}");
                std::fs::write(folder.join(format!("{name}.jpg")), &file).unwrap();
                let back = Tensor::from_slice(&jpeg_decode(&file).unwrap());
                save(folder, &name, &back, &size);
                // The stage is this codec in normalised units.
                let x = (&values - MEAN) / STD;
                let stage = StageConfig::Jpeg {
                    min: 0.01,
                    max: 1.0,
                    chroma,
                    latent: LatentUse::Kept,
                };
                let q = Tensor::from(f32::from(quality) / 100.0).view([1, 1]);
                let recorded = Latent {
                    vector: q,
                    ..clean(&x)
                };
                let y = observe(&[stage], shape, &x, &recorded).0 * STD + MEAN;
                let y = y.view([size[2], size[0], size[1]]).permute([1, 2, 0]);
                assert!(image_batches::apart(&y.reshape([-1]), &back.to_kind(Kind::Float)) < 1e-3);
            }
        }
    }
}

#[test]
fn scipy_numpy_and_pillow_agree_with_the_stages() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for dump in [blurs, motions, psfs, rays, photons, jpegs] {
        dump(folder.path());
    }
    check(&python, "image_channels.py", &[folder.path()]);
}
