//! The lines of an index: what is accepted is byte for byte the encoding of what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_format::{IndexEnd, IndexEntry, IndexError, IndexHead, read_line, write_line};

fn same<T: serde::Serialize>(line: &[u8], read: Result<T, IndexError>) {
    match read {
        Ok(value) => {
            let mut written = Vec::new();
            write_line(&mut written, &value);
            assert_eq!(written.strip_suffix(b"\n"), Some(line));
        }
        Err(error) => drop(error.to_string()),
    }
}

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        same(line, read_line::<IndexHead>(1, line));
        same(line, read_line::<IndexEntry>(2, line));
        same(line, read_line::<IndexEnd>(3, line));
    }
});
