//! A whole ceremony, with each function of the token that it calls failing in each way, at the first, the second and the last
//! call of it. Afterwards another process judges what lies in the folder and in the token.

#![cfg(test)]
#![allow(clippy::print_stdout, reason = "a table is printed")]

mod act;
mod judge;

#[path = "../../../pkcs11/tests/common/faulty.rs"]
mod faulty;
#[allow(dead_code, reason = "the token's own tests use the rest")]
#[path = "../../../pkcs11/tests/common/module.rs"]
mod module;

use faulty::{Fault, Faulty};
use module::Module;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// What a child does, and where.
const ACT: &str = "POUCH_CEREMONY_TEST_ACT";
const TEST: &str = "every_function_with_every_fault";

/// When the token fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    /// From this call of the function on, until people say "again".
    From(usize),
    /// At this call; then people close the ceremony.
    Only(usize),
    /// From this call on, and still when people say "again"; then they close the ceremony.
    Stays(usize),
}

#[derive(Clone, Debug)]
struct Case {
    function: String,
    fault: Fault,
    when: When,
}

/// What came of it: the failures that people saw first and after they had said "again", if any, and whether it ended well.
#[derive(Clone, Debug)]
struct Outcome {
    first: Option<String>,
    second: Option<String>,
    held: bool,
}

impl Case {
    fn orders(&self) -> String {
        let when = match self.when {
            When::From(call) | When::Stays(call) => format!("from {call}\n"),
            When::Only(call) => format!("only {call}\n"),
        };
        when + &self.fault.order(&self.function)
    }

    /// Holds the ceremony in a process of its own, and judges it in another.
    fn run(&self, built: &Path) -> Result<Outcome, String> {
        let folder = scratch();
        let answer = match self.when {
            When::From(_) => "again",
            When::Only(_) => "close",
            When::Stays(_) => "stubborn",
        };
        let patience = if self.fault.is_silence() { "short" } else { "long" };
        held(folder.path(), built, &self.orders(), &format!("{answer} {patience}"))
    }
}

fn held(folder: &Path, built: &Path, orders: &str, how: &str) -> Result<Outcome, String> {
    let faulty = Faulty::at(folder, built);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([TEST, "--exact", "--nocapture"]);
    drop(Module::SoftHsm.prepare(folder, &mut child));
    faulty.prepare(&Module::SoftHsm.path(), &mut child);
    faulty.order(orders);
    let place = format!("{}\n{}", folder.display(), built.display());
    run(child.env(ACT, format!("hold {how}\n{place}")))?;
    faulty.order("");
    let judged = run(child.env(ACT, format!("judge\n{place}")))?;
    let verdict = judged.lines().find_map(|line| line.strip_prefix(judge::VERDICT)).ok_or(judged.clone())?;
    let [first, second, end] = verdict.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let failure = |id: &str| (id != "none").then(|| id.to_owned());
    Ok(Outcome { first: failure(first), second: failure(second), held: end == "held" })
}

fn run(child: &mut Command) -> Result<String, String> {
    let output = child.output().unwrap();
    let talk = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(talk) } else { Err(talk) }
}

/// In memory: nobody asks what a disk remembers.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Every function that a ceremony calls, and how often.
fn calls(built: &Path) -> Vec<(String, usize)> {
    let folder = scratch();
    let outcome = held(folder.path(), built, "", "close long").unwrap_or_else(|talk| panic!("{talk}"));
    assert!(outcome.first.is_none() && outcome.held, "a ceremony on a sound token: {outcome:?}");
    let sound = fs::read_to_string(folder.path().join(act::CALLED)).unwrap();
    let mut calls: Vec<(String, usize)> = Vec::new();
    for function in sound.lines() {
        match calls.iter_mut().find(|(known, _)| known == function) {
            Some((_, count)) => *count += 1,
            None => calls.push((function.to_owned(), 1)),
        }
    }
    calls
}

fn cases(calls: &[(String, usize)]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (function, count) in calls {
        for fault in Fault::ALL.into_iter().filter(|fault| fault.is_for(function)) {
            let mut places = if fault.is_silence() { vec![1, *count] } else { vec![1, 2.min(*count), *count] };
            places.dedup();
            let other = if fault.is_silence() { When::Stays } else { When::Only };
            for when in places.into_iter().flat_map(|call| [When::From(call), other(call)]) {
                cases.push(Case { function: function.clone(), fault, when });
            }
        }
    }
    cases
}

/// Runs the cases, as many at a time as there are processors.
fn all(cases: &[Case], built: &Path) -> Vec<(Case, Result<Outcome, String>)> {
    let (left, done) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let outcome = case.run(built);
                    done.lock().unwrap().push((case.clone(), outcome));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// The column of the table: refused, given up, without effect, wrong.
fn column(case: &Case, outcome: &Result<Outcome, String>) -> usize {
    match outcome.as_ref().map(|outcome| outcome.first.as_deref()) {
        Ok(Some("HSM-SILENT")) => 1,
        // Then only the signature of the transcript was missing.
        Ok(Some("CEREMONY-UNSIGNED")) if case.fault.is_silence() => 1,
        Ok(Some(_)) => 0,
        Ok(None) => 2,
        Err(_) => 3,
    }
}

#[test]
fn every_function_with_every_fault() {
    if let Ok(act) = std::env::var(ACT) {
        return act::act(&act);
    }
    let built = scratch();
    Faulty::at(built.path(), built.path()).build();
    let calls = calls(built.path());
    let outcomes = all(&cases(&calls), built.path());
    let mut table: BTreeMap<Fault, [usize; 6]> = BTreeMap::new();
    let (mut flaws, mut again) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for (case, outcome) in &outcomes {
        let Case { function, fault, when } = case;
        let row = table.entry(*fault).or_default();
        row[column(case, outcome)] += 1;
        match outcome {
            Ok(Outcome { first, second, held }) => {
                row[if *held { 4 } else { 5 }] += 1;
                second.iter().for_each(|id| *again.entry(id).or_default() += 1);
                let (first, end) = (first.as_deref().unwrap_or("right"), if *held { "held" } else { "failed" });
                println!(
                    "{function:<20} {fault:<8} {when:<10} {first:<24} {end}",
                    fault = format!("{fault:?}"),
                    when = format!("{when:?}")
                );
            }
            Err(talk) => flaws.push(format!("{case:?}:\n{talk}")),
        }
    }
    println!("{} functions: refused, given up, without effect, wrong; held, closed as failed", calls.len());
    for (fault, counts) in &table {
        println!("{:<8} {counts:?}", format!("{fault:?}"));
    }
    println!("after \"again\": {again:?}");
    assert!(flaws.is_empty(), "{} wrong:\n{}", flaws.len(), flaws.join("\n\n"));
}
