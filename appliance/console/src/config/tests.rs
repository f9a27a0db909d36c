use super::*;
use crate::{Exit, Explain as _};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Seal {
    spool: PathBuf,
    #[serde(default)]
    workers: Option<u16>,
    #[serde(default = "level")]
    level: i32,
    #[serde(default)]
    recipients: Vec<String>,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    registry: BTreeMap<String, Registry>,
}

#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Profile {
    #[default]
    Rfc9580,
    Rfc4880,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    rpo_hours: u32,
    #[serde(default)]
    token: Option<toml::value::Datetime>,
}

fn level() -> i32 {
    1
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Files { folder }
    }

    fn load(&self) -> Result<Config<Seal>, ConfigError> {
        load(Some(&self.folder.path().join("seal.toml")), Path::new("/nonexistent"))
    }

    fn message(&self) -> (String, Option<String>) {
        let failure = self.load().unwrap_err().explain();
        assert_eq!(failure.exit, Exit::Config);
        let folder = format!("{}/", self.folder.path().display());
        (format!("{} {}", failure.id, failure.message.replace(&folder, "")), failure.hint)
    }
}

#[test]
fn a_later_file_wins_key_by_key_and_arrays_are_replaced() {
    let files = Files::new(&[
        (
            "seal.toml",
            "spool = \"/a\"\nrecipients = [\"x\", \"y\"]\n[registry.land]\nrpo-hours = 24\ntoken = 2031-01-01\n",
        ),
        ("seal.toml.d/20-b.toml", "spool = '/c'\n"),
        ("seal.toml.d/10-a.toml", "spool = '/b'\nrecipients = ['z']\n[registry]\nland.rpo-hours = 12\n"),
        ("seal.toml.d/.hidden.toml", "nonsense"),
        ("seal.toml.d/readme", "nonsense"),
    ]);
    let config = files.load().unwrap();
    assert_eq!(config.values.spool, Path::new("/c"));
    assert_eq!(config.values.recipients, ["z"]);
    assert_eq!(config.values.registry["land"].rpo_hours, 12);
    assert_eq!(config.values.registry["land"].token.unwrap().to_string(), "2031-01-01");
    let shown = render(&config.show().unwrap(), true).replace(&format!("{}/", files.folder.path().display()), "");
    assert_eq!(
        shown,
        "level = 1  # default\n\
         profile = \"rfc9580\"  # default\n\
         recipients = [\"z\"]  # seal.toml.d/10-a.toml:2\n\
         registry.land.rpo-hours = 12  # seal.toml.d/10-a.toml:4\n\
         registry.land.token = 2031-01-01  # seal.toml:5\n\
         spool = \"/c\"  # seal.toml.d/20-b.toml:1\n"
    );
    assert!(render(&config.show().unwrap(), false).starts_with("level = 1\nprofile"));
}

#[test]
fn an_unknown_key_names_file_line_and_the_nearest_known_key() {
    let files = Files::new(&[("seal.toml", "spool = '/a'\n\n# x\nlevle = 3\n")]);
    assert_eq!(
        files.message(),
        ("CONFIG-KEY unknown key \"levle\" in seal.toml:4".into(), Some("did you mean \"level\"?".into()))
    );
    let files = Files::new(&[
        ("seal.toml", "spool = '/a'\n"),
        ("seal.toml.d/1.toml", "[registry.\"land ä\"]\nrpo-hours = 1\nsomething-else = 3\n"),
    ]);
    assert_eq!(
        files.message(),
        (
            "CONFIG-KEY unknown key \"registry.\"land ä\".something-else\" in seal.toml.d/1.toml:3".into(),
            Some("known here: rpo-hours, token".into())
        )
    );
}

#[test]
fn what_is_missing_wrong_or_unreadable_says_where() {
    let message = |text| Files::new(&[("seal.toml", text)]).message().0;
    assert_eq!(message("level = 3\n"), "CONFIG-MISSING key \"spool\" is missing in seal.toml");
    assert_eq!(
        message("spool='/a'\n[registry.land]\n"),
        "CONFIG-MISSING key \"registry.land.rpo-hours\" is missing in seal.toml"
    );
    assert_eq!(
        message("spool='/a'\nworkers = 70000\n"),
        "CONFIG-VALUE key \"workers\" in seal.toml:2: invalid value: integer `70000`, expected u16"
    );
    assert_eq!(
        message("spool='/a'\nrecipients = [\n'a',\n7]\n"),
        "CONFIG-VALUE key \"recipients\" in seal.toml:4: invalid type: integer `7`, expected a string"
    );
    assert_eq!(
        message("spool='/a'\nprofile='gpg'\n"),
        "CONFIG-VALUE key \"profile\" in seal.toml:2: unknown variant `gpg`, expected `rfc9580` or `rfc4880`"
    );
    assert!(message("spool='/a'\nlevel = \n").starts_with("CONFIG-SYNTAX seal.toml:2 is no TOML: "));
    assert!(message("level = 1\nlevel = 2\n").starts_with("CONFIG-SYNTAX seal.toml:2 is no TOML: "));
    assert!(message("spool='/a'\nlevel = 99999999999999999999\n").contains("out of range"));
    assert!(Files::new(&[]).message().0.starts_with("CONFIG-READ cannot read seal.toml"));
    let large = "#".repeat(usize::try_from(MAX_FILE).unwrap() + 1);
    assert_eq!(message(&large), "CONFIG-SIZE seal.toml is larger than 1048576 bytes");
}

#[test]
fn the_default_file_need_not_be_there_but_its_drop_ins_count() {
    let files = Files::new(&[("seal.toml.d/1.toml", "spool = '/d'\n")]);
    let config: Config<Seal> = load(None, &files.folder.path().join("seal.toml")).unwrap();
    assert_eq!(config.values.spool, Path::new("/d"));
}

#[test]
fn hostile_text_does_not_break_the_reader() {
    for text in ["[".repeat(100_000), "a.".repeat(50_000), "a = ".to_string() + &"[".repeat(100_000), "\u{0}".into()] {
        assert!(Files::new(&[("seal.toml", &text)]).load().is_err());
    }
}
