//! The packages of the workspace, as cargo sees them.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) targets: Vec<Target>,
    /// What it needs to be built and to run.
    pub(crate) needs: Vec<String>,
    /// What only its tests need.
    pub(crate) tests_need: Vec<String>,
}

/// A target: a library, a binary, a test.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) root: PathBuf,
}

impl Workspace {
    pub(crate) fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
        let root = path(&metadata["workspace_root"]);
        let packages: Vec<Package> = list(&metadata["packages"]).map(package).collect();
        assert!(packages.len() > 5, "only {} packages were found", packages.len());
        Workspace { root, packages }
    }

    pub(crate) fn read_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

impl Package {
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.targets.iter().any(|target| target.kind == kind)
    }
}

fn package(value: &Value) -> Package {
    let needs = |tests: bool| {
        let dependencies = list(&value["dependencies"]).filter(|dependency| (dependency["kind"] == "dev") == tests);
        dependencies.map(|dependency| text(&dependency["name"])).collect()
    };
    let target = |target: &Value| Target { kind: text(&target["kind"][0]), root: path(&target["src_path"]) };
    let manifest = path(&value["manifest_path"]);
    Package {
        name: text(&value["name"]),
        folder: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        targets: list(&value["targets"]).map(target).collect(),
        needs: needs(false),
        tests_need: needs(true),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn path(value: &Value) -> PathBuf {
    PathBuf::from(value.as_str().unwrap_or_default())
}
