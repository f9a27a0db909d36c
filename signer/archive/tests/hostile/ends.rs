//! Archives that end too early, too late, or hold something where zeros belong.

use pouch_format::Rule;

use super::{
    Case,
    build::{BLOCK, Header, archive, file, padded, pax_header, record},
};

pub fn cases() -> Vec<Case> {
    [truncated(), padding(), behind()].concat()
}

fn truncated() -> Vec<Case> {
    let whole = archive(&[file("f", &[b'x'; 700])]);
    let zero = vec![0; BLOCK];
    let case = |name: &str, bytes: Vec<u8>| Case::new(name, Rule::ArchiveTruncated, bytes);
    let pax = pax_header(&record("path", "g"));
    vec![
        case("end-nothing-at-all", vec![]),
        case("end-one-byte", vec![0]),
        case("end-one-zero-block", zero.clone()),
        case("end-missing", file("f", b"x")),
        case("end-one-zero-block-behind-entry", [file("f", b"x"), zero.clone()].concat()),
        case("end-half-a-zero-block", [file("f", b"x"), vec![0; BLOCK + 100]].concat()),
        case("end-in-header", whole[..100].to_vec()),
        case("end-in-content", whole[..BLOCK + 600].to_vec()),
        case("end-behind-content", whole[..BLOCK + 700].to_vec()),
        case("end-in-padding", whole[..BLOCK + 701].to_vec()),
        case("end-behind-header", whole[..BLOCK].to_vec()),
        case("end-in-pax-records", pax[..BLOCK + 3].to_vec()),
        case("end-in-pax-padding", pax[..BLOCK + 20].to_vec()),
        case("end-lone-zero-block", archive(&[file("f", b"x"), zero.clone(), file("g", b"y")])),
        case("end-zero-block-first", archive(&[zero.clone(), file("g", b"y")])),
        case("end-zero-block-then-noise", [zero, vec![1; BLOCK]].concat()),
    ]
}

fn padding() -> Vec<Case> {
    let with = |at: usize| {
        let mut entry = file("f", b"x");
        entry[BLOCK + at] = 1;
        archive(&[entry, file("g", b"")])
    };
    let pax = |at: usize| {
        let mut header = pax_header(&record("path", "g"));
        header[BLOCK + at] = b'1';
        archive(&[header, file("f", b"")])
    };
    vec![
        Case::new("padding-first-byte", Rule::ArchivePadding, with(1)),
        Case::new("padding-last-byte", Rule::ArchivePadding, with(511)),
        Case::new("padding-pax-first-byte", Rule::ArchivePadding, pax(10)),
        Case::new("padding-pax-last-byte", Rule::ArchivePadding, pax(511)),
        Case::new("padding-holds-an-archive", Rule::ArchivePadding, {
            let inner = &file("hidden", b"")[..500];
            let entry = [Header::new(b'0', b"f").size(12).build(), vec![b'x'; 12], inner.to_vec()].concat();
            archive(&[padded(entry)])
        }),
    ]
}

fn behind() -> Vec<Case> {
    let whole = archive(&[file("f", b"x")]);
    let with = |rest: &[u8]| [whole.as_slice(), rest].concat();
    let case = |name: &str, rest: &[u8]| Case::new(name, Rule::ArchivePadding, with(rest));
    vec![
        case("behind-one-byte", b"x"),
        case("behind-one-zero", &[0]),
        case("behind-half-a-block", &[0; 256]),
        case("behind-a-block", &[b'x'; BLOCK]),
        case("behind-a-header", &file("g", b"")),
        case("behind-an-archive", &whole),
        case("behind-zeros-then-byte", &[vec![0; 4 * BLOCK], b"x".to_vec()].concat()),
        case("behind-zeros-then-archive", &[vec![0; 4 * BLOCK], whole.clone()].concat()),
        case("behind-20-zero-blocks", &[0; 20 * BLOCK]),
        case("behind-a-mebibyte-of-zeros", &vec![0; 1 << 20]),
    ]
}
