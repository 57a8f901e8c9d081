//! Memory that libtorch asks for and does not get, of the host or of a GPU: an error, so that the caller
//! can go on with less. tch's operators panic where libtorch refuses, which is what is caught here.

use super::error::{Error, Result, out_of_memory};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::TchError;

/// How many are ready for it.
static AWAITED: AtomicUsize = AtomicUsize::new(0);

/// What `work` makes. It may be left at any operator: what it changes must bear that.
///
/// # Errors
/// Those of `work`; [`Error::Torch`], of which [`Error::is_out_of_memory`] holds, where libtorch finds no memory.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    AWAITED.fetch_add(1, Ordering::Relaxed);
    let found = catch_unwind(AssertUnwindSafe(work));
    AWAITED.fetch_sub(1, Ordering::Relaxed);
    found.unwrap_or_else(|fault| match libtorch_says(message(&*fault)) {
        Some(text) if out_of_memory(text) => Err(Error::Torch(TchError::Torch(text.to_owned()))),
        _ => resume_unwind(fault),
    })
}

/// Whether the panic that `said` this is one that [`caught`] turns into an error.
pub(crate) fn is_awaited(said: &str) -> bool {
    AWAITED.load(Ordering::Relaxed) > 0 && libtorch_says(said).is_some_and(out_of_memory)
}

/// The first line of what libtorch says where a panic's message is of tch, which unwraps `Torch("…")`.
pub(crate) fn libtorch_says(said: &str) -> Option<&str> {
    let (_, text) = said.split_once("Torch(\"")?;
    text.split("\\n").next().map(|t| t.trim_end_matches("\")"))
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("unknown")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    /// Asks libtorch for more than any machine has.
    pub(crate) fn ask_for_too_much() {
        drop(Tensor::zeros([1 << 45], (Kind::Float, Device::Cpu)));
    }

    #[test]
    fn a_lack_of_memory_is_an_error_and_nothing_else_is() {
        let refused = caught(|| {
            ask_for_too_much();
            Ok(())
        });
        let e = refused.unwrap_err();
        assert!(e.is_out_of_memory() && !e.to_string().contains('\n'), "{e}");
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
        let own = caught::<()>(|| Err(Error::config("a", "b", "c", "d")));
        assert!(!own.unwrap_err().is_out_of_memory());
        let other = catch_unwind(|| caught::<()>(|| panic!("index 3")));
        assert_eq!(message(&*other.unwrap_err()), "index 3");
    }

    #[test]
    fn a_lack_of_memory_of_a_thread_that_shares_the_work_is_an_error_too() {
        let work = |k: usize| {
            if k == 3 {
                ask_for_too_much();
            }
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let pool = pool.unwrap();
        let each = || super::super::workers::each((0..8).collect(), work);
        let refused =
            pool.install(|| std::thread::scope(|s| s.spawn(|| caught(|| Ok(each()))).join()));
        assert!(refused.unwrap().unwrap_err().is_out_of_memory());
    }
}
