//! A signature file over a manifest that is fixed. Nothing that a fuzzer finds can verify but what was signed.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use acceptance::vectors::{Folder, read};
use libfuzzer_sys::fuzz_target;
use pouch_format::{MANIFEST_FILE, Manifest, SIGNATURE_FILE};
use pouch_open::{Source, Trust, check, spool};

/// A pouch in memory that lacks its signature file.
struct Unsigned {
    dir: PathBuf,
    trust: Trust,
    signed: Vec<u8>,
}

static UNSIGNED: LazyLock<Unsigned> = LazyLock::new(|| {
    // libFuzzer ends without dropping anything, so the next run removes what this one leaves.
    let dir = PathBuf::from("/dev/shm/pouch-fuzz-signature");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).expect("a directory in memory");
    let vector = Folder::kept().vector("signature-two-signers").expect("the vector is kept");
    let trust = read::trust(&vector, &Folder::kept(), &dir.join("trust")).expect("the keys are kept");
    let line = vector.need("manifest").expect("it has one").to_owned() + "\n";
    fs::create_dir(dir.join("source")).expect("memory takes it");
    let put = |name: &str, bytes: &[u8]| fs::write(dir.join("source").join(name), bytes).expect("memory takes it");
    put(MANIFEST_FILE, line.as_bytes());
    Manifest::parse(line.as_bytes()).expect("it is one").parts().for_each(|part| put(&part.name, &[0]));
    Unsigned { dir: dir.join("source"), trust, signed: vector.bytes().expect("it has some") }
});

fuzz_target!(|data: &[u8]| {
    let Unsigned { dir, trust, signed } = &*UNSIGNED;
    fs::write(dir.join(SIGNATURE_FILE), data).expect("memory takes it");
    let Ok(spooled) = Source::open(dir).and_then(spool) else {
        assert!(data.len() > 64 << 10);
        return;
    };
    match check(spooled, trust) {
        // The two signatures in the other order verify as well.
        Ok(_) => assert_eq!(data.len(), signed.len()),
        Err(error) => assert!(error.rule().is_some(), "{error}"),
    }
});
