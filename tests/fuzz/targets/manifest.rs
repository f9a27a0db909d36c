//! What is accepted as a manifest is byte for byte the encoding of what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_format::Manifest;

fuzz_target!(|data: &[u8]| {
    match Manifest::parse(data) {
        Ok(manifest) => assert_eq!(manifest.to_bytes(), data),
        Err(error) => drop(error.to_string()),
    }
});
