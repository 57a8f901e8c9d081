//! Restoring images in parts: joined, they are what one job writes; what is not all of one restoration
//! is refused.

use crate::fixtures::image_run::ImageRun;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::same_fits::same;
use selfsi::restored::RestoredImages;
use std::path::PathBuf;

const SDE: &str = "kind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0";

fn shards(run: &ImageRun, name: &str, extension: &str, of: usize) -> Vec<PathBuf> {
    let out = run.path(&format!("{name}.{extension}"));
    let shard = |i: usize| {
        let mut c = run.restore(&[], &out);
        if name.starts_with("drawn") {
            c.arg("--save-draws");
        }
        c.arg("--shard").arg(format!("{i}/{of}")).assert().success();
        assert!(!out.exists());
        run.path(&format!("{name}.shard-{i:03}-of-{of:03}.{extension}"))
    };
    (1..=of).map(shard).collect()
}

fn merge(files: &[PathBuf], out: &std::path::Path) -> assert_cmd::Command {
    let mut c = selfsi();
    c.arg("merge").args(files).arg("--out").arg(out);
    c
}

#[test]
fn merged_shards_are_what_one_job_writes() {
    for (channels, extension) in [(1, "fits"), (2, "h5")] {
        let run = ImageRun::new(channels, Some(0.5), SDE);
        let whole = run.path(&format!("whole.{extension}"));
        let mut c = run.restore(&[], &whole);
        c.arg("--save-draws").assert().success();
        // Four shards of three batches: one is empty.
        for of in [2, 4] {
            let mut parts = shards(&run, &format!("drawn{of}"), extension, of);
            let second = RestoredImages::open(&parts[1]).unwrap();
            let shard = second.shard().unwrap().unwrap();
            assert_eq!((shard.number, shard.of, shard.all), (2, of, ImageRun::N));
            parts.reverse();
            let out = run.path(&format!("merged{of}.{extension}"));
            merge(&parts, &out).assert().success();
            let (a, b) = [&whole, &out]
                .map(|p| RestoredImages::open(p).unwrap())
                .into();
            assert_eq!(b.shard().unwrap(), None);
            assert_eq!(a.header(), b.header());
            // Not equal to itself where a redshift is NaN.
            let words = |r: &RestoredImages| format!("{:?}", r.table());
            assert_eq!(words(&a), words(&b));
            for name in a.header().images() {
                let bits = |r: &RestoredImages| {
                    let image = r.image(&name).unwrap();
                    image.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                };
                assert!(bits(&a) == bits(&b), "{name}");
            }
            let drawn = |r: &RestoredImages| -> Vec<u32> {
                let mut draws = r.all_draws().unwrap().unwrap();
                let each = (0..ImageRun::N).map(|i| draws.of(i).unwrap());
                each.flatten().map(f32::to_bits).collect()
            };
            assert!(drawn(&a) == drawn(&b));
            if extension == "fits" {
                same(&whole, &out);
            }
            let bytes = std::fs::read(&out).unwrap();
            let said = format!("merged from {of} shards");
            assert!(bytes.windows(said.len()).any(|w| w == said.as_bytes()));
        }
    }
}

#[test]
fn what_is_not_all_of_one_restoration_once_is_refused() {
    let run = ImageRun::new(1, None, "kind = 'ode'");
    let parts = shards(&run, "parts", "h5", 3);
    let whole = run.path("whole.h5");
    run.restore(&[], &whole).assert().success();
    let sde = ImageRun::new(1, None, SDE);
    let mut bare = shards(&sde, "bare", "h5", 2);
    bare[1] = shards(&sde, "drawn", "h5", 2).remove(1);
    let other = run.path("other.h5");
    let mut c = run.restore(&[], &other);
    c.args(["--seed", "9", "--shard", "2/3"]).assert().success();
    let other = run.path("other.shard-002-of-003.h5");
    let mixed = [parts[0].clone(), other, parts[2].clone()];
    for (files, said) in [
        (&parts[..2], "shard 3 of 3 is missing"),
        (
            &[parts.clone(), parts[..1].to_vec()].concat()[..],
            "given twice",
        ),
        (&[whole][..], "a whole catalog"),
        (&mixed[..], "SEED"),
        (&bare[..], "DRAWS is saved here, not saved there"),
    ] {
        let out = run.path("refused.h5");
        let output = merge(files, &out).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(said) && text.trim().lines().count() == 1,
            "{text}"
        );
        assert!(!out.exists());
    }
}
