//! A process group that ends with this process, however this one ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The first process of a group: a shell that waits for the end of a pipe that this process alone holds
/// open, and then kills the group, itself included. What leaves the group (`setsid`, daemons, the ranks that
/// some MPIs start) is out of its reach.
#[derive(Debug)]
pub(super) struct Guard {
    process: Child,
    /// The pipe.
    _alive: Option<ChildStdin>,
}

/// What asks others to end is not for it: it ends last.
const WATCH: &str = "trap '' HUP INT QUIT TERM; read -r end; kill -KILL 0";

impl Guard {
    /// Begins a group.
    ///
    /// # Errors
    /// The system's, if there is no /bin/sh or no room for a process.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH]).process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        inherit_nothing(&mut command);
        let mut process = command.spawn()?;
        Ok(Self {
            _alive: process.stdin.take(),
            process,
        })
    }

    /// The number of the group.
    pub fn group(&self) -> i32 {
        self.process.id() as i32
    }

    /// Kills every process of the group.
    pub fn end_group(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // SAFETY: a signal to the group of a child that is not reaped yet: the number is still its.
            unsafe { libc::kill(-self.group(), libc::SIGKILL) };
        }
        let _ = self.process.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end_group();
    }
}

/// Lets `command` inherit none of our files, beside its stdin, stdout and stderr. A prepared set that HDF5
/// has open would otherwise stay locked as long as it runs.
pub(super) fn inherit_nothing(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call between fork and exec; an old kernel refuses it, and files are inherited.
    unsafe {
        command.pre_exec(|| {
            libc::syscall(
                libc::SYS_close_range,
                3u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            Ok(())
        })
    };
}
