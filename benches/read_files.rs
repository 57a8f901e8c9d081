//! Reads every spec file below a folder, gzipped or not, and prints how long it took: what read_vs_astropy.py compares.
//!
//!     cargo bench --bench read_files -- FOLDER THREADS

use rayon::prelude::*;
use selfsi::base::cpu;
use selfsi::config::MaskConfig;
use selfsi::survey::{PixelMask, read_spec};
use std::path::PathBuf;
use std::time::Instant;
use walkdir::WalkDir;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo adds --bench.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(folder) = arguments.next() else {
        println!("read_files: give a folder of spec files and a number of threads");
        return Ok(());
    };
    let threads = arguments.next().map_or(Ok(1), |t| t.parse())?;
    let files: Vec<PathBuf> = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(|e| Some(e.ok()?.into_path()))
        .filter(|p| p.extension().is_some_and(|e| e == "fits" || e == "gz"))
        .collect();
    let mask = PixelMask::new(&MaskConfig::default())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let (start, used) = (Instant::now(), cpu::seconds());
    let read = |file: &PathBuf| {
        let spec = read_spec(file, &mask, true)?;
        let sum = spec.spectrum.flux.iter().map(|f| f64::from(*f)).sum();
        Ok::<_, selfsi::Error>((sum, spec.object.z))
    };
    let sums: Vec<(f64, f64)> =
        pool.install(|| files.par_iter().map(read).collect::<Result<_, _>>())?;
    let (seconds, used) = (start.elapsed().as_secs_f64(), cpu::seconds() - used);
    let (flux, z) = sums
        .iter()
        .fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    println!(
        "{{\"files\": {}, \"seconds\": {seconds}, \"cpu\": {used}, \"flux\": {flux}, \"z\": {z}}}",
        sums.len()
    );
    Ok(())
}
