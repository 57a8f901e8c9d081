//! Facts of FITS files: spec files, catalog tables, restored catalogs, DESI coadds.

use super::inspection::{Inspection, range, rounded};
use crate::Result;
use crate::config::MaskConfig;
use crate::data::NativeGrid;
use crate::files::fits::read::{Fits, Hdu};
use crate::prepare::flag_names;
use crate::survey::{PixelMask, SPPIXMASK};
use crate::survey::{sdss, sp_plate};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::iter::once;
use std::path::Path;

/// Facts of an SDSS spec file, masked as the default config would.
pub(crate) fn spec(path: &Path) -> Result<Inspection> {
    let mask = PixelMask::new(&MaskConfig::default())?;
    let spec = sdss::read_spec(path, &mask, true)?;
    let (s, o) = (&spec.spectrum, &spec.object);
    let n = s.flux.len();
    let mut i = Inspection::new(path, "SDSS spectrum");
    i.fact("name", o.name.clone());
    i.fact("version", spec.version.clone());
    i.fact("redshift", number(o.z));
    i.fact("zwarning", spec.zwarning.map_or(Value::Null, Value::from));
    i.fact("ra", number(o.ra));
    i.fact("dec", number(o.dec));
    i.fact("pixels", n);
    let pixels = s.grid.pixels(n);
    let wave = |e: f64| rounded(10f64.powf(e));
    let lattice = matches!(s.grid, NativeGrid::Sdss { .. });
    let kind = if lattice {
        "1e-4 dex"
    } else {
        "its own pixels"
    };
    let ends = (wave(pixels[0][0]), wave(pixels[n - 1][1]));
    i.fact(
        "wavelength",
        format!("{}-{} Å ({kind}, vacuum)", ends.0, ends.1),
    );
    let good: Vec<usize> = (0..n).filter(|k| s.ivar[*k] > 0.0).collect();
    i.fact("good_pixels", rounded(good.len() as f64 / n as f64));
    if let (Some(first), Some(last)) = (good.first(), good.last()) {
        i.fact(
            "good_range",
            format!("{}-{} Å", wave(pixels[*first][0]), wave(pixels[*last][1])),
        );
        // A camera may be missing at an end as well as in the middle: pixel -1 and n count as good.
        let ends: Vec<usize> = once(0)
            .chain(good.iter().map(|k| k + 1))
            .chain(once(n + 1))
            .collect();
        let gap = ends.windows(2).max_by_key(|w| w[1] - w[0]);
        if let Some(w) = gap.filter(|w| w[1] - w[0] > n / 20) {
            let start = |k: usize| pixels.get(k).map_or(pixels[n - 1][1], |p| p[0]);
            let (a, b) = (wave(start(w[0])), wave(start(w[1] - 1)));
            i.problem(format!("no good pixel in {a}-{b} Å: a missing camera?"));
        }
    }
    i.gaps(&s.grid);
    let snr = good
        .iter()
        .map(|k| f64::from(s.flux[*k]) * f64::from(s.ivar[*k]).sqrt());
    i.fact("snr_per_pixel", range(snr));
    let lsf = s.lsf.iter().filter(|l| **l > 0.0).map(|l| f64::from(*l));
    i.fact("wdisp_pixels", range(lsf));
    masks(path, &mut i, n)?;
    if good.len() < n / 2 {
        i.problem(format!("{} of {n} pixels are good", good.len()));
    }
    if o.z.is_nan() {
        i.problem("no redshift in HDU 2: a catalog must give it");
    }
    if !spec.has_lsf {
        i.problem("no wdisp column: the line-spread function is unknown");
    }
    if !spec.has_mask {
        i.problem("no and_mask column: masked by ivar alone");
    }
    if spec.zwarning.is_some_and(|w| w != 0) {
        i.problem("ZWARNING is set");
    }
    Ok(i)
}

/// How many pixels carry each mask bit, and how many values are not finite.
fn masks(path: &Path, i: &mut Inspection, n: usize) -> Result<()> {
    let mut fits = Fits::open(path)?;
    fits.seek(1)?;
    let rows = fits.rows()?;
    for name in ["and_mask", "or_mask"] {
        let Some(column) = fits.column(name) else {
            continue;
        };
        let bits = fits.integers(&column, rows)?;
        let mut counts = Map::new();
        for (bit_name, bit) in SPPIXMASK {
            let set = bits.iter().filter(|b| **b & (1 << bit) != 0).count();
            if set > 0 {
                counts.insert(bit_name.to_owned(), json!(set));
            }
        }
        i.fact(name, counts);
    }
    for name in ["flux", "ivar"] {
        if let Some(column) = fits.column(name) {
            let odd = fits
                .floats(&column, rows)?
                .iter()
                .filter(|v| !v.is_finite())
                .count();
            if odd > 0 {
                i.problem(format!("{odd} of {n} values of {name} are not finite"));
            }
        }
    }
    Ok(())
}

/// Facts of a spectrum in the form of DR7 and before, which cannot be prepared.
pub(crate) fn sp_spec(path: &Path, fits: &mut Fits) -> Result<Inspection> {
    let mut i = Inspection::new(path, "SDSS spectrum of DR7");
    fits.seek(0)?;
    for (name, key) in [("plate", "PLATEID"), ("mjd", "MJD"), ("fiberid", "FIBERID")] {
        i.fact(
            name,
            fits.number_key(key)
                .map_or(Value::Null, |v| json!(v as i64)),
        );
    }
    i.fact("redshift", number(fits.number_key("Z").unwrap_or(f64::NAN)));
    if let Err(e) = sdss::refuse_sp_spec(fits) {
        i.problem(e.about());
    }
    Ok(i)
}

/// Facts of a restored or generated catalog: its kind, and the name of its main image.
pub(crate) fn written(
    path: &Path,
    fits: &mut Fits,
    hdus: &[(String, Hdu)],
    (kind, image): (&'static str, &str),
) -> Result<Inspection> {
    let mut i = Inspection::new(path, kind);
    let mut shape = Vec::new();
    for (k, (name, hdu)) in hdus.iter().enumerate() {
        if let (true, Hdu::Image(axes)) = (name.eq_ignore_ascii_case(image), hdu) {
            shape.clone_from(axes);
            fits.seek(k)?;
            i.fact(
                "flux_unit",
                fits.text_key("BUNIT").map_or(Value::Null, Value::from),
            );
        }
    }
    fits.seek(0)?;
    if let Some(frame) = fits.text_key("WAVEREF") {
        i.fact("wavelengths", frame);
    }
    if let [n, pixels] = shape[..] {
        i.fact("spectra", n);
        i.fact("pixels", pixels);
    }
    let images = hdus
        .iter()
        .filter(|(_, h)| matches!(h, Hdu::Image(a) if a.len() == 2));
    i.fact("images", images.map(|(n, _)| n.clone()).collect::<Vec<_>>());
    let at = |name: &str| hdus.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
    if let Some(hdu) = at("WAVELENGTH") {
        fits.seek(hdu)?;
        let rows = fits.rows()?;
        if let Some(column) = fits.column("wavelength") {
            i.fact(
                "wavelength_centres",
                range(fits.floats(&column, rows)?.into_iter()),
            );
        }
    }
    if let Some(hdu) = at("CATALOG") {
        fits.seek(hdu)?;
        let rows = fits.rows()?;
        if let Some(column) = fits.column("Z") {
            i.fact("redshift", range(fits.floats(&column, rows)?.into_iter()));
        }
        if let Some(column) = fits.column("FLAG") {
            let mut flags: BTreeMap<&str, usize> = BTreeMap::new();
            for bits in fits.integers(&column, rows)? {
                for name in flag_names(i32::try_from(bits).unwrap_or_default()) {
                    *flags.entry(name).or_default() += 1;
                }
            }
            i.fact("flagged", json!(flags));
        }
    }
    Ok(i)
}

/// Facts of an SDSS plate file.
pub(crate) fn plate(path: &Path, fits: &mut Fits, hdus: &[(String, Hdu)]) -> Result<Inspection> {
    let mut i = Inspection::new(path, "SDSS plate");
    let fibres = sp_plate::fibres(path, false)?;
    if let Some((plate, mjd, _)) = fibres.first().map(|f| f.key) {
        i.fact("plate", plate);
        i.fact("mjd", mjd);
    }
    i.fact("spectra", fibres.len());
    fits.seek(0)?;
    let key = |fits: &mut Fits, name: &str| fits.number_key(name).unwrap_or(f64::NAN);
    let (first, step) = (key(fits, "COEFF0"), key(fits, "COEFF1"));
    if let Hdu::Image(axes) = &hdus[0].1 {
        let n = axes[1];
        i.fact("pixels", n);
        let ends = [first, first + step * (n as f64 - 1.0)].map(|l| rounded(10f64.powf(l)));
        i.fact("wavelength", format!("{}-{} Å", ends[0], ends[1]));
    }
    match sp_plate::beside(path) {
        Some(found) => i.fact("redshifts", found.display().to_string()),
        None => i.problem("no spZbest file beside it: a catalog must give the redshifts"),
    }
    i.fact("hdus", listing(hdus));
    Ok(i)
}

/// Facts of any other FITS file.
pub(crate) fn other(path: &Path, hdus: &[(String, Hdu)]) -> Inspection {
    let mut i = Inspection::new(path, "FITS file");
    i.fact("hdus", listing(hdus));
    i.problem("no spectrum or catalog that selfsi knows (flux and loglam, or PLATE, MJD, FIBERID)");
    i
}

pub(super) fn listing(hdus: &[(String, Hdu)]) -> Vec<String> {
    let one = |(k, (name, hdu)): (usize, &(String, Hdu))| match hdu {
        Hdu::Image(axes) => format!("{k} {name} image {axes:?}"),
        Hdu::Table { rows, columns } => {
            format!("{k} {name} table of {rows} rows, {} columns", columns.len())
        }
    };
    hdus.iter().enumerate().map(one).collect()
}

fn number(v: f64) -> Value {
    // Six decimals: more than a 32-bit redshift or a position in degrees has.
    if v.is_finite() {
        json!((v * 1e6).round() / 1e6)
    } else {
        Value::Null
    }
}
