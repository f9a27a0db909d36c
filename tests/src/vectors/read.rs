//! Runs a vector through the real readers.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use pouch_archive::{Budget, FrameWriter, Mode, ReceiveError, TreeWriter, WalkError, receive, walk};
use pouch_format::{Blake3Digest, Manifest, Part, Profile, Rule, Sha256Digest, Totals, index_file, segment_file};
use pouch_open::{
    Clock, PouchKey, Source, State, StatePlaces, StreamError, Trust, admit, check, keep, spool, unpack, verify,
};
use pouch_platform::Dir;
use pouch_vault::{Vault, VaultError};
use sequoia_openpgp::anyhow::{Context as _, anyhow, bail};
use sequoia_openpgp::serialize::SerializeInto as _;

use super::keys::decryption_key;
use super::message::{Sealer, frame, part};
use super::{Folder, Result, Vector, sha256, unhex};

/// What a reader says of a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted, with the SHA-256 of what it released, if that is something.
    Accepted(Option<String>),
    /// Refused by this rule.
    Refused(Rule),
}

/// A reader's own result, before it becomes a verdict.
type Outcome = std::result::Result<Option<String>, Rule>;

/// Judges `vector` with the readers of its kind. `scratch` is an empty private directory.
///
/// # Errors
/// The harness fails, or a reader refuses without a rule, or leaves something behind that it refused.
pub fn judge(vector: &Vector, folder: &Folder, scratch: &Path) -> Result<Verdict> {
    let bytes = vector.bytes()?;
    let outcome = match vector.kind() {
        "manifest" => manifest(&bytes),
        "signature" => signature(vector, &bytes, folder, scratch)?,
        "archive" => archive(vector, &bytes, scratch)?,
        "part" => sealed_part(vector, bytes)?,
        "index" => index(vector, &bytes, folder, scratch)?,
        "pouch" | "transit" => pouch(vector, &bytes, folder, scratch)?,
        kind => bail!("kind {kind}"),
    };
    Ok(outcome.map_or_else(Verdict::Refused, Verdict::Accepted))
}

fn manifest(bytes: &[u8]) -> Outcome {
    Manifest::parse(bytes).map(|_| None).map_err(|error| error.rule())
}

/// Checks a signature file in a pouch whose parts are one zero byte each.
fn signature(vector: &Vector, bytes: &[u8], folder: &Folder, scratch: &Path) -> Result<Outcome> {
    let trust = trust(vector, folder, &scratch.join("trust"))?;
    let source = scratch.join("source");
    fs::create_dir(&source)?;
    let line = vector.need("manifest")?.to_owned() + "\n";
    let manifest = Manifest::parse(line.as_bytes())?;
    fs::write(source.join(pouch_format::MANIFEST_FILE), &line)?;
    fs::write(source.join(pouch_format::SIGNATURE_FILE), bytes)?;
    manifest.parts().try_for_each(|part| fs::write(source.join(&part.name), [0]))?;
    let spooled = match Source::open(&source).and_then(spool) {
        Ok(spooled) => spooled,
        Err(error) => return ruled(error.rule(), &error),
    };
    match check(spooled, &trust) {
        Ok(_) => Ok(Ok(None)),
        Err(error) => ruled(error.rule(), &error),
    }
}

/// Walks an archive and writes its tree, as two processes would that trust each other not.
fn archive(vector: &Vector, bytes: &[u8], scratch: &Path) -> Result<Outcome> {
    let budget = match (vector.get("entries"), vector.get("bytes")) {
        (Some(entries), Some(bytes)) => Budget::exactly(Totals { entries: entries.parse()?, bytes: bytes.parse()? }),
        _ => Budget::LIMITS,
    };
    let mut messages = Vec::new();
    let mut writer = FrameWriter::new(&mut messages);
    match walk(bytes, Mode::Canonical, budget, &mut writer) {
        Ok(_) => {}
        Err(WalkError::Refused(refusal)) => writer.refused(&refusal)?,
        Err(WalkError::Read(error) | WalkError::Sink(error)) => return Err(error.into()),
    }
    drop(writer);
    into_place(scratch, |dir| {
        let mut tree = TreeWriter::new(dir, budget, |_| Ok::<(), std::io::Error>(()))?;
        match receive(messages.as_slice(), &mut tree) {
            Ok(_) => Ok(tree.commit().map(|_| Ok(()))?),
            Err(ReceiveError::Refused { rule, .. }) => Ok(Err(rule)),
            Err(error) => Err(error.into()),
        }
    })
}

fn sealed_part(vector: &Vector, bytes: Vec<u8>) -> Result<Outcome> {
    let stated: Part = serde_json::from_str(vector.need("part")?)?;
    let profile = profile(vector.need("profile")?)?;
    let key: [u8; 32] = unhex(vector.need("session-key")?)?.try_into().map_err(|_| anyhow!("32 bytes of key"))?;
    let key = match PouchKey::from_session_key(profile, &key, &stated, &bytes) {
        Ok(key) => key,
        Err(error) => return ruled(error.rule(), &error),
    };
    match key.open(&stated, bytes) {
        Ok(content) => Ok(Ok(Some(sha256(&content)))),
        Err(StreamError::Part(error)) => Ok(Err(error.rule())),
        Err(error) => Err(error.into()),
    }
}

/// Seals an index together with the archive that it is of, and unpacks both.
fn index(vector: &Vector, bytes: &[u8], folder: &Folder, scratch: &Path) -> Result<Outcome> {
    let of = folder.vector(vector.need("archive")?)?;
    let archive = of.bytes()?;
    let sealer = Sealer::for_nobody(Profile::Rfc9580);
    let seal = |name: String, content: &[u8]| -> Result<(Part, Vec<u8>)> {
        let frame = frame(content)?;
        let sealed = sealer.seal(&frame)?;
        Ok((part(name, &sealed, frame.len() as u64, content.len() as u64), sealed))
    };
    let (segment, index) = (seal(segment_file(0), &archive)?, seal(index_file(0), bytes)?);
    let digest: Blake3Digest = vector.need("index-blake3")?.parse()?;
    let text = serde_json::json!({
        "pouch": 1, "registry": vector.need("registry")?, "sequence": vector.need("sequence")?.parse::<u64>()?,
        "previous": null, "kind": "full", "as_of": "2026-03-01T00:00:00Z", "sealed_at": "2026-03-01T00:00:00Z",
        "rpo_seconds": 0, "profile": "rfc9580", "signers": [], "recipients": [],
        "totals": {"entries": of.need("entries")?.parse::<u64>()?, "bytes": of.need("bytes")?.parse::<u64>()?},
        "index_blake3": digest, "segments": [segment.0], "index": [index.0],
    });
    let manifest: Manifest = serde_json::from_value(text)?;
    let key = PouchKey::from_session_key(Profile::Rfc9580, &sealer.key, &segment.0, &segment.1)?;
    let fetch = |part: &Part, into: &mut Vec<u8>| -> std::result::Result<(), VaultError> {
        into.clone_from(if part.name == segment.0.name { &segment.1 } else { &index.1 });
        Ok(())
    };
    into_place(scratch, |dir| match unpack(&manifest, &key, &fetch, dir, &|_| {}) {
        Ok(_) => Ok(Ok(())),
        Err(error) => ruled(error.rule(), &error),
    })
}

/// Takes a whole pouch in, after those before it, opens and unpacks it.
fn pouch(vector: &Vector, bytes: &[u8], folder: &Folder, scratch: &Path) -> Result<Outcome> {
    let embassy = Embassy::new(vector, folder, scratch)?;
    for name in vector.get("after").unwrap_or_default().split_whitespace() {
        let before = folder.vector(name)?;
        if let Err(rule) = embassy.import(&before, &before.bytes()?, name)? {
            bail!("{name} before it is refused by {rule}");
        }
    }
    let kept = embassy.kept()?;
    let manifest = match embassy.import(vector, bytes, "pouch")? {
        Ok(manifest) => manifest,
        Err(rule) => {
            if embassy.kept()? != kept || fs::read_dir(scratch.join("vault/.incoming"))?.next().is_some() {
                bail!("something is left in the vault of what {rule} refused");
            }
            return Ok(Err(rule));
        }
    };
    let vault = Vault::open_local(scratch.join("vault"))?;
    let fetch = |part: &Part, into: &mut Vec<u8>| vault.read_part_into(&manifest.id(), part, into);
    let first = manifest.segments.first().context("no segment")?;
    let mut pair = decryption_key(&folder.key(vector.need("embassy")?)?)?;
    let key = match PouchKey::obtain(&manifest, first, &vault.read_part(&manifest.id(), first)?, &mut pair) {
        Ok(key) => key,
        Err(error) => return ruled(error.rule(), &error),
    };
    into_place(scratch, |dir| match unpack(&manifest, &key, &fetch, dir, &|_| {}) {
        Ok(_) => Ok(Ok(())),
        Err(error) => ruled(error.rule(), &error),
    })
}

/// The receiving side of a pouch.
struct Embassy<'s> {
    scratch: &'s Path,
    trust: Trust,
}

impl<'s> Embassy<'s> {
    fn new(vector: &Vector, folder: &Folder, scratch: &'s Path) -> Result<Self> {
        Ok(Self { scratch, trust: trust(vector, folder, &scratch.join("trust"))? })
    }

    /// The five functions of the trusted path. A pouch in transit is read where it lies, the tar of another vector is
    /// unpacked as any computer would.
    fn import(&self, vector: &Vector, bytes: &[u8], name: &str) -> Result<std::result::Result<Manifest, Rule>> {
        let source = self.scratch.join(format!("source-{name}"));
        if vector.kind() == "transit" {
            fs::write(&source, bytes)?;
        } else {
            let mut files = TreeWriter::new(private(&source)?, Budget::LIMITS, |_| Ok::<(), std::io::Error>(()))?;
            match walk(bytes, Mode::Strict, Budget::LIMITS, &mut files) {
                Ok(_) => {}
                Err(WalkError::Refused(refusal)) => return Ok(Err(refusal.rule())),
                Err(error) => return Err(error.into()),
            }
        }
        let (vault, places) = (Vault::open_local(self.scratch.join("vault"))?, self.places());
        let mut state = State::open(&places, &vault)?;
        let spooled = match Source::open(&source).and_then(spool) {
            Ok(spooled) => spooled,
            Err(error) => return ruled(error.rule(), &error),
        };
        let verified = match verify(spooled, &self.trust, &vault) {
            Ok(verified) => verified,
            Err(error) => return ruled(error.rule(), &error),
        };
        let note = match vector.get("note") {
            Some("none") => None,
            Some(digest) => Some(digest.parse::<Sha256Digest>()?),
            None => Some(verified.checked().digest()),
        };
        let admitted = match admit(verified, &state, note, Clock::system()) {
            Ok(admitted) => admitted,
            Err(error) => return ruled(Some(error.rule()), &error),
        };
        let kept = keep(admitted, &vault, &mut state)?;
        Ok(Ok(kept.checked().manifest().clone()))
    }

    fn places(&self) -> StatePlaces {
        let place = |name: &str| self.scratch.join(name);
        StatePlaces { a: place("state-a"), b: place("state-b"), log: place("log") }
    }

    /// What the vault holds and the state says.
    fn kept(&self) -> Result<String> {
        let vault = Vault::open_local(self.scratch.join("vault"))?;
        let ids = vault.list(&"land".parse()?)?;
        let state = State::open(&self.places(), &vault)?;
        Ok(format!("{ids:?} {:?}", state.ledger()))
    }
}

/// A refusal must name its rule.
fn ruled<T>(rule: Option<Rule>, error: &impl std::fmt::Display) -> Result<std::result::Result<T, Rule>> {
    rule.map(Err).ok_or_else(|| anyhow!("refused without a rule: {error}"))
}

/// Lets `write` fill a private directory, and publishes it only if all went well, as whoever unpacks must.
fn into_place(scratch: &Path, write: impl FnOnce(Dir) -> Result<std::result::Result<(), Rule>>) -> Result<Outcome> {
    let restored = private(&scratch.join("restored"))?;
    let outcome = write(restored.create_dir(".staged")?)?;
    if let Err(rule) = outcome {
        restored.remove_tree(".staged")?;
        if let Some(left) = fs::read_dir(scratch.join("restored"))?.next() {
            bail!("{:?} is left of what {rule} refused", left?.file_name());
        }
        return Ok(Err(rule));
    }
    restored.rename_noreplace(".staged", "tree")?;
    Ok(Ok(Some(sha256(&listing(&scratch.join("restored/tree"))?))))
}

/// The listing that stands for a tree: by path, one line an entry and the content behind that of a file.
fn listing(root: &Path) -> Result<Vec<u8>> {
    let mut entries: Vec<(String, PathBuf)> = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(root)?.to_str().context("a name that is not UTF-8")?.to_owned();
            if path.is_dir() {
                folders.push(path.clone());
            }
            entries.push((name, path));
        }
    }
    entries.sort();
    let mut listing = Vec::new();
    for (name, path) in entries {
        let metadata = fs::symlink_metadata(&path)?;
        let mtime = metadata.mtime();
        match (metadata.is_dir(), metadata.mode() & 0o7777) {
            (true, 0o700) => listing.extend(format!("directory {mtime} {name}\n").bytes()),
            (false, 0o600) => {
                listing.extend(format!("file {mtime} {} {name}\n", metadata.len()).bytes());
                listing.extend(fs::read(&path)?);
            }
            (_, mode) => bail!("{name} has mode {mode:04o}"),
        }
    }
    Ok(listing)
}

/// A profile by the name that it has in a manifest.
///
/// # Errors
/// There is none of this name.
pub fn profile(name: &str) -> Result<Profile> {
    Ok(serde_json::from_value(name.into())?)
}

fn private(path: &Path) -> Result<Dir> {
    fs::DirBuilder::new().mode(0o700).create(path)?;
    Ok(Dir::open_private(path)?)
}

/// The trust file that the header lines describe, made in the new directory `place`.
///
/// # Errors
/// A key is missing, or the disk fails.
pub fn trust(vector: &Vector, folder: &Folder, place: &Path) -> Result<Trust> {
    fs::create_dir(place)?;
    let write = |name: &str| -> Result<String> {
        let cert = folder.key(name)?.strip_secret_key_material();
        fs::write(place.join(format!("{name}.pgp")), cert.to_vec()?)?;
        Ok(cert.fingerprint().to_hex())
    };
    let (mut text, mut signers) = (String::new(), Vec::new());
    for name in vector.need("signers")?.split_whitespace() {
        let fingerprint = write(name)?;
        text += &format!("[[certificate]]\nfile = \"{name}.pgp\"\nfingerprint = \"{fingerprint}\"\n");
        signers.push(format!("\"{fingerprint}\""));
    }
    let (registry, threshold) = (vector.need("registry")?, vector.need("threshold")?);
    text += &format!("[registry.{registry}]\nsigners = [{}]\nthreshold = {threshold}\n", signers.join(", "));
    if let Some(demand) = vector.get("demand") {
        text += &format!("profile = \"{demand}\"\n");
    }
    let embassy = vector.need("embassy")?;
    write(embassy)?;
    text += &format!("[embassy]\ncertificates = [\"{embassy}.pgp\"]\n");
    fs::write(place.join("trust.toml"), text)?;
    Ok(Trust::load(&place.join("trust.toml"))?)
}
