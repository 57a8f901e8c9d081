//! Messages to the user on standard error, through the crate log. Errors and warnings are those of log;
//! info is a note, or, with the target [`PROGRESS`], how far the work is; debug is what is read and
//! written.

use super::line::line;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// The target of lines that tell how far the work is. They stand for themselves, without a prefix.
pub const PROGRESS: &str = "selfsi::progress";

/// Whether another program reads the messages and shows the progress.
static DRIVEN: AtomicBool = AtomicBool::new(false);

/// The program's logger: one line for each message, to standard error.
struct Stderr;

impl Log for Stderr {
    fn enabled(&self, about: &Metadata) -> bool {
        about.target().starts_with("selfsi") && about.level() <= log::max_level()
    }

    fn log(&self, message: &Record) {
        if !self.enabled(message.metadata()) {
            return;
        }
        let prefix = match message.level() {
            _ if message.target() == PROGRESS => "",
            Level::Error => "selfsi: error: ",
            Level::Warn => "selfsi: warning: ",
            Level::Info => "selfsi: note: ",
            Level::Debug | Level::Trace => "selfsi: debug: ",
        };
        // In one call, so that processes and threads do not mix their lines. A reader that has gone away
        // is no fault.
        let line = format!("{prefix}{}\n", line(message.args().to_string()));
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// From now on, messages up to `level` go to standard error; without this call, as in a program that
/// uses the library and has no logger of its own, nothing does. `driven`: another program reads them.
pub fn start(level: LevelFilter, driven: bool) {
    DRIVEN.store(driven, Ordering::Relaxed);
    // Where there is a logger already, it decides.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}

/// Whether progress is shown as a bar where standard error is a terminal: not where nothing is to be
/// shown, nor where many lines would run through it.
#[must_use]
pub fn bars() -> bool {
    log::max_level() == LevelFilter::Info && !driven()
}

/// Whether another program reads the messages: progress is then told in many lines, `what: done/total`.
#[must_use]
pub fn driven() -> bool {
    DRIVEN.load(Ordering::Relaxed)
}
