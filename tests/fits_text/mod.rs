//! Columns of text. fitsio's own `read_col::<String>` leaves no room for the NUL after a text as wide
//! as its column, and so writes beyond its buffer.

use fitsio::FitsFile;
use fitsio_sys as c;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};
use std::path::Path;

/// More than any text of selfsi's tables is wide.
const ROOM: usize = 4096;

/// Column `name` of the table HDU `table`.
pub fn texts(path: &Path, table: &str, name: &str) -> Vec<String> {
    let mut file = FitsFile::open(path).unwrap();
    file.hdu(table).unwrap();
    let name = CString::new(name).unwrap();
    let mut blank = [0 as c_char; 1];
    let (mut number, mut rows, mut status): (c_int, _, c_int) = (0, 0, 0);
    // SAFETY: the handle is open and at the table; each buffer has more room than a text needs.
    unsafe {
        let f = file.as_raw();
        c::ffgcno(f, 0, name.as_ptr().cast_mut(), &mut number, &mut status);
        c::ffgnrwll(f, &mut rows, &mut status);
        assert_eq!(status, 0, "no column {name:?} in {}", path.display());
        let mut buffers = vec![vec![0 as c_char; ROOM]; rows as usize];
        let mut starts: Vec<_> = buffers.iter_mut().map(|b| b.as_mut_ptr()).collect();
        c::ffgcvs(
            f,
            number,
            1,
            1,
            rows,
            blank.as_mut_ptr(),
            starts.as_mut_ptr(),
            std::ptr::null_mut(),
            &mut status,
        );
        assert_eq!(status, 0);
        let text = |b: &Vec<c_char>| CStr::from_ptr(b.as_ptr()).to_str().unwrap().to_owned();
        buffers.iter().map(text).collect()
    }
}
