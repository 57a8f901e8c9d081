//! A mock survey of galaxies: cutouts as surveys give them, with their PSFs and noise maps, and the truth.

use super::folder::{CUTOUTS, CUTOUTS_UNFINISHED, TRUTH, failed};
use super::galaxy::{Galaxy, moffat};
use crate::base::tensors::matrix;
use crate::config::{GalaxiesConfig, ImageConfig};
use crate::files::fits::sheet::{check_written, create_fits, problem};
use crate::files::hdf5::content::{attribute, column, numbers, text, texts};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read::attributes;
use crate::files::version;
use crate::forward::psf::convolve;
use crate::{Error, Result};
use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use std::fs;
use std::path::Path;
use tch::{Device, Tensor};

/// Unit of every flux.
const UNIT: &str = "nanomaggy";
/// Galaxies that are made together.
const ROWS: usize = 128;
/// Half the range of the noise's variance across a cutout, relative.
const UNEVEN: f64 = 0.1;
/// Degrees on a side of a pixel.
const PIXEL: f64 = 0.262 / 3600.0;
/// How far a bad pixel lies from its value, in standard deviations of the noise.
const BAD: f64 = 50.0;

/// The survey: galaxy `i` is a function of the seed and `i` alone.
#[derive(Debug)]
pub struct GalaxySurvey<'a> {
    seed: u64,
    config: &'a GalaxiesConfig,
    image: ImageConfig,
}

/// One observed galaxy.
struct Cutout {
    galaxy: Galaxy,
    /// Right ascension and declination, degrees.
    place: [f64; 2],
    /// Clean, without PSF; the observation; its inverse variance, [C · H · W].
    clean: Vec<f64>,
    observed: Vec<f64>,
    ivar: Vec<f64>,
    /// [C · P · P].
    psf: Vec<f64>,
    /// Width of the PSF in the middle filter, and the S/N that was drawn.
    fwhm: f64,
    snr: f64,
}

impl<'a> GalaxySurvey<'a> {
    /// # Errors
    /// [`Error::Config`] if the PSFs are larger than the cutouts.
    pub fn new(seed: u64, config: &'a GalaxiesConfig, image: ImageConfig) -> Result<Self> {
        if config.psf > image.height.min(image.width) {
            return Err(Error::config(
                "config",
                "mock.galaxies.psf",
                "the PSFs would be larger than the cutouts",
                "give fewer pixels, or larger image.height and image.width",
            ));
        }
        Ok(Self {
            seed,
            config,
            image,
        })
    }

    /// `gal-000012.fits`.
    #[must_use]
    pub fn name(i: usize) -> String {
        format!("gal-{i:06}.fits")
    }

    /// Galaxies `from`..`to`.
    fn cutouts(&self, from: usize, to: usize) -> Result<Vec<Cutout>> {
        let (c, margin) = (self.image.channels, self.config.psf / 2);
        let padded = [
            self.image.height + 2 * margin,
            self.image.width + 2 * margin,
        ];
        let side = self.config.psf as i64;
        let drawn: Vec<_> = (from..to)
            .into_par_iter()
            .map(|i| self.drawn(i, padded))
            .collect();
        // The light beyond the cutout's edge reaches into it.
        let flat = |part: &dyn Fn(&Drawn) -> &Vec<f64>| {
            let all: Vec<f32> = drawn
                .iter()
                .flat_map(|d| part(d).iter().map(|v| *v as f32))
                .collect();
            Tensor::from_slice(&all).to_device(Device::Cpu)
        };
        let light = flat(&|d| &d.light).view([-1, c as i64, padded[0] as i64, padded[1] as i64]);
        let psf = flat(&|d| &d.psf).view([-1, c as i64, side, side]);
        let seen = matrix(&convolve(&light, &psf).flatten(1, -1))?;
        let rows = drawn.into_par_iter().enumerate();
        Ok(rows
            .map(|(k, d)| self.observed(d, seen.row(k).to_vec(), padded))
            .collect())
    }

    fn drawn(&self, i: usize, padded: [usize; 2]) -> Drawn {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(i as u64);
        let galaxy = Galaxy::draw(&mut rng, self.config);
        let c = self.image.channels;
        let between = |rng: &mut ChaCha8Rng, [a, b]: [f64; 2]| a + (b - a) * rng.random::<f64>();
        let fwhm = between(&mut rng, self.config.seeing);
        let shear =
            [0, 1].map(|_| self.config.psf_ellipticity * rng.sample::<f64, _>(StandardNormal));
        let snr = between(&mut rng, self.config.snr.map(f64::ln)).exp();
        let place = [
            between(&mut rng, [0.0, 360.0]),
            between(&mut rng, [-1.0, 1.0]).asin().to_degrees(),
        ];
        let light = (0..c).flat_map(|k| galaxy.render(k, c, padded)).collect();
        // Redder light is blurred less, by λ^−0.2.
        let width = |k: usize| fwhm * (1.0 - 0.04 * (k as f64 - (c as f64 - 1.0) / 2.0));
        let psf = (0..c)
            .flat_map(|k| moffat(width(k), self.config.beta, shear, self.config.psf))
            .collect();
        Drawn {
            galaxy,
            place,
            fwhm,
            snr,
            light,
            psf,
            rng,
        }
    }

    fn observed(&self, drawn: Drawn, seen: Vec<f32>, padded: [usize; 2]) -> Cutout {
        let Drawn {
            galaxy,
            place,
            fwhm,
            snr,
            light,
            psf,
            mut rng,
        } = drawn;
        let (h, w, margin) = (self.image.height, self.image.width, self.config.psf / 2);
        let inside = |j: usize| {
            let (c, y, x) = (j / (h * w), j / w % h, j % w);
            (c * padded[0] + y + margin) * padded[1] + x + margin
        };
        let d = self.image.channels * h * w;
        let clean = (0..d).map(|j| light[inside(j)]).collect();
        let noiseless: Vec<f64> = (0..d).map(|j| f64::from(seen[inside(j)])).collect();
        let slope = [0, 1].map(|_| UNEVEN * (2.0 * rng.random::<f64>() - 1.0));
        let bad = rng
            .random_bool(self.config.bad_columns)
            .then(|| rng.random_range(0..w));
        let (mut observed, mut ivar) = (noiseless.clone(), vec![0.0; d]);
        for c in 0..self.image.channels {
            let plane = c * h * w..(c + 1) * h * w;
            // S/N of the flux of a known profile p: F √Σp² / σ, F p the light.
            let power: f64 = noiseless[plane.clone()].iter().map(|v| v * v).sum();
            let variance = power / (snr * snr);
            for j in plane {
                let (y, x) = ((j / w % h) as f64 / h as f64, (j % w) as f64 / w as f64);
                let uneven = 1.0 + 2.0 * (slope[0] * (y - 0.5) + slope[1] * (x - 0.5));
                let sigma = (variance * uneven).sqrt();
                observed[j] += sigma * rng.sample::<f64, _>(StandardNormal);
                ivar[j] = sigma.powi(-2);
                if bad == Some(j % w) {
                    (observed[j], ivar[j]) = (observed[j] + BAD * sigma, 0.0);
                }
            }
        }
        Cutout {
            galaxy,
            place,
            clean,
            observed,
            ivar,
            psf,
            fwhm,
            snr,
        }
    }

    /// Writes the cutouts, a FITS file each, and the truth into `folder`; `progress` receives how many are
    /// done.
    ///
    /// # Errors
    /// [`Error::Output`] if a file cannot be written; then there are no cutouts.
    pub fn write(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<()> {
        let (unfinished, n) = (folder.join(CUTOUTS_UNFINISHED), self.config.images);
        fs::create_dir_all(&unfinished).map_err(|e| failed(&unfinished, &e))?;
        let written = self.write_all(folder, &unfinished, n, progress);
        if let Err(e) = written {
            let _ = fs::remove_dir_all(&unfinished);
            return Err(e);
        }
        let cutouts = folder.join(CUTOUTS);
        fs::rename(&unfinished, &cutouts).map_err(|e| failed(&cutouts, &e))
    }

    fn write_all(
        &self,
        folder: &Path,
        unfinished: &Path,
        n: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let output = Output::create(folder.join(TRUTH))?;
        let image = &self.image;
        let (c, h, w) = (image.channels, image.height, image.width);
        let shape: Vec<usize> = match c {
            1 => vec![n, h, w],
            _ => vec![n, c, h, w],
        };
        let mut drawn = Vec::with_capacity(n);
        output.put(|file| {
            attribute(file, "unit", &text(UNIT))?;
            attributes(file, &version::TRUTH_IMAGES.keys())?;
            numbers::<f32>(file, "images", &shape).map(drop)
        })?;
        for from in (0..n).step_by(ROWS) {
            let to = (from + ROWS).min(n);
            let made = self.cutouts(from, to)?;
            let each = made.par_iter().enumerate();
            each.try_for_each(|(k, cutout)| {
                let path = unfinished.join(Self::name(from + k));
                self.write_one(&path, cutout)
                    .map_err(|e| failed(&path, &problem(&e)))?;
                check_written(&path)
            })?;
            let clean =
                Array2::from_shape_fn((to - from, c * h * w), |(k, j)| made[k].clean[j] as f32);
            output.put(|file| {
                let mut part = shape.clone();
                part[0] = to - from;
                let clean = clean
                    .into_shape_with_order(part)
                    .map_err(|e| hdf5::Error::from(e.to_string()))?;
                let mut slab: Vec<hdf5::SliceOrIndex> = vec![(..).into(); shape.len()];
                slab[0] = (from..to).into();
                file.dataset("images")?
                    .write_slice(&clean, hdf5::Hyperslab::from(slab))
            })?;
            drawn.extend(made.into_iter().map(|m| (m.galaxy, m.fwhm, m.snr)));
            progress(to);
        }
        output.put(|file| {
            let names: Vec<String> = (0..n).map(Self::name).collect();
            texts(file, "id", names.iter().map(String::as_str))?;
            type Get = fn(&(Galaxy, f64, f64)) -> f64;
            let columns: [(&str, Get); 9] = [
                ("flux", |d| d.0.flux),
                ("radius", |d| d.0.radius),
                ("bulge", |d| d.0.bulge),
                ("bulge_radius", |d| d.0.radius * d.0.compact),
                ("axis_ratio", |d| d.0.axis_ratio[0]),
                ("bulge_axis_ratio", |d| d.0.axis_ratio[1]),
                ("angle", |d| d.0.angle),
                ("fwhm", |d| d.1),
                ("snr", |d| d.2),
            ];
            for (name, get) in columns {
                let values: Vec<f64> = drawn.iter().map(get).collect();
                column(file, name, &values)?;
            }
            Ok(())
        })?;
        output.finish()
    }

    fn write_one(&self, path: &Path, cutout: &Cutout) -> fitsio::errors::Result<()> {
        let image = &self.image;
        let (h, w, side) = (image.height, image.width, self.config.psf);
        let axes = |a: usize, b: usize| match image.channels {
            1 => vec![a, b],
            c => vec![c, a, b],
        };
        let mut f = create_fits(path)?;
        let mut put = |name: &str, axes: &[usize], values: &[f64]| {
            let description = ImageDescription {
                data_type: ImageType::Float,
                dimensions: axes,
            };
            let hdu = f.create_image(name, &description)?;
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            hdu.write_image(&mut f, &values)
        };
        put("IMAGE", &axes(h, w), &cutout.observed)?;
        put("IVAR", &axes(h, w), &cutout.ivar)?;
        put("PSF", &axes(side, side), &cutout.psf)?;
        let hdu = f.hdu("IMAGE")?;
        keys(&mut f, &hdu, cutout, [h, w])
    }
}

/// Unit and world coordinates of a cutout.
fn keys(
    f: &mut FitsFile,
    hdu: &fitsio::hdu::FitsHdu,
    cutout: &Cutout,
    [h, w]: [usize; 2],
) -> fitsio::errors::Result<()> {
    hdu.write_key(f, "BUNIT", UNIT)?;
    hdu.write_key(f, "CTYPE1", "RA---TAN")?;
    hdu.write_key(f, "CTYPE2", "DEC--TAN")?;
    for (key, value) in [
        ("CRVAL1", cutout.place[0]),
        ("CRVAL2", cutout.place[1]),
        ("CRPIX1", (w as f64 + 1.0) / 2.0),
        ("CRPIX2", (h as f64 + 1.0) / 2.0),
        ("CD1_1", -PIXEL),
        ("CD1_2", 0.0),
        ("CD2_1", 0.0),
        ("CD2_2", PIXEL),
        ("SEEING", cutout.fwhm * PIXEL * 3600.0),
    ] {
        hdu.write_key(f, key, value)?;
    }
    Ok(())
}

/// What is drawn of a galaxy and its telescope, and its light with a margin.
struct Drawn {
    galaxy: Galaxy,
    place: [f64; 2],
    fwhm: f64,
    snr: f64,
    light: Vec<f64>,
    psf: Vec<f64>,
    rng: ChaCha8Rng,
}

impl GalaxySurvey<'_> {
    /// The clean pixels of galaxy `i`, [C · H · W], and its observation with the inverse variance.
    ///
    /// # Errors
    /// [`Error::Torch`] if numbers cannot be copied to the host.
    pub fn galaxy(&self, i: usize) -> Result<[Vec<f64>; 3]> {
        let cutout = self.cutouts(i, i + 1)?.remove(0);
        Ok([cutout.clean, cutout.observed, cutout.ivar])
    }
}
