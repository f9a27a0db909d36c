//! Which way imports point (ARCHITECTURE.md). A new edge fails until it is written here, with the change reviewed.

use crate::package::Package;

/// For each of our packages, which others of ours it may be built from. The acceptance package stands outside: it sees all.
const EDGES: &[(&str, &[&str])] = &[
    ("pouch-format", &[]),
    ("pouch-platform", &[]),
    ("pouch-console", &["pouch-platform"]),
    ("openpgp-pkcs11", &[]),
    ("pouch-shares", &[]),
    ("pouch-carry", &[]),
    ("pouch-archive", &["pouch-format", "pouch-platform"]),
    ("pouch-capture", &["pouch-archive", "pouch-format", "pouch-platform"]),
    ("pouch-vault", &["pouch-format", "pouch-platform"]),
    ("pouch-open", &["pouch-archive", "pouch-format", "pouch-platform", "pouch-vault"]),
    ("pouch-cli", &["openpgp-pkcs11", "pouch-console", "pouch-format", "pouch-platform", "pouch-shares"]),
    ("pouch-link", &["pouch-archive", "pouch-carry", "pouch-cli", "pouch-console", "pouch-format", "pouch-platform"]),
    (
        "pouch-media",
        &[
            "openpgp-pkcs11",
            "pouch-archive",
            "pouch-carry",
            "pouch-cli",
            "pouch-console",
            "pouch-format",
            "pouch-platform",
        ],
    ),
    ("pouch-softtoken", &["openpgp-pkcs11", "pouch-cli", "pouch-console"]),
    (
        "pouch-ceremony",
        &[
            "openpgp-pkcs11",
            "pouch-cli",
            "pouch-console",
            "pouch-format",
            "pouch-platform",
            "pouch-shares",
            "pouch-softtoken",
        ],
    ),
    (
        "pouch-seal",
        &[
            "openpgp-pkcs11",
            "pouch-archive",
            "pouch-capture",
            "pouch-cli",
            "pouch-console",
            "pouch-format",
            "pouch-platform",
        ],
    ),
    (
        "pouch-import",
        &[
            "openpgp-pkcs11",
            "pouch-archive",
            "pouch-cli",
            "pouch-console",
            "pouch-format",
            "pouch-open",
            "pouch-platform",
            "pouch-vault",
        ],
    ),
];

/// For each outside crate of weight, who alone may use it.
const OWNERS: &[(&str, &[&str])] = &[
    ("nix", &["pouch-platform"]),
    ("landlock", &["pouch-platform"]),
    ("seccompiler", &["pouch-platform"]),
    ("cryptoki", &["openpgp-pkcs11", "pouch-softtoken"]),
    ("tar", &["pouch-archive"]),
    ("zstd", &["pouch-seal", "pouch-open"]),
    (
        "sequoia-openpgp",
        &["openpgp-pkcs11", "pouch-softtoken", "pouch-ceremony", "pouch-seal", "pouch-open", "pouch-import"],
    ),
    ("embedded-hal", &["pouch-panel"]),
    ("reed-solomon-simd", &["pouch-carry"]),
    ("object_store", &["pouch-vault"]),
    ("indicatif", &["pouch-console"]),
];

/// Uses everything to test everything. Still: system calls belong to the platform, also in tests.
const ACCEPTANCE: &str = "acceptance";

/// The one library that may know a command line: the flags that all binaries share.
const COMMAND_LINE: &str = "pouch-cli";

pub(crate) fn check(packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    let ours: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in packages {
        let name = package.name.as_str();
        let say = |needed: &str, why: &str| format!("{name} must not use {needed}: {why}");
        if name.starts_with("embassy-") {
            findings.push(format!("{name}: an embedded framework of that name exists"));
        }
        for needed in &package.needs {
            if name != ACCEPTANCE && ours.contains(&needed.as_str()) && !allowed(EDGES, name, needed) {
                findings.push(say(needed, "no such edge in EDGES"));
            }
            if needed.starts_with("clap") && !package.has("bin") && name != COMMAND_LINE {
                findings.push(say(needed, "a library has no command line"));
            }
            if needed == COMMAND_LINE && !package.has("bin") {
                findings.push(say(needed, "a library has no command line"));
            }
        }
        for needed in package.needs.iter().chain(&package.tests_need) {
            let owned = OWNERS.iter().any(|(owned, _)| owned == needed);
            let exempt = name == ACCEPTANCE && needed != "nix";
            if owned && !exempt && !owners(needed).contains(&name) {
                findings.push(say(needed, &format!("only {} may", owners(needed).join(", "))));
            }
        }
    }
    findings
}

/// Checks the names in `Cargo.lock`.
pub(crate) fn check_locked(lock: &str) -> Vec<String> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let bad = names.filter(|name| name.starts_with("embassy-"));
    bad.map(|name| format!("Cargo.lock: {name} is of an embedded framework")).collect()
}

fn allowed(edges: &[(&str, &[&str])], from: &str, to: &str) -> bool {
    edges.iter().any(|(name, needs)| *name == from && needs.contains(&to))
}

fn owners(of: &str) -> &'static [&'static str] {
    OWNERS.iter().find(|(owned, _)| *owned == of).map_or(&[], |(_, owners)| owners)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Target;

    fn package(name: &str, kinds: &[&str], needs: &[&str]) -> Package {
        Package {
            name: name.into(),
            targets: kinds.iter().map(|kind| Target { kind: (*kind).into(), root: "x".into() }).collect(),
            needs: needs.iter().map(ToString::to_string).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn wrong_edges_are_found() {
        let seal = package("pouch-seal", &["lib", "bin"], &["pouch-capture", "clap", "zstd"]);
        let capture = package("pouch-capture", &["lib"], &["tracing"]);
        assert_eq!(check(&[seal.clone(), capture.clone()]), [""; 0]);
        for bad in [
            package("pouch-import", &["bin"], &["pouch-seal"]),
            package("pouch-vault", &["lib"], &["pouch-capture"]),
            package("pouch-new", &["lib"], &["pouch-seal"]),
            package("pouch-vault", &["lib"], &["clap_complete"]),
            package("pouch-vault", &["lib"], &["nix"]),
            package("pouch-open", &["lib"], &["cryptoki"]),
            package("acceptance", &["bin"], &["nix"]),
            package("embassy-import", &["bin"], &[]),
        ] {
            assert_eq!(check(&[seal.clone(), capture.clone(), bad.clone()]).len(), 1, "{bad:?}");
        }
        let mut tests_only = package("pouch-capture", &["lib"], &[]);
        tests_only.tests_need = vec!["sequoia-openpgp".into()];
        assert_eq!(check(&[tests_only]).len(), 1);
    }

    #[test]
    fn a_framework_in_the_lock_file_is_found() {
        assert_eq!(check_locked("name = \"embedded-hal\"\n"), [""; 0]);
        assert_eq!(check_locked("name = \"embassy-time\"\n").len(), 1);
    }
}
