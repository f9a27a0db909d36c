//! The page: whole, closed to everything outside, true about what it reports, and deaf to what the transcript shouts.

#![cfg(test)]

mod stage;

use pouch_ceremony::report::{self, Report};
use pouch_ceremony::transcript::{self, FILE, SIGNATURE_FILE, State};
use pouch_platform::Dir;
use stage::{copied, plan, rehearsed, said, tool};
use std::fs;
use std::path::Path;

fn page(dir: &Dir) -> (State, String) {
    let cert = pouch_ceremony::certificate_file(&dir.path().join("home.pgp")).ok();
    let verdict = transcript::judge(dir, cert.as_ref()).unwrap();
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    (verdict.state(), report::html(&Report { verdict: &verdict, findings: &[], at, tool: "test" }))
}

/// The ceremony after `lines` lines, unsigned.
fn cut(from: &Path, lines: usize) -> (tempfile::TempDir, Dir) {
    let (folder, dir) = copied(from);
    let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    fs::write(folder.path().join(FILE), kept).unwrap();
    fs::remove_file(folder.path().join(SIGNATURE_FILE)).unwrap();
    (folder, dir)
}

#[test]
fn the_command_writes_it_once_and_says_what_it_is() {
    let folder = rehearsed(&plan());
    let (ceremony, file) = (folder.path().join("ceremony"), folder.path().join("report.html"));
    let mut report = tool();
    report.arg("report").arg(&ceremony).arg("--output").arg(&file);
    report.arg("--certificate").arg(ceremony.join("home.pgp"));
    let output = report.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "a rehearsal is a finding: {}", said(&output));
    let html = fs::read_to_string(&file).unwrap();
    let lines = fs::read_to_string(ceremony.join(FILE)).unwrap();
    let plan = pouch_ceremony::plan::Plan::load(&plan()).unwrap();
    let words = plan.digest.words();
    for word in words.split(' ') {
        assert!(html.contains(&format!("<td>{word}</td>")), "{word}");
    }
    for expected in [
        "REHEARSAL",
        "Whole and signed",
        "DEMO custodian 3",
        "OPENPGP4FPR",
        "pkcs11:token=home-2026;",
        "Closing digest",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
    // Every line has its row, but for those that head a step.
    let rows = lines.lines().filter(|line| !line.contains("\"event\":\"step\"")).count();
    assert_eq!(html.matches("<td class=\"line\">").count(), rows);
    // It may be the copy that was signed: it is not written over.
    let output = report.output().unwrap();
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    assert_eq!(fs::read_to_string(&file).unwrap(), html);
}

#[test]
fn nothing_from_outside_and_no_script() {
    let folder = rehearsed(&plan());
    let (_, html) = page(&Dir::open(folder.path().join("ceremony")).unwrap());
    assert!(html.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-"));
    for forbidden in [
        "<script",
        "javascript:",
        "http:",
        "https:",
        "src=",
        "href=",
        "url(",
        "@import",
        "onload",
        "<link",
        "<img",
        " style=",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn what_is_not_over_or_went_wrong_is_said_large() {
    let folder = rehearsed(&plan());
    let ceremony = folder.path().join("ceremony");
    let total = fs::read_to_string(ceremony.join(FILE)).unwrap().lines().count();
    for lines in 1..total {
        let (_guard, dir) = cut(&ceremony, lines);
        let (state, html) = page(&dir);
        assert_eq!(state, State::Interrupted, "{lines} lines");
        assert!(html.contains("<p class=\"word large\">INTERRUPTED"), "{lines} lines");
    }
    let (_guard, dir) = cut(&ceremony, total);
    let (state, html) = page(&dir);
    assert_eq!(state, State::Unsigned);
    assert!(html.contains("<p class=\"word large\">NOT SIGNED"));

    let (altered, dir) = copied(&ceremony);
    let text = fs::read_to_string(altered.path().join(FILE)).unwrap().replace("DEMO custodian 1", "Mallory");
    fs::write(altered.path().join(FILE), text).unwrap();
    let (state, html) = page(&dir);
    assert_eq!(state, State::Altered);
    assert!(html.contains("<p class=\"word large\">ALTERED") && html.contains("aria-hidden=\"true\"><span>ALTERED"));
    let mut report = tool();
    report.arg("report").arg(altered.path()).arg("--output").arg(altered.path().join("report.html"));
    let output = report.output().unwrap();
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert!(altered.path().join("report.html").exists());
}

#[test]
fn without_a_certificate_the_signature_counts_for_nothing() {
    let folder = rehearsed(&plan());
    let mut report = tool();
    report.args(["--format", "json", "report"]).arg(folder.path().join("ceremony"));
    report.arg("--output").arg(folder.path().join("report.html"));
    let output = report.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["state"], "unverified");
    assert!(fs::read_to_string(folder.path().join("report.html")).unwrap().contains("signature not verified"));
}

#[test]
fn what_people_typed_cannot_act_on_the_page() {
    let folder = rehearsed(&plan());
    let evil = "</style><script>alert(1)</script>\u{202e}&amp;\"' x";
    let json = serde_json::to_string(evil).unwrap();
    let json = json.trim_matches('"');
    let (altered, dir) = copied(&folder.path().join("ceremony"));
    let file = altered.path().join(FILE);
    let mut text = fs::read_to_string(&file).unwrap();
    for honest in [
        "DEMO custodian 1",
        "Home signing key",
        "The key that signs every pouch which leaves home",
        "note who is here",
        "sealing-2026",
        "home.pgp",
        "DEMO Registry home",
    ] {
        assert!(text.contains(honest), "{honest}");
        text = text.replace(honest, json);
    }
    fs::write(&file, text).unwrap();
    let (_, html) = page(&dir);
    assert!(html.contains("&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}&amp;amp;"));
    assert!(!html.contains("<script") && !html.contains('\u{202e}'));
    assert_eq!(html.matches("</style>").count(), 1);
}
