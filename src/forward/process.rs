//! A program of the user's that is started once: bytes to its stdin, bytes from its stdout.
//!
//! Its stderr is ours. It and what it starts are in a process group of their own (see [`Guard`]), so that
//! Ctrl-C reaches us alone and the step in progress can be finished; the group is killed when this is
//! dropped, or when we die without that (SIGKILL, `exit`).

use super::guard::{Guard, inherit_nothing};
use crate::{Error, Result};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program that closed its stdout may take to exit, until its status is given up.
const EXIT: Duration = Duration::from_secs(2);

/// Bytes of an answer for which there is memory before any of them has come.
const ROOM: usize = 1 << 24;

#[derive(Debug)]
pub(super) struct Program {
    command: String,
    timeout: Duration,
    guard: Guard,
    child: Child,
    /// To the thread that writes to stdin: when both pipes are full, neither side waits for ever.
    outgoing: Sender<Vec<u8>>,
    /// To the thread that reads stdout: how many bytes are needed.
    wanted: Sender<usize>,
    /// From it; fewer bytes than wanted mean that stdout ended.
    incoming: Receiver<Vec<u8>>,
    /// When the exchange in progress began.
    since: Instant,
}

impl Program {
    /// Starts `program` (its path and arguments, at least one); an exchange may take `timeout`
    /// seconds.
    pub fn start(program: &[String], timeout: f64) -> Result<Self> {
        let command = program.join(" ");
        let cannot = |problem: &dyn std::fmt::Display| {
            Error::simulator(
                &command,
                format!("cannot be started: {problem}"),
                "correct forward.program; relative paths start at the working directory",
            )
        };
        let guard = Guard::start().map_err(|e| cannot(&format!("no sh to guard it: {e}")))?;
        let (outgoing, to_write) = channel();
        let (started, start) = channel();
        let mut ready = prepare(program, &guard);
        // What Linux watches is the thread that spawned: this one, which lives as long as `outgoing`.
        thread::spawn(move || match ready.spawn() {
            Err(e) => drop(started.send(Err(e))),
            Ok(mut child) => {
                let stdin = child.stdin.take();
                if started.send(Ok(child)).is_ok() {
                    write_all(stdin, &to_write);
                }
            }
        });
        let mut child: Child = start
            .recv()
            .unwrap_or_else(|e| Err(io::Error::other(e)))
            .map_err(|e| cannot(&e))?;
        let (wanted, to_read) = channel();
        let (read, incoming) = channel();
        let stdout = child.stdout.take();
        thread::spawn(move || read_all(stdout, &to_read, &read));
        Ok(Self {
            timeout: Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX),
            since: Instant::now(),
            command,
            guard,
            child,
            outgoing,
            wanted,
            incoming,
        })
    }

    /// Begins an exchange, which ends with the last of its answers.
    pub fn send(&mut self, bytes: Vec<u8>) {
        self.since = Instant::now();
        // A writer that is gone shows as an answer that does not come.
        let _ = self.outgoing.send(bytes);
    }

    /// The next `n` bytes of its stdout.
    pub fn receive(&mut self, n: usize) -> Result<Vec<u8>> {
        let _ = self.wanted.send(n);
        let left = self.timeout.saturating_sub(self.since.elapsed());
        match self.incoming.recv_timeout(left) {
            Ok(bytes) if bytes.len() == n => Ok(bytes),
            Ok(bytes) => Err(self.ended(bytes.len(), n)),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended(0, n)),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(self.failed(
                    format!(
                        "no complete answer within {} s: it was killed",
                        self.timeout.as_secs_f64()
                    ),
                    "raise forward.timeout, or see where it hangs; it must flush its stdout",
                ))
            }
        }
    }

    /// An error about this program.
    pub fn failed(&self, problem: impl Into<String>, fix: &str) -> Error {
        Error::simulator(&self.command, problem.into(), fix)
    }

    fn ended(&mut self, got: usize, wanted: usize) -> Error {
        let begin = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break format!("ended ({status})"),
                Ok(None) if begin.elapsed() < EXIT => thread::sleep(Duration::from_millis(5)),
                _ => break "closed its stdout".to_owned(),
            }
        };
        self.failed(
            format!("{status} after {got} of {wanted} bytes of an answer"),
            "its own message, if it had one, is above; it must answer until its stdin ends",
        )
    }

    fn kill(&mut self) {
        self.guard.end_group();
        // Should it have left the group.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn prepare(program: &[String], guard: &Guard) -> Command {
    let mut command = Command::new(program.first().map_or("", String::as_str));
    command
        .args(program.iter().skip(1))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.process_group(guard.group());
    inherit_nothing(&mut command);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec, only system calls that are safe there.
        unsafe { command.pre_exec(move || leashed(parent)) };
    }
    command
}

/// In the child: dies with the thread that started it, should the guard be gone.
#[cfg(target_os = "linux")]
fn leashed(parent: u32) -> io::Result<()> {
    // SAFETY: plain system calls.
    let orphan = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 || libc::getppid() as u32 != parent
    };
    if orphan {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}

/// Until the sender is dropped; what comes after a broken pipe is dropped, for the thread must stay.
fn write_all(mut stdin: Option<impl Write>, from: &Receiver<Vec<u8>>) {
    for bytes in from {
        let written = stdin.as_mut().map(|s| s.write_all(&bytes));
        if !matches!(written, Some(Ok(()))) {
            stdin = None;
        }
    }
}

fn read_all(mut stdout: Option<ChildStdout>, wanted: &Receiver<usize>, to: &Sender<Vec<u8>>) {
    for n in wanted {
        // A program that promises more than it gives must not cost the memory.
        let mut bytes = Vec::with_capacity(n.min(ROOM));
        if let Some(s) = &mut stdout {
            // An error counts as the end.
            let _ = s.take(n as u64).read_to_end(&mut bytes);
        }
        if to.send(bytes).is_err() {
            return;
        }
    }
}
