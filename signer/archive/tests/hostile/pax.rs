//! Pax records that are not allowed.

use pouch_format::Rule;

use super::{
    Case,
    build::{Header, archive, dir, file, pax_header, record},
};

pub fn cases() -> Vec<Case> {
    [keys(), values(), malformed(), order(), sizes()].concat()
}

fn case(name: impl Into<String>, records: &[u8]) -> Case {
    Case::new(name, Rule::ArchivePax, archive(&[pax_header(records), file("f", b"")]))
}

fn keys() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "linkpath",
        "uid",
        "gid",
        "uname",
        "gname",
        "atime",
        "ctime",
        "comment",
        "charset",
        "hdrcharset",
        "realtime.any",
        "security.any",
        "SCHILY.xattr.security.capability",
        "SCHILY.xattr.user.any",
        "SCHILY.acl.access",
        "SCHILY.acl.default",
        "SCHILY.fflags",
        "SCHILY.realsize",
        "SCHILY.dev",
        "LIBARCHIVE.xattr.user.any",
        "LIBARCHIVE.creationtime",
        "RHT.security.selinux",
        "GNU.sparse.major",
        "GNU.sparse.minor",
        "GNU.sparse.name",
        "GNU.sparse.realsize",
        "GNU.sparse.size",
        "GNU.sparse.map",
        "GNU.sparse.numblocks",
        "GNU.volume.label",
        "MSWINDOWS.rawsd",
    ]
    .iter()
    .map(|key| case(format!("pax-key-{}", key.to_lowercase().replace('.', "-")), &record(key, "1")))
    .collect();
    for (name, key) in [
        ("upper-case", "PATH"),
        ("space-behind", "path "),
        ("space-before", " path"),
        ("nul", "path\0"),
        ("newline", "\npath"),
    ] {
        cases.push(case(format!("pax-key-{name}"), &record(key, "g")));
    }
    for (key, value) in [("path", "g"), ("size", "0"), ("mtime", "1")] {
        let twice = [record(key, value), record(key, value)].concat();
        cases.push(case(format!("pax-duplicate-{key}"), &twice));
    }
    let two_paths = [record("path", "g"), record("mtime", "0"), record("path", "h")].concat();
    cases.push(case("pax-duplicate-other-path", &two_paths));
    cases
}

fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    for (key, values) in [
        ("path", &[("empty", ""), ("nul", "a\0b"), ("nul-behind", "a\0")][..]),
        (
            "size",
            &[
                ("empty", ""),
                ("negative", "-1"),
                ("plus", "+1"),
                ("leading-zero", "01"),
                ("octal", "0o7"),
                ("hex", "0x10"),
                ("space-before", " 1"),
                ("space-behind", "1 "),
                ("fraction", "1.0"),
                ("exponent", "1e3"),
                ("nul-behind", "1\0"),
                ("two-to-63", "9223372036854775808"),
                ("two-to-64", "18446744073709551616"),
                ("hundred-digits", "1000000000000000000000000000000000000000000000000000000000000000000000000000000"),
                ("arabic-digits", "١"),
            ],
        ),
        (
            "mtime",
            &[
                ("empty", ""),
                ("plus", "+1"),
                ("minus-alone", "-"),
                ("minus-zero", "-0"),
                ("minus-zero-fraction", "-0.000"),
                ("two-minus", "--1"),
                ("leading-zero", "01"),
                ("point-alone", "."),
                ("no-fraction", "1."),
                ("no-whole", ".5"),
                ("two-points", "1.2.3"),
                ("minus-inside", "1.-5"),
                ("comma", "1,5"),
                ("space-behind", "1 "),
                ("exponent", "1e3"),
                ("nan", "nan"),
                ("infinity", "inf"),
                ("nul", "1\0"),
                ("two-to-63", "9223372036854775808"),
                ("minus-two-to-63-less-one", "-9223372036854775809"),
                ("minus-two-to-63-less-a-bit", "-9223372036854775808.5"),
                ("hundred-digits", "-999999999999999999999999999999999999999999999999999999999999999999999999999"),
            ],
        ),
    ] {
        for (name, value) in values {
            cases.push(case(format!("pax-{key}-{name}"), &record(key, value)));
        }
    }
    let conflict = |name: &str, value: &str, header: u64| {
        let entry = Header::new(b'0', b"f").mtime(header).build();
        Case::new(name, Rule::ArchivePax, archive(&[pax_header(&record("mtime", value)), entry]))
    };
    cases.push(conflict("pax-mtime-conflict", "1000", 2000));
    cases.push(conflict("pax-mtime-conflict-zero", "1000", 0));
    cases.push(conflict("pax-mtime-conflict-negative", "-1", 1));
    cases.push(conflict("pax-mtime-conflict-rounded-up", "1000.9", 1001));
    let prefix = archive(&[dir("d/"), pax_header(&record("path", "g")), Header::new(b'0', b"f").prefix(b"d").build()]);
    cases.push(Case::new("pax-path-and-prefix", Rule::ArchivePax, prefix));
    cases
}

fn malformed() -> Vec<Case> {
    [
        ("length-missing", b" path=g\n".as_slice()),
        ("length-zero", b"0 path=g\n"),
        ("length-one", b"1 path=g\n"),
        ("length-short", b"8 path=g\n"),
        ("length-of-digits-only", b"3 path=g\n"),
        ("length-long", b"11 path=g\n"),
        ("length-beyond", b"4096 path=g\n"),
        ("length-huge", b"99999999999999999999 path=g\n"),
        ("length-leading-zero", b"010 path=g\n"),
        ("length-plus", b"+10 path=g\n"),
        ("length-minus", b"-10 path=g\n"),
        ("length-hex", b"0xa path=g\n"),
        ("length-space-before", b" 10 path=g\n"),
        ("length-two-spaces", b"10  path=g\n"),
        ("length-tab", b"10\tpath=g\n"),
        ("length-alone", b"10"),
        ("length-newline-before", b"\n10 path=g\n"),
        ("no-newline", b"9 path=g"),
        ("nul-for-newline", b"10 path=g\0"),
        ("no-equals", b"9 path g\n"),
        ("no-key", b"6 =gg\n"),
        ("nothing-in-it", b"3 \n"),
        ("text-behind", b"10 path=g\nrest"),
        ("nul-behind", b"10 path=g\n\0"),
        ("newline-behind", b"10 path=g\n\n"),
        ("nul-only", b"\0\0\0\0"),
        ("record-in-a-value", b"20 path=g\n10 path=h\n"),
    ]
    .into_iter()
    .map(|(name, records)| {
        // The last is one record whose value holds a newline, so its name is at fault.
        let rule = if name == "record-in-a-value" { Rule::ArchiveName } else { Rule::ArchivePax };
        Case { rule, ..case(format!("pax-{name}"), records) }
    })
    .collect()
}

fn order() -> Vec<Case> {
    let pax = || pax_header(&record("path", "g"));
    let global = |records: &[u8]| Header::new(b'g', b"pax").with(records);
    let case = |name: &str, rule, parts: &[Vec<u8>]| Case::new(name, rule, archive(parts));
    let long = record("path", "x".repeat(70_000));
    vec![
        case("pax-empty", Rule::ArchivePax, &[pax_header(b""), file("f", b"")]),
        case("pax-over-64-kib", Rule::ArchivePax, &[pax_header(&long), file("f", b"")]),
        case("pax-of-8-gib", Rule::ArchivePax, &[Header::new(b'x', b"pax").size((1 << 33) - 1).build()]),
        case("pax-twice", Rule::ArchivePax, &[pax(), pax_header(&record("mtime", "0")), file("f", b"")]),
        case("pax-without-entry", Rule::ArchivePax, &[file("f", b""), pax()]),
        case("pax-alone", Rule::ArchivePax, &[pax()]),
        case("pax-then-global", Rule::ArchivePax, &[pax(), global(&record("comment", "c")), file("f", b"")]),
        case("pax-then-symlink", Rule::ArchiveType, &[pax(), Header::new(b'2', b"f").link(b"/etc").build()]),
        case("pax-global-path", Rule::ArchivePax, &[global(&record("path", "g")), file("f", b"")]),
        case("pax-global-size", Rule::ArchivePax, &[global(&record("size", "0")), file("f", b"")]),
        case("pax-global-comment", Rule::ArchivePax, &[global(&record("comment", "c")), file("f", b"")]),
        case("pax-global-at-the-end", Rule::ArchivePax, &[file("f", b""), global(&record("comment", "c"))]),
        Case::new("pax-cut-behind", Rule::ArchiveTruncated, pax()),
    ]
}

fn sizes() -> Vec<Case> {
    let case = |name: &str, size: &str, entry: Vec<u8>| {
        Case::new(name, Rule::ArchiveSize, archive(&[pax_header(&record("size", size)), entry]))
    };
    let content = [b'x'; 1024];
    vec![
        case("size-pax-smaller", "512", file("f", &content)),
        case("size-pax-larger", "1024", file("f", &content[..512])),
        case("size-pax-zero", "0", file("f", &content)),
        case("size-header-zero", "1024", [Header::new(b'0', b"f").build(), content.to_vec()].concat()),
        case("size-pax-8-gib-header-not-zero", "8589934592", file("f", &content)),
        case("size-pax-8-gib-header-most", "8589934592", Header::new(b'0', b"f").size((1 << 33) - 1).build()),
        case("size-pax-directory", "512", [dir("d/"), content[..512].to_vec()].concat()),
        case("size-pax-directory-zero", "0", dir("d/")),
        Case::new(
            "size-pax-8-gib-cut",
            Rule::ArchiveTruncated,
            archive(&[pax_header(&record("size", "8589934592")), Header::new(b'0', b"f").build()]),
        ),
    ]
}
