#![no_main]

#[path = "../oracles/split.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    oracle::check(data);
    limbeck::fuzzing::split_is_linear(data);
});
