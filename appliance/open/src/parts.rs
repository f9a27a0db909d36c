//! The files of a pouch: read once from the source, and hashed as they are written.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use openssl::sha::Sha256;
use pouch_format::{MANIFEST_FILE, Manifest, Part, SIGNATURE_FILE, Sha256Digest, escaped};
use pouch_platform::NewFile;
use pouch_vault::Staging;

use crate::{Source, VerifyError};

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Most parts copied at once.
const WORKERS: usize = 4;

/// POUCH-TRANSIT: a tar is called after the pouch that its manifest states; the rest of the rule was checked when it was
/// opened. Says whether the source is one.
pub(crate) fn check_transit(source: &Source, manifest: &Manifest) -> Result<bool, VerifyError> {
    match source.pouch() {
        Some(named) if *named != manifest.id() => {
            Err(VerifyError::OtherPouch { named: named.clone(), stated: manifest.id() })
        }
        named => Ok(named.is_some()),
    }
}

/// POUCH-PARTS: the source holds exactly the files that the manifest names.
pub(crate) fn check_names(source: &Source, manifest: &Manifest) -> Result<(), VerifyError> {
    let mut missing: BTreeSet<&str> = manifest.parts().map(|part| part.name.as_str()).collect();
    missing.extend([MANIFEST_FILE, SIGNATURE_FILE]);
    for name in source.names().map_err(VerifyError::Source)? {
        let name = name.map_err(VerifyError::Source)?;
        // The first name too many stops the walk, so its length is bounded by the manifest's.
        if !name.to_str().is_some_and(|name| missing.remove(name)) {
            return Err(VerifyError::Extra { name: escaped(name.as_bytes()) });
        }
    }
    match missing.first() {
        Some(part) => Err(VerifyError::Missing { part: (*part).to_owned() }),
        None => Ok(()),
    }
}

/// SEGMENT-SIZE, SEGMENT-DIGEST: every part is the one that the manifest states; copies them if there is where to.
pub(crate) fn check_parts(source: &Source, manifest: &Manifest, staging: Option<&Staging>) -> Result<(), VerifyError> {
    let parts: Vec<&Part> = manifest.parts().collect();
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    // The flaw of the earliest part, whichever thread meets it.
    let flaw: Mutex<Option<(usize, VerifyError)>> = Mutex::new(None);
    let work = || {
        let mut buffer = vec![0; BUFFER_BYTES];
        while !stop.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(place) else { return };
            if let Err(error) = check_part(source, part, staging, &mut buffer) {
                stop.store(true, Ordering::Relaxed);
                let mut flaw = flaw.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if flaw.as_ref().is_none_or(|(earliest, _)| place < *earliest) {
                    *flaw = Some((place, error));
                }
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(WORKERS).min(parts.len());
    thread::scope(|scope| {
        (1..workers).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    match flaw.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

fn check_part(source: &Source, part: &Part, staging: Option<&Staging>, buffer: &mut [u8]) -> Result<(), VerifyError> {
    let name = || part.name.clone();
    let from = source.open_part(&part.name).map_err(VerifyError::Source)?;
    let mut from = from.ok_or_else(|| VerifyError::Missing { part: name() })?;
    let to = staging.map(|staging| staging.create(&part.name)).transpose()?;
    let mut to = to.map(|file| NewFile::new(file, part.size));
    let (found, sha256) = copy(&mut from, to.as_mut(), part, buffer)?;
    if found != part.size {
        return Err(VerifyError::Size { part: name(), found, stated: part.size });
    }
    if sha256 != part.sha256 {
        return Err(VerifyError::Digest { part: name(), found: sha256, stated: part.sha256 });
    }
    if let Some(to) = to {
        // On the descriptor that wrote: an error of writing back is reported here or nowhere.
        let synced = to.finish().and_then(|file| file.sync_all());
        synced.map_err(|source| VerifyError::Write { part: name(), source })?;
    }
    Ok(())
}

/// Copies at most one byte more than stated, and hashes what it writes.
fn copy(
    from: &mut impl Read,
    mut to: Option<&mut NewFile>,
    part: &Part,
    buffer: &mut [u8],
) -> Result<(u64, Sha256Digest), VerifyError> {
    let mut hash = Sha256::new();
    let mut found = 0;
    let mut from = from.take(part.size.saturating_add(1));
    loop {
        let read = match from.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(VerifyError::Read { part: part.name.clone(), source }),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((found, Sha256Digest(hash.finish())));
        }
        hash.update(bytes);
        found += bytes.len() as u64;
        if let Some(to) = &mut to {
            to.write_all(bytes).map_err(|source| VerifyError::Write { part: part.name.clone(), source })?;
        }
    }
}

/// Its copy: the very bytes that were read, durably.
pub(crate) fn write_small(staging: &Staging, file: &str, bytes: &[u8]) -> Result<(), VerifyError> {
    let failed = |source| VerifyError::Write { part: file.to_owned(), source };
    let mut to = staging.create(file)?;
    to.write_all(bytes).and_then(|()| to.sync_all()).map_err(failed)
}
