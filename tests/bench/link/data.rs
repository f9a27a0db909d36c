//! What crosses the link: a pouch as the spool has them, of noise. Its manifest is in order; nobody here opens the rest.

use acceptance::relay::Random;
use pouch_format::{
    Blake3Digest, Fingerprint, Kind, MANIFEST_FILE, Manifest, Part, PouchId, Profile, Recipient, SIGNATURE_FILE,
    Sha256Digest, Totals, index_file, segment_file,
};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Bytes of a segment.
const SEGMENT: u64 = 64 << 20;
/// Bytes of the index.
const INDEX: u64 = 100_000;

/// A pouch.
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    /// Bytes of all parts.
    pub(crate) size: u64,
    /// Of the contents one behind the other, in the order of transit.
    pub(crate) hash: blake3::Hash,
}

impl Data {
    /// `segments` segments of 64 MiB below `spool`: random, or where `sparse` of zeros that take no room.
    pub(crate) fn make(spool: &Path, number: u64, segments: u64, sparse: bool) -> Result<Self, String> {
        let pouch: PouchId = format!("bench-{number:06}").parse().map_err(|error| format!("{error}"))?;
        let folder = spool.join(pouch.to_string());
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let count = usize::try_from(segments).unwrap_or(usize::MAX);
        let part = |name, size| Part { name, size, sha256: Sha256Digest([1; 32]), frame: size, content: size };
        let manifest = manifest(
            &pouch,
            (0..count).map(|number| part(segment_file(number), SEGMENT)).collect(),
            vec![part(index_file(0), INDEX)],
        )?;
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        let mut put = |name: &str, content: &mut dyn FnMut(&mut File) -> std::io::Result<u64>| {
            let path = folder.join(name);
            let written = File::create(&path).and_then(|mut file| content(&mut file));
            written.map(|bytes| size += bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        for (name, bytes) in [(MANIFEST_FILE, manifest.to_bytes()), (SIGNATURE_FILE, vec![0xc2; 600])] {
            hasher.update(&bytes);
            put(name, &mut |file| file.write_all(&bytes).map(|()| bytes.len() as u64))?;
        }
        let mut random = Random::new(number, segments);
        let mut buffer = vec![0; 1 << 20];
        for Part { name, size, .. } in manifest.segments.iter().chain(&manifest.index) {
            put(name, &mut |file| {
                file.set_len(*size)?;
                let mut left = usize::try_from(*size).unwrap_or(usize::MAX);
                while left > 0 {
                    let piece = left.min(buffer.len());
                    let bytes = buffer.get_mut(..piece).unwrap_or_default();
                    if !sparse {
                        random.fill(bytes);
                        file.write_all(bytes)?;
                    }
                    hasher.update(bytes);
                    left -= piece;
                }
                Ok(*size)
            })?;
        }
        Ok(Self { folder, size, hash: hasher.finalize() })
    }

    /// Whether the contents of a tar are exactly these.
    pub(crate) fn is_in(&self, tar: &Path) -> Result<bool, String> {
        let mut list = acceptance::process::command("tar", "TERM");
        let mut child = list
            .args(["--extract", "--to-stdout", "--file"])
            .arg(tar)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .map_err(|error| format!("tar: {error}"))?;
        let mut hasher = blake3::Hasher::new();
        if let Some(out) = child.stdout.take() {
            hasher.update_reader(out).map_err(|error| format!("tar: {error}"))?;
        }
        let status = child.wait().map_err(|error| format!("tar: {error}"))?;
        Ok(status.success() && hasher.finalize() == self.hash)
    }
}

fn manifest(pouch: &PouchId, segments: Vec<Part>, index: Vec<Part>) -> Result<Manifest, String> {
    let key: Fingerprint = "A".repeat(40).parse().map_err(|error| format!("{error}"))?;
    let time = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 55);
    Ok(Manifest {
        version: 1,
        registry: pouch.registry.clone(),
        sequence: pouch.sequence,
        previous: (pouch.sequence > 1).then_some(Sha256Digest([7; 32])),
        kind: Kind::Full,
        as_of: time,
        sealed_at: time,
        rpo_seconds: 0,
        profile: Profile::Rfc9580,
        signers: vec![key.clone()],
        recipients: vec![Recipient { certificate: key.clone(), key }],
        totals: Totals { entries: 1, bytes: 1 },
        index_blake3: Blake3Digest([3; 32]),
        segments,
        index,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use acceptance::process::{command, run};

    #[test]
    fn a_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::make(folder.path(), 1, 1, true).unwrap();
        assert!(data.size > 600 + SEGMENT + INDEX);
        let tar = folder.path().join("x.tar");
        let parts = [MANIFEST_FILE, SIGNATURE_FILE, &segment_file(0), &index_file(0)];
        let names = parts.map(|part| format!("bench-000001/{part}"));
        let pack = || run(command("tar", "TERM").arg("-cf").arg(&tar).arg("-C").arg(folder.path()).args(&names));
        pack().unwrap();
        assert!(data.is_in(&tar).unwrap());
        fs::write(data.folder.join(MANIFEST_FILE), [1; 2_000]).unwrap();
        pack().unwrap();
        assert!(!data.is_in(&tar).unwrap());
    }
}
