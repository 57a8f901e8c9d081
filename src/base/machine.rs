//! The machine that this process runs on.

use std::sync::OnceLock;

/// Its name.
pub(super) fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let mut name = [0u8; 256];
        // SAFETY: at most the length of the buffer is written.
        unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).replace('/', "_")
    })
}
