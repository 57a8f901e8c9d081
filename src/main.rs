//! The program `selfsi`; everything is in the library.

use selfsi::cli::Memory;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: Memory = Memory;

/// Runs before the constructors of the libraries, of which libgomp's reads the environment.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".preinit_array")]
static BEFORE_LIBRARIES: extern "C" fn() = wait_asleep;

/// Has the threads of an operator wait for each other asleep, unless the user's environment says
/// otherwise. They would spin, which costs nothing on free cores, and on cores that others use, many times
/// the work itself.
#[cfg(target_os = "linux")]
extern "C" fn wait_asleep() {
    // SAFETY: there is no other thread yet that could read the environment meanwhile.
    unsafe { libc::setenv(c"OMP_WAIT_POLICY".as_ptr(), c"passive".as_ptr(), 0) };
}

fn main() -> ExitCode {
    selfsi::cli::main()
}
