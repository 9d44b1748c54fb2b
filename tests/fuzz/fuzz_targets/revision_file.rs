#![no_main]

#[path = "../oracles/revision_file.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracle::check(data));
