//! The pouch as one readable stream: any range of its tar in transit, from the parts in its directory.
//!
//! Sizes and times of the parts are fixed when the stream is opened. A part that is another one later, or is gone, is an
//! error, never other bytes: what was announced is what is sent. A pouch may have more parts than a process may have open
//! files, so only the latest few are kept open.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use pouch_archive::transit::{Extent, Layout, LayoutError};
use pouch_format::{MANIFEST_FILE, Manifest, ManifestError, PouchId, SIGNATURE_FILE, Sha256Digest, limits};
use pouch_platform::{Dir, DirError, Metadata, file_metadata};

/// Parts that are kept open.
const OPEN: usize = 16;

/// Why a pouch cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A directory or a file cannot be opened.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The manifest is none.
    #[error("{pouch}: {source}")]
    Manifest {
        /// The pouch's directory.
        pouch: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The directory has another name than the pouch in it.
    #[error("the directory is called {directory}, the pouch in it {manifest}")]
    Name {
        /// What the directory is called.
        directory: PouchId,
        /// What the manifest says.
        manifest: PouchId,
    },
    /// The files are not the parts of a pouch.
    #[error("{pouch}: {source}")]
    Parts {
        /// The pouch.
        pouch: PouchId,
        /// What is wrong.
        source: LayoutError,
    },
    /// A part has another size than the manifest states.
    #[error("{pouch}: {part} has {found} bytes, the manifest states {stated}")]
    Size {
        /// The pouch.
        pouch: PouchId,
        /// The part.
        part: String,
        /// Bytes stated.
        stated: u64,
        /// Bytes found.
        found: u64,
    },
    /// Parts that the manifest states are not there.
    #[error("{pouch}: {missing} parts that the manifest states are missing")]
    Missing {
        /// The pouch.
        pouch: PouchId,
        /// How many.
        missing: usize,
    },
    /// A part is not the one any more that was there when the stream was opened.
    #[error("{pouch}: {part} was changed while it was being sent")]
    Changed {
        /// The pouch.
        pouch: PouchId,
        /// The part.
        part: String,
    },
    /// A part is not there any more.
    #[error("{pouch}: {part} vanished while it was being sent")]
    Vanished {
        /// The pouch.
        pouch: PouchId,
        /// The part.
        part: String,
    },
    /// A part cannot be read.
    #[error("{pouch}: cannot read {part}: {source}")]
    Read {
        /// The pouch.
        pouch: PouchId,
        /// The part.
        part: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a file must still be to be the one that was opened first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    ino: u64,
    size: u64,
    time: (i64, u32),
}

impl From<Metadata> for Seen {
    fn from(metadata: Metadata) -> Self {
        let Metadata { ino, size, mtime, mtime_nanos, .. } = metadata;
        Self { ino, size, time: (mtime, mtime_nanos) }
    }
}

/// A pouch in its directory, read as one stream. For any number of threads.
#[derive(Debug)]
pub struct PouchStream {
    dir: Dir,
    pouch: PouchId,
    manifest: Sha256Digest,
    signatures: Sha256Digest,
    layout: Layout,
    /// As many as parts, in the order of the layout.
    seen: Vec<Seen>,
    /// The latest used parts, newest last.
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

impl PouchStream {
    /// Opens the pouch in a directory, and looks at each of its parts; its content is not verified.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn open(dir: Dir) -> Result<Self, StreamError> {
        let bytes = dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES)?;
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| StreamError::Manifest { pouch: dir.path().display().to_string(), source })?;
        let pouch = manifest.id();
        let named = dir.path().file_name().and_then(|name| name.to_str()?.parse::<PouchId>().ok());
        if let Some(directory) = named.filter(|named| *named != pouch) {
            return Err(StreamError::Name { directory, manifest: pouch });
        }
        let signatures = dir.read_bounded(SIGNATURE_FILE, limits::SIGNATURE_FILE_BYTES)?;
        let mut files = Vec::new();
        for entry in dir.entries()? {
            let name = entry?.name.to_string_lossy().into_owned();
            let size = file_metadata(&dir.open_file(&name)?).map_or(0, |metadata| metadata.size);
            files.push((name, size));
        }
        let parts = |source| StreamError::Parts { pouch: pouch.clone(), source };
        let layout = Layout::new(&pouch, files).map_err(parts)?;
        let digest = |bytes: &[u8]| Sha256Digest(openssl::sha::sha256(bytes));
        let mut stream = Self {
            dir,
            manifest: digest(&bytes),
            signatures: digest(&signatures),
            seen: Vec::with_capacity(layout.extents().len()),
            layout,
            pouch,
            open: Mutex::default(),
        };
        stream.look(&manifest, bytes.len() as u64)?;
        Ok(stream)
    }

    /// Notes what each part is, and that it has the size that the manifest states.
    fn look(&mut self, manifest: &Manifest, own: u64) -> Result<(), StreamError> {
        let stated = manifest.parts().map(|part| part.size);
        // A signature file has no size that is stated.
        let mut stated = [Some(own), None].into_iter().chain(stated.map(Some));
        for extent in self.layout.extents() {
            let part = extent.place.to_string();
            let metadata = self.dir.metadata(&part)?;
            let stated = stated.next().unwrap_or(Some(0));
            if extent.size != metadata.size {
                return Err(StreamError::Changed { pouch: self.pouch.clone(), part });
            }
            if let Some(stated) = stated.filter(|stated| *stated != metadata.size) {
                return Err(StreamError::Size { pouch: self.pouch.clone(), part, stated, found: metadata.size });
            }
            self.seen.push(metadata.into());
        }
        match stated.count() {
            0 => Ok(()),
            missing => Err(StreamError::Missing { pouch: self.pouch.clone(), missing }),
        }
    }

    /// Which pouch it is.
    #[must_use]
    pub const fn pouch(&self) -> &PouchId {
        &self.pouch
    }

    /// SHA-256 of its manifest.
    #[must_use]
    pub const fn manifest(&self) -> Sha256Digest {
        self.manifest
    }

    /// SHA-256 of its signatures.
    #[must_use]
    pub const fn signatures(&self) -> Sha256Digest {
        self.signatures
    }

    /// Bytes of the stream.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.layout.length()
    }

    /// Fills `to` with the bytes of the stream from `at` on, zeros beyond its end.
    ///
    /// # Errors
    /// [`StreamError`] if a part is another one by now, is gone, or cannot be read.
    pub fn read_at(&self, at: u64, to: &mut [u8]) -> Result<(), StreamError> {
        let filled = self.layout.fill(at, to, |of, from, to| self.read_part(of, from, to))?;
        if let Some(rest) = to.get_mut(filled..) {
            rest.fill(0);
        }
        Ok(())
    }

    /// Whether every part is still the one that was opened: what was sent is then what was announced.
    ///
    /// # Errors
    /// [`StreamError::Changed`], [`StreamError::Vanished`].
    pub fn check(&self) -> Result<(), StreamError> {
        for (extent, seen) in self.layout.extents().iter().zip(&self.seen) {
            let part = extent.place.to_string();
            match self.dir.metadata(&part) {
                Ok(now) if Seen::from(now) == *seen => {}
                Ok(_) => return Err(StreamError::Changed { pouch: self.pouch.clone(), part }),
                Err(error) => return Err(self.gone(part, error)),
            }
        }
        Ok(())
    }

    fn gone(&self, part: String, error: DirError) -> StreamError {
        match error.kind() {
            ErrorKind::NotFound => StreamError::Vanished { pouch: self.pouch.clone(), part },
            _ => StreamError::Dir(error),
        }
    }

    fn read_part(&self, of: Extent, from: u64, to: &mut [u8]) -> Result<(), StreamError> {
        let number = self.layout.extents().partition_point(|extent| extent.start < of.start);
        let file = self.file(number, of)?;
        let failed = |source: std::io::Error| {
            let (pouch, part) = (self.pouch.clone(), of.place.to_string());
            match source.kind() {
                ErrorKind::UnexpectedEof => StreamError::Changed { pouch, part },
                _ => StreamError::Read { pouch, part, source },
            }
        };
        file.read_exact_at(to, from).map_err(failed)?;
        // Looked at behind the reading: a file that is still the same now was so before.
        match file_metadata(&file).map(Seen::from).map_err(failed)? {
            now if self.seen.get(number) == Some(&now) => Ok(()),
            _ => Err(StreamError::Changed { pouch: self.pouch.clone(), part: of.place.to_string() }),
        }
    }

    /// The part, open; opened again if it is not among the latest.
    fn file(&self, number: usize, of: Extent) -> Result<Arc<File>, StreamError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = open.iter().rposition(|(known, _)| *known == number) {
            let used = open.remove(place);
            let file = Arc::clone(&used.1);
            open.push(used);
            return Ok(file);
        }
        let part = of.place.to_string();
        let file = self.dir.open_file(&part).map_err(|error| self.gone(part.clone(), error))?;
        let now = file_metadata(&file).map_err(|source| StreamError::Read {
            pouch: self.pouch.clone(),
            part: part.clone(),
            source,
        })?;
        if self.seen.get(number) != Some(&Seen::from(now)) {
            return Err(StreamError::Changed { pouch: self.pouch.clone(), part });
        }
        let file = Arc::new(file);
        if open.len() == OPEN {
            open.remove(0);
        }
        open.push((number, Arc::clone(&file)));
        Ok(file)
    }
}
