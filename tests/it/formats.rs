//! Every file that selfsi writes names its format and version, and one of a newer version is refused in one
//! line by whatever reads it.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::trained::Trained;
use assert_cmd::Command;
use hdf5::types::VarLenUnicode;
use ndarray::Array2;
use selfsi::config::GridConfig;
use selfsi::data::{LogGrid, Method, Object, Provenance};
use selfsi::lines::NO_LINES;
use selfsi::restored::{
    Restored, RestoredBlock, RestoredHeader, RestoredPart, RestoredWriter, write_restored_desi,
};
use std::path::{Path, PathBuf};

/// Marks the file in the arguments of a command.
const FILE: &str = "FILE";
/// What F takes from observations, where there are none yet.
const NOISE: &str = "forward.noise={from='snr',min=3.0,max=5.0}";
const BLUR: &str = "forward.smoothing={from='resolution',resolution=50.0,spread=0.05}";

/// A file, the format that it must name, and the commands that read it beside `inspect`.
struct Written<'a> {
    file: PathBuf,
    format: &'a str,
    readers: &'a [&'a [&'a str]],
}

/// A copy of `file` in `folder` that says it is of version 99.
fn newer(file: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(format!("newer-{}", file.file_name().unwrap().display()));
    let mut bytes = std::fs::read(file).unwrap();
    if bytes.starts_with(b"SIMPLE") {
        let card = b"FMTVER  = '1.0     '";
        let at = bytes.windows(card.len()).position(|w| w == card).unwrap();
        bytes[at..at + card.len()].copy_from_slice(b"FMTVER  = '99.0    '");
        std::fs::write(&copy, bytes).unwrap();
        return copy;
    }
    std::fs::write(&copy, bytes).unwrap();
    let file = hdf5::File::open_rw(&copy).unwrap();
    match file.attr("fmtver") {
        Ok(version) => {
            let said = version.read_scalar::<VarLenUnicode>().unwrap();
            assert_eq!(said.as_str(), "1.0");
            let later: VarLenUnicode = "99.0".parse().unwrap();
            version.write_scalar(&later).unwrap();
        }
        // Prepared sets.
        Err(_) => file.attr("version").unwrap().write_scalar(&99i64).unwrap(),
    }
    file.close().unwrap();
    copy
}

/// Every reader of every file refuses its newer version, and leaves nothing in `out`.
fn refused(folder: &Path, out: &Path, written: &[Written<'_>]) {
    for Written {
        file,
        format,
        readers,
    } in written
    {
        let file = newer(file, folder);
        for reader in [&["inspect", FILE][..]].iter().chain(*readers) {
            let mut command = selfsi();
            command.current_dir(folder);
            for argument in *reader {
                match argument.strip_suffix(FILE) {
                    Some(before) => command.arg(format!("{before}{}", file.display())),
                    None => command.arg(argument),
                };
            }
            let said = error_line(&mut command);
            let format = format!("of {format};");
            let path = file.to_string_lossy();
            for word in ["version 99", &format, &path, "use a newer selfsi"] {
                assert!(said.contains(word), "{reader:?}: no `{word}` in: {said}");
            }
            let left = std::fs::read_dir(out).unwrap().count();
            assert_eq!(left, 0, "{reader:?} left something");
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
    let out = folder.join("out");
    std::fs::create_dir_all(&out).unwrap();
    let at = |name: &str| folder.join(name);
    let run = t.run("sde").display().to_string();
    let truth = t.path("mock/truth.h5");
    let restored = at("restored.fits");
    let mut c = t.restore("sde", &[], &restored);
    done(c.arg("--spectra").arg(at("spectra")));
    for part in ["1/2", "2/2"] {
        done(t.restore("sde", &[], &restored).args(["--shard", part]));
    }
    let mut c = selfsi();
    c.args(["audit", "--simulations", "200"]).arg(&run);
    done(c.arg(&restored).arg("--out").arg(at("audit.fits")));
    let toml = t.path("sde.toml").display().to_string();
    let mut c = selfsi();
    c.args(["simulate", &toml, "--from"]).arg(&truth);
    c.arg("--out").arg(at("observed.h5"));
    c.args(["--set", NOISE, "--set", BLUR]);
    done(&mut c);
    let mut c = selfsi();
    c.args(["toy", "--steps", "8", "--samples", "600"]);
    c.args(["--shape", "two-moons", "--interpolant", "ode"]);
    done(c.args(["--sigma", "0.5", "--out"]).arg(at("toy")));
    coadd(&folder);

    let spectrum = walkdir::WalkDir::new(at("spectra")).into_iter().flatten();
    let mut spectrum = spectrum.map(walkdir::DirEntry::into_path);
    let spectrum = spectrum.find(|p| p.is_file()).unwrap();
    let restored = restored.display().to_string();
    let shard = at("restored.shard-002-of-002.fits").display().to_string();
    let known = truth.display().to_string();
    refused(
        &folder,
        &out,
        &[
            Written {
                file: t.path("set.h5"),
                format: "selfsi-prepared",
                readers: &[
                    &["restore", &run, FILE, "--out", "out/r.fits"],
                    &[
                        "train",
                        &toml,
                        "--out",
                        "out/run",
                        "--set",
                        "survey.prepared=FILE",
                    ],
                    &[
                        "evaluate",
                        &run,
                        "--truth",
                        FILE,
                        "--restored",
                        &restored,
                        "--out",
                        "out/e",
                    ],
                ],
            },
            Written {
                file: truth.clone(),
                format: "selfsi-truth",
                readers: &[
                    &[
                        "simulate", &toml, "--from", FILE, "--out", "out/o.h5", "--set", NOISE,
                        "--set", BLUR,
                    ],
                    &[
                        "evaluate",
                        &run,
                        "--truth",
                        FILE,
                        "--restored",
                        &restored,
                        "--out",
                        "out/e",
                    ],
                    &[
                        "plot",
                        "spectra",
                        &restored,
                        "--truth",
                        FILE,
                        "--out",
                        "out/p.png",
                    ],
                ],
            },
            Written {
                file: at("observed.h5"),
                format: "selfsi-simulated",
                readers: &[&["restore", &run, FILE, "--out", "out/r.fits"]],
            },
            Written {
                file: at("restored.fits"),
                format: "selfsi-restored",
                readers: &[
                    &["plot", "spectra", FILE, "--out", "out/p.png"],
                    &["audit", &run, FILE, "--out", "out/a.fits"],
                    &[
                        "evaluate",
                        &run,
                        "--truth",
                        &known,
                        "--restored",
                        FILE,
                        "--out",
                        "out/e",
                    ],
                    &["generate", &run, "--restored", FILE, "--out", "out/g.fits"],
                ],
            },
            Written {
                file: at("restored.shard-001-of-002.fits"),
                format: "selfsi-restored",
                readers: &[&["merge", FILE, &shard, "--out", "out/m.fits"]],
            },
            Written {
                file: spectrum,
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
                readers: &[&["plot", "spectra", FILE, "--out", "out/p.png"]],
            },
            Written {
                file: at("toy/toy.h5"),
                format: "selfsi-toy",
                readers: &[],
            },
        ],
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
        made: Provenance {
            method: Method::Ode,
            draws: 1,
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
    let out = folder.join("out");
    std::fs::create_dir_all(&out).unwrap();
    let at = |name: &str| folder.join(name);
    let toml = run.path("config.toml").display().to_string();
    let trained = run.path("run").display().to_string();
    let mut c = selfsi();
    c.args(["simulate", &toml, "--from"]).arg(run.raw_file());
    done(c.arg("--out").arg(at("observed.h5")));
    for name in ["restored.fits", "restored.h5"] {
        done(&mut run.restore(&[], &at(name)));
    }
    for name in ["new.fits", "new.h5"] {
        let mut c = selfsi();
        c.args(["generate", "-n", "2", &trained, "--restored"]);
        c.arg(at("restored.h5")).arg("--out").arg(at(name));
        for set in ["diffusion.steps=2", "diffusion.sampler.steps=2"] {
            c.args(["--set", set]);
        }
        done(&mut c);
    }
    let restored = at("restored.h5").display().to_string();
    let of_restored: &[&[&str]] = &[
        &["plot", "images", FILE, "--out", "out/p.png"],
        &["merge", FILE, "--out", "out/m.h5"],
        &[
            "evaluate",
            &trained,
            "--truth",
            "t.h5",
            "--restored",
            FILE,
            "--out",
            "out/e",
        ],
        &[
            "generate",
            &trained,
            "--restored",
            FILE,
            "--out",
            "out/g.fits",
        ],
    ];
    let of_generated: &[&[&str]] = &[&[
        "plot",
        "generated",
        FILE,
        "--restored",
        &restored,
        "--out",
        "out/p.png",
    ]];
    refused(
        &folder,
        &out,
        &[
            Written {
                file: run.path("set.h5"),
                format: "selfsi-images",
                readers: &[
                    &["restore", &trained, FILE, "--out", "out/r.h5"],
                    &[
                        "train",
                        &toml,
                        "--out",
                        "out/run",
                        "--set",
                        "survey.prepared=FILE",
                    ],
                ],
            },
            Written {
                file: at("observed.h5"),
                format: "selfsi-simulated-images",
                readers: &[
                    &["restore", &trained, FILE, "--out", "out/r.h5"],
                    &[
                        "prepare",
                        &toml,
                        "--out",
                        "out/s.h5",
                        "--set",
                        "survey.source.path=FILE",
                    ],
                ],
            },
            Written {
                file: at("restored.fits"),
                format: "selfsi-restored-images",
                readers: of_restored,
            },
            Written {
                file: at("restored.h5"),
                format: "selfsi-restored-images",
                readers: of_restored,
            },
            Written {
                file: at("new.fits"),
                format: "selfsi-generated",
                readers: of_generated,
            },
            Written {
                file: at("new.h5"),
                format: "selfsi-generated",
                readers: of_generated,
            },
        ],
    );
}
