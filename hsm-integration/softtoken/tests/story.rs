//! Tokens, keys and certificates made as the demo makes them, through the library and through the command.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

use openpgp_pkcs11::{Algorithm, KeyVersion, Uri};
use pouch_softtoken::{Certificate, Role, SoftToken, SoftTokenError};
use sequoia_openpgp::{
    Cert,
    parse::Parse,
    policy::StandardPolicy,
    types::{PublicKeyAlgorithm, RevocationStatus},
};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::{Duration, SystemTime},
};

fn created() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn command(directory: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pouch-softtoken"));
    command.env_remove("SOFTHSM2_CONF");
    if let Some(directory) = directory {
        command.arg("--dir").arg(directory);
    }
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit code, and what was said.
fn refused(output: &Output) -> (i32, String) {
    assert!(output.stdout.is_empty(), "a failure prints no data: {}", text(&output.stdout));
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn home_and_embassy_in_one_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("new").join("hsm");
    let home = SoftToken::create(&directory, "home").unwrap();
    let embassy = SoftToken::create(&directory, "embassy").unwrap();
    for path in [home.pin_file(), home.so_pin_file(), embassy.pin_file()] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    assert_ne!(std::fs::read(home.pin_file()).unwrap(), std::fs::read(embassy.pin_file()).unwrap());
    assert!(std::fs::read_to_string(home.environment().1).unwrap().contains("DEMO"));

    let sealing = home.generate(Algorithm::Ed25519, "sealing", &[1]).unwrap();
    let primary = embassy.generate(Algorithm::P384, "primary", &[1]).unwrap();
    let opening = embassy.generate(Algorithm::X25519, "opening", &[2]).unwrap();
    for version in [KeyVersion::V4, KeyVersion::V6] {
        let mut request = Certificate::new(Role::Signing, sealing.clone(), "home <home@example.org>");
        (request.version, request.created) = (version, created());
        let cert = home.certify(&request).unwrap();
        assert_eq!(cert.fingerprint(), home.certify(&request).unwrap().fingerprint(), "the fingerprint is stable");
        let policy = StandardPolicy::new();
        let valid = cert.with_policy(&policy, None).unwrap();
        assert_eq!(valid.primary_userid().unwrap().userid().value(), b"DEMO home <home@example.org>");
        assert_eq!(valid.keys().alive().revoked(false).for_signing().count(), 1);

        request.role = Role::Embassy { subkey: opening.clone() };
        request.primary = primary.clone();
        request.validity = Some(Duration::from_secs(20 * 365 * 86_400));
        let cert = embassy.certify(&request).unwrap();
        let valid = cert.with_policy(&policy, None).unwrap();
        assert!(matches!(valid.revocation_status(), RevocationStatus::NotAsFarAsWeKnow));
        assert_eq!(valid.primary_key().key().pk_algo(), PublicKeyAlgorithm::ECDSA);
        let keys: Vec<_> = valid.keys().alive().revoked(false).for_storage_encryption().collect();
        assert_eq!(keys.len(), 1);
        let expected = if version == KeyVersion::V4 { PublicKeyAlgorithm::ECDH } else { PublicKeyAlgorithm::X25519 };
        assert_eq!(keys[0].key().pk_algo(), expected);
        assert_eq!(keys[0].key_expiration_time(), Some(created() + Duration::from_secs(20 * 365 * 86_400)));
    }
}

/// Of PKCS#11 3.2.
const NOT_OF_SOFTHSM: [Algorithm; 2] = [Algorithm::MlDsa65, Algorithm::MlKem768];

#[test]
fn every_algorithm_by_command() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = Some(scratch.path());
    let pin = scratch.path().join("pin-copy");
    let made = command(directory, &["create", "--label", "demo", "--pin-file", pin.to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("DEMO"));
    assert_eq!(std::fs::read(&pin).unwrap(), std::fs::read(scratch.path().join("demo.pin")).unwrap());
    let uri = text(&made.stdout).trim().to_owned();
    assert!(Uri::parse(&uri).unwrap().serial().is_some());

    let made: Vec<_> = Algorithm::ALL.into_iter().filter(|a| !NOT_OF_SOFTHSM.contains(a)).collect();
    for (number, &algorithm) in (1..).zip(&made) {
        let id = format!("{number:02x}");
        let arguments = ["generate", "--uri", &uri, "--algorithm", algorithm.as_str(), "--label", algorithm.as_str()];
        // Without --dir, as any other command of the house is started.
        let output = Command::new(env!("CARGO_BIN_EXE_pouch-softtoken"))
            .env("SOFTHSM2_CONF", scratch.path().join("softhsm2.conf"))
            .args(arguments)
            .args(["--id", &id])
            .output()
            .unwrap();
        assert!(output.status.success(), "{algorithm}: {}", text(&output.stderr));
        let uri = Uri::parse(text(&output.stdout).trim()).unwrap();
        assert_eq!((uri.object(), uri.id()), (Some(algorithm.as_str()), Some(&[number][..])));
    }
    let listed = command(directory, &["list", "--uri", &uri, "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), made.len());

    let key = |label: &str| Uri::parse(&uri).unwrap().with_object(label).to_string();
    let file = scratch.path().join("embassy.pgp");
    let arguments = [
        "certify",
        "--role",
        "embassy",
        "--version",
        "6",
        "--primary",
        &key("ed25519"),
        "--subkey",
        &key("p256"),
        "--user-id",
        "embassy",
        "--created",
        "2026-01-01T00:00:00Z",
        "--output",
        file.to_str().unwrap(),
    ];
    let certified = command(directory, &arguments);
    assert!(certified.status.success(), "{}", text(&certified.stderr));
    let cert = Cert::from_file(&file).unwrap();
    assert_eq!(text(&certified.stdout).trim(), cert.fingerprint().to_hex());
    assert_eq!(cert.primary_key().key().creation_time(), created());
    assert!(std::fs::read_to_string(&file).unwrap().contains("Comment: DEMO"));

    let again = command(directory, &arguments);
    assert_eq!(refused(&again).0, 73, "an existing file is not overwritten");
}

#[test]
fn refusals_have_codes_ids_and_hints() {
    let scratch = tempfile::tempdir().unwrap();
    let token = SoftToken::create(scratch.path(), "demo").unwrap();
    let directory = Some(scratch.path());
    let uri = token.uri().to_string();
    token.generate(Algorithm::P256, "taken", &[1]).unwrap();

    let generate = |uri: &str, label: &str, id: &str| {
        refused(&command(directory, &["generate", "--uri", uri, "--algorithm", "p256", "--label", label, "--id", id]))
    };
    let (code, talk) = generate(&uri, "taken", "02");
    assert_eq!(code, 77, "{talk}");
    assert!(talk.contains("error[HSM-KEY-EXISTS]: ") && talk.contains("\nhint: "), "{talk}");
    let (code, talk) = generate(&uri.replace("demo", "other"), "new", "02");
    assert_eq!(code, 69, "{talk}");
    assert!(talk.contains("error[HSM-NO-TOKEN]: ") && talk.contains("token=demo"), "{talk}");
    assert_eq!(generate(&uri, "new", "2").0, 64, "an odd number of digits");
    let (code, talk) = generate("pkcs11:token=demo?pin-value=1234", "new", "02");
    assert!(code == 77 && talk.contains("error[URI-PIN-VALUE]") && !talk.contains("1234"), "{code} {talk}");
    assert_eq!(generate("pkcs11:token=demo;objct=x", "new", "02").0, 64);
    assert_eq!(generate("pkcs11:token=demo?module-path=/nonexistent.so", "new", "02").0, 69);

    let key = token.key("taken").to_string();
    let certify = |more: &[&str]| {
        let base = ["certify", "--primary", &key, "--user-id", "x", "--output", "-", "--role"];
        refused(&command(directory, &[&base[..], more].concat()))
    };
    assert_eq!(certify(&["signing", "--subkey", &key]).0, 64);
    assert_eq!(certify(&["embassy"]).0, 64);
    assert_eq!(certify(&["embassy", "--subkey", &key]).0, 77, "the same key twice");
    assert_eq!(certify(&["signing", "--created", "2026-01-02T00:00:00Z", "--expires", "2026-01-01T00:00:00Z"]).0, 64);

    let again = SoftToken::create(scratch.path(), "demo").unwrap_err();
    assert!(matches!(&again, SoftTokenError::Program { verb: "create", talk } if talk.contains("demo.")), "{again}");
    for label in ["", "a/b", "../x", ".x", "-x", "a b", &"x".repeat(33)] {
        assert!(matches!(SoftToken::create(scratch.path(), label), Err(SoftTokenError::Label { .. })), "{label:?}");
    }
}

#[test]
fn a_wrong_pin_is_reported_and_costs_one_try() {
    let scratch = tempfile::tempdir().unwrap();
    let token = SoftToken::create(scratch.path(), "demo").unwrap();
    std::fs::write(token.pin_file(), "not-the-pin").unwrap();
    let error = token.generate(Algorithm::P256, "key", &[1]).unwrap_err().to_string();
    assert!(error.contains("error[HSM-PIN-INCORRECT]"), "{error}");
    assert!(!error.contains("not-the-pin"), "{error}");
    std::fs::set_permissions(token.pin_file(), PermissionsExt::from_mode(0o644)).unwrap();
    let error = token.generate(Algorithm::P256, "key", &[1]).unwrap_err().to_string();
    assert!(error.contains("error[HSM-PIN-FILE-MODE]") && error.contains("0644"), "{error}");
}
