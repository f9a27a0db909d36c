//! Every accepted vector with a byte changed, cut off or added: refused, or exactly what it was, and never a panic.
//!
//! Manifests and archives alone are not protected by a digest; there an accepted change must be another statement in its
//! one encoding. Where all bytes would take too long, every n-th is taken.

#![cfg(test)]

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acceptance::vectors::read::{Verdict, judge, profile, trust};
use acceptance::vectors::{Folder, Vector, sha256, unhex};
use pouch_archive::{Budget, CanonicalTar, Mode, Sink, TreeWriter, walk};
use pouch_format::{EntryPath, Manifest, Part, Sha256Digest, Totals};
use pouch_open::{PouchKey, Source, check, spool};
use pouch_platform::Dir;

/// Places at most at which a vector of a kind that is slow to judge is changed.
const SLOW: usize = 100;
/// Places at most at which any file is changed.
const MOST: usize = 40_000;

/// Bytes in one of their 8 bits changed, then cut, then with something behind.
fn mutations(bytes: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> {
    let places = move || (0..bytes.len()).step_by(step.max(1));
    let flipped = places().map(move |at| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (at % 8);
        changed
    });
    let cut = places().map(move |at| bytes[..at].to_vec());
    let added = [&[0][..], b"\n", bytes].into_iter().map(move |more| [bytes, more].concat());
    flipped.chain(cut).chain(added)
}

/// The step that makes at most so many places.
fn step(bytes: &[u8], places: usize) -> usize {
    bytes.len().div_ceil(places)
}

fn manifest(vector: &Vector) -> usize {
    let bytes = vector.bytes().unwrap();
    let each = |changed: Vec<u8>| {
        if let Ok(manifest) = Manifest::parse(&changed) {
            assert_eq!(manifest.to_bytes(), changed, "{}", vector.name);
        }
    };
    mutations(&bytes, 1).map(each).count()
}

/// Writes what it is told as an archive.
struct Rewrite {
    tar: CanonicalTar<Vec<u8>>,
    file: Option<(EntryPath, u64, i64, Vec<u8>)>,
}

impl Sink for Rewrite {
    type Error = Infallible;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Infallible> {
        self.tar.append_dir(path, mtime).unwrap();
        Ok(())
    }

    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, _: u64) -> Result<(), Infallible> {
        self.file = Some((path.clone(), size, mtime, Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.file.as_mut().unwrap().3.extend(bytes);
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Infallible> {
        let (path, size, mtime, content) = self.file.take().unwrap();
        self.tar.append_file(&path, size, mtime, &mut content.as_slice()).unwrap();
        Ok(())
    }

    fn end(&mut self, _: Totals) -> Result<(), Infallible> {
        Ok(())
    }
}

fn archive(vector: &Vector) -> usize {
    let bytes = vector.bytes().unwrap();
    let each = |changed: Vec<u8>| {
        let mut rewrite = Rewrite { tar: CanonicalTar::new(Vec::new()), file: None };
        if walk(changed.as_slice(), Mode::Canonical, Budget::LIMITS, &mut rewrite).is_ok() {
            assert!(rewrite.tar.finish().unwrap().inner == changed, "{}: two archives say the same", vector.name);
        }
        // The strict mode reads what others made: it must only not panic.
        let _ = pouch_archive::lint(changed.as_slice()).unwrap();
    };
    mutations(&bytes, step(&bytes, MOST)).map(each).count()
}

/// Changed parts are stated as they are, so that the readers behind size and digest see them.
fn part(vector: &Vector) -> usize {
    let bytes = vector.bytes().unwrap();
    let right: Part = serde_json::from_str(vector.need("part").unwrap()).unwrap();
    let profile = profile(vector.need("profile").unwrap()).unwrap();
    let key: [u8; 32] = unhex(vector.need("session-key").unwrap()).unwrap().try_into().unwrap();
    let places = if bytes.len() > 1 << 16 { SLOW } else { MOST };
    let each = |changed: Vec<u8>| {
        let sha256_of = Sha256Digest(openssl::sha::sha256(&changed));
        let stated = Part { size: changed.len() as u64, sha256: sha256_of, ..right.clone() };
        let Ok(key) = PouchKey::from_session_key(profile, &key, &stated, &changed) else { return };
        if let Ok(content) = key.open(&stated, changed) {
            assert_eq!(Some(sha256(&content).as_str()), vector.get("payload-sha256"), "{}", vector.name);
        }
    };
    mutations(&bytes, step(&bytes, places)).map(each).count()
}

/// No byte of a signature file can be changed unnoticed.
fn signature(vector: &Vector, folder: &Folder, scratch: &Path) -> usize {
    assert_eq!(judge(vector, folder, scratch).unwrap(), Verdict::Accepted(None), "{}", vector.name);
    let trust = trust(vector, folder, &scratch.join("trust-again")).unwrap();
    let bytes = vector.bytes().unwrap();
    let each = |changed: Vec<u8>| {
        fs::write(scratch.join("source").join(pouch_format::SIGNATURE_FILE), &changed).unwrap();
        let checked = Source::open(scratch.join("source")).and_then(spool).map(|spooled| check(spooled, &trust));
        assert!(!matches!(checked, Ok(Ok(_))), "{}: {changed:02X?} is accepted", vector.name);
    };
    mutations(&bytes, step(&bytes, MOST)).map(each).count()
}

/// A changed index is always another one than the one that was signed; a tar in transit has one spelling.
fn whole(vector: &Vector, folder: &Folder) -> usize {
    let bytes = vector.bytes().unwrap();
    let each = |changed: Vec<u8>| {
        let scratch = scratch();
        let verdict = judge(&vector.with_bytes(changed), folder, scratch.path()).unwrap();
        assert!(matches!(verdict, Verdict::Refused(_)), "{}", vector.name);
    };
    mutations(&bytes, step(&bytes, SLOW)).map(each).count()
}

/// Every file of a pouch, changed on its own.
fn pouch(vector: &Vector, folder: &Folder, scratch: &Path) -> usize {
    let source = scratch.join("source");
    let mut files = TreeWriter::new(Dir::open_private(&source).unwrap(), Budget::LIMITS, |_| Ok::<(), Infallible>(()));
    walk(vector.bytes().unwrap().as_slice(), Mode::Strict, Budget::LIMITS, files.as_mut().unwrap()).unwrap();
    let trust = trust(vector, folder, &scratch.join("trust")).unwrap();
    let accepted = || matches!(Source::open(&source).and_then(spool).map(|s| check(s, &trust)), Ok(Ok(_)));
    assert!(accepted(), "{}", vector.name);
    let mut count = 0;
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for changed in mutations(&bytes, step(&bytes, SLOW)) {
            fs::write(&path, &changed).unwrap();
            assert!(!accepted(), "{}: a changed {} is accepted", vector.name, path.display());
            count += 1;
        }
        fs::write(&path, &bytes).unwrap();
    }
    count
}

fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn no_accepted_vector_can_be_changed_unnoticed() {
    let folder = Folder::kept();
    let vectors: Vec<Vector> =
        folder.vectors().unwrap().into_iter().filter(|vector| vector.expect().unwrap().is_none()).collect();
    let next = AtomicUsize::new(0);
    let judged = AtomicUsize::new(0);
    let work = || {
        while let Some(vector) = vectors.get(next.fetch_add(1, Ordering::Relaxed)) {
            let scratch = scratch();
            let count = match vector.kind() {
                "manifest" => manifest(vector),
                "archive" => archive(vector),
                "part" => part(vector),
                "signature" => signature(vector, &folder, scratch.path()),
                "index" | "transit" => whole(vector, &folder),
                _ => pouch(vector, &folder, scratch.path()),
            };
            judged.fetch_add(count, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let judged = judged.into_inner();
    assert!(judged > 100_000, "only {judged} mutations");
}
