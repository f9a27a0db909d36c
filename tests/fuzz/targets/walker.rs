//! The walker in both modes: whatever it accepts as a payload has one encoding, and whatever is canonical is strict too.
#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use pouch_archive::{Budget, CanonicalTar, Discard, Mode, Sink, WalkError, walk};
use pouch_format::{EntryPath, Totals};

/// Writes what it is told as an archive again.
struct Rewrite {
    tar: CanonicalTar<Vec<u8>>,
    file: Option<(EntryPath, u64, i64, Vec<u8>)>,
}

impl Sink for Rewrite {
    type Error = Infallible;

    fn directory(&mut self, path: &EntryPath, mtime: i64) -> Result<(), Infallible> {
        self.tar.append_dir(path, mtime).expect("the walker has checked it");
        Ok(())
    }

    fn file(&mut self, path: &EntryPath, size: u64, mtime: i64, _: u64) -> Result<(), Infallible> {
        self.file = Some((path.clone(), size, mtime, Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.file.as_mut().expect("a file is open").3.extend(bytes);
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Infallible> {
        let (path, size, mtime, content) = self.file.take().expect("a file is open");
        self.tar.append_file(&path, size, mtime, &mut content.as_slice()).expect("the walker has checked it");
        Ok(())
    }

    fn end(&mut self, _: Totals) -> Result<(), Infallible> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let strict = walk(data, Mode::Strict, Budget::LIMITS, &mut Discard);
    if let Err(WalkError::Refused(refusal)) = &strict {
        assert!(refusal.to_string().chars().all(pouch_format::is_plain));
        assert!(refusal.offset <= data.len() as u64);
    }
    let mut rewrite = Rewrite { tar: CanonicalTar::new(Vec::new()), file: None };
    if let Ok(totals) = walk(data, Mode::Canonical, Budget::LIMITS, &mut rewrite) {
        assert_eq!(strict.expect("strict is wider"), totals);
        assert_eq!(rewrite.tar.finish().expect("memory takes it").inner, data);
    }
});
