//! Modules: found by path or name, loaded and initialised once a process.

mod configured;

use crate::{device::DeviceError, open::OpenError, uri::Uri};
use configured::{CONFIGURATIONS, module_of};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error as Binding, RvError},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Where `module-name` is looked up, in this order.
const LIBRARY_DIRECTORIES: [&str; 12] = [
    "/usr/local/lib/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib/softhsm",
    "/usr/local/lib/softhsm",
    "/usr/lib/x86_64-linux-gnu/softhsm",
    "/usr/lib/aarch64-linux-gnu/softhsm",
    "/usr/lib64/softhsm",
    "/usr/lib",
    "/usr/lib64",
];

/// Initialised modules by canonical path. `C_Initialize` may be called once a process, and a module that
/// was unloaded while a token is in use leaves dangling functions, so entries are never removed.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The module at `path`, which [`locate`] gave, ready for use.
pub(crate) fn load(path: &Path) -> Result<Pkcs11, OpenError> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let path = path.to_owned();
    let module = Pkcs11::new(&path).map_err(|error| match error {
        Binding::LibraryLoading(reason) => OpenError::ModuleLoad { path: path.clone(), reason: reason.to_string() },
        Binding::MissingSymbol(symbol) => {
            OpenError::ModuleLoad { path: path.clone(), reason: format!("it has no function {symbol}") }
        }
        other => OpenError::Module { path: path.clone(), source: other.into() },
    })?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Binding::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(OpenError::Module { path, source: DeviceError::from(error) }),
    }
    tracing::debug!(module = %path.display(), "PKCS#11 module loaded");
    modules.insert(path, module.clone());
    Ok(module)
}

/// Where the module is that `uri` names, else `default`; without links and steps up.
pub(crate) fn locate(uri: &Uri, default: Option<&Path>) -> Result<PathBuf, OpenError> {
    let path = named(uri, default)?;
    path.canonicalize().map_err(|_| OpenError::ModuleMissing { path })
}

fn named(uri: &Uri, default: Option<&Path>) -> Result<PathBuf, OpenError> {
    if let Some(path) = uri.module_path() {
        return Ok(PathBuf::from(path));
    }
    if let Some(name) = uri.module_name() {
        let searched = CONFIGURATIONS.iter().chain(&LIBRARY_DIRECTORIES).map(PathBuf::from);
        let missing = || OpenError::ModuleName { name: name.to_owned(), searched: searched.collect() };
        return by_name(name, &CONFIGURATIONS, &LIBRARY_DIRECTORIES).ok_or_else(missing);
    }
    default.map(Path::to_path_buf).ok_or(OpenError::NoModule)
}

/// What p11-kit knows by this name, else a library of this name.
fn by_name(name: &str, configurations: &[&str], directories: &[&str]) -> Option<PathBuf> {
    match module_of(name, configurations) {
        Some(path) if path.is_absolute() => Some(path),
        Some(path) => directories.iter().map(|directory| Path::new(directory).join(&path)).find(|path| path.is_file()),
        None => search(name, directories),
    }
}

/// RFC 7512 section 2.3: the name comes without system-specific affixes such as `lib` and `.so`.
fn search(name: &str, directories: &[&str]) -> Option<PathBuf> {
    let file_names = [format!("{name}.so"), format!("lib{name}.so"), name.to_owned()];
    directories
        .iter()
        .flat_map(|directory| file_names.iter().map(move |file| Path::new(directory).join(file)))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_with_and_without_affixes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("libhsm.so");
        std::fs::write(&path, b"").unwrap();
        let directories = ["/nonexistent", directory.path().to_str().unwrap()];
        for name in ["hsm", "libhsm", "libhsm.so"] {
            assert_eq!(by_name(name, &[], &directories), Some(path.clone()), "{name}");
        }
        assert_eq!(by_name("other", &[], &directories), None);
        std::fs::write(directory.path().join("vendor.module"), "module: libhsm.so\n").unwrap();
        assert_eq!(by_name("vendor", &directories, &directories), Some(path));
    }

    #[test]
    fn the_path_in_the_uri_beats_the_default() {
        let uri = Uri::parse("pkcs11:?module-path=/a.so").unwrap();
        assert_eq!(named(&uri, Some(Path::new("/b.so"))).unwrap(), Path::new("/a.so"));
        let uri = Uri::parse("pkcs11:").unwrap();
        assert_eq!(named(&uri, Some(Path::new("/b.so"))).unwrap(), Path::new("/b.so"));
        assert!(matches!(named(&uri, None), Err(OpenError::NoModule)));
    }

    #[test]
    fn a_file_that_is_no_module_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let uri = Uri::default().with_module_path(file.path().to_str().unwrap());
        assert!(matches!(load(&locate(&uri, None).unwrap()), Err(OpenError::ModuleLoad { .. })));
        let uri = Uri::parse("pkcs11:?module-path=/nonexistent/hsm.so").unwrap();
        assert!(matches!(locate(&uri, None), Err(OpenError::ModuleMissing { .. })));
    }
}
