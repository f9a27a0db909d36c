//! What goes in comes out: writer, walker, messages and writer of trees.
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

use std::convert::Infallible;

use common::{Root, Tree, any_tree, pack, path, read_back, sample, totals, unpack};
use pouch_archive::{Budget, CanonicalTar, FrameWriter, Mode, TreeWriter, Verdict, lint, receive, walk};
use proptest::prelude::*;

#[test]
fn a_sample_comes_back() {
    let root = Root::new();
    let archive = pack(&sample());
    assert_eq!(unpack(&archive, Mode::Canonical, &root.path()).unwrap(), totals(&sample()));
    assert_eq!(read_back(&root.path()), sample());
    assert_eq!(lint(archive.as_slice()).unwrap(), Verdict::Accepted(totals(&sample())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back(tree in any_tree()) {
        let root = Root::new();
        let archive = pack(&tree);
        prop_assert_eq!(archive.len() % 512, 0);
        prop_assert_eq!(unpack(&archive, Mode::Canonical, &root.path()).unwrap(), totals(&tree));
        prop_assert_eq!(read_back(&root.path()), tree);
    }

    #[test]
    fn any_tree_comes_back_by_way_of_messages(tree in any_tree()) {
        let root = Root::new();
        let mut messages = Vec::new();
        let budget = Budget::exactly(totals(&tree));
        walk(pack(&tree).as_slice(), Mode::Canonical, budget, &mut FrameWriter::new(&mut messages)).unwrap();
                let mut writer = TreeWriter::new(root.dir(), budget, |_| Ok::<_, Infallible>(())).unwrap();
        receive(messages.as_slice(), &mut writer).unwrap();
        writer.commit().unwrap();
        prop_assert_eq!(read_back(&root.path()), tree);
    }

    #[test]
    fn any_noise_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let accepted = matches!(lint(bytes.as_slice()).unwrap(), Verdict::Accepted(_));
        prop_assert!(!accepted || bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn any_messages_are_refused_without_a_panic(bytes in prop::collection::vec(0u8..9, 0..512)) {
        prop_assert!(receive(bytes.as_slice(), &mut pouch_archive::Discard).is_err());
    }
}

#[test]
fn archives_in_pieces_are_the_same_archive() {
    let mut whole = CanonicalTar::new(Vec::new());
    let mut pieces = CanonicalTar::new(Vec::new());
    for (path, (mtime, content)) in sample() {
        let Some(content) = content else {
            whole.append_dir(&path, mtime).unwrap();
            pieces.append_dir(&path, mtime).unwrap();
            continue;
        };
        let size = content.len() as u64;
        let offset = whole.append_file(&path, size, mtime, &mut content.as_slice()).unwrap();
        let mut file = pieces.start_file(&path, size, mtime).unwrap();
        assert_eq!(file.offset(), offset);
        for piece in content.chunks(100) {
            file.write(piece).unwrap();
        }
        file.finish().unwrap();
    }
    assert_eq!(whole.finish().unwrap().inner, pieces.finish().unwrap().inner);
}

#[test]
fn large_files_come_back() {
    let content: Vec<u8> = (0..1_000_003u32).flat_map(|number| number.to_le_bytes()).collect();
    let mut tree = Tree::new();
    tree.insert(path("large"), (1, Some(content.clone())));
    tree.insert(path("large-zero"), (2, Some(vec![0; 3_000_000])));
    tree.insert(path("zero-behind"), (3, Some([content[..100_000].to_vec(), vec![0; 400_000]].concat())));
    tree.insert(path("zero-before"), (4, Some([vec![0; 400_000], content[..100_000].to_vec()].concat())));
    let root = Root::new();
    unpack(&pack(&tree), Mode::Canonical, &root.path()).unwrap();
    assert_eq!(read_back(&root.path()), tree);
}
