//! What crosses a link in tests: a folder that looks like a pouch in the spool, of bytes of chance. The sender does not judge
//! what it carries; only the manifest must be one.

use crate::relay::Random;
use pouch_archive::transit::Layout;
use pouch_format::{
    Blake3Digest, Fingerprint, Kind, MANIFEST_FILE, Manifest, Part, PouchId, Profile, Recipient, SIGNATURE_FILE,
    Sha256Digest, Totals, index_file, segment_file,
};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a segment at most.
const SEGMENT: usize = 4 << 20;
/// Bytes of the signatures.
const SIGNATURES: usize = 300;

/// A pouch.
#[derive(Debug)]
pub struct Freight {
    /// Its id.
    pub id: PouchId,
    /// The folder.
    pub folder: PathBuf,
    /// SHA-256 of its tar in transit.
    pub digest: [u8; 32],
    /// Bytes of the tar.
    pub length: u64,
}

impl Freight {
    /// A pouch of this id below the folder `spool`, of about so many bytes; the same for the same seed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn make(spool: &Path, id: &str, bytes: usize, seed: u64) -> Result<Self, String> {
        let id: PouchId = id.parse().map_err(|error| format!("{id}: {error}"))?;
        let folder = spool.join(id.to_string());
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut random = Random::new(seed, 0);
        let mut noise = |size: usize| {
            let mut bytes = vec![0; size];
            random.fill(&mut bytes);
            bytes
        };
        let sizes: Vec<usize> = (0..bytes.max(1).div_ceil(SEGMENT)).map(|n| SEGMENT.min(bytes - n * SEGMENT)).collect();
        let mut files: Vec<(String, Vec<u8>)> =
            sizes.iter().enumerate().map(|(n, size)| (segment_file(n), noise((*size).max(1)))).collect();
        files.push((index_file(0), noise(1_000)));
        let manifest = manifest(&id, &files)?.to_bytes();
        files.splice(0..0, [(MANIFEST_FILE.into(), manifest), (SIGNATURE_FILE.into(), noise(SIGNATURES))]);
        for (name, bytes) in &files {
            fs::write(folder.join(name), bytes).map_err(failed)?;
        }
        let (digest, length) = tar(&id, &files)?;
        Ok(Self { id, folder, digest, length })
    }

    /// Whether a file is this pouch's tar in transit, byte for byte.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub fn check(&self, tar: &Path) -> Result<(), String> {
        let bytes = fs::read(tar).map_err(|error| format!("{}: {error}", tar.display()))?;
        if openssl::sha::sha256(&bytes) == self.digest {
            return Ok(());
        }
        Err(format!("WRONG BYTES: {} of {} bytes is not {} of {}", tar.display(), bytes.len(), self.id, self.length))
    }
}

/// SHA-256 of the tar of these files, which are in its order, and its length.
fn tar(id: &PouchId, files: &[(String, Vec<u8>)]) -> Result<([u8; 32], u64), String> {
    let sizes = files.iter().map(|(name, bytes)| (name, bytes.len() as u64));
    let layout = Layout::new(id, sizes).map_err(|error| error.to_string())?;
    let mut tar = Vec::new();
    for (extent, (_, bytes)) in layout.extents().iter().zip(files) {
        tar.extend(layout.head(*extent));
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    if tar.len() as u64 != layout.length() {
        return Err(format!("the tar has {} bytes, its layout says {}", tar.len(), layout.length()));
    }
    Ok((openssl::sha::sha256(&tar), layout.length()))
}

fn manifest(id: &PouchId, files: &[(String, Vec<u8>)]) -> Result<Manifest, String> {
    let fingerprint: Fingerprint = "A".repeat(40).parse().map_err(|_| "no fingerprint")?;
    let time = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let part = |(name, bytes): &(String, Vec<u8>)| {
        let (name, size) = (name.clone(), bytes.len() as u64);
        Part { name, size, sha256: Sha256Digest(openssl::sha::sha256(bytes)), frame: size, content: size }
    };
    let (segments, index) = files.split_at(files.len().saturating_sub(1));
    Ok(Manifest {
        version: 1,
        registry: id.registry.clone(),
        sequence: id.sequence,
        previous: (id.sequence > 1).then_some(Sha256Digest([7; 32])),
        kind: Kind::Full,
        as_of: time("2026-01-01T00:00:00Z")?,
        sealed_at: time("2026-01-01T00:01:00Z")?,
        rpo_seconds: 0,
        profile: Profile::Rfc9580,
        signers: vec![fingerprint.clone()],
        recipients: vec![Recipient { certificate: fingerprint.clone(), key: fingerprint }],
        totals: Totals { entries: 1, bytes: 1 },
        index_blake3: Blake3Digest([3; 32]),
        segments: segments.iter().map(part).collect(),
        index: index.iter().map(part).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, run};

    #[test]
    fn a_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let freight = Freight::make(folder.path(), "land-000041", 9 << 20, 1).unwrap();
        assert_eq!(Freight::make(folder.path(), "land-000041", 9 << 20, 1).unwrap().digest, freight.digest);
        assert_ne!(Freight::make(folder.path(), "land-000042", 9 << 20, 2).unwrap().digest, freight.digest);
        let file = folder.path().join("x.tar");
        run(command("tar", "TERM").arg("-cf").arg(&file).arg("-C").arg(folder.path()).arg("land-000041")).unwrap();
        assert!(freight.check(&file).unwrap_err().contains("WRONG BYTES"));
    }
}
