//! A quorum of custodians at the terminal: their shares give the PIN, in any order; whatever is wrong with a share is said at
//! once; and nothing of it shows or stays anywhere.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::place::{Keys, Place};
use acceptance::process::{binary, run};
use acceptance::terminal::{Terminal, holds};
use pouch_shares::Plan;

/// Asked first of a custodian whose number is as far as it is known.
const FIRST: &str = "custodian 1, word 1: ";
const SECOND: &str = "custodian 2 of 2, word 1: ";

/// A home and an embassy of which neither token's PIN is had from a file any more.
struct Office {
    place: Place,
}

impl Office {
    fn open(folder: &Path) -> Self {
        let place = Place::create(folder, Keys::Rfc9580).unwrap();
        let source = folder.join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("deed"), "a deed").unwrap();
        place.add_registry("land", &format!("source = \"directory\"\npath = \"{}\"", source.display()), "").unwrap();
        let office = Self { place };
        office.edit("home/seal.toml", |text| {
            without_pin_source(text).replace("certificate = \"home.pgp\"", "certificate = \"home.pgp\"\nquorum = true")
        });
        office
    }

    fn edit(&self, file: &str, change: impl Fn(&str) -> String) {
        let path = self.place.path(file);
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed);
        fs::write(path, changed).unwrap();
    }

    /// The words of three shares of the token's PIN, any two of which give it.
    fn papers(&self, side: &str) -> Vec<String> {
        papers(self.pin(side).as_bytes())
    }

    fn pin(&self, side: &str) -> String {
        fs::read_to_string(self.place.path(&format!("{side}/token/{side}.pin"))).unwrap().trim().to_owned()
    }

    fn softhsm(&self, side: &str) -> PathBuf {
        self.place.path(&format!("{side}/token/softhsm2.conf"))
    }

    fn line(&self, program: &str, config: &str, arguments: &str) -> String {
        let program = binary(program).unwrap();
        format!("{} --color never -vv --config {} {arguments}", program.display(), self.place.path(config).display())
    }

    fn seal(&self) -> Terminal {
        Terminal::start(&self.line("pouch-seal", "home/seal.toml", "seal land"), &self.softhsm("home")).unwrap()
    }

    /// What SoftHSM keeps: it writes down a wrong PIN.
    fn token(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut folders = vec![self.place.path("home/token/tokens")];
        let mut files = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        files
    }

    fn sealed(&self) -> usize {
        (1..10).filter(|number| self.place.spooled(&format!("land-00000{number}")).exists()).count()
    }
}

fn without_pin_source(text: &str) -> String {
    let uris = text.split('"').map(|part| {
        let Some((path, query)) = part.split_once('?') else { return part.to_owned() };
        let kept: Vec<&str> = query.split('&').filter(|attribute| !attribute.starts_with("pin-source")).collect();
        format!("{path}?{}", kept.join("&"))
    });
    uris.collect::<Vec<_>>().join("\"")
}

fn papers(secret: &[u8]) -> Vec<String> {
    let shares = Plan::new(2, 3).unwrap().with_exponent(0).unwrap().split(secret, b"").unwrap();
    shares.iter().map(|share| share.words().collect::<Vec<_>>().join(" ")).collect()
}

/// The words of a text, of whatever letters.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 3).map(str::to_lowercase).collect()
}

/// No word of the papers shows that would not show without them, and no PIN.
fn assert_silent(seen: &str, without: &str, papers: &[String], pin: &str) {
    let secret = words(&papers.join(" "));
    let innocent = words(without);
    let shown: Vec<_> =
        words(seen).into_iter().filter(|word| secret.contains(word) && !innocent.contains(word)).collect();
    assert!(shown.is_empty(), "{shown:?} in {seen}");
    assert!(!seen.contains(pin), "the PIN was shown");
}

#[test]
fn two_of_three_seal_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let papers = office.papers("home");
    for (turn, (first, second)) in [(0, 1), (2, 0), (1, 2)].into_iter().enumerate() {
        let mut terminal = office.seal();
        terminal.answer(FIRST, &papers[first]).unwrap();
        terminal.answer(SECOND, &papers[second].to_uppercase()).unwrap();
        let (code, seen) = terminal.end().unwrap();
        assert_eq!(code, 0, "{seen}");
        assert_eq!(office.sealed(), turn + 1, "{seen}");
        assert!(seen.contains("1 more to go") && seen.contains("That is enough"), "{seen}");
    }
}

#[test]
fn what_is_wrong_with_a_share_is_said_and_can_be_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let papers = office.papers("home");
    let stranger = self::papers(b"the PIN of another token");
    let words: Vec<&str> = papers[0].split(' ').collect();

    let mut terminal = office.seal();
    // Seven words, then one that is none, which costs itself alone.
    terminal.answer(FIRST, &words[..7].join(" ")).unwrap();
    terminal.answer("7 words are there; go on.\r\ncustodian 1, word 8: ", "academicc").unwrap();
    terminal.wait_for("Word 8 is not in the word list.").unwrap();
    // A wrong word of the list, corrected by its number.
    let wrong = if words[7] == "acid" { "academic" } else { "acid" };
    terminal.answer("custodian 1, word 8: ", &format!("{wrong} {}", words[8..].join(" "))).unwrap();
    terminal.wait_for("27 words are there. If the share has more, go on.").unwrap();
    terminal.answer("custodian 1, word 28: ", &format!("8 {}", words[7])).unwrap();
    // The same paper again, and one of another set.
    terminal.answer(SECOND, &papers[0]).unwrap();
    terminal.wait_for("Not taken: share 1 of group 1 was given before; give another one.").unwrap();
    terminal.answer(SECOND, &stranger[1]).unwrap();
    terminal.wait_for("Not taken: this share is of set ").unwrap();
    terminal.answer(SECOND, &papers[2]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert_eq!((code, office.sealed()), (0, 1), "{seen}");
}

#[test]
fn giving_up_tries_nothing_at_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let papers = office.papers("home");
    let before = office.token();
    for (typed, key) in [(0, "\n"), (0, "\x04"), (1, "\n"), (1, "\x04"), (1, "\x03")] {
        let mut terminal = office.seal();
        if typed == 1 {
            terminal.answer(FIRST, &papers[1]).unwrap();
        }
        terminal.wait_for(if typed == 1 { SECOND } else { FIRST }).unwrap();
        terminal.press(key).unwrap();
        let (code, seen) = terminal.end().unwrap();
        assert!(
            code == 77 && seen.contains("error[HSM-NO-PIN]") && seen.contains("nothing was tried"),
            "{code} {seen}"
        );
    }
    assert_eq!((office.token() == before, office.sealed()), (true, 0));

    // What belongs together but is no PIN is not tried either.
    let mut terminal = office.seal();
    let no_text = self::papers(&[0xff; 24]);
    terminal.answer(FIRST, &no_text[0]).unwrap();
    terminal.answer(SECOND, &no_text[1]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 77 && seen.contains("error[QUORUM-PIN]"), "{code} {seen}");
    assert!(office.token() == before, "something was tried");

    // The PIN of another token is tried, once; so the comparison above means something.
    let mut terminal = office.seal();
    let other = self::papers(b"the PIN of another token");
    terminal.answer(FIRST, &other[0]).unwrap();
    terminal.answer(SECOND, &other[1]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 77 && seen.contains("error[HSM-PIN"), "{code} {seen}");
    assert!(office.token() != before && office.sealed() == 0, "{seen}");

    // The next ones are told, and the right PIN still does.
    let mut terminal = office.seal();
    terminal.wait_for("A wrong PIN was entered at this token since the last login").unwrap();
    terminal.answer(FIRST, &papers[0]).unwrap();
    terminal.answer(SECOND, &papers[1]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert_eq!((code, office.sealed()), (0, 1), "{seen}");
}

/// Up to the last line of the second custodian, which comes back too.
fn almost_sealed(office: &Office, papers: &[String]) -> (Terminal, String) {
    let mut terminal = office.seal();
    terminal.answer(FIRST, &papers[0]).unwrap();
    let words: Vec<&str> = papers[1].split(' ').collect();
    terminal.answer(SECOND, &words[..20].join(" ")).unwrap();
    terminal.wait_for("custodian 2 of 2, word 21: ").unwrap();
    (terminal, words[20..].join(" "))
}

/// All that was shown, and what of it comes before the report, which has words of its own: those of a digest.
fn dialog(mut terminal: Terminal, rest: &str) -> (String, String) {
    terminal.press(&format!("{rest}\n")).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert_eq!(code, 0, "{seen}");
    let dialog = seen.split("sealed land-").next().unwrap().to_owned();
    (seen, dialog)
}

#[test]
fn nothing_shows_or_stays() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let pin = office.pin("home");
    // The same words of the program, with other shares.
    let (terminal, rest) = almost_sealed(&office, &office.papers("home"));
    let (_, without) = dialog(terminal, &rest);

    let papers = office.papers("home");
    let (terminal, rest) = almost_sealed(&office, &papers);
    let process = terminal.process().unwrap();
    let said = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // The process does not let its own user look.
            Err(error) if file == "environ" && error.kind() == std::io::ErrorKind::PermissionDenied => String::new(),
            Err(error) => panic!("{path}: {error}"),
        }
    };
    let (arguments, environment) = (said("cmdline"), said("environ"));
    assert!(arguments.contains("pouch-seal"), "{arguments}");
    let (seen, dialog) = dialog(terminal, &rest);
    assert!(!seen.contains(&pin), "the PIN was shown");
    let mine: String = std::env::vars_os().map(|(name, value)| format!("{name:?}={value:?}\n")).collect();
    for text in [&dialog, &arguments, &environment] {
        assert_silent(text, &format!("{without}\n{mine}\n{arguments}"), &papers, &pin);
    }
    // Each custodian leaves an empty screen.
    assert_eq!(seen.matches("\x1b[H\x1b[2J\x1b[3J").count(), 2, "{seen}");
    for file in ["home/state/land.json", "home/spool/.ledger-land.json", "home/spool/land-000001/manifest.json"] {
        assert!(!fs::read_to_string(office.place.path(file)).unwrap().contains(&pin));
    }
}

#[test]
fn no_secret_is_left_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let papers = office.papers("home");
    let line =
        Terminal::drawn_out(&office.line("pouch-seal", "home/seal.toml", "seal land"), &folder.path().join("trace"));
    let mut terminal = Terminal::start(&line, &office.softhsm("home")).unwrap();
    terminal.answer(FIRST, &papers[0]).unwrap();
    terminal.answer(SECOND, &papers[1]).unwrap();
    terminal.wait_for("it is in ").unwrap();
    terminal.wait_for("land-000001\r\n").unwrap();
    let memory = terminal.memory().unwrap();
    assert_eq!(terminal.end().unwrap().0, 0);
    let Some(memory) = memory else { return };
    assert!(holds(&memory, b"spool"), "this is other memory");
    assert!(!holds(&memory, office.pin("home").as_bytes()), "the PIN");
    for paper in &papers {
        let words: Vec<&str> = paper.split(' ').collect();
        assert!(!holds(&memory, words[4..6].join(" ").as_bytes()), "two words of a share");
    }
}

#[test]
fn the_embassy_opens_with_a_quorum() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let papers = office.papers("home");
    let mut terminal = office.seal();
    terminal.answer(FIRST, &papers[0]).unwrap();
    terminal.answer(SECOND, &papers[1]).unwrap();
    assert_eq!(terminal.end().unwrap().0, 0);
    let digest = office.place.digest("land-000001").unwrap();
    let pouch = office.place.spooled("land-000001");
    run(office.place.import().unwrap().args(["import", "--first", &digest]).arg(&pouch)).unwrap();

    // A PIN in a file beside the quorum is refused, by flag and by configuration.
    let error = run(office.place.import().unwrap().args(["unpack", "land", "--quorum"])).unwrap_err();
    assert!(error.contains("exit status: 64") && error.contains("error[QUORUM-PIN-SOURCE]"), "{error}");
    office.edit("embassy/import.toml", |text| text.replace("trust =", "quorum = true\ntrust ="));
    let error = run(office.place.import().unwrap().args(["unpack", "land"])).unwrap_err();
    assert!(error.contains("exit status: 78") && error.contains("error[QUORUM-PIN-SOURCE]"), "{error}");
    office.edit("embassy/import.toml", without_pin_source);

    let said = run(office.place.import().unwrap().args(["unpack", "land", "--dry-run"])).unwrap();
    assert!(said.contains("a quorum of custodians will be asked"), "{said}");
    let error = run(office.place.import().unwrap().args(["unpack", "land"])).unwrap_err();
    assert!(error.contains("exit status: 64") && error.contains("error[QUORUM-TERMINAL]"), "{error}");

    let papers = office.papers("embassy");
    let unpack = office.line("pouch-import", "embassy/import.toml", "unpack land");
    let mut terminal = Terminal::start(&unpack, &office.softhsm("embassy")).unwrap();
    terminal.answer(FIRST, &papers[2]).unwrap();
    terminal.answer(SECOND, &papers[0]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert!(code == 0 && !seen.contains(&office.pin("embassy")), "{seen}");
    let tree = office.place.path("embassy/root/unpacked/land/current/deed");
    assert_eq!(fs::read_to_string(tree).unwrap(), "a deed");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path());
    let before = office.token();
    let said = run(office.place.seal().unwrap().args(["seal", "land", "--dry-run"])).unwrap();
    assert!(said.contains("a quorum of custodians will be asked"), "{said}");
    // A session of its own has no terminal.
    let mut alone = Command::new("setsid");
    alone.args(["--wait", "sh", "-c", &office.line("pouch-seal", "home/seal.toml", "seal land")]);
    let error = run(alone.env("SOFTHSM2_CONF", office.softhsm("home"))).unwrap_err();
    assert!(error.contains("exit status: 69") && error.contains("error[QUORUM-TERMINAL]"), "{error}");
    assert!(office.token() == before && office.sealed() == 0);
}

#[test]
fn a_further_officer_signs_by_quorum() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
    place.add_officer("tamm").unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
    place.add_registry("land", &capture, "cosigners = [\"tamm.pgp\"]").unwrap();
    let office = Office { place };
    office.edit("home/seal.toml", |text| {
        let (home, officer) = text.split_once("[cosigner.tamm]\n").unwrap();
        format!("{home}[cosigner.tamm]\nquorum = true\n{}", without_pin_source(officer))
    });
    run(office.place.seal().unwrap().args(["seal", "land"])).unwrap();

    let papers = office.papers("tamm");
    let line = office.line("pouch-seal", "home/seal.toml", "cosign land-000001 --as tamm");
    let mut terminal = Terminal::start(&line, &office.softhsm("tamm")).unwrap();
    terminal.answer("Type Yes to go on: ", "Yes").unwrap();
    terminal.answer(FIRST, &papers[1]).unwrap();
    terminal.answer(SECOND, &papers[0]).unwrap();
    let (code, seen) = terminal.end().unwrap();
    assert_eq!((code, office.sealed()), (0, 1), "{seen}");
    run(office.place.import().unwrap().arg("verify").arg(office.place.spooled("land-000001"))).unwrap();
}
