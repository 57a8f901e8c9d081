//! Link arguments: libtorch's folder goes into the binary's rpath, so that it starts without
//! LD_LIBRARY_PATH; with the feature mpi, that of MPI as well.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    if std::env::var_os("CARGO_FEATURE_MPI").is_some() {
        mpi_rpath();
    }
    // cfitsio and the bzip2 under torch-sys both define bz_internal_error (the callback of a corrupt
    // bzip2 library, which aborts): either will do.
    println!("cargo:rustc-link-arg=-Wl,--allow-multiple-definition");
}

/// The folders of MPI's libraries, where the compiler wrapper that built against them tells.
fn mpi_rpath() {
    println!("cargo:rerun-if-env-changed=MPICC");
    let mpicc = std::env::var("MPICC").unwrap_or_else(|_| "mpicc".into());
    let Ok(output) = std::process::Command::new(mpicc).arg("-show").output() else {
        return;
    };
    let words = String::from_utf8_lossy(&output.stdout);
    for folder in words
        .split_whitespace()
        .filter_map(|w| w.strip_prefix("-L"))
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
