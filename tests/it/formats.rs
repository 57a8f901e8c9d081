//! Every file that selfsi writes names its format and version, and one of a newer version is refused in one
//! line by whatever reads it.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::trained::Trained;
use assert_cmd::Command;
use hdf5::types::VarLenUnicode;
use ndarray::Array2;
use selfsi::Result;
use selfsi::config::{AirOrVacuum, Datasets, GridConfig, ImageConfig, ImageDatasets};
use selfsi::data::{LogGrid, Method, Object, Provenance};
use selfsi::generate::Generated;
use selfsi::inspect::inspect;
use selfsi::lines::{BROAD_KMS, NO_LINES};
use selfsi::prepare::{ImageSet, Prepared};
use selfsi::restored::{
    Restored, RestoredBlock, RestoredHeader, RestoredImages, RestoredPart, RestoredWriter, merge,
    write_restored_desi,
};
use selfsi::survey::{Hdf5Catalog, ImageSource, Truth};
use std::path::{Path, PathBuf};

/// What F takes from observations, where there are none yet.
const NOISE: &str = "forward.noise={from='snr',min=3.0,max=5.0}";
const BLUR: &str = "forward.smoothing={from='resolution',resolution=50.0,spread=0.05}";

/// Reads a file as one kind of thing.
type Reader = fn(&Path) -> Result<()>;

/// A file, the format that it must name, and what reads it beside `inspect`.
struct Written<'a> {
    file: PathBuf,
    format: &'a str,
    readers: &'a [Reader],
}

/// A copy of `file` in `folder` that says it is of version 99.
fn newer(file: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(format!("newer-{}", file.file_name().unwrap().display()));
    let mut bytes = std::fs::read(file).unwrap();
    if bytes.starts_with(b"SIMPLE") {
        let card = b"FMTVER  = '1.";
        let at = bytes.windows(card.len()).position(|w| w == card).unwrap();
        let later = b"FMTVER  = '99.0    '";
        bytes[at..at + later.len()].copy_from_slice(later);
        std::fs::write(&copy, bytes).unwrap();
        return copy;
    }
    std::fs::write(&copy, bytes).unwrap();
    let file = hdf5::File::open_rw(&copy).unwrap();
    match file.attr("fmtver") {
        Ok(version) => {
            let said = version.read_scalar::<VarLenUnicode>().unwrap();
            assert!(said.starts_with("1."));
            let later: VarLenUnicode = "99.0".parse().unwrap();
            version.write_scalar(&later).unwrap();
        }
        // Prepared sets.
        Err(_) => file.attr("version").unwrap().write_scalar(&99i64).unwrap(),
    }
    file.close().unwrap();
    copy
}

/// That `said` is one line about the newer version of `file`.
fn tells(said: &str, file: &Path, format: &str) {
    let (path, format) = (file.to_string_lossy(), format!("of {format};"));
    for word in ["version 99", &format, &path, "use a newer selfsi"] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}

/// Every reader of every file refuses its newer version.
fn refused(folder: &Path, written: &[Written<'_>]) {
    for Written {
        file,
        format,
        readers,
    } in written
    {
        let later = newer(file, folder);
        let inspected: Reader = |path| inspect(path).map(drop);
        for reader in [inspected].iter().chain(*readers) {
            let said = reader(&later).expect_err(format).to_string();
            tells(&said, &later, format);
            let found = reader(file).map_err(|e| e.to_string());
            assert!(!found.is_err_and(|e| e.contains("newer selfsi")));
        }
    }
}

fn done(command: &mut Command) {
    command.assert().success();
}

#[test]
fn of_spectra() {
    let t = Trained::get();
    let folder = t.out("files");
    std::fs::create_dir(&folder).unwrap();
    let at = |name: &str| folder.join(name);
    let run = t.run("sde");
    let truth = t.path("mock/truth.h5");
    let restored = at("restored.fits");
    let mut c = t.restore("sde", &[], &restored);
    done(c.arg("--spectra").arg(at("spectra")));
    let mut c = t.restore("sde", &[], &restored);
    done(c.args(["--shard", "1/2"]));
    let mut c = selfsi();
    c.args(["audit", "--simulations", "200"]).arg(&run);
    done(c.arg(&restored).arg("--out").arg(at("audit.fits")));
    let mut c = selfsi();
    c.arg("simulate").arg(t.path("sde.toml"));
    c.arg("--from")
        .arg(&truth)
        .arg("--out")
        .arg(at("observed.h5"));
    done(c.args(["--set", NOISE, "--set", BLUR]));
    let mut c = selfsi();
    c.args(["toy", "--steps", "8", "--samples", "600"]);
    c.args(["--shape", "two-moons", "--interpolant", "ode"]);
    done(c.args(["--sigma", "0.5", "--out"]).arg(at("toy")));
    coadd(&folder);
    let spectra = walkdir::WalkDir::new(at("spectra")).into_iter().flatten();
    let spectrum = spectra.map(walkdir::DirEntry::into_path).last();

    let as_restored: Reader = |path| Restored::open(path).map(drop);
    let as_merged: Reader =
        |path| merge(&[path.into()], &path.with_extension("out"), &mut |_, _| ()).map(drop);
    let as_truth: Reader =
        |path| Truth::open(path, &LogGrid::new(&GridConfig::default())).map(drop);
    let as_catalog: Reader =
        |path| Hdf5Catalog::open(path, &Datasets::default(), AirOrVacuum::Vacuum).map(drop);
    let written = [
        Written {
            file: t.path("set.h5"),
            format: "selfsi-prepared",
            readers: &[|path| Prepared::open(path).map(drop)],
        },
        Written {
            file: truth,
            format: "selfsi-truth",
            readers: &[as_truth],
        },
        Written {
            file: at("observed.h5"),
            format: "selfsi-simulated",
            readers: &[as_catalog, as_truth],
        },
        Written {
            file: restored,
            format: "selfsi-restored",
            readers: &[as_restored],
        },
        Written {
            file: at("restored.shard-001-of-002.fits"),
            format: "selfsi-restored",
            readers: &[as_restored, as_merged],
        },
        Written {
            file: spectrum.unwrap(),
            format: "selfsi-restored-spec",
            readers: &[],
        },
        Written {
            file: at("restored-1.fits"),
            format: "selfsi-restored-coadd",
            readers: &[],
        },
        Written {
            file: at("audit.fits"),
            format: "selfsi-audit",
            readers: &[as_restored],
        },
        Written {
            file: at("toy/toy.h5"),
            format: "selfsi-toy",
            readers: &[],
        },
    ];
    refused(&folder, &written);
    let (set, out) = (at("newer-set.h5"), at("out.fits"));
    let said = error_line(t.restore("sde", &[&set], &out));
    tells(&said, &set, "selfsi-prepared");
    let catalog = at("newer-observed.h5");
    let said = error_line(t.restore("sde", &[&catalog], &out));
    tells(&said, &catalog, "selfsi-simulated");
    assert!(!out.exists());
    // What is of another format is named.
    let said = Restored::open(at("audit.fits")).unwrap_err().to_string();
    assert!(
        said.contains("`selfsi-audit`, not `selfsi-restored`"),
        "{said}"
    );
    let said = as_truth(&t.path("set.h5")).unwrap_err().to_string();
    assert!(
        said.contains("`selfsi-prepared`, not `selfsi-truth`"),
        "{said}"
    );
}

/// The restoration of one DESI object, in the form of DESI.
fn coadd(folder: &Path) {
    let header = RestoredHeader {
        grid: LogGrid::new(&GridConfig {
            pixels: 32,
            ..GridConfig::default()
        }),
        flux_unit: String::new(),
        specsys: None,
        line_smoothing: BROAD_KMS,
        made: Provenance {
            method: Method::Ode,
            draws: 1,
            prior: false,
            quantiles: vec![],
            seed: 7,
            config_sha256: String::new(),
            run_sha256: String::new(),
            history: vec![],
        },
    };
    let image = Array2::from_elem((1, 32), 1.0);
    let block = RestoredBlock {
        restored: image.clone(),
        sigma: None,
        sigma_prior: None,
        draw: None,
        quantiles: vec![],
        observed: image.clone(),
        ivar: image,
    };
    let objects = [Object {
        name: "39627".into(),
        source: "coadd-1.fits row 0".into(),
        ..Object::default()
    }];
    let path = folder.join("desi.fits");
    let mut writer = RestoredWriter::create(&path, &header, objects.iter(), false).unwrap();
    let part = RestoredPart {
        objects: &objects,
        heldout: &[true],
        block: &block,
        lines: &[NO_LINES],
        draws: None,
    };
    writer.write(0, part).unwrap();
    writer.finish().unwrap();
    let catalog = Restored::open(&path).unwrap();
    let to = |_: &Path| folder.join("restored-1.fits");
    assert_eq!(write_restored_desi(&catalog, &[], to).unwrap(), 1);
}

#[test]
fn of_images() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let folder = run.path("files");
    std::fs::create_dir(&folder).unwrap();
    let at = |name: &str| folder.join(name);
    let trained = run.path("run");
    let mut c = selfsi();
    c.arg("simulate").arg(run.path("config.toml"));
    c.arg("--from").arg(run.raw_file());
    done(c.arg("--out").arg(at("observed.h5")));
    for name in ["restored.fits", "restored.h5"] {
        done(&mut run.restore(&[], &at(name)));
    }
    for name in ["new.fits", "new.h5"] {
        let mut c = selfsi();
        c.args(["generate", "-n", "2"]).arg(&trained);
        c.arg("--restored").arg(at("restored.h5"));
        c.args(["--set", "diffusion.steps=2"]);
        c.args(["--set", "diffusion.sampler.steps=2"]);
        done(c.arg("--out").arg(at(name)));
    }
    let as_images: Reader = |path| {
        let shape = ImageConfig {
            fit: false,
            channels: 1,
            height: 8,
            width: 8,
        };
        ImageSource::open(&[path.into()], &ImageDatasets::default(), &shape).map(drop)
    };
    let as_restored: Reader = |path| RestoredImages::open(path).map(drop);
    let as_merged: Reader =
        |path| merge(&[path.into()], &path.with_extension("out"), &mut |_, _| ()).map(drop);
    let as_generated: Reader = |path| Generated::open(path).map(drop);
    let of_simulated = [as_images];
    let mut written = vec![
        Written {
            file: run.path("set.h5"),
            format: "selfsi-images",
            readers: &[|path| ImageSet::open(path).map(drop)],
        },
        Written {
            file: at("observed.h5"),
            format: "selfsi-simulated-images",
            readers: &of_simulated,
        },
    ];
    let (of_restored, of_generated) = ([as_restored, as_merged], [as_generated]);
    for extension in ["fits", "h5"] {
        written.extend([
            Written {
                file: at(&format!("restored.{extension}")),
                format: "selfsi-restored-images",
                readers: &of_restored,
            },
            Written {
                file: at(&format!("new.{extension}")),
                format: "selfsi-generated",
                readers: &of_generated,
            },
        ]);
    }
    refused(&folder, &written);
    let out = at("out.h5");
    for (name, format) in [
        ("newer-set.h5", "selfsi-images"),
        ("newer-observed.h5", "selfsi-simulated-images"),
    ] {
        let said = error_line(run.restore(&[&at(name)], &out));
        tells(&said, &at(name), format);
    }
    assert!(!out.exists());
}
