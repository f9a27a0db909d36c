//! What the ceremonies made, in the eyes of GnuPG, sq, sqv, rPGP and Sequoia's library.

use super::{HELD, Held, TOOLS, cert};
use acceptance::process::{command, run};
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Cert, Packet, PacketPile};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A keyring of GnuPG with nothing in it.
struct GnuPg(tempfile::TempDir);

impl GnuPg {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self(home)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(program, "TERM");
        command.env("GNUPGHOME", self.0.path());
        command
    }

    fn gpg(&self, arguments: &[&str], file: Option<&Path>) -> String {
        let mut gpg = self.command("gpg");
        run(gpg.args(["--batch", "--quiet", "--with-colons"]).args(arguments).args(file)).unwrap()
    }

    fn import(&self, file: &Path) {
        self.gpg(&["--import"], Some(file));
    }

    /// What GnuPG says of a certificate: its validity, `r` for revoked.
    fn validity(&self, fingerprint: &str) -> String {
        let listed = self.gpg(&["--list-keys", fingerprint], None);
        let line = listed.lines().find(|line| line.starts_with("pub:")).unwrap();
        line.split(':').nth(1).unwrap().to_owned()
    }
}

impl Drop for GnuPg {
    fn drop(&mut self) {
        // It leaves an agent behind; where none ran, that is as well.
        let _ = run(self.command("gpgconf").args(["--kill", "all"]));
    }
}

fn is_revoked(cert: &Cert) -> bool {
    matches!(cert.revocation_status(&StandardPolicy::new(), None), RevocationStatus::Revoked(_))
}

/// `rsop` or `sqv` with the record on its standard input or as its last word.
fn verifies(mut verifier: Command, held: &Held) -> String {
    let transcript = fs::File::open(held.folder.join("transcript.jsonl")).unwrap();
    run(verifier.stdin(Stdio::from(transcript))).unwrap()
}

#[test]
fn the_signature_of_every_record_verifies_with_other_programs() {
    let (mut old, mut new) = (0, 0);
    for held in HELD.iter() {
        let fingerprint = cert(&held.signer()).fingerprint().to_hex();
        let (transcript, signature) = (held.folder.join("transcript.jsonl"), held.folder.join("transcript.jsonl.sig"));
        let mut rsop = command(format!("{TOOLS}/bin/rsop"), "TERM");
        rsop.arg("verify").args([&signature, &held.signer()]);
        assert!(verifies(rsop, held).contains(&fingerprint.to_lowercase()), "{}", held.name);
        if held.is_v4() {
            old += 1;
            let gnupg = GnuPg::new();
            gnupg.import(&held.signer());
            let mut gpg = gnupg.command("gpg");
            gpg.args(["--batch", "--status-fd", "1", "--verify"]).args([&signature, &transcript]);
            let said = run(&mut gpg).unwrap();
            assert!(said.contains(&format!("VALIDSIG {fingerprint}")), "{said}");
            let mut sqv = command("sqv", "TERM");
            sqv.arg("--keyring").args([&held.signer(), &signature, &transcript]);
            assert!(run(&mut sqv).unwrap().contains(&fingerprint));
        } else {
            new += 1;
        }
    }
    assert!(old >= 2 && new >= 5, "{old} of version 4, {new} of version 6");
}

#[test]
fn stock_tools_read_every_certificate_of_version_4() {
    for held in HELD.iter().filter(|held| held.is_v4()) {
        for file in held.files(".pgp") {
            let fingerprint = cert(&file).fingerprint().to_hex();
            let gnupg = GnuPg::new();
            gnupg.import(&file);
            assert!(gnupg.gpg(&["--list-keys"], None).contains(&format!("fpr:::::::::{fingerprint}:")));
            let inspected = run(command("sq", "TERM").arg("inspect").arg(&file)).unwrap();
            assert!(inspected.contains(&fingerprint), "{inspected}");
        }
    }
}

#[test]
fn a_published_revocation_revokes() {
    let mut seen = 0;
    for held in HELD.iter() {
        for file in held.files(".revoked.pgp") {
            seen += 1;
            let before = file.to_str().unwrap().replace(".revoked.pgp", ".pgp");
            let (before, revoked) = (cert(Path::new(&before)), cert(&file));
            assert_eq!(before.fingerprint(), revoked.fingerprint());
            assert!(!is_revoked(&before) && is_revoked(&revoked), "{}", file.display());
            if held.is_v4() {
                let gnupg = GnuPg::new();
                gnupg.import(&file);
                assert_eq!(gnupg.validity(&revoked.fingerprint().to_hex()), "r", "{}", file.display());
            }
        }
    }
    assert_eq!(seen, 3, "revocation after compromise, retirement, and the template");
}

/// Signatures of before still count after a retirement; after a compromise none does.
#[test]
fn the_reason_decides_what_becomes_of_older_signatures() {
    let policy = StandardPolicy::new();
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for (name, file, revoked) in
        [("retirement", "home-2026.revoked.pgp", false), ("revocation-after-compromise", "home-2026.revoked.pgp", true)]
    {
        let cert = cert(&Held::get(name).folder.join(file));
        let then = cert.revocation_status(&policy, earlier);
        assert_eq!(matches!(then, RevocationStatus::Revoked(_)), revoked, "{name}");
    }
}

#[test]
fn each_revocation_made_at_birth_revokes_when_it_is_published() {
    let mut seen = 0;
    for held in HELD.iter() {
        for file in held.files(".asc") {
            seen += 1;
            let path = file.to_str().unwrap();
            let (name, _) = path.split_once(".revocation-").unwrap();
            let path = Path::new(name)
                .with_file_name(format!("{}.pgp", Path::new(name).file_name().unwrap().to_str().unwrap()));
            let born = cert(&path);
            assert!(!is_revoked(&born));
            let packets = PacketPile::from_file(&file).unwrap().into_children();
            let signatures: Vec<Packet> = packets.filter(|packet| matches!(packet, Packet::Signature(_))).collect();
            let (revoked, _) = born.clone().insert_packets(signatures).unwrap();
            assert!(is_revoked(&revoked), "{}", file.display());
            if held.is_v4() {
                let (gnupg, fingerprint) = (GnuPg::new(), born.fingerprint().to_hex());
                gnupg.import(&path);
                assert_ne!(gnupg.validity(&fingerprint), "r");
                gnupg.import(&file);
                assert_eq!(gnupg.validity(&fingerprint), "r", "{}", file.display());
            }
        }
    }
    assert_eq!(seen, 5 * 4, "four reasons for each certificate that was made");
}

#[test]
fn after_a_rollover_each_key_vouches_for_the_other() {
    let held = Held::get("rollover");
    let (old, new) = (held.folder.join("home-2026.vouched.pgp"), held.folder.join("home-2029.vouched.pgp"));
    let gnupg = GnuPg::new();
    gnupg.import(&old);
    gnupg.import(&new);
    for (one, other) in [(&old, &new), (&new, &old)] {
        let (one, other) = (cert(one), cert(other));
        let listed = gnupg.gpg(&["--check-signatures", &other.fingerprint().to_hex()], None);
        let good = format!("sig:!::22:{}:", one.keyid().to_hex());
        assert!(listed.lines().any(|line| line.starts_with(&good)), "no {good} in\n{listed}");
        let user_id = other.userids().next().unwrap();
        let vouched = user_id.certifications().any(|signature| {
            let key = one.primary_key().key();
            signature.verify_userid_binding(key, other.primary_key().key(), user_id.userid()).is_ok()
        });
        assert!(vouched);
    }
}

#[test]
fn the_embassys_certificate_has_both_keys_that_open() {
    let policy = StandardPolicy::new();
    let embassy = cert(&Held::get("embassy-key").folder.join("embassy.pgp"));
    let valid = embassy.with_policy(&policy, None).unwrap();
    let opening = valid.keys().for_storage_encryption().for_transport_encryption().count();
    assert_eq!((opening, valid.keys().for_signing().count()), (2, 1));
    let encrypted = |text: &[u8]| {
        let mut rsop = command(format!("{TOOLS}/bin/rsop"), "TERM");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        rsop.arg("encrypt").arg(Held::get("embassy-key").folder.join("embassy.pgp"));
        run(rsop.stdin(Stdio::from(fs::File::open(file.path()).unwrap()))).unwrap()
    };
    let sealed = PacketPile::from_bytes(encrypted(b"a deed").as_bytes()).unwrap();
    let recipients = sealed.children().filter(|packet| matches!(packet, Packet::PKESK(_))).count();
    assert_eq!(recipients, 2, "rPGP encrypts to both");
}
