//! What a CUDA device says of itself, by the CUDA runtime that libtorch has loaded.

use super::symbols::address;
use std::ffi::c_int;
use std::mem::transmute;
use tch::Device;

type Get = unsafe extern "C" fn(*mut c_int) -> c_int;
type Set = unsafe extern "C" fn(c_int) -> c_int;
type Memory = unsafe extern "C" fn(*mut usize, *mut usize) -> c_int;

/// Bytes of `device` that nobody has, libtorch's own stock not counted among them; `None` of the processor,
/// and where the CUDA runtime does not tell.
#[must_use]
pub fn free_memory(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else {
        return None;
    };
    let [get, set, memory] = [c"cudaGetDevice", c"cudaSetDevice", c"cudaMemGetInfo"].map(address);
    // SAFETY: the CUDA runtime's functions have had these signatures since its first version.
    let (get, set, memory) = unsafe {
        (
            transmute::<*mut std::ffi::c_void, Get>(get?),
            transmute::<*mut std::ffi::c_void, Set>(set?),
            transmute::<*mut std::ffi::c_void, Memory>(memory?),
        )
    };
    let (mut current, mut free, mut total) = (0, 0, 0);
    // SAFETY: what is written to lives; the thread's device is put back before libtorch looks at it.
    let told = unsafe {
        let ok = get(&raw mut current) == 0 && set(c_int::try_from(index).ok()?) == 0;
        let told = ok && memory(&raw mut free, &raw mut total) == 0;
        set(current);
        told
    };
    told.then_some(free as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_no_memory_of_a_gpu() {
        assert_eq!(free_memory(Device::Cpu), None);
    }
}
