//! Lines altered, dropped, doubled, moved, cut and added.

use crate::written::{Written, software_key};
use pouch_ceremony::transcript::{Evidence, FILE, Fault, Reading, SIGNATURE_FILE, State};
use sequoia_openpgp::Profile;
use serde_json::{Value, json};

/// Whether the evidence names one of the lines `near`.
fn names(evidence: &[Evidence], near: &[usize]) -> bool {
    let said = |at: u64| near.iter().any(|near| *near as u64 == at);
    evidence.iter().any(|evidence| match evidence {
        Evidence::Chain(
            Fault::Broken { line }
            | Fault::Malformed { line, .. }
            | Fault::Number { line, .. }
            | Fault::Cut { line }
            | Fault::AfterEnd { line }
            | Fault::BeginsAgain { line }
            | Fault::Order { line, .. },
        ) => said(*line),
        _ => false,
    })
}

/// Every way to alter one value, and the values inside it.
fn alterations(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) if text.len() == 64 => {
            vec![json!(text.replace('0', "1")), json!(flipped(text)), json!("")]
        }
        Value::String(text) => vec![json!(format!("{text}x")), json!(""), Value::Null],
        Value::Number(number) => vec![json!(number.as_u64().unwrap() + 1), json!(0), json!("1")],
        Value::Null => vec![json!("because")],
        Value::Bool(_) => vec![Value::Null],
        Value::Array(list) => {
            let inside = (0..list.len()).flat_map(|at| {
                let less =
                    Value::Array(list.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, v)| v.clone()).collect());
                let others = alterations(&list[at]).into_iter().map(move |other| {
                    let mut list = list.clone();
                    list[at] = other;
                    Value::Array(list)
                });
                others.chain([less])
            });
            inside.chain([json!([{ "fact": "proof", "what": "all is well" }])]).collect()
        }
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, inner)| {
                let others = alterations(inner).into_iter().map(|other| {
                    let mut map = map.clone();
                    map.insert(name.clone(), other);
                    Value::Object(map)
                });
                let mut less = map.clone();
                less.remove(name);
                others.chain([Value::Object(less)]).collect::<Vec<_>>()
            })
            .collect(),
    }
}

fn flipped(hex: &str) -> String {
    let first = if hex.starts_with('a') { "b" } else { "a" };
    format!("{first}{}", &hex[1..])
}

#[test]
fn the_real_one_holds() {
    let verdict = Written::held().verdict();
    assert_eq!(verdict.evidence, []);
    assert_eq!(verdict.state(), State::Held);
    assert_eq!((verdict.files, verdict.exceptions, verdict.failures), (5, 0, 0));
}

#[test]
fn every_field_of_every_line_altered() {
    let held = Written::held();
    let mut tried = 0;
    for (at, value) in held.values().iter().enumerate() {
        for altered in alterations(value) {
            if altered == *value {
                continue;
            }
            let mut written = held.clone();
            written.lines[at] = altered.to_string();
            let reading = Reading::from_bytes(written.bytes());
            let mut evidence: Vec<Evidence> = reading.faults.into_iter().map(Evidence::Chain).collect();
            tried += 1;
            if at + 1 < held.lines.len() {
                assert!(names(&evidence, &[at + 1, at + 2]), "line {}: {evidence:?}\n{altered}", at + 1);
                continue;
            }
            // No line follows the last one; the signature does.
            evidence = written.evidence();
            assert!(!evidence.is_empty(), "{altered}");
            let says = evidence.iter().any(|evidence| evidence.to_string().contains("last line"));
            assert!(says || names(&evidence, &[at + 1]), "{evidence:?}");
        }
    }
    assert!(tried > 500, "only {tried} alterations");
}

#[test]
fn dropped_doubled_and_moved() {
    let held = Written::held();
    for at in 0..held.lines.len() {
        let mut dropped = held.clone();
        dropped.lines.remove(at);
        let evidence = dropped.evidence();
        let last = at + 1 == held.lines.len();
        let end = evidence.contains(&Evidence::Chain(Fault::NoEnd));
        assert!(if last { end } else { names(&evidence, &[at + 1]) }, "line {} dropped: {evidence:?}", at + 1);

        let mut doubled = held.clone();
        doubled.lines.insert(at, held.lines[at].clone());
        let evidence = doubled.evidence();
        assert!(names(&evidence, &[at + 2]), "line {} doubled: {evidence:?}", at + 1);

        if !last {
            let mut moved = held.clone();
            moved.lines.swap(at, at + 1);
            let evidence = moved.evidence();
            assert!(names(&evidence, &[at + 1]) && names(&evidence, &[at + 2]), "line {} moved: {evidence:?}", at + 1);
        }
    }
}

#[test]
fn cut_at_and_in_every_line() {
    let held = Written::held();
    let bytes = held.bytes();
    let mut at = 0;
    for (number, line) in (1..).zip(&held.lines) {
        for kept in [at, at + 1, at + line.len() / 2, at + line.len()] {
            let faults = Reading::from_bytes(bytes[..kept].to_vec()).faults;
            assert!(faults.contains(&Fault::NoEnd), "{kept} bytes: {faults:?}");
            let whole = kept == at;
            assert_eq!(faults.contains(&Fault::Cut { line: number }), !whole, "{kept} bytes: {faults:?}");
        }
        at += line.len() + 1;
    }
    let mut cut = held.clone();
    cut.lines.truncate(12);
    assert_eq!(cut.verdict().state(), State::Altered, "a signature that is not of these lines is no interruption");
    assert_eq!(cut.without(SIGNATURE_FILE).verdict().state(), State::Interrupted);
}

#[test]
fn lines_added_at_the_end() {
    let held = Written::held();
    let more = held.lines.len() + 1;
    let again = held.values();
    let added = [
        json!({ "event": "answer", "step": "close", "role": "witness-1", "question": "?", "answer": "no" }),
        json!({ "event": "done", "step": "close", "facts": [] }),
        again[0].clone(),
        again[again.len() - 1].clone(),
    ];
    for value in added {
        let mut values = held.values();
        values.push({
            let mut value = value;
            value["at"] = again[0]["at"].clone();
            value
        });
        let evidence = held.clone().chained(values).evidence();
        assert!(names(&evidence, &[more]), "{evidence:?}");
    }
    for garbage in ["", " ", "{}", "[]", "null", "\u{feff}", "{\"line\":32"] {
        let mut written = held.clone();
        written.lines.push(garbage.to_owned());
        assert!(names(&written.evidence(), &[more]), "{garbage:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = held.bytes();
    bytes.extend(b"{\"line\":32");
    std::fs::write(folder.path().join(FILE), &bytes).unwrap();
    assert!(Reading::from_bytes(bytes).faults.contains(&Fault::Cut { line: more as u64 }));
}

/// The chain is right and all was signed by the right key: what does not add up is still said.
#[test]
fn an_order_that_no_ceremony_has() {
    let key = software_key(Profile::RFC9580);
    let held = Written::held().signed_by(&key);
    assert_eq!(held.evidence(), []);
    let faults = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut values = held.values();
        change(&mut values);
        let evidence = held.clone().chained(values).signed_by(&key).evidence();
        let faults = evidence.into_iter().filter_map(|evidence| match evidence {
            Evidence::Chain(fault) => Some(fault),
            _ => None,
        });
        faults.collect::<Vec<_>>()
    };
    let at = |event: &str, step: &str| {
        let values = held.values();
        values.iter().position(|value| value["event"] == event && value["step"] == step).unwrap()
    };
    let done = at("done", "token.home.look");
    let order = |line: usize, step: &str| Fault::Order { line: line as u64 + 1, step: step.to_owned() };
    assert_eq!(
        faults(&|values| values[done]["step"] = "token.home.initialise".into())[0],
        order(done, "token.home.initialise")
    );
    assert_eq!(faults(&|values| drop(values.remove(done - 1)))[0], order(done - 1, "token.home.look"));
    let twice = |values: &mut Vec<Value>| values.insert(done + 1, values[done].clone());
    assert_eq!(faults(&twice), [order(done + 1, "token.home.look")]);
    let answer = at("answer", "key.sealing.generate");
    assert_eq!(faults(&|values| values.swap(answer, answer + 1)), [order(answer + 1, "key.sealing.generate")]);
    assert_eq!(faults(&|values| values[0] = values[1].clone()), [Fault::NoBeginning]);
    let begins = |values: &mut Vec<Value>| values.insert(7, values[0].clone());
    assert_eq!(faults(&begins), [Fault::BeginsAgain { line: 8 }]);
}
