//! The whole way of the data over a bad link: PostgreSQL, sealed at home, lost in part and repaired, imported, restored; and
//! every row compared. Once through loss, once with the receiver killed twice and the link cut for 10 s.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use acceptance::crossing::{Crossing, Outcome};
use acceptance::place::{Keys, Place};
use acceptance::postgres::{ROLE, Server};
use acceptance::process::{binary, is_root, run};
use acceptance::sample::Registry;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// As much repair as 5 % of loss need.
const REPAIR: [&str; 2] = ["--repair", "12.5%"];

/// Home with a server that runs, an embassy, and a link between them.
struct Chain {
    server: Server,
    link: Crossing,
    place: Place,
    folder: tempfile::TempDir,
}

impl Chain {
    fn create() -> Self {
        let folder = tempfile::Builder::new().prefix("pouch-chain-").tempdir().unwrap();
        pass(folder.path());
        let place = Place::create(folder.path(), Keys::Rfc9580).unwrap();
        fs::create_dir(place.path("run")).unwrap();
        ["home", "embassy", "run"].iter().for_each(|side| pass(&place.path(side)));
        if is_root() {
            let config = place.path("embassy/import.toml");
            let text = fs::read_to_string(&config).unwrap();
            fs::write(&config, format!("{text}\n[restore]\nrun_as = \"{ROLE}\"\n")).unwrap();
        }
        let server = Server::create(&place.path("home/land"), &place.path("run/home")).unwrap();
        server.load(|out| Registry::Land.write(7, 6, out)).unwrap();
        let capture = format!("source = \"postgresql\"\nconninfo = \"{}\"", server.conninfo());
        place.add_registry("land", &capture, "rpo = \"24h\"").unwrap();
        let link = Crossing::create(&place.path("link"), &["--seed", "5", "--loss", "5%"]).unwrap();
        Self { server, link, place, folder }
    }

    /// Seals the registry as it is now.
    fn seal(&self) -> (String, PathBuf) {
        let said = json(&run(self.place.seal().unwrap().args(["--format", "json", "seal", "land"])).unwrap());
        (said["pouch"].as_str().unwrap().to_owned(), said["folder"].as_str().unwrap().into())
    }

    /// The receiver, which hands what arrives to `pouch-import`.
    fn receive(&mut self) {
        let (program, own) = (binary("pouch-import").unwrap(), self.place.path("embassy/import.toml"));
        let config = self.folder.path().join("receive.toml");
        let text = format!("[import]\nprogram = {program:?}\narguments = [\"--no-input\", \"--config\", {own:?}]\n");
        fs::write(&config, text).unwrap();
        self.link.receive(&["--then", "import", "--config", config.to_str().unwrap()]).unwrap();
    }

    /// Every table at the embassy, from a server on what was restored there.
    fn restored(&self, name: &str) -> Vec<String> {
        let text = run(self.place.import().unwrap().args(["--format", "json", "restore", "land"])).unwrap();
        let data = json(&text).pointer("/postgresql/data").and_then(Value::as_str).map(PathBuf::from).unwrap();
        let server = Server::start(&data, &self.place.path("run").join(name)).unwrap();
        let content = server.content().unwrap();
        server.stop().unwrap();
        content
    }
}

fn pass(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Bits a second at which a pouch takes so many seconds on the wire.
fn rate(folder: &Path, seconds: u64) -> (String, u64) {
    let bytes: u64 = fs::read_dir(folder).unwrap().map(|part| part.unwrap().metadata().unwrap().len()).sum();
    ((bytes * 8 * 6 / 5 / seconds).to_string(), bytes / 1408)
}

#[test]
fn a_registry_crosses_a_bad_link_and_every_row_is_there() {
    let mut chain = Chain::create();
    chain.receive();
    let (pouch, folder) = chain.seal();
    run(chain.link.send().unwrap().args(["--rate", "100M"]).args(REPAIR).arg(&folder)).unwrap();
    let arrived = chain.link.arrived(&pouch, PATIENCE).unwrap();
    let counts = chain.link.counts().unwrap();
    assert!(counts["lost"].as_u64().is_some_and(|lost| lost > 20), "{counts}");
    // The first of a registry is not admitted by itself: a person has the dispatch note.
    let asked = |report: &pouch_link::receive::report::Report| report.arrived.iter().all(|one| one.import.is_some());
    chain.link.report_of(asked, PATIENCE).unwrap();
    let digest = chain.place.digest(&pouch).unwrap();
    run(chain.place.import().unwrap().args(["import", "--first", &digest]).arg(&arrived)).unwrap();
    let content = chain.server.content().unwrap();
    assert!(content.len() >= 4);
    assert_eq!(chain.restored("first"), content);

    // More has happened at home, and the link is worse.
    chain.server.query("CREATE TABLE later AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n").unwrap();
    let (pouch, folder) = chain.seal();
    let (rate, datagrams) = rate(&folder, 9);
    let cut = format!("10s@{}", datagrams / 3);
    chain.link.impair(&["--seed", "6", "--loss", "5%", "--cut", &cut]).unwrap();
    let mut sending = chain.link.send().unwrap();
    sending.args(["--rate", &rate, "--rounds", "2"]).args(REPAIR).arg(&folder).stdout(Stdio::null());
    let mut sending = sending.spawn().unwrap();
    for pause in [1_500, 11_500] {
        std::thread::sleep(Duration::from_millis(pause));
        assert!(sending.try_wait().unwrap().is_none(), "it was sent before the receiver was killed");
        chain.link.kill_receiver();
        chain.receive();
    }
    assert!(sending.wait().unwrap().success());
    for _ in 0..4 {
        if let Outcome::Incomplete(said) = chain.link.outcome(&pouch, PATIENCE).unwrap() {
            let code = said.missing.expect("a code");
            run(chain.link.send().unwrap().args(["--rate", "100M", "--only", &code]).args(REPAIR).arg(&folder))
                .unwrap();
        }
    }
    chain.link.arrived(&pouch, PATIENCE).unwrap();
    let counts = chain.link.counts().unwrap();
    assert!(counts["cut"].as_u64().is_some_and(|cut| cut > datagrams / 2), "{counts}");
    let admitted = |report: &pouch_link::receive::report::Report| {
        report
            .arrived
            .iter()
            .any(|one| one.pouch == pouch && one.import.as_ref().is_some_and(|import| import.code == 0))
    };
    chain.link.report_of(admitted, PATIENCE).unwrap();
    let content = chain.server.content().unwrap();
    assert!(content.iter().any(|table| table.contains("later|20000|")), "{content:?}");
    assert_eq!(chain.restored("second"), content);
    assert_eq!(chain.link.frames_sent().unwrap().unwrap_or(0), 0, "a receiver is silent");
    chain.server.stop().unwrap();
}
