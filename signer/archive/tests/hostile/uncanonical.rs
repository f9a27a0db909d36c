//! Archives that mean the same to everybody, and are not spelled as a pouch spells them.

use super::build::{BLOCK, Header, archive, dir, file, pax_header, record};

/// Name and bytes of archives that the strict walk accepts and the canonical one refuses.
pub fn uncanonical() -> Vec<(&'static str, Vec<u8>)> {
    let entry = || Header::new(b'0', b"f");
    let one = |header: Header| archive(&[header.build()]);
    let with_pax = |records: Vec<u8>, header: Header| archive(&[pax_header(&records), header.build()]);
    let long = "x".repeat(150);
    vec![
        ("mode-0644", one(entry().mode(0o644))),
        ("mode-0777-directory", one(Header::new(b'5', b"d/").mode(0o777))),
        ("owner", one(entry().put(108, b"0001750\0").put(116, b"0001750\0"))),
        ("owner-names", one(entry().put(265, b"root").put(297, b"root"))),
        ("directory-without-slash", one(Header::new(b'5', b"d"))),
        ("prefix", archive(&[dir("d/"), Header::new(b'0', b"x").prefix(b"d").build()])),
        ("devices-of-nul", one(entry().put(329, &[0; 16]))),
        ("mode-with-spaces", one(entry().put(100, b"000600 \0"))),
        ("mode-short", one(entry().put(100, b"600\0\0\0\0\0"))),
        ("size-ends-with-space", one(entry().put(124, b"00000000000 "))),
        ("checksum-with-space", {
            let sum = format!("{:06o}\0 ", entry().sum(false));
            one(entry().checksum(sum.as_bytes().try_into().unwrap()))
        }),
        ("pax-path-not-needed", with_pax(record("path", "f"), entry())),
        ("pax-path-other-name", with_pax(record("path", "other"), entry())),
        ("pax-path-name-of-another-cut", with_pax(record("path", &long), entry())),
        ("pax-size-not-needed", archive(&[pax_header(&record("size", "1")), file("f", b"x")])),
        ("pax-mtime-not-needed", with_pax(record("mtime", "5"), entry().mtime(5))),
        ("pax-mtime-fraction", with_pax(record("mtime", "5.75"), entry().mtime(5))),
        ("pax-mtime-fraction-negative", with_pax(record("mtime", "-5.75"), entry())),
        ("pax-mtime-before-path", {
            let records = [record("mtime", "-5"), record("path", "Größe")].concat();
            with_pax(records, Header::new(b'0', "Größe".as_bytes()))
        }),
        ("pax-header-of-another-name", {
            let pax = Header::new(b'x', b"./PaxHeaders/f").with(&record("path", "Größe"));
            archive(&[pax, Header::new(b'0', "Größe".as_bytes()).build()])
        }),
        ("utf-8-without-pax", one(Header::new(b'0', "Größe".as_bytes()))),
        ("name-that-fills-its-field-by-pax", {
            let name = "y".repeat(100);
            with_pax(record("path", &name), Header::new(b'0', name.as_bytes()))
        }),
        ("record-padding", [one(entry()), vec![0; 17 * BLOCK]].concat()),
        ("record-padding-most", [one(entry()), vec![0; 19 * BLOCK]].concat()),
    ]
}
