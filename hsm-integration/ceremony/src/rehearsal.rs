//! The stage of a rehearsal: throw-away tokens in place of those of the plan, with the keys and certificates that the plan says
//! are there already. DEMO only: papers and PINs lie in files beside them.
//!
//! ```text
//! DIR/tokens/         SoftHSM's configuration and tokens
//! DIR/papers/         what custodians hold: custodian-1.user-PIN-of-token-home.txt
//! DIR/binding.toml    made here, so that an interrupted rehearsal goes on as a ceremony does
//! ```

use crate::ceremony::{now, version};
use crate::people::Role;
use crate::pin::{PRESENT, about, random, shared};
use crate::plan::{Custody, Key, KeyKind, Name, Plan, State, Token as TokenPlan};
use crate::unattended::TYPED_PIN;
use crate::work::key::make;
use openpgp_pkcs11::certificate::{Builder, Keys, TokenKey};
use openpgp_pkcs11::secrecy::{ExposeSecret as _, SecretString};
use openpgp_pkcs11::{CompositePlace, Contents, Deadlines, LoggedIn, LoginOptions, Uri, initialise_token, slots};
use pouch_cli::explain;
use pouch_console::{Exit, Failure};
use pouch_platform::Dir;
use pouch_shares::Share;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::serialize::SerializeInto as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The binding that a rehearsal makes.
pub const BINDING: &str = "binding.toml";
/// The folder of what custodians hold.
pub const PAPERS: &str = "papers";
/// The folder of SoftHSM.
pub const TOKENS: &str = "tokens";

/// Stands before every user id of a rehearsal.
pub(crate) const DEMO: &str = "DEMO ";

/// Certificates from before are older than the ceremony.
const BEFORE: Duration = Duration::from_secs(30 * 86_400);

#[derive(Default, Serialize)]
struct StageBinding {
    token: BTreeMap<Name, StageToken>,
    known: BTreeMap<Name, StageKnown>,
}

#[derive(Serialize)]
struct StageToken {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_pin_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    so_pin_file: Option<String>,
}

#[derive(Serialize)]
struct StageKnown {
    file: String,
}

/// Sets the stage in `dir`, unless it was set before, and returns the file of the binding. SoftHSM must read the configuration
/// in `dir`/tokens. `module` names the module of the throw-away tokens: SoftHSM's, or one that has what the plan needs.
///
/// # Errors
/// A token, key or certificate cannot be made, or the disk.
pub fn set(plan: &Plan, dir: &Dir, module: &Uri) -> Result<PathBuf, Failure> {
    let file = dir.path().join(BINDING);
    if dir.exists(BINDING).map_err(explain::dir)? {
        return Ok(file);
    }
    Dir::open_private(dir.path().join(PAPERS)).map_err(explain::dir)?;
    let mut stage = Stage { plan, dir, module, binding: StageBinding::default(), sessions: BTreeMap::new() };
    let (empty, others): (Vec<_>, Vec<_>) = plan.token.iter().partition(|(_, token)| token.state == State::Empty);
    for (name, token) in others {
        stage.token(name, token)?;
    }
    stage.keys()?;
    stage.empty(&empty)?;
    for name in plan.known.keys() {
        stage.known(name)?;
    }
    let text = toml::to_string(&stage.binding).map_err(|error| {
        Failure::new("CEREMONY-STAGE", Exit::Software, format!("the rehearsal's binding cannot be written: {error}"))
    })?;
    // Last: a stage without binding is set anew in another folder, never half used.
    dir.replace_file(BINDING, text.as_bytes()).map_err(explain::dir)?;
    Ok(file)
}

struct Stage<'a> {
    plan: &'a Plan,
    dir: &'a Dir,
    module: &'a Uri,
    binding: StageBinding,
    sessions: BTreeMap<Name, LoggedIn>,
}

impl Stage<'_> {
    /// A token that is there before the ceremony.
    fn token(&mut self, name: &Name, token: &TokenPlan) -> Result<(), Failure> {
        let pin = self.pin(name, token)?;
        let so_pin = match token.present_so_pin {
            Some(Custody::Quorum) => self.shared(&about(PRESENT, name))?,
            _ => SecretString::from(TYPED_PIN),
        };
        let made = initialise_token(self.module, None, &token.label, &so_pin, &pin).map_err(explain::hsm)?;
        self.bind(name, token, &made.uri().reached_as(self.module));
        if token.state == State::Ready {
            let mut prompt = Known(pin);
            let options = LoginOptions { prompt: Some(&mut prompt), credential: "", ..LoginOptions::default() };
            self.sessions.insert(name.clone(), made.login(options).map_err(explain::hsm)?);
        }
        Ok(())
    }

    /// The keys from before.
    fn keys(&mut self) -> Result<(), Failure> {
        for key in self.plan.key.values().filter(|key| key.before) {
            let second = key.pq_token.as_ref().and_then(|second| self.sessions.get(second));
            if let Some(session) = self.sessions.get(&key.token) {
                make(key, session, second)?;
            }
        }
        Ok(())
    }

    /// Tokens that the ceremony initialises: a slot for each, where the module shows so many; SoftHSM shows one at a time.
    fn empty(&mut self, tokens: &[(&Name, &TokenPlan)]) -> Result<(), Failure> {
        let there = slots(self.module, None, Deadlines::default()).map_err(explain::hsm)?;
        let free = there.iter().filter(|slot| matches!(slot.contents, Ok(Contents::Uninitialised)));
        let free: Vec<Uri> = free.map(|slot| slot.uri().reached_as(self.module)).collect();
        for (at, (name, token)) in tokens.iter().enumerate() {
            // The only slot is found without its number, which SoftHSM changes when it initialises a token.
            let many = free.len() > 1 && free.len() >= tokens.len();
            let uri = if many { free.get(at).unwrap_or(self.module) } else { self.module };
            self.bind(name, token, uri);
        }
        Ok(())
    }

    fn bind(&mut self, name: &Name, token: &TokenPlan, uri: &Uri) {
        let file = |custody: Option<Custody>, file: String| (custody == Some(Custody::File)).then_some(file);
        let user_pin_file = file(Some(token.user_pin), pin_file(name));
        let so_pin_file = file(token.so_pin, format!("{name}.so-pin"));
        self.binding.token.insert(name.clone(), StageToken { uri: uri.to_string(), user_pin_file, so_pin_file });
    }

    /// The PIN that a token has before the ceremony, given to those who hold it.
    fn pin(&self, name: &Name, token: &TokenPlan) -> Result<SecretString, Failure> {
        match token.user_pin {
            Custody::Typed => Ok(SecretString::from(TYPED_PIN)),
            Custody::File => {
                let pin = random()?;
                self.dir.replace_file(pin_file(name), pin.expose_secret().as_bytes()).map_err(explain::dir)?;
                Ok(pin)
            }
            Custody::Quorum => self.shared(&about("user", name)),
        }
    }

    /// A PIN whose shares lie among the papers.
    fn shared(&self, about: &str) -> Result<SecretString, Failure> {
        let (pin, shares) = shared(self.plan.people)?;
        let papers = self.dir.subdir(PAPERS).map_err(explain::dir)?;
        for share in shares {
            write_paper(&papers, Role::Custodian(share.number()), about, &share)?;
        }
        Ok(pin)
    }

    fn known(&mut self, name: &Name) -> Result<(), Failure> {
        let Some(known) = self.plan.known.get(name) else { return Ok(()) };
        let user_id = format!("{DEMO}{}", known.user_id);
        let created = SystemTime::from(now()).checked_sub(BEFORE).unwrap_or(SystemTime::UNIX_EPOCH);
        let cert = match known.primary.as_ref().and_then(|primary| self.key(primary)) {
            Some(primary) => {
                let version = version(self.plan.profile);
                let builder = Builder::new(version, &user_id, created).map_err(explain::hsm)?;
                let keys = match known.signing.as_ref().and_then(|signing| self.key(signing)) {
                    Some(signing) => Keys::certifying(primary).with_signing(signing),
                    None => Keys::certifying_and_signing(primary),
                };
                let opening = known.encryption.iter().filter_map(|key| self.key(key));
                builder.build(&opening.fold(keys, Keys::with_encryption)).map_err(explain::hsm)?
            }
            None => self.other_side(&user_id, created).map_err(|error| {
                Failure::new("CEREMONY-STAGE", Exit::Software, format!("no DEMO certificate of {name}: {error}"))
            })?,
        };
        let file = format!("{name}.demo.pgp");
        let bytes = cert.armored().to_vec().map_err(|error| {
            Failure::new("CEREMONY-STAGE", Exit::Software, format!("the DEMO certificate of {name}: {error}"))
        })?;
        self.dir.replace_file(&file, &bytes).map_err(explain::dir)?;
        self.binding.known.insert(name.clone(), StageKnown { file });
        Ok(())
    }

    /// A key from before, on its throw-away token.
    fn key(&self, name: &Name) -> Option<TokenKey> {
        let key = self.plan.key.get(name)?;
        let session = self.sessions.get(&key.token)?;
        let uri = session.token().uri().with_object(&key.label);
        Some(match key.algorithm {
            KeyKind::Single(_) => session.key(&uri),
            KeyKind::Composite(_) => self.composite(key, session, &uri)?,
        })
    }

    fn composite(&self, key: &Key, session: &LoggedIn, uri: &Uri) -> Option<TokenKey> {
        let Some(second) = &key.pq_token else { return Some(CompositePlace::one(session, uri).into()) };
        let second = self.sessions.get(second)?;
        let second_uri = second.token().uri().with_object(&key.label);
        Some(CompositePlace::split((session, uri), (second, &second_uri)).into())
    }

    /// A certificate of people who are not here: its secret keys are forgotten at once.
    fn other_side(&self, user_id: &str, created: SystemTime) -> sequoia_openpgp::Result<Cert> {
        let profile = match version(self.plan.profile) {
            openpgp_pkcs11::KeyVersion::V4 => sequoia_openpgp::Profile::RFC4880,
            openpgp_pkcs11::KeyVersion::V6 => sequoia_openpgp::Profile::RFC9580,
        };
        let builder = CertBuilder::general_purpose([user_id]).set_profile(profile)?;
        let (cert, _) = builder.set_creation_time(created).generate()?;
        Ok(cert.strip_secret_key_material())
    }
}

fn pin_file(name: &Name) -> String {
    format!("{name}.pin")
}

/// A PIN that the stage knows.
struct Known(SecretString);

impl openpgp_pkcs11::PinPrompt for Known {
    fn ask(&mut self, _: &openpgp_pkcs11::TokenStatus) -> std::io::Result<Option<SecretString>> {
        Ok(Some(self.0.clone()))
    }

    fn announce_pinpad(&mut self, _: &openpgp_pkcs11::TokenStatus) -> std::io::Result<()> {
        Err(std::io::Error::other("a throw-away token has no pinpad"))
    }
}

/// The file of a paper.
pub(crate) fn paper_name(role: Role, about: &str) -> String {
    format!("{}.{}.txt", String::from(role), about.replace(' ', "-"))
}

/// Puts down what a custodian holds.
pub(crate) fn write_paper(papers: &Dir, role: Role, about: &str, share: &Share) -> Result<(), Failure> {
    let words: Vec<&str> = share.words().collect();
    papers.replace_file(paper_name(role, about), format!("{}\n", words.join(" ")).as_bytes()).map_err(explain::dir)
}

/// Opens the folder of a rehearsal's papers.
///
/// # Errors
/// The disk.
pub fn papers(folder: &Path) -> Result<Dir, Failure> {
    Dir::open_private(folder.join(PAPERS)).map_err(explain::dir)
}
