//! What keeps the program's floor at glibc 2.34 (RHEL 9).
//!
//! glibc 2.35 gave `hypot` a second version, which sets no errno; the result is the same. A linker takes
//! the newest version that it sees, and the program would then start nowhere below. build.rs has the
//! linker turn `hypot` into `__wrap_hypot`, and this one goes to the version that every glibc has.
//! tests/it/system.rs reads the floor.

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
std::arch::global_asm!(
    ".pushsection .text.selfsi_hypot,\"ax\",@progbits",
    ".globl __wrap_hypot",
    ".type __wrap_hypot,@function",
    "__wrap_hypot:",
    "jmp selfsi_first_hypot@PLT",
    ".size __wrap_hypot, . - __wrap_hypot",
    ".symver selfsi_first_hypot, hypot@GLIBC_2.2.5",
    ".popsection",
);
