//! Which files make up a target: follows `mod name;` from its root.

use crate::package::Package;
use crate::source::{Source, code, has_word};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crates of the command line and of tokens: for binaries, never for the library beside one.
const NOT_IN_A_LIBRARY: &[&str] = &["clap", "clap_complete", "clap_mangen", "pouch_cli", "openpgp_pkcs11"];

/// Packages whose library is about just that.
const EXEMPT: &[&str] = &["pouch-cli", "pouch-softtoken", "pouch-ceremony", "openpgp-pkcs11", "acceptance"];

/// Files that no target reaches: a test there would never run.
pub(crate) fn orphans(package: &Package, files: &[Source]) -> Vec<String> {
    let mut reached = BTreeSet::new();
    for target in &package.targets {
        reach(&target.root, true, files, &mut reached);
    }
    let orphans = files.iter().filter(|file| !reached.contains(&file.path));
    orphans.map(|file| format!("{}: no target reaches this file", file.path.display())).collect()
}

/// Uses of the command line or of a token in the library of a package.
pub(crate) fn library_sides(package: &Package, files: &[Source]) -> Vec<String> {
    if EXEMPT.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let mut reached = BTreeSet::new();
    for target in package.targets.iter().filter(|target| target.kind == "lib") {
        reach(&target.root, true, files, &mut reached);
    }
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| reached.contains(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            let code = code(line);
            for name in NOT_IN_A_LIBRARY.iter().filter(|name| has_word(&code, name)) {
                findings.push(format!("{}:{}: {name} in a library", file.path.display(), number + 1));
            }
        }
    }
    findings
}

fn reach(path: &Path, root: bool, files: &[Source], reached: &mut BTreeSet<PathBuf>) {
    let Some(file) = files.iter().find(|file| file.path == path) else { return };
    if !reached.insert(file.path.clone()) {
        return;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let below = match path.file_stem() {
        Some(stem) if !root && stem != "mod" => folder.join(stem),
        _ => folder.to_path_buf(),
    };
    let mut named = None;
    for line in file.text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            named = Some(folder.join(path));
        } else if let Some(name) = module(line) {
            match named.take() {
                Some(path) => reach(&path, true, files, reached),
                None => {
                    reach(&below.join(format!("{name}.rs")), false, files, reached);
                    reach(&below.join(name).join("mod.rs"), false, files, reached);
                }
            }
        }
    }
}

/// The name in a line like `pub(crate) mod name;`.
fn module(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
    let visible = before.is_empty() || before == "pub " || (before.starts_with("pub(") && before.ends_with(") "));
    visible.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Target;

    fn example(library: &str) -> (Package, Vec<Source>) {
        let target = |kind: &str, root: &str| Target { kind: kind.into(), root: root.into() };
        let package = Package {
            name: "pouch-x".into(),
            targets: vec![target("lib", "src/lib.rs"), target("bin", "src/main.rs"), target("test", "tests/a.rs")],
            ..Package::default()
        };
        let files = vec![
            Source::new("src/lib.rs", "pub mod deep;\n#[cfg(test)]\nmod tests;\n"),
            Source::new("src/deep/mod.rs", "pub(crate) mod inner;"),
            Source::new("src/deep/inner.rs", library),
            Source::new("src/tests.rs", "#[path = \"other/place.rs\"]\nmod place;\nmod more;"),
            Source::new("src/other/place.rs", ""),
            Source::new("src/tests/more.rs", ""),
            Source::new("src/main.rs", "mod cli;"),
            Source::new("src/cli.rs", "use clap::Parser;"),
            Source::new("tests/a.rs", ""),
        ];
        (package, files)
    }

    #[test]
    fn a_file_without_target_is_found() {
        let (package, mut files) = example("");
        assert_eq!(orphans(&package, &files), [""; 0]);
        files.push(Source::new("tests/forgotten.rs", "#[test]\nfn a() {}"));
        files.push(Source::new("src/cli/sub.rs", "// mod sub;"));
        assert_eq!(orphans(&package, &files).len(), 2);
    }

    #[test]
    fn a_command_line_in_a_library_is_found() {
        let (package, files) = example("// clap is for binaries\n");
        assert_eq!(library_sides(&package, &files), [""; 0]);
        let (package, files) = example("\nuse clap::Args;\n");
        assert_eq!(library_sides(&package, &files), ["src/deep/inner.rs:2: clap in a library"]);
        let (package, files) = example("fn sign(t: &openpgp_pkcs11::Token) {}");
        assert_eq!(library_sides(&package, &files).len(), 1);
    }
}
