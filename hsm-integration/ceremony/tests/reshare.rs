//! A PIN under new shares; and a record beside the plan that was reviewed.

#![cfg(test)]

mod stage;

use stage::{plan, rehearsed, said, tool};
use std::fs;
use std::path::Path;

const PLAN: &str = r#"
version = 1
title = "New shares"
purpose = "A custodian left"
profile = "rfc9580"
reshare = ["home"]
prove = ["home"]
people = { custodians = 3, threshold = 2, witnesses = 0 }
token.home = { state = "ready", label = "home", user_pin = "quorum" }
key.seal = { token = "home", algorithm = "ed25519", label = "seal", id = "01", before = true }
known.home = { user_id = "Home", primary = "seal" }
transcript.signed_by = "home"
"#;

fn paper(folder: &Path, number: u8) -> String {
    fs::read_to_string(folder.join(format!("papers/custodian-{number}.user-PIN-of-token-home.txt"))).unwrap()
}

#[test]
fn the_new_words_open_the_token_and_its_keys_sign() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), PLAN).unwrap();
    let folder = rehearsed(file.path());
    let record = folder.path().join("ceremony");
    let transcript = fs::read_to_string(record.join("transcript.jsonl")).unwrap();
    // Who came first are those who hold the present PIN; then all got new words, and nobody was asked again.
    assert_eq!(transcript.matches("Which custodian comes?").count(), 2, "{transcript}");
    assert!(transcript.contains("the new user PIN of token home opens it"), "{transcript}");
    assert!(transcript.contains("key seal signs"), "{transcript}");
    let mut collector = pouch_shares::Collector::default();
    for number in [1, 3] {
        collector.add(pouch_shares::Share::parse(&paper(&record, number)).unwrap()).unwrap();
    }
    let pin = collector.secret(b"").unwrap();
    let pin = pouch_shares::secrecy::ExposeSecret::expose_secret(&pin);
    let file = record.join("pin");
    fs::write(&file, pin).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let uri = format!("pkcs11:token=home?module-name=softhsm2&pin-source=file:{}", file.display());
    let mut inventory = stage::inventory(&record.join("tokens/softhsm2.conf"), &uri);
    let output = inventory.arg("--login").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_record_is_compared_with_the_plan_of_the_review() {
    let folder = rehearsed(&plan());
    let record = folder.path().join("ceremony");
    let verify = |plan: &Path| {
        let mut verify = tool();
        verify.arg("verify-transcript").arg(&record).arg("--certificate").arg(record.join("home.pgp"));
        verify.arg("--plan").arg(plan).output().unwrap()
    };
    assert_eq!(verify(&plan()).status.code(), Some(3), "a rehearsal");
    let other = folder.path().join("other.toml");
    let more = fs::read_to_string(plan()).unwrap().replace(
        "[certificate.home]",
        "[key.more]\ntoken = \"home\"\nalgorithm = \"p256\"\nlabel = \"more\"\nid = \"09\"\n[certificate.home]",
    );
    fs::write(&other, more).unwrap();
    let output = verify(&other);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert!(said(&output).contains("step key.more.generate of the plan is not in the transcript"), "{}", said(&output));
    assert!(said(&output).contains("the transcript is of plan"), "{}", said(&output));
}
