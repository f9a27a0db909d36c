//! What others offer: `tar` and `zstd` at our level on all processors, and after them their own encryption and signature.

use crate::measure::{Figures, Tool, pipeline};
use acceptance::process::{command, run};
use sequoia_openpgp::Profile;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::serialize::SerializeInto;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PACK: &str = "tar -cf - -C \"$IN\" . | zstd -q -T0 -3";
const UNPACK: &str = "zstd -dq | tar -xf - -C \"$OUT\"";
/// For a peer that only packs.
const NOTHING: &str = "cat";

/// One peer: what stands after the packing, and before the unpacking.
struct Peer {
    name: &'static str,
    seal: String,
    open: String,
}

/// The peers with their throw-away keys.
pub(crate) struct Peers {
    folder: PathBuf,
    peers: Vec<Peer>,
}

impl Peers {
    /// Makes their keys below `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self, String> {
        let gnupg = folder.join("gnupg");
        fs::create_dir_all(&gnupg).map_err(|error| error.to_string())?;
        fs::set_permissions(&gnupg, fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
        for (profile, version) in [(Profile::RFC4880, "4"), (Profile::RFC9580, "6")] {
            for name in ["home", "embassy"] {
                certificate(folder, name, profile, version)?;
            }
        }
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let this = this.display();
        let at = folder.display();

        let gpg = format!("gpg --homedir {} --batch --quiet --yes --trust-model always", gnupg.display());
        run(command("bash", "TERM").args(["-c", &format!("{gpg} --import {at}/home4.key {at}/embassy4.key")]))?;
        run(command("age-keygen", "TERM").arg("-o").arg(folder.join("age.key")))?;
        let age = run(command("age-keygen", "TERM").arg("-y").arg(folder.join("age.key")))?;
        let age = age.trim();
        let peer = |name, seal: String, open: String| Peer { name, seal, open };
        let peers = vec![
            peer("tar|zstd", NOTHING.into(), NOTHING.into()),
            peer(
                "gpg",
                format!(
                    "{gpg} --compress-algo none --local-user home@example.org --recipient embassy@example.org --sign --encrypt"
                ),
                format!("{gpg} --decrypt"),
            ),
            sq(&at.to_string())?,
            peer("sequoia", format!("{this} stream-seal {at}"), format!("{this} stream-open {at}")),
            peer("age", format!("age -r {age}"), format!("age -d -i {at}/age.key")),
        ];
        Ok(Peers { folder: folder.to_owned(), peers })
    }

    /// Each peer sealing the folder `from` into a file of its own, which stays for [`Peers::opening`].
    pub(crate) fn sealing<'p>(&'p self, only: &[&str], from: &Path) -> Vec<Tool<'p>> {
        let tools = self.peers.iter().filter(|peer| only.is_empty() || only.contains(&peer.name));
        let from = from.to_owned();
        let tool = |peer: &'p Peer| -> Tool<'p> {
            let from = from.clone();
            (peer.name, Box::new(move || self.seal(peer, &from)))
        };
        tools.map(tool).collect()
    }

    fn sealed(&self, peer: &Peer) -> PathBuf {
        self.folder.join(peer.name.replace('|', "-")).with_extension("sealed")
    }

    fn seal(&self, peer: &Peer, from: &Path) -> Result<Figures, String> {
        let out = self.sealed(peer);
        if out.exists() {
            fs::remove_file(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        }
        let last = if peer.seal == NOTHING { String::new() } else { format!(" | {}", peer.seal) };
        let script = format!("IN={}; {PACK}{last} >{}", from.display(), out.display());
        let figures = pipeline(&script, &[], &out)?;
        let size = fs::metadata(&out).map_err(|error| format!("{}: {error}", out.display()))?.len();
        Ok(Figures { size: crate::mebibytes(size), ..figures })
    }

    /// Each peer opening what it sealed last. The tree is removed again.
    pub(crate) fn opening(&self, only: &[&str]) -> Vec<Tool<'_>> {
        fn tool<'p>(peers: &'p Peers, peer: &'p Peer) -> Tool<'p> {
            (peer.name, Box::new(move || peers.open(peer)))
        }
        let peers = self.peers.iter().filter(|peer| only.is_empty() || only.contains(&peer.name));
        peers.map(|peer| tool(self, peer)).collect()
    }

    fn open(&self, peer: &Peer) -> Result<Figures, String> {
        let tree = self.folder.join("tree");
        crate::remove(&tree)?;
        fs::create_dir(&tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        let sealed = self.sealed(peer).display().to_string();
        let first = if peer.open == NOTHING { String::new() } else { format!("{} | ", peer.open) };
        let script = format!("exec <{sealed}; OUT={}; {first}{UNPACK}", tree.display());
        // Ours ends with one syncfs, so theirs does.
        let figures = pipeline(&script, &["--file-system"], &tree)?;
        crate::remove(&tree)?;
        Ok(figures)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // gpg leaves an agent behind. Where it is gone already there is nothing to do.
        let gnupg = self.folder.join("gnupg");
        let _ = run(command("gpgconf", "TERM").arg("--homedir").arg(gnupg).args(["--kill", "all"]));
    }
}

/// Both spellings of sq: before 0.34 and since.
fn sq(at: &str) -> Result<Peer, String> {
    let old = run(command("sq", "TERM").args(["encrypt", "--help"]))?.contains("--signer-key");
    let (seal, open) = if old {
        (
            format!(
                "sq encrypt --binary --compression none --recipient-cert {at}/embassy4.pgp --signer-key {at}/home4.key"
            ),
            format!("sq decrypt --recipient-key {at}/embassy4.key --signer-cert {at}/home4.pgp"),
        )
    } else {
        (
            format!("sq encrypt --binary --for-file {at}/embassy4.pgp --signer-file {at}/home4.key"),
            format!("sq decrypt --recipient-file {at}/embassy4.key --signer-file {at}/home4.pgp"),
        )
    };
    Ok(Peer { name: "sq", seal, open })
}

/// Writes `<name><version>.key` and `.pgp`: a key that signs, with a subkey that decrypts.
fn certificate(folder: &Path, name: &str, profile: Profile, version: &str) -> Result<(), String> {
    let cert = CertBuilder::general_purpose(Some(format!("{name} <{name}@example.org>")));
    let cert = cert.set_profile(profile).and_then(CertBuilder::generate);
    let (cert, _) = cert.map_err(|error| error.to_string())?;
    for (ending, bytes) in [("key", cert.as_tsk().to_vec()), ("pgp", cert.to_vec())] {
        let file = folder.join(format!("{name}{version}.{ending}"));
        fs::write(&file, bytes.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    Ok(())
}
