//! The messages of a walker that may have been taken over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_archive::{Discard, ReceiveError, receive};

fuzz_target!(|data: &[u8]| {
    match receive(data, &mut Discard) {
        Ok(_) => {}
        Err(ReceiveError::Refused { text, .. }) => assert!(text.chars().all(pouch_format::is_plain)),
        Err(error) => drop(error.to_string()),
    }
});
