//! Pouches of any size: a manifest that is in order, and parts of noise.

use std::fs;
use std::path::{Path, PathBuf};

use pouch_format::{
    Blake3Digest, Fingerprint, Kind, MANIFEST_FILE, Manifest, Part, PouchId, Profile, Recipient, SIGNATURE_FILE,
    Sha256Digest, Totals, index_file, segment_file,
};
use pouch_link::send::PouchStream;
use pouch_platform::Dir;

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Makes a pouch in the folder `spool`, of segments of these sizes and one part of index of a byte.
pub(crate) fn make(spool: &Path, id: &str, segments: &[usize]) -> PathBuf {
    let id: PouchId = id.parse().unwrap();
    let folder = spool.join(id.to_string());
    fs::create_dir(&folder).unwrap();
    let part = |name: String, size: usize, seed: u64| {
        let bytes = noise(size, seed);
        fs::write(folder.join(&name), &bytes).unwrap();
        let content = size.min(64 << 20) as u64;
        let sha256 = Sha256Digest(openssl::sha::sha256(&bytes));
        Part { name, size: size as u64, sha256, frame: size as u64, content }
    };
    let fingerprint: Fingerprint = "A".repeat(40).parse().unwrap();
    let manifest = Manifest {
        version: 1,
        registry: id.registry.clone(),
        sequence: id.sequence,
        previous: (id.sequence > 1).then_some(Sha256Digest([7; 32])),
        kind: Kind::Full,
        as_of: "2026-01-01T00:00:00Z".parse().unwrap(),
        sealed_at: "2026-01-01T00:01:00Z".parse().unwrap(),
        rpo_seconds: 0,
        profile: Profile::Rfc9580,
        signers: vec![fingerprint.clone()],
        recipients: vec![Recipient { certificate: fingerprint.clone(), key: fingerprint }],
        totals: Totals { entries: 1, bytes: 1 },
        index_blake3: Blake3Digest([3; 32]),
        segments: segments.iter().enumerate().map(|(n, size)| part(segment_file(n), *size, n as u64 + 1)).collect(),
        index: vec![part(index_file(0), 1, 99)],
    };
    fs::write(folder.join(MANIFEST_FILE), manifest.to_bytes()).unwrap();
    fs::write(folder.join(SIGNATURE_FILE), [0xc2; 300]).unwrap();
    folder
}

/// Opens it.
pub(crate) fn open(folder: &Path) -> PouchStream {
    PouchStream::open(Dir::open(folder).unwrap()).unwrap()
}
