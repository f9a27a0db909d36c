//! Two officers sign a pouch, each with a token of his own, here or on another machine; the embassy wants both. What an
//! officer brings is believed in nothing.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::officer::{Change as Oddity, Officer};
use acceptance::place::{Keys, Place};
use acceptance::process::{binary, run};
use acceptance::terminal::Terminal;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use serde_json::Value;

fn add_land(place: &Place) {
    let source = place.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("deed"), "a deed").unwrap();
    place.add_registry("land", &format!("source = \"directory\"\npath = \"{}\"", source.display()), "").unwrap();
}

fn set_cosigners(place: &Place, names: &[&str]) {
    let file = place.path("home/seal.toml");
    let names: Vec<String> = names.iter().map(|name| format!("{name}.pgp")).collect();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text.replace("recipients =", &format!("cosigners = {names:?}\nrecipients ="))).unwrap();
}

fn seal(place: &Place, arguments: &[&str]) -> Result<String, String> {
    run(place.seal().unwrap().args(["--format", "json"]).args(arguments))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn aside(place: &Place, pouch: &str) -> PathBuf {
    place.spooled(&format!(".waiting-{pouch}"))
}

/// Copies the files of a pouch, as a courier's medium holds them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// `pouch-seal cosign` at a terminal, with the token of `officer`.
fn cosign(place: &Place, officer: &str, arguments: &str) -> Terminal {
    let program = binary("pouch-seal").unwrap();
    let line = format!("{} --color never cosign {arguments}", program.display());
    Terminal::start(&line, &place.path(&format!("{officer}/token/softhsm2.conf"))).unwrap()
}

fn refused(place: &Place, arguments: &[&str], id: &str) {
    let error = seal(place, &[&["cosign"], arguments].concat()).unwrap_err();
    assert!(error.contains(&format!("\"id\":\"{id}\"")) || error.contains(&format!("error[{id}]")), "{id}: {error}");
}

#[test]
fn the_embassy_takes_what_two_officers_signed() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    place.add_officer("tamm").unwrap();
    add_land(&place);
    set_cosigners(&place, &["tamm"]);
    let config = place.path("home/seal.toml");

    let sealed = json(&seal(&place, &["seal", "land"]).unwrap());
    assert_eq!(sealed["waiting_for"].as_array().unwrap().len(), 1, "{sealed}");
    let list = json(&seal(&place, &["list"]).unwrap());
    assert_eq!(list[0]["waiting_for"], sealed["waiting_for"], "{list}");
    let inspected = json(&seal(&place, &["inspect", "land-000001"]).unwrap());
    assert_eq!(inspected["waiting_for"], sealed["waiting_for"]);
    assert!(!place.spooled("land-000001").exists() && aside(&place, "land-000001").exists());
    let error = seal(&place, &["export", "land-000001", "--output", "-"]).unwrap_err();
    assert!(error.contains("SEAL-WAITING"), "{error}");
    let error = seal(&place, &["seal", "land"]).unwrap_err();
    assert!(error.contains("exit status: 75") && error.contains("SEAL-WAITING"), "{error}");

    // Carried all the same, it is refused.
    let digest = sealed["manifest_sha256"].as_str().unwrap().to_owned();
    let medium = place.path("medium");
    copy(&aside(&place, "land-000001"), &medium);
    let error = run(place.import().unwrap().args(["import", "--first", &digest]).arg(&medium)).unwrap_err();
    assert!(error.contains("exit status: 77") && error.contains("error[SIGN-THRESHOLD]"), "{error}");

    let arguments = format!("--config {} land-000001 --as tamm", config.display());
    let mut terminal = cosign(&place, "tamm", &arguments);
    terminal.answer("Type Yes to go on: ", "yes").unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 64 && seen.contains("error[CONFIRM]") && !place.spooled("land-000001").exists(), "{seen}");
    assert!(seen.contains(&digest) && seen.contains("content     1 entries"), "{seen}");
    let mut terminal = cosign(&place, "tamm", &arguments);
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 0 && seen.contains("all have signed land-000001"), "{seen}");
    assert!(place.spooled("land-000001").exists() && !aside(&place, "land-000001").exists());
    run(place.import().unwrap().args(["import", "--first", &digest]).arg(place.spooled("land-000001"))).unwrap();

    // Once more is no harm, and the next one follows.
    let again = json(&seal(&place, &["cosign", "land-000001", "--as", "tamm"]).unwrap());
    assert_eq!(again["waiting_for"], Value::Array(Vec::new()));
    let sealed = json(&seal(&place, &["seal", "land"]).unwrap());
    assert_eq!(sealed["pouch"], "land-000002");
    let manifest = json(&fs::read_to_string(aside(&place, "land-000002").join("manifest.json")).unwrap());
    assert_eq!(manifest["previous"], digest);
}

#[test]
fn an_officer_signs_on_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    let key = place.add_officer("tamm").unwrap();
    add_land(&place);
    set_cosigners(&place, &["tamm"]);
    seal(&place, &["seal", "land"]).unwrap();

    let (request, signature) = (place.path("request.json"), place.path("tamm.sig"));
    let exported = json(&seal(&place, &["cosign", "land-000001", "--export", request.to_str().unwrap()]).unwrap());
    assert_eq!(fs::read(&request).unwrap(), fs::read(aside(&place, "land-000001").join("manifest.json")).unwrap());
    let files = format!("--request {} --output {}", request.display(), signature.display());
    let officer = format!("{files} --key '{key}' --certificate {}", place.path("home/tamm.pgp").display());
    let mut terminal = cosign(&place, "tamm", &officer);
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 0 && seen.contains(exported["manifest_sha256"].as_str().unwrap()), "{seen}");
    // Nothing is overwritten.
    let mut terminal = cosign(&place, "tamm", &officer);
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    assert_ne!(terminal.end().unwrap().0, 0);

    let added = json(&seal(&place, &["cosign", "land-000001", "--import", signature.to_str().unwrap()]).unwrap());
    assert_eq!(added["waiting_for"].as_array().unwrap().len(), 0);
    run(place.import().unwrap().arg("verify").arg(place.spooled("land-000001"))).unwrap();

    // A request that was changed, or is none, is not signed.
    let text = fs::read_to_string(&request).unwrap();
    for (changed, id) in [
        (text.replace("\"sequence\":1", "\"sequence\":2"), "MANIFEST-CHAIN"),
        (text.replace("{\"pouch\"", "{ \"pouch\""), "MANIFEST-CANONICAL"),
        (text[..text.len() / 2].to_owned(), "MANIFEST-SYNTAX"),
    ] {
        fs::write(&request, changed).unwrap();
        let (code, seen) = cosign(&place, "tamm", &officer).end().unwrap();
        assert!(code == 65 && seen.contains(&format!("error[{id}]")), "{seen}");
    }
}

/// A home whose pouches two officers have to sign whose keys are in memory.
fn office(folder: &Path, validity: Option<Duration>) -> (Place, Officer, Officer) {
    let place = Place::create(folder, Keys::Rfc9580).unwrap();
    let (mets, tamm) = (Officer::create(&place, "mets", None), Officer::create(&place, "tamm", validity));
    add_land(&place);
    set_cosigners(&place, &["mets", "tamm"]);
    seal(&place, &["seal", "land"]).unwrap();
    (place, mets.unwrap(), tamm.unwrap())
}

#[test]
fn what_an_officer_brings_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mets, tamm) = office(folder.path(), None);
    let stranger = Officer::create(&place, "stranger", None).unwrap();
    let manifest = aside(&place, "land-000001").join("manifest.json");
    let before = fs::read(aside(&place, "land-000001").join("manifest.json.sig")).unwrap();
    let good = mets.sign(&manifest).unwrap();
    let bring = |bytes: &[u8]| {
        let file = place.path("brought.sig");
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    // The first bytes of the digest, in front of salt and signature: nobody signs them.
    let mut prefix = good.clone();
    let at = prefix.len() - 64 - 33 - 2;
    prefix[at] ^= 1;
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    let armored = {
        let file = bring(&good);
        let base64 = run(std::process::Command::new("base64").arg(&file)).unwrap();
        format!("-----BEGIN PGP SIGNATURE-----\n\n{base64}-----END PGP SIGNATURE-----\n").into_bytes()
    };
    let certificate = fs::read(place.path("home/mets.pgp")).unwrap();
    for (bytes, id) in [
        (&good[..good.len() - 1], "COSIGN-SIGNATURE"),
        (&good[..3], "COSIGN-SIGNATURE"),
        (&[], "COSIGN-SIGNATURE"),
        (&other, "COSIGN-SIGNATURE"),
        (&prefix, "COSIGN-SIGNATURE"),
        (&armored, "COSIGN-SIGNATURE"),
        (&certificate, "COSIGN-SIGNATURE"),
        (&[good.clone(), good.clone()].concat(), "COSIGN-TWICE"),
        (&[good.clone(), tamm.sign(&manifest).unwrap()].concat(), "COSIGN-SIGNATURE"),
        (&[good.clone(), b"more".to_vec()].concat(), "COSIGN-SIGNATURE"),
        (&vec![0xc2; 65_537], "INPUT"),
        (&stranger.sign(&manifest).unwrap(), "COSIGN-UNKNOWN"),
        // The sealing officer's own, again.
        (&before, "COSIGN-TWICE"),
    ] {
        refused(&place, &["land-000001", "--import", &bring(bytes)], id);
    }
    // What OpenPGP would let pass, and the embassy not.
    let odd: [Oddity; 6] = [
        |builder| builder.set_signature_validity_period(Duration::from_secs(1 << 30)),
        |builder| builder.add_notation("no@example.org", b"x", None, true),
        |builder| builder.set_signature_creation_time(std::time::SystemTime::now() + Duration::from_secs(3600)),
        |builder| builder.set_intended_recipients(vec!["F0E1".repeat(16).parse()?]),
        |builder| Ok(builder.set_hash_algo(HashAlgorithm::SHA3_512)),
        |builder| Ok(builder.set_type(SignatureType::Text)),
    ];
    for (number, change) in odd.into_iter().enumerate() {
        let signature = mets.sign_oddly(&manifest, change).unwrap_or_else(|e| panic!("{number}: {e}"));
        refused(&place, &["land-000001", "--import", &bring(&signature)], "COSIGN-SIGNATURE");
    }
    let strange = place.path("home/stranger.pgp");
    let file = bring(&stranger.sign(&manifest).unwrap());
    refused(
        &place,
        &["land-000001", "--import", &file, "--certificate", strange.to_str().unwrap()],
        "COSIGN-UNANNOUNCED",
    );
    refused(&place, &["land-000001", "--import", "/dev/zero"], "INPUT");
    refused(&place, &["land-000002", "--import", &file], "COSIGN-POUCH");
    assert_eq!(fs::read(aside(&place, "land-000001").join("manifest.json.sig")).unwrap(), before);

    let added = json(&seal(&place, &["cosign", "land-000001", "--import", &bring(&good)]).unwrap());
    assert_eq!(added["waiting_for"], Value::from(vec![tamm.fingerprint()]));
    refused(&place, &["land-000001", "--import", &bring(&good)], "COSIGN-TWICE");
    refused(
        &place,
        &["land-000001", "--key", "pkcs11:token=none", "--certificate", place.path("home/mets.pgp").to_str().unwrap()],
        "COSIGN-TWICE",
    );
    refused(
        &place,
        &["land-000001", "--key", "pkcs11:token=none", "--certificate", strange.to_str().unwrap()],
        "COSIGN-UNANNOUNCED",
    );
    seal(&place, &["cosign", "land-000001", "--import", &bring(&tamm.sign(&manifest).unwrap())]).unwrap();
    assert!(place.spooled("land-000001").exists());
    // A signature of the pouch before is none of the next one.
    seal(&place, &["seal", "land"]).unwrap();
    refused(&place, &["land-000002", "--import", &bring(&good)], "COSIGN-SIGNATURE");
}

/// Does something to the bytes of a file.
type Change = fn(&mut Vec<u8>);

#[test]
fn what_changed_after_sealing_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mets, _) = office(folder.path(), None);
    let pouch = aside(&place, "land-000001");
    let file = place.path("mets.sig");
    fs::write(&file, mets.sign(&pouch.join("manifest.json")).unwrap()).unwrap();
    let import = ["land-000001", "--import", file.to_str().unwrap()];
    let changes: [(&str, Change, &str); 4] = [
        ("manifest.json", |bytes| *bytes.first_mut().unwrap() = b' ', "COSIGN-MANIFEST"),
        ("segment-000000.pgp", |bytes| *bytes.last_mut().unwrap() ^= 1, "COSIGN-PART"),
        ("index-000000.pgp", |bytes| bytes.truncate(bytes.len() - 1), "COSIGN-PART"),
        ("manifest.json.sig", |bytes| *bytes.last_mut().unwrap() ^= 1, "COSIGN-SIGNATURE"),
    ];
    for (name, change, id) in changes {
        let path = pouch.join(name);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(&path, changed).unwrap();
        refused(&place, &import, id);
        fs::write(&path, whole).unwrap();
    }
    fs::rename(pouch.join("segment-000000.pgp"), place.path("gone")).unwrap();
    refused(&place, &import, "COSIGN-PART");
    fs::rename(place.path("gone"), pouch.join("segment-000000.pgp")).unwrap();
    // The ledger from a backup does not know of it.
    let ledger = place.path("home/state/land.json");
    let known = fs::read(&ledger).unwrap();
    fs::remove_file(&ledger).unwrap();
    refused(&place, &import, "SEAL-LEDGER");
    fs::write(&ledger, known).unwrap();
    seal(&place, &[&["cosign"][..], &import].concat()).unwrap();
}

#[test]
fn who_is_expired_or_revoked_does_not_sign() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mets, tamm) = office(folder.path(), Some(Duration::from_secs(15)));
    let file = place.path("tamm.sig");
    fs::write(&file, tamm.sign(&aside(&place, "land-000001").join("manifest.json")).unwrap()).unwrap();
    mets.revoke(&place).unwrap();
    let sign = |name: &str| {
        let certificate = place.path(&format!("home/{name}.pgp"));
        let arguments = ["land-000001", "--key", "pkcs11:token=none", "--certificate", certificate.to_str().unwrap()];
        refused(&place, &arguments, "COSIGN-CERTIFICATE");
    };
    sign("mets");
    std::thread::sleep(Duration::from_secs(16));
    sign("tamm");
    refused(&place, &["land-000001", "--import", file.to_str().unwrap()], "COSIGN-CERTIFICATE");
}

#[test]
fn a_pouch_that_nobody_will_sign_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mets, tamm) = office(folder.path(), None);
    let first = aside(&place, "land-000001").join("manifest.json");
    let old = place.path("old.sig");
    fs::write(&old, mets.sign(&first).unwrap()).unwrap();
    let arguments = format!("--config {} land-000001 --withdraw", place.path("home/seal.toml").display());
    let mut terminal = cosign(&place, "home", &arguments);
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 0 && seen.contains("land-000001 is withdrawn"), "{seen}");
    assert!(!aside(&place, "land-000001").exists());

    fs::write(place.path("source/deed"), "another deed").unwrap();
    let sealed = json(&seal(&place, &["seal", "land"]).unwrap());
    assert_eq!(sealed["pouch"], "land-000001");
    refused(&place, &["land-000001", "--import", old.to_str().unwrap()], "COSIGN-SIGNATURE");
    for officer in [mets, tamm] {
        fs::write(&old, officer.sign(&first).unwrap()).unwrap();
        seal(&place, &["cosign", "land-000001", "--import", old.to_str().unwrap()]).unwrap();
    }
    assert!(place.spooled("land-000001").exists());
}

#[test]
fn two_of_three_officers_are_chosen_when_sealing() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    let officers = ["mets", "tamm"].map(|name| Officer::create(&place, name, None).unwrap());
    for (name, officer) in ["mets", "tamm"].iter().zip(&officers) {
        place.announce(name, &officer.fingerprint()).unwrap();
    }
    add_land(&place);
    for (file, from, to) in [
        ("embassy/trust.toml", "threshold = 3", "threshold = 2"),
        ("home/seal.toml", "recipients =", "threshold = 2\nrecipients ="),
    ] {
        let text = fs::read_to_string(place.path(file)).unwrap();
        assert!(text.contains(from));
        fs::write(place.path(file), text.replace(from, to)).unwrap();
    }
    let error = seal(&place, &["seal", "land"]).unwrap_err();
    assert!(error.contains("exit status: 78") && error.contains("1 are to sign, and the threshold is 2"), "{error}");
    let home = place.path("home/home.pgp");
    let error = seal(&place, &["seal", "land", "--cosigner", home.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("CONFIG-COSIGNERS") && error.contains("is to sign twice"), "{error}");

    let mut digest = String::new();
    for (number, (name, officer)) in ["mets", "tamm"].iter().zip(&officers).enumerate() {
        let certificate = place.path(&format!("home/{name}.pgp"));
        let sealed = json(&seal(&place, &["seal", "land", "--cosigner", certificate.to_str().unwrap()]).unwrap());
        let pouch = format!("land-{:06}", number + 1);
        assert_eq!(sealed["waiting_for"], Value::from(vec![officer.fingerprint()]));
        let file = place.path("brought.sig");
        fs::write(&file, officer.sign(&aside(&place, &pouch).join("manifest.json")).unwrap()).unwrap();
        let (file, certificate) = (file.to_str().unwrap(), certificate.to_str().unwrap());
        refused(&place, &[&pouch, "--import", file], "COSIGN-UNKNOWN");
        seal(&place, &["cosign", &pouch, "--import", file, "--certificate", certificate]).unwrap();
        if digest.is_empty() {
            sealed["manifest_sha256"].as_str().unwrap().clone_into(&mut digest);
        }
        run(place.import().unwrap().args(["import", "--first", &digest]).arg(place.spooled(&pouch))).unwrap();
    }
}

#[test]
fn an_officer_signs_with_gnupg() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::create(folder.path(), Keys::Rfc4880).unwrap();
    let gnupg = tempfile::tempdir().unwrap();
    let gpg = |arguments: &[&str]| {
        let mut gpg = std::process::Command::new("gpg");
        gpg.env("GNUPGHOME", gnupg.path()).args(["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]);
        run(gpg.args(["--passphrase", ""]).args(arguments)).unwrap()
    };
    gpg(&["--quick-generate-key", "DEMO tamm", "rsa3072", "sign,cert", "never"]);
    gpg(&["--output", place.path("home/tamm.pgp").to_str().unwrap(), "--export"]);
    let keys = gpg(&["--with-colons", "--list-keys"]);
    let fingerprint = keys.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.strip_suffix(':')).unwrap();
    place.announce("tamm", fingerprint).unwrap();
    add_land(&place);
    gpg(&["--quick-generate-key", "DEMO weak", "rsa2048", "sign,cert", "never"]);
    let weak = place.path("home/weak.pgp");
    gpg(&["--output", weak.to_str().unwrap(), "--export", "DEMO weak"]);
    let error = seal(&place, &["seal", "land", "--cosigner", weak.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("error[SEAL-CERTIFICATE]") && error.contains("RSA of 2048 bits"), "{error}");
    set_cosigners(&place, &["tamm"]);
    let sealed = json(&seal(&place, &["seal", "land"]).unwrap());
    let (request, signature) = (place.path("request.json"), place.path("tamm.sig"));
    let (request, signature) = (request.to_str().unwrap(), signature.to_str().unwrap());
    seal(&place, &["cosign", "land-000001", "--export", request]).unwrap();
    let import = ["cosign", "land-000001", "--import", signature];

    // As of another hour the embassy would refuse it, and so it is here.
    let sealed_at = sealed["sealed_at"].as_str().unwrap().replace(['-', ':', 'Z'], "");
    for (time, good) in [("20300101T000000", false), (&sealed_at, true)] {
        gpg(&[
            "--faked-system-time",
            &format!("{time}!"),
            "--digest-algo",
            "SHA512",
            "--output",
            signature,
            "--detach-sign",
            request,
        ]);
        let added = seal(&place, &import);
        assert_eq!(added.is_ok(), good, "{added:?}");
    }
    let _ = run(std::process::Command::new("gpgconf").env("GNUPGHOME", gnupg.path()).args(["--kill", "all"]));
    run(place.import().unwrap().arg("verify").arg(place.spooled("land-000001"))).unwrap();
}
