//! What crosses the link: a folder that looks like a pouch in the spool. The sender does not judge what it carries.

use acceptance::relay::Random;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Bytes of a segment.
const SEGMENT: u64 = 64 << 20;

/// A folder with the parts of a pouch.
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
        let name = format!("bench-{number:06}");
        let folder = spool.join(&name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut random = Random::new(number, segments);
        let mut parts = vec![("manifest.json".to_owned(), 2_000), ("manifest.json.sig".to_owned(), 600)];
        parts.extend((0..segments).map(|segment| (format!("segment-{segment:06}.pgp"), SEGMENT)));
        parts.push(("index-000000.pgp".to_owned(), 100_000));
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        for (part, size) in &parts {
            let path = folder.join(part);
            let write = || -> std::io::Result<()> {
                let mut file = File::create(&path)?;
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
                Ok(())
            };
            let mut write = write;
            write().map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let size = parts.iter().map(|(_, size)| size).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use acceptance::process::{command, run};

    #[test]
    fn a_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::make(folder.path(), 1, 1, true).unwrap();
        assert_eq!(data.size, 2_000 + 600 + SEGMENT + 100_000);
        let tar = folder.path().join("x.tar");
        let parts = ["manifest.json", "manifest.json.sig", "segment-000000.pgp", "index-000000.pgp"];
        let names = parts.map(|part| format!("bench-000001/{part}"));
        let pack = || run(command("tar", "TERM").arg("-cf").arg(&tar).arg("-C").arg(folder.path()).args(&names));
        pack().unwrap();
        assert!(data.is_in(&tar).unwrap());
        fs::write(data.folder.join("manifest.json"), [1; 2_000]).unwrap();
        pack().unwrap();
        assert!(!data.is_in(&tar).unwrap());
    }
}
