//! The odd files of ../shared/data/cases, which surveys and their users have: a test for each, called by
//! the name of its folder, whose README says what is right. Where they are absent, each says that it is
//! skipped. Each kind has a test with files made in code, too, in a module of its own.

use crate::fixtures::case::Case;

#[test]
fn a_gap_in_the_wavelengths_is_masked_and_named() {
    let Some(case) = Case::copy("03-hdf5-gap-filled") else {
        return;
    };
    let named = "no pixel covers 4676.8129-5494.7761 Å";
    case.inspect("x.h5").succeeds(&[named]);
    let words = ["66.8 % of the grid has good data, 80.0 % wanted"];
    case.prepare("c.toml").fails(&words);
}

#[test]
fn images_have_the_same_noise_in_a_folder_and_by_their_own_paths() {
    let Some(case) = Case::copy("07-image-folder-ivar-dropped") else {
        return;
    };
    let words = ["25.00 % masked, 0.00 % without a noise level"];
    case.prepare("paths.toml").succeeds(&words);
    case.prepare("c.toml").succeeds(&words);
}

#[test]
fn an_ascii_table_gives_all_of_its_names() {
    let Some(case) = Case::copy("01-ascii-table-heap-overflow") else {
        return;
    };
    case.inspect("cat.fits").succeeds(&["rows             40"]);
    case.prepare("c.toml").succeeds(&["1 of 40 spectra"]);
    let (set, _) = case.prepared();
    assert_eq!(set.objects()[0].name, "000000.11+002310.1");
}

#[test]
fn a_gzipped_spectrum_of_several_members_is_read() {
    let Some(case) = Case::copy("30-gzip-of-several-members") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["1 of 1 spectra"]);
    let found = case
        .inspect("s/spec-3655-55240-0002.fits.gz")
        .succeeds(&["SDSS spectrum"]);
    assert!(!found.contains("problem"), "{found}");
}

#[test]
fn a_filter_that_is_not_built_in_is_named_by_inspect_too() {
    let Some(case) = Case::copy("22-hdf5-lzf") else {
        return;
    };
    let words = [
        "compressed by lzf (HDF5 filter 32000)",
        "h5repack -f GZIP=4",
    ];
    case.prepare("c.toml").fails(&words);
    let found = case.inspect("x.h5").succeeds(&words);
    assert!(!found.contains("no dataset"), "{found}");
}

#[test]
fn inspect_takes_cutouts_in_three_bands_as_prepare_does() {
    let Some(case) = Case::copy("10-inspect-legacy-cutouts") else {
        return;
    };
    let found = case
        .inspect("s")
        .succeeds(&["channels         3", "height           32"]);
    assert!(!found.contains("problem"), "{found}");
    case.prepare("c.toml")
        .succeeds(&["2 of 2 images, 3 × 32 × 32"]);
}

#[test]
fn a_flux_column_in_another_unit_is_refused() {
    let Some(case) = Case::copy("05-flux-column-unit-ignored") else {
        return;
    };
    let unit = "flux unit `1E-20 erg/s/cm^2/Angstrom`";
    case.prepare("c.toml").fails(&[unit]);
    case.inspect("s/spec-3655-55240-0002.fits").fails(&[unit]);
}

#[test]
fn a_targetid_in_floats_is_refused() {
    let Some(case) = Case::copy("06-desi-float-targetid-wrong-spectrum") else {
        return;
    };
    let words = [
        "cat.fits",
        "TARGETID",
        "does not tell integers above 2**53 apart",
    ];
    case.prepare("c.toml").fails(&words);
}

#[test]
fn the_variance_and_mask_of_an_image_are_read() {
    let Some(case) = Case::copy("08-image-variance-and-mask-hdus-ignored") else {
        return;
    };
    // The marks of this case are all 0.
    case.prepare("c.toml").succeeds(&[
        "2 images: HDU VARIANCE is read as a variance",
        "2 images: pixels of HDU MASK ≠ 0 are masked",
        "0.00 % masked, 0.00 % without a noise level",
    ]);
}

#[test]
fn the_mask_of_an_hdf5_catalog_masks() {
    let Some(case) = Case::copy("21-hdf5-mask-ignored") else {
        return;
    };
    let words = ["pixels of dataset mask ≠ 0 are masked"];
    case.prepare("c.toml").succeeds(&words);
    let good = case
        .prepared()
        .1
        .ivar
        .row(0)
        .iter()
        .filter(|v| **v > 0.0)
        .count();
    // 12 pixels lie wholly or mostly in 4970-5030 Å, a 13th by 58 %: less than half of it is good.
    assert_eq!(good, 499);
}

#[test]
fn wavelengths_in_nanometres_are_not_taken_for_angstroms() {
    let Some(case) = Case::copy("24-hdf5-nm") else {
        return;
    };
    let words = [
        "wavelengths of 354.8-1023 Å",
        "[grid], 4000-6500 Å",
        "if they are in nm, say so",
    ];
    case.prepare("c.toml").fails(&words);
    case.inspect("x.h5")
        .succeeds(&["if they are in nm, say so"]);
    let nm = "survey.source.datasets.wave_unit=nm";
    case.run(&["prepare", "c.toml", "--set", nm])
        .succeeds(&["2 of 2 spectra"]);
}

#[test]
fn files_of_other_names_are_counted() {
    let Some(case) = Case::copy("32-file-names-passed-over-in-silence") else {
        return;
    };
    let words = [
        "1 of 1 spectra",
        "3 files have other names",
        "spec-3655-55240-0003.FITS",
    ];
    case.prepare("c.toml").succeeds(&words);
}

#[test]
fn a_warning_about_another_redshift_does_not_count() {
    let Some(case) = Case::copy("33-dr16q-zwarn-pipe") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["3 of 3 spectra"]);
}
