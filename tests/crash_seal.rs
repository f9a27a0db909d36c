//! `kill -9`, a full disk and a failing disk while sealing: the spool never shows half a pouch, no number is used twice, and
//! the next run finishes the work.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::kill::{count, failing_at, killed_at, said_why};
use acceptance::place::{Keys, Place};
use acceptance::process::run;
use pouch_format::{Manifest, Sha256Digest};
use sequoia_openpgp::Packet;
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse;

fn place(folder: &Path) -> Place {
    let place = Place::create(folder, Keys::Rfc9580).unwrap();
    let source = folder.join("registry");
    fs::create_dir_all(source.join("deeds")).unwrap();
    fs::write(source.join("deeds/one"), "first deed").unwrap();
    fs::write(source.join("deeds/two"), vec![7; 3 << 20]).unwrap();
    let capture = format!("source = \"directory\"\npath = \"{}\"", source.display());
    // Parts of 1 MiB, so that there are several.
    place.add_registry("land", &capture, "part_size = 1").unwrap();
    place
}

fn seal(place: &Place) -> Command {
    let mut command = place.seal().unwrap();
    command.args(["--quiet", "seal", "land"]);
    command
}

/// Every pouch that shows in the spool is whole and signed, and together they are one sequence. Gives their number.
fn check_spool(place: &Place) -> u64 {
    let spool = place.path("home/spool");
    let Ok(entries) = fs::read_dir(&spool) else { return 0 };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pouches: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    pouches.sort();
    let mut previous = None;
    for (number, name) in pouches.iter().enumerate() {
        let bytes = fs::read(spool.join(name).join("manifest.json")).unwrap();
        let manifest = Manifest::parse(&bytes).unwrap();
        assert_eq!(manifest.id().to_string(), *name);
        assert_eq!(manifest.sequence, number as u64 + 1, "a hole in the sequence");
        assert_eq!(manifest.previous, previous);
        for part in manifest.parts() {
            let sealed = fs::read(spool.join(name).join(&part.name)).unwrap();
            assert_eq!(Sha256Digest(openssl::sha::sha256(&sealed)), part.sha256, "{name}/{}", part.name);
        }
        check_signature(place, &fs::read(spool.join(name).join("manifest.json.sig")).unwrap(), &bytes);
        previous = Some(Sha256Digest(openssl::sha::sha256(&bytes)));
    }
    pouches.len() as u64
}

fn check_signature(place: &Place, signature: &[u8], manifest: &[u8]) {
    let Packet::Signature(signature) = Packet::from_bytes(signature).unwrap() else { panic!("no signature") };
    let home = CertParser::from_file(place.path("home/home.pgp")).unwrap().next().unwrap().unwrap();
    signature.verify_message(home.primary_key().key(), manifest).unwrap();
}

#[test]
fn killed_at_any_call_it_converges() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let calls = count(&seal(&place)).unwrap();
    assert!(calls.contains_key("renameat2") && calls.contains_key("fsync"), "{calls:?}");
    let mut sealed = check_spool(&place);
    assert_eq!(sealed, 1);
    let mut kills = 0;
    for (call, made) in calls {
        for nth in 1..=made {
            if !killed_at(&seal(&place), call, nth).unwrap() {
                // strace counts for each thread, so that the last ones do not come.
                sealed = check_spool(&place);
                continue;
            }
            kills += 1;
            let after = check_spool(&place);
            assert!(after == sealed || after == sealed + 1, "{call} {nth}: {sealed} pouches, then {after}");
            run(&mut seal(&place)).unwrap_or_else(|e| panic!("{call} {nth}: {e}"));
            let converged = check_spool(&place);
            assert!(converged > sealed && converged <= after + 2, "{call} {nth}: {sealed}, {after}, {converged}");
            let left = fs::read_dir(place.path("home/spool")).unwrap();
            let staging =
                left.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".staging")).count();
            assert_eq!(staging, 0, "{call} {nth}: something half is left");
            sealed = converged;
        }
    }
    assert!(kills >= 20, "only {kills} kills");
}

#[test]
fn a_full_or_failing_disk_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    run(&mut seal(&place)).unwrap();
    run(Command::new("cp").arg("-a").arg(place.path("home/token")).arg(place.path("token-before"))).unwrap();
    let mut refused = 0;
    for (call, error) in
        [("write", "ENOSPC"), ("pwrite64", "ENOSPC"), ("fsync", "EIO"), ("renameat2", "EIO"), ("mkdirat", "ENOSPC")]
    {
        for nth in [1, 2, 3, 5, 8, 13] {
            let before = check_spool(&place);
            let output = failing_at(&seal(&place), call, nth, error).unwrap();
            let after = check_spool(&place);
            if output.status.success() {
                assert_eq!(after, before + 1, "{call} {nth}");
                continue;
            }
            refused += 1;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said_why(&said), "{call} {nth}: {said}");
            assert!(after == before || after == before + 1, "{call} {nth}: {before} pouches, then {after}");
            // A write may have been the token's own, into files that SoftHSM does not replace at once: an HSM has no such disk.
            run(Command::new("cp").arg("-a").arg(place.path("token-before/.")).arg(place.path("home/token"))).unwrap();
            run(&mut seal(&place)).unwrap_or_else(|e| panic!("{call} {nth}: {e}"));
            check_spool(&place);
        }
    }
    assert!(refused >= 6, "only {refused} failures were felt");
}

#[test]
fn two_at_once_are_one_after_the_other_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let children: Vec<_> = (0..4).map(|_| seal(&place).spawn().unwrap()).collect();
    let codes: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap().status.code()).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 75))), "{codes:?}");
    let done = codes.iter().filter(|code| **code == Some(0)).count() as u64;
    assert!(done >= 1);
    assert_eq!(check_spool(&place), done);
}

#[test]
fn a_lost_ledger_stops_sealing() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    run(&mut seal(&place)).unwrap();
    fs::remove_file(place.path("home/state/land.json")).unwrap();
    let error = run(&mut seal(&place)).unwrap_err();
    assert!(error.contains("error[SEAL-LEDGER]") && error.contains("land-000001"), "{error}");
    fs::write(place.path("home/state/land.json"), "{").unwrap();
    let error = run(&mut seal(&place)).unwrap_err();
    assert!(error.contains("error[SEAL-LEDGER]") && error.contains("damaged"), "{error}");
    assert_eq!(check_spool(&place), 1);
}

#[test]
fn a_ledger_from_a_backup_stops_sealing() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    let ledger = place.path("home/state/land.json");
    run(&mut seal(&place)).unwrap();
    let backup = fs::read(&ledger).unwrap();
    run(&mut seal(&place)).unwrap();
    let newest = fs::read(&ledger).unwrap();
    // All pouches were carried away: only the witness in the spool knows.
    for pouch in ["land-000001", "land-000002"] {
        fs::rename(place.spooled(pouch), place.path(pouch)).unwrap();
    }
    for old in [Some(&backup), None] {
        match old {
            Some(bytes) => fs::write(&ledger, bytes).unwrap(),
            None => fs::remove_file(&ledger).unwrap(),
        }
        let error = run(&mut seal(&place)).unwrap_err();
        assert!(error.contains("error[SEAL-LEDGER]") && error.contains("land-000002"), "{error}");
    }
    fs::write(&ledger, &newest).unwrap();
    run(&mut seal(&place)).unwrap();
    assert!(place.spooled("land-000003").exists());
}

#[test]
fn a_clock_that_went_back_stops_sealing() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path());
    run(&mut seal(&place)).unwrap();
    // As if the pouch had been sealed while the clock was ahead.
    for copy in ["home/state/land.json", "home/spool/.ledger-land.json"] {
        let mut text: serde_json::Value = serde_json::from_slice(&fs::read(place.path(copy)).unwrap()).unwrap();
        text["last"]["sealed_at"] = "2199-01-01T00:00:00Z".into();
        fs::write(place.path(copy), text.to_string()).unwrap();
    }
    let error = run(&mut seal(&place)).unwrap_err();
    assert!(error.contains("error[SEAL-CLOCK]") && error.contains("2199-01-01"), "{error}");
    assert_eq!(check_spool(&place), 1);
}
