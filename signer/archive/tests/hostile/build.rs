//! Archives put together byte by byte.

/// Size of a block.
pub const BLOCK: usize = 512;

/// A header, canonical until told otherwise.
#[derive(Clone, Debug)]
pub struct Header {
    bytes: [u8; BLOCK],
    fixed_sum: bool,
}

impl Header {
    /// A header of this type and name, with size 0.
    pub fn new(typeflag: u8, name: &[u8]) -> Self {
        let mut header = Self { bytes: [0; BLOCK], fixed_sum: false }.put(0, name).typeflag(typeflag);
        let mode: &[u8] = if typeflag == b'5' { b"0000700" } else { b"0000600" };
        for (at, text) in
            [(100, mode), (108, b"0000000"), (116, b"0000000"), (124, b"00000000000"), (136, b"00000000000")]
        {
            header = header.put(at, text);
        }
        header.put(257, b"ustar\x0000").put(329, b"0000000").put(337, b"0000000")
    }

    /// Overwrites bytes at any place.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub fn typeflag(self, typeflag: u8) -> Self {
        self.put(156, &[typeflag])
    }

    pub fn mode(self, mode: u32) -> Self {
        self.put(100, format!("{mode:07o}\0").as_bytes())
    }

    pub fn size(self, size: u64) -> Self {
        self.put(124, format!("{size:011o}\0").as_bytes())
    }

    pub fn mtime(self, mtime: u64) -> Self {
        self.put(136, format!("{mtime:011o}\0").as_bytes())
    }

    pub fn link(self, target: &[u8]) -> Self {
        self.put(157, target)
    }

    pub fn prefix(self, prefix: &[u8]) -> Self {
        self.put(345, prefix)
    }

    pub fn gnu_magic(self) -> Self {
        self.put(257, b"ustar  \0")
    }

    /// Sets the checksum field itself, which is then left as it is.
    pub fn checksum(mut self, field: &[u8; 8]) -> Self {
        self.fixed_sum = true;
        self.put(148, field)
    }

    /// The sum of all bytes with the field taken as spaces, bytes counted as signed if so wanted.
    pub fn sum(&self, signed: bool) -> i64 {
        let byte_value = |byte: u8| if signed { i64::from(byte.cast_signed()) } else { i64::from(byte) };
        let all: i64 = self.bytes.iter().map(|byte| byte_value(*byte)).sum();
        let field: i64 = self.bytes[148..156].iter().map(|byte| byte_value(*byte)).sum();
        all - field + 8 * 32
    }

    /// The block.
    pub fn build(self) -> Vec<u8> {
        let sum = self.sum(false);
        let header = if self.fixed_sum { self } else { self.put(148, format!("{sum:07o}\0").as_bytes()) };
        header.bytes.to_vec()
    }

    /// The block, the content and its padding; the size field says what the content has.
    pub fn with(self, content: &[u8]) -> Vec<u8> {
        padded([self.size(content.len() as u64).build(), content.to_vec()].concat())
    }
}

/// Zeros up to the next block.
pub fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A canonical file.
pub fn file(name: &str, content: &[u8]) -> Vec<u8> {
    Header::new(b'0', name.as_bytes()).with(content)
}

/// A canonical directory; the name with its slash.
pub fn dir(name: &str) -> Vec<u8> {
    Header::new(b'5', name.as_bytes()).build()
}

/// A pax header with these records as they are.
pub fn pax_header(records: &[u8]) -> Vec<u8> {
    Header::new(b'x', b"pax").with(records)
}

/// A well-formed pax record.
pub fn record(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let body = [b" ", key.as_ref(), b"=", value.as_ref(), b"\n"].concat();
    let mut length = body.len();
    while length != body.len() + length.to_string().len() {
        length = body.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &body].concat()
}

/// The parts and a proper end.
pub fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}
