//! Archives put together header by header, so that each field can be wrong.

use super::Result;

const BLOCK: usize = 512;

/// A header that is canonical until it is changed.
#[derive(Clone, Debug)]
pub(super) struct Header {
    bytes: Vec<u8>,
    sum: Option<Vec<u8>>,
}

impl Header {
    /// Of this type and name, with size and mtime 0.
    pub(super) fn new(kind: u8, name: &str) -> Self {
        let mode = if kind == b'5' { "0000700" } else { "0000600" };
        let header = Self { bytes: vec![0; BLOCK], sum: None };
        header
            .put(0, name.as_bytes())
            .put(100, mode.as_bytes())
            .put(108, b"0000000")
            .put(116, b"0000000")
            .put(124, b"00000000000")
            .put(136, b"00000000000")
            .put(156, &[kind])
            .put(257, b"ustar\x0000")
            .put(329, b"0000000")
            .put(337, b"0000000")
    }

    /// Overwrites bytes at a place.
    pub(super) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        self
    }

    pub(super) fn mode(self, mode: u32) -> Self {
        self.put(100, format!("{mode:07o}").as_bytes())
    }

    pub(super) fn size(self, size: u64) -> Self {
        self.put(124, format!("{size:011o}").as_bytes())
    }

    pub(super) fn mtime(self, mtime: u64) -> Self {
        self.put(136, format!("{mtime:011o}").as_bytes())
    }

    pub(super) fn link(self, target: &str) -> Self {
        self.put(157, target.as_bytes())
    }

    /// A checksum field that is then left as it is.
    pub(super) fn checksum(mut self, field: &[u8]) -> Self {
        self.sum = Some(field.to_vec());
        self
    }

    /// The sum of all bytes with the field taken as spaces.
    pub(super) fn sum(&self) -> u32 {
        let blank = self.clone().put(148, b"        ");
        blank.bytes.iter().map(|byte| u32::from(*byte)).sum()
    }

    /// The block.
    pub(super) fn block(self) -> Vec<u8> {
        let field = self.sum.clone().unwrap_or_else(|| format!("{:07o}\0", self.sum()).into_bytes());
        self.put(148, &field).bytes
    }

    /// The block, the content and its padding; the size is the content's.
    pub(super) fn with(self, content: &[u8]) -> Vec<u8> {
        let size = content.len() as u64;
        padded([self.size(size).block(), content.to_vec()].concat())
    }
}

/// Zeros up to the next block.
pub(super) fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A canonical file of a short ASCII name.
pub(super) fn file(name: &str, content: &[u8]) -> Vec<u8> {
    Header::new(b'0', name).with(content)
}

/// A canonical directory of a short ASCII name.
pub(super) fn dir(name: &str) -> Vec<u8> {
    Header::new(b'5', &format!("{name}/")).block()
}

/// A pax header with these records as they are.
pub(super) fn pax(records: &[u8]) -> Vec<u8> {
    Header::new(b'x', "pax").with(records)
}

/// A well-formed record.
pub(super) fn record(key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let mut length = body.len();
    while length != body.len() + length.to_string().len() {
        length = body.len() + length.to_string().len();
    }
    format!("{length}{body}").into_bytes()
}

/// The parts and a proper end.
pub(super) fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}

/// A plain tar of named files, as pouches travel.
pub(super) fn outer(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut tar = pouch_archive::CanonicalTar::new(Vec::new());
    for (name, bytes) in files {
        tar.append_file(&name.parse()?, bytes.len() as u64, 0, &mut bytes.as_slice())?;
    }
    Ok(tar.finish()?.inner)
}
