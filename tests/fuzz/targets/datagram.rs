//! A datagram, its tag under no key and under one. What is accepted is byte for byte what a sender writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_link::datagram::Datagram;
use pouch_link::tag::{Checker, LinkKey, Tagger};

fuzz_target!(|data: &[u8]| {
    let datagram = match Datagram::read(data) {
        Ok(datagram) => datagram,
        Err(error) => return drop(error.to_string()),
    };
    let key = LinkKey::new([7; 32]);
    for key in [None, Some(&key)] {
        let mut checker = Checker::new(key);
        let good = checker.check(&datagram).is_ok();
        assert_eq!(checker.check(&datagram).is_ok(), good);
        let mut written = Vec::new();
        let mut tagger = Tagger::new(key, datagram.head.stream, datagram.head.transmission).expect("a key");
        datagram.head.write(datagram.payload, &mut tagger, &mut written).expect("a tag");
        assert_eq!(written == data, good);
        assert!(checker.check(&Datagram::read(&written).expect("a datagram")).is_ok());
    }
});
