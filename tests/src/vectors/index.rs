//! Indices of one archive: one that says what the archive says, and others.

use pouch_format::{Declaration, IndexEnd, IndexEntry, IndexHead, PostgresqlDeclaration, Rule, VERSION, write_line};

use super::archive::{Tree, payload};
use super::{Result, Vector};

/// The archive that these indices are of.
const ARCHIVE: &str = "two-entries";

/// The index of a tree.
pub(super) fn write(registry: &str, sequence: u64, tree: &Tree, declaration: Declaration) -> Result<Vec<u8>> {
    let mut index = Vec::new();
    write_line(&mut index, &IndexHead { version: VERSION, registry: registry.parse()?, sequence });
    let mut head = Vec::new();
    let mut offset = 0;
    for (path, mtime, content) in tree {
        let (path, mtime): (pouch_format::EntryPath, i64) = (path.parse()?, *mtime);
        head.clear();
        let size = content.as_ref().map_or(0, Vec::len) as u64;
        let kind = match content {
            None => pouch_archive::EntryHead::Directory { mtime },
            Some(_) => pouch_archive::EntryHead::File { mtime, size },
        };
        pouch_archive::write_head(&mut head, &path, kind);
        offset += head.len() as u64;
        match content {
            None => write_line(&mut index, &IndexEntry::Directory { path, mode: 0o755, mtime }),
            Some(bytes) => {
                let blake3 = pouch_format::Blake3Digest(*blake3::hash(bytes).as_bytes());
                write_line(&mut index, &IndexEntry::File { path, mode: 0o644, mtime, size, offset, blake3 });
            }
        }
        offset += size.next_multiple_of(512);
    }
    write_line(&mut index, &IndexEnd { entries: tree.len() as u64, declaration });
    Ok(index)
}

/// All of them.
pub(super) fn vectors() -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for (name, comment, tree) in super::archive::trees() {
        let index = write("land", 2, &tree, Declaration::Directory {})?;
        let vector = Vector::new("index", name, None, comment, index).with("payload-sha256", payload(&tree));
        vectors.push(of(name, vector));
    }
    let trees = super::archive::trees();
    let tree = trees.into_iter().find(|(name, ..)| *name == ARCHIVE).map(|(_, _, tree)| tree).unwrap_or_default();
    let command = Declaration::Command { program: "/usr/bin/dump \"all\"\n\u{1}\u{7f}õ".to_owned().try_into()? };
    for (name, comment, declaration) in [
        ("declaration-command", "a text with every sort of escape", command),
        ("declaration-postgresql", "everything that a server says of itself", postgresql()?),
    ] {
        let vector = Vector::new("index", name, None, comment, write("land", 2, &tree, declaration)?);
        vectors.push(of(ARCHIVE, vector.with("payload-sha256", payload(&tree))));
    }
    let text = String::from_utf8(write("land", 2, &tree, Declaration::Directory {})?)?;
    for (name, rule, comment, from, to) in EDITS {
        let edited = text.replacen(from, to, 1);
        if edited == text {
            sequoia_openpgp::anyhow::bail!("index-{name}: nothing to edit");
        }
        vectors.push(of(ARCHIVE, Vector::new("index", name, Some(*rule), comment, edited.into_bytes())));
    }
    let refused = |name, rule, comment, bytes| of(ARCHIVE, Vector::new("index", name, Some(rule), comment, bytes));
    let digest =
        refused("other-digest", Rule::IndexMismatch, "another index than the one that was signed", text.clone().into());
    vectors.push(digest.with_changed("index-blake3", "00".repeat(32)));
    let huge = refused("line-too-long", Rule::IndexSyntax, "a line of more than 16 MiB", first_line(&text).into());
    vectors.push(huge.with("append", format!("{} 78", (16 << 20) + 1)));
    let digest = blake3::hash(b"15\n").to_hex();
    let other = text.replace(digest.as_str(), &"00".repeat(32));
    vectors.push(refused("entry-blake3", Rule::IndexMismatch, "another digest of a file", other.into_bytes()));
    let long = format!("{{\"source\":\"command\",\"program\":\"{}\"}}", "x".repeat(4097));
    let long = text.replace("{\"source\":\"directory\"}", &long);
    vectors.push(refused("declaration-text-too-long", Rule::IndexSyntax, "a program of 4097 bytes", long.into_bytes()));
    let mut latin = text.clone().into_bytes();
    latin.iter_mut().rev().filter(|byte| **byte == b'G').take(1).for_each(|byte| *byte = 0xE9);
    vectors.push(refused("not-utf-8", Rule::IndexSyntax, "a byte that is not UTF-8", latin));
    vectors.push(refused("empty-line", Rule::IndexSyntax, "no head but an empty line", b"\n".to_vec()));
    Ok(vectors)
}

fn first_line(text: &str) -> &str {
    text.split_inclusive('\n').next().unwrap_or_default()
}

/// The header lines of an index of this archive.
fn of(archive: &str, vector: Vector) -> Vector {
    let digest = blake3::hash(&vector.bytes().unwrap_or_default()).to_hex().to_string();
    vector
        .with("registry", "land")
        .with("sequence", "2")
        .with("index-blake3", digest)
        .with("archive", format!("archive-{archive}"))
}

fn postgresql() -> Result<Declaration> {
    let json = r#"{"system_identifier":"7300000000000000001","server_version":"15.14 (Debian 15.14-0+deb12u1)","server_version_num":150014,"wal_segment_bytes":16777216,"data_checksums":true,"timeline":1,"start_lsn":"1A/2000028","stop_lsn":"1A/2B000100","tablespaces":[{"oid":16385,"location":"/srv/fast"}],"databases":[{"database":"land","tables":[{"schema":"public","table":"õigus","rows_before":3,"rows_after":null}]}]}"#;
    let declaration: PostgresqlDeclaration = serde_json::from_str(json)?;
    Ok(Declaration::Postgresql(Box::new(declaration)))
}

type Edit = (&'static str, Rule, &'static str, &'static str, &'static str);

const EDITS: &[Edit] = &[
    ("unknown-field", Rule::IndexSyntax, "a field that nobody knows", ",\"mode\"", ",\"owner\":0,\"mode\""),
    ("missing-field", Rule::IndexSyntax, "no mode", "\"mode\":493,", ""),
    ("duplicate-field", Rule::IndexSyntax, "a field twice", "\"mode\":493", "\"mode\":493,\"mode\":493"),
    ("unknown-type", Rule::IndexSyntax, "an entry that is neither", "\"type\":\"directory\"", "\"type\":\"symlink\""),
    (
        "field-order",
        Rule::IndexSyntax,
        "two fields in another order",
        "\"type\":\"directory\",\"path\":\"data\"",
        "\"path\":\"data\",\"type\":\"directory\"",
    ),
    ("white-space", Rule::IndexSyntax, "a space after a comma", ",\"mtime\"", ", \"mtime\""),
    ("carriage-return", Rule::IndexSyntax, "a carriage return before the line feed", "}\n", "}\r\n"),
    ("mtime-fraction", Rule::IndexSyntax, "an mtime with a fraction", "\"mtime\":1763953450", "\"mtime\":1763953450.5"),
    ("mode-setuid", Rule::IndexSyntax, "more than permission bits", "\"mode\":420", "\"mode\":2468"),
    ("path-up", Rule::IndexSyntax, "a path that no archive can have", "\"data\"", "\"../data\""),
    (
        "declaration-unknown",
        Rule::IndexSyntax,
        "a source that nobody knows",
        "\"source\":\"directory\"",
        "\"source\":\"oracle\"",
    ),
    (
        "declaration-more",
        Rule::IndexSyntax,
        "a field too many in the declaration",
        "\"source\":\"directory\"",
        "\"source\":\"directory\",\"path\":\"/\"",
    ),
    (
        "head-missing",
        Rule::IndexSyntax,
        "an entry where the head must stand",
        "{\"pouch-index\":1,\"registry\":\"land\",\"sequence\":2}\n",
        "",
    ),
    ("head-version", Rule::IndexMismatch, "a later version", "\"pouch-index\":1", "\"pouch-index\":2"),
    ("head-registry", Rule::IndexMismatch, "the head of another registry", "\"land\"", "\"business\""),
    ("head-sequence", Rule::IndexMismatch, "the head of another pouch", "\"sequence\":2", "\"sequence\":3"),
    ("entry-path", Rule::IndexMismatch, "another path", "data/PG_VERSION", "data/PG_VERSIOM"),
    (
        "entry-kind",
        Rule::IndexMismatch,
        "a file where the archive has a directory",
        "{\"type\":\"directory\",\"path\":\"data\",\"mode\":493,\"mtime\":1763953450}",
        "{\"type\":\"file\",\"path\":\"data\",\"mode\":493,\"mtime\":1763953450,\"size\":0,\"offset\":512,\"blake3\":\"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262\"}",
    ),
    ("entry-mtime", Rule::IndexMismatch, "another mtime", "\"mtime\":1763953450", "\"mtime\":1763953451"),
    ("entry-size", Rule::IndexMismatch, "another size", "\"size\":3", "\"size\":4"),
    ("entry-offset", Rule::IndexMismatch, "another place in the archive", "\"offset\":1024", "\"offset\":1025"),
    ("entries", Rule::IndexMismatch, "another number of entries", "\"entries\":2", "\"entries\":3"),
    ("end-missing", Rule::IndexMismatch, "no end", "{\"entries\":2,\"declaration\":{\"source\":\"directory\"}}\n", ""),
    ("no-line-feed", Rule::IndexMismatch, "the last line does not end", "\"directory\"}}\n", "\"directory\"}}"),
    ("trailing", Rule::IndexMismatch, "a line after the end", "\"directory\"}}\n", "\"directory\"}}\n{}\n"),
];
