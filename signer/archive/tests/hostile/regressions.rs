//! Attacks that other readers fell for, by the name under which they became known.

use pouch_format::Rule;

use super::{
    Case,
    build::{Header, archive, dir, file, pax_header, record},
};

pub fn cases() -> Vec<Case> {
    let hidden = archive(&[file("hidden", b"evil")]);
    let symlink = |name: &str, target: &str| Header::new(b'2', name.as_bytes()).link(target.as_bytes()).build();
    let case = |name: &str, rule, parts: &[Vec<u8>]| Case::new(name, rule, archive(parts));
    vec![
        // A hard link to a file outside, and then content for its name.
        case(
            "cve-2018-20990-hard-link",
            Rule::ArchiveType,
            &[Header::new(b'1', b"link").link(b"/etc/passwd").build(), file("link", b"evil")],
        ),
        case("cve-2018-20990-symlink", Rule::ArchiveType, &[symlink("link", "/etc/passwd"), file("link", b"evil")]),
        // Directories made through a symbolic link.
        case("cve-2021-38511", Rule::ArchiveType, &[symlink("d", "/tmp"), dir("d/evil/")]),
        // A size in a pax record that one reader heeds and another does not.
        case(
            "cve-2025-62518-header-zero",
            Rule::ArchiveSize,
            &[
                pax_header(&record("size", hidden.len().to_string())),
                Header::new(b'0', b"outer.tar").build(),
                hidden.clone(),
            ],
        ),
        case(
            "cve-2026-33055-pax-zero",
            Rule::ArchiveSize,
            &[pax_header(&record("size", "0")), file("outer.tar", &hidden)],
        ),
        case(
            "ghsa-3pv8-6f4r-ffg2-directory",
            Rule::ArchiveSize,
            &[pax_header(&record("size", hidden.len().to_string())), dir("d/"), hidden.clone()],
        ),
        case(
            "ghsa-3pv8-6f4r-ffg2-long-name",
            Rule::ArchiveType,
            &[
                pax_header(&record("size", "1024")),
                Header::new(b'L', b"././@LongLink").gnu_magic().with(b"long\0"),
                file("f", &[b'x'; 1024]),
            ],
        ),
        case(
            "ghsa-3pv8-6f4r-ffg2-second-pax",
            Rule::ArchivePax,
            &[pax_header(&record("size", "1024")), pax_header(&record("path", "g")), file("f", &[b'x'; 1024])],
        ),
        // A directory entry whose name is already a link: its mode lands on the target.
        case(
            "cve-2026-33056",
            Rule::ArchiveType,
            &[symlink("d", "/etc"), Header::new(b'5', b"d/").mode(0o777).build()],
        ),
        // A chain of links too long for realpath, and then a step up.
        case(
            "cve-2025-4517",
            Rule::ArchiveType,
            &[
                dir(&format!("{}/", "d".repeat(90))),
                symlink("a", &"d".repeat(90)),
                symlink("escape", "a/../../../../etc"),
                file("escape/passwd", b"evil"),
            ],
        ),
        // A sparse file of the three GNU ways, and of the old one.
        case(
            "sparse-pax-0-0",
            Rule::ArchivePax,
            &[
                pax_header(&[record("GNU.sparse.size", "10000"), record("GNU.sparse.numblocks", "0")].concat()),
                file("f", b""),
            ],
        ),
        case(
            "sparse-pax-1-0",
            Rule::ArchivePax,
            &[
                pax_header(&[record("GNU.sparse.major", "1"), record("GNU.sparse.realsize", "99999999999")].concat()),
                file("GNUSparseFile.0/f", b"0\n"),
            ],
        ),
        case(
            "sparse-old-gnu",
            Rule::ArchiveType,
            &[Header::new(b'S', b"f").gnu_magic().put(483, b"77777777777").build()],
        ),
    ]
}
