//! What a courier can do: leave out, swap, bring back, flip, cut, add.

use std::fs;
use std::os::unix::fs::symlink;

use crate::stage::Stage;

#[test]
fn the_sequence_is_kept() {
    let stage = Stage::new();
    // A gap, then what fills it, then what is old.
    stage.refused(&stage.carried("land-000003"), &[], "IMPORT-GAP");
    stage.import("land-000002", &[]).unwrap();
    stage.import("land-000003", &[]).unwrap();
    stage.refused(&stage.carried("land-000002"), &[], "IMPORT-SEQ");
    stage.refused(&stage.carried("land-000001"), &[], "IMPORT-SEQ");
    stage.refused(&stage.carried("land-000003"), &[], "IMPORT-REPLAY");
}

#[test]
fn the_first_needs_the_dispatch_note() {
    let stage = Stage::empty();
    stage.write("deeds/one", "first");
    acceptance::process::run(stage.place.seal().unwrap().args(["--quiet", "seal", "land"])).unwrap();
    let bag = stage.carried("land-000001");
    stage.refused(&bag, &[], "IMPORT-FIRST");
    stage.refused(&bag, &["--first", &"0".repeat(64)], "IMPORT-FIRST");
    let digest = stage.place.digest("land-000001").unwrap();
    stage.import("land-000001", &["--first", &digest]).unwrap();
}

#[test]
fn every_file_is_checked() {
    let stage = Stage::new();
    let pouch = "land-000002";
    let names: Vec<String> = fs::read_dir(stage.carried(pouch))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in &names {
        let bag = stage.carried(pouch);
        let good = fs::read(bag.join(name)).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let (flip, size) = match name.as_str() {
            "manifest.json" => ("SIGN-INVALID", "SIGN-INVALID"),
            "manifest.json.sig" => ("SIGN-", "SIGN-GRAMMAR"),
            _ => ("SEGMENT-DIGEST", "SEGMENT-SIZE"),
        };
        fs::write(bag.join(name), flipped).unwrap();
        let before = stage.embassy();
        let error = stage.import_folder(&bag, &[]).unwrap_err();
        assert!(error.contains(&format!("error[{flip}")), "{name}: {error}");
        assert_eq!(stage.embassy(), before);
        fs::write(bag.join(name), &good[..good.len() - 1]).unwrap();
        stage.refused(&bag, &[], size);
        fs::write(bag.join(name), [&good[..], b"\0"].concat()).unwrap();
        stage.refused(&bag, &[], size);
        fs::remove_file(bag.join(name)).unwrap();
        stage.refused(&bag, &[], "POUCH-PARTS");
        symlink(stage.place.spooled(pouch).join(name), bag.join(name)).unwrap();
        stage.refused(&bag, &[], "POUCH-PARTS");
    }
    let bag = stage.carried(pouch);
    fs::write(bag.join("segment-000099.pgp"), "more").unwrap();
    stage.refused(&bag, &[], "POUCH-PARTS");
    stage.import(pouch, &[]).unwrap();
}

#[test]
fn parts_of_two_pouches_do_not_mix() {
    let stage = Stage::new();
    let bag = stage.carried("land-000002");
    for name in ["segment-000000.pgp", "index-000000.pgp", "manifest.json.sig"] {
        let bag = stage.carried("land-000002");
        fs::copy(stage.place.spooled("land-000003").join(name), bag.join(name)).unwrap();
        let before = stage.embassy();
        let error = stage.import_folder(&bag, &[]).unwrap_err();
        assert!(error.contains("error[SEGMENT-") || error.contains("error[SIGN-INVALID]"), "{name}: {error}");
        assert_eq!(stage.embassy(), before);
    }
    drop(bag);
    stage.import("land-000002", &[]).unwrap();
}

#[test]
fn a_damaged_vault_is_noticed_when_it_is_opened() {
    let stage = Stage::new();
    let part = stage.place.path("embassy/root/vault/land/000001/segment-000000.pgp");
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&part, bytes).unwrap();
    let before = stage.embassy();
    let error = acceptance::process::run(stage.place.import().unwrap().args(["unpack", "land"])).unwrap_err();
    assert!(error.contains("error[SEGMENT-DIGEST]"), "{error}");
    assert_eq!(stage.embassy(), before, "something is left in the destination");
}

#[test]
fn one_state_copy_lost_still_refuses_a_rollback_and_both_stop() {
    let stage = Stage::new();
    stage.import("land-000002", &[]).unwrap();
    let copies: Vec<_> = walk(&stage.place.path("embassy/root"))
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("state-"))
        .collect();
    assert_eq!(copies.len(), 2, "{copies:?}");
    for copy in &copies {
        let kept = fs::read(copy).unwrap();
        fs::remove_file(copy).unwrap();
        let error = stage.import("land-000001", &[]).unwrap_err();
        assert!(error.contains("error[IMPORT-SEQ]"), "{error}");
        fs::write(copy, "damaged").unwrap();
        let error = stage.import("land-000001", &[]).unwrap_err();
        assert!(error.contains("error[IMPORT-SEQ]"), "{error}");
        fs::write(copy, kept).unwrap();
    }
    copies.iter().for_each(|copy| fs::remove_file(copy).unwrap());
    let error = stage.import("land-000003", &[]).unwrap_err();
    assert!(error.contains("error[IMPORT-STATE]"), "{error}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn the_local_clock_decides_nothing() {
    let stage = Stage::new();
    for when in ["1970-01-02 00:00:00", "2031-06-01 00:00:00", "2106-02-07 06:28:00"] {
        let mut import = stage.place.import().unwrap();
        let arguments: Vec<_> = import.get_args().map(|word| word.to_owned()).collect();
        let mut shifted = std::process::Command::new("faketime");
        shifted.arg(when).arg(import.get_program()).args(arguments);
        shifted.env("SOFTHSM2_CONF", stage.place.path("embassy/token/softhsm2.conf"));
        shifted.arg("import").arg(stage.carried("land-000003"));
        let error = acceptance::process::run(&mut shifted).unwrap_err();
        assert!(error.contains("error[IMPORT-GAP]"), "{when}: {error}");
        import.arg("verify").arg(stage.carried("land-000002"));
        acceptance::process::run(&mut import).unwrap();
    }
}
