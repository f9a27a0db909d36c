//! The vault.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};
use pouch_format::{MANIFEST_FILE, Manifest, Part, PouchId, RegistryName, SIGNATURE_FILE, limits};
use pouch_platform::{Dir, Lock};

use crate::VaultError;
use crate::staging::{INCOMING, LOCK, Staging, remove_leftovers};

/// Questions to a store that are under way at once.
const QUESTIONS: usize = 8;

/// The sealed pouches of an embassy.
///
/// Reading needs no lock: a pouch that is listed is whole and never changes.
#[derive(Debug)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
    home: Home,
    /// Where `.incoming` and `.lock` are: the vault's own directory, or a local one in front of a store.
    local: Dir,
}

/// Where published pouches are.
#[derive(Debug)]
pub(crate) enum Home {
    /// In this directory, which the store serves: publishing is one rename.
    Directory(Dir),
    /// Only in the store: publishing is putting, the manifest last.
    Store,
}

impl Vault {
    /// Opens a vault in a local directory, and creates it (mode 0700) if it is not there. The parent must exist.
    ///
    /// # Errors
    /// [`VaultError::Dir`], also if others can change the directory.
    pub fn open_local(root: impl AsRef<Path>) -> Result<Self, VaultError> {
        let root = root.as_ref();
        let local = open_incoming(root)?;
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|source| VaultError::Store { action: "open", object: root.display().to_string(), source })?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), home: Home::Directory(local.try_clone()?), local })
    }

    /// Opens a vault in an object store; `local` is a directory for what is incoming.
    ///
    /// # Errors
    /// [`VaultError::Dir`].
    pub fn open_store(store: Arc<dyn ObjectStore>, local: impl AsRef<Path>) -> Result<Self, VaultError> {
        Ok(Self { store, home: Home::Store, local: open_incoming(local.as_ref())? })
    }

    /// A private directory for one incoming pouch, on the file system of the vault. Removes what killed imports left.
    ///
    /// # Errors
    /// [`VaultError::Busy`] while another import is under way.
    pub fn incoming(&self) -> Result<Staging, VaultError> {
        Staging::begin(&self.local)
    }

    /// Removes what killed imports left behind; says how many directories that were.
    ///
    /// # Errors
    /// [`VaultError::Busy`] while another import is under way.
    pub fn clean(&self) -> Result<usize, VaultError> {
        let _lock = Lock::acquire(&self.local, LOCK)?;
        remove_leftovers(&self.local.subdir(INCOMING)?)
    }

    /// Bytes that can still be copied into [`Vault::incoming`].
    ///
    /// # Errors
    /// [`VaultError::Dir`].
    pub fn free_bytes(&self) -> Result<u64, VaultError> {
        Ok(self.local.free_bytes()?)
    }

    /// The registries of which at least one pouch is kept, by name.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn registries(&self) -> Result<Vec<RegistryName>, VaultError> {
        let mut kept = Vec::new();
        for name in self.children(None)? {
            if let Ok(registry) = name.parse::<RegistryName>()
                && !self.list(&registry)?.is_empty()
            {
                kept.push(registry);
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// The pouches kept of a registry, oldest first. One that is half published is not among them.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub fn list(&self, registry: &RegistryName) -> Result<Vec<PouchId>, VaultError> {
        // Only the one spelling of a number; whatever else lies there is no pouch.
        let ids = self.children(Some(&registry_path(registry)))?.into_iter();
        let ids: Vec<PouchId> = ids.filter_map(|name| format!("{registry}-{name}").parse().ok()).collect();
        let mut kept: Vec<PouchId> = block_on(
            stream::iter(ids)
                .map(|id| async { self.holds(&id).await.map(|there| there.then_some(id)) })
                .buffer_unordered(QUESTIONS)
                .try_filter_map(|id| async { Ok(id) })
                .try_collect(),
        )?;
        kept.sort();
        Ok(kept)
    }

    /// Whether a pouch is kept.
    ///
    /// # Errors
    /// [`VaultError::Store`] if that cannot be told.
    pub fn has(&self, id: &PouchId) -> Result<bool, VaultError> {
        block_on(self.holds(id))
    }

    /// The exact bytes of a pouch's manifest, at most 16 MiB of them.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if there is no such pouch.
    pub fn manifest_bytes(&self, id: &PouchId) -> Result<Vec<u8>, VaultError> {
        self.read(
            id,
            MANIFEST_FILE,
            |size| if size <= limits::MANIFEST_BYTES { Ok(()) } else { Err(limits::MANIFEST_BYTES) },
        )
    }

    /// A pouch's manifest. It is what the store says: compare its digest with one that you trust.
    ///
    /// # Errors
    /// [`VaultError::Missing`]; [`VaultError::Manifest`] and [`VaultError::Misplaced`] if it is damaged.
    pub fn manifest(&self, id: &PouchId) -> Result<Manifest, VaultError> {
        let manifest = Manifest::parse(&self.manifest_bytes(id)?)
            .map_err(|source| VaultError::Manifest { id: id.clone(), source })?;
        let found = manifest.id();
        if found == *id { Ok(manifest) } else { Err(VaultError::Misplaced { id: id.clone(), found }) }
    }

    /// The exact bytes of a pouch's signature file, at most 64 KiB of them.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if there is no such pouch.
    pub fn signature_bytes(&self, id: &PouchId) -> Result<Vec<u8>, VaultError> {
        const LIMIT: u64 = limits::SIGNATURE_FILE_BYTES;
        self.read(id, SIGNATURE_FILE, |size| if size <= LIMIT { Ok(()) } else { Err(LIMIT) })
    }

    /// A sealed part: exactly as many bytes as stated. They are what the store holds: check their digest.
    ///
    /// # Errors
    /// [`VaultError::Size`] before anything is read, if the part has another size.
    pub fn read_part(&self, id: &PouchId, part: &Part) -> Result<Vec<u8>, VaultError> {
        let mut bytes = Vec::new();
        self.read_part_into(id, part, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`Self::read_part`], into a buffer that serves for one part after the other; what it held before is gone.
    ///
    /// # Errors
    /// As for [`Self::read_part`]; then the buffer holds anything.
    pub fn read_part_into(&self, id: &PouchId, part: &Part, bytes: &mut Vec<u8>) -> Result<(), VaultError> {
        self.read_into(id, &part.name, |size| if size == part.size { Ok(()) } else { Err(part.size) }, bytes)
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    async fn holds(&self, id: &PouchId) -> Result<bool, VaultError> {
        match self.store.head(&object_path(id, MANIFEST_FILE)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(VaultError::Store { action: "find", object: object(id, MANIFEST_FILE), source }),
        }
    }

    fn read(&self, id: &PouchId, name: &str, fits: impl Fn(u64) -> Result<(), u64>) -> Result<Vec<u8>, VaultError> {
        let mut bytes = Vec::new();
        self.read_into(id, name, fits, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a whole object whose size `fits`; a size that does not comes with the size that would.
    fn read_into(
        &self,
        id: &PouchId,
        name: &str,
        fits: impl Fn(u64) -> Result<(), u64>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let failed = |source| match source {
            object_store::Error::NotFound { .. } if name == MANIFEST_FILE => VaultError::Missing { id: id.clone() },
            source => VaultError::Store { action: "read", object: object(id, name), source },
        };
        let check =
            |found: u64| fits(found).map_err(|stated| VaultError::Size { object: object(id, name), found, stated });
        block_on(async {
            let found = self.store.get(&object_path(id, name)).await.map_err(failed)?;
            let size = found.meta.size;
            check(size)?;
            bytes.clear();
            bytes.reserve_exact(usize::try_from(size).unwrap_or(usize::MAX));
            match found.payload {
                GetResultPayload::File(file, _) => {
                    // One byte more would be too many, and is found below.
                    let read = file.take(size + 1).read_to_end(bytes);
                    read.map_err(|e| failed(object_store::Error::Generic { store: "file", source: Box::new(e) }))?;
                }
                GetResultPayload::Stream(mut chunks) => {
                    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
                        bytes.extend_from_slice(&chunk);
                        if bytes.len() as u64 > size {
                            break;
                        }
                    }
                }
            }
            check(bytes.len() as u64)
        })
    }

    /// Names of what lies directly under a prefix and has something beneath.
    fn children(&self, prefix: Option<&ObjectPath>) -> Result<Vec<String>, VaultError> {
        let listed = block_on(self.store.list_with_delimiter(prefix)).map_err(|source| VaultError::Store {
            action: "list",
            object: prefix.map_or_else(|| "the vault".to_owned(), ToString::to_string),
            source,
        })?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename()).map(str::to_owned).collect())
    }
}

fn open_incoming(root: &Path) -> Result<Dir, VaultError> {
    let root = Dir::open_private(root)?;
    match root.create_dir(INCOMING) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => root.subdir(INCOMING)?.check_private()?,
        created => drop(created?),
    }
    Ok(root)
}

/// The only place that waits for a store. A store that needs a runtime of its own brings it in here.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

pub(crate) fn registry_path(registry: &RegistryName) -> ObjectPath {
    ObjectPath::from(registry.as_str())
}

pub(crate) fn sequence_name(sequence: u64) -> String {
    format!("{sequence:06}")
}

fn object_path(id: &PouchId, name: &str) -> ObjectPath {
    registry_path(&id.registry).join(sequence_name(id.sequence)).join(name)
}

/// An object's name for messages.
pub(crate) fn object(id: &PouchId, name: &str) -> String {
    format!("{id}/{}", name.escape_default())
}
