//! The program `selfsi`; everything is in the library.

use selfsi::cli::Memory;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: Memory = Memory;

fn main() -> ExitCode {
    selfsi::cli::main()
}
