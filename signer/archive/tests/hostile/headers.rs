//! Types, modes, numbers, and fields of the header that must be clean.

use pouch_format::Rule;

use super::{
    Case,
    build::{Header, archive, file},
};

pub fn cases() -> Vec<Case> {
    [types(), modes(), numbers(), fields(), sums(), sizes()].concat()
}

fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, typeflag) in [
        ("hard-link", b'1'),
        ("symlink", b'2'),
        ("char-device", b'3'),
        ("block-device", b'4'),
        ("fifo", b'6'),
        ("contiguous", b'7'),
        ("old-file", 0),
        ("digit-eight", b'8'),
        ("digit-nine", b'9'),
        ("space", b' '),
        ("acl", b'A'),
        ("gnu-dumpdir", b'D'),
        ("solaris-extended", b'E'),
        ("inode-only", b'I'),
        ("gnu-long-link", b'K'),
        ("gnu-long-name", b'L'),
        ("gnu-multivolume", b'M'),
        ("gnu-long-names", b'N'),
        ("gnu-sparse", b'S'),
        ("volume-label", b'V'),
        ("solaris-pax", b'X'),
        ("upper-global", b'G'),
        ("socket", b's'),
        ("high-bit", 0xff),
    ] {
        let plain = Header::new(typeflag, b"entry").link(b"target");
        let gnu = plain.clone().gnu_magic();
        cases.push(Case::new(format!("type-{name}"), Rule::ArchiveType, archive(&[plain.build()])));
        cases.push(Case::new(format!("type-{name}-gnu-magic"), Rule::ArchiveType, archive(&[gnu.build()])));
    }
    let outward = Header::new(b'2', b"out").link(b"../../../../etc/passwd").build();
    cases.push(Case::new("type-symlink-outward", Rule::ArchiveType, archive(&[outward])));
    let device = Header::new(b'3', b"null").put(329, b"0000001").put(337, b"0000003").build();
    cases.push(Case::new("type-dev-null", Rule::ArchiveType, archive(&[device])));
    let long = Header::new(b'L', b"././@LongLink").gnu_magic().with(&[b'n'; 200]);
    cases.push(Case::new("type-long-name-with-content", Rule::ArchiveType, archive(&[long, file("short", b"")])));
    cases
}

fn modes() -> Vec<Case> {
    let mode = |name: &str, typeflag: u8, mode: u32| {
        let entry: &[u8] = if typeflag == b'5' { b"entry/" } else { b"entry" };
        Case::new(name, Rule::ArchiveMode, archive(&[Header::new(typeflag, entry).mode(mode).build()]))
    };
    vec![
        mode("mode-setuid", b'0', 0o4755),
        mode("mode-setgid", b'0', 0o2755),
        mode("mode-sticky", b'0', 0o1644),
        mode("mode-all", b'0', 0o7777),
        mode("mode-setgid-directory", b'5', 0o2755),
        mode("mode-sticky-directory", b'5', 0o1777),
        mode("mode-file-type", b'0', 0o100_644),
        mode("mode-file-type-setuid", b'0', 0o104_755),
        mode("mode-most", b'0', 0o7_777_777),
    ]
}

fn numbers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, at, length) in
        [("mode", 100, 8), ("uid", 108, 8), ("gid", 116, 8), ("size", 124, 12), ("mtime", 136, 12)]
    {
        let with = |bytes: &[u8]| {
            let mut whole = vec![0; length];
            whole[..bytes.len()].copy_from_slice(bytes);
            archive(&[Header::new(b'0', b"entry").put(at, &whole).build()])
        };
        let base256 = |first: u8, last: u8| {
            let mut bytes = vec![if first == 0xff { 0xff } else { 0 }; length];
            (bytes[0], bytes[length - 1]) = (first, last);
            with(&bytes)
        };
        for (name, bytes) in [
            ("base-256", base256(0x80, 1)),
            ("base-256-negative", base256(0xff, 0xfe)),
            ("base-256-beyond", with(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..length.min(8)])),
            ("empty", with(b"")),
            ("spaces", with(&vec![b' '; length])),
            ("leading-space", with(b" 00001")),
            ("leading-nul", with(b"\x0000001")),
            ("plus", with(b"+00001")),
            ("minus", with(b"-00001")),
            ("hex", with(b"0x0001")),
            ("digit-eight", with(b"000080")),
            ("garbage-behind", with(b"0001\0x")),
            ("second-number", with(b"0001 01")),
            ("tab-behind", with(b"0001\t")),
            ("no-end", with(&vec![b'0'; length])),
        ] {
            cases.push(Case::new(format!("number-{field}-{name}"), Rule::ArchiveNumber, bytes));
        }
    }
    cases
}

fn fields() -> Vec<Case> {
    let entry = || Header::new(b'0', b"entry");
    let mut cases = vec![];
    for (name, header) in [
        ("name-behind-nul", entry().put(50, b"evil")),
        ("name-last-byte", entry().put(99, b"x")),
        ("prefix-behind-nul", entry().prefix(b"a").put(400, b"evil")),
        ("linkname-on-file", entry().link(b"target")),
        ("linkname-last-byte", entry().put(256, b"x")),
        ("linkname-on-directory", Header::new(b'5', b"entry/").link(b"target")),
        ("reserved-first", entry().put(500, b"x")),
        ("reserved-last", entry().put(511, b"x")),
        ("star-signature", entry().put(508, b"tar\0")),
        ("star-times", entry().put(476, b"00000000001 00000000001 ")),
        ("uname-no-end", entry().put(265, &[b'u'; 32])),
        ("uname-behind-nul", entry().put(265, b"root\0toor")),
        ("gname-no-end", entry().put(297, &[b'g'; 32])),
        ("gname-behind-nul", entry().put(297, b"\0wheel")),
        ("devmajor-on-file", entry().put(329, b"0000001")),
        ("devminor-on-file", entry().put(337, b"0000001")),
        ("magic-gnu", entry().gnu_magic()),
        ("magic-gnu-directory", Header::new(b'5', b"entry/").gnu_magic()),
        ("magic-none", entry().put(257, &[0; 8])),
        ("magic-upper-case", entry().put(257, b"USTAR\x0000")),
        ("magic-space", entry().put(257, b"ustar 00")),
        ("version-spaces", entry().put(263, b"  ")),
        ("version-nul", entry().put(263, b"\0\0")),
        ("version-01", entry().put(263, b"01")),
        ("pax-header-linkname", Header::new(b'x', b"pax").link(b"x")),
        ("pax-header-gnu-magic", Header::new(b'x', b"pax").gnu_magic()),
    ] {
        cases.push(Case::new(format!("header-{name}"), Rule::ArchiveHeader, archive(&[header.build()])));
    }
    for (name, at) in [("devmajor", 329), ("devminor", 337)] {
        let header = entry().put(at, b"\x80\0\0\0\0\0\0\x01");
        cases.push(Case::new(format!("header-{name}-base-256"), Rule::ArchiveNumber, archive(&[header.build()])));
    }
    cases
}

fn sums() -> Vec<Case> {
    let plain = || Header::new(b'0', b"entry");
    let octal = |sum: i64| <[u8; 8]>::try_from(format!("{sum:07o}\0").as_bytes()).unwrap();
    let umlaut = Header::new(b'0', "Größe".as_bytes());
    let signed = octal(umlaut.sum(true));
    let mut cases = vec![
        Case::new("checksum-signed", Rule::ArchiveHeader, archive(&[umlaut.checksum(&signed).build()])),
        Case::new("checksum-zero", Rule::ArchiveHeader, archive(&[plain().checksum(b"0000000\0").build()])),
        Case::new("checksum-off-by-one", Rule::ArchiveHeader, {
            let sum = octal(plain().sum(false) + 1);
            archive(&[plain().checksum(&sum).build()])
        }),
        Case::new("header-of-noise", Rule::ArchiveNumber, archive(&[vec![0xa5; 512]])),
        Case::new("header-of-text", Rule::ArchiveNumber, archive(&[vec![b'a'; 512]])),
    ];
    for (name, field) in [
        ("empty", *b"\0\0\0\0\0\0\0\0"),
        ("spaces", *b"        "),
        ("no-end", *b"00012345"),
        ("leading-space", *b" 012345\0"),
        ("base-256", *b"\x80\0\0\0\0\0\x12\x34"),
        ("garbage-behind", *b"012345\0x"),
    ] {
        let bytes = archive(&[plain().checksum(&field).build()]);
        cases.push(Case::new(format!("checksum-{name}"), Rule::ArchiveNumber, bytes));
    }
    cases
}

fn sizes() -> Vec<Case> {
    let content = vec![b'x'; 512];
    vec![
        Case::new("size-directory", Rule::ArchiveSize, archive(&[Header::new(b'5', b"d/").with(&content)])),
        Case::new("size-directory-hint", Rule::ArchiveSize, archive(&[Header::new(b'5', b"d/").size(4096).build()])),
        Case::new(
            "size-beyond-the-end",
            Rule::ArchiveTruncated,
            archive(&[Header::new(b'0', b"f").size(1 << 32).build(), content.clone()]),
        ),
        Case::new("size-swallows-the-end", Rule::ArchiveTruncated, {
            archive(&[Header::new(b'0', b"f").size(512 + 1024).build(), content])
        }),
    ]
}
