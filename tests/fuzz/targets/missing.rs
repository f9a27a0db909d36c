//! A code of what is missing. What is accepted can be written again, and asks for no less.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_carry::missing::Gaps;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Gaps::decode(text) {
        Ok((hint, gaps)) => {
            for pair in gaps.as_slice().windows(2) {
                assert!(pair[0].first + pair[0].count <= pair[1].first);
            }
            let (_, again) = Gaps::decode(&gaps.encode(0)).expect("our own");
            assert!(!hint.is(0) || again.end() == gaps.end());
            assert!(again.symbols() >= gaps.symbols());
        }
        Err(error) => drop(error.to_string()),
    }
});
