//! The signals that ask a process to stop.
//!
//! One that the process ignores from its start stays ignored: nohup has it ignore SIGHUP, a shell without
//! job control SIGINT, for what it runs in the background.

use crate::{Error, Result};
use signal_hook::iterator::Signals;
use std::thread;

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

/// Ctrl-C, `kill`, and the end of the terminal.
const STOP: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Calls `act`, in a thread of its own, with each SIGINT, SIGTERM, SIGHUP and signal of `more` that arrives
/// from now on, unless the process ignores it.
///
/// # Errors
/// [`Error::Config`] if the system refuses.
pub fn on_stop(more: &[i32], act: impl FnMut(i32) + Send + 'static) -> Result<()> {
    let refused = |e: std::io::Error| Error::config("signals", "SIGTERM", e, "run again");
    let heeded = STOP.iter().chain(more).filter(|s| !is_ignored(**s));
    let mut signals = Signals::new(heeded).map_err(refused)?;
    let watch = move || signals.forever().for_each(act);
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(watch).map(drop).map_err(refused)
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: asks what is set, and sets nothing; zeros are a valid `sigaction`.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}
