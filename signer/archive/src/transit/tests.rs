use std::convert::Infallible;
use std::io::{self, Read as _};
use std::ops::Range;

use pouch_format::{PouchId, index_file, limits, segment_file};
use proptest::prelude::*;

use super::{Extent, Fault, Index, IndexError, Layout, LayoutError, Piece, Place};
use crate::{EntryHead, write_head};

fn id(text: &str) -> PouchId {
    text.parse().unwrap()
}

type Files = Vec<(String, u64)>;

/// Names and sizes of a pouch, in the order of SPEC.md.
fn files(manifest: u64, signatures: u64, segments: &[u64], index: &[u64]) -> Files {
    let mut files = vec![("manifest.json".to_owned(), manifest), ("manifest.json.sig".to_owned(), signatures)];
    files.extend(segments.iter().enumerate().map(|(n, size)| (segment_file(n), *size)));
    files.extend(index.iter().enumerate().map(|(n, size)| (index_file(n), *size)));
    files
}

fn small() -> Layout {
    Layout::new(&id("land-000041"), files(700, 512, &[1, 511, 513], &[90])).unwrap()
}

/// The byte of a part's content at a position.
fn content(of: Extent, at: u64) -> u8 {
    u8::try_from((of.start * 7 + at * 13) % 251).unwrap()
}

fn bytes(layout: &Layout, range: Range<u64>) -> Vec<u8> {
    let mut out = vec![0xEE; usize::try_from(range.end - range.start).unwrap()];
    let read = |of, from, to: &mut [u8]| {
        (from..).zip(to).for_each(|(at, byte)| *byte = content(of, at));
        Ok::<(), Infallible>(())
    };
    let filled = layout.fill(range.start, &mut out, read).unwrap();
    out.truncate(filled);
    out
}

fn whole(layout: &Layout) -> Vec<u8> {
    bytes(layout, 0..layout.length())
}

fn index(tar: &[u8]) -> Result<Index, IndexError> {
    Index::read(tar.len() as u64, |at, to| {
        let from = tar.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        from.take(to.len() as u64).read_exact(to)
    })
}

fn refusal(tar: &[u8]) -> Fault {
    match index(tar) {
        Err(IndexError::Refused { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

/// The same by the `tar` crate alone.
fn by_the_tar_crate(layout: &Layout) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for extent in layout.extents() {
        let mut header = tar::Header::new_ustar();
        header.set_path(layout.name(extent.place)).unwrap();
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(extent.size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        header.set_cksum();
        let content: Vec<u8> = (0..extent.size).map(|at| content(*extent, at)).collect();
        builder.append(&header, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn heads_are_those_of_the_archive() {
    for extent in small().extents() {
        let mut head = Vec::new();
        let path = small().name(extent.place).parse().unwrap();
        write_head(&mut head, &path, EntryHead::File { mtime: 0, size: extent.size });
        assert_eq!(head, small().head(*extent));
    }
}

/// The example of SPEC.md.
#[test]
fn the_beginning_of_a_pouch() {
    let layout = small();
    let extents = layout.extents();
    let head = layout.head(extents[0]);
    assert!(head.starts_with(b"land-000041/manifest.json\0"));
    assert_eq!(&head[100..108], b"0000600\0");
    assert_eq!(&head[124..156], b"00000001274\x0000000000000\x000013342\0");
    assert_eq!(extents[1].start, 1536 + 512);
}

#[test]
fn what_is_written_is_read() {
    let layout = small();
    let tar = whole(&layout);
    assert_eq!(tar.len() as u64, layout.length());
    let read = index(&tar).unwrap();
    assert_eq!(*read.layout(), layout);
    for extent in layout.extents() {
        assert_eq!(read.find(&extent.place.to_string()), Some(extent.range()));
    }
    for name in ["segment-000003.pgp", "index-000001.pgp", "segment-0.pgp", "manifest", "", "land-000041/manifest.json"]
    {
        assert_eq!(read.find(name), None, "{name}");
    }
}

#[test]
fn one_spelling_of_names() {
    assert_eq!(Place::of("segment-065535.pgp"), Some(Place::Segment(65_535)));
    assert_eq!(Place::of("index-000000.pgp"), Some(Place::Index(0)));
    for name in [
        "segment-065536.pgp",
        "segment-0.pgp",
        "segment-+00001.pgp",
        "segment-0000001.pgp",
        "segment-000001.PGP",
        "index-.pgp",
        "index-99999999999999999999.pgp",
        "MANIFEST.JSON",
        "manifest.json ",
        "manifest.json.sig.sig",
    ] {
        assert_eq!(Place::of(name), None, "{name}");
    }
}

#[test]
fn other_files_make_no_layout() {
    let pouch = id("land-000041");
    let with = |change: &dyn Fn(&mut Files)| {
        let mut files = files(700, 512, &[1, 2], &[3, 4]);
        change(&mut files);
        Layout::new(&pouch, files)
    };
    with(&|files| files.reverse()).unwrap();
    assert!(matches!(with(&|files| files.clear()), Err(LayoutError::Incomplete { after: None })));
    for (gone, name) in ["manifest.json", "manifest.json.sig", "segment-000000.pgp"].iter().enumerate() {
        let found = with(&|files| drop(files.remove(gone)));
        assert!(matches!(found, Err(LayoutError::Order { .. })), "{name}: {found:?}");
    }
    assert!(matches!(with(&|files| files.truncate(4)), Err(LayoutError::Incomplete { .. })));
    assert!(matches!(with(&|files| files.push((index_file(3), 1))), Err(LayoutError::Order { .. })));
    assert!(matches!(with(&|files| files.push((segment_file(1), 1))), Err(LayoutError::Order { .. })));
    assert!(matches!(with(&|files| files.push(("README".to_owned(), 1))), Err(LayoutError::Name { .. })));
    let most = [limits::MANIFEST_BYTES, limits::SIGNATURE_FILE_BYTES, 65 << 20, 65 << 20];
    for (place, most) in most.into_iter().enumerate() {
        with(&|files| files[place].1 = most).unwrap();
        for wrong in [0, most + 1, u64::MAX] {
            let found = with(&|files| files[place].1 = wrong);
            assert!(matches!(found, Err(LayoutError::Size { size, .. }) if size == wrong), "{found:?}");
        }
    }
}

#[test]
fn a_byte_more_or_less_or_changed_is_refused() {
    let layout = small();
    let tar = whole(&layout);
    for cut in 0..tar.len() {
        index(&tar[..cut]).unwrap_err();
    }
    let contents: Vec<Range<u64>> = layout.extents().iter().map(|extent| extent.range()).collect();
    for at in 0..tar.len() {
        let inside = contents.iter().any(|range| range.contains(&(at as u64)));
        for bit in 0..8 {
            let mut changed = tar.clone();
            changed[at] ^= 1 << bit;
            assert_eq!(index(&changed).is_ok(), inside, "byte {at} bit {bit}");
        }
    }
    for more in [&[0][..], &[1], &[0; 512], &tar] {
        assert_eq!(refusal(&[&tar, more].concat()), Fault::AfterEnd { more: more.len() as u64 });
    }
}

#[test]
fn a_pouch_of_the_most_parts_is_laid_out_and_found_again() {
    let size = 65 << 20;
    let parts = vec![size; limits::PARTS];
    let layout = Layout::new(&id("land-000041"), files(16 << 20, 64 << 10, &parts, &parts)).unwrap();
    assert!(layout.length() < 1 << 44, "{}", layout.length());
    for extent in [layout.extents()[2], layout.extents()[70_000], *layout.extents().last().unwrap()] {
        let start = extent.start;
        let before: Vec<Piece> = layout.pieces(start - 1..start + 1).collect();
        let expected =
            [Piece::Head { of: extent, from: 511, length: 1 }, Piece::Content { of: extent, from: 0, length: 1 }];
        assert_eq!(before, expected);
    }
    // Every head and the end are right, and no content is asked for.
    let mut calls = 0;
    let read = Index::read(layout.length(), |at, to| {
        calls += 1;
        let no_content = |_, _, _: &mut [u8]| Err(io::Error::other("content was read"));
        layout.fill(at, to, no_content).map(|filled| assert_eq!(filled, to.len()))
    });
    assert_eq!(read.unwrap().layout(), &layout);
    assert!(calls < 3 * layout.extents().len(), "{calls} reads");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: proptest::test_runner::RngSeed::Fixed(41), ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_the_whole(
        manifest in 1u64..2000, signatures in 1u64..1500, sequence in 1..=limits::SEQUENCE,
        segments in prop::collection::vec(1u64..3000, 1..6), last in prop::collection::vec(1u64..2000, 1..4),
        mut cuts in prop::collection::vec(0u64..40_000, 0..40),
    ) {
        let pouch = PouchId { registry: "land-2".parse().unwrap(), sequence };
        let layout = Layout::new(&pouch, files(manifest, signatures, &segments, &last)).unwrap();
        let tar = whole(&layout);
        prop_assert_eq!(tar.len() as u64, layout.length());
        prop_assert!(tar == by_the_tar_crate(&layout));
        cuts.extend([0, layout.length() + 5000]);
        cuts.sort_unstable();
        let ranges = || cuts.windows(2).map(|cut| cut[0]..cut[1]);
        prop_assert!(ranges().map(|range| bytes(&layout, range)).collect::<Vec<_>>().concat() == tar);
        let told: u64 = ranges().flat_map(|range| layout.pieces(range)).map(Piece::length).sum();
        prop_assert_eq!(told, layout.length());
        let read = index(&tar).unwrap();
        prop_assert_eq!(read.layout(), &layout);
    }

    #[test]
    fn no_bytes_panic(garbage in prop::collection::vec(any::<u8>(), 0..2048), at in 0usize..6000, length in any::<u64>()) {
        let mut tar = whole(&small());
        let end = tar.len().min(at + garbage.len());
        let at = at.min(end);
        tar.splice(at..end, garbage);
        let _ = index(&tar);
        // A length that is not the reader's own business: what it cannot read it says.
        let _ = Index::read(length, |at, to| {
            let from = usize::try_from(at).ok().and_then(|at| tar.get(at..)).unwrap_or_default();
            from.take(to.len() as u64).read_exact(to)
        });
    }
}
