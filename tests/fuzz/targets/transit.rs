//! A tar in transit: whatever is taken as one is byte for byte what its names and sizes make, and is read back the same.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use pouch_archive::transit::{Extent, Index, IndexError};

fn at(data: &[u8], position: u64) -> &[u8] {
    usize::try_from(position).ok().and_then(|position| data.get(position..)).unwrap_or_default()
}

fuzz_target!(|data: &[u8]| {
    let read = Index::read(data.len() as u64, |position, to: &mut [u8]| {
        at(data, position).take(to.len() as u64).read_exact(to)
    });
    match read {
        Ok(index) => {
            let mut again = vec![0xEE; data.len()];
            let content = |of: Extent, from: u64, to: &mut [u8]| at(data, of.start + from).read_exact(to);
            let filled = index.layout().fill(0, &mut again, content).expect("every part is there");
            assert_eq!((filled as u64, again.as_slice()), (index.layout().length(), data));
        }
        Err(IndexError::Refused { offset, fault }) => {
            assert!(fault.to_string().chars().all(pouch_format::is_plain));
            assert!(offset <= data.len() as u64);
        }
        // Nothing beyond the end is ever asked for.
        Err(IndexError::Read(error)) => panic!("{error}"),
    }
});
