//! Units and filters of the channels of images, as their files say.

use crate::Result;
use crate::data::Bands;
use crate::files::fits::read::Fits;
use crate::files::hdf5::read;
use crate::survey::hdf5_units::said_unit;
use hdf5::{Dataset, File};

/// Names of the attribute with the filters, of the images or the file.
const FILTERS: [&str; 4] = ["filters", "filter", "bands", "band"];
/// And with a unit for each channel.
const UNITS: [&str; 2] = ["units", "unit"];

/// Of the images in HDU `hdu`, whose keys come before the primary's: BUNIT, or BUNITk for channel k; FILTER or
/// BAND, FILTERk, BANDk (counted from 0 where there is a BAND0, as the Legacy Surveys do), or BANDS with a letter
/// for each channel. `None` where nothing is said.
pub(super) fn of_fits(
    fits: &mut Fits,
    hdu: usize,
    channels: usize,
) -> Result<Option<(Bands, String)>> {
    let mut found = Bands::unknown(channels);
    let mut place = String::new();
    for k in [hdu, 0] {
        fits.seek(k)?;
        let units = listed(fits, &["BUNIT"], channels);
        let mut filters = each_of(listed(fits, &["FILTER", "BAND"], channels), channels);
        let letters = fits.text_key("BANDS").unwrap_or_default();
        if filters.is_empty() && letters.chars().count() == channels {
            filters = letters.chars().map(String::from).collect();
        }
        let said = Bands::of(channels, &units, &filters);
        if !said.is_unknown() && place.is_empty() {
            place = fits.place();
        }
        found = found.or(&said);
    }
    Ok((!found.is_unknown()).then_some((found, place)))
}

/// The key of one of these names, or those with the number of each channel behind it; empty where there are none.
fn listed(fits: &mut Fits, names: &[&str], channels: usize) -> Vec<String> {
    for name in names {
        if let Some(one) = fits.text_key(name) {
            return vec![one];
        }
        for first in [0, 1] {
            let keys = (first..first + channels).map(|k| format!("{name}{k}"));
            let all: Option<Vec<String>> = keys.map(|key| fits.text_key(&key)).collect();
            if let Some(all) = all.filter(|_| channels > 1) {
                return all;
            }
        }
    }
    Vec::new()
}

/// The names in a list of one text where that has one for each of several channels, divided by commas or blanks: one
/// name is none of several filters.
fn each_of(texts: Vec<String>, channels: usize) -> Vec<String> {
    match &texts[..] {
        [one] if channels > 1 => {
            let names = one.split([',', ' ', ';']).filter(|n| !n.is_empty());
            let names: Vec<String> = names.map(String::from).collect();
            match names.len() == channels {
                true => names,
                false => Vec::new(),
            }
        }
        _ => texts,
    }
}

/// Of a file with `images`: attributes with one text for all channels or one for each.
pub(super) fn of_hdf5(file: &File, images: &Dataset, channels: usize) -> Option<Bands> {
    let filters = FILTERS.iter().find_map(|name| {
        read::texts_attribute(images, name).or_else(|| read::texts_attribute(file, name))
    });
    let each = UNITS.iter().find_map(|name| {
        let all = read::texts_attribute(images, name)?;
        (all.len() == channels).then_some(all)
    });
    let units = each.or_else(|| said_unit(images).map(|one| vec![one]));
    let bands = Bands::of(
        channels,
        &units.unwrap_or_default(),
        &each_of(filters.unwrap_or_default(), channels),
    );
    (!bands.is_unknown()).then_some(bands)
}
