//! `verify-transcript`: its exit codes, and what it says to people and to scripts.

use crate::stage::{plan, rehearse, said, tool};
use crate::written::{Written, software_key};
use pouch_ceremony::transcript::{FILE, State};
use sequoia_openpgp::Profile;
use sequoia_openpgp::serialize::SerializeInto as _;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

/// The exit code and the JSON of standard output, or of standard error where nothing stands there.
fn verify(written: &Written) -> (Option<i32>, Value) {
    let (folder, _) = written.in_folder();
    let certificate = folder.path().join("trusted.pgp");
    fs::write(&certificate, written.certificate.armored().to_vec().unwrap()).unwrap();
    let output = called(folder.path(), &certificate, &["--format", "json"]);
    let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    (output.status.code(), serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", said(&output))))
}

fn called(folder: &Path, certificate: &Path, options: &[&str]) -> Output {
    let mut verify = tool();
    verify.args(options).arg("verify-transcript").arg(folder).arg("--certificate").arg(certificate).output().unwrap()
}

/// The same as if it had counted.
fn counted() -> Written {
    let held = Written::held();
    let mut values = held.values();
    values[0]["mode"] = "run".into();
    held.chained(values).signed_by(&software_key(Profile::RFC9580))
}

#[test]
fn whole_and_signed_is_0() {
    let written = counted();
    let (code, value) = verify(&written);
    assert_eq!(code, Some(0), "{value}");
    assert_eq!(value["lines"], written.lines.len());
    assert_eq!(value["signed_by"], written.certificate.fingerprint().to_hex());
    assert_eq!(value["findings"], serde_json::json!([]));
}

#[test]
fn what_must_be_read_is_3() {
    let (code, value) = verify(&Written::held());
    assert_eq!(code, Some(3), "{value}");
    assert!(value["findings"][0].as_str().unwrap().contains("rehearsal"), "{value}");

    // A step that failed once and was done, and one that was left out.
    let key = software_key(Profile::RFC9580);
    let written = counted();
    let mut values = written.values();
    let done =
        values.iter().position(|value| value["event"] == "done" && value["step"] == "certificate.home.revocations");
    let (at, step) = (values[0]["at"].clone(), "certificate.home.revocations");
    values[done.unwrap()] =
        serde_json::json!({ "event": "failure", "at": at, "step": step, "error": "DISK", "message": "full" });
    values.insert(
        done.unwrap() + 1,
        serde_json::json!({
            "event": "exception", "at": at, "step": step, "role": "administrator", "reason": "made tomorrow",
        }),
    );
    let (code, value) = verify(&written.chained(values).signed_by(&key));
    assert_eq!(code, Some(3), "{value}");
    assert_eq!(value["findings"].as_array().unwrap().len(), 2, "{value}");
}

#[test]
fn another_binding_after_an_interruption_is_3() {
    let written = counted();
    let mut values = written.values();
    let end = values.len() - 1;
    let (at, tool) = (values[0]["at"].clone(), values[0]["tool_sha256"].clone());
    let binding = "ab".repeat(32);
    let resume = serde_json::json!({ "event": "resume", "at": at, "tool_sha256": tool, "binding_sha256": binding });
    values.insert(end, resume);
    let (code, value) = verify(&written.chained(values).signed_by(&software_key(Profile::RFC9580)));
    assert_eq!(code, Some(3), "{value}");
    assert_eq!(value["findings"], serde_json::json!(["after an interruption it went on with another binding"]));
}

#[test]
fn altered_is_77_and_names_the_line() {
    let mut written = counted();
    written.lines[13] = written.lines[13].replace("review", "reviev");
    let (code, value) = verify(&written);
    assert_eq!(code, Some(77), "{value}");
    assert_eq!(value["error"]["id"], "CEREMONY-TRANSCRIPT");
    assert!(value["error"]["facts"]["wrong"].to_string().contains("line 15 does not follow"), "{value}");
}

#[test]
fn no_transcript_or_no_certificate_is_no_verdict() {
    let (folder, _) = Written::held().in_folder();
    let output = called(folder.path(), Path::new("/nowhere.pgp"), &[]);
    assert_eq!(output.status.code(), Some(66), "{}", said(&output));
    let output = called(folder.path(), &folder.path().join(FILE), &[]);
    assert_eq!(output.status.code(), Some(65), "{}", said(&output));
    fs::remove_file(folder.path().join(FILE)).unwrap();
    let output = called(folder.path(), &folder.path().join("home.pgp"), &[]);
    assert_eq!(output.status.code(), Some(66), "{}", said(&output));
}

#[test]
fn a_failed_ceremony_is_refused_and_reported_as_failed() {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = tempfile::tempdir().unwrap();
    let ceremony = folder.path().join("ceremony");
    // Where the certificate should come to lie there is a folder: the step fails, and the actor closes.
    fs::DirBuilder::new().mode(0o700).create(&ceremony).unwrap();
    fs::create_dir(ceremony.join("home.pgp")).unwrap();
    let output = rehearse(&plan(), &ceremony).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert!(said(&output).contains("CEREMONY-FAILED"), "{}", said(&output));

    let key = software_key(Profile::RFC9580);
    let certificate = folder.path().join("any.pgp");
    fs::write(&certificate, key.strip_secret_key_material().armored().to_vec().unwrap()).unwrap();
    let output = called(&ceremony, &certificate, &[]);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert!(said(&output).contains("closes the ceremony as failed"), "{}", said(&output));

    let dir = pouch_platform::Dir::open(&ceremony).unwrap();
    let verdict = pouch_ceremony::transcript::judge(&dir, None).unwrap();
    assert_eq!((verdict.state(), verdict.failures), (State::Failed, 1));
    let report = folder.path().join("report.html");
    let output = tool().arg("report").arg(&ceremony).arg("--output").arg(&report).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let html = fs::read_to_string(report).unwrap();
    assert!(html.contains("<p class=\"word large\">FAILED</p>") && html.contains("<span class=\"mark\">FAILED</span>"));
}
