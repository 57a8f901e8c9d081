//! The machine that this process runs on.

use std::sync::OnceLock;
use tch::Device;

/// Whether computing in bfloat16 on `device` is faster than in fp32, as far as is known: on a processor
/// with AVX-512 BF16, which every one with AMX for bfloat16 has too. Of GPUs nothing is known here.
#[must_use]
pub fn quick_bf16(device: Device) -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has && device == Device::Cpu
}

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
