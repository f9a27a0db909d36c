//! GUIDE.md tells the truth: its commands run, its excerpts are what is seen, and it knows every failure by name.

use super::{EXAMPLES, Held, TOOLS, ceremony, plain};
use acceptance::process::{binary, command, run};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const GUIDE: &str = include_str!("../../hsm-integration/ceremonies/GUIDE.md");
/// Where failures get their names.
const SOURCES: [&str; 2] = ["hsm-integration/ceremony/src", "hsm-integration/pkcs11/src"];

/// The command line of the reference implementation of SLIP-0039, as a line of the shell.
pub(crate) fn shamir(arguments: &str) -> String {
    format!("env PYTHONPATH={TOOLS}/python LC_ALL=C.UTF-8 python3 {TOOLS}/python/bin/shamir {arguments}")
}

/// The blocks of one language: the line above each, and its lines.
fn blocks(language: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let lines: Vec<&str> = GUIDE.lines().map(str::trim).collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| **line == format!("```{language}"));
    let block = |at: usize| {
        let body = lines[at + 1..].iter().take_while(|line| **line != "```").copied().collect();
        (lines[at - 1], body)
    };
    let blocks: Vec<_> = starts.map(|(at, _)| block(at)).collect();
    assert!(!blocks.is_empty(), "no block {language}");
    blocks
}

/// What the guide shows of the private terminal.
pub(crate) fn private_lines() -> Vec<&'static str> {
    blocks("private").into_iter().flat_map(|(_, lines)| lines).collect()
}

/// A place where one can do what the guide says: the examples, programs on the path, a medium.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        run(command("cp", "TERM").arg("-r").arg(EXAMPLES).arg(desk.at("ceremonies"))).unwrap();
        for folder in ["bin", "gnupg", "media"] {
            fs::create_dir(desk.at(folder)).unwrap();
        }
        fs::set_permissions(desk.at("gnupg"), fs::Permissions::from_mode(0o700)).unwrap();
        let wrapper = desk.at("bin/shamir");
        fs::write(&wrapper, format!("#!/bin/sh\nexec {}\n", shamir("\"$@\""))).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        desk
    }

    fn at(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// One line, as typed, with what is typed after it.
    fn line(&self, line: &str, typed: &str) -> String {
        let tools = binary("pouch-ceremony").unwrap().parent().unwrap().display().to_string();
        let path = format!("{}:{tools}:{TOOLS}/bin:{}", self.at("bin").display(), std::env::var("PATH").unwrap());
        let mut shell = command("sh", "TERM");
        shell.env("PATH", path).env("GNUPGHOME", self.at("gnupg")).env_remove("POUCH_SESSION");
        shell
            .current_dir(self.at("ceremonies"))
            .args(["-euc", &line.replace("/media", &self.at("media").display().to_string())]);
        let mut process = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        input.write_all(typed.as_bytes()).unwrap();
        drop(input);
        let output = process.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let judges = ["pouch-ceremony verify-transcript", "pouch-ceremony report"].map(|verb| line.starts_with(verb));
        let findings = judges.contains(&true) && output.status.code() == Some(3);
        assert!(output.status.success() || findings, "{line}: {}\n{said}", output.status);
        said
    }

    /// A medium as a ceremony leaves it.
    fn medium(&self) {
        let script = "for place in records/home-signing-key-*; do cp -R $place /media/stick-1/; done; \
            cd /media/stick-1/home-signing-key-* && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS";
        fs::create_dir(self.at("media/stick-1")).unwrap();
        self.line(script, "");
    }

    fn papers(&self) -> String {
        let script = "cat records/home-signing-key-*/rehearsal/papers/custodian-[13].user-PIN-of-token-home.txt";
        self.line(script, "")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // gpg leaves an agent behind.
        let _ = run(command("gpgconf", "TERM").env("GNUPGHOME", self.at("gnupg")).args(["--kill", "all"]));
    }
}

#[test]
fn every_command_runs() {
    let desk = Desk::new();
    let (mut secret, mut held) = (String::new(), 0);
    for (mark, lines) in blocks("sh") {
        for line in lines {
            match mark {
                // Needs people: script.rs rehearses and holds it.
                "<!-- at two terminals -->" => held += 1,
                "<!-- typed: papers -->" => {
                    let said = desk.line(line, &desk.papers());
                    let (_, found) = said.split_once("Your master secret is: ").unwrap();
                    found.lines().next().unwrap().clone_into(&mut secret);
                }
                "<!-- typed: secret -->" => {
                    let pin = desk.line(line, &format!("{secret}\n"));
                    let pin = pin.trim();
                    assert!(pin.len() == 16 && pin.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{pin}");
                }
                _ => {
                    if line.contains("/media/stick-1") {
                        desk.medium();
                    }
                    desk.line(line, "");
                }
            }
        }
    }
    assert_eq!((secret.len(), held), (32, 2));
}

/// What two rehearsals show on the first terminal, without what differs.
fn shown() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = BTreeSet::new();
    for name in ["home-signing-key", "rollover"] {
        let plan = Held::get(name).example.join("plan.toml");
        let mut rehearse = ceremony();
        rehearse.arg("rehearse").arg(plan).arg("--output").arg(folder.path().join(name)).arg("--unattended");
        let output = rehearse.output().unwrap();
        assert!(output.status.success());
        shown.extend(
            plain::plain(&String::from_utf8(output.stderr).unwrap()).lines().map(|line| line.trim().to_owned()),
        );
    }
    shown
}

#[test]
fn every_excerpt_is_what_is_seen() {
    let shown = shown();
    for (_, lines) in blocks("text") {
        for line in lines {
            let line = plain::plain(line);
            assert!(shown.contains(line.trim()), "nobody sees: {line}");
        }
    }
}

/// The ids of failures in the sources below `folder`.
fn ids(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            ids(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"');
            found.extend(quoted.filter(|word| is_id(word)).map(str::to_owned));
        }
    }
}

fn is_id(word: &str) -> bool {
    let named = word.strip_prefix("CEREMONY-").or_else(|| word.strip_prefix("HSM-PIN-"));
    named.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'))
}

#[test]
fn it_has_a_remedy_for_every_failure_and_for_no_other() {
    let mut named = BTreeSet::new();
    for source in SOURCES {
        ids(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source), &mut named);
    }
    assert!(named.len() > 30, "{named:?}");
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let rows: Vec<_> = rows.filter(|(id, _)| is_id(id)).collect();
    for (id, rest) in &rows {
        let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
        assert!(cells.len() == 3 && cells[0].len() > 10 && cells[1].len() > 5, "{id}: {cells:?}");
    }
    let explained: BTreeSet<String> = rows.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(explained.len(), rows.len(), "a name stands in two rows");
    assert_eq!(named.difference(&explained).collect::<Vec<_>>(), [""; 0], "not in the guide");
    assert_eq!(explained.difference(&named).collect::<Vec<_>>(), [""; 0], "not in the code");
}

#[test]
fn it_knows_every_folder() {
    for example in super::examples() {
        let row = format!("\n| `{}` |", example.file_name().unwrap().to_str().unwrap());
        assert!(GUIDE.contains(&row), "no row {row}");
    }
}
