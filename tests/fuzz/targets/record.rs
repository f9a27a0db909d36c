//! What is accepted as the record of a block is byte for byte the encoding of what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_carry::resume::BlockRecord;

fuzz_target!(|data: &[u8]| {
    let Ok(bytes) = <[u8; BlockRecord::BYTES]>::try_from(data) else { return };
    match BlockRecord::from_bytes(&bytes) {
        Ok(Some(record)) => assert_eq!(record.to_bytes(), bytes),
        Ok(None) => assert_eq!(bytes, [0; BlockRecord::BYTES]),
        Err(error) => drop(error.to_string()),
    }
});
