//! The vectors of the format: files that show what a reader must accept and what it must refuse, and by which rule.
//!
//! ```text
//! kind: archive
//! expect: ARCHIVE-TYPE
//! comment: a symbolic link
//!                                        an empty line, then the bytes as they are
//! ```
//!
//! SPEC.md section 11 says what each header line means. [`make::all`] makes them, in software and with throw-away keys;
//! [`read::judge`] runs one through the real readers. Salts and keys are random, so no two runs make the same bytes.

mod archive;
mod archive_faults;
mod index;
pub mod keys;
pub mod make;
mod manifest;
pub mod message;
mod part;
mod pouch;
mod pouch_faults;
mod pqc;
pub mod read;
pub mod seeds;
mod signature;
mod signature_faults;
mod tar;
mod transit;

use std::fs;
use std::path::{Path, PathBuf};

use pouch_format::Rule;
use sequoia_openpgp::anyhow::{self, Context as _, anyhow, bail};

/// What making or running a vector may end with: a fault of the harness, never a verdict.
pub type Result<T> = anyhow::Result<T>;

/// The readers that a vector can be for.
pub const KINDS: [&str; 7] = ["manifest", "signature", "archive", "part", "index", "pouch", "transit"];

/// Largest vector, with the bytes that `append` adds.
const LARGEST: usize = 32 << 20;

/// One vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// Its file.
    pub name: String,
    header: Vec<(String, String)>,
    /// What the reader is given, but for what `append` adds.
    bytes: Vec<u8>,
}

impl Vector {
    /// A vector that must be refused by `rule`, or accepted.
    #[must_use]
    pub fn new(kind: &str, name: &str, rule: Option<Rule>, comment: &str, bytes: Vec<u8>) -> Self {
        Self::expecting(kind, name, rule.map_or("accepted", Rule::id), comment, bytes)
    }

    /// A vector that must be judged so.
    #[must_use]
    pub fn expecting(kind: &str, name: &str, expect: &str, comment: &str, bytes: Vec<u8>) -> Self {
        let vector = Self { name: format!("{kind}-{name}"), header: Vec::new(), bytes };
        vector.with("kind", kind).with("expect", expect).with("comment", comment)
    }

    /// The same with a header line more.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.header.push((key.to_owned(), value.into()));
        self
    }

    /// The value of a header line.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The value of a header line that this kind must have.
    ///
    /// # Errors
    /// It has none.
    pub fn need(&self, key: &str) -> Result<&str> {
        self.get(key).with_context(|| format!("{}: no header line {key}", self.name))
    }

    /// Which reader it is for.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.get("kind").unwrap_or_default()
    }

    /// The rule that must refuse it, or none.
    ///
    /// # Errors
    /// There is no such rule.
    pub fn expect(&self) -> Result<Option<Rule>> {
        match self.need("expect")? {
            "accepted" => Ok(None),
            id => rule(id).map(Some),
        }
    }

    /// What the reader is given.
    ///
    /// # Errors
    /// A malformed `append`.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        if let Some(append) = self.get("append") {
            let (count, octet) = append.split_once(' ').context("append: COUNT OCTET")?;
            let length = bytes.len().saturating_add(count.parse()?);
            if length > LARGEST {
                bail!("append: more than {LARGEST} bytes");
            }
            bytes.resize(length, u8::from_str_radix(octet, 16)?);
        }
        Ok(bytes)
    }

    /// The same vector with other bytes.
    #[must_use]
    pub fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        Self { bytes, ..self.clone() }
    }

    /// The same vector with another value of a header line.
    #[must_use]
    pub fn with_changed(mut self, key: &str, value: impl Into<String>) -> Self {
        self.header.retain(|(known, _)| known != key);
        self.with(key, value)
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let lines = self.header.iter().map(|(key, value)| format!("{key}: {value}\n"));
        let mut file: Vec<u8> = lines.collect::<String>().into();
        file.push(b'\n');
        file.extend(&self.bytes);
        file
    }

    /// Takes a file apart.
    ///
    /// # Errors
    /// It is no vector.
    pub fn decode(name: &str, file: &[u8]) -> Result<Self> {
        let vector = Self::parse(name, file)?;
        if !KINDS.contains(&vector.kind()) || !name.starts_with(&format!("{}-", vector.kind())) {
            bail!("{name}: its name must begin with its kind");
        }
        vector.expect()?;
        Ok(vector)
    }

    /// Takes a file apart, whatever its kind and its rule.
    ///
    /// # Errors
    /// It has no header.
    pub fn parse(name: &str, file: &[u8]) -> Result<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n").with_context(|| format!("{name}: no empty line"))?;
        let (text, rest) = file.split_at(end);
        let bytes = rest.get(2..).unwrap_or_default().to_vec();
        let mut header: Vec<(String, String)> = Vec::new();
        for line in std::str::from_utf8(text)?.lines() {
            let (key, value) = line.split_once(": ").with_context(|| format!("{name}: not KEY: VALUE: {line}"))?;
            if header.iter().any(|(known, _)| known == key) {
                bail!("{name}: header line {key} stands there twice");
            }
            header.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self { name: name.to_owned(), header, bytes })
    }
}

/// The rule of this id.
///
/// # Errors
/// There is none.
pub fn rule(id: &str) -> Result<Rule> {
    Rule::ALL.iter().copied().find(|rule| rule.id() == id).ok_or_else(|| anyhow!("no rule {id}"))
}

/// A folder of vectors and of the keys that they name.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder that the project keeps.
    #[must_use]
    pub fn kept() -> Self {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"))
    }

    /// Some folder.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every vector in it, by name: every file without an extension.
    ///
    /// # Errors
    /// A file that is no vector.
    pub fn vectors(&self) -> Result<Vec<Vector>> {
        let mut vectors = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_file() && !name.contains('.') {
                vectors.push(self.vector(&name)?);
            }
        }
        vectors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(vectors)
    }

    /// One vector.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn vector(&self, name: &str) -> Result<Vector> {
        let file = fs::read(self.path.join(name)).with_context(|| format!("vector {name}"))?;
        Vector::decode(name, &file)
    }

    /// A throw-away private key.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn key(&self, name: &str) -> Result<sequoia_openpgp::Cert> {
        use sequoia_openpgp::parse::Parse as _;
        sequoia_openpgp::Cert::from_file(self.key_file(name)).with_context(|| format!("key {name}"))
    }

    /// Where a key is, or would be.
    #[must_use]
    pub fn key_file(&self, name: &str) -> PathBuf {
        self.path.join("keys").join(format!("{name}.pgp"))
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 as lower-case hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&openssl::sha::sha256(bytes))
}

/// The bytes that hexadecimal digits stand for.
///
/// # Errors
/// They are none.
pub fn unhex(digits: &str) -> Result<Vec<u8>> {
    let pair = |at: usize| Ok(u8::from_str_radix(digits.get(at..at + 2).context("odd number of digits")?, 16)?);
    (0..digits.len()).step_by(2).map(pair).collect()
}
