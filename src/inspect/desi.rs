//! Facts of DESI's files of spectra, as `prepare` reads them.

use super::fits::listing;
use super::inspection::{Inspection, range, rounded};
use crate::Result;
use crate::files::fits::read::{Fits, Hdu};
use crate::survey::desi_file::{Arm, DesiFile};
use crate::survey::desi_targets::{beside, fibermap};
use serde_json::{Value, json};
use std::path::Path;

/// Facts of a file of co-adds, or of single exposures.
pub(crate) fn desi(path: &Path, fits: &mut Fits, hdus: &[(String, Hdu)]) -> Result<Inspection> {
    let layout = match DesiFile::of(fits) {
        Ok(layout) => layout,
        Err(e) => {
            let mut i = Inspection::new(path, "DESI coadd");
            i.problem(e.about());
            i.fact("hdus", listing(hdus));
            return Ok(i);
        }
    };
    let kind = match layout.exposures {
        true => "DESI spectra",
        false => "DESI coadd",
    };
    let mut i = Inspection::new(path, kind);
    match fibermap(path) {
        Ok((_, targets)) => {
            i.fact("targets", targets.len());
            let warned = targets
                .iter()
                .filter(|t| t.zwarning.is_some_and(|w| w != 0));
            i.fact("fibres_flagged", warned.count());
        }
        Err(e) => i.problem(e.about()),
    }
    let redshifts = beside(path).map(|p| p.display().to_string());
    i.fact("redshifts", redshifts.map_or(Value::Null, Value::from));
    i.fact("pixels", layout.lattice.words());
    for arm in &layout.arms {
        i.fact(name(arm), facts(fits, &layout, arm)?);
    }
    let joined = layout.arms.iter().any(|a| a.name.len() > 1);
    for arm in ["B", "R", "Z"] {
        if !joined && !layout.arms.iter().any(|a| a.name == arm) {
            i.problem(format!("no {arm} arm: its part of the spectra is masked"));
        }
    }
    i.fact("hdus", listing(hdus));
    Ok(i)
}

fn facts(fits: &mut Fits, layout: &DesiFile, arm: &Arm) -> Result<Value> {
    let mut good = Value::Null;
    if let Some(hdu) = layout.hdu(arm, "IVAR")
        && let Hdu::Image(axes) = fits.go(hdu)?
    {
        let values = fits.pixels(axes.iter().product())?;
        let some = values.iter().filter(|v| **v > 0.0).count();
        good = json!(rounded(some as f64 / values.len().max(1) as f64));
    }
    let pixels = layout.lattice.edges();
    let pixels = &pixels[arm.start..arm.start + arm.pixels];
    let centres = pixels.iter().map(|[a, b]| 10f64.powf(0.5 * (a + b)));
    Ok(json!({ "pixels": arm.pixels, "wavelength": range(centres), "good": good }))
}

fn name(arm: &Arm) -> &'static str {
    match &*arm.name {
        "B" => "arm_b",
        "R" => "arm_r",
        "Z" => "arm_z",
        "BR" => "arm_br",
        "RZ" => "arm_rz",
        "BRZ" => "arm_brz",
        _ => "arm",
    }
}
