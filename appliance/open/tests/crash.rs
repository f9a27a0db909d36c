//! Killed, or failed by the disk, at every system call that matters: what is left is never part of a pouch, nothing that
//! was admitted is forgotten, and running it again comes to the same end.
//!
//! The program runs itself as a child under `strace`, which injects the fault at the n-th call of a kind; n grows until
//! the child gets through. No harness: one process is both the test and the child.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use common::{Draft, Refusal, World, clock, import_at};
use pouch_format::PouchId;
use pouch_open::{State, StatePlaces, Trust};
use pouch_vault::Vault;

/// Tells the child its world; absent in the test.
const WORLD: &str = "POUCH_CRASH_WORLD";
/// More calls of a kind than any import makes.
const CALLS: usize = 400;

/// Every kind of call that changes something on disk.
const CHANGING: [&str; 9] =
    ["openat2", "mkdirat", "write", "pwrite64", "fsync", "renameat", "renameat2", "unlinkat", "ftruncate"];

fn main() -> ExitCode {
    if let Some(root) = std::env::var_os(WORLD) {
        return child(Path::new(&root));
    }
    for resumed in [false, true] {
        for call in CHANGING {
            each_ordinal(resumed, call, "signal=KILL");
        }
        for call in ["fsync", "renameat", "renameat2", "write", "pwrite64", "mkdirat"] {
            each_ordinal(resumed, call, "error=EIO");
        }
        for call in ["write", "pwrite64"] {
            each_ordinal(resumed, call, "error=ENOSPC");
        }
    }
    left_behind_by_the_killed();
    println!("crash: every fault was survived");
    ExitCode::SUCCESS
}

/// Imports the pouch `new` of the world, and says by its exit code whether the pouch is in the vault then.
fn child(root: &Path) -> ExitCode {
    let result = (|| {
        let vault = Vault::open_local(root.join("vault")).map_err(|e| e.to_string())?;
        let mut state = State::open(&places(root), &vault).map_err(|e| e.to_string())?;
        let trust = Trust::load(&root.join("trust/trust.toml")).map_err(|e| e.to_string())?;
        let first = fs::read_to_string(root.join("first")).map_err(|e| e.to_string())?.parse().ok();
        match import_at(&root.join("new"), &trust, &vault, &mut state, first, clock()) {
            Ok(_) => Ok(()),
            Err(Refusal::Admit(error)) if error.rule().id() == "IMPORT-REPLAY" => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    })();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn places(root: &Path) -> StatePlaces {
    StatePlaces { a: root.join("state-a"), b: root.join("state-b"), log: root.join("state-a") }
}

/// A world to which `new` is the next pouch: its first, or (`resumed`) its second.
fn world(resumed: bool) -> (World, Draft) {
    let world = World::new();
    let draft = if resumed {
        let one = world.import_first(1);
        world.draft(2, Some(one))
    } else {
        world.draft(1, None)
    };
    world.source("new", &draft);
    fs::write(world.path("first"), draft.digest().to_string()).unwrap();
    (world, draft)
}

fn run(world: &World, inject: Option<&str>) -> std::process::ExitStatus {
    let me = std::env::current_exe().unwrap();
    let mut command = match inject {
        // Calls are counted by thread; the fault strikes the first thread that makes so many.
        Some(inject) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", inject]).arg(me);
            strace
        }
        None => Command::new(me),
    };
    command.env(WORLD, world.root.path()).stderr(Stdio::null()).status().expect("strace is needed for this test")
}

/// Injects the fault at the first call of a kind, then at the second, and so on until there is none left.
fn each_ordinal(resumed: bool, call: &str, fault: &str) {
    for ordinal in 1..CALLS {
        let (world, draft) = world(resumed);
        let what = format!("{fault} at {call} {ordinal}, resumed: {resumed}");
        let through = run(&world, Some(&format!("inject={call}:{fault}:when={ordinal}"))).success();
        assert_nothing_half_done(&world, &draft, &what);
        assert!(run(&world, None).success(), "{what}: the second run");
        assert_done(&world, &draft, &what);
        if through && !hit(&world, resumed, call, ordinal) {
            println!("crash: {fault} at each of {} {call}, resumed: {resumed}", ordinal - 1);
            assert!(
                ordinal > 1 || call == "ftruncate" || call == "unlinkat" || call == "fchmod",
                "{call} never occurs"
            );
            return;
        }
    }
    panic!("{call} occurs more than {CALLS} times");
}

/// Whether the child makes so many calls of the kind; a fault may be survived, so success alone does not say.
fn hit(_: &World, resumed: bool, call: &str, ordinal: usize) -> bool {
    let (world, _) = world(resumed);
    !run(&world, Some(&format!("inject={call}:signal=KILL:when={ordinal}"))).success()
}

/// After the fault: the vault lists the pouch wholly or not, and the state is one of the two that it may be.
fn assert_nothing_half_done(world: &World, draft: &Draft, what: &str) {
    let vault = world.vault();
    let id = draft.manifest.id();
    let listed = vault.list(&id.registry).unwrap();
    if listed.contains(&id) {
        assert_whole(&vault, draft, what);
    }
    let (ledger, _) = State::read(&world.places(), &vault).unwrap_or_else(|error| panic!("{what}: {error}"));
    let head = ledger.head(&id.registry).map_or(0, |head| head.sequence);
    assert!((id.sequence - 1..=id.sequence).contains(&head), "{what}: the state knows pouch {head}");
    // What the state knows is in the vault.
    let known = (1..=head).map(|sequence| PouchId { sequence, ..id.clone() });
    known.for_each(|id| assert!(listed.contains(&id), "{what}: {id} is lost"));
}

/// After the second run: the pouch is there, the state knows it on both copies, and nothing is left over.
fn assert_done(world: &World, draft: &Draft, what: &str) {
    let vault = world.vault();
    assert_whole(&vault, draft, what);
    let state = world.state();
    let head = state.ledger().head(&draft.manifest.registry).unwrap();
    assert_eq!((head.sequence, head.manifest), (draft.manifest.sequence, draft.digest()), "{what}");
    // A copy may be one generation behind if the fault struck between the two, and the second run found it done.
    let damaged = state.warnings().iter().any(|warning| matches!(warning, pouch_open::Warning::Log(_)));
    assert!(!damaged, "{what}: {:?}", state.warnings());
    assert_eq!(fs::read_dir(world.path("vault/.incoming")).unwrap().count(), 0, "{what}");
}

fn assert_whole(vault: &Vault, draft: &Draft, what: &str) {
    let id = draft.manifest.id();
    assert_eq!(vault.manifest_bytes(&id).unwrap(), draft.manifest.to_bytes(), "{what}");
    assert!(!vault.signature_bytes(&id).unwrap().is_empty(), "{what}");
    for (part, bytes) in draft.manifest.parts().zip(&draft.parts) {
        assert_eq!(vault.read_part(&id, part).unwrap(), *bytes, "{what}");
    }
}

/// A killed import leaves its copy behind; `clean` removes it, and so does the next import.
fn left_behind_by_the_killed() {
    let (world, _) = world(false);
    assert!(!run(&world, Some("inject=renameat2:signal=KILL:when=1")).success());
    let incoming = world.path("vault/.incoming");
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 1);
    assert_eq!(world.vault().registries().unwrap(), []);
    assert_eq!(world.vault().clean().unwrap(), 1);
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
    assert_eq!(world.vault().clean().unwrap(), 0);
}
