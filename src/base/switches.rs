//! Switches of libtorch that tch does not bind: set in the library itself, whatever it has read from the
//! environment before.

use super::symbols::address;
use crate::{Error, Result};
use std::ffi::{CStr, c_void};
use std::mem::transmute;

type Context = unsafe extern "C" fn() -> *mut c_void;
type Set = unsafe extern "C" fn(*mut c_void, bool);

/// A setter of at::Context that takes a bool, by its mangled name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    /// Matrix products of CUDA round their inputs to TensorFloat-32.
    Products,
    /// Convolutions of CUDA do.
    Convolutions,
    /// cuDNN takes algorithms alone that sum in the same order every time.
    Deterministic,
    /// cuDNN tries all algorithms and takes the one that is fastest at that moment.
    Benchmark,
}

impl Switch {
    fn setter(self) -> &'static CStr {
        match self {
            Self::Products => c"_ZN2at7Context18setAllowTF32CuBLASEb",
            Self::Convolutions => c"_ZN2at7Context17setAllowTF32CuDNNEb",
            Self::Deterministic => c"_ZN2at7Context21setDeterministicCuDNNEb",
            Self::Benchmark => c"_ZN2at7Context17setBenchmarkCuDNNEb",
        }
    }

    /// Whether libtorch has the switch, which then is set.
    fn set(self, on: bool) -> bool {
        let (Some(context), Some(setter)) =
            (address(c"_ZN2at13globalContextEv"), address(self.setter()))
        else {
            return false;
        };
        // SAFETY: at::globalContext() and void at::Context::…(bool) of the libtorch that the program was built
        // with (libtorch::check), by the C++ ABI of Linux: a member's first argument is its object.
        unsafe {
            let context = transmute::<*mut c_void, Context>(context);
            let setter = transmute::<*mut c_void, Set>(setter);
            setter(context(), on);
        }
        true
    }
}

/// Whether matrix products and convolutions on a GPU may round their inputs to TensorFloat-32.
///
/// # Errors
/// [`Error::Config`] where libtorch has no such switch.
pub fn tf32(on: bool) -> Result<()> {
    if Switch::Products.set(on) && Switch::Convolutions.set(on) {
        return Ok(());
    }
    let (problem, fix) = (
        "this libtorch has no such switch",
        "leave it out, or install the libtorch that selfsi was built with",
    );
    Err(Error::config("--tf32", "tf32", problem, fix))
}

/// Lets convolutions on a GPU sum in the same order every time, so that a resumed run is the same run.
pub(super) fn same_every_time() {
    if !(Switch::Deterministic.set(true) && Switch::Benchmark.set(false)) {
        log::warn!(
            "this libtorch has no switch for convolutions that sum in the same order: a resumed run may \
             differ in the last bits"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libtorch says of a switch.
    fn is_on(getter: &CStr) -> bool {
        type Get = unsafe extern "C" fn(*mut c_void) -> bool;
        let context = address(c"_ZN2at13globalContextEv").unwrap();
        let getter = address(getter).unwrap();
        // SAFETY: as in `Switch::set`, of bool at::Context::…() const.
        unsafe {
            let context = transmute::<*mut c_void, Context>(context);
            transmute::<*mut c_void, Get>(getter)(context())
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn libtorch_has_the_switches_and_says_that_they_are_set() {
        for on in [true, false] {
            tf32(on).unwrap();
            assert_eq!(is_on(c"_ZNK2at7Context15allowTF32CuBLASEv"), on);
        }
        let deterministic = c"_ZNK2at7Context18deterministicCuDNNEv";
        assert!(!is_on(deterministic));
        same_every_time();
        assert!(is_on(deterministic));
        assert!(!is_on(c"_ZNK2at7Context14benchmarkCuDNNEv"));
    }
}
