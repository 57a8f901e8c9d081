//! `selfsi train` as a user meets it: the same seed gives the same run, whether or not it was
//! stopped on the way, and what cannot be continued is refused in one clear line.

use crate::fixtures::heeding::heeding;
use crate::fixtures::prepared_set::{self, NETWORK, UNIT, objects, survey, waves};
use crate::fixtures::run_folder::{Left, checkpoints, copy, failure, metrics, selfsi};
use crate::fixtures::shared;
use assert_cmd::Command;
use ndarray::{Array2, s};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use selfsi::data::flag;
use selfsi::restored::Restored;
use serde_json::json;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const N: usize = 150;
const D: usize = 64;
const STEPS: u64 = 240;
/// The warm start, the SDE and dropout: every kind of random number takes part.
const MODEL: &str = "
    [forward]
    kind = 'gaussian'
    sigma = 0.5
    [interpolant]
    kind = 'sde'
    gamma = 1.0
    diffusion = 'channel'
    epsilon = 1.0
    [transport]
    steps = 4
    [restore]
    draws = 3
    quantiles = [0.5]
    [network]
    margin = 16
    dropout = 0.1";

/// A folder with a config and a prepared set.
struct Study {
    folder: PathBuf,
}

impl Study {
    fn new() -> Self {
        let study = Self {
            folder: shared::folder(),
        };
        // Validations and checkpoints at different steps: a resumed run meets either first. No
        // checkpoint falls to the end of a reused batch (steps 31 + 4 k).
        let text = format!(
            "{survey}
            [train]
            steps = {STEPS}
            warm_start = 31
            reuse = 4
            batch = 8
            heldout = 0.2
            validate_every = 40
            checkpoint_every = 50
            {MODEL}
            {NETWORK}",
            survey = survey(&study.path("set.h5"), D)
        );
        std::fs::write(study.path("job.toml"), &text).unwrap();
        study.write_set(&text);
        study
    }

    fn write_set(&self, text: &str) {
        let [_, mut flux] = waves(N, D);
        let mut ivar = Array2::from_elem((N, D), 4.0);
        // Every third spectrum has a masked stretch; row 4 is masked altogether.
        for i in (0..N).step_by(3) {
            flux.slice_mut(s![i, 20..25]).fill(0.0);
            ivar.slice_mut(s![i, 20..25]).fill(0.0);
        }
        flux.row_mut(4).fill(0.0);
        ivar.row_mut(4).fill(0.0);
        let mut objects = objects(N);
        objects[4].flag = flag::COVERAGE;
        objects[4].reason = "masked".into();
        prepared_set::write(&self.path("set.h5"), text, UNIT, &objects, flux, ivar);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `selfsi train` into the run folder `run`, with further arguments.
    fn train(&self, run: &str, arguments: &[&str]) -> Command {
        let mut command = selfsi();
        command
            .arg("train")
            .arg(self.path("job.toml"))
            .arg("--out")
            .arg(self.path(run))
            .args(arguments);
        command
    }

    /// A run in `run` trained without interruption.
    fn finished(&self, run: &str, arguments: &[&str]) -> Left {
        self.train(run, arguments).assert().success();
        Left::by(&self.path(run))
    }

    /// Starts a run in the background and waits until its metrics have reached `step`.
    fn started(&self, run: &str, step: u64) -> Child {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("selfsi"));
        command
            .args(["--threads", "1", "train"])
            .arg(self.path("job.toml"))
            .arg("--out")
            .arg(self.path(run))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = heeding(&mut command).spawn().unwrap();
        let begin = Instant::now();
        let reached = |l: &serde_json::Value| l["step"].as_u64().unwrap() >= step;
        while !metrics(&self.path(run)).last().is_some_and(reached) {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            assert!(begin.elapsed() < Duration::from_secs(120), "it hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }
}

/// One study and its uninterrupted run, shared by the tests that only read them.
fn straight() -> &'static (Study, Left) {
    static STRAIGHT: OnceLock<(Study, Left)> = OnceLock::new();
    STRAIGHT.get_or_init(|| {
        let study = Study::new();
        let trained = study.finished("straight", &[]);
        (study, trained)
    })
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &id])
        .status();
    assert!(sent.unwrap().success());
}

/// Stops a run with `signal` on the way, checks how it ended, and continues it to the end.
fn stopped_and_resumed(signal: &str, run: &str) -> Left {
    let (study, _) = straight();
    // Not at a step at which a line or a checkpoint is due anyway, whenever the signal comes.
    let child = study.started(run, 60);
    send(signal, &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stderr).unwrap();
    let message = text.lines().last().unwrap();
    let newest = checkpoints(&study.path(run)).pop().unwrap();
    for part in [
        "selfsi: error: stopped at step",
        "--resume",
        newest.to_str().unwrap(),
    ] {
        assert!(message.contains(part), "{part}: {text}");
    }
    study.train(run, &["--resume"]).assert().success();
    Left::by(&study.path(run))
}

fn assert_same_metrics(a: &Left, b: &Left) {
    for (a, b) in a.metrics.iter().zip(&b.metrics) {
        assert_eq!(a, b);
    }
    assert_eq!(a.metrics.len(), b.metrics.len());
}

fn assert_same_weights(a: &Left, b: &Left) {
    assert!(a.last == b.last, "the last checkpoint");
    assert!(a.best == b.best, "the best weights");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another_one() {
    let (study, straight) = straight();
    let again = study.finished("again", &[]);
    assert_same_weights(straight, &again);
    assert_same_metrics(straight, &again);
    let other = study.finished("other", &["--seed", "4"]);
    assert!(straight.last != other.last);
    assert_ne!(straight.metrics, other.metrics);
}

#[test]
fn a_run_stopped_by_sigterm_says_where_and_continues_bit_for_bit() {
    assert_same_weights(&straight().1, &stopped_and_resumed("-TERM", "term"));
}

#[test]
fn a_run_stopped_by_ctrl_c_says_where_and_continues_bit_for_bit() {
    assert_same_weights(&straight().1, &stopped_and_resumed("-INT", "int"));
}

#[test]
fn a_killed_run_continues_bit_for_bit_from_its_last_checkpoint() {
    let (study, straight) = straight();
    // Beyond the checkpoint of step 100: the line of step 120 will be written a second time.
    let mut child = study.started("killed", 120);
    child.kill().unwrap();
    child.wait().unwrap();
    study.train("killed", &["--resume"]).assert().success();
    assert_same_weights(straight, &Left::by(&study.path("killed")));
}

/// Drops the newest checkpoint of a finished run and continues from the one before.
fn continued_from_the_one_before(study: &Study, run: &str, arguments: &[&str]) -> Left {
    std::fs::remove_file(checkpoints(&study.path(run)).pop().unwrap()).unwrap();
    let arguments = [arguments, &["--resume"]].concat();
    study.finished(run, &arguments)
}

#[test]
fn a_run_continues_bit_for_bit_within_a_reused_batch_whoever_transported_it() {
    let (study, _) = straight();
    // Averaged weights, live ones with dropout as in the paper, and frozen ones (T_tr = 8).
    for (run, rule) in [
        ("averaged", "train.ema_teacher=true"),
        ("live", "train.ema_teacher=false"),
        ("frozen", "train.refresh=8"),
    ] {
        // From step 60, one step into the batch of steps 59 to 62.
        let arguments = [
            "--set",
            rule,
            "--set",
            "train.steps=75",
            "--set",
            "train.checkpoint_every=60",
        ];
        let whole = study.finished(run, &arguments);
        let again = continued_from_the_one_before(study, run, &arguments);
        assert_same_weights(&whole, &again);
        assert_same_metrics(&whole, &again);
    }
}

#[test]
fn a_run_with_a_pool_a_growing_path_and_bfloat16_continues_bit_for_bit() {
    let (study, straight) = straight();
    let arguments = [
        "train.pool=3",
        "train.growth={from=1,until=0.7}",
        "transport.bf16=true",
        "train.steps=75",
        "train.checkpoint_every=60",
    ]
    .map(|set| ["--set", set])
    .concat();
    let whole = study.finished("pool", &arguments);
    let again = continued_from_the_one_before(study, "pool", &arguments);
    assert_same_weights(&whole, &again);
    assert_same_metrics(&whole, &again);
    assert!(whole.last != straight.last);
}

#[test]
fn what_auto_came_to_stays_wherever_the_run_is_continued() {
    let (study, _) = straight();
    let sets = |bf16: &str| {
        let bf16 = format!("transport.bf16={bf16}");
        let all = ["train.steps=4", "train.warm_start=0", &bf16];
        all.map(|set| ["--set".to_owned(), set.to_owned()]).concat()
    };
    let with = |run: &str, bf16: &str, more: &[&str]| {
        let mut train = study.train(run, more);
        train.args(sets(bf16)).assert().success();
        let config = std::fs::read_to_string(study.path(run).join("config.toml")).unwrap();
        let text = std::fs::read_to_string(study.path(run).join("provenance.json")).unwrap();
        let provenance: serde_json::Value = serde_json::from_str(&text).unwrap();
        let on = provenance["bf16"].as_bool().unwrap();
        assert_eq!(config.contains("bf16 = true"), on);
        assert!(!config.contains("bf16 = \"auto\""), "{config}");
        on
    };
    let here = with("auto", "'auto'", &[]);
    // One of another processor's, which decides otherwise.
    for decided in [here, !here] {
        let run = format!("decided-{decided}");
        assert_eq!(with(&run, &decided.to_string(), &[]), decided);
        assert_eq!(with(&run, "'auto'", &["--resume"]), decided);
    }
}

#[test]
fn the_log_counts_what_the_run_cost() {
    let (study, _) = straight();
    // 75 steps of 8 observations, 2 resamplings, 3 passes; 11 batches, transported in 4 steps, or,
    // growing, in 1, 1.4, 1.8 … 4 steps, rounded.
    let sets = ["--set", "train.steps=75"];
    let growth = ["--set", "train.growth={from=1,until=0.7}"];
    for (run, arguments, path) in [
        ("cost", sets.to_vec(), 11 * 4),
        (
            "grown",
            [sets, growth].concat(),
            1 + 1 + 2 + 2 + 3 + 3 + 3 + 4 + 4 + 4 + 4,
        ),
    ] {
        let run = study.finished(run, &arguments);
        let mut lines = run.metrics.iter().rev();
        let said = lines.find_map(|line| line.get("evaluations")).unwrap();
        assert_eq!(*said, json!([8 * path, 75 * 8 * 2 * 3]));
    }
}

#[test]
fn a_run_continues_bit_for_bit_within_the_warm_start() {
    let (study, _) = straight();
    let arguments = [
        "--set",
        "train.steps=40",
        "--set",
        "train.checkpoint_every=25",
    ];
    let whole = study.finished("warm", &arguments);
    let again = continued_from_the_one_before(study, "warm", &arguments);
    assert_same_weights(&whole, &again);
    assert_same_metrics(&whole, &again);
}

#[test]
fn the_metrics_of_a_stopped_run_are_those_of_a_straight_one() {
    assert_same_metrics(&straight().1, &stopped_and_resumed("-TERM", "metrics"));
}

#[test]
fn the_metrics_of_a_killed_run_are_those_of_a_straight_one() {
    let (study, straight) = straight();
    let mut child = study.started("killed metrics", 120);
    child.kill().unwrap();
    child.wait().unwrap();
    study
        .train("killed metrics", &["--resume"])
        .assert()
        .success();
    assert_same_metrics(straight, &Left::by(&study.path("killed metrics")));
}

#[test]
fn to_resume_a_finished_run_changes_nothing() {
    let (study, straight) = straight();
    copy(&study.path("straight"), &study.path("finished"));
    study.train("finished", &["--resume"]).assert().success();
    let after = Left::by(&study.path("finished"));
    assert_same_weights(straight, &after);
    assert_same_metrics(straight, &after);
}

#[test]
fn another_config_is_not_resumed_and_a_run_is_not_overwritten() {
    let (study, straight) = straight();
    let e = failure(&mut study.train("straight", &["--resume", "--set", "train.mix=0.8"]));
    assert!(e.contains("config differs"), "{e}");
    let e = failure(&mut study.train("straight", &["--resume", "--seed", "4"]));
    assert!(e.contains("config differs"), "{e}");
    let e = failure(&mut study.train("straight", &[]));
    assert!(e.contains("straight") && e.contains("--resume"), "{e}");
    let e = failure(&mut study.train("nothing", &["--resume"]));
    assert!(e.contains("nothing") && e.contains("config.toml"), "{e}");
    assert!(*straight == Left::by(&study.path("straight")));
}

#[test]
fn a_start_that_fails_leaves_no_run_behind() {
    let study = Study::new();
    let set = study.path("set.h5");
    let good = std::fs::read(&set).unwrap();
    std::fs::write(&set, "not HDF5").unwrap();
    let e = failure(&mut study.train("run", &[]));
    assert!(e.contains("set.h5"), "{e}");
    assert!(!study.path("run").exists());
    std::fs::write(&set, good).unwrap();
    let e = failure(&mut study.train("run", &["--set", "train.heldout=1e-9"]));
    assert!(e.contains("held-out"), "{e}");
    assert!(!study.path("run").exists());
    study
        .train(
            "run",
            &["--set", "train.steps=2", "--set", "train.warm_start=1"],
        )
        .assert()
        .success();
}

#[test]
fn a_run_is_not_continued_on_another_prepared_set() {
    let study = Study::new();
    let short = ["--set", "train.steps=40"];
    study.finished("run", &short);
    let resumed = |study: &Study| study.train("run", &["--set", "train.steps=40", "--resume"]);
    let set = study.path("set.h5");
    let mut bytes = std::fs::read(&set).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&set, bytes).unwrap();
    let e = failure(&mut resumed(&study));
    assert!(e.contains("set.h5") && e.contains("started on"), "{e}");
    std::fs::remove_file(study.path("run/provenance.json")).unwrap();
    let e = failure(&mut resumed(&study));
    assert!(
        e.contains("provenance.json") && e.contains("prepared_sha256"),
        "{e}"
    );
}

#[test]
fn a_truncated_or_foreign_checkpoint_is_refused_by_name() {
    let (study, _) = straight();
    copy(&study.path("straight"), &study.path("damaged"));
    let newest = checkpoints(&study.path("damaged")).pop().unwrap();
    let name = newest.file_name().unwrap().to_str().unwrap();
    let whole = std::fs::read(&newest).unwrap();
    let refused = |bytes: &[u8], reason: &str| {
        std::fs::write(&newest, bytes).unwrap();
        let e = failure(&mut study.train("damaged", &["--resume"]));
        assert!(e.contains(name) && e.contains(reason), "{e}");
    };
    for length in [0, 7, 1000, whole.len() - 1] {
        refused(&whole[..length], "truncated");
    }
    let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let foreign = safetensors::serialize([("weights/out.bias", view)], None).unwrap();
    refused(&foreign, "not a checkpoint of selfsi");
    // The same weights for networks of another form: one byte of the file.
    let said = br#""selfsi networks 1":"#;
    let at = whole.windows(said.len()).position(|w| w == said).unwrap();
    let mut older = whole.clone();
    older[at + said.len() - 3] = b'0';
    refused(&older, "another version of selfsi");
    study.finished("wider", &["--set", "network.channels=[4, 12]"]);
    let wider = checkpoints(&study.path("wider")).pop().unwrap();
    refused(&std::fs::read(wider).unwrap(), "another config");
    // The weights of another network under this run's name are not restored with either.
    std::fs::copy(
        study.path("wider/best.safetensors"),
        study.path("damaged/best.safetensors"),
    )
    .unwrap();
    let out = study.path("damaged.fits");
    let e = failure(
        selfsi()
            .arg("restore")
            .arg(study.path("damaged"))
            .arg("--out")
            .arg(&out),
    );
    assert!(e.contains("best.safetensors"), "{e}");
    assert!(!out.exists());
}

#[test]
fn a_run_that_diverges_stops_and_names_a_checkpoint_that_is_good() {
    let (study, _) = straight();
    for (run, rate, every) in [
        ("steep", "1e4", 5),
        ("steeper", "1e12", 1),
        ("beyond", "1e50", 1),
    ] {
        let output = study
            .train(
                run,
                &[
                    "--set",
                    &format!("train.learning_rate={rate}"),
                    "--set",
                    &format!("train.checkpoint_every={every}"),
                    "--set",
                    "train.warmup=0.9",
                    "--set",
                    "train.clip=1e30",
                ],
            )
            .assert()
            .code(1);
        let text = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        let message = text.lines().last().unwrap();
        assert!(message.contains("training diverged at step"), "{text}");
        assert!(message.contains("start a new run"), "{text}");
        let (_, rest) = message.split_once("last good checkpoint is ").unwrap();
        let named = rest.split(';').next().unwrap();
        println!("{message}");
        if named == "none" {
            assert!(checkpoints(&study.path(run)).is_empty());
            continue;
        }
        let bytes = std::fs::read(named).unwrap();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let finite = view
                .data()
                .chunks_exact(4)
                .all(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite());
            assert!(finite, "{named}: {name}");
        }
    }
}

#[test]
fn what_a_row_is_restored_to_does_not_depend_on_the_batch() {
    let (study, _) = straight();
    let restore = |run: &str, out: &str, arguments: &[&str]| {
        let path = study.path(out);
        selfsi()
            .arg("restore")
            .arg(study.path(run))
            .arg("--out")
            .arg(&path)
            .args(arguments)
            .assert()
            .success();
        let restored = Restored::open(path).unwrap();
        ["RESTORED", "SIGMA", "DRAW", "Q50"].map(|name| restored.image(name).unwrap())
    };
    let whole = restore("straight", "whole.fits", &[]);
    let small = restore("straight", "small.fits", &["--set", "restore.batch=7"]);
    let part = restore("straight", "part.fits", &["--mintarget", "31", "-n", "5"]);
    for ((whole, small), part) in whole.iter().zip(&small).zip(&part) {
        assert_eq!(whole.dim(), (N, D));
        assert_same(whole, small);
        assert_same(&whole.slice(s![31..36, ..]).to_owned(), part);
        // The masked row alone is not restored.
        for (i, row) in whole.rows().into_iter().enumerate() {
            assert!(row.iter().all(|v| v.is_nan() == (i == 4)), "{i}");
        }
    }
}

/// Equal but for the rounding of f32: the order of a convolution's sums is libtorch's choice.
fn assert_same(a: &Array2<f32>, b: &Array2<f32>) {
    assert_eq!(a.dim(), b.dim());
    for (a, b) in a.iter().zip(b) {
        let same = (a - b).abs() <= 1e-5 * a.abs().max(1.0);
        assert!(same || (a.is_nan() && b.is_nan()), "{a} {b}");
    }
}
