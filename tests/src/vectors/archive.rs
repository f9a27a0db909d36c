//! Archives as a writer makes them.

use pouch_archive::CanonicalTar;
use pouch_format::EntryPath;

use super::{Result, Vector, sha256};

/// What a tree holds, in the order of its archive: path, mtime, and the content of a file.
pub(super) type Tree = Vec<(String, i64, Option<Vec<u8>>)>;

/// The trees of the sound archives, by name.
pub(super) fn trees() -> Vec<(&'static str, &'static str, Tree)> {
    let folder = |path: &str, mtime| (path.to_owned(), mtime, None);
    let note = |path: &str, mtime, content: &[u8]| (path.to_owned(), mtime, Some(content.to_vec()));
    let deep = (1..=64).map(|depth| folder(&vec!["d"; depth].join("/"), 7)).collect();
    let long = |folders: usize| vec!["f".repeat(255); folders].join("/");
    let hundred = "n".repeat(100);
    vec![
        ("empty", "no entry: two zero blocks", vec![]),
        (
            "two-entries",
            "a directory and a file in it",
            vec![folder("data", 1_763_953_450), note("data/PG_VERSION", 1_763_953_450, b"15\n")],
        ),
        ("no-content", "a file of no bytes", vec![note("empty", 0, b"")]),
        (
            "block-sizes",
            "files of 511, 512 and 513 bytes",
            vec![note("a", 1, &[b'a'; 511]), note("b", 2, &[b'b'; 512]), note("c", 3, &[b'c'; 513])],
        ),
        (
            "not-sorted",
            "any order, as long as a directory comes before what is in it",
            vec![note("z", 1, b"z"), folder("b", 2), folder("a", 3), note("b/x", 4, b"x"), note("a/y", 5, b"y")],
        ),
        (
            "estonian",
            "names outside ASCII stand in a pax record",
            vec![
                folder("kinnistusraamat", 9),
                note("kinnistusraamat/Põhja-Eesti šahtid ja žurnaal.txt", 9, "õigus\n".as_bytes()),
            ],
        ),
        (
            "german",
            "u-umlaut and sharp s are letters of their own",
            vec![folder("Bürgerämter", 9), note("Bürgerämter/Straße", 9, b"1"), note("Bürgerämter/Strase", 9, b"2")],
        ),
        (
            "cyrillic",
            "names in Cyrillic",
            vec![folder("Реестр", 9), folder("Реестр/недвижимость", 9), note("Реестр/недвижимость/Йод.db", 9, b"I")],
        ),
        ("quotes", "quotes and spaces are characters like others", vec![note("it's \"quoted\" ?*<>|:", 9, b"q")]),
        ("name-100", "a name of 100 bytes needs no record", vec![note(&hundred, 9, b"x")]),
        ("name-101", "a name of 101 bytes does", vec![note(&format!("{hundred}n"), 9, b"x")]),
        ("directory-100", "a directory's slash counts", vec![folder(&hundred, 9)]),
        (
            "path-long",
            "components of 255 bytes, and the header's name cut after 100",
            vec![
                folder(&long(1), 9),
                folder(&long(2), 9),
                folder(&long(3), 9),
                note(&format!("{}/x", long(3)), 9, b"deep"),
            ],
        ),
        (
            "name-cut-in-character",
            "the header's name is cut where a character ends",
            vec![note(&format!("{}õ", "n".repeat(99)), 9, b"x")],
        ),
        ("depth-64", "64 directories in one another", deep),
        (
            "mtime-before-1970",
            "an mtime below 0 stands in a pax record",
            vec![note("old", -86_400, b"1969"), folder("older", -2_208_988_800)],
        ),
        (
            "mtime-2242",
            "the first mtime that does not fit 11 octal digits",
            vec![note("last", (1 << 33) - 1, b""), note("next", 1 << 33, b"")],
        ),
    ]
}

/// The archive of a tree, by the real writer.
pub(super) fn write(tree: &Tree) -> Result<Vec<u8>> {
    let mut tar = CanonicalTar::new(Vec::new());
    for (path, mtime, content) in tree {
        let path: EntryPath = path.parse()?;
        match content {
            None => tar.append_dir(&path, *mtime)?,
            Some(bytes) => drop(tar.append_file(&path, bytes.len() as u64, *mtime, &mut bytes.as_slice())?),
        }
    }
    Ok(tar.finish()?.inner)
}

/// The listing that stands for a tree: by path, one line an entry and the content behind that of a file.
pub(super) fn payload(tree: &Tree) -> String {
    let mut sorted: Vec<_> = tree.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut listing = Vec::new();
    for (path, mtime, content) in sorted {
        match content {
            None => listing.extend(format!("directory {mtime} {path}\n").bytes()),
            Some(bytes) => {
                listing.extend(format!("file {mtime} {} {path}\n", bytes.len()).bytes());
                listing.extend(bytes);
            }
        }
    }
    sha256(&listing)
}

/// All of them.
pub(super) fn vectors() -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for (name, comment, tree) in trees() {
        let bytes: usize = tree.iter().filter_map(|(_, _, content)| content.as_ref()).map(Vec::len).sum();
        let vector = Vector::new("archive", name, None, comment, write(&tree)?);
        let vector = vector.with("entries", tree.len().to_string()).with("bytes", bytes.to_string());
        vectors.push(vector.with("payload-sha256", payload(&tree)));
    }
    vectors.extend(super::archive_faults::vectors());
    Ok(vectors)
}
