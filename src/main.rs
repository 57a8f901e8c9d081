//! The program `selfsi`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    selfsi::cli::main()
}
