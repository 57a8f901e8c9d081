#![no_main]

libfuzzer_sys::fuzz_target!(init: selfsi_fuzz::begin(), |data: &[u8]| {
    selfsi_fuzz::pictures(data);
});
