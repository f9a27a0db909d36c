//! What somebody with a home of his own can do: sign as a stranger, fork the sequence, seal for another embassy.

use std::fs;

use acceptance::process::run;

use crate::stage::Stage;

/// Two stages: the embassy of the first meets pouches of the second.
fn foreign() -> (Stage, Stage) {
    (Stage::new(), Stage::new())
}

#[test]
fn a_stranger_signs() {
    let (stage, other) = foreign();
    stage.refused(&other.carried("land-000002"), &[], "SIGN-UNKNOWN");
    // The stranger's signature over our manifest.
    let bag = stage.carried("land-000002");
    fs::copy(other.place.spooled("land-000002").join("manifest.json.sig"), bag.join("manifest.json.sig")).unwrap();
    stage.refused(&bag, &[], "SIGN-UNKNOWN");
}

#[test]
fn a_pouch_for_another_embassy() {
    let (stage, other) = foreign();
    fs::copy(other.place.path("embassy/embassy.pgp"), stage.place.path("home/embassy.pgp")).unwrap();
    run(stage.place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
    for pouch in ["land-000002", "land-000003"] {
        stage.import(pouch, &[]).unwrap();
    }
    stage.refused(&stage.carried("land-000004"), &[], "SIGN-RECIPIENT");
}

#[test]
fn a_registry_that_nobody_named() {
    let stage = Stage::new();
    let path = stage.place.path("registry");
    let trust = fs::read(stage.place.path("embassy/trust.toml")).unwrap();
    stage.place.add_registry("sea", &format!("source = \"directory\"\npath = \"{}\"", path.display()), "").unwrap();
    fs::write(stage.place.path("embassy/trust.toml"), trust).unwrap();
    run(stage.place.seal().unwrap().args(["--quiet", "seal", "sea"])).unwrap();
    let digest = stage.place.digest("sea-000001").unwrap();
    stage.refused(&stage.carried("sea-000001"), &["--first", &digest], "IMPORT-REGISTRY");
}

#[test]
fn a_weaker_profile_than_was_agreed_on() {
    let stage = Stage::new();
    let trust = stage.place.path("embassy/trust.toml");
    let text = fs::read_to_string(&trust).unwrap();
    assert!(text.contains("profile = \"rfc9580\""), "{text}");
    fs::write(&trust, text.replace("profile = \"rfc9580\"", "profile = \"pqc\"")).unwrap();
    stage.refused(&stage.carried("land-000002"), &[], "IMPORT-PROFILE");
    // What was admitted before is as good as it was.
    fs::write(&trust, text).unwrap();
    stage.import("land-000002", &[]).unwrap();
}

#[test]
fn a_fork_of_the_sequence() {
    let stage = Stage::new();
    stage.import("land-000002", &[]).unwrap();
    // The home box is set back to the state after its first pouch, and seals another second and third one.
    let ledger = stage.place.path("home/state/land.json");
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&ledger).unwrap()).unwrap();
    text["last"]["sequence"] = 1.into();
    text["last"]["manifest"] = stage.place.digest("land-000001").unwrap().into();
    fs::write(&ledger, text.to_string()).unwrap();
    for pouch in ["land-000002", "land-000003"] {
        fs::rename(stage.place.spooled(pouch), stage.place.path(&format!("true-{pouch}"))).unwrap();
    }
    stage.write("deeds/one", "forged");
    let error = run(stage.place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap_err();
    assert!(error.contains("error[SEAL-LEDGER]") && error.contains("land-000003"), "{error}");
    // Whoever sets all of it back is stopped at the embassy.
    fs::remove_file(stage.place.path("home/spool/.ledger-land.json")).unwrap();
    for _ in 0..2 {
        run(stage.place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
    }
    stage.refused(&stage.carried("land-000002"), &[], "IMPORT-FORK");
    stage.refused(&stage.carried("land-000003"), &[], "IMPORT-FORK");
}
