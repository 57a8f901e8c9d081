//! Where faults that are no errors of ours end: in one line on standard error, and nothing half-written.

use crate::base::atomic::abandon_now;
use crate::base::error::{FAILED, Result, out_of_memory};
use crate::base::line::line;
use crate::base::memory::{is_awaited, libtorch_says, message};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to do about it where memory runs out, by the command that runs.
static LOWER: OnceLock<&str> = OnceLock::new();

/// The remedy where memory runs out.
pub(super) fn lower() -> &'static str {
    LOWER
        .get()
        .copied()
        .unwrap_or("use a machine with more memory")
}

/// Runs a command that needs less memory after `remedy`; `None` where it panicked, which has been said.
pub(super) fn within(
    remedy: &'static str,
    work: impl FnOnce() -> Result<()>,
) -> Option<Result<()>> {
    // Set once, as a process runs one command.
    let _ = LOWER.set(remedy);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |fault| {
        if is_awaited(message(fault.payload())) {
            return;
        }
        // Each thread that shares the work may stumble over the same.
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Ordering::Relaxed) {
            log::error!("{}", words(fault));
        }
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(fault);
        }
    }));
    // What it leaves is dropped, and the process ends.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn words(fault: &PanicHookInfo<'_>) -> String {
    let said = message(fault.payload());
    let text = match libtorch_says(said) {
        Some(text) if out_of_memory(text) => format!("libtorch: {text}; {}", lower()),
        Some(text) => format!("libtorch: {text}; check the sizes in the config"),
        None => {
            let at = fault
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("a fault of selfsi itself ({at}: {said}); please report it with the command")
        }
    };
    line(text)
}

/// The system's memory; where there is none left the process ends with one line.
#[derive(Debug)]
pub struct Memory;

impl Memory {
    fn given(bytes: *mut u8, asked: usize) -> *mut u8 {
        if bytes.is_null() {
            let mut text = [0; 256];
            let mut rest = &mut text[..];
            // Cut where it is too long.
            let _ = writeln!(
                rest,
                "selfsi: error: no memory for {asked} bytes; {}",
                lower()
            );
            let left = rest.len();
            let _ = std::io::stderr().write_all(&text[..text.len() - left]);
            abandon_now(i32::from(FAILED));
        }
        bytes
    }
}

// SAFETY: everything is the system allocator's, save that what it refuses ends the process.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has it.
        Self::given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has it.
        Self::given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, bytes: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller has it.
        Self::given(unsafe { System.realloc(bytes, layout, size) }, size)
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        // SAFETY: as the caller has it.
        unsafe { System.dealloc(bytes, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::messages;
    use log::LevelFilter;
    use std::process::{Command, exit};
    use tch::{Device, Kind, Tensor};

    /// Names the ending that a process of its own is to come to.
    const ENDING: &str = "SELFSI_TEST_ENDING";

    /// Exit code and words of a process that comes to `ending`, as a command does.
    fn ended(ending: &str) -> (Option<i32>, Vec<String>) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "cli::boundary::tests::in_one_line",
            "--nocapture",
        ]);
        command.env(ENDING, ending).env_remove("RUST_BACKTRACE");
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let lines = said.lines().map(str::to_owned);
        (output.status.code(), lines.collect())
    }

    fn come_to(ending: &str) -> Result<()> {
        match ending {
            "a panic" => panic!("index 3\nof 2"),
            "libtorch" => drop(Tensor::zeros([2], (Kind::Float, Device::Cpu)).view([3])),
            "no memory for libtorch" => drop(Tensor::zeros([1 << 45], (Kind::Float, Device::Cpu))),
            // SAFETY: the layout is not empty, and nothing is done with what is given.
            "no memory" => {
                let layout = Layout::from_size_align(1 << 47, 8).unwrap();
                // SAFETY: the layout is not empty, and nothing is done with what is given.
                let _ = unsafe { Memory.alloc(layout) };
            }
            "threads" => std::thread::scope(|s| {
                for _ in 0..4 {
                    s.spawn(|| panic!("as the others"));
                }
            }),
            _ => {}
        }
        Ok(())
    }

    #[test]
    fn in_one_line() {
        if let Ok(ending) = std::env::var(ENDING) {
            messages::start(LevelFilter::Info, false);
            let found = within("lower the batch", || come_to(&ending));
            exit(i32::from(found.is_none_or(|f| f.is_err())));
        }
        for (ending, words) in [
            ("a panic", "a fault of selfsi itself (src/cli/boundary.rs"),
            ("threads", "a fault of selfsi itself (src/cli/boundary.rs"),
            (
                "libtorch",
                "libtorch: shape '[3]' is invalid for input of size 2; check the sizes",
            ),
            ("no memory for libtorch", "lower the batch"),
            (
                "no memory",
                "no memory for 140737488355328 bytes; lower the batch",
            ),
        ] {
            let (code, lines) = ended(ending);
            assert_eq!(code, Some(1), "{ending}: {lines:?}");
            let [line] = &lines[..] else {
                panic!("{ending}: {lines:?}");
            };
            assert!(
                line.starts_with("selfsi: error: ") && line.contains(words),
                "{line}"
            );
        }
        assert_eq!(ended("nothing").0, Some(0));
    }
}
