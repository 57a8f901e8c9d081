//! Outputs tell what made them: the program, its commit and its libraries.

use crate::fixtures::run_folder::selfsi;
use crate::fixtures::trained::Trained;
use hdf5::types::VarLenUnicode;
use selfsi::base::program::{VERSION, commit, libraries};
use std::path::Path;

fn text(path: &Path, key: &str) -> String {
    let file = hdf5::File::open(path).unwrap();
    let value = file.attr(key).unwrap();
    value.read_scalar::<VarLenUnicode>().unwrap().to_string()
}

/// CREATOR and LIBVERS of the primary header.
fn keys(path: &Path) -> [String; 2] {
    let mut file = fitsio::FitsFile::open(path).unwrap();
    let hdu = file.primary_hdu().unwrap();
    ["CREATOR", "LIBVERS"].map(|key| hdu.read_key(&mut file, key).unwrap())
}

fn stdout(arguments: &[&str]) -> String {
    let output = selfsi().args(arguments).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn every_fits_and_hdf5_file_names_program_and_libraries() {
    let t = Trained::get();
    let (restored, spectra) = (t.out("restored.fits"), t.out("spectra"));
    let mut command = t.restore("sde", &[], &restored);
    command.arg("--spectra").arg(&spectra).assert().success();
    let spec = walkdir::WalkDir::new(&spectra).into_iter().flatten();
    let spec = spec.map(walkdir::DirEntry::into_path).find(|p| p.is_file());
    let [creator, libraries] = keys(&restored);
    assert!(
        creator.starts_with(&format!("selfsi {VERSION}")),
        "{creator}"
    );
    for name in ["libtorch 2.", "HDF5 ", "cfitsio ", "zlib 1."] {
        assert!(libraries.contains(name), "{libraries}");
    }
    for file in [spec.unwrap(), t.path("mock/catalog.fits")] {
        assert_eq!(keys(&file), keys(&restored), "{}", file.display());
    }
    for file in [t.path("set.h5"), t.path("mock/truth.h5")] {
        assert_eq!(text(&file, "creator"), creator, "{}", file.display());
        assert_eq!(text(&file, "libvers"), libraries);
    }
}

#[test]
fn a_run_keeps_what_started_it() {
    let t = Trained::get();
    let json = std::fs::read_to_string(t.run("sde").join("provenance.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["selfsi"], VERSION);
    assert_eq!(json["commit"].as_str(), commit());
    for (name, version) in libraries() {
        assert_eq!(json["libraries"][name], version);
    }
}

#[test]
fn the_long_version_tells_commit_and_libraries_and_the_short_one_a_number() {
    assert_eq!(stdout(&["-V"]), format!("selfsi {VERSION}\n"));
    let long = stdout(&["--version"]);
    let commit = commit().unwrap_or("none");
    assert!(
        long.starts_with(&format!("selfsi {VERSION}\ncommit: {commit}\n")),
        "{long}"
    );
    for (name, version) in libraries() {
        assert!(long.contains(&format!("\n{name}: {version}\n")), "{long}");
    }
}

#[test]
fn quiet_leaves_out_notes_and_progress_and_verbose_adds_what_is_read_and_written() {
    let t = Trained::get();
    let (run, out) = (t.run("ode"), t.out("restored.fits"));
    // The note: a task of a job array restores its part.
    let said = |option: &[&str]| {
        let mut command = t.restore("ode", &[&t.path("mock/spectra")], &out);
        command.args(option);
        command.env("SLURM_ARRAY_TASK_ID", "1");
        command.env("SLURM_ARRAY_TASK_COUNT", "2");
        command
            .env("SLURM_ARRAY_TASK_MIN", "1")
            .env("SLURM_ARRAY_TASK_MAX", "2");
        command.env("SLURM_ARRAY_TASK_STEP", "1");
        let output = command.assert().success();
        String::from_utf8(output.get_output().stderr.clone()).unwrap()
    };
    let usual = said(&[]);
    assert!(
        usual.starts_with("selfsi: note: this is a task of a SLURM job array"),
        "{usual}"
    );
    assert!(
        usual.lines().any(|l| l.starts_with("preparing: ")),
        "{usual}"
    );
    assert!(!usual.contains("selfsi: debug:"), "{usual}");
    assert_eq!(said(&["-q"]), "");
    let more = said(&["-v"]);
    for line in usual.lines() {
        assert!(more.contains(line), "{more}");
    }
    for what in [
        format!("selfsi: debug: selfsi {VERSION}"),
        format!(
            "selfsi: debug: reading {}",
            t.path("mock/spectra").display()
        ),
        format!("selfsi: debug: wrote {}", out.with_extension("").display()),
    ] {
        assert!(more.contains(&what), "{what} is not in {more}");
    }
    // Errors are always said.
    let mut command = selfsi();
    command.args(["inspect", "-q"]).arg(run.join("absent"));
    let output = command.assert().code(1);
    let output = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(output.starts_with("selfsi: error: "), "{output}");
}
