//! Streams of Arrow data.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    starhouse::server::understand_arrow_data(bytes);
});
