//! Where a name in an HDF5 file leads: never out of the file. HDF5 follows links into other files by
//! itself, and opens whatever is there: a FIFO waits for ever, a file of somebody else's is copied.

use crate::{Error, Result};
use hdf5::Group;
use hdf5::sync::sync;
use hdf5_sys::h5l::{H5Lget_info2, H5Lget_val};
use hdf5_sys::h5p::H5P_DEFAULT;
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::path::Path;

/// Links after which a path is taken for a circle, as by HDF5.
const MOST: usize = 16;
/// Longest target of a link that is read.
const TARGET: usize = 4096;

/// Refuses a name at `group` that leads out of the file `path`. That there is none is no fault.
///
/// # Errors
/// [`Error::Input`] for an external link, or links without end.
pub(super) fn stay_inside(group: &Group, path: &Path, name: &str) -> Result<()> {
    follow(group, name, 0).map_err(|problem| {
        Error::input(
            path,
            format!("dataset {name}"),
            problem,
            "data in the file itself",
            "copy the data into it (h5repack, or h5py), or give the other file",
        )
    })
}

fn follow(group: &Group, name: &str, links: usize) -> std::result::Result<(), String> {
    if links > MOST {
        return Err("links without end".to_owned());
    }
    let root = if name.starts_with('/') { "/" } else { "" };
    let mut before = root.to_owned();
    for part in name.split('/').filter(|p| !p.is_empty()) {
        let here = format!("{before}{part}");
        match link(group, &here) {
            Link::Absent => return Ok(()),
            Link::Hard => {}
            Link::Soft(target) if target.starts_with('/') => follow(group, &target, links + 1)?,
            Link::Soft(target) => follow(group, &format!("{before}{target}"), links + 1)?,
            Link::Out => return Err("a link into another file, which is not followed".to_owned()),
        }
        before = format!("{here}/");
    }
    Ok(())
}

enum Link {
    Absent,
    Hard,
    /// To a path of the same file.
    Soft(String),
    Out,
}

/// The link at `name`, all links before which have been looked at.
fn link(group: &Group, name: &str) -> Link {
    let Ok(name) = CString::new(name) else {
        return Link::Absent;
    };
    let mut info = MaybeUninit::zeroed();
    let mut target = [0 as c_char; TARGET + 1];
    // SAFETY: identifiers and texts live through the calls, which hold HDF5's lock; `info` has room, and
    // begins with the kind of the link, which may be none that Rust's enum knows; HDF5 writes at most
    // TARGET bytes of the target, after which a 0 remains.
    sync(|| unsafe {
        if H5Lget_info2(group.id(), name.as_ptr(), info.as_mut_ptr(), H5P_DEFAULT) < 0 {
            return Link::Absent;
        }
        match info.as_ptr().cast::<c_int>().read() {
            0 => Link::Hard,
            1 => {
                let buffer = target.as_mut_ptr().cast();
                if H5Lget_val(group.id(), name.as_ptr(), buffer, TARGET, H5P_DEFAULT) < 0 {
                    return Link::Absent;
                }
                Link::Soft(
                    CStr::from_ptr(target.as_ptr())
                        .to_string_lossy()
                        .into_owned(),
                )
            }
            _ => Link::Out,
        }
    })
}
