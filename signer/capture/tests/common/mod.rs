//! Sinks that keep what they get.
#![allow(dead_code, unreachable_pub, reason = "every test binary that includes this file uses another part of it")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pouch_capture::{Meta, SinkError, SnapshotSink, Source};
use pouch_format::EntryPath;

/// A source from its TOML table.
pub fn source(toml: &str) -> Source {
    toml::from_str(toml).unwrap()
}

/// Keeps everything in memory, and checks the grammar of the calls.
#[derive(Default)]
pub struct Memory {
    /// Entries in the order they came.
    pub order: Vec<String>,
    /// Content of files; none for directories.
    pub entries: BTreeMap<String, Option<Vec<u8>>>,
    pub metas: BTreeMap<String, Meta>,
    open: Option<(String, u64)>,
}

impl Memory {
    fn add(&mut self, path: &EntryPath, meta: &Meta, content: Option<Vec<u8>>) {
        assert!(self.open.is_none(), "{path} comes before the file before it is complete");
        if let Some(parent) = path.parent() {
            assert!(matches!(self.entries.get(parent), Some(None)), "{path} comes before its directory");
        }
        self.order.push(path.to_string());
        self.metas.insert(path.to_string(), *meta);
        assert!(self.entries.insert(path.to_string(), content).is_none(), "{path} comes twice");
    }

    pub fn text(&self, path: &str) -> &str {
        std::str::from_utf8(self.entries[path].as_ref().unwrap()).unwrap()
    }
}

impl SnapshotSink for Memory {
    fn directory(&mut self, path: &EntryPath, meta: &Meta) -> Result<(), SinkError> {
        self.add(path, meta, None);
        Ok(())
    }

    fn begin_file(&mut self, path: &EntryPath, size: u64, meta: &Meta) -> Result<(), SinkError> {
        self.add(path, meta, Some(Vec::new()));
        self.open = Some((path.to_string(), size));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        assert!((1..=1 << 20).contains(&bytes.len()));
        let (path, _) = self.open.as_ref().unwrap();
        self.entries.get_mut(path).unwrap().as_mut().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), SinkError> {
        let (path, size) = self.open.take().unwrap();
        assert_eq!(self.entries[&path].as_ref().unwrap().len() as u64, size, "{path}");
        Ok(())
    }
}

/// Writes everything beneath a directory; `hook` sees each path before it is written.
pub struct Disk<'h> {
    pub root: PathBuf,
    pub hook: Box<dyn FnMut(&EntryPath) + 'h>,
    file: Option<File>,
}

impl<'h> Disk<'h> {
    pub fn new(root: impl Into<PathBuf>, hook: impl FnMut(&EntryPath) + 'h) -> Self {
        Self { root: root.into(), hook: Box::new(hook), file: None }
    }
}

impl SnapshotSink for Disk<'_> {
    fn directory(&mut self, path: &EntryPath, _: &Meta) -> Result<(), SinkError> {
        (self.hook)(path);
        let path = self.root.join(path.as_str());
        fs::create_dir(&path)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?)
    }

    fn begin_file(&mut self, path: &EntryPath, _: u64, _: &Meta) -> Result<(), SinkError> {
        (self.hook)(path);
        let file = File::create_new(self.root.join(path.as_str()))?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        self.file = Some(file);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        Ok(self.file.as_mut().unwrap().write_all(bytes)?)
    }

    fn end_file(&mut self) -> Result<(), SinkError> {
        self.file.take().unwrap();
        Ok(())
    }
}

/// Calls `data` before any bytes go on to `inner`.
pub struct Hooked<'h> {
    pub inner: &'h mut dyn SnapshotSink,
    pub data: &'h mut dyn FnMut(),
}

impl SnapshotSink for Hooked<'_> {
    fn directory(&mut self, path: &EntryPath, meta: &Meta) -> Result<(), SinkError> {
        self.inner.directory(path, meta)
    }

    fn begin_file(&mut self, path: &EntryPath, size: u64, meta: &Meta) -> Result<(), SinkError> {
        self.inner.begin_file(path, size, meta)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        (self.data)();
        self.inner.data(bytes)
    }

    fn end_file(&mut self) -> Result<(), SinkError> {
        self.inner.end_file()
    }
}

/// Takes everything and keeps nothing.
pub struct Nothing;

impl SnapshotSink for Nothing {
    fn directory(&mut self, _: &EntryPath, _: &Meta) -> Result<(), SinkError> {
        Ok(())
    }

    fn begin_file(&mut self, _: &EntryPath, _: u64, _: &Meta) -> Result<(), SinkError> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
