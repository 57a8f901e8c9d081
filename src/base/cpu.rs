//! The processor time of this process.

/// Seconds that all threads of this process have computed so far; NaN where the system does not tell.
#[must_use]
pub fn seconds() -> f64 {
    let mut spent = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one timespec, which is `spent`.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spent) };
    if told != 0 {
        return f64::NAN;
    }
    spent.tv_sec as f64 + spent.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    #[test]
    fn work_takes_time() {
        let before = super::seconds();
        let mut sum = 0u64;
        while super::seconds() - before < 0.01 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0 && super::seconds() > before);
    }
}
