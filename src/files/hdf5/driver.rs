//! The file driver under every HDF5 file that is written. HDF5 never learns that the disk refuses: it
//! does not survive that (2.2 frees a dataset whose last chunks cannot be flushed, keeps its identifier,
//! and crashes when it next walks over all datasets). From the first refusal on, what HDF5 writes is kept
//! in memory, where it reads it back; the file is lost, the process is not. As the writer asks after
//! each block, that is no more than HDF5 caches.

use hdf5_sys::h5::{haddr_t, herr_t, hsize_t};
use hdf5_sys::h5f::H5F_mem_t::{H5FD_MEM_DRAW, H5FD_MEM_SUPER};
use hdf5_sys::h5f::{H5F_ACC_CREAT, H5F_ACC_TRUNC, H5F_close_degree_t};
use hdf5_sys::h5fd::{
    H5FD_FEAT_ACCUMULATE_METADATA, H5FD_FEAT_AGGREGATE_METADATA, H5FD_FEAT_AGGREGATE_SMALLDATA,
    H5FD_FEAT_DATA_SIEVE, H5FD_FEAT_DEFAULT_VFD_COMPATIBLE, H5FD_mem_t,
};
use hdf5_sys::h5i::hid_t;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::{Arc, OnceLock};

/// The first refusal of the disk, as the system put it. While HDF5 holds the file open, the driver
/// holds a reference to it.
pub(crate) type Refusal = OnceLock<String>;

/// Bytes that are kept in memory together.
const PAGE: u64 = 1 << 16;
const SUCCEED: herr_t = 0;
const FAIL: herr_t = -1;
/// First of the values that HDF5 leaves to drivers outside it; files do not hold it.
const VALUE: c_int = 511;

/// A function of the class that we do not give.
type Absent = Option<unsafe extern "C" fn()>;

/// `H5FD_class_t` of HDF5's H5FDdevelop.h, version 1; HDF5 refuses to register another version.
#[repr(C)]
struct Class {
    version: c_uint,
    value: c_int,
    name: *const c_char,
    maxaddr: haddr_t,
    fc_degree: H5F_close_degree_t,
    terminate: Absent,
    sb_size: Absent,
    sb_encode: Absent,
    sb_decode: Absent,
    fapl_size: usize,
    fapl_get: Absent,
    fapl_copy: Absent,
    fapl_free: Absent,
    dxpl_size: usize,
    dxpl_copy: Absent,
    dxpl_free: Absent,
    open: unsafe extern "C" fn(*const c_char, c_uint, hid_t, haddr_t) -> *mut Open,
    close: unsafe extern "C" fn(*mut Open) -> herr_t,
    cmp: Absent,
    query: unsafe extern "C" fn(*const Open, *mut c_ulong) -> herr_t,
    get_type_map: Absent,
    alloc: Absent,
    free: Absent,
    get_eoa: unsafe extern "C" fn(*const Open, H5FD_mem_t) -> haddr_t,
    set_eoa: unsafe extern "C" fn(*mut Open, H5FD_mem_t, haddr_t) -> herr_t,
    get_eof: unsafe extern "C" fn(*const Open, H5FD_mem_t) -> haddr_t,
    get_handle: unsafe extern "C" fn(*mut Open, hid_t, *mut *mut c_void) -> herr_t,
    read: unsafe extern "C" fn(*mut Open, H5FD_mem_t, hid_t, haddr_t, usize, *mut c_void) -> herr_t,
    write:
        unsafe extern "C" fn(*mut Open, H5FD_mem_t, hid_t, haddr_t, usize, *const c_void) -> herr_t,
    read_vector: Absent,
    write_vector: Absent,
    read_selection: Absent,
    write_selection: Absent,
    flush: Absent,
    truncate: unsafe extern "C" fn(*mut Open, hid_t, bool) -> herr_t,
    lock: Absent,
    unlock: Absent,
    del: Absent,
    ctl: Absent,
    fl_map: [H5FD_mem_t; 7],
}

// SAFETY: constant; its one pointer is to static text.
unsafe impl Sync for Class {}

static CLASS: Class = Class {
    version: 1,
    value: VALUE,
    name: c"selfsi".as_ptr(),
    maxaddr: i64::MAX as haddr_t,
    // Datasets that are still open keep the file open, as with HDF5's own driver.
    fc_degree: H5F_close_degree_t::H5F_CLOSE_WEAK,
    terminate: None,
    sb_size: None,
    sb_encode: None,
    sb_decode: None,
    fapl_size: 0,
    fapl_get: None,
    fapl_copy: None,
    fapl_free: None,
    dxpl_size: 0,
    dxpl_copy: None,
    dxpl_free: None,
    open,
    close,
    cmp: None,
    query,
    get_type_map: None,
    alloc: None,
    free: None,
    get_eoa,
    set_eoa,
    get_eof,
    get_handle,
    read,
    write,
    read_vector: None,
    write_vector: None,
    read_selection: None,
    write_selection: None,
    flush: None,
    truncate,
    // The file is ours alone until it has its name, and not every cluster's file system has locks.
    lock: None,
    unlock: None,
    del: None,
    ctl: None,
    // Metadata and data are allocated apart, as by HDF5's own driver.
    fl_map: [
        H5FD_MEM_SUPER,
        H5FD_MEM_SUPER,
        H5FD_MEM_SUPER,
        H5FD_MEM_DRAW,
        H5FD_MEM_DRAW,
        H5FD_MEM_SUPER,
        H5FD_MEM_SUPER,
    ],
};

unsafe extern "C" {
    fn H5FDregister(class: *const Class) -> hid_t;
}

/// The driver's identifier, negative if this HDF5 takes no driver of our version. To be called under
/// HDF5's lock.
pub(crate) fn identifier() -> hid_t {
    static IDENTIFIER: OnceLock<hid_t> = OnceLock::new();
    // SAFETY: the class lives for ever.
    *IDENTIFIER.get_or_init(|| unsafe { H5FDregister(&raw const CLASS) })
}

/// An open file, of which HDF5 sees the beginning as its `H5FD_t`.
#[repr(C)]
struct Open {
    /// HDF5's part, which it fills itself: 80 bytes in 2.2, and room for more.
    public: [u64; 64],
    file: File,
    /// End of what HDF5 has allocated, bytes.
    eoa: haddr_t,
    /// End of the file as HDF5 knows it, bytes.
    eof: haddr_t,
    /// What was written after the refusal, by number of the page.
    kept: BTreeMap<u64, Vec<u8>>,
    refusal: Arc<Refusal>,
}

impl Open {
    fn write(&mut self, bytes: &[u8], at: u64) {
        if self.refusal.get().is_none() {
            match self.file.write_all_at(bytes, at) {
                Ok(()) => return,
                Err(e) => self.refused(&e),
            }
        }
        self.keep(bytes, at);
    }

    fn refused(&self, e: &io::Error) {
        // Only the first says why.
        let _ = self.refusal.set(e.to_string());
    }

    fn keep(&mut self, mut bytes: &[u8], mut at: u64) {
        while !bytes.is_empty() {
            let (number, skip) = (at / PAGE, (at % PAGE) as usize);
            let now = bytes.len().min(PAGE as usize - skip);
            let file = &self.file;
            let page = self.kept.entry(number).or_insert_with(|| {
                let mut page = vec![0; PAGE as usize];
                // What cannot be read is lost with the file.
                let _ = read_from(file, &mut page, number * PAGE);
                page
            });
            page[skip..skip + now].copy_from_slice(&bytes[..now]);
            bytes = &bytes[now..];
            at += now as u64;
        }
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        read_from(&self.file, bytes, at)?;
        let end = at + bytes.len() as u64;
        for (number, page) in self.kept.range(at / PAGE..end.div_ceil(PAGE)) {
            let begin = number * PAGE;
            let (from, to) = (at.max(begin), end.min(begin + PAGE));
            bytes[(from - at) as usize..(to - at) as usize]
                .copy_from_slice(&page[(from - begin) as usize..(to - begin) as usize]);
        }
        Ok(())
    }
}

/// Fills `bytes` from `at` on: zeros beyond the end of the file.
fn read_from(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.read_at(bytes, at) {
            Ok(0) => {
                bytes.fill(0);
                break;
            }
            Ok(n) => {
                bytes = &mut bytes[n..];
                at += n as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

// HDF5 calls what follows under its lock, with pointers that `open` gave it and that `close` ends, and
// with buffers of the size it names.

unsafe extern "C" fn open(name: *const c_char, flags: c_uint, _: hid_t, _: haddr_t) -> *mut Open {
    // SAFETY: a C string.
    let name = OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes());
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.create(flags & H5F_ACC_CREAT != 0);
    options.truncate(flags & H5F_ACC_TRUNC != 0);
    let opened = options.open(name);
    let Ok((file, eof)) = opened.and_then(|f| f.metadata().map(|m| (f, m.len()))) else {
        return ptr::null_mut();
    };
    Box::into_raw(Box::new(Open {
        public: [0; 64],
        file,
        eoa: 0,
        eof,
        kept: BTreeMap::new(),
        refusal: Arc::default(),
    }))
}

unsafe extern "C" fn close(file: *mut Open) -> herr_t {
    // SAFETY: made by `open`, and closed once.
    drop(unsafe { Box::from_raw(file) });
    SUCCEED
}

unsafe extern "C" fn query(_: *const Open, flags: *mut c_ulong) -> herr_t {
    if !flags.is_null() {
        let features = H5FD_FEAT_AGGREGATE_METADATA
            | H5FD_FEAT_ACCUMULATE_METADATA
            | H5FD_FEAT_DATA_SIEVE
            | H5FD_FEAT_AGGREGATE_SMALLDATA
            | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
        // SAFETY: not null.
        unsafe { *flags = c_ulong::from(features) };
    }
    SUCCEED
}

unsafe extern "C" fn get_eoa(file: *const Open, _: H5FD_mem_t) -> haddr_t {
    // SAFETY: an open file.
    unsafe { (*file).eoa }
}

unsafe extern "C" fn set_eoa(file: *mut Open, _: H5FD_mem_t, eoa: haddr_t) -> herr_t {
    // SAFETY: an open file.
    unsafe { (*file).eoa = eoa };
    SUCCEED
}

unsafe extern "C" fn get_eof(file: *const Open, _: H5FD_mem_t) -> haddr_t {
    // SAFETY: an open file.
    unsafe { (*file).eof }
}

/// The address of the [`Refusal`], from which the caller makes its own reference.
unsafe extern "C" fn get_handle(file: *mut Open, _: hid_t, handle: *mut *mut c_void) -> herr_t {
    // SAFETY: an open file.
    unsafe { *handle = Arc::as_ptr(&(*file).refusal).cast_mut().cast() };
    SUCCEED
}

unsafe extern "C" fn read(
    file: *mut Open,
    _: H5FD_mem_t,
    _: hid_t,
    at: haddr_t,
    size: usize,
    buffer: *mut c_void,
) -> herr_t {
    // SAFETY: an open file, and `size` bytes of HDF5's.
    let (file, bytes) = unsafe {
        ptr::write_bytes(buffer.cast::<u8>(), 0, size);
        (
            &*file,
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size),
        )
    };
    match file.read(bytes, at) {
        Ok(()) => SUCCEED,
        Err(e) => {
            file.refused(&e);
            FAIL
        }
    }
}

unsafe extern "C" fn write(
    file: *mut Open,
    _: H5FD_mem_t,
    _: hid_t,
    at: haddr_t,
    size: usize,
    buffer: *const c_void,
) -> herr_t {
    // SAFETY: an open file, and `size` bytes of HDF5's.
    let (file, bytes) = unsafe {
        (
            &mut *file,
            std::slice::from_raw_parts(buffer.cast::<u8>(), size),
        )
    };
    file.write(bytes, at);
    file.eof = file.eof.max(at + hsize_t::try_from(size).unwrap_or(0));
    SUCCEED
}

/// Gives the file the length that HDF5 has allocated.
unsafe extern "C" fn truncate(file: *mut Open, _: hid_t, _: bool) -> herr_t {
    // SAFETY: an open file.
    let file = unsafe { &mut *file };
    if file.eoa != file.eof {
        if file.refusal.get().is_none()
            && let Err(e) = file.file.set_len(file.eoa)
        {
            file.refused(&e);
        }
        file.eof = file.eoa;
    }
    SUCCEED
}
