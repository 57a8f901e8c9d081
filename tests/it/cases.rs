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
fn the_same_images_give_the_same_noise_by_their_own_paths() {
    let Some(case) = Case::copy("07-image-folder-ivar-dropped") else {
        return;
    };
    let words = ["25.00 % masked, 0.00 % without a noise level"];
    case.prepare("paths.toml").succeeds(&words);
}

#[test]
fn what_is_prepared_of_a_case_can_be_looked_at() {
    let Some(case) = Case::copy("21-hdf5-mask-ignored") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["2 of 2 spectra"]);
    let (set, block) = case.prepared();
    assert_eq!((set.len(), block.flux.dim()), (2, (2, 512)));
}
