//! `kill -9` while a pouch that several sign is sealed, signed, or withdrawn: it waits or is ready, whole in either case, no
//! number is used twice, and the next run finishes the work.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::kill::{count, failing_at, killed_at, said_why};
use acceptance::officer::Officer;
use acceptance::place::{Keys, Place};
use acceptance::process::{binary, run};
use acceptance::terminal::Terminal;
use pouch_format::Manifest;
use sequoia_openpgp::PacketPile;
use sequoia_openpgp::parse::Parse as _;

struct Office {
    place: Place,
    tamm: Officer,
}

/// Where the newest pouch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none beyond those that are ready.
    Nothing,
    Waits,
}

impl Office {
    fn open(folder: &Path) -> Self {
        let place = Place::create(folder, Keys::Rfc9580).unwrap();
        let source = folder.join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("deed"), "a deed").unwrap();
        let tamm = Officer::create(&place, "tamm", None).unwrap();
        let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
        place.add_registry("land", &capture, "cosigners = [\"tamm.pgp\"]").unwrap();
        Self { place, tamm }
    }

    fn seal(&self) -> Command {
        let mut command = self.place.seal().unwrap();
        command.args(["--quiet", "seal", "land"]);
        command
    }

    /// Signs the pouch that waits, and gives the command that adds the signature.
    fn add(&self, number: usize) -> Command {
        let folder = self.place.spooled(&format!(".waiting-land-{number:06}"));
        let file = self.place.path("tamm.sig");
        fs::write(&file, self.tamm.sign(&folder.join("manifest.json")).unwrap()).unwrap();
        let mut command = self.place.seal().unwrap();
        command.args(["--quiet", "cosign", &format!("land-{number:06}"), "--import"]).arg(file);
        command
    }

    /// How many pouches are ready, all signed by both and one sequence; and whether one more waits, signed by one or both.
    fn check(&self) -> (usize, State) {
        let spool = self.place.path("home/spool");
        let Ok(entries) = fs::read_dir(&spool) else { return (0, State::Nothing) };
        let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let ready = names.iter().filter(|name| name.starts_with("land-")).count();
        let mut previous = None;
        for number in 1..=ready {
            let folder = spool.join(format!("land-{number:06}"));
            previous = Some(self.check_pouch(&folder, previous, &[2]));
        }
        let waiting: Vec<_> = names.iter().filter(|name| name.starts_with(".waiting-")).collect();
        let [name] = waiting.as_slice() else {
            assert!(waiting.is_empty(), "{waiting:?}");
            return (ready, State::Nothing);
        };
        assert_eq!(**name, format!(".waiting-land-{:06}", ready + 1));
        self.check_pouch(&spool.join(name), previous, &[1, 2]);
        (ready, State::Waits)
    }

    fn check_pouch(&self, folder: &Path, previous: Option<[u8; 32]>, signatures: &[usize]) -> [u8; 32] {
        let bytes = fs::read(folder.join("manifest.json")).unwrap();
        let manifest = Manifest::parse(&bytes).unwrap();
        assert_eq!(manifest.previous.map(|digest| digest.0), previous);
        for part in manifest.parts() {
            assert_eq!(openssl::sha::sha256(&fs::read(folder.join(&part.name)).unwrap()), part.sha256.0);
        }
        let file = fs::read(folder.join("manifest.json.sig")).unwrap();
        let pile = PacketPile::from_bytes(&file).unwrap();
        assert!(signatures.contains(&pile.children().count()), "{}", folder.display());
        if signatures == [2] {
            // Nothing that the embassy would not take stands beside it.
            assert_eq!(fs::read_dir(folder).unwrap().count(), manifest.parts().count() + 2);
            run(self.place.import().unwrap().arg("verify").arg(folder)).unwrap_or_else(|e| panic!("{e}"));
        }
        openssl::sha::sha256(&bytes)
    }
}

fn office(folder: &Path) -> Office {
    let mut office = Office::open(folder);
    // The embassy has to know both.
    let fingerprint = office.tamm.fingerprint();
    office.place.announce("tamm", &fingerprint).unwrap();
    let trust = office.place.path("embassy/trust.toml");
    let text = fs::read_to_string(&trust).unwrap();
    let with_both = text.replace("\"]\nthreshold = 1", &format!("\", \"{fingerprint}\"]\nthreshold = 2"));
    assert_ne!(text, with_both);
    fs::write(trust, with_both).unwrap();
    office
}

#[test]
fn sealing_for_two_officers_converges() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path());
    let calls = count(&office.seal()).unwrap();
    assert_eq!(office.check(), (0, State::Waits));
    run(&mut office.add(1)).unwrap();
    let (mut ready, mut kills) = (1, 0);
    for (call, made) in calls.into_iter().filter(|(call, _)| call.contains("rename") || call.contains("sync")) {
        for nth in 1..=made {
            kills += usize::from(killed_at(&office.seal(), call, nth).unwrap());
            let (after, state) = office.check();
            assert_eq!(after, ready, "{call} {nth}");
            let again = run(&mut office.seal());
            match again {
                Ok(_) => assert_eq!(state, State::Nothing, "{call} {nth}"),
                Err(error) => assert!(error.contains("SEAL-WAITING"), "{call} {nth}: {error}"),
            }
            assert_eq!(office.check(), (ready, State::Waits), "{call} {nth}");
            run(&mut office.add(ready + 1)).unwrap();
            ready += 1;
            assert_eq!(office.check(), (ready, State::Nothing), "{call} {nth}");
        }
    }
    assert!(kills >= 8, "only {kills} kills");
}

#[test]
fn adding_a_signature_converges() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path());
    run(&mut office.seal()).unwrap();
    let calls = count(&office.add(1)).unwrap();
    assert!(calls.contains_key("renameat2") && calls.contains_key("fsync"), "{calls:?}");
    let (mut ready, mut kills, mut failures) = (1, 0, 0);
    for (call, made) in calls {
        for nth in 1..=made {
            // A call that only opens leaves nothing behind when killed, and others fail the same way.
            let ways: &[bool] = match call {
                "renameat2" | "fsync" => &[false, true],
                "openat2" | "mkdirat" if nth > 4 => &[],
                "openat2" | "mkdirat" => &[true],
                _ => &[false],
            };
            for &fails in ways {
                run(&mut office.seal()).unwrap();
                let mut add = office.add(ready + 1);
                if fails {
                    let output = failing_at(&add, call, nth, "EIO").unwrap();
                    let said = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success() || said_why(&said), "{call} {nth}: {said}");
                    failures += usize::from(!output.status.success());
                } else {
                    kills += usize::from(killed_at(&add, call, nth).unwrap());
                }
                let (after, state) = office.check();
                assert!(after == ready + 1 || state == State::Waits, "{call} {nth}: {after} {state:?}");
                run(&mut add).unwrap_or_else(|e| panic!("{call} {nth}: {e}"));
                ready += 1;
                assert_eq!(office.check(), (ready, State::Nothing), "{call} {nth}");
            }
        }
    }
    assert!(kills >= 10 && failures >= 8, "only {kills} kills, {failures} failures");
}

#[test]
fn withdrawing_converges() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path());
    let line = |number: usize| {
        let program = binary("pouch-seal").unwrap();
        let config = office.place.path("home/seal.toml");
        format!("{} --config {} cosign land-{number:06} --withdraw", program.display(), config.display())
    };
    let softhsm = office.place.path("home/token/softhsm2.conf");
    let mut kills = 0;
    for call in ["renameat2", "fsync", "unlinkat"] {
        for nth in 1..=4 {
            if office.check().1 == State::Nothing {
                run(&mut office.seal()).unwrap();
            }
            let traced = format!("strace -f -qq -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth}");
            let mut terminal = Terminal::start(&format!("{traced} -- {}", line(1)), &softhsm).unwrap();
            // It may be killed before it asks.
            let _ = terminal.answer("Type Yes to go on: ", "Yes");
            let (code, seen) = terminal.end().unwrap();
            assert!(code == 0 || code == 137, "{call} {nth}: {code} {seen}");
            kills += usize::from(code == 137);
            // It waits still, or the next one gets its number.
            match run(&mut office.seal()) {
                Ok(_) => {}
                Err(error) => assert!(error.contains("SEAL-WAITING"), "{call} {nth}: {error}"),
            }
            assert_eq!(office.check(), (0, State::Waits), "{call} {nth}");
        }
    }
    assert!(kills >= 6, "only {kills} kills");
    run(&mut office.add(1)).unwrap();
    assert_eq!(office.check(), (1, State::Nothing));
}
