//! A home and an embassy with a few pouches, and the means to compare the embassy before and after.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use acceptance::place::{Keys, Place};
use acceptance::process::run;

/// A home with three pouches of `land`, of which the embassy has the first.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) _folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self::empty();
        for text in ["first", "second", "third"] {
            stage.write("deeds/one", text);
            run(stage.place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
        }
        let digest = stage.place.digest("land-000001").unwrap();
        stage.import("land-000001", &["--first", &digest]).unwrap();
        stage
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
        let stage = Self { place, _folder: folder };
        stage.write("deeds/one", "");
        let path = stage.place.path("registry");
        stage
            .place
            .add_registry("land", &format!("source = \"directory\"\npath = \"{}\"", path.display()), "part_size = 1")
            .unwrap();
        stage
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        let path = self.place.path("registry").join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Imports a pouch from a copy of the spool, as a courier brings it.
    pub(crate) fn import(&self, pouch: &str, more: &[&str]) -> Result<String, String> {
        self.import_folder(&self.carried(pouch), more)
    }

    pub(crate) fn import_folder(&self, folder: &Path, more: &[&str]) -> Result<String, String> {
        run(self.place.import().unwrap().arg("import").arg(folder).args(more))
    }

    /// A copy of a spooled pouch, for the courier to tamper with.
    pub(crate) fn carried(&self, pouch: &str) -> PathBuf {
        let bag = self.place.path("bag").join(pouch);
        if bag.exists() {
            fs::remove_dir_all(&bag).unwrap();
        }
        fs::create_dir_all(&bag).unwrap();
        for entry in fs::read_dir(self.place.spooled(pouch)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), bag.join(entry.file_name())).unwrap();
        }
        bag
    }

    /// Imports `folder`, which must be refused by `rule`, and must change nothing.
    pub(crate) fn refused(&self, folder: &Path, more: &[&str], rule: &str) {
        let before = self.embassy();
        let error = self.import_folder(folder, more).unwrap_err();
        assert!(error.contains(&format!("error[{rule}]")), "expected {rule}: {error}");
        assert!(error.contains("hint:"), "{error}");
        assert_eq!(self.embassy(), before, "{rule} left something behind");
    }

    /// Everything that the embassy keeps, but for its log, which tells of the refusal, and its locks.
    pub(crate) fn embassy(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.place.path("embassy/root")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if !(name.ends_with("lock") || name.contains("log") || name.starts_with("state-")) {
                    files.insert(path.clone(), blake3::hash(&fs::read(&path).unwrap_or_default()).to_string());
                }
            }
        }
        files.insert("state".into(), self.status());
        files
    }

    /// What the embassy says of itself, without what depends on the moment or counts lines of the log.
    fn status(&self) -> String {
        let output = self.place.import().unwrap().args(["--format", "json", "status"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let passing = |line: &&str| !["age", "changes", "log_lines"].iter().any(|word| line.contains(word));
        text.lines().filter(passing).collect()
    }
}
