//! `kill -9` and a failing disk at every moment of a ceremony; the same command goes on from there. It ends with a transcript
//! that verifies and with one key, or says which half-made thing stops it and what to do.

#![cfg(test)]

mod stage;

use pouch_ceremony::plan::Plan;
use pouch_ceremony::steps;
use pouch_ceremony::transcript::{self, Event, FILE, Fact, SIGNATURE_FILE, State, Verdict};
use pouch_platform::Dir;
use stage::{inventory, plan, rehearse, said};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How often the same command may be needed after the interruption.
const AGAIN: usize = 3;

/// How a ceremony that was disturbed ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Done, verified, one key.
    Done,
    /// The same, and a key of the interrupted attempt was destroyed on the record.
    DoneAnew,
    /// Closed as failed on the record, for this error.
    Failed(String),
}

/// Runs the rehearsal with `what` injected into the `nth` call of that name; says whether it came to that.
fn injected(ceremony: &Path, call: &str, nth: usize, what: &str) -> Output {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:{what}:when={nth}"), "--"]);
    let command = rehearse(&plan(), ceremony);
    traced.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    traced.output().expect("strace is needed for this test")
}

fn verdict(ceremony: &Path) -> Verdict {
    let dir = Dir::open(ceremony).unwrap();
    let certificate = pouch_ceremony::certificate_file(&ceremony.join("home.pgp")).ok();
    transcript::judge(&dir, certificate.as_ref()).unwrap()
}

/// The same command until there is nothing left to do.
fn go_on(ceremony: &Path) -> End {
    for _ in 0..AGAIN {
        let output = rehearse(&plan(), ceremony).output().unwrap();
        let text = said(&output);
        match output.status.code() {
            Some(0) => return done(ceremony),
            Some(77) if text.contains("CEREMONY-CLOSED") && ceremony.join(SIGNATURE_FILE).exists() => {
                return done(ceremony);
            }
            Some(69) if text.contains("CEREMONY-FAILED") => return failed(ceremony),
            Some(77) if text.contains("CEREMONY-CLOSED") => return failed(ceremony),
            _ => assert!(text.contains("error["), "{text}"),
        }
    }
    panic!("no end after {AGAIN} times: {}", said(&rehearse(&plan(), ceremony).output().unwrap()));
}

fn done(ceremony: &Path) -> End {
    let verdict = verdict(ceremony);
    assert_eq!(verdict.state(), State::Held, "{:?}", verdict.evidence);
    let events = || verdict.reading.lines.iter().map(|line| &line.event);
    // No step was skipped, none was done twice.
    for step in steps::of(&Plan::load(&plan()).unwrap().plan) {
        let id = step.work.to_string();
        let times = events().filter(|event| matches!(event, Event::Done { step, .. } if *step == id)).count();
        assert_eq!(times, usize::from(id != "close"), "{id} was done {times} times");
    }
    let facts = || {
        events().filter_map(|event| if let Event::Done { facts, .. } = event { Some(facts) } else { None }).flatten()
    };
    assert_eq!(facts().filter(|fact| matches!(fact, Fact::Key { .. })).count(), 1);
    assert_eq!(public_keys(ceremony), 1, "keys in the token");
    if facts().any(|fact| matches!(fact, Fact::Destroyed { .. })) { End::DoneAnew } else { End::Done }
}

fn failed(ceremony: &Path) -> End {
    let verdict = verdict(ceremony);
    assert_eq!(verdict.state(), State::Failed, "{:?}", verdict.evidence);
    let mut errors = verdict.reading.lines.iter().filter_map(|line| match &line.event {
        Event::Failure { error, .. } => Some(error.clone()),
        _ => None,
    });
    End::Failed(errors.next_back().expect("a failed ceremony says at what"))
}

fn public_keys(ceremony: &Path) -> usize {
    let config = ceremony.join("tokens/softhsm2.conf");
    let output = inventory(&config, "pkcs11:?module-name=softhsm2").output().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let slots = value["slots"].as_array().unwrap();
    slots
        .iter()
        .flat_map(|slot| slot["objects"].as_array().unwrap())
        .filter(|object| object["class"] == "public")
        .count()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let ceremony = folder.path().join("ceremony");
    (folder, ceremony)
}

/// Kills at each `step`th call until one run is not killed any more; how often each end came.
fn killed_at_each(call: &str, step: usize) -> BTreeMap<End, usize> {
    let mut ends = BTreeMap::new();
    for nth in (1..).step_by(step) {
        let (_folder, ceremony) = folder();
        let output = injected(&ceremony, call, nth, "signal=KILL");
        if output.status.code().is_some() {
            assert!(output.status.success(), "{call} {nth}: {}", said(&output));
            return ends;
        }
        *ends.entry(go_on(&ceremony)).or_default() += 1;
    }
    ends
}

/// Ends that are all right after a kill: nothing but a half-made token or key stops a ceremony.
fn assert_told(call: &str, ends: &BTreeMap<End, usize>, least: usize) {
    let half = ["CEREMONY-HALF-TOKEN", "CEREMONY-HALF-KEY"].map(|id| End::Failed(id.to_owned()));
    let good = |end: &End| [End::Done, End::DoneAnew].contains(end) || half.contains(end);
    assert!(ends.keys().all(good), "{call}: {ends:?}");
    assert!(ends.values().sum::<usize>() >= least, "{call}: only {ends:?}");
}

#[test]
fn killed_when_a_line_of_the_transcript_becomes_durable() {
    let ends = killed_at_each("fdatasync", 1);
    assert_told("fdatasync", &ends, 25);
    assert_eq!(ends.len(), 1, "each line is whole before the next thing is done: {ends:?}");
}

#[test]
fn killed_when_a_file_becomes_durable() {
    assert_told("fsync", &killed_at_each("fsync", 1), 20);
}

#[test]
fn killed_when_a_name_changes() {
    assert_told("renameat", &killed_at_each("renameat", 1), 10);
}

/// Also in the midst of the module's own writing, and between the token's work and the line that says so.
#[test]
fn killed_at_any_write() {
    let ends = killed_at_each("write", 1);
    assert_told("write", &ends, 60);
    assert!(ends.contains_key(&End::DoneAnew), "a key that was made and not written down: {ends:?}");
}

#[test]
fn killed_while_the_token_writes() {
    let ends = killed_at_each("ftruncate", 4);
    assert_told("ftruncate", &ends, 10);
    let half = |id: &str| ends.contains_key(&End::Failed(id.to_owned()));
    assert!(half("CEREMONY-HALF-TOKEN") || half("CEREMONY-HALF-KEY"), "{ends:?}");
}

#[test]
fn a_full_or_failing_disk_leaves_a_record_that_holds() {
    let mut felt = 0;
    for (call, error) in
        [("write", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("renameat", "EIO"), ("ftruncate", "ENOSPC")]
    {
        for nth in [1, 2, 3, 5, 8, 13, 21, 34, 55] {
            let (_folder, ceremony) = folder();
            let output = injected(&ceremony, call, nth, &format!("error={error}"));
            if output.status.success() {
                assert_eq!(done(&ceremony), End::Done);
                continue;
            }
            felt += 1;
            if ceremony.join(FILE).exists() {
                let state = verdict(&ceremony).state();
                let whole = [State::Interrupted, State::Failed, State::Unsigned, State::Held];
                let empty = std::fs::read(ceremony.join(FILE)).unwrap().is_empty();
                assert!(whole.contains(&state) || empty, "{call} {nth}: {state:?}\n{}", said(&output));
            }
            go_on(&ceremony);
        }
    }
    assert!(felt >= 15, "only {felt} failures were felt");
}

/// The last line is written and the signature is not: custodians come again for the PIN, and no line follows the last one.
#[test]
fn a_closed_ceremony_is_signed_later() {
    let (_folder, ceremony) = folder();
    stage::run(&mut rehearse(&plan(), &ceremony));
    let before = std::fs::read(ceremony.join(FILE)).unwrap();
    std::fs::remove_file(ceremony.join(SIGNATURE_FILE)).unwrap();
    stage::run(&mut rehearse(&plan(), &ceremony));
    assert_eq!(std::fs::read(ceremony.join(FILE)).unwrap(), before);
    assert_eq!(done(&ceremony), End::Done);
}

/// A line that was cut off in writing is nothing that was done, wherever it was cut.
#[test]
fn a_torn_last_line_is_cut_off() {
    let (_folder, ceremony) = folder();
    stage::run(&mut rehearse(&plan(), &ceremony));
    let whole = std::fs::read_to_string(ceremony.join(FILE)).unwrap();
    // Before anything was touched, so that the token is still what the lines say.
    let lines: Vec<&str> = whole.split_inclusive('\n').take(4).collect();
    for torn in [0, 1, 3] {
        let (_folder, fresh) = folder();
        stage::run(&mut rehearse(&plan(), &fresh));
        for made in ["home.pgp", SIGNATURE_FILE, "binding.toml"] {
            std::fs::remove_file(fresh.join(made)).unwrap();
        }
        std::fs::remove_dir_all(fresh.join("tokens")).unwrap();
        let text: String = lines[..torn].concat() + &lines[torn][..lines[torn].len() / 2];
        std::fs::write(fresh.join(FILE), text).unwrap();
        let end = go_on(&fresh);
        assert_eq!(end, End::Done, "{torn} whole lines");
    }
}
