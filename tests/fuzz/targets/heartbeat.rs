//! What is accepted as a heartbeat is byte for byte the encoding of what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_link::heartbeat::Heartbeat;

fuzz_target!(|data: &[u8]| {
    match Heartbeat::read(data) {
        Ok(heartbeat) => assert_eq!(heartbeat.to_bytes(), data),
        Err(error) => drop(error.to_string()),
    }
});
