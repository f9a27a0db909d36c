//! Composite keys at the end of their life: a rehearsed ceremony destroys both halves, in one token and in two, and nothing
//! else; and `inventory` shows what is left as keys of two halves. On kryoptic, which has ML-DSA and ML-KEM.

#![cfg(test)]

mod stage;

use serde_json::Value;
use stage::{rehearse, run, said, tool};
use std::fs;
use std::path::{Path, PathBuf};

const PLAN: &str = r#"
version = 1
title = "Demo: two keys end"
purpose = "Keys for a test; they protect nothing"
profile = "pqc"
retire = ["whole", "split"]

[people]
custodians = 0
threshold = 0
witnesses = 1

[token.old]
state = "ready"
label = "old"
user_pin = "file"

[token.second]
state = "ready"
label = "second"
user_pin = "file"

[key.whole]
token = "old"
algorithm = "mldsa65-ed25519"
label = "whole"
id = "01"
before = true

[key.split]
token = "old"
pq_token = "second"
algorithm = "mlkem768-x25519"
label = "split"
id = "02"
before = true

[key.stays]
token = "old"
algorithm = "mldsa65-ed25519"
label = "stays"
id = "03"
before = true

[known.home]
user_id = "Registry home <home@registry.example>"
primary = "stays"

[transcript]
signed_by = "home"
"#;

fn kryoptic() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/lib/libkryoptic_pkcs11.so");
    assert!(path.is_file(), "{} is needed for this test: `make tools` builds it", path.display());
    path
}

/// What a token of a rehearsal holds, after a login.
fn seen(ceremony: &Path, token: &str) -> (Option<i32>, Value) {
    let pin = ceremony.join(format!("{token}.pin"));
    let uri = format!("pkcs11:token={token}?pin-source=file:{}", pin.display());
    let mut inventory = tool();
    inventory.env("KRYOPTIC_CONF", ceremony.join("tokens/kryoptic.conf"));
    inventory.args(["--format", "json", "inventory", &uri, "--login", "--module"]).arg(kryoptic());
    let output = inventory.output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    (output.status.code(), value)
}

#[test]
fn both_halves_of_a_composite_key_are_destroyed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, ceremony) = (folder.path().join("plan.toml"), folder.path().join("ceremony"));
    fs::write(&plan, PLAN).unwrap();
    run(rehearse(&plan, &ceremony).arg("--module").arg(kryoptic()));

    let (code, value) = seen(&ceremony, "old");
    assert_eq!(code, Some(0), "{value}");
    let objects = value["slots"][0]["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 4, "one key of two halves, private and public: {value}");
    for object in objects {
        assert_eq!((&object["label"], &object["half_of"]), (&"stays".into(), &"ML-DSA-65+Ed25519".into()), "{value}");
    }
    let (code, value) = seen(&ceremony, "second");
    assert_eq!((code, &value["slots"][0]["objects"]), (Some(0), &serde_json::json!([])), "{value}");

    let transcript = fs::read_to_string(ceremony.join("transcript.jsonl")).unwrap();
    let destroyed = |token: &str, key: &str| {
        let line = transcript
            .lines()
            .find(|line| line.contains(&format!("\"retire.{key}\"")) && line.contains(r#""fact":"destroyed""#));
        line.is_some_and(|line| line.contains(&format!("token={token};")) && line.contains(&format!("object={key};")))
    };
    assert!(destroyed("old", "whole") && destroyed("old", "split") && destroyed("second", "split"), "{transcript}");

    let mut inventory = tool();
    inventory.env("KRYOPTIC_CONF", ceremony.join("tokens/kryoptic.conf"));
    inventory.args(["inventory", "pkcs11:token=old", "--module"]).arg(kryoptic());
    let text = said(&run(&mut inventory));
    for half in ["Ed25519", "ML-DSA-65"] {
        let line = format!("public ML-DSA-65+Ed25519, half {half} \"stays\", id 03");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[test]
fn check_shows_the_digest_of_the_tool_with_its_words() {
    let output = run(tool().args(["--format", "json", "check"]).arg(stage::plan()));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = fs::read(env!("CARGO_BIN_EXE_pouch-ceremony")).unwrap();
    let digest = pouch_format::Sha256Digest(openssl::sha::sha256(&file));
    assert_eq!(checked["tool_sha256"], digest.to_string());
    assert_eq!(checked["tool_words"], digest.words());
    let text = said(&run(tool().arg("check").arg(stage::plan())));
    assert!(text.contains(&format!("tool {digest}")), "{text}");
    for word in digest.words().split(' ') {
        assert!(text.contains(word), "{word}: {text}");
    }
}
