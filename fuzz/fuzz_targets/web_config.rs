#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tcpmon::fuzzing::web_config(bytes);
});
