//! Functions of loaded libraries that tch does not bind, by their names: what is not there is not called.

use std::ffi::{CStr, c_void};

/// Where the function `name` is, in whatever library was loaded first of those that have it.
#[cfg(target_os = "linux")]
pub(super) fn address(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a valid string; the answer is but an address.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn address(_: &CStr) -> Option<*mut c_void> {
    None
}
