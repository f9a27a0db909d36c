//! A sealed part under a known session key. The first byte says how deep the input starts: sealed, packets, or frame.
#![no_main]

use acceptance::vectors::message::literal;
use acceptance::vectors::seeds::{FRAME, PLAIN, sealer, stated};
use libfuzzer_sys::fuzz_target;
use pouch_open::PouchKey;

fuzz_target!(|data: &[u8]| {
    let Some((&first, bytes)) = data.split_first() else { return };
    let sealer = sealer(first);
    let (sealed, frame) = match (first & PLAIN != 0, first & FRAME != 0) {
        (false, _) => (bytes.to_vec(), bytes),
        (true, false) => (sealer.around(bytes).expect("encrypts"), bytes.get(12..).unwrap_or_default()),
        (true, true) => (sealer.around(&literal(bytes)).expect("encrypts"), bytes),
    };
    let part = stated(&sealed, frame);
    let Ok(key) = PouchKey::from_session_key(sealer.profile, &sealer.key, &part, &sealed) else { return };
    match key.open(&part, sealed) {
        Ok(content) => assert_eq!(content.len() as u64, part.content),
        Err(error) => drop(error.to_string()),
    }
});
