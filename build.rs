//! Link arguments: libtorch's folder goes into the binary's rpath, so that it starts without
//! LD_LIBRARY_PATH.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    // cfitsio and the bzip2 under torch-sys both define bz_internal_error (the callback of a corrupt
    // bzip2 library, which aborts): either will do.
    println!("cargo:rustc-link-arg=-Wl,--allow-multiple-definition");
}
