//! What is accepted as an announcement is byte for byte the encoding of what it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_link::announcement::{Announcement, AnnouncementError};

fuzz_target!(|data: &[u8]| {
    // Of whichever stream it is.
    let read = match Announcement::read(data, 0) {
        Err(AnnouncementError::Stream { stated, .. }) => Announcement::read(data, stated),
        other => other,
    };
    match read {
        Ok(announcement) => {
            assert_eq!(announcement.to_bytes(), data);
            let layout = announcement.stream.layout;
            let last = layout.block(layout.blocks() - 1).expect("there is a last block");
            assert_eq!(last.offset + last.payload as u64, layout.length());
        }
        Err(error) => drop(error.to_string()),
    }
});
