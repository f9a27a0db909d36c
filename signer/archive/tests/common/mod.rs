//! Trees of files as values: made up, written as canonical archives, unpacked, read back.

#![allow(dead_code, unreachable_pub, reason = "several tests include this file, and each uses a part of it")]

use std::{collections::BTreeMap, convert::Infallible, fs, os::unix::fs::MetadataExt, path::Path};

use pouch_archive::{Budget, CanonicalTar, EntryKind, EntryReport, Mode, Sink, TreeError, TreeWriter, WalkError, walk};
use pouch_format::{Blake3Digest, EntryPath, Totals};
use pouch_platform::Dir;
use proptest::prelude::*;

/// Path to time of change and, for a file, content.
pub type Tree = BTreeMap<EntryPath, (i64, Option<Vec<u8>>)>;

pub fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

/// A tree as a canonical archive.
pub fn pack(tree: &Tree) -> Vec<u8> {
    let mut tar = CanonicalTar::new(Vec::new());
    for (path, (mtime, content)) in tree {
        match content {
            None => tar.append_dir(path, *mtime).unwrap(),
            Some(content) => {
                let offset = tar.append_file(path, content.len() as u64, *mtime, &mut content.as_slice()).unwrap();
                assert_eq!(offset % 512, 0);
            }
        }
    }
    let finished = tar.finish().unwrap();
    assert_eq!(finished.length, finished.inner.len() as u64);
    assert_eq!(finished.totals, totals(tree));
    finished.inner
}

pub fn totals(tree: &Tree) -> Totals {
    let bytes = tree.values().filter_map(|(_, content)| content.as_ref()).map(|content| content.len() as u64).sum();
    Totals { entries: tree.len() as u64, bytes }
}

/// Unpacks into `root`; every report is compared with the archive that it speaks of.
pub fn unpack(archive: &[u8], mode: Mode, root: &Path) -> Result<Totals, WalkError<TreeError<Infallible>>> {
    let on_entry = |report: &EntryReport<'_>| {
        if let EntryKind::File { size, offset, blake3 } = report.kind {
            let content = &archive[offset as usize..][..size as usize];
            assert_eq!(blake3, Blake3Digest(*::blake3::hash(content).as_bytes()), "{}", report.path);
        }
        Ok::<_, Infallible>(())
    };
    let dir = Dir::open_private(root).unwrap();
    let mut writer = TreeWriter::new(dir, Budget::LIMITS, on_entry).map_err(WalkError::Sink)?;
    let totals = walk(archive, mode, Budget::LIMITS, &mut writer)?;
    assert_eq!(writer.commit().map_err(WalkError::Sink)?, totals);
    Ok(totals)
}

/// What lies beneath a directory once all is written.
pub fn read_back(root: &Path) -> Tree {
    look(root, &|path, metadata| assert_eq!(metadata.mtime_nsec(), 0, "{path}"))
}

/// What lies beneath a directory; nothing but private files and directories may.
pub fn look(root: &Path, check: &dyn Fn(&EntryPath, &fs::Metadata)) -> Tree {
    let mut tree = Tree::new();
    let mut left = vec![root.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let place = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&place).unwrap();
            let path = path(place.strip_prefix(root).unwrap().to_str().unwrap());
            let content = if metadata.is_dir() {
                assert_eq!(metadata.mode() & 0o7777, 0o700, "{path}");
                left.push(place.clone());
                None
            } else {
                assert!(metadata.is_file(), "{path}");
                assert_eq!(metadata.mode() & 0o7777, 0o600, "{path}");
                assert_eq!(metadata.nlink(), 1, "{path}");
                Some(fs::read(&place).unwrap())
            };
            check(&path, &metadata);
            tree.insert(path, (metadata.mtime(), content));
        }
    }
    tree
}

/// A small tree with everything in it: all three records, three languages, empty and not, block sizes.
pub fn sample() -> Tree {
    let file = |content: &[u8]| Some(content.to_vec());
    let long = "pikk-nimi-".repeat(12);
    Tree::from([
        (path("Maakataster"), (1_700_000_000, None)),
        (path("Maakataster/Põhja-Eesti žurnaal.txt"), (1_600_000_000, file("jäääär".as_bytes()))),
        (path("Maakataster/tühi"), (0, None)),
        (path(&format!("Maakataster/{long}")), (-86_400, file(&[7; 512]))),
        (path("Straßen"), (1 << 33, None)),
        (path("Straßen/Größe"), ((1 << 33) - 1, file(b""))),
        (path("Реестр"), (1, None)),
        (path("Реестр/недвижимость.db"), (2, file(&[0xff; 513]))),
        (path("z"), (3, file(b"x"))),
    ])
}

const NAMES: &str = "[a-zA-Z0-9õäöüšžÕÄÖÜŠŽßñéабвгдежзийклмнАБВГД€ ._-]{1,40}";

/// Any tree of names in Estonian, German and Russian that can stand in a pouch.
pub fn any_tree() -> impl Strategy<Value = Tree> {
    let content =
        prop_oneof![Just(None), prop::collection::vec(any::<u8>(), 0..1600).prop_map(Some), Just(Some(vec![0; 9000])),];
    // What ext4 can hold: 1901 to 2446.
    let mtime = prop_oneof![0i64..1 << 33, -(1i64 << 31)..0, (1i64 << 33)..15_032_385_535];
    let entry = (prop::collection::vec(NAMES, 1..5), mtime, content);
    prop::collection::vec(entry, 0..24).prop_map(|entries| {
        let mut names = pouch_format::UniqueNames::new();
        let mut tree = Tree::new();
        for (components, mtime, content) in entries {
            let mut place: Option<EntryPath> = None;
            let last = components.len() - 1;
            for (depth, component) in components.iter().enumerate() {
                let joined = place.as_ref().map_or_else(|| component.parse(), |place| place.join(component.as_bytes()));
                let Ok(next) = joined else { break };
                let content = if depth == last { content.clone() } else { None };
                let known = tree.get(&next).map(|(_, content): &(i64, Option<Vec<u8>>)| content.is_none());
                match known {
                    Some(true) => {}
                    Some(false) => break,
                    None if content.is_some() && names.add_file(&next).is_ok() => {
                        tree.insert(next, (mtime, content));
                        break;
                    }
                    None if content.is_none() && names.add_directory(&next).is_ok() => {
                        tree.insert(next.clone(), (mtime, None));
                    }
                    None => break,
                }
                place = Some(next);
            }
        }
        tree
    })
}

/// One entry as the walker told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub path: EntryPath,
    pub mtime: i64,
    pub offset: u64,
    pub content: Option<Vec<u8>>,
}

/// A sink that keeps all it is told.
#[derive(Default)]
struct Collect(Vec<Told>);

impl Sink for Collect {
    type Error = Infallible;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Infallible> {
        self.0.push(Told { path: path.clone(), mtime, offset: 0, content: None });
        Ok(())
    }

    fn file(&mut self, path: &EntryPath, _: u64, mtime: i64, offset: u64) -> Result<(), Infallible> {
        self.0.push(Told { path: path.clone(), mtime, offset, content: Some(Vec::new()) });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.last_mut().unwrap().content.as_mut().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn end(&mut self, totals: Totals) -> Result<(), Infallible> {
        assert_eq!(totals.entries, self.0.len() as u64);
        Ok(())
    }
}

/// What the canonical walk tells of an archive, or nothing if it refuses.
///
/// Whatever it accepts must be, to the last byte, what the writer makes of what was told.
pub fn told(archive: &[u8]) -> Option<Vec<Told>> {
    let mut sink = Collect::default();
    walk(archive, Mode::Canonical, Budget::LIMITS, &mut sink).ok()?;
    let mut tar = CanonicalTar::new(Vec::new());
    for Told { path, mtime, offset, content } in &sink.0 {
        match content {
            None => tar.append_dir(path, *mtime).unwrap(),
            Some(content) => {
                let place = tar.append_file(path, content.len() as u64, *mtime, &mut content.as_slice()).unwrap();
                assert_eq!(place, *offset);
            }
        }
    }
    assert!(tar.finish().unwrap().inner == archive);
    Some(sink.0)
}

/// An empty directory of mode 0700 in a scratch place of its own.
pub struct Root(tempfile::TempDir);

impl Root {
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        Dir::open(place.path()).unwrap().create_dir("root").unwrap();
        Self(place)
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.0.path().join("root")
    }

    pub fn dir(&self) -> Dir {
        Dir::open(self.path()).unwrap()
    }
}
