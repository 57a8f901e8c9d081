//! Signals to a command of several steps: training saves and stops, every other step leaves nothing
//! half-written.

use super::train::again;
use crate::Result;
use crate::base::atomic::abandon;
use crate::base::signals::{SIGUSR1, on_stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the signals of this process do from now on.
pub struct Stop {
    asked: Arc<AtomicBool>,
    heeded: Arc<AtomicBool>,
}

impl Stop {
    /// Watches Ctrl-C, SIGTERM, SIGHUP and SIGUSR1.
    ///
    /// # Errors
    /// As [`on_stop`].
    pub fn watch() -> Result<Self> {
        let stop = Self {
            asked: Arc::new(AtomicBool::new(false)),
            heeded: Arc::new(AtomicBool::new(false)),
        };
        let (asked, heeded) = (Arc::clone(&stop.asked), Arc::clone(&stop.heeded));
        let mut first = None;
        on_stop(&[SIGUSR1], move |signal| {
            let trains = heeded.load(Ordering::Relaxed);
            asked.fetch_or(trains, Ordering::Relaxed);
            match first {
                _ if signal == SIGUSR1 => {}
                None if trains => first = Some(Instant::now()),
                // A second one does not wait for the checkpoint.
                Some(since) if since.elapsed() < again() => {}
                _ => {
                    log::error!("stopped by a signal; nothing half-written is left behind");
                    abandon(130)
                }
            }
        })?;
        Ok(stop)
    }

    /// Does `work`, which stops by itself once the flag that it is given is set.
    pub fn heeded<T>(&self, work: impl FnOnce(Arc<AtomicBool>) -> T) -> T {
        self.heeded.store(true, Ordering::Relaxed);
        let done = work(Arc::clone(&self.asked));
        self.heeded.store(false, Ordering::Relaxed);
        done
    }
}
