//! `inventory`: what a ceremony made, seen from outside, with and without login.

#![cfg(test)]

mod stage;

use serde_json::Value;
use stage::{inventory, plan, rehearsed, said, tool};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const ALL: &str = "pkcs11:?module-name=softhsm2";

fn seen(command: &mut Command) -> (Option<i32>, Value) {
    let output = command.output().unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    (output.status.code(), value)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn keys_of_a_ceremony_are_listed_with_their_uris() {
    let folder = rehearsed(&plan());
    let ceremony = folder.path().join("ceremony");
    let config = ceremony.join("tokens/softhsm2.conf");
    let (code, value) = seen(&mut inventory(&config, ALL));
    assert_eq!(code, Some(0), "{value}");
    let slots = value["slots"].as_array().unwrap();
    assert_eq!(slots.len(), 2, "the token and an empty one: {value}");
    let token = slots.iter().find(|slot| slot["initialised"] == true).unwrap();
    assert_eq!(token["token"]["label"], "home-2026");
    assert_eq!(token["objects"].as_array().unwrap().len(), 1, "a public half: {value}");
    let object = &token["objects"][0];
    assert_eq!([&object["class"], &object["label"], &object["id"]], ["public", "sealing-2026", "01"]);
    let transcript = fs::read_to_string(ceremony.join("transcript.jsonl")).unwrap();
    let private = object["uri"].as_str().unwrap().replace("type=public", "type=private");
    assert!(transcript.contains(&private), "{private}");

    let output = tool().env("SOFTHSM2_CONF", &config).args(["inventory", ALL]).output().unwrap();
    let text = said(&output);
    for expected in
        ["pkcs11:token=home-2026;", "public Ed25519 \"sealing-2026\", id 01", "--login", "never initialised"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// A token with PIN in a file, made with the tools of its maker. Gives SoftHSM's configuration and the token's URI.
fn token(folder: &Path) -> (PathBuf, String) {
    let config = folder.join("softhsm2.conf");
    fs::create_dir(folder.join("tokens")).unwrap();
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", folder.join("tokens").display());
    fs::write(&config, text).unwrap();
    fs::write(folder.join("pin"), "demo-1234").unwrap();
    fs::set_permissions(folder.join("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    let made = ["--init-token", "--free", "--label", "home", "--so-pin", "demo-so-1234", "--pin", "demo-1234"];
    run(Command::new("softhsm2-util").env("SOFTHSM2_CONF", &config).args(made));
    let uri = format!("pkcs11:token=home?module-name=softhsm2&pin-source=file:{}", folder.join("pin").display());
    (config, uri)
}

#[test]
fn private_keys_after_login_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (config, uri) = token(folder.path());
    let (code, value) = seen(inventory(&config, &uri).arg("--login"));
    assert_eq!((code, &value["slots"][0]["logged_in"]), (Some(0), &true.into()), "{value}");
    assert_eq!(value["slots"][0]["objects"], serde_json::json!([]));

    // A key that came from outside, and is too short.
    let pem = folder.path().join("key.pem");
    let short = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"];
    run(Command::new("openssl").args(short).arg(&pem));
    let import = ["--token", "home", "--label", "brought", "--id", "77", "--pin", "demo-1234", "--import"];
    run(Command::new("softhsm2-util").env("SOFTHSM2_CONF", &config).args(import).arg(&pem));
    let (code, value) = seen(inventory(&config, &uri).arg("--login"));
    assert_eq!((code, &value["sound"]), (Some(3), &false.into()), "{value}");
    let objects = value["slots"][0]["objects"].as_array().unwrap();
    let private = objects.iter().find(|object| object["class"] == "private").unwrap();
    let ids: Vec<&str> =
        private["findings"].as_array().unwrap().iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"HSM-RSA-BITS") && ids.contains(&"HSM-KEY-WAS-EXPORTABLE"), "{value}");
    assert_eq!(private["local"], false);

    // Without login the private half is not seen, and the public one is short all the same.
    let (code, value) = seen(&mut inventory(&config, &uri));
    assert_eq!(code, Some(3), "{value}");
    assert_eq!(value["slots"][0]["objects"].as_array().unwrap().len(), 1, "{value}");
}

#[test]
fn what_is_not_there_or_no_uri_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = token(folder.path());
    for (uri, code) in
        [("pkcs11:token=nowhere?module-name=softhsm2", 66), ("http://token", 64), ("pkcs11:token=home", 78)]
    {
        let output = inventory(&config, uri).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{uri}: {}", said(&output));
    }
    let output = inventory(&config, "pkcs11:token=home").args(["--module", "/nowhere.so"]).output().unwrap();
    assert!(said(&output).contains("error") && output.status.code() >= Some(64), "{}", said(&output));
    // A wrong PIN is tried once and said.
    fs::write(folder.path().join("pin"), "wrong-1234").unwrap();
    let uri = format!("pkcs11:token=home?module-name=softhsm2&pin-source=file:{}", folder.path().join("pin").display());
    let output = inventory(&config, &uri).arg("--login").output().unwrap();
    assert!(!output.status.success() && said(&output).contains("HSM-PIN"), "{}", said(&output));
}
