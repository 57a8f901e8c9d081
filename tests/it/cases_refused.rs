//! Those of ../shared/data/cases that surveys publish and selfsi refused, or inspect took for something
//! else. As in cases.rs, a test for each, skipped where they are absent.

use crate::fixtures::case::Case;

/// The config of a case prepares every one of its rows, and inspect has these words for `file`.
fn is_read(name: &str, config: &str, rows: usize, file: &str, words: &[&str]) {
    let Some(case) = Case::copy(name) else {
        return;
    };
    let all = format!("{rows} of {rows} spectra");
    case.prepare(config).succeeds(&[&all]);
    let found = case.inspect(file).succeeds(words);
    assert!(!found.contains("problem"), "{found}");
}

const ALL_EPOCHS: &str = "11-sdssv-allepoch-coadds";

#[test]
fn co_adds_of_all_epochs_are_found_in_a_folder() {
    let file = "s/spec-allepoch-60130-27021598054114233.fits";
    is_read(ALL_EPOCHS, "c.toml", 1, file, &["SDSS spectrum"]);
}

#[test]
fn co_adds_of_all_epochs_are_named_by_a_catalog() {
    let words = ["catalog table", "FIELD-MJD-CATALOGID"];
    is_read(ALL_EPOCHS, "cat.toml", 1, "cat.fits", &words);
}

#[test]
fn daily_reductions_are_identified_by_field_and_catalog_id() {
    let words = ["catalog table", "FIELD-MJD-CATALOGID"];
    is_read("12-sdssv-run2d-master", "c.toml", 1, "cat.fits", &words);
}

#[test]
fn a_spectrum_of_dr7_is_refused_with_the_name_of_its_later_form() {
    let Some(case) = Case::copy("13-spSpec-dr7") else {
        return;
    };
    let named = "spec-0266-51630-0053.fits";
    case.prepare("c.toml").fails(&["DR7", named]);
    let found = case.inspect("s/spSpec-51630-0266-053.fit");
    found.succeeds(&["SDSS spectrum of DR7", "problem", named]);
}

const COADD: &str = "s/coadd-main-dark-1.fits";

#[test]
fn joined_arms_are_a_coadd_to_inspect_as_well() {
    let words = ["DESI coadd", "arm brz", "pixels 7781"];
    is_read("14-inspect-desi-brz-is-images", "c.toml", 2, COADD, &words);
}

#[test]
fn a_fibermap_by_its_other_name_is_read() {
    let Some(case) = Case::copy("16-desi-coadd-fibermap") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["2 of 2 spectra"]);
    case.inspect(COADD)
        .succeeds(&["DESI coadd", "targets          2"]);
}

#[test]
fn mocks_with_one_exposure_of_each_target_are_read() {
    let Some(case) = Case::copy("17-desi-mock-spectra16") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["2 of 2 spectra"]);
    let found = case
        .inspect("s/spectra-16-0.fits")
        .succeeds(&["DESI spectra"]);
    assert!(!found.contains("not read"), "{found}");
}

#[test]
fn a_logarithmic_lattice_is_read() {
    let words = ["DESI coadd", "0.0001 in log10"];
    is_read("19-desi-log-lattice-coadd", "c.toml", 2, COADD, &words);
}

#[test]
fn csv_is_read_and_a_votable_refused_with_the_command_that_converts_it() {
    let Some(case) = Case::copy("26-catalog-csv-votable-message") else {
        return;
    };
    case.prepare("c.toml").succeeds(&["1 of 1 spectra"]);
    case.inspect("cat.csv").succeeds(&["catalog table"]);
    let words = [
        "a VOTable",
        "Table.read(\"cat.vot\", format=\"votable\").write(\"cat.fits\")",
    ];
    let votable = [
        "prepare",
        "c.toml",
        "--set",
        "survey.source.catalog=cat.vot",
    ];
    case.run(&votable).fails(&words);
    case.inspect("cat.vot").fails(&words);
}

#[test]
fn identifiers_as_text_are_read() {
    is_read(
        "27-catalog-ids-as-text",
        "c.toml",
        1,
        "cat.fits",
        &["catalog table"],
    );
}

#[test]
fn the_table_that_has_all_columns_is_read() {
    let words = ["catalog table", "HDU 2 (CAT)"];
    is_read(
        "29-catalog-first-table-with-plate-only",
        "c.toml",
        1,
        "cat.fits",
        &words,
    );
}

#[test]
fn a_grid_for_each_spectrum_is_read_where_all_are_the_same() {
    let Some(case) = Case::copy("20-hdf5-wave-per-spectrum") else {
        return;
    };
    let said = case.prepare("c.toml").succeeds(&["2 of 2 spectra"]);
    assert!(!said.contains("not read"), "{said}");
}
