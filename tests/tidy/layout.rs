//! What lies in the top folder.

use std::path::Path;

const FOLDERS: &[&str] = &["appliance", "signer", "hsm-integration", "image", "tests"];

const FILES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "Makefile",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "clippy.toml",
    "deny.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "ARCHITECTURE.md",
    "THREAT-MODEL.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "DECISIONS.md",
    "BENCHMARKS.md",
];

/// Made by `cargo` and by `make demo`, ignored by git.
const MADE: &[&str] = &["target", "demo"];

/// The names in `folder`; those of folders end with `/`. Hidden ones are left out.
pub(crate) fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the top folder is readable").map(|entry| entry.expect("an entry"));
    let name = |entry: std::fs::DirEntry| {
        let slash = if entry.path().is_dir() { "/" } else { "" };
        format!("{}{slash}", entry.file_name().to_string_lossy())
    };
    entries.map(name).filter(|name| !name.starts_with('.')).collect()
}

pub(crate) fn check(entries: &[String]) -> Vec<String> {
    let folder = |name: &&str| format!("{name}/");
    let mut prescribed: Vec<String> = FOLDERS.iter().map(folder).collect();
    prescribed.extend(FILES.iter().map(ToString::to_string));
    let made: Vec<String> = MADE.iter().map(folder).collect();
    let missing = prescribed.iter().filter(|name| !entries.contains(name)).map(|name| format!("{name} is missing"));
    let extra = entries.iter().filter(|name| !prescribed.contains(name) && !made.contains(name));
    missing.chain(extra.map(|name| format!("{name} has no place in the top folder"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_is_found() {
        let mut right: Vec<String> = FOLDERS.iter().map(|name| format!("{name}/")).collect();
        right.extend(FILES.iter().map(ToString::to_string));
        right.push("target/".into());
        assert_eq!(check(&right), [""; 0]);
        right.push("scripts/".into());
        assert_eq!(check(&right), ["scripts/ has no place in the top folder"]);
        right.retain(|name| name != "scripts/" && name != "image/");
        right.push("image".into());
        assert_eq!(check(&right), ["image/ is missing", "image has no place in the top folder"]);
    }
}
