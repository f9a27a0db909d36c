//! A pouch of the spool as the one tar in which it travels (SPEC.md, in transit).

use std::io::{self, Read, Write};

use openssl::sha::Sha256;
use pouch_archive::transit::{Extent, Layout, LayoutError, Piece};
use pouch_format::{MANIFEST_FILE, Manifest, ManifestError, PouchId, SIGNATURE_FILE, Sha256Digest, limits};
use pouch_platform::{Dir, DirError};

/// Bytes copied at once.
const BUFFER: usize = 1 << 20;

/// Why a pouch is not exported; what was written so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of the pouch cannot be opened or read.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// What lies there has no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder of one pouch holds another.
    #[error("the folder of {folder} holds {found}")]
    Other {
        /// After which the folder is named.
        folder: PouchId,
        /// By its manifest.
        found: PouchId,
    },
    /// A part of a size that none has.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A part that was changed since it was sealed.
    #[error("{part} is not as the manifest states it")]
    Part {
        /// The part's file.
        part: String,
    },
    /// A part that cannot be read.
    #[error("cannot read {part}: {source}")]
    Read {
        /// The part's file.
        part: String,
        /// What the system says.
        source: io::Error,
    },
    /// The tar cannot be written.
    #[error("cannot write the tar: {0}")]
    Write(io::Error),
}

/// A pouch that is about to be exported.
#[derive(Debug)]
pub struct Export {
    dir: Dir,
    manifest: Manifest,
    layout: Layout,
    manifest_bytes: Vec<u8>,
    signatures: Vec<u8>,
}

impl Export {
    /// Reads the manifest and the signatures of the pouch in `dir`.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn of(dir: Dir, id: &PouchId) -> Result<Self, ExportError> {
        let manifest_bytes = dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES)?;
        let signatures = dir.read_bounded(SIGNATURE_FILE, limits::SIGNATURE_FILE_BYTES)?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        if manifest.id() != *id {
            return Err(ExportError::Other { folder: id.clone(), found: manifest.id() });
        }
        let small = [(MANIFEST_FILE, manifest_bytes.len() as u64), (SIGNATURE_FILE, signatures.len() as u64)];
        let layout =
            Layout::new(id, small.into_iter().chain(manifest.parts().map(|part| (part.name.as_str(), part.size))))?;
        Ok(Self { dir, manifest, layout, manifest_bytes, signatures })
    }

    /// Bytes of the tar.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.layout.length()
    }

    /// Writes the tar, each part compared with the manifest on its way. `to` is not flushed.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn write(&self, to: &mut dyn Write) -> Result<(), ExportError> {
        let mut buffer = vec![0; BUFFER];
        for piece in self.layout.pieces(0..self.layout.length()) {
            match piece {
                Piece::Head { of, .. } => to.write_all(&self.layout.head(of)).map_err(ExportError::Write)?,
                Piece::Content { of, .. } => self.write_part(of, to, &mut buffer)?,
                Piece::Zeros { length } => {
                    let zeros = io::repeat(0).take(length as u64);
                    io::copy(&mut { zeros }, to).map_err(ExportError::Write)?;
                }
            }
        }
        Ok(())
    }

    fn write_part(&self, of: Extent, to: &mut dyn Write, buffer: &mut [u8]) -> Result<(), ExportError> {
        let name = of.place.to_string();
        let small = match name.as_str() {
            MANIFEST_FILE => Some(&self.manifest_bytes),
            SIGNATURE_FILE => Some(&self.signatures),
            _ => None,
        };
        if let Some(bytes) = small {
            return to.write_all(bytes).map_err(ExportError::Write);
        }
        // One byte more would show that the part has grown.
        let mut from = self.dir.open_file(&name)?.take(of.size + 1);
        let (mut hash, mut found) = (Sha256::new(), 0);
        loop {
            let read = match from.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|source| ExportError::Read { part: name.clone(), source })?,
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            found += read as u64;
            if bytes.is_empty() || found > of.size {
                break;
            }
            hash.update(bytes);
            to.write_all(bytes).map_err(ExportError::Write)?;
        }
        let digest = Sha256Digest(hash.finish());
        let stated = self.manifest.parts().any(|part| part.name == name && part.sha256 == digest);
        if found == of.size && stated { Ok(()) } else { Err(ExportError::Part { part: name }) }
    }
}
