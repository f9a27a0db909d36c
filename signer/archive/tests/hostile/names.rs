//! Names that are not allowed, and names that do not fit together.

use pouch_format::Rule;

use super::{
    Case,
    build::{Header, archive, dir, file, pax_header, record},
};

pub fn cases() -> Vec<Case> {
    [shapes(), lengths(), fields(), unique(), parents()].concat()
}

fn shapes() -> Vec<Case> {
    let names: &[(&str, &[u8])] = &[
        ("absolute", b"/etc/passwd"),
        ("absolute-twice", b"//etc/passwd"),
        ("root", b"/"),
        ("dot", b"."),
        ("dot-dot", b".."),
        ("dot-slash", b"./a"),
        ("up", b"../a"),
        ("up-and-up", b"../../../../../../../../etc/passwd"),
        ("up-inside", b"a/../../b"),
        ("up-at-the-end", b"a/.."),
        ("dot-inside", b"a/./b"),
        ("dot-at-the-end", b"a/."),
        ("doubled-slash", b"a//b"),
        ("backslash", b"..\\..\\evil"),
        ("drive", b"C:\\evil"),
        ("newline", b"a\nb"),
        ("tab", b"a\tb"),
        ("carriage-return", b"a\rb"),
        ("bell", b"a\x07"),
        ("escape", b"\x1b[2J\x1b[31mred"),
        ("delete", b"a\x7f"),
        ("c1-csi", "a\u{9b}31m".as_bytes()),
        ("c1-next-line", "a\u{85}b".as_bytes()),
        ("bidi-override", "\u{202e}txt.exe".as_bytes()),
        ("bidi-isolate", "\u{2066}a\u{2069}".as_bytes()),
        ("left-to-right-mark", "a\u{200e}".as_bytes()),
        ("zero-width-space", "a\u{200b}b".as_bytes()),
        ("zero-width-joiner", "a\u{200d}b".as_bytes()),
        ("byte-order-mark", "\u{feff}a".as_bytes()),
        ("soft-hyphen", "a\u{ad}b".as_bytes()),
        ("tag", "a\u{e0041}".as_bytes()),
        ("line-separator", "a\u{2028}b".as_bytes()),
        ("private-use", "a\u{e000}".as_bytes()),
        ("noncharacter", "a\u{fdd0}".as_bytes()),
        ("unassigned", "a\u{378}".as_bytes()),
        ("latin-1", b"caf\xe9"),
        ("overlong-slash", b"..\xc0\xafevil"),
        ("overlong-nul", b"a\xc0\x80b"),
        ("surrogate", b"a\xed\xa0\x80"),
        ("beyond-unicode", b"a\xf4\x90\x80\x80"),
        ("cut-utf-8", b"a\xc3"),
        ("nfd", "Po\u{303}hja".as_bytes()),
        ("nfd-hangul", "\u{1100}\u{1161}".as_bytes()),
        ("angstrom", "\u{212b}".as_bytes()),
        ("combining-order", "a\u{301}\u{316}".as_bytes()),
    ];
    let mut cases = Vec::new();
    for (name, bytes) in names {
        let plain = archive(&[Header::new(b'0', bytes).build()]);
        cases.push(Case::new(format!("name-{name}"), Rule::ArchiveName, plain));
        let directory = archive(&[Header::new(b'5', &[bytes, b"/".as_slice()].concat()).build()]);
        cases.push(Case::new(format!("name-{name}-directory"), Rule::ArchiveName, directory));
        let pax = archive(&[pax_header(&record("path", bytes)), file("safe", b"")]);
        cases.push(Case::new(format!("name-{name}-pax"), Rule::ArchiveName, pax));
    }
    cases.push(Case::new("name-empty", Rule::ArchiveName, archive(&[Header::new(b'0', b"").build()])));
    cases.push(Case::new("name-empty-directory", Rule::ArchiveName, archive(&[Header::new(b'5', b"").build()])));
    cases.push(Case::new("name-file-with-slash", Rule::ArchiveName, archive(&[file("a/", b"")])));
    cases.push(Case::new("name-directory-two-slashes", Rule::ArchiveName, archive(&[dir("a//")])));
    cases
}

fn lengths() -> Vec<Case> {
    let pax = |path: &str| archive(&[pax_header(&record("path", path)), file("short", b"")]);
    let long = vec!["x".repeat(255); 16].join("/") + "x";
    vec![
        Case::new("name-component-256", Rule::ArchiveName, pax(&"x".repeat(256))),
        Case::new("name-4096", Rule::ArchiveName, pax(&long)),
        Case::new("name-60000", Rule::ArchiveName, pax(&"x/".repeat(30_000))),
        Case::new("name-depth-65", Rule::ArchiveName, pax(&vec!["d"; 65].join("/"))),
    ]
}

fn fields() -> Vec<Case> {
    let case = |name: &str, header: Header| Case::new(name, Rule::ArchiveName, archive(&[header.build()]));
    vec![
        case("prefix-absolute", Header::new(b'0', b"passwd").prefix(b"/etc")),
        case("prefix-slash", Header::new(b'0', b"passwd").prefix(b"/")),
        case("prefix-up", Header::new(b'0', b"a").prefix(b"..")),
        case("prefix-ends-with-slash", Header::new(b'0', b"a").prefix(b"d/")),
        case("prefix-and-absolute-name", Header::new(b'0', b"/a").prefix(b"d")),
        case("prefix-without-name", Header::new(b'0', b"").prefix(b"d")),
        case("prefix-without-name-directory", Header::new(b'5', b"").prefix(b"d")),
        case("prefix-and-slash-directory", Header::new(b'5', b"/").prefix(b"d")),
    ]
}

fn unique() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, first, second) in [
        ("twice", "a", "a"),
        ("case", "readme", "README"),
        ("case-estonian", "Põhja", "PÕHJA"),
        ("case-cyrillic", "реестр", "Реестр"),
        ("sharp-s", "straße", "STRASSE"),
        ("final-sigma", "Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ligature", "ﬁle", "file"),
        ("superscript", "m²", "m2"),
        ("full-width", "ａ", "a"),
        ("roman-numeral", "Ⅳ", "iv"),
        ("no-break-space", "a\u{a0}b", "a b"),
    ] {
        let pair = |first: Vec<u8>, second: Vec<u8>| archive(&[first, second]);
        let (first_dir, second_dir) = (dir(&format!("{first}/")), dir(&format!("{second}/")));
        for (kinds, bytes) in [
            ("files", pair(file(first, b"1"), file(second, b"2"))),
            ("directories", pair(first_dir.clone(), second_dir.clone())),
            ("file-directory", pair(file(first, b"1"), second_dir)),
            ("directory-file", pair(first_dir, file(second, b"2"))),
        ] {
            cases.push(Case::new(format!("unique-{name}-{kinds}"), Rule::ArchiveUnique, bytes));
        }
    }
    let deep = archive(&[dir("d/"), file("d/x", b"1"), file("d/X", b"2")]);
    cases.push(Case::new("unique-inside", Rule::ArchiveUnique, deep));
    let by_pax = archive(&[file("a", b"1"), pax_header(&record("path", "a")), file("b", b"2")]);
    cases.push(Case::new("unique-by-pax", Rule::ArchiveUnique, by_pax));
    let by_prefix = archive(&[dir("d/"), file("d/x", b""), Header::new(b'0', b"x").prefix(b"d").build()]);
    cases.push(Case::new("unique-by-prefix", Rule::ArchiveUnique, by_prefix));
    cases
}

fn parents() -> Vec<Case> {
    let case = |name: &str, parts: &[Vec<u8>]| Case::new(name, Rule::ArchiveParent, archive(parts));
    vec![
        case("parent-missing", &[file("d/x", b"")]),
        case("parent-missing-directory", &[dir("d/e/")]),
        case("parent-later", &[file("d/x", b""), dir("d/")]),
        case("parent-is-a-file", &[file("d", b""), file("d/x", b"")]),
        case("parent-in-other-case", &[dir("D/"), file("d/x", b"")]),
        case("parent-of-parent-missing", &[dir("a/"), file("a/b/c", b"")]),
    ]
}
