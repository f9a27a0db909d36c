//! The shell scripts that hold a ceremony: sound, careful, and held to the end at two terminals on a token that stays.

use super::{EXAMPLES, Held, ceremony, examples};
use acceptance::process::{binary, command, run};
use acceptance::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Words in a row that give a paper away.
const ROW: usize = 4;
/// SoftHSM's module, as Debian places it.
pub(crate) const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A folder for records, with the tool on the path.
struct Office {
    folder: tempfile::TempDir,
    tool: PathBuf,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("tokens")).unwrap();
        let softhsm = format!("directories.tokendir = {}\n", folder.path().join("tokens").display());
        fs::write(folder.path().join("softhsm2.conf"), softhsm).unwrap();
        Self { folder, tool: binary("pouch-ceremony").unwrap() }
    }

    fn at(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn digest(&self) -> String {
        run(command("sha256sum", "TERM").arg(&self.tool)).unwrap()[..64].to_owned()
    }

    /// `ceremony.sh` of an example as one types it.
    fn line(&self, name: &str, arguments: &str) -> String {
        let path = format!("{}:{}", self.tool.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let records = self.at("records");
        format!(
            "env -u POUCH_SESSION PATH={path} {EXAMPLES}/{name}/ceremony.sh --records {} {arguments}",
            records.display()
        )
    }

    /// Exit code and what was shown.
    fn hold(&self, name: &str, arguments: &str) -> (i32, String) {
        Terminal::start(&self.line(name, arguments), &self.at("softhsm2.conf")).unwrap().end().unwrap()
    }

    fn trying(&self) -> String {
        format!("--allow-network --tool-sha256 {}", self.digest())
    }

    fn rehearse(&self, name: &str) -> String {
        let (code, seen) = self.hold(name, &format!("{} --unattended rehearse", self.trying()));
        assert_eq!(code, 0, "{seen}");
        seen
    }

    /// The one folder of records.
    fn place(&self) -> PathBuf {
        let mut places = fs::read_dir(self.at("records")).unwrap();
        let place = places.next().unwrap().unwrap().path();
        assert!(places.next().is_none());
        place
    }

    fn binding(&self, private: &str) -> PathBuf {
        let file = self.at("binding.toml");
        let text = format!("module = \"{SOFTHSM}\"\n{private}\n[token.home]\nuri = \"pkcs11:slot-id=0\"\n");
        fs::write(&file, text).unwrap();
        file
    }
}

#[test]
fn every_script_is_sound() {
    let scripts = examples().into_iter().map(|folder| folder.join("ceremony.sh"));
    run(command("shellcheck", "TERM")
        .args(["-x", "--severity", "style"])
        .arg(format!("{EXAMPLES}/lib.sh"))
        .args(scripts))
    .unwrap();
    for folder in examples() {
        run(command("dash", "TERM").args(["-n", "ceremony.sh"]).current_dir(&folder)).unwrap();
    }
}

#[test]
fn each_script_names_the_certificate_that_signs() {
    for folder in examples() {
        let script = fs::read_to_string(folder.join("ceremony.sh")).unwrap();
        let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
        let signer = script.lines().find_map(|line| line.strip_prefix("signer=")).unwrap();
        assert!(plan.contains(&format!("\nsigned_by = \"{signer}\"\n")), "{}", folder.display());
        if let Some(drill) = script.lines().find_map(|line| line.strip_prefix("drill=")) {
            assert!(folder.join(drill).is_file(), "{drill}");
        }
    }
}

#[test]
fn a_session_is_rehearsed_recorded_and_not_held_twice() {
    let office = Office::new();
    let seen = office.rehearse("yearly-rehearsal");
    assert!(seen.contains("the tool is that of the paper"), "{seen}");
    let place = office.place();
    for folder in ["drill", "rehearsal"] {
        assert!(place.join(folder).join("transcript.jsonl.sig").is_file(), "{folder}");
    }
    // The record with its timing, which can be seen again.
    let recorded = fs::read_to_string(place.join("record/session-1.log")).unwrap();
    assert!(recorded.contains(": close and sign the transcript"), "{recorded}");
    let replayed = run(command("scriptreplay", "TERM")
        .args(["--divisor", "1000", "--timing"])
        .args([place.join("record/session-1.timing"), place.join("record/session-1.log")]))
    .unwrap();
    assert!(replayed.contains(": close and sign the transcript"), "{replayed}");

    let before = fs::read(place.join("rehearsal/transcript.jsonl")).unwrap();
    let again = office.rehearse("yearly-rehearsal");
    assert_eq!(again.matches("already rehearsed: ").count(), 2, "{again}");
    assert_eq!(fs::read(place.join("rehearsal/transcript.jsonl")).unwrap(), before);
    assert!(place.join("record/session-2.log").is_file());
}

#[test]
fn a_rehearsal_that_was_interrupted_goes_on() {
    let office = Office::new();
    let line = office.line("home-signing-key", &format!("{} rehearse", office.trying()));
    let mut terminal = Terminal::start(&line, &office.at("softhsm2.conf")).unwrap();
    terminal.answer("Name of the administrator: ", "Ada").unwrap();
    terminal.wait_for("Name of the custodian 1: ").unwrap();
    // Control-C.
    terminal.press("\u{3}").unwrap();
    assert_ne!(terminal.end().unwrap().0, 0);
    assert!(!office.place().join("rehearsal/transcript.jsonl.sig").exists());

    let seen = office.rehearse("home-signing-key");
    assert!(seen.contains("=== step 10 of 10"), "{seen}");
    let transcript = fs::read_to_string(office.place().join("rehearsal/transcript.jsonl")).unwrap();
    assert_eq!(transcript.lines().filter(|line| line.contains("\"resume\"")).count(), 1);
}

#[test]
fn it_stops_before_anything_is_done() {
    let office = Office::new();
    let stops = |arguments: &str, why: &str| {
        let (code, seen) = office.hold("home-signing-key", arguments);
        assert!(code == 1 && seen.contains("stopped: ") && seen.contains(why), "{code} {seen}");
    };
    let (digest, medium) = (office.digest(), office.at("stick"));
    let paper = format!("--allow-network --tool-sha256 {}", digest.replace(&digest[..1], "x"));
    stops(&format!("{paper} --unattended rehearse"), "the tool is not that of the paper");
    stops("dance", "is no option and no verb");
    stops("run binding.toml", "name at least one MEDIUM");

    let up = fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        let flags = fs::read_to_string(path.join("flags")).unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or_default();
        !path.ends_with("lo") && flags & 1 == 1
    });
    let offline = format!("--tool-sha256 {digest} --unattended rehearse");
    if up {
        stops(&offline, "network interfaces are up: ");
    } else {
        assert_eq!(office.hold("home-signing-key", &offline).0, 0);
        fs::remove_dir_all(office.at("records")).unwrap();
    }

    let run = |private: &str| {
        let binding = office.binding(private);
        format!("{} run {} {}", office.trying(), binding.display(), medium.display())
    };
    stops(&run(""), "so shares would be recorded");
    stops(&run("private_terminal = \"/dev/tty\""), "is the terminal that is recorded");
    stops(&run("private_terminal = \"/dev/nothing\""), "is no terminal");
    stops(&run("private_terminal = \"/dev/null\""), "there is no finished rehearsal");
    assert_eq!(fs::read_dir(office.at("tokens")).unwrap().count(), 0, "no token was touched");
}

#[test]
fn a_rehearsal_of_another_plan_does_not_count() {
    let office = Office::new();
    office.rehearse("home-signing-key");
    let transcript = office.place().join("rehearsal/transcript.jsonl");
    let text = fs::read_to_string(&transcript).unwrap();
    let plan = run(command("sha256sum", "TERM").arg(Held::get("home-signing-key").example.join("plan.toml"))).unwrap();
    fs::write(&transcript, text.replacen(&plan[..64], &"0".repeat(64), 1)).unwrap();
    let binding = office.binding("private_terminal = \"/dev/null\"");
    let arguments = format!("{} run {} {}", office.trying(), binding.display(), office.folder.path().display());
    let (code, seen) = office.hold("home-signing-key", &arguments);
    assert!(code == 1 && seen.contains("does not say \"plan_sha256\""), "{code} {seen}");
}

/// A custodian at the private terminal copies the words and types them back.
fn copy_words(private: &mut Terminal, custodian: u8) -> String {
    let words = private.copy_words().unwrap().join(" ");
    private.answer(&format!("custodian {custodian}, word 1: "), &words).unwrap();
    words
}

/// Holds `home-signing-key` from the names to the end, and gives back the words of all papers.
fn people(main: &mut Terminal, private: &mut Terminal) -> Vec<String> {
    let names = [("administrator", "Ada"), ("custodian 1", "Ben"), ("custodian 2", "Cleo"), ("custodian 3", "Dan")];
    for (role, name) in names.into_iter().chain([("witness 1", "Eve")]) {
        main.answer(&format!("Name of the {role}: "), name).unwrap();
    }
    // Clock, digests, and that the token is erased.
    for _ in 0..3 {
        main.answer("Type Yes to go on: ", "Yes").unwrap();
    }
    let papers = [1, 2, 3, 1, 2, 3].map(|custodian| copy_words(private, custodian));
    // The key, and that the record is closed.
    for _ in 0..2 {
        main.answer("Type Yes to go on: ", "Yes").unwrap();
    }
    papers.into()
}

#[test]
fn a_ceremony_is_rehearsed_and_held_at_two_terminals() {
    let office = Office::new();
    let softhsm = office.at("softhsm2.conf");
    let mut private = Terminal::start("sh -c 'tty; exec sleep 600'", &softhsm).unwrap();
    private.wait_for("\n").unwrap();
    let tty = private.seen().trim().to_owned();
    let digest = office.digest();
    let (front, back) = digest.split_at(32);
    let paper = format!("{} {back}", front.to_uppercase());

    let rehearse = office.line("home-signing-key", &format!("--allow-network --private {tty} rehearse"));
    let mut main = Terminal::start(&rehearse, &softhsm).unwrap();
    main.answer("spaces do not matter: ", &paper).unwrap();
    let rehearsed = people(&mut main, &mut private);
    let (code, seen) = main.end().unwrap();
    assert_eq!(code, 0, "{seen}");

    let binding = office.binding(&format!("private_terminal = \"{tty}\""));
    let media = [office.at("stick one"), office.at("stick two")];
    media.iter().for_each(|medium| fs::create_dir(medium).unwrap());
    let [one, two] = media.each_ref().map(|medium| medium.display());
    let arguments = format!("--allow-network run {} '{one}' '{two}'", binding.display());
    let run_line = office.line("home-signing-key", &arguments);
    // The power fails while the names are taken; then all begin where they were.
    let mut main = Terminal::start(&run_line, &softhsm).unwrap();
    main.answer("spaces do not matter: ", &paper).unwrap();
    main.answer("Name of the administrator: ", "Ada").unwrap();
    main.wait_for("Name of the custodian 1: ").unwrap();
    main.press("\u{3}").unwrap();
    assert_ne!(main.end().unwrap().0, 0);
    let mut main = Terminal::start(&run_line, &softhsm).unwrap();
    main.answer("spaces do not matter: ", &paper).unwrap();
    // The record is compared with the paper of the interruption.
    main.answer("Type Yes to go on: ", "Yes").unwrap();
    let papers = people(&mut main, &mut private);
    let (code, seen) = main.end().unwrap();
    assert_eq!(code, 0, "{seen}");

    let record = office.place().join("record");
    let home = record.join("ceremony/home.pgp");
    run(ceremony().arg("verify-transcript").arg(record.join("ceremony")).arg("--certificate").arg(home)).unwrap();
    let copies = media.iter().map(|medium| medium.join(office.place().file_name().unwrap()));
    for copy in copies.chain([record]) {
        let listed = run(command("sha256sum", "TERM").args(["-c", "SHA256SUMS"]).current_dir(&copy)).unwrap();
        for file in ["ceremony/transcript.jsonl", "ceremony/home.pgp", "session-3.log", "transcript.txt", "report.html"]
        {
            assert!(listed.contains(&format!("./{file}: OK")), "{file} in\n{listed}");
        }
        assert_no_words(&copy, &papers);
        assert_no_words(&copy, &rehearsed);
    }
    let again = office.hold("home-signing-key", &format!("--tool-sha256 {digest} {arguments}"));
    assert!(again.0 == 0 && again.1.contains("already held: "), "{again:?}");
    for line in super::guide::private_lines() {
        assert!(private.seen().contains(line), "nobody sees: {line}");
    }
    private.press("\u{3}").unwrap();
    stock_tool_combines(&papers, &office);
}

/// No custodian's words lie in a file below `folder`: no four of them in a row, which no text has by chance.
fn assert_no_words(folder: &Path, papers: &[String]) {
    let files = run(command("find", "TERM").arg(folder).args(["-type", "f"])).unwrap();
    assert!(files.lines().count() > 10, "{files}");
    for file in files.lines() {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
        for paper in papers {
            let secret: Vec<&str> = paper.split(' ').collect();
            assert_eq!(secret.len(), 20, "{paper}");
            // The first three say which set and which share it is.
            let found = secret.windows(ROW).skip(3).find(|row| words.windows(ROW).any(|seen| seen == *row));
            assert!(found.is_none(), "{found:?} in {file}");
        }
    }
}

/// The PIN that another program makes of two papers opens the token.
fn stock_tool_combines(papers: &[String], office: &Office) {
    let user = &papers[3..];
    let mut recover = Terminal::start(&super::guide::shamir("recover"), &office.at("softhsm2.conf")).unwrap();
    recover.answer("Enter a recovery share: ", &user[2]).unwrap();
    recover.answer("Enter a recovery share: ", &user[0]).unwrap();
    let (code, seen) = recover.end().unwrap();
    assert_eq!(code, 0, "{seen}");
    let (_, secret) = seen.split_once("Your master secret is: ").unwrap();
    let bytes: Vec<u8> = secret
        .trim()
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let pin = String::from_utf8(bytes).unwrap();
    let mut login = Command::new("pkcs11-tool");
    login.env("SOFTHSM2_CONF", office.at("softhsm2.conf"));
    login.args(["--module", SOFTHSM, "--token-label", "home-2026", "--login", "--pin", &pin, "--list-objects"]);
    let listed = run(&mut login).unwrap();
    assert!(listed.contains("Private Key Object"), "{listed}");
}
