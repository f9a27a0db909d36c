//! Signatures of others, of other bytes and of other forms; and the files beside the transcript.

use crate::written::{Written, detached, packet, software_key};
use pouch_ceremony::transcript::{Evidence, SIGNATURE_FILE, State};
use sequoia_openpgp::Profile;
use sequoia_openpgp::armor::{Kind, Writer};
use sequoia_openpgp::types::SignatureType;
use std::io::Write as _;

fn signature(written: &Written) -> Vec<u8> {
    written.others.iter().find(|(name, _)| name == SIGNATURE_FILE).unwrap().1.clone()
}

fn is_no_signature(evidence: &[Evidence]) -> bool {
    matches!(evidence, [Evidence::NoSignature { .. }])
}

#[test]
fn chained_anew_without_the_key() {
    let held = Written::held();
    // Every line said something else, one by one; the chain is right again.
    for at in 0..held.lines.len() {
        let mut values = held.values();
        values[at]["at"] = "2026-01-01T00:00:00Z".into();
        let forged = held.clone().chained(values);
        let evidence = forged.evidence();
        assert!(matches!(evidence.as_slice(), [Evidence::BadSignature { .. }]), "line {}: {evidence:?}", at + 1);
        assert_eq!(forged.verdict().state(), State::Altered);
    }
    // Also where nothing but the spelling of the JSON differs.
    let same = held.clone().chained(held.values());
    assert_ne!(same.lines, held.lines);
    assert!(matches!(same.evidence().as_slice(), [Evidence::BadSignature { .. }]));
}

#[test]
fn by_another_key() {
    let held = Written::held();
    for profile in [Profile::RFC4880, Profile::RFC9580] {
        let other = software_key(profile);
        let forged = held.clone().put(SIGNATURE_FILE, detached(&other, &held.bytes()));
        let evidence = forged.evidence();
        assert!(matches!(evidence.as_slice(), [Evidence::BadSignature { .. }]), "{profile:?}: {evidence:?}");
        // With the last line made to fit; the certificate that people trust is still another.
        let mut forged = held.clone().signed_by(&other);
        assert_eq!(forged.evidence(), [], "{profile:?}: whoever trusts the attacker's certificate is lost");
        forged.certificate = held.certificate.clone();
        let evidence = forged.evidence();
        assert!(matches!(evidence.as_slice(), [Evidence::OtherSigner { .. }]), "{profile:?}: {evidence:?}");
    }
}

#[test]
fn removed_or_of_another_form() {
    let key = software_key(Profile::RFC9580);
    let held = Written::held().signed_by(&key);
    let (one, bytes) = (signature(&held), held.bytes());
    assert_eq!(held.clone().without(SIGNATURE_FILE).evidence(), [Evidence::Unsigned]);
    assert_eq!(held.clone().without(SIGNATURE_FILE).verdict().state(), State::Unsigned);

    let mut armored = Writer::new(Vec::new(), Kind::Signature).unwrap();
    armored.write_all(&one).unwrap();
    let text = packet(&key, &bytes, SignatureType::Text);
    let padded = [one.as_slice(), b"\n"].concat();
    let forms = [
        ("armored", armored.finalize().unwrap()),
        ("two", [one.as_slice(), &one].concat()),
        ("two of different keys", [one.as_slice(), &detached(&software_key(Profile::RFC9580), &bytes)].concat()),
        ("of text", text),
        ("empty", Vec::new()),
        ("cut", one[..one.len() - 1].to_vec()),
        ("with a line feed", padded),
        ("the certificate", held.others.iter().find(|(name, _)| name == "home.pgp").unwrap().1.clone()),
        ("huge", vec![0xff; 1 << 17]),
    ];
    for (form, bytes) in forms {
        let forged = held.clone().put(SIGNATURE_FILE, bytes);
        let evidence = forged.evidence();
        assert!(is_no_signature(&evidence), "{form}: {evidence:?}");
        assert_eq!(forged.verdict().state(), State::Altered, "{form}");
    }
    let other = held.clone().put(SIGNATURE_FILE, detached(&key, b"another file"));
    assert!(matches!(other.evidence().as_slice(), [Evidence::BadSignature { .. }]));
}

#[test]
fn versions_do_not_mix() {
    let (four, six) = (software_key(Profile::RFC4880), software_key(Profile::RFC9580));
    for (signs, claims) in [(&four, &six), (&six, &four)] {
        let held = Written::held().signed_by(claims);
        assert_eq!(held.evidence(), []);
        let forged = held.clone().put(SIGNATURE_FILE, detached(signs, &held.bytes()));
        let evidence = forged.evidence();
        assert!(matches!(evidence.as_slice(), [Evidence::BadSignature { .. }]), "{evidence:?}");
    }
}

#[test]
fn a_last_line_that_names_no_signer() {
    let key = software_key(Profile::RFC9580);
    let held = Written::held().signed_by(&key);
    let mut values = held.values();
    values.last_mut().unwrap()["signed_by"] = serde_json::Value::Null;
    let forged = held.clone().chained(values);
    let forged = forged.clone().put(SIGNATURE_FILE, detached(&key, &forged.bytes()));
    let evidence = forged.evidence();
    assert!(matches!(evidence.as_slice(), [Evidence::OtherSigner { says, .. }] if says == "nobody"), "{evidence:?}");
}

#[test]
fn files_beside_it() {
    let held = Written::held();
    let made = [
        "home.pgp",
        "home.revocation-compromised.asc",
        "home.revocation-superseded.asc",
        "home.revocation-retired.asc",
    ];
    for name in made {
        let bytes = held.others.iter().find(|(other, _)| other == name).unwrap().1.clone();
        let missing = held.clone().without(name).evidence();
        assert!(matches!(missing.as_slice(), [Evidence::Missing { name: said, .. }] if said == name), "{missing:?}");
        let changes = [Vec::new(), [bytes.as_slice(), b"\n"].concat(), bytes.iter().map(|byte| byte ^ 1).collect()];
        for changed in changes {
            let evidence = held.clone().put(name, changed).evidence();
            assert!(matches!(evidence.as_slice(), [Evidence::File { name: said, .. }] if said == name), "{evidence:?}");
        }
        let verdict = held.clone().without(name).verdict();
        assert_eq!((verdict.files, verdict.state()), (4, State::Altered));
    }
}

/// Names of files are only names: nothing outside the folder is read, and a pipe blocks nobody.
#[test]
fn names_of_files_lead_nowhere() {
    let key = software_key(Profile::RFC9580);
    let held = Written::held();
    for name in ["../../../../../../etc/hostname", "/etc/hostname", "", ".", "link", "pipe", "folder", "a\0b"] {
        let mut values = held.values();
        let fact = values.iter_mut().flat_map(|value| value["facts"].as_array_mut().into_iter().flatten());
        fact.filter(|fact| fact["name"] == "home.pgp").for_each(|fact| fact["name"] = name.into());
        let written = held.clone().chained(values).signed_by(&key);
        let (folder, dir) = written.in_folder();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
        assert!(made.success());
        let verdict = pouch_ceremony::transcript::verify(&dir, &written.certificate).unwrap();
        let missing = |evidence: &Evidence| matches!(evidence, Evidence::Missing { name: said, .. } if said == name);
        assert!(
            verdict.evidence.len() == 1 && verdict.evidence.iter().all(missing),
            "{name:?}: {:?}",
            verdict.evidence
        );
    }
}

#[test]
fn a_file_written_down_twice() {
    let key = software_key(Profile::RFC9580);
    let held = Written::held();
    let mut values = held.values();
    let other = "11".repeat(32);
    let last = values.iter().rposition(|value| value["event"] == "done").unwrap();
    let more = serde_json::json!({ "fact": "file", "name": "home.pgp", "sha256": other });
    values[last]["facts"].as_array_mut().unwrap().push(more);
    let evidence = held.chained(values).signed_by(&key).evidence();
    assert!(
        evidence.iter().any(|evidence| matches!(evidence, Evidence::Twice { name, .. } if name == "home.pgp")),
        "{evidence:?}"
    );
}
