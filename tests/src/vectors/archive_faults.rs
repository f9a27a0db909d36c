//! Archives, one for each way to be wrong.

use pouch_format::Rule;

use super::Vector;
use super::tar::{Header, archive, dir, file, pax, record};

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    let faults = [headers(), numbers(), paxes(), names(), ends(), uncanonical(), known()].concat();
    let vector = |(name, rule, comment, bytes)| Vector::new("archive", name, Some(rule), comment, bytes);
    faults.into_iter().map(vector).chain(budgets()).collect()
}

type Fault = (&'static str, Rule, &'static str, Vec<u8>);

fn one(header: Header) -> Vec<u8> {
    archive(&[header.block()])
}

fn plain() -> Header {
    Header::new(b'0', "entry")
}

fn headers() -> Vec<Fault> {
    use Rule::{ArchiveHeader, ArchiveMode, ArchiveSize, ArchiveType};
    let kind = |kind| one(Header::new(kind, "entry").link("target"));
    let off = format!("{:07o}\0", plain().sum() + 1);
    vec![
        ("hard-link", ArchiveType, "type 1", kind(b'1')),
        ("symlink", ArchiveType, "type 2", kind(b'2')),
        ("character-device", ArchiveType, "type 3", kind(b'3')),
        ("block-device", ArchiveType, "type 4", kind(b'4')),
        ("fifo", ArchiveType, "type 6", kind(b'6')),
        ("contiguous", ArchiveType, "type 7", kind(b'7')),
        ("socket", ArchiveType, "type s", kind(b's')),
        ("old-file", ArchiveType, "type NUL, a file before POSIX", kind(0)),
        ("gnu-long-name", ArchiveType, "type L", Header::new(b'L', "././@LongLink").with(&[b'n'; 200])),
        ("gnu-sparse", ArchiveType, "type S", kind(b'S')),
        ("setuid", ArchiveMode, "mode 4755", one(plain().mode(0o4755))),
        ("setgid-directory", ArchiveMode, "mode 2755", one(Header::new(b'5', "d/").mode(0o2755))),
        ("sticky", ArchiveMode, "mode 1777", one(Header::new(b'5', "d/").mode(0o1777))),
        ("directory-size", ArchiveSize, "a directory that states a size", one(Header::new(b'5', "d/").size(512))),
        ("checksum", ArchiveHeader, "one more than the sum", one(plain().checksum(off.as_bytes()))),
        ("magic-gnu", ArchiveHeader, "the magic of GNU's own format", one(plain().put(257, b"ustar  \0"))),
        ("magic-none", ArchiveHeader, "the format of version 7", one(plain().put(257, &[0; 8]))),
        ("linkname", ArchiveHeader, "a file with a link name", one(plain().link("target"))),
        ("reserved", ArchiveHeader, "a byte in the last 12", one(plain().put(511, b"x"))),
        ("device-number", ArchiveHeader, "a file with a device number", one(plain().put(329, b"0000001"))),
        ("uname-goes-on", ArchiveHeader, "bytes behind the end of a text", one(plain().put(265, b"root\0toor"))),
        ("uname-no-end", ArchiveHeader, "a text without an end", one(plain().put(265, &[b'u'; 32]))),
        ("name-goes-on", ArchiveHeader, "bytes behind the end of the name", one(plain().put(50, b"evil"))),
    ]
}

fn numbers() -> Vec<Fault> {
    let fault = |name, comment, header| (name, Rule::ArchiveNumber, comment, one(header));
    vec![
        fault("size-base-256", "a size in base 256", plain().put(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x01")),
        fault("size-base-256-beyond", "a size of 2^63", plain().put(124, b"\x80\0\0\0\x80\0\0\0\0\0\0\0")),
        fault("size-negative", "a size in base 256 below 0", plain().put(124, &[0xFF; 12])),
        fault("size-minus", "a size with a sign", plain().put(124, b"-0000000001")),
        fault("size-no-end", "12 octal digits", plain().put(124, b"000000000000")),
        fault("mode-hex", "a letter among the digits", plain().put(100, b"0x00600")),
        fault("mtime-leading-space", "a space before the digits", plain().put(136, b" 0000000001")),
        fault("uid-empty", "no digit at all", plain().put(108, &[0; 8])),
        fault("checksum-base-256", "a checksum in base 256", plain().checksum(b"\x80\0\0\0\0\0\x12\x34")),
    ]
}

fn paxes() -> Vec<Fault> {
    use Rule::{ArchivePax, ArchiveSize};
    let with = |records: &[u8]| archive(&[pax(records), file("f", b"")]);
    let global = |records: &[u8]| Header::new(b'g', "pax").with(records);
    let twice = [record("path", "g"), record("path", "h")].concat();
    let sized = |size: &str, entry: Vec<u8>| archive(&[pax(&record("size", size)), entry]);
    let conflict = archive(&[pax(&record("mtime", "1000")), Header::new(b'0', "f").mtime(2000).block()]);
    let prefix = archive(&[dir("d"), pax(&record("path", "g")), Header::new(b'0', "f").put(345, b"d").block()]);
    vec![
        ("pax-key-linkpath", ArchivePax, "a record that is not path, size or mtime", with(&record("linkpath", "/etc"))),
        ("pax-key-uid", ArchivePax, "an owner", with(&record("uid", "0"))),
        ("pax-key-xattr", ArchivePax, "an extended attribute", with(&record("SCHILY.xattr.security.capability", "x"))),
        ("pax-key-acl", ArchivePax, "an access control list", with(&record("SCHILY.acl.access", "user::rwx"))),
        ("pax-key-case", ArchivePax, "keys have one spelling", with(&record("PATH", "g"))),
        ("pax-duplicate", ArchivePax, "the same key again", with(&twice)),
        (
            "pax-global",
            ArchivePax,
            "a header for all that follows",
            archive(&[global(&record("path", "g")), file("f", b"")]),
        ),
        (
            "pax-twice",
            ArchivePax,
            "two pax headers in a row",
            archive(&[pax(&record("path", "g")), pax(&record("mtime", "0")), file("f", b"")]),
        ),
        (
            "pax-without-entry",
            ArchivePax,
            "a pax header before the end",
            archive(&[file("f", b""), pax(&record("path", "g"))]),
        ),
        ("pax-empty", ArchivePax, "a pax header without a record", with(b"")),
        ("pax-over-64-kib", ArchivePax, "a pax header of 64 KiB and a bit", with(&record("path", &"x".repeat(65_536)))),
        ("pax-length-short", ArchivePax, "a record that is longer than it says", with(b"8 path=g\n")),
        ("pax-length-long", ArchivePax, "a record that is shorter than it says", with(b"11 path=g\n")),
        ("pax-length-leading-zero", ArchivePax, "a length with a zero in front", with(b"010 path=g\n")),
        ("pax-length-huge", ArchivePax, "a length beyond 2^64", with(b"99999999999999999999 path=g\n")),
        ("pax-no-newline", ArchivePax, "a record without its line feed", with(b"8 path=g")),
        ("pax-no-equals", ArchivePax, "a record without a value", with(b"10 path g\n")),
        ("pax-trailing", ArchivePax, "bytes behind the last record", with(b"10 path=g\n\0")),
        ("pax-path-nul", ArchivePax, "a NUL in a path", with(&record("path", "a\0b"))),
        ("pax-path-empty", ArchivePax, "an empty path would take the record back", with(&record("path", ""))),
        ("pax-size-leading-zero", ArchivePax, "a size with a zero in front", with(&record("size", "00"))),
        ("pax-size-two-to-63", ArchivePax, "a size of 2^63", with(&record("size", "9223372036854775808"))),
        ("pax-mtime-exponent", ArchivePax, "an mtime that is no decimal number", with(&record("mtime", "1e3"))),
        ("pax-mtime-conflict", ArchivePax, "header and record state two times", conflict),
        ("pax-path-and-prefix", ArchivePax, "record and header both state a directory", prefix),
        ("pax-size-conflict", ArchiveSize, "header and record state two sizes", sized("512", file("f", &[b'x'; 1024]))),
        (
            "pax-size-header-zero",
            ArchiveSize,
            "a size that fits stands in both places",
            sized("1024", [Header::new(b'0', "f").block(), vec![b'x'; 1024]].concat()),
        ),
        (
            "pax-size-directory",
            ArchiveSize,
            "a record of size for a directory",
            sized("512", [dir("d"), vec![b'x'; 512]].concat()),
        ),
    ]
}

fn names() -> Vec<Fault> {
    use Rule::{ArchiveName, ArchiveParent, ArchiveUnique};
    let named = |name: &str| archive(&[pax(&record("path", name)), file("short", b"")]);
    let raw = |name: &[u8]| one(Header::new(b'0', "").put(0, name));
    let pair = |a: &str, b: &str| archive(&[empty_file(a), empty_file(b)]);
    vec![
        ("name-empty", ArchiveName, "no name", raw(b"")),
        ("name-absolute", ArchiveName, "begins with a slash", raw(b"/etc/passwd")),
        ("name-up", ArchiveName, "a step up", raw(b"../evil")),
        ("name-up-inside", ArchiveName, "a step up in the middle", raw(b"a/../../evil")),
        ("name-dot", ArchiveName, "a component that is a dot", raw(b"./a")),
        ("name-doubled-slash", ArchiveName, "an empty component", raw(b"a//b")),
        ("name-file-with-slash", ArchiveName, "a file whose name ends with a slash", raw(b"a/")),
        ("name-backslash", ArchiveName, "a separator elsewhere", raw(b"..\\evil")),
        ("name-newline", ArchiveName, "a control character", raw(b"a\nb")),
        ("name-escape", ArchiveName, "an order to a terminal", raw(b"\x1b[2J")),
        ("name-c1", ArchiveName, "a control character of eight bits", named("a\u{9b}31m")),
        ("name-bidi", ArchiveName, "shown from right to left", named("\u{202e}gpj.exe")),
        ("name-zero-width", ArchiveName, "a character that is not seen", named("a\u{200b}b")),
        ("name-line-separator", ArchiveName, "U+2028", named("a\u{2028}b")),
        ("name-private-use", ArchiveName, "U+E000", named("a\u{e000}")),
        ("name-noncharacter", ArchiveName, "U+FDD0", named("a\u{fdd0}")),
        ("name-latin-1", ArchiveName, "not UTF-8", raw(b"caf\xe9")),
        ("name-overlong", ArchiveName, "a slash in two bytes of UTF-8", raw(b"..\xc0\xafevil")),
        ("name-nfd", ArchiveName, "not in normalization form C", named("Po\u{303}hja")),
        ("name-component-256", ArchiveName, "a component of 256 bytes", named(&"x".repeat(256))),
        (
            "name-path-4096",
            ArchiveName,
            "a path of 4096 bytes",
            named(&format!("{}x", vec!["x".repeat(255); 16].join("/"))),
        ),
        ("name-depth-65", ArchiveName, "65 components", named(&vec!["d"; 65].join("/"))),
        ("unique-twice", ArchiveUnique, "one name twice", archive(&[file("a", b"1"), file("a", b"2")])),
        (
            "unique-case",
            ArchiveUnique,
            "names that differ in case",
            archive(&[file("readme", b""), file("README", b"")]),
        ),
        ("unique-sharp-s", ArchiveUnique, "names that are one after case folding", pair("Straße", "STRASSE")),
        ("unique-ligature", ArchiveUnique, "names that are one in NFKC", pair("ﬁle", "file")),
        ("unique-final-sigma", ArchiveUnique, "two forms of one letter", pair("Σίσυφος", "ΣΊΣΥΦΟΣ")),
        (
            "unique-directory",
            ArchiveUnique,
            "a file that has the name of a directory",
            archive(&[dir("a"), file("A", b"")]),
        ),
        ("parent-missing", ArchiveParent, "a file in no directory", archive(&[file("d/x", b"")])),
        ("parent-later", ArchiveParent, "a directory after what is in it", archive(&[file("d/x", b""), dir("d")])),
        ("parent-is-file", ArchiveParent, "a file in a file", archive(&[file("d", b""), file("d/x", b"")])),
        ("parent-case", ArchiveParent, "a directory of another spelling", archive(&[dir("D"), file("d/x", b"")])),
    ]
}

/// A canonical file of no bytes, whatever its name.
fn empty_file(name: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(path) = name.parse() {
        pouch_archive::write_head(&mut head, &path, pouch_archive::EntryHead::File { mtime: 0, size: 0 });
    }
    head
}

fn ends() -> Vec<Fault> {
    use Rule::{ArchivePadding, ArchiveTruncated};
    let whole = archive(&[file("f", &[b'x'; 600])]);
    let cut = |length: usize| whole.iter().copied().take(length).collect::<Vec<u8>>();
    let more = |bytes: &[u8]| [&whole[..], bytes].concat();
    let mut padded = whole.clone();
    padded.iter_mut().skip(512 + 700).take(1).for_each(|byte| *byte = b'p');
    let mut lone = [file("f", b""), vec![0; 512]].concat();
    lone.extend(file("g", b""));
    vec![
        ("nothing", ArchiveTruncated, "no byte", vec![]),
        ("no-end", ArchiveTruncated, "no zero block", cut(512 + 1024)),
        ("one-zero-block", ArchiveTruncated, "one zero block instead of two", cut(512 + 1024 + 512)),
        ("cut-in-end", ArchiveTruncated, "cut in the second zero block", cut(whole.len() - 1)),
        ("cut-in-header", ArchiveTruncated, "cut in a header", cut(300)),
        ("cut-in-content", ArchiveTruncated, "cut in the content of a file", cut(512 + 100)),
        ("cut-in-padding", ArchiveTruncated, "cut in the padding", cut(512 + 650)),
        ("lone-zero-block", ArchiveTruncated, "a zero block between entries", lone),
        ("size-beyond-end", ArchiveTruncated, "a size beyond the end", one(plain().size(1 << 32))),
        ("padding", ArchivePadding, "a byte in the padding of a file", padded),
        ("trailing-byte", ArchivePadding, "a byte after the end", more(b"x")),
        ("trailing-zero", ArchivePadding, "a zero byte after the end", more(&[0])),
        (
            "record-padding",
            ArchivePadding,
            "filled up to a record of 10240 bytes",
            more(&vec![0; 10_240 - whole.len()]),
        ),
        ("second-archive", ArchivePadding, "another archive after the end", more(&whole)),
    ]
}

/// What other readers would accept, and a pouch has in one way only.
fn uncanonical() -> Vec<Fault> {
    let fault = |name, comment, bytes| (name, Rule::ArchiveCanonical, comment, bytes);
    let needless = archive(&[pax(&record("path", "f")), file("f", b"")]);
    let order = [record("mtime", "-1"), record("path", "õ")].concat();
    let fraction = archive(&[pax(&record("mtime", "-1.5")), file("f", b"")]);
    let posix_name = archive(&[Header::new(b'x', "PaxHeaders/f").with(&record("path", "õ")), file("õ", b"")]);
    let six = format!("{:06o}\0 ", plain().sum());
    vec![
        fault("mode-0644", "mode 0644 instead of 0600", one(plain().mode(0o644))),
        fault("owner", "an owner", one(plain().put(108, b"0001750"))),
        fault("owner-name", "the name of an owner", one(plain().put(265, b"root"))),
        fault("number-space", "a number that ends with a space", one(plain().put(135, b" "))),
        fault("checksum-six-digits", "a checksum of six digits, NUL and space", one(plain().checksum(six.as_bytes()))),
        fault("directory-no-slash", "a directory whose name does not end with a slash", one(Header::new(b'5', "d"))),
        fault("device-empty", "device numbers left empty", one(plain().put(329, &[0; 16]))),
        fault("prefix", "a name in two fields", archive(&[dir("d"), Header::new(b'0', "x").put(345, b"d").block()])),
        fault("pax-needless", "a record for what the header says as well", needless),
        fault("pax-order", "records in another order", archive(&[pax(&order), file("õ", b"")])),
        fault("pax-fraction", "an mtime with a fraction", fraction),
        fault("pax-header-name", "a pax header of another name", posix_name),
        fault("utf-8-in-header", "a name outside ASCII without a record", archive(&[file("õ", b"")])),
    ]
}

/// Attacks under the name by which they became known.
fn known() -> Vec<Fault> {
    use Rule::{ArchivePax, ArchiveSize, ArchiveType};
    let hidden = archive(&[file("hidden", b"evil")]);
    let size = |number: usize| pax(&record("size", &number.to_string()));
    let link = |name: &str, target: &str| Header::new(b'2', name).link(target).block();
    vec![
        (
            "cve-2018-20990",
            ArchiveType,
            "a hard link to a file outside, then content for its name",
            archive(&[Header::new(b'1', "link").link("/etc/passwd").block(), file("link", b"evil")]),
        ),
        (
            "cve-2021-38511",
            ArchiveType,
            "a directory made through a symbolic link",
            archive(&[link("d", "/tmp"), dir("d/evil")]),
        ),
        (
            "cve-2025-62518",
            ArchiveSize,
            "a header that says 0 and a record that says more: an archive in the archive",
            archive(&[size(hidden.len()), Header::new(b'0', "outer.tar").block(), hidden.clone()]),
        ),
        (
            "cve-2026-33055",
            ArchiveSize,
            "a header that says more and a record that says 0",
            archive(&[size(0), file("outer.tar", &hidden)]),
        ),
        (
            "ghsa-3pv8-6f4r-ffg2",
            ArchivePax,
            "a record of size before another pax header",
            archive(&[size(1024), pax(&record("path", "g")), file("f", &[b'x'; 1024])]),
        ),
        (
            "cve-2026-33056",
            ArchiveType,
            "a directory whose name is a link: its mode lands on the target",
            archive(&[link("d", "/etc"), Header::new(b'5', "d/").mode(0o777).block()]),
        ),
        (
            "cve-2025-4517",
            ArchiveType,
            "links too long for realpath, then a step up",
            archive(&[
                dir(&"d".repeat(90)),
                link("a", &"d".repeat(90)),
                link("escape", "a/../../../../etc"),
                file("escape/passwd", b"evil"),
            ]),
        ),
        (
            "gnu-sparse-1-0",
            ArchivePax,
            "a sparse file by pax records",
            archive(&[
                pax(&[record("GNU.sparse.major", "1"), record("GNU.sparse.realsize", "99999999999")].concat()),
                file("GNUSparseFile.0/f", b"0\n"),
            ]),
        ),
    ]
}

fn budgets() -> Vec<Vector> {
    let bytes = archive(&[file("a", b"12345"), file("b", b"678")]);
    [
        ("entries-more", "2 entries where 1 is stated", "1", "8"),
        ("entries-fewer", "2 entries where 3 are stated", "3", "8"),
        ("bytes-more", "8 bytes of content where 7 are stated", "2", "7"),
        ("bytes-fewer", "8 bytes of content where 9 are stated", "2", "9"),
    ]
    .into_iter()
    .map(|(name, comment, entries, content)| {
        let vector = Vector::new("archive", name, Some(Rule::ArchiveBudget), comment, bytes.clone());
        vector.with("entries", entries).with("bytes", content)
    })
    .collect()
}
