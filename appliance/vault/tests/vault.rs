//! The vault, in a directory and in an object store alike.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use pouch_format::{
    Blake3Digest, Kind, MANIFEST_FILE, Manifest, Part, PouchId, Profile, Recipient, SIGNATURE_FILE, Sha256Digest,
    Totals, VERSION, index_file, segment_file,
};
use pouch_vault::{Published, Staging, Vault, VaultError};

fn part(name: String, size: u64) -> Part {
    Part { name, size, sha256: Sha256Digest([1; 32]), frame: size, content: size }
}

fn manifest(registry: &str, sequence: u64) -> Manifest {
    let time = Timestamp::from_second(1_772_323_200).unwrap();
    Manifest {
        version: VERSION,
        registry: registry.parse().unwrap(),
        sequence,
        previous: (sequence > 1).then_some(Sha256Digest([2; 32])),
        kind: Kind::Full,
        as_of: time,
        sealed_at: time,
        rpo_seconds: 0,
        profile: Profile::Rfc9580,
        signers: vec!["A".repeat(64).parse().unwrap()],
        recipients: vec![Recipient {
            certificate: "B".repeat(64).parse().unwrap(),
            key: "C".repeat(64).parse().unwrap(),
        }],
        totals: Totals { entries: 1, bytes: 1 },
        index_blake3: Blake3Digest([3; 32]),
        segments: vec![part(segment_file(0), 3), part(segment_file(1), 2)],
        index: vec![part(index_file(0), 1)],
    }
}

fn stage(vault: &Vault, manifest: &Manifest) -> Staging {
    let staging = vault.incoming().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let mut file = staging.create(name).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
    };
    write(MANIFEST_FILE, &manifest.to_bytes());
    write(SIGNATURE_FILE, b"signature");
    for part in manifest.parts() {
        write(&part.name, &b"abc"[..usize::try_from(part.size).unwrap()]);
    }
    staging
}

fn publish(vault: &Vault, manifest: &Manifest) -> Result<Published, VaultError> {
    vault.publish(stage(vault, manifest), &manifest.id())
}

/// A vault in a directory, and one in an object store.
fn both(test: impl Fn(&Vault, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    test(&Vault::open_local(dir.path().join("vault")).unwrap(), &dir.path().join("vault"));
    let local = dir.path().join("local");
    test(&Vault::open_store(Arc::new(InMemory::new()), &local).unwrap(), &local);
}

#[test]
fn what_is_published_reads_back() {
    both(|vault, root| {
        let manifest = manifest("land", 41);
        let id = manifest.id();
        assert!(!vault.has(&id).unwrap());
        assert_eq!(publish(vault, &manifest).unwrap(), Published::New);
        assert!(vault.has(&id).unwrap());
        assert_eq!(vault.manifest(&id).unwrap(), manifest);
        assert_eq!(vault.manifest_bytes(&id).unwrap(), manifest.to_bytes());
        assert_eq!(vault.signature_bytes(&id).unwrap(), b"signature");
        assert_eq!(vault.read_part(&id, &manifest.segments[0]).unwrap(), b"abc");
        assert_eq!(vault.read_part(&id, &manifest.index[0]).unwrap(), b"a");
        assert_eq!(fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
    });
}

#[test]
fn publishing_again_changes_nothing() {
    both(|vault, root| {
        let manifest = manifest("land", 41);
        publish(vault, &manifest).unwrap();
        assert_eq!(publish(vault, &manifest).unwrap(), Published::AlreadyThere);
        let mut other = manifest.clone();
        other.rpo_seconds = 9;
        let error = publish(vault, &other).unwrap_err();
        assert_eq!(error.to_string(), "the vault keeps another pouch land-000041");
        assert_eq!(vault.manifest(&manifest.id()).unwrap(), manifest);
        assert_eq!(fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
    });
}

#[test]
fn lists_are_in_order_and_by_registry() {
    both(|vault, _| {
        assert_eq!(vault.registries().unwrap(), []);
        for (registry, sequence) in [("land", 2), ("land", 1_000_000), ("land", 999_999), ("land", 10), ("ships", 1)] {
            publish(vault, &manifest(registry, sequence)).unwrap();
        }
        let list = |name: &str| vault.list(&name.parse().unwrap()).unwrap();
        let ids: Vec<String> = list("land").iter().map(PouchId::to_string).collect();
        assert_eq!(ids, ["land-000002", "land-000010", "land-999999", "land-1000000"]);
        assert_eq!(list("ships").len(), 1);
        assert_eq!(list("planes"), []);
        let names: Vec<String> = vault.registries().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["land", "ships"]);
    });
}

#[test]
fn half_a_pouch_is_none() {
    // In a store, whatever was put before the manifest.
    let store = Arc::new(InMemory::new());
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open_store(store.clone(), dir.path().join("local")).unwrap();
    let stray = "land/000041/segment-000000.pgp".into();
    let put = store.put(&stray, PutPayload::from_static(b"other"));
    futures::executor::block_on(put).unwrap();
    let manifest = manifest("land", 41);
    let id = manifest.id();
    assert_eq!(vault.list(&id.registry).unwrap(), []);
    assert_eq!(vault.registries().unwrap(), []);
    assert!(!vault.has(&id).unwrap());
    // Publishing goes over it.
    assert_eq!(publish(&vault, &manifest).unwrap(), Published::New);
    assert_eq!(vault.read_part(&id, &manifest.segments[0]).unwrap(), b"abc");

    // In a directory, whatever else lies about.
    let root = dir.path().join("vault");
    let vault = Vault::open_local(&root).unwrap();
    for stray in ["land/000041", "land/41", "land/x", "Land/000041", "lost+found"] {
        fs::create_dir_all(root.join(stray)).unwrap();
    }
    fs::write(root.join("land/000042"), "").unwrap();
    fs::write(root.join("land/41/manifest.json"), "").unwrap();
    assert_eq!(vault.registries().unwrap(), []);
}

#[test]
fn what_is_not_there_or_has_another_size_is_refused() {
    both(|vault, _| {
        let manifest = manifest("land", 41);
        let id = manifest.id();
        publish(vault, &manifest).unwrap();
        let absent = PouchId { sequence: 42, ..id.clone() };
        assert!(matches!(vault.manifest(&absent), Err(VaultError::Missing { id }) if id == absent));
        for size in [0, 2, 4, 1 << 40] {
            let wrong = Part { size, ..manifest.segments[0].clone() };
            let error = vault.read_part(&id, &wrong).unwrap_err();
            assert!(matches!(error, VaultError::Size { found: 3, stated, .. } if stated == size), "{error}");
        }
        let named = Part { name: "segment-000009.pgp".to_owned(), ..manifest.segments[0].clone() };
        assert!(matches!(vault.read_part(&id, &named), Err(VaultError::Store { .. })));
        let outside = Part { name: "../../000041/segment-000000.pgp".to_owned(), ..manifest.segments[0].clone() };
        assert!(matches!(vault.read_part(&id, &outside), Err(VaultError::Store { .. })));
    });
}

#[test]
fn a_damaged_manifest_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("vault");
    let vault = Vault::open_local(&root).unwrap();
    let manifest = manifest("land", 41);
    let id = manifest.id();
    publish(&vault, &manifest).unwrap();
    let file = root.join("land/000041/manifest.json");
    fs::write(&file, "{}").unwrap();
    assert!(matches!(vault.manifest(&id), Err(VaultError::Manifest { .. })));
    fs::write(&file, self::manifest("land", 42).to_bytes()).unwrap();
    assert!(matches!(vault.manifest(&id), Err(VaultError::Misplaced { .. })));
    fs::write(&file, vec![b' '; (16 << 20) + 1]).unwrap();
    assert!(matches!(vault.manifest_bytes(&id), Err(VaultError::Size { .. })));
    fs::write(root.join("land/000041/manifest.json.sig"), vec![0; (64 << 10) + 1]).unwrap();
    assert!(matches!(vault.signature_bytes(&id), Err(VaultError::Size { .. })));
}

#[test]
fn one_import_at_a_time() {
    both(|vault, root| {
        let staging = vault.incoming().unwrap();
        assert!(matches!(vault.incoming(), Err(VaultError::Busy(_))));
        assert!(matches!(vault.clean(), Err(VaultError::Busy(_))));
        staging.create("half").unwrap();
        assert_eq!(fs::read_dir(root.join(".incoming")).unwrap().count(), 1);
        // Given up, it leaves nothing.
        drop(staging);
        assert_eq!(fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
        // Killed, it leaves something, which the next one removes.
        fs::create_dir_all(root.join(".incoming/old/deep")).unwrap();
        fs::write(root.join(".incoming/old/deep/file"), "").unwrap();
        drop(vault.incoming().unwrap());
        assert_eq!(fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
        fs::create_dir(root.join(".incoming/old")).unwrap();
        assert_eq!(vault.clean().unwrap(), 1);
        assert_eq!(vault.clean().unwrap(), 0);
    });
}

#[test]
fn nobody_else_can_look_in_or_change_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("vault");
    let vault = Vault::open_local(&root).unwrap();
    publish(&vault, &manifest("land", 41)).unwrap();
    for private in ["", ".incoming", "land", "land/000041"] {
        assert_eq!(fs::metadata(root.join(private)).unwrap().permissions().mode() & 0o7777, 0o700, "{private}");
    }
    let file = fs::metadata(root.join("land/000041/manifest.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(Vault::open_local(&root), Err(VaultError::Dir(_))));
}

#[test]
fn parts_are_read_by_many_threads() {
    both(|vault, _| {
        let manifest = manifest("land", 41);
        publish(vault, &manifest).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(vault.read_part(&manifest.id(), &manifest.segments[1]).unwrap(), b"ab");
                    }
                });
            }
        });
    });
}
