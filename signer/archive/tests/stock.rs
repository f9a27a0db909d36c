//! Stock tools read what we write, all of them the same; and we accept what they write as POSIX says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
};

use common::{Root, Told, pack, read_back, sample, told, unpack};
use pouch_archive::{Budget, Discard, END, EntryHead, Mode, Verdict, lint, padding, walk, write_head};
use pouch_format::Totals;

fn run(command: &mut Command) -> Vec<u8> {
    let output =
        command.stderr(Stdio::inherit()).output().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    assert!(output.status.success(), "{command:?} fails");
    output.stdout
}

/// Archive and unpacked tree of the sample.
fn packed(scratch: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (archive, tree) = (scratch.join("sample.tar"), scratch.join("ours"));
    fs::write(&archive, pack(&sample())).unwrap();
    unpack(&fs::read(&archive).unwrap(), Mode::Canonical, &tree).unwrap();
    (archive, tree)
}

#[test]
fn gnu_tar_unpacks_the_same_tree() {
    let scratch = tempfile::tempdir().unwrap();
    let (archive, ours) = packed(scratch.path());
    let theirs = scratch.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    run(Command::new("tar").args(["--no-same-owner", "-p", "-xf"]).arg(&archive).arg("-C").arg(&theirs));
    assert_eq!(read_back(&theirs), read_back(&ours));
    assert_eq!(read_back(&theirs), sample());
}

#[test]
fn python_reads_the_same_tree() {
    let scratch = tempfile::tempdir().unwrap();
    let (archive, _) = packed(scratch.path());
    let script = r#"
import sys, tarfile, hashlib
with tarfile.open(sys.argv[1], "r:", errorlevel=2) as tar:
    for entry in tar:
        kind = "d" if entry.isdir() else "f" if entry.isreg() else "?"
        content = tar.extractfile(entry).read().hex() if entry.isreg() else ""
        print(kind, oct(entry.mode), entry.uid, entry.gid, entry.uname + entry.gname, int(entry.mtime), entry.size,
              entry.offset_data if entry.isreg() else 0, entry.name, content, sep="\t")
"#;
    let said = run(Command::new("python3").args(["-c", script]).arg(&archive).env("PYTHONIOENCODING", "utf-8"));
    let mut expected = String::new();
    for Told { path, mtime, offset, content } in told(&fs::read(&archive).unwrap()).unwrap() {
        let line = match content {
            None => format!("d\t0o700\t0\t0\t\t{mtime}\t0\t0\t{path}\t\n"),
            Some(content) => {
                let hex: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("f\t0o600\t0\t0\t\t{mtime}\t{}\t{offset}\t{path}\t{hex}\n", content.len())
            }
        };
        expected.push_str(&line);
    }
    assert_eq!(String::from_utf8(said).unwrap(), expected);
}

#[test]
fn gnu_tar_finds_nothing_to_complain_about() {
    let scratch = tempfile::tempdir().unwrap();
    let (archive, ours) = packed(scratch.path());
    let output = Command::new("tar")
        .args(["--compare", "--warning=all", "-f"])
        .arg(&archive)
        .arg("-C")
        .arg(&ours)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // Only the owner may differ, for tar knows whom the files here belong to.
    let odd: Vec<_> = said.lines().filter(|line| !line.ends_with("id differs")).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

/// A file beyond 8 GiB, as a hole, and another behind it: whoever misreads the size does not find the second.
#[test]
fn a_file_beyond_8_gib_is_read_by_all() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("huge.tar");
    let size = (8 << 30) + 5;
    let mut archive = fs::File::create(&path).unwrap();
    let mut head = Vec::new();
    write_head(&mut head, &"huge".parse().unwrap(), EntryHead::File { mtime: 1, size });
    archive.write_all(&head).unwrap();
    archive.seek(SeekFrom::Current(i64::try_from(size).unwrap() + padding(size).len() as i64)).unwrap();
    head.clear();
    write_head(&mut head, &"behind".parse().unwrap(), EntryHead::File { mtime: 2, size: 6 });
    archive.write_all(&[&head, &b"behind"[..], padding(6), &END].concat()).unwrap();
    drop(archive);

    let totals = Totals { entries: 2, bytes: size + 6 };
    let opened = fs::File::open(&path).unwrap();
    assert_eq!(walk(opened, Mode::Canonical, Budget::exactly(totals), &mut Discard).unwrap(), totals);
    let listed = run(Command::new("tar").args(["--utc", "--full-time", "-tvf"]).arg(&path));
    let listed = String::from_utf8(listed).unwrap();
    let expected = [("8589934597", "1970-01-01 00:00:01 huge"), ("6", "1970-01-01 00:00:02 behind")];
    for (line, (size, rest)) in listed.lines().zip(expected) {
        assert!(line.starts_with("-rw------- 0/0 ") && line.ends_with(&format!(" {size} {rest}")), "{line}");
    }
    assert_eq!(listed.lines().count(), 2);
    let script = "import sys, tarfile\nfor e in tarfile.open(sys.argv[1], 'r:'): print(e.name, e.size, e.offset_data)";
    let listed = run(Command::new("python3").args(["-c", script]).arg(&path));
    let behind = 1536 + size + padding(size).len() as u64 + 512;
    assert_eq!(String::from_utf8(listed).unwrap(), format!("huge {size} 1536\nbehind 6 {behind}\n"));
}

/// Everything at the top of a tree, as arguments.
fn top(tree: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(tree).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn accepted(archive: &[u8], expected: &common::Tree) {
    match lint(archive).unwrap() {
        Verdict::Accepted(_) => {}
        Verdict::Refused { rule, offset, text } => panic!("{rule} at {offset}: {text}"),
    }
    let root = Root::new();
    unpack(archive, Mode::Strict, &root.path()).unwrap();
    assert_eq!(&read_back(&root.path()), expected);
}

#[test]
fn gnu_tar_in_posix_format_is_accepted() {
    let scratch = tempfile::tempdir().unwrap();
    let (_, ours) = packed(scratch.path());
    let archive = run(Command::new("tar")
        .args(["--format=posix", "--pax-option=delete=atime,delete=ctime", "--sort=name", "-c", "-C"])
        .arg(&ours)
        .args(top(&ours)));
    accepted(&archive, &sample());
}

#[test]
fn gnu_tar_in_ustar_format_is_accepted() {
    let scratch = tempfile::tempdir().unwrap();
    let (_, ours) = packed(scratch.path());
    // What ustar cannot say is left out: times beyond 33 bits. The long name fits by its prefix.
    let mut tree = sample();
    tree.retain(|path, (mtime, _)| (0..1 << 33).contains(mtime) && !path.as_str().starts_with("Straßen"));
    let mut names: Vec<_> = tree.keys().map(|path| path.as_str().to_owned()).collect();
    names.sort();
    let archive =
        run(Command::new("tar").args(["--format=ustar", "--no-recursion", "-c", "-C"]).arg(&ours).args(names));
    accepted(&archive, &tree);
}

#[test]
fn gnu_tar_in_ustar_format_with_prefixes_is_accepted() {
    let scratch = tempfile::tempdir().unwrap();
    let mut tree = common::Tree::new();
    let mut place = String::new();
    for depth in 0..8 {
        place = format!("{place}{}directory-of-a-long-name-{depth}", if place.is_empty() { "" } else { "/" });
        tree.insert(common::path(&place), (depth, None));
    }
    tree.insert(common::path(&format!("{place}/file")), (5, Some(b"deep".to_vec())));
    let source = scratch.path().join("source");
    unpack(&pack(&tree), Mode::Canonical, &source).unwrap();
    let archive = run(Command::new("tar").args(["--format=ustar", "-c", "-C"]).arg(&source).args(top(&source)));
    accepted(&archive, &tree);
}

#[test]
fn python_in_pax_format_is_accepted() {
    let scratch = tempfile::tempdir().unwrap();
    let (_, ours) = packed(scratch.path());
    let script = r#"
import sys, tarfile, os
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as tar:
    for name in sorted(os.listdir(sys.argv[1])):
        tar.add(os.path.join(sys.argv[1], name), name)
"#;
    let archive = run(Command::new("python3").args(["-c", script]).arg(&ours).env("PYTHONUTF8", "1"));
    accepted(&archive, &sample());
}

#[test]
fn gnu_tar_in_its_own_format_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (_, ours) = packed(scratch.path());
    let archive = run(Command::new("tar").args(["--format=gnu", "-c", "-C"]).arg(&ours).args(top(&ours)));
    let Verdict::Refused { rule, .. } = lint(archive.as_slice()).unwrap() else { panic!("accepted") };
    assert_eq!(rule, pouch_format::Rule::ArchiveHeader);
}
