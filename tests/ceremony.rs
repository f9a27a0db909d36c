//! A whole ceremony at a terminal, on a token that is not thrown away: wrong answers are refused or repeated, the custodians'
//! words go over a terminal of their own, and no secret stays anywhere.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::process::binary;
use acceptance::terminal::{Terminal, holds};
use pouch_softtoken::inside;

const PLAN: &str = include_str!("../hsm-integration/ceremonies/home-signing-key/plan.toml");
const YES: &str = "Type Yes to go on: ";

/// The room: a folder with plan, binding and tokens, and two terminals.
struct Room {
    folder: PathBuf,
    softhsm: PathBuf,
    private: Terminal,
    private_path: PathBuf,
    /// Every share that was shown, as it was shown.
    papers: Vec<Vec<String>>,
}

impl Room {
    fn prepare(folder: &Path) -> Self {
        let softhsm = inside::prepare(&folder.join("softhsm")).unwrap();
        let name = folder.join("tty");
        let line = format!("sh -c 'tty > {}; exec sleep 600'", name.display());
        let private = Terminal::start(&line, &softhsm).unwrap();
        let mut path = String::new();
        while !path.ends_with('\n') {
            std::thread::sleep(std::time::Duration::from_millis(10));
            path = fs::read_to_string(&name).unwrap_or_default();
        }
        let private_path = PathBuf::from(path.trim());
        fs::write(folder.join("plan.toml"), PLAN).unwrap();
        let binding = format!(
            "private_terminal = \"{}\"\n[token.home]\nuri = \"pkcs11:?module-name=softhsm2\"\n",
            private_path.display()
        );
        fs::write(folder.join("binding.toml"), binding).unwrap();
        Self { folder: folder.to_owned(), softhsm, private, private_path, papers: Vec::new() }
    }

    /// Starts or resumes the ceremony; its end is drawn out, so that its memory can be looked at.
    fn begin(&self) -> Terminal {
        let line = format!(
            "{} --color never -vv run {} --binding {} --output {} 2>>{}",
            binary("pouch-ceremony").unwrap().display(),
            self.folder.join("plan.toml").display(),
            self.folder.join("binding.toml").display(),
            self.record().display(),
            self.folder.join("log").display(),
        );
        Terminal::start(&Terminal::drawn_out(&line, &self.folder.join("strace")), &self.softhsm).unwrap()
    }

    fn record(&self) -> PathBuf {
        self.folder.join("record")
    }

    /// A custodian copies the words.
    fn copy(&mut self) -> Vec<String> {
        let words = self.private.copy_words().unwrap();
        assert_eq!(words.len(), 20, "{}", self.private.seen());
        self.papers.push(words.clone());
        words
    }

    fn type_words(&mut self, custodian: u8, words: &[String]) {
        self.private.answer(&format!("custodian {custodian}, word 1: "), &words.join(" ")).unwrap();
    }
}

#[test]
fn from_an_empty_token_to_a_signed_transcript() {
    let folder = tempfile::tempdir().unwrap();
    let mut room = Room::prepare(folder.path());
    let mut terminal = room.begin();
    let names = |terminal: &mut Terminal, names: &[&str]| {
        let roles = ["administrator", "custodian 1", "custodian 2", "custodian 3", "witness 1"];
        for (role, name) in roles.iter().zip(names) {
            terminal.answer(&format!("Name of the {role}: "), name).unwrap();
        }
    };
    // One person cannot be two.
    names(&mut terminal, &["Aino", "Bert", "Bert"]);
    terminal.answer("later steps need this one: ", "again").unwrap();
    names(&mut terminal, &["Aino", "Bert", "Carla", "Dora", "Emil"]);
    terminal.answer(YES, "yes").unwrap();
    terminal.answer("later steps need this one: ", "skip").unwrap();
    terminal.answer("later steps need this one: ", "again").unwrap();
    terminal.answer(YES, "Yes").unwrap();
    terminal.answer(YES, "Yes").unwrap();

    // Interrupted before anything was done to the token: the ceremony goes on where it was.
    terminal.wait_for(YES).unwrap();
    terminal.press("\u{4}").unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert_eq!(code, 75, "{seen}");
    let log = fs::read_to_string(room.folder.join("log")).unwrap();
    assert!(log.contains("note down: lines"), "{log}");
    let digest = log.split("digest of the last one: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let mut terminal = room.begin();
    terminal.answer(YES, "Yes").unwrap();
    assert!(terminal.seen().contains(&digest), "the record is compared with the paper");
    terminal.answer(YES, "Yes").unwrap();

    // Six papers; the first custodian types a word wrongly, the second the words of somebody else.
    for paper in 0..6u8 {
        let custodian = paper % 3 + 1;
        let words = room.copy();
        if paper == 0 {
            let mut wrong = words.clone();
            wrong.swap(4, 5);
            if wrong == words {
                wrong[4] = "academic".into();
            }
            room.type_words(custodian, &wrong);
            room.private.wait_for("correct it.\r\n").unwrap();
            room.private.press("").unwrap();
            let correction = format!("5 {} {}", words[4], words[5]);
            room.private.answer(", word 21: ", &correction).unwrap();
            continue;
        }
        if paper == 1 {
            let other = room.papers[0].clone();
            room.type_words(custodian, &other);
        }
        room.type_words(custodian, &words);
    }

    // The key, and the end.
    terminal.answer(YES, "Yes").unwrap();
    terminal.answer("is closed and signed with home.\r\nType Yes to go on: ", "Yes").unwrap();
    terminal.wait_for("the ceremony is held; its record is in").unwrap();
    let memory = terminal.memory().unwrap();
    assert!(memory.as_ref().is_none_or(|memory| holds(memory, b"Home signing key")), "this is other memory");
    let (code, seen) = terminal.end().unwrap();
    assert_eq!(code, 0, "{seen}");

    verify(&room);
    no_trace(&room, &seen, memory.as_deref());
}

fn verify(room: &Room) {
    let mut verify = Command::new(binary("pouch-ceremony").unwrap());
    verify.arg("verify-transcript").arg(room.record()).arg("--certificate").arg(room.record().join("home.pgp"));
    let output = verify.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // Two attempts failed, and are on the record.
    assert_eq!(output.status.code(), Some(3), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("finding: 2 attempts failed"), "{said}");
    let transcript = fs::read_to_string(room.record().join("transcript.jsonl")).unwrap();
    for needed in ["\"event\":\"resume\"", "\"answer\":\"(another answer)\"", "Carla"] {
        assert!(transcript.contains(needed), "{needed}");
    }
}

/// Neither the PINs nor the words are in what was shown to all, in the log, in the record, in the token's files, in the
/// arguments or in memory.
fn no_trace(room: &Room, seen: &str, memory: Option<&[u8]>) {
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    for set in [&room.papers[..3], &room.papers[3..]] {
        let mut collector = pouch_shares::Collector::default();
        set[..2].iter().for_each(|paper| {
            collector.add(pouch_shares::Share::parse(&paper.join(" ")).unwrap()).unwrap();
        });
        let pin = collector.secret(b"").unwrap();
        secrets.push(pouch_shares::secrecy::ExposeSecret::expose_secret(&pin).to_vec());
    }
    for paper in &room.papers {
        // Two words in a row: one alone is in the list of words.
        let end = &paper[paper.len() - 6..];
        secrets.push(end[..2].join(" ").into_bytes());
        secrets.push(format!("{:16}{}", end[0], end[1]).into_bytes());
    }
    let mut places = vec![("the terminal".to_owned(), seen.as_bytes().to_vec())];
    let mut folders = vec![room.folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => places.push((path.display().to_string(), fs::read(&path).unwrap())),
            }
        }
    }
    places.extend(memory.map(|memory| ("memory".to_owned(), memory.to_vec())));
    for (place, bytes) in &places {
        for secret in &secrets {
            assert!(!holds(bytes, secret), "{:?} is in {place}", String::from_utf8_lossy(secret));
        }
    }
    assert!(places.len() > 10);
    assert!(room.private_path.starts_with("/dev/pts"));
}
