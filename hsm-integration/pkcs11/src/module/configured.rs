//! Modules that the machine has configured for p11-kit (pkcs11.conf(5)): one file `NAME.module` each.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Where the files are; the administrator's before the distribution's.
pub(super) const CONFIGURATIONS: [&str; 2] = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];

/// Longest file that is read, in bytes.
const FILE_BYTES: u64 = 64 << 10;

/// What the file of `name` says of its module: an absolute path, or a name relative to p11-kit's own directory.
pub(super) fn module_of(name: &str, directories: &[&str]) -> Option<PathBuf> {
    // A name is not a path.
    if name.is_empty() || name.contains('/') {
        return None;
    }
    let file = directories.iter().map(|directory| Path::new(directory).join(format!("{name}.module")));
    let file = file.into_iter().find(|file| file.is_file())?;
    let mut text = String::new();
    File::open(file).ok()?.take(FILE_BYTES).read_to_string(&mut text).ok()?;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "module" && !value.trim().is_empty()).then(|| PathBuf::from(value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_file_comes_first() {
        let (admin, distribution) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let directories = [admin.path().to_str().unwrap(), distribution.path().to_str().unwrap()];
        let write = |at: &tempfile::TempDir, text: &str| std::fs::write(at.path().join("hsm.module"), text).unwrap();
        assert_eq!(module_of("hsm", &directories), None);
        write(&distribution, "# module: /no.so\n\npriority: 1\nmodule: libhsm.so\n");
        assert_eq!(module_of("hsm", &directories), Some("libhsm.so".into()));
        write(&admin, "module:/opt/hsm.so\n");
        assert_eq!(module_of("hsm", &directories), Some("/opt/hsm.so".into()));
        for name in ["", "../hsm", "other"] {
            assert_eq!(module_of(name, &directories), None, "{name}");
        }
        write(&admin, "remote: |ssh host p11-kit remote\n");
        assert_eq!(module_of("hsm", &directories), None);
    }
}
