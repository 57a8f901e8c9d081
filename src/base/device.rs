//! Where tensors live: `cpu`, `cuda` or `cuda:N`.
//!
//! The program links libtorch's CPU part alone, so that one binary starts on login nodes and GPU
//! nodes. Its CUDA part is loaded, from the folder of the CPU part, when a CUDA device is first
//! asked for: before any tensor is made there, since libtorch looks for it only once.

use crate::base::{libtorch, switches};
use crate::{Error, Result};
use tch::{Cuda, Device};

/// What every CUDA error ends with.
const CPU: &str = "or use --device cpu";

/// The device called `name`.
///
/// # Errors
/// [`Error::Config`] if the name is none of `cpu`, `cuda`, `cuda:N`; if libtorch has no CUDA part or
/// the part does not load (the missing library is named); if there is no driver, no GPU, or fewer
/// GPUs than asked for.
pub fn device(name: &str) -> Result<Device> {
    let index = match name.split_once(':') {
        None if name == "cpu" => return Ok(Device::Cpu),
        None if name == "cuda" => 0,
        Some(("cuda", n)) => n
            .parse::<usize>()
            .map_err(|_| refused(name, "not a device number", "write e.g. cuda:0"))?,
        _ => return Err(refused(name, "unknown device", "use cpu, cuda or cuda:N")),
    };
    load_cuda(name)?;
    switches::same_every_time();
    match Cuda::device_count() {
        n if n <= 0 => Err(refused(
            name,
            "there is no GPU here, or no NVIDIA driver for it",
            format!("check with nvidia-smi, ask the queue for a GPU node, {CPU}"),
        )),
        n if index as i64 >= n => Err(refused(
            name,
            format!("this machine shows {n} GPU(s), numbered from 0"),
            format!("check CUDA_VISIBLE_DEVICES, {CPU}"),
        )),
        _ => Ok(Device::Cuda(index)),
    }
}

/// As [`device`] for the rank with this number on its machine: for `cuda` a device of its own, as far
/// as there are enough.
///
/// # Errors
/// As [`device`].
pub fn device_of_rank(name: &str, local: usize) -> Result<Device> {
    match device(name)? {
        Device::Cuda(_) if name == "cuda" => {
            let count = usize::try_from(Cuda::device_count()).unwrap_or(1).max(1);
            Ok(Device::Cuda(local % count))
        }
        device => Ok(device),
    }
}

fn refused(name: &str, problem: impl std::fmt::Display, fix: impl std::fmt::Display) -> Error {
    Error::config("--device", name, problem, fix)
}

/// Loads libtorch's CUDA part unless it is there already.
#[cfg(target_os = "linux")]
fn load_cuda(name: &str) -> Result<()> {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;

    let missing = |problem: String| {
        let fix = format!(
            "run it with a libtorch 2.13 that has CUDA (pip install torch==2.13.0, with all that it \
             depends on), {CPU}"
        );
        refused(name, problem, fix)
    };
    let Some(folder) = libtorch::folder() else {
        return Err(missing("the folder of libtorch_cpu.so is not known".into()));
    };
    let library = folder.join("libtorch_cuda.so");
    if !library.is_file() {
        return Err(missing(format!(
            "this libtorch is for the CPU alone: {} is not there",
            library.display()
        )));
    }
    let path = CString::new(library.as_os_str().as_bytes())
        .map_err(|_| missing("the folder of libtorch has a strange name".into()))?;
    // SAFETY: the path is a valid string; dlerror's answer is copied before anything else is called.
    let problem = unsafe {
        if !libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL).is_null() {
            return Ok(());
        }
        let words = libc::dlerror();
        if words.is_null() {
            "it does not load".to_owned()
        } else {
            CStr::from_ptr(words).to_string_lossy().into_owned()
        }
    };
    Err(missing(format!(
        "CUDA part of libtorch does not load: {problem}"
    )))
}

#[cfg(not(target_os = "linux"))]
fn load_cuda(name: &str) -> Result<()> {
    Err(refused(name, "CUDA is used on Linux alone", CPU))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_other_words_are_refused() {
        assert_eq!(device("cpu").unwrap(), Device::Cpu);
        assert_eq!(device_of_rank("cpu", 3).unwrap(), Device::Cpu);
        for name in ["gpu", "cuda:first", "cuda:-1", ""] {
            let e = device(name).unwrap_err().to_string();
            assert!(e.contains("--device") && !e.contains('\n'), "{e}");
        }
    }

    #[test]
    fn cuda_comes_or_the_error_says_what_is_missing() {
        match device("cuda") {
            Ok(d) => assert_eq!(d, Device::Cuda(0)),
            Err(e) => {
                let e = e.to_string();
                let said = ["does not load", "for the CPU alone", "no GPU here"];
                assert!(said.iter().any(|w| e.contains(w)), "{e}");
                assert!(e.ends_with(CPU) && !e.contains('\n'), "{e}");
            }
        }
    }
}
