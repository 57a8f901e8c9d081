//! Spectra of which too little is on the grid say why: where they lie, or what masks them.

use crate::fixtures::survey_files::hdf5_catalog;
use ndarray::Array2;
use selfsi::config::Config;
use selfsi::inspect::inspect;
use selfsi::prepare::prepare;

const PIXELS: usize = 2500;

/// What is said of two spectra whose datasets are changed by `change`, whose first pixel is centred on
/// `first` Å.
fn said(first: f64, change: impl Fn(&hdf5::File)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let start = first.log10();
    let loglam: Vec<f64> = (0..PIXELS).map(|i| start + 1e-4 * i as f64).collect();
    let file = folder.path().join("x.h5");
    hdf5_catalog(&file, 2, &loglam, &[]);
    change(&hdf5::File::open_rw(&file).unwrap());
    let text = format!(
        "[grid]
        min = 4000.0
        max = 6500.0
        pixels = 256
        [survey]
        prepared = '{place}/set.h5'
        [survey.source]
        kind = 'hdf5'
        file = '{place}/x.h5'
        wavelength = 'vacuum'
        flux_unit = 'Jy'
        [normalise]
        kind = 'none'
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    let job = folder.path().join("job.toml");
    std::fs::write(&job, &text).unwrap();
    let config = Config::parse(&text, "job.toml", &[]).unwrap();
    let e = prepare(&config, &config.survey.prepared, &mut |_, _| ()).unwrap_err();
    let e = e.to_string();
    let reason = e.split("wanted: ").nth(1).unwrap_or_else(|| panic!("{e}"));
    let reason = reason.split(");").next().unwrap().to_owned();
    // Of the survey of a config, inspect says the same.
    let found = inspect(&job).unwrap().problems.join("\n");
    assert!(found.contains(&reason), "{found}\n{reason}");
    reason
}

fn filled(name: &'static str, value: f64) -> impl Fn(&hdf5::File) {
    move |file| {
        let values = Array2::from_elem((2, PIXELS), value);
        file.unlink(name).unwrap();
        file.new_dataset_builder()
            .with_data(&values)
            .create(name)
            .unwrap();
    }
}

#[test]
fn by_a_reason_for_each_cause() {
    let all = format!("of its {PIXELS} pixels");
    for (reason, words) in [
        (
            said(6300.0, |_| ()),
            "the spectrum covers 6299-11202 Å, the grid 4000-6500 Å",
        ),
        (
            said(3900.0, filled("ivar", 1e-8)),
            "not above survey.mask.ivar_min = 1e-6",
        ),
        (
            said(3900.0, filled("ivar", 1e40)),
            "beyond 3.4e38, where single precision ends",
        ),
        (
            said(3900.0, filled("flux", -1e39)),
            "beyond 3.4e38, where single precision ends",
        ),
        (
            said(3900.0, filled("flux", f64::NAN)),
            "a flux or an inverse variance that is NaN",
        ),
        (
            said(3900.0, filled("ivar", -1.0)),
            "an inverse variance of 0 or less",
        ),
        (
            said(3900.0, |file| {
                let marks = Array2::from_elem((2, PIXELS), 1u8);
                file.new_dataset_builder()
                    .with_data(&marks)
                    .create("mask")
                    .unwrap();
            }),
            "bad by the file's mask",
        ),
    ] {
        assert!(reason.contains(words), "{reason}");
        assert!(
            reason.starts_with("the spectrum covers") || reason.contains(&all),
            "{reason}"
        );
    }
}
