//! Whatever tree a registry is, it comes back byte for byte, with its empty folders, names and times.

#![cfg(test)]

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use acceptance::software::Software;
use pouch_format::Profile;
use pouch_seal::PartOptions;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const PROFILES: [Profile; 3] = [Profile::Rfc4880, Profile::Rfc9580, Profile::Rfc9980];

/// A tree in memory: folders and files by path, in order.
type Tree = std::collections::BTreeMap<PathBuf, Option<Vec<u8>>>;

fn write(tree: &Tree, root: &Path) {
    fs::create_dir_all(root).unwrap();
    for (path, content) in tree {
        let path = root.join(path);
        match content {
            None => fs::create_dir_all(&path).unwrap(),
            Some(bytes) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, bytes).unwrap();
                let times =
                    FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(bytes.len() as u64));
                File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
            }
        }
    }
}

fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root).unwrap().to_owned();
            if path.is_dir() {
                tree.insert(below, None);
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                assert_eq!(modified, SystemTime::UNIX_EPOCH + Duration::from_secs(bytes.len() as u64), "{below:?}");
                tree.insert(below, Some(bytes));
            }
        }
    }
    tree
}

/// Folders stand for themselves in what is read back, also where only their content was named.
fn with_parents(tree: &Tree) -> Tree {
    let mut whole = tree.clone();
    for path in tree.keys() {
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            whole.entry(parent.to_owned()).or_insert(None);
        }
    }
    whole
}

fn comes_back(tree: &Tree, profile: Profile, options: PartOptions) {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    write(tree, &source);
    let software = Software::create(folder.path(), profile).unwrap();
    let sealed = software.seal("land", &source, options).unwrap().unwrap();
    let opened = software.open(&sealed.manifest, &target).unwrap().unwrap();
    assert_eq!(opened.totals, sealed.manifest.totals);
    assert_eq!(opened.declaration, sealed.declaration);
    assert_eq!(read(&target), with_parents(tree));
}

/// Small parts, so that even a small tree has many.
fn small_parts() -> PartOptions {
    PartOptions { level: 1, part_bytes: 2000, workers: 3 }
}

fn names() -> impl Strategy<Value = String> {
    // A digit in front keeps names apart that would fold to the same.
    let letters = "[a-zäöüõšž]{1,12}|[а-яё]{1,20}|[A-Za-z0-9 _.-]{1,40}|ß{1,3}|x{95,110}";
    (0..1000u32, letters).prop_map(|(number, text)| format!("{number}{text}"))
}

fn trees() -> impl Strategy<Value = Tree> {
    let path = vec(names(), 1..5).prop_map(|names| names.iter().collect::<PathBuf>());
    let content = prop_oneof![
        1 => Just(None),
        4 => vec(any::<u8>(), 0..3000).prop_map(Some),
        1 => (0..9000usize).prop_map(|size| Some(vec![0; size])),
    ];
    btree_map(path, content, 0..24).prop_filter("a file is no folder, and names stay apart", |tree: &Tree| {
        let files: Vec<_> = tree.iter().filter(|(_, content)| content.is_some()).map(|(path, _)| path).collect();
        let folded: std::collections::BTreeSet<_> = with_parents(tree)
            .into_keys()
            .map(|path| path.to_string_lossy().to_lowercase().replace('ß', "ss"))
            .collect();
        files.iter().all(|file| !tree.keys().any(|path| path != *file && path.starts_with(file)))
            && folded.len() == with_parents(tree).len()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back(tree in trees(), profile in prop::sample::select(PROFILES.to_vec())) {
        comes_back(&tree, profile, small_parts());
    }
}

#[test]
fn an_empty_registry_comes_back() {
    PROFILES.into_iter().for_each(|profile| comes_back(&Tree::new(), profile, PartOptions::default()));
}

#[test]
fn a_file_of_ten_gib_of_zeros_is_cheap() {
    const SIZE: u64 = 10 << 30;
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    fs::create_dir(&source).unwrap();
    File::create(source.join("zeros")).unwrap().set_len(SIZE).unwrap();
    let software = Software::create(folder.path(), Profile::Rfc9580).unwrap();
    let sealed = software.seal("land", &source, PartOptions::default()).unwrap().unwrap();
    assert_eq!(sealed.manifest.totals.bytes, SIZE);
    assert!(sealed.manifest.sealed_bytes() < 8 << 20, "{} bytes sealed", sealed.manifest.sealed_bytes());
    software.open(&sealed.manifest, &target).unwrap().unwrap();
    let file = File::open(target.join("zeros")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), SIZE);
    // Every byte was hashed against the index while it was written; on disk the zeros are a hole.
    use std::os::unix::fs::MetadataExt as _;
    assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn the_same_tree_gives_the_same_archive() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    let tree: Tree = [("b/2".into(), Some(vec![1; 5000])), ("a".into(), None), ("b/1".into(), Some(vec![]))].into();
    write(&tree, &source);
    let software = Software::create(folder.path(), Profile::Rfc9580).unwrap();
    let first = software.seal("land", &source, small_parts()).unwrap().unwrap().manifest;
    let second = software.seal("sea", &source, PartOptions { workers: 1, ..small_parts() }).unwrap().unwrap().manifest;
    assert_eq!(first.totals, second.totals);
    let frames = |manifest: &pouch_format::Manifest| -> Vec<_> {
        manifest.segments.iter().map(|part| (part.frame, part.content)).collect()
    };
    assert_eq!(frames(&first), frames(&second));
    let third = software.seal("land", &source, small_parts()).unwrap().unwrap();
    assert_eq!(third.manifest.sequence, 2);
    let before = fs::read(software.pouch(&first).join("manifest.json")).unwrap();
    assert_eq!(third.manifest.previous.unwrap().0, openssl::sha::sha256(&before));
}
