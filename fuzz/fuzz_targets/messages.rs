//! Commands, tickets and bodies of actions.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| starhouse::server::understand_messages(bytes));
