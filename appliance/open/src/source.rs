//! What a courier or a link brings: a directory of parts, or one tar of them, read where it lies.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use pouch_archive::transit::{Index, IndexError};
use pouch_format::{MANIFEST_FILE, Part, PouchId, Rule, SIGNATURE_FILE, limits};
use pouch_platform::{Dir, DirError, Kind};

use crate::{SpoolError, VerifyError};

/// The parts of one pouch, as they were brought: a directory in which they lie, or one tar (SPEC.md, in transit).
///
/// A tar is opened once and read through that descriptor alone, so what is verified is what is kept, whatever becomes of
/// its name. A clone is the same source.
#[derive(Clone, Debug)]
pub struct Source {
    medium: Arc<Medium>,
}

#[derive(Debug)]
enum Medium {
    Folder(Dir),
    Tar { file: File, index: Index },
}

impl Source {
    /// Opens the directory, of which nothing is read; or the regular file, of which everything but the parts is.
    ///
    /// # Errors
    /// [`SpoolError::Source`], also for a link to a file; [`SpoolError::Transit`] for a file that is no pouch in transit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SpoolError> {
        let path = path.as_ref();
        let medium = match (Dir::open(path), path.file_name()) {
            (Ok(dir), _) => Medium::Folder(dir),
            (Err(error), Some(name)) if error.kind() == io::ErrorKind::NotADirectory => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = Dir::open(folder.unwrap_or(Path::new("."))).map_err(SpoolError::Source)?;
                Medium::tar(folder.open_file(name).map_err(SpoolError::Source)?)?
            }
            (Err(error), _) => return Err(SpoolError::Source(error)),
        };
        Ok(Self { medium: Arc::new(medium) })
    }

    /// The manifest's bytes, of which nothing is known to be true.
    ///
    /// # Errors
    /// [`SpoolError`] if there is none, or it is larger than any.
    pub fn manifest(&self) -> Result<Vec<u8>, SpoolError> {
        self.small(MANIFEST_FILE, limits::MANIFEST_BYTES, Rule::ManifestSize)
    }

    pub(crate) fn signatures(&self) -> Result<Vec<u8>, SpoolError> {
        self.small(SIGNATURE_FILE, limits::SIGNATURE_FILE_BYTES, Rule::SignGrammar)
    }

    /// The bytes of a part, at most one more than stated: whoever uses them compares size and digest.
    ///
    /// # Errors
    /// [`VerifyError::Missing`], [`VerifyError::Read`], [`VerifyError::Source`].
    pub fn part(&self, part: &Part) -> Result<Vec<u8>, VerifyError> {
        let name = || part.name.clone();
        let from = self.open_part(&part.name).map_err(VerifyError::Source)?;
        let from = from.ok_or_else(|| VerifyError::Missing { part: name() })?;
        let mut bytes = Vec::new();
        let read = from.take(part.size.saturating_add(1)).read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|source| VerifyError::Read { part: name(), source })
    }

    /// Of which pouch a tar says that it is; a directory says nothing.
    pub(crate) fn pouch(&self) -> Option<&PouchId> {
        match &*self.medium {
            Medium::Folder(_) => None,
            Medium::Tar { index, .. } => Some(index.layout().pouch()),
        }
    }

    /// The name of every file, or of whatever else lies there.
    pub(crate) fn names(&self) -> Result<Box<dyn Iterator<Item = Result<OsString, DirError>> + '_>, DirError> {
        Ok(match &*self.medium {
            Medium::Folder(dir) => Box::new(dir.entries()?.map(|entry| Ok(entry?.name))),
            Medium::Tar { index, .. } => {
                Box::new(index.layout().extents().iter().map(|extent| Ok(extent.place.to_string().into())))
            }
        })
    }

    /// A part from its first byte on; none if no regular file has this name.
    pub(crate) fn open_part(&self, name: &str) -> Result<Option<Content<'_>>, DirError> {
        match &*self.medium {
            Medium::Folder(dir) => match dir.open_file(name) {
                Ok(file) => Ok(Some(Content::Whole(file))),
                Err(error) if is_no_file(dir, name, &error) => Ok(None),
                Err(error) => Err(error),
            },
            Medium::Tar { file, index } => Ok(index.find(name).map(|range| Content::Within(file, range))),
        }
    }

    /// One of the two small files, whole: at most `limit` bytes, which `rule` sets.
    fn small(&self, file: &'static str, limit: u64, rule: Rule) -> Result<Vec<u8>, SpoolError> {
        let from = self.open_part(file).map_err(SpoolError::Source)?.ok_or(SpoolError::Missing { file })?;
        let mut bytes = Vec::new();
        from.take(limit + 1).read_to_end(&mut bytes).map_err(|source| SpoolError::Read { file, source })?;
        if bytes.len() as u64 > limit { Err(SpoolError::TooLarge { file, limit, rule }) } else { Ok(bytes) }
    }
}

impl Medium {
    fn tar(file: File) -> Result<Self, SpoolError> {
        let length = file.metadata().map_err(IndexError::Read)?.len();
        let index = Index::read(length, |at, to| file.read_exact_at(to, at))?;
        Ok(Self::Tar { file, index })
    }
}

/// The content of a part.
pub(crate) enum Content<'s> {
    /// A file of its own.
    Whole(File),
    /// What is left of a range of a tar.
    Within(&'s File, Range<u64>),
}

impl Read for Content<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(file) => file.read(to),
            Self::Within(file, range) => {
                let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                let room = to.len().min(left);
                let read = file.read_at(to.get_mut(..room).unwrap_or_default(), range.start)?;
                range.start += read as u64;
                Ok(read)
            }
        }
    }
}

/// Whether something else than a regular file has the name, or nothing; the call that failed may say it in other words.
fn is_no_file(source: &Dir, name: &str, error: &DirError) -> bool {
    matches!(error, DirError::NotAFile { .. })
        || match source.metadata(name) {
            Ok(metadata) => metadata.kind != Kind::File,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
}
