//! The ceremony, in a process that has a token behind the faulty module to itself.

use crate::faulty::Faulty;
use openpgp_pkcs11::Deadlines;
use openpgp_pkcs11::secrecy::SecretString;
use pouch_ceremony::binding::Binding;
use pouch_ceremony::ceremony::{Ceremony, Occasion};
use pouch_ceremony::dialog::{Dialog, given_up};
use pouch_ceremony::engine;
use pouch_ceremony::people::Role;
use pouch_ceremony::plan::Plan;
use pouch_ceremony::transcript::Mode;
use pouch_ceremony::unattended::TYPED_PIN;
use pouch_console::Failure;
use pouch_platform::Dir;
use pouch_shares::Share;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

/// The calls of the ceremony, without those of the judge.
pub(crate) const CALLED: &str = "called";
/// How the ceremony ended: `done`, or the id of a failure.
const ENDED: &str = "ended";

const PLAN: &str = r#"
version = 1
title = "A ceremony on a token that fails"
purpose = "Everything that a ceremony makes"
profile = "rfc9580"
people = { custodians = 0, threshold = 0, witnesses = 0 }
transcript = { signed_by = "home" }
token.home = { state = "empty", label = "home", user_pin = "typed", so_pin = "typed" }
key.seal = { token = "home", algorithm = "ed25519", label = "seal", id = "01" }
key.open = { token = "home", algorithm = "x25519", label = "open", id = "02" }
certificate.home = { user_id = "Home", primary = "seal", encryption = ["open"], valid_days = 365 }
trust = { embassy = ["home"], registry.land = { signers = ["home"], threshold = 1 } }
"#;

/// Where a case has its things.
pub(crate) struct Place {
    folder: PathBuf,
    pub(crate) faulty: Faulty,
}

impl Place {
    pub(crate) fn record(&self) -> PathBuf {
        self.folder.join("record")
    }

    pub(crate) fn ended(&self) -> String {
        fs::read_to_string(self.folder.join(ENDED)).unwrap()
    }
}

/// Does what the parent says: `hold ANSWER PATIENCE` or `judge`, the folder of the case, the folder of the module.
pub(crate) fn act(act: &str) {
    let mut lines = act.lines();
    let (what, folder, built) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap());
    let place = Place { folder: folder.into(), faulty: Faulty::at(Path::new(folder), Path::new(built)) };
    match what.split(' ').collect::<Vec<_>>().as_slice() {
        ["hold", answer, patience] => begin(place, (*answer).to_owned(), *patience == "short"),
        ["judge"] => crate::judge::judge(place),
        other => panic!("{other:?}"),
    }
}

fn begin(place: Place, answer: String, short: bool) {
    fs::write(place.folder.join("plan.toml"), PLAN).unwrap();
    let binding = format!("token.home.uri = \"pkcs11:?module-path={}\"\n", place.faulty.module.display());
    fs::write(place.folder.join("binding.toml"), binding).unwrap();
    let folder = place.folder.clone();
    let before = threads();
    let (sender, ended) = sync_channel(1);
    let holder = thread::spawn(move || {
        sender.send(hold(&place, &answer, short).map_or_else(|failure| failure.id, |()| "done".to_owned()))
    });
    let ended = ended.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{:?}", wait(holder)));
    fs::copy(folder.join("log"), folder.join(CALLED)).unwrap();
    fs::write(folder.join(ENDED), ended).unwrap();
    // The calls that were given up come back now, in the middle of a module that the end of the process takes apart.
    Faulty::at(&folder, &folder).order("");
    let begun = Instant::now();
    while threads() > before && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn wait<T>(holder: thread::JoinHandle<T>) -> &'static str {
    if holder.is_finished() { holder.join().map_or("it broke", |_| "it ended") } else { "it still waits" }
}

/// Begins the ceremony, or goes on with it.
pub(crate) fn hold(place: &Place, answer: &str, short: bool) -> Result<(), Failure> {
    let reviewed = Plan::load(&place.folder.join("plan.toml")).unwrap();
    let (binding, binding_digest) = Binding::load(&place.folder.join("binding.toml"), &reviewed.plan).unwrap();
    let limit = Duration::from_millis(300);
    let short = short.then_some(Deadlines { answer: limit, person: limit, making: limit });
    let (mode, deadlines) = (Mode::Rehearsal, short.unwrap_or_default());
    let occasion = Occasion { reviewed, binding, binding_digest, mode, deadlines, last_try: false };
    let mut people = People { faulty: &place.faulty, answer: Some(answer) };
    let dir = Dir::open_private(place.record()).unwrap();
    engine::hold(&mut Ceremony::open(dir, occasion, &mut people)?)
}

/// Everybody in the room. What they do about the first failure is `answer`; by then the token is sound again, unless they say
/// "again" without looking after it (`stubborn`). The second failure is the last.
struct People<'a> {
    faulty: &'a Faulty,
    answer: Option<&'a str>,
}

impl Dialog for People<'_> {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        assert!(!text.contains(TYPED_PIN), "{text}");
        println!("{text}");
        Ok(())
    }

    fn ask(&mut self, _: Role, question: &str, example: &str) -> Result<String, Failure> {
        assert!(!question.contains(TYPED_PIN), "{question}");
        if !question.starts_with("The step failed.") {
            return Ok(example.to_owned());
        }
        let answer = self.answer.take().unwrap_or("close");
        if answer == "stubborn" {
            return Ok("again".to_owned());
        }
        self.faulty.order("");
        Ok(answer.to_owned())
    }

    fn ask_pin(&mut self, _: Role, _: &str) -> Result<SecretString, Failure> {
        Ok(SecretString::from(TYPED_PIN))
    }

    fn show_share(&mut self, _: Role, _: &str, _: &Share) -> Result<(), Failure> {
        Err(given_up())
    }

    fn ask_share(&mut self, _: Role, _: &str) -> Result<Share, Failure> {
        Err(given_up())
    }
}
